/**
 * A real network for the journeys of e2e/real.ts: `salus demo` in a folder of its own, its operator's sockets, and
 * its command line.
 *
 * SALUS_BIN: the `salus` binary. SALUS_ENGINE: `salus-engine`. SALUS_DEFINITIONS: its definitions folder.
 * SALUS_PORTAL_DIST: the built portal (default: portal/dist).
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS_MAX = 300_000;

export interface Demo {
  genesis: string;
  organisations: { id: string; name: string; portal: string; fhir: string | null; client: { id: string; jwk: string; token_endpoint: string } | null }[];
  practitioners: { id: string; organisation: string; name: string }[];
  patients: { name: string; key: string; at: Record<string, string> }[];
}

export class Network {
  private constructor(readonly demo: Demo, private readonly process: ChildProcess | null, readonly dir: string) {}

  /** One that somebody else started, and stops. */
  static at(dir: string): Network {
    return new Network(JSON.parse(readFileSync(join(dir, 'demo.json'), 'utf8')) as Demo, null, dir);
  }

  static async start(basePort: number): Promise<Network> {
    const dir = mkdtempSync(join(tmpdir(), 'salus-e2e-'));
    const dist = process.env.SALUS_PORTAL_DIST ?? new URL('../dist/', import.meta.url).pathname;
    const options = ['demo', '--dir', dir, '--base-port', String(basePort), '--patients', '2', '--seed', '1', '--fresh'];
    const child = spawn(process.env.SALUS_BIN!, options, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, SALUS_PORTAL_DIST: dist } });
    const file = join(dir, 'demo.json');
    const until = Date.now() + READY_MS_MAX;
    while (!existsSync(file)) {
      if (child.exitCode !== null) throw new Error(`salus demo ended with ${child.exitCode}`);
      if (Date.now() > until) throw new Error('salus demo was not ready in time');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return new Network(JSON.parse(readFileSync(file, 'utf8')) as Demo, child, dir);
  }

  portal(organisation: string): string {
    return this.demo.organisations.find((one) => one.id === organisation)!.portal;
  }

  /** The code that is printed for a patient, numbered from 1. */
  recoveryCode(patient: number): string {
    return readFileSync(join(this.dir, 'patients', `${patient}.code`), 'utf8').trim();
  }

  /** Posts to the socket of an organisation's operator. */
  ops<T>(organisation: string, path: string, body: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const socketPath = join(this.dir, organisation, 'ops.sock');
      const sent = request({ socketPath, path, method: 'POST', headers: { 'content-type': 'application/json' } }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => (answer.statusCode === 200 ? resolve(JSON.parse(text) as T) : reject(new Error(`${path}: ${text}`))));
      });
      sent.on('error', reject);
      sent.end(JSON.stringify(body));
    });
  }

  /** Runs a subcommand of `salus` and gives its JSON. */
  salus(...options: string[]): Record<string, unknown> {
    return JSON.parse(execFileSync(process.env.SALUS_BIN!, [...options, '--json'], { encoding: 'utf8' })) as Record<string, unknown>;
  }

  /** Writes to a hospital's FHIR API as one of its own systems; gives the resource as stored. */
  async write(organisation: string, resource: { resourceType: string }): Promise<{ id: string }> {
    const { access_token: token } = this.salus('token', '--demo', this.dir, '--org', organisation);
    const { fhir } = this.demo.organisations.find((one) => one.id === organisation)!;
    const headers = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/fhir+json' };
    const answer = await fetch(`${fhir}/${resource.resourceType}`, { method: 'POST', headers, body: JSON.stringify(resource) });
    if (!answer.ok) throw new Error(`${resource.resourceType}: ${await answer.text()}`);
    return (await answer.json()) as { id: string };
  }

  async stop(): Promise<void> {
    if (!this.process) return;
    const running = this.process;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGINT');
    await ended;
    rmSync(this.dir, { recursive: true, force: true });
  }
}
