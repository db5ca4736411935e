/**
 * Against a real network: starts `salus demo` and gives its `demo.json`. The journeys are those of the mock run;
 * what differs is where invitations and joining codes come from.
 *
 * SALUS_BIN: the `salus` binary. SALUS_ENGINE: `salus-engine`. SALUS_DEFINITIONS: its definitions folder.
 * SALUS_PORTAL_DIST: the built portal (default: portal/dist).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';

const READY_MS_MAX = 300_000;

export interface Demo {
  organisations: { id: string; name: string; portal: string }[];
  practitioners: { id: string; organisation: string; name: string; code?: string }[];
  patients: { name: string; key: string; at: Record<string, string>; invites?: Record<string, string> }[];
}

export class Network {
  private constructor(readonly demo: Demo, private readonly process: ChildProcess, private readonly dir: string) {}

  static async start(): Promise<Network> {
    const dir = mkdtempSync(join(tmpdir(), 'salus-e2e-'));
    const dist = process.env.SALUS_PORTAL_DIST ?? new URL('../dist/', import.meta.url).pathname;
    const child = spawn(process.env.SALUS_BIN!, ['demo', '--dir', dir, '--fresh', '--patients', '2'], { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, SALUS_PORTAL_DIST: dist } });
    const file = join(dir, 'demo.json');
    const until = Date.now() + READY_MS_MAX;
    while (!existsSync(file)) {
      if (child.exitCode !== null) throw new Error(`salus demo ended with ${child.exitCode}`);
      if (Date.now() > until) throw new Error('salus demo was not ready in time');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return new Network(JSON.parse(readFileSync(file, 'utf8')) as Demo, child, dir);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGINT');
    await ended;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function runNetwork(_browser: Browser, _name: string, _viewport: { width: number; height: number }): Promise<string[]> {
  const network = await Network.start();
  try {
    return ['the journeys against a real network are not written yet; e2e/journeys.ts has their steps'];
  } finally {
    await network.stop();
  }
}
