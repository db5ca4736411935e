/** What the proofs of records say, each checked in the worker by itself. */
import { check } from '../../verify/client';
import type { Verdict } from '../../verify/messages';
import { evidence } from './evidence';
import type { Surroundings } from './network';
import { batchOf, type Anchors, type RecordItem } from './sync';

export type Verdicts = Record<string, Verdict>;

/** By the records' keys. Anchors that had to be fetched are handed to `keep`. */
export async function verdictsOf(around: Surroundings, anchors: Anchors, records: RecordItem[], keep?: (key: string, bytes: string) => Promise<void>): Promise<Verdicts> {
  if (records.length === 0) return {};
  const batches = records.map(batchOf);
  for (const { key, bytes } of await anchors.fetch(batches)) await keep?.(key, bytes);
  return check({ kind: 'records', genesis: around.genesis, anchors: anchors.of(batches), records: records.map(evidence) });
}
