/** What the page and its checking worker say to each other. */
import type { AccessEntry, Block, CertifiedHeader, TransactionProof } from '../crypto/formats';
import type { RecordEvidence } from './record';

export interface RecordsJob {
  kind: 'records';
  genesis: Uint8Array;
  /** By `source/sequence`. */
  anchors: Record<string, TransactionProof>;
  records: (RecordEvidence & { key: string; source: string; sequence: number })[];
}
export interface AccessJob {
  kind: 'access';
  genesis: Uint8Array;
  entry: AccessEntry;
  id: Uint8Array;
  block: Block;
  certified: CertifiedHeader;
}
export type Job = RecordsJob | AccessJob;

export interface Verdict {
  ok: boolean;
  /** In plain words, if not ok. */
  reason?: string;
  height?: number;
  timeMs?: number;
  signers?: string[];
  transaction?: string;
}
export type Answer = Record<string, Verdict>;
