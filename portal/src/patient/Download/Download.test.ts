import { strFromU8, unzipSync } from 'fflate';
import { describe, expect, it, vi } from 'vitest';
import type { AccountingFile } from '../../api/accounting';
import type { Resource } from '../../api/fhirTypes';
import type { RecordItem } from '../session/sync';
import { contentsOf, type Whole } from './contents';
import { readablePage } from './readable';
import { zipOf, type ZipEntry } from './zip';

const EVIL = '<script>alert("1")</script> & \'more\'';
const record = (at: number, resource: Partial<Resource>, change: Partial<RecordItem> = {}): RecordItem => {
  const whole = { resourceType: 'Condition', id: `c${at}`, code: { text: `Illness ${at}` }, ...resource } as Resource;
  return { key: `k${at}`, order: at, source: 'hospital-a', category: 'problems', content: 'fhir', text: JSON.stringify(whole), resource: whole, verdict: { ok: true }, ...change } as RecordItem;
};
const RECORDS = [
  record(1, { code: { text: EVIL } }),
  record(2, { id: 'same' }),
  record(3, { id: 'same', code: { text: 'The newer one' } }),
  record(4, { resourceType: 'AllergyIntolerance', id: '../../etc/passwd' }, { category: 'allergies', source: 'hospital-b' }),
  record(5, {}, { content: 'deleted' }),
];
const whole = (change: Partial<Whole> = {}): Whole => ({
  name: 'Ann <b>', madeMs: 0, network: { id: 'ab'.repeat(32), name: 'Demo' }, records: RECORDS, organisations: [{ id: 'hospital-a', name: 'St. Anna' }, { id: 'hospital-b', name: 'Lakeside' }],
  proofOf: (one) => (one.key === 'k4' ? Promise.reject(new Error('not yet')) : Promise.resolve(`{"proof":"${one.key}"}`)),
  listOf: (id) => (id === 'hospital-b' ? Promise.reject(new Error('silent')) : Promise.resolve({ statement: {} } as AccountingFile)),
  onProgress: () => undefined,
  ...change,
});
async function unzipped(of: Whole): Promise<Record<string, string>> {
  const blob = await zipOf(contentsOf(of), new AbortController().signal);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, strFromU8(bytes)]));
}

describe('the download of a record', () => {
  it('has what there is now, what was before, the proofs and who looked, and says what is missing', async () => {
    const said: number[] = [];
    const files = await unzipped(whole({ onProgress: (done) => said.push(done) }));
    expect(Object.keys(files)).toEqual([
      'record.html', 'fhir/all.json', 'fhir/hospital-a.json', 'fhir/hospital-b.json', 'fhir/earlier-versions.json',
      'proofs/hospital-a/00001-Condition-c1.json', 'proofs/hospital-a/00002-Condition-same.json', 'proofs/hospital-a/00004-Condition-same.json', 'who-looked/hospital-a.json', 'READ-ME.txt',
    ]);
    const bundle = JSON.parse(files['fhir/all.json']!) as { entry: { resource: Resource }[] };
    expect(bundle.entry.map(({ resource }) => resource.code?.text)).toEqual([EVIL, 'The newer one', 'Illness 4']);
    for (const { text } of RECORDS.filter(({ key }) => key === 'k1')) expect(files['fhir/all.json']).toContain(text);
    expect(files['READ-ME.txt']).toMatch(/AllergyIntolerance .*not here yet[\s\S]*Lakeside: it did not answer/);
    expect(said.at(-1)).toBe(4);
  });
  it('can be stopped, and nothing is saved then', async () => {
    const abort = new AbortController();
    const many = Array.from({ length: 3_000 }, (_, at) => record(at, {}));
    const proofOf = vi.fn(async () => {
      abort.abort(new Error('stopped by the person'));
      return '{}';
    });
    await expect(zipOf(contentsOf(whole({ records: many, proofOf })), abort.signal)).rejects.toThrow('stopped by the person');
    expect(proofOf.mock.calls.length).toBeLessThan(3_000);
  });
  it('holds ten thousand entries, made one after the other', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => record(at, {}));
    let open = 0;
    let most = 0;
    const proofOf = async () => {
      most = Math.max(most, ++open);
      await Promise.resolve();
      open -= 1;
      return '{"proof":true}';
    };
    const files = await unzipped(whole({ records: many, proofOf }));
    expect(Object.keys(files).filter((name) => name.startsWith('proofs/'))).toHaveLength(10_000);
    expect(most).toBe(1);
  }, 60_000);
  it('gives a fault of an entry on', async () => {
    async function* broken(): AsyncGenerator<ZipEntry> {
      yield { name: 'a', text: ['x'] };
      throw new Error('broken');
    }
    await expect(zipOf(broken(), new AbortController().signal)).rejects.toThrow('broken');
  });
});

describe('the page to read', () => {
  const page = [...readablePage({ name: 'Ann <b>', madeMs: 0, records: RECORDS.slice(0, 4), nameOf: (id) => id })].join('');
  it('shows what records say and runs nothing of it', () => {
    expect(page).not.toMatch(/<script|<b>|onerror|src=|href="(?!#)/);
    expect(page).toContain('&lt;script&gt;');
    expect(page).toContain("default-src 'none'");
  });
  it('has a language, a title, headings in order and a place for each entry of the contents', () => {
    expect(page).toMatch(/<html lang="en">[\s\S]*<title>[\s\S]*<h1>[\s\S]*<h2>/);
    for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${anchor}"`);
  });
});
