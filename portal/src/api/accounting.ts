/** The signed list of who looked, as organisations give it (`docs/protocol/accounting.md`). `salus verify` checks it. */
import { decodeCanonical, fromHex } from '../crypto';
import * as f from '../crypto/formats';

export interface Account {
  /** `disclosure`: something left the organisation. */
  side: 'disclosure' | 'use';
  who: string;
  at: string;
  what: string;
  why: string;
}
export interface AccountingFile {
  statement: {
    organisation: string;
    name: string;
    madeMs: number;
    proven: string[];
    stated: string[];
    entries: { number: number; timeMs: number; says: Account }[];
    grants: { grant: string; readings: { value?: string }[] }[];
  };
}

export interface Reading {
  to: string;
  timeMs: number;
  purpose: f.Purpose;
  count: number;
}

/** What was read elsewhere by the person's permissions, newest first. */
export function readingsOf({ statement }: AccountingFile): Reading[] {
  const values = statement.grants.flatMap(({ readings }) => readings.map(({ value }) => value ?? ''));
  const readings = values.map((value) => decodeCanonical(f.AccessEntry, fromHex(value)));
  return readings.map(({ organisation, timeMs, purpose, count }) => ({ to: organisation, timeMs, purpose, count })).sort((a, b) => b.timeMs - a.timeMs);
}
