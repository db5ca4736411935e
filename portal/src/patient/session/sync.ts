/** Brings the local copy up to date: directory, version list, releases from custodians, unsealing, checking. */
import { ledger } from '../../api/ledger';
import type { Resource } from '../../api/fhirTypes';
import { decodeCanonical, encode, fromBase64, fromHex, toBase64, toHex, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import type { InclusionProof } from '../../crypto/merkle';
import type { Share } from '../../crypto/shamir';
import type { Verdict } from '../../verify/messages';
import { batchKey } from '../../verify/record';
import type { Surroundings } from './network';
import type { OpenCompartment } from './directory';
import type { Asker } from './requests';
import { pairs, unseal } from './unseal';

/** Versions per request: small enough that progress shows and a phone has room. */
const VERSIONS_PER_PAGE = 250;
/** Most leaves of a batch. */
const LEAVES_MAX = 4_096;
/** Custodians that must hold a version for it to be opened. */
const HOLDERS_NEEDED = 2;

/** One record version as the local copy keeps it. */
export interface StoredRecord {
  key: string;
  /** Order of sealing at its source. */
  order: number;
  source: string;
  category: f.Category;
  content: 'fhir' | 'deleted';
  text: string;
  header: string;
  ciphertextDigest: string;
  plaintextDigest: string;
  r: string;
  sequence: number;
  path: { index: number; size: number; path: string[] };
}

export interface RecordItem extends StoredRecord {
  resource: Resource;
  verdict?: Verdict;
}

export interface SyncProgress {
  done: number;
  total: number;
}

export interface SourceAnswer {
  records: StoredRecord[];
  compartments: Map<string, OpenCompartment>;
  /** Versions that are listed but could not be opened now. */
  missing: number;
  /** Known versions of this source that nobody has any more, though everybody answered. */
  gone: string[];
}

interface Sync {
  around: Surroundings;
  source: string;
  asker: Asker;
  /** Versions of this source that are on this device. */
  known: Set<string>;
  signal: AbortSignal;
  onProgress(progress: SyncProgress): void;
  onRecords(records: StoredRecord[]): Promise<void>;
}

export async function syncSource(sync: Sync): Promise<SourceAnswer> {
  const { around, source, asker, signal } = sync;
  const custodians = around.organisations.filter((one) => one.custodian).map((one) => one.id);
  const audiences = [source, ...custodians.filter((id) => id !== source)];
  const compartments = await asker.compartments(audiences, signal);
  const former = around.organisations.filter((one) => !one.custodian && ['provider', 'regulator'].includes(one.class)).map((one) => one.id);
  const { listed, complete } = await list(sync, custodians, former);
  const wanted = listed.filter((entry) => !sync.known.has(entry.key) && compartments.has(entry.compartment));
  const records: StoredRecord[] = [];
  sync.onProgress({ done: 0, total: wanted.length });
  for (let at = 0; at < wanted.length; at += VERSIONS_PER_PAGE) {
    const page = wanted.slice(at, at + VERSIONS_PER_PAGE);
    const opened = await openPage(sync, [...custodians, ...former], compartments, page);
    records.push(...opened);
    await sync.onRecords(opened);
    sync.onProgress({ done: Math.min(at + page.length, wanted.length), total: wanted.length });
  }
  const there = new Set(listed.map((entry) => entry.key));
  const gone = complete ? [...sync.known].filter((key) => !there.has(key)) : [];
  return { records, compartments, missing: wanted.length - records.length, gone };
}

interface Wanted {
  key: string;
  version: Bytes;
  compartment: string;
}

/**
 * What all custodians list together: one alone may be behind, or keep other compartments. What too few of them list may be
 * on its way to them from those that kept it before.
 */
async function list({ asker, signal }: Sync, custodians: string[], former: string[]): Promise<{ listed: Wanted[]; complete: boolean }> {
  const listed = new Map<string, Wanted>();
  const by = new Map<string, number>();
  const ask = async (audiences: string[]) => {
    const answers = await Promise.allSettled(audiences.map((id) => asker.versions(id, signal)));
    signal.throwIfAborted();
    for (const answer of answers) {
      for (const { version, compartment } of answer.status === 'fulfilled' ? answer.value : []) {
        const key = toHex(version);
        listed.set(key, { key, version, compartment: toHex(compartment) });
        by.set(key, (by.get(key) ?? 0) + 1);
      }
    }
    return answers;
  };
  const answers = await ask(custodians);
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed && answers.every((answer) => answer.status === 'rejected')) throw failed.reason;
  if (listed.size === 0 || [...by.values()].some((count) => count < HOLDERS_NEEDED)) await ask(former);
  return { listed: [...listed.values()], complete: !failed };
}

async function openPage(sync: Sync, holders: string[], compartments: Map<string, OpenCompartment>, page: Wanted[]) {
  const { shares, packages } = await gather(sync, holders, page);
  const records: StoredRecord[] = [];
  for (const wanted of page) {
    const released = packages.get(wanted.key);
    const compartment = released && compartments.get(toHex(released.package.header.compartment));
    if (!released || !compartment || released.source !== compartment.source) continue;
    try {
      const opened = await unseal(released.package, compartment, shares.get(wanted.key) ?? []);
      records.push(stored(wanted, released, compartment, opened));
    } catch {
      // Left out now, asked for again at the next visit.
    }
  }
  return records;
}

