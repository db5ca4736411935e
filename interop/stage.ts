/** What every judge gets: a network that runs, and ways to be one of the hospital's own systems there. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Network } from '../portal/e2e/network';

/** Somebody else's software, and what it is to find. The answer is the figure for the table. */
export interface Judge {
  name: string;
  /** What does the judging, with its version. */
  by: string;
  run(stage: Stage): Promise<string>;
}

/** The judge cannot be heard on this machine; the reason is shown. */
export class Skip extends Error {}

/** A resource, as far as all of them are alike. */
export interface Resource {
  resourceType: string;
  id?: string;
  meta?: Record<string, unknown>;
}

/** How much earlier a token is fetched anew than it ends. */
const TOKEN_SPARE_MS = 60_000;

export class Stage {
  private token: { text: string; untilMs: number } | null = null;
  readonly hospital: string;
  readonly fhir: string;

  constructor(readonly network: Network, readonly python: string) {
    this.hospital = network.portal('hospital-a');
    this.fhir = `${this.hospital}/fhir`;
  }

  /** A bearer token of the hospital's own system: `system/*.cruds`. */
  bearer(): string {
    if (!this.token || this.token.untilMs < Date.now() + TOKEN_SPARE_MS) {
      const answer = this.network.salus('token', '--demo', this.network.dir, '--org', 'hospital-a');
      this.token = { text: String(answer.access_token), untilMs: Date.now() + Number(answer.expires_in) * 1_000 };
    }
    return this.token.text;
  }

  /** Asks the FHIR API as that system. */
  ask(method: string, path: string, body?: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.bearer()}`, accept: 'application/fhir+json', 'content-type': 'application/fhir+json' };
    return fetch(path.startsWith('http') ? path : `${this.fhir}/${path}`, { method, headers, body });
  }

  /** Everything of a type, page by page. */
  async all(type: string): Promise<Resource[]> {
    const found: Resource[] = [];
    let next: string | undefined = `${type}?_count=200`;
    while (next) {
      const answer: Response = await this.ask('GET', next);
      if (!answer.ok) throw new Error(`${type}: ${answer.status} ${await answer.text()}`);
      const page = (await answer.json()) as { entry?: { resource: Resource }[]; link?: { relation: string; url: string }[] };
      found.push(...(page.entry ?? []).map((entry) => entry.resource));
      next = page.link?.find((link) => link.relation === 'next')?.url;
    }
    return found;
  }

  /** The types that the CapabilityStatement says can be searched. */
  async types(): Promise<string[]> {
    const statement = (await (await fetch(`${this.fhir}/metadata`)).json()) as { rest: { resource: { type: string; interaction: { code: string }[] }[] }[] };
    return statement.rest[0]!.resource.filter((one) => one.interaction.some(({ code }) => code === 'search-type')).map((one) => one.type);
  }

  /** A script of this folder in the Python that has the locked packages; what it prints last is the figure. */
  async script(file: string, more: Record<string, string> = {}): Promise<string> {
    return this.program(this.python, [join(import.meta.dirname, file)], more);
  }

  /** A program that finds the node by environment; what it prints last is the figure. */
  async program(program: string, options: string[], more: Record<string, string> = {}): Promise<string> {
    return (await this.output(program, options, more)).trim().split('\n').pop()!;
  }

  /** The same, with everything that it prints. */
  async output(program: string, options: string[], more: Record<string, string> = {}): Promise<string> {
    const env = { ...process.env, ...this.environment(), ...more };
    // What they leave behind goes with the network.
    const run = promisify(execFile)(program, options, { env, cwd: this.network.dir, maxBuffer: 64 * 1024 * 1024 });
    const { stdout } = await run.catch((error: { stdout?: string; stderr?: string; message: string }) => {
      throw new Error([error.stdout, error.stderr].filter(Boolean).join('\n') || error.message);
    });
    return stdout;
  }

  private environment(): Record<string, string> {
    const { client } = this.network.demo.organisations.find((one) => one.id === 'hospital-a')!;
    return { SALUS_FHIR: this.fhir, SALUS_PORTAL: this.hospital, SALUS_TOKEN: this.bearer(), SALUS_CLIENT: client!.id, SALUS_CLIENT_JWK: client!.jwk };
  }
}

/** A folder of test data beside the one that `SALUS_TEST_DATA` names; skips without it. */
export function data(name: string): string {
  const beside = process.env.SALUS_TEST_DATA;
  const folder = beside && join(dirname(beside), name);
  if (!folder || !existsSync(folder)) throw new Skip(`no test data \`${name}\`: SALUS_TEST_DATA names no folder beside it`);
  return folder;
}

/** The JSON files of such a folder, by name. */
export function texts(name: string): [string, string][] {
  const folder = data(name);
  const files = readdirSync(folder).filter((file) => file.endsWith('.json')).sort();
  return files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]);
}

/** Fails below a share, and says of which it was. */
export function atLeast(share: number, good: number, all: number, what: string, bad: string[]): string {
  const said = `${good} of ${all} ${what} (${((100 * good) / all).toFixed(1)} %)`;
  for (const one of bad) console.log(`   - ${one}`);
  if (all === 0 || good / all < share) throw new Error(`${said}; at least ${share * 100} % are asked for`);
  return said;
}

/** The locked version of a package of this folder. */
export function version(name: string): string {
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
  return lock.devDependencies[name]!;
}
