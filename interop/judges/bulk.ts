/** PyPI `smart-fetch`: a bulk export of everything, by backend services, and the same by single requests. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { registered } from './backend';
import type { Judge, Resource, Stage } from '../stage';

const TYPES = ['AllergyIntolerance', 'Condition', 'DiagnosticReport', 'Encounter', 'Immunization', 'MedicationRequest', 'Observation', 'Patient', 'Procedure'];

/** Everything in the files of a folder, by `Type/ID`. */
function fetched(folder: string): Map<string, Resource> {
  const found = new Map<string, Resource>();
  for (const file of readdirSync(folder).filter((name) => /\.ndjson(\.gz)?$/.test(name) && name !== 'log.ndjson')) {
    const bytes = readFileSync(join(folder, file));
    const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n').filter(Boolean);
    for (const one of lines.map((line) => JSON.parse(line) as Resource)) found.set(`${one.resourceType}/${one.id}`, one);
  }
  return found;
}

/** Runs the client; what it brought. */
async function run(stage: Stage, what: 'bulk' | 'crawl', options: string[], id: string): Promise<Map<string, Resource>> {
  const folder = join(stage.network.dir, `${id}-files`);
  mkdirSync(folder);
  const key = join(stage.network.dir, `${id}.jwks`);
  const jwk = await registered(stage, id, 'ES384');
  writeFileSync(key, JSON.stringify({ keys: [{ ...jwk, key_ops: ['sign'] }] }), { mode: 0o600 });
  const client = join(dirname(stage.python), 'smart-fetch');
  const all = [what, '--fhir-url', stage.fhir, '--smart-client-id', id, '--smart-key', key, '--type', TYPES.join(','), '--no-default-filters', ...options, folder];
  await stage.output(client, all);
  return fetched(folder);
}

/** Every record of these types, by searches. */
async function searched(stage: Stage): Promise<Map<string, Resource>> {
  const found = new Map<string, Resource>();
  for (const type of TYPES) {
    for (const one of await stage.all(type)) found.set(`${type}/${one.id}`, one);
  }
  return found;
}

const names = (found: Map<string, Resource>) => [...found.keys()].sort();

export const smartFetch: Judge = {
  name: 'smart-fetch',
  by: 'PyPI smart-fetch: $export',
  async run(stage) {
    const before = await searched(stage);
    const exported = await run(stage, 'bulk', [], 'smart-fetch-bulk');
    assert.deepEqual(names(exported), names(before), 'an export has what searches find');
    for (const [name, one] of before) assert.deepEqual(exported.get(name), one, name);
    const since = new Date().toISOString();
    const patient = [...before.values()].find(({ resourceType }) => resourceType === 'Patient')!;
    const made = await stage.ask('POST', 'Observation', JSON.stringify({
      resourceType: 'Observation', status: 'final', code: { text: 'Pulse' }, subject: { reference: `Patient/${patient.id}` }, effectiveDateTime: '2026-03-01',
    }));
    const { id } = (await made.json()) as { id: string };
    const newer = await run(stage, 'bulk', ['--since', since, '--since-mode', 'updated', '--no-compression'], 'smart-fetch-since');
    assert.deepEqual(names(newer), [`Observation/${id}`], 'what is new since then');
    const crawled = await run(stage, 'crawl', [], 'smart-fetch-crawl');
    assert.deepEqual(names(crawled), names(await searched(stage)), 'single requests bring the same');
    return `${exported.size} records by $export, 1 since; ${crawled.size} by single requests; each as searches find it`;
  },
};