function stored(wanted: Wanted, released: f.ReleasedVersion, compartment: OpenCompartment, opened: Awaited<ReturnType<typeof unseal>>): StoredRecord {
  const { header } = released.package;
  return {
    key: wanted.key,
    order: released.sequence * LEAVES_MAX + released.path.index,
    source: released.source,
    category: compartment.category,
    content: header.content,
    text: opened.text,
    header: toHex(encode(f.PackageHeader, header)),
    ciphertextDigest: toHex(opened.ciphertextDigest),
    plaintextDigest: toHex(opened.plaintextDigest),
    r: toHex(opened.r),
    sequence: released.sequence,
    path: { ...released.path, path: released.path.path.map(toHex) },
  };
}

/** Asks holder after holder until every version has its package and two shares of one generation. */
async function gather(sync: Sync, holders: string[], page: Wanted[]) {
  const shares = new Map<string, Share[]>();
  const packages = new Map<string, f.ReleasedVersion>();
  let failure: unknown;
  await sync.asker.before(page.map((one) => one.version));
  for (const holder of holders) {
    const open = page.filter(({ key }) => pairs(shares.get(key) ?? []).length === 0 || !packages.has(key));
    if (open.length === 0) break;
    const withPackages = open.some(({ key }) => !packages.has(key));
    try {
      const versions = (sync.asker.whole ? page : open).map((one) => one.version);
      const answer = await sync.asker.release(holder, versions, withPackages, sync.signal);
      for (const one of answer.versions) packages.set(toHex(one.package.header.version), one);
      for (const share of answer.shares) {
        const key = toHex(share.version);
        shares.set(key, [...(shares.get(key) ?? []), share]);
      }
    } catch (error) {
      if (sync.signal.aborted) throw error;
      failure = error;
    }
  }
  if (packages.size === 0 && failure) throw failure;
  return { shares, packages };
}

export const batchPathOf = (record: StoredRecord): InclusionProof => ({
  ...record.path,
  path: record.path.path.map(fromHex),
});

/** What shows one anchor. */
export interface OneAnchor {
  anchor: f.AnchorProof;
  block: f.CertifiedHeader;
}

/** Proofs of anchors, as nodes gave them: up to 64 in one state, each batch in one of them. */
export class Anchors {
  private readonly proofs: f.AnchorProofs[] = [];
  private readonly byBatch = new Map<string, OneAnchor>();

  private add(proofs: f.AnchorProofs): void {
    this.proofs.push(proofs);
    for (const anchor of proofs.anchors) this.byBatch.set(batchKey(anchor.batch), { anchor, block: proofs.block });
  }

  load(kept: string[]): void {
    for (const bytes of kept) this.add(decodeCanonical(f.AnchorProofs, fromBase64(bytes)));
  }

  get(batch: f.BatchId): OneAnchor | undefined {
    return this.byBatch.get(batchKey(batch));
  }

  /** Fetches what is missing; gives what is new, to be kept. */
  async fetch(batches: f.BatchId[]): Promise<{ key: string; bytes: string }[]> {
    const wanted = new Map(batches.filter((batch) => !this.get(batch)).map((batch) => [batchKey(batch), batch]));
    const fresh: { key: string; bytes: string }[] = [];
    for (let at = 0; at < wanted.size; at += f.ANCHORS_PER_PROOF_MAX) {
      const page = [...wanted.values()].slice(at, at + f.ANCHORS_PER_PROOF_MAX);
      const answer = await ledger.anchors(page).catch(() => null);
      // What was not asked for would only take the place of what is here.
      const anchors = answer?.anchors.filter(({ batch }) => wanted.has(batchKey(batch))) ?? [];
      if (!answer || !anchors[0]) continue;
      const proofs = { ...answer, anchors };
      this.add(proofs);
      fresh.push({ key: batchKey(anchors[0].batch), bytes: toBase64(encode(f.AnchorProofs, proofs)) });
    }
    return fresh;
  }

  /** What shows the anchors of these batches, as far as it is here. */
  of(batches: f.BatchId[]): f.AnchorProofs[] {
    const wanted = new Set(batches.map(batchKey));
    const some = this.proofs.map(({ anchors, block }) => ({ anchors: anchors.filter(({ batch }) => wanted.has(batchKey(batch))), block }));
    return some.filter(({ anchors }) => anchors.length > 0);
  }
}

export const batchOf = (record: StoredRecord): f.BatchId => ({ organisation: record.source, sequence: record.sequence });

/** The version of each resource that counts: the last one sealed, unless it says "deleted". */
export function currentRecords(records: RecordItem[]): RecordItem[] {
  const newest = new Map<string, RecordItem>();
  for (const record of records) {
    const key = `${record.source}/${record.resource.resourceType}/${record.resource.id ?? record.key}`;
    const known = newest.get(key);
    if (!known || known.order <= record.order) newest.set(key, record);
  }
  return [...newest.values()].filter((record) => record.content === 'fhir');
}
