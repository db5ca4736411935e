/** What the download of a whole record has in it. */
import type { AccountingFile } from '../../api/accounting';
import { dayOfMs } from '../../ui/fhir/dates';
import { currentRecords, type RecordItem } from '../session/sync';
import { readablePage } from './readable';
import type { ZipEntry } from './zip';

export interface Whole {
  name: string;
  madeMs: number;
  network: { id: string; name: string };
  /** Every version on this device. */
  records: RecordItem[];
  organisations: { id: string; name: string }[];
  /** The proof of a version as a file. Throws where there is none yet. */
  proofOf(record: RecordItem): Promise<string>;
  /** The signed list of who looked. Throws where the organisation does not answer. */
  listOf(organisation: string): Promise<AccountingFile>;
  onProgress(done: number, total: number): void;
}

/** A FHIR Bundle in pieces; the texts are those that were signed for, byte for byte. */
export function* bundleOf(records: RecordItem[], madeMs: number): Generator<string> {
  yield `{"resourceType":"Bundle","type":"collection","timestamp":"${new Date(madeMs).toISOString()}","entry":[`;
  for (const [at, { text }] of records.entries()) yield `${at === 0 ? '' : ','}\n{"resource":${text}}`;
  yield '\n]}\n';
}

/** Only letters that every system takes in a file's name. */
const plain = (text: string) => text.replace(/[^A-Za-z0-9.-]/g, '_').slice(0, 64);

export async function* contentsOf(whole: Whole): AsyncGenerator<ZipEntry> {
  const { records, madeMs, name, organisations } = whole;
  const nameOf = (id: string) => organisations.find((one) => one.id === id)?.name ?? id;
  const now = currentRecords(records);
  const newest = new Set(now.map(({ key }) => key));
  const earlier = records.filter(({ key, content }) => content === 'fhir' && !newest.has(key));
  const sources = [...new Set(records.map(({ source }) => source))];
  yield { name: 'record.html', text: readablePage({ name, madeMs, records: now, nameOf }) };
  yield { name: 'fhir/all.json', text: bundleOf(now, madeMs) };
  for (const source of sources) yield { name: `fhir/${plain(source)}.json`, text: bundleOf(now.filter((one) => one.source === source), madeMs) };
  if (earlier.length > 0) yield { name: 'fhir/earlier-versions.json', text: bundleOf(earlier, madeMs) };
  const missing: string[] = [];
  const proven = [...now, ...earlier];
  for (const [at, record] of proven.entries()) {
    const { resourceType, id = record.key } = record.resource;
    const file = `${plain(record.source)}/${String(at + 1).padStart(5, '0')}-${plain(resourceType)}-${plain(id)}.json`;
    const proof = await whole.proofOf(record).catch(() => null);
    if (proof) yield { name: `proofs/${file}`, text: [proof] };
    else missing.push(`The proof of ${resourceType} ${id} from ${nameOf(record.source)}: it is not here yet.`);
    whole.onProgress(at + 1, proven.length);
  }
  for (const { id } of organisations) {
    const list = await whole.listOf(id).catch(() => null);
    if (list) yield { name: `who-looked/${plain(id)}.json`, text: [JSON.stringify(list, null, 2)] };
    else missing.push(`The signed list of who looked at ${nameOf(id)}: it did not answer.`);
  }
  yield { name: 'READ-ME.txt', text: [readMe(whole, missing)] };
}

function readMe({ name, madeMs, network }: Whole, missing: string[]): string {
  const left = missing.length === 0 ? 'Nothing is missing.' : `Missing:\n${missing.map((one) => `* ${one}`).join('\n')}\nDownload again later to have it, too.`;
  return `Health record of ${name}, taken on ${dayOfMs(madeMs)}

This file is not locked. Whoever has it can read your record: keep it safe.

record.html      To read and to print. Open it with any browser; it needs no connection.
fhir/            For other apps and practices: all.json, and one file for each organisation (FHIR R4).
proofs/          One for each entry: that the organisation filed it exactly like this, and when.
who-looked/      Who looked at what each organisation keeps, signed by it.

${left}

HOW TO CHECK IT, without a connection and without trusting any hospital:
1. Get the program "salus", and the founding file "genesis.json" of the network "${network.name}", from somebody
   you trust. The network's id is
   ${network.id}
2. Unpack this file, and run in its folder:
   salus verify proofs --genesis genesis.json
   salus verify who-looked --genesis genesis.json
It says how many proofs hold, and names every one that does not. Each proof has the entry's exact text in it: what
fhir/ says is the same, letter by letter.
`;
}
