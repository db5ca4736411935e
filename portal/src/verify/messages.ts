/** What the page and its checking worker say to each other. */
import type { AccessEntry, AnchorProofs, Block, CertifiedHeader, Handover } from '../crypto/formats';
import type { RecordEvidence } from './record';
import type { StateProof } from './state';

export interface RecordsJob {
  kind: 'records';
  genesis: Uint8Array;
  /** Of the records' batches. */
  anchors: AnchorProofs[];
  records: (RecordEvidence & { key: string; source: string; sequence: number })[];
}
export interface AccessJob {
  kind: 'access';
  genesis: Uint8Array;
  entry: AccessEntry;
  id: Uint8Array;
  block: Block;
  certified: CertifiedHeader;
  /** The entry in the state, where genesis does not name the organisation. */
  proven?: StateProof;
}
export type Job = RecordsJob | AccessJob;
/** What goes to the worker. */
export interface Work {
  job: Job;
  /** Unverified; all that come before the newest epoch of the job. */
  handovers: Handover[];
}

export interface Verdict {
  ok: boolean;
  /** In plain words, if not ok. */
  reason?: string;
  /** The event would be checked with its entry in the state ({@link AccessJob.proven}). */
  unnamed?: boolean;
  /** Of the block in which it was anchored. */
  height?: number;
  timeMs?: number;
  /** Of the block that vouches for it, and who certified that. */
  certifiedHeight?: number;
  signers?: string[];
}
export type Answer = Record<string, Verdict>;
