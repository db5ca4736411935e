/** What the page and its checking worker say to each other. */
import type { AnchorProofs, Handover } from '../crypto/formats';
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
  id: Uint8Array;
  /** The event's entry in the state. */
  proven: StateProof;
}
export interface KeyJob {
  kind: 'key';
  genesis: Uint8Array;
  /** The patient's address, and the organisation that is to have registered it. */
  address: Uint8Array;
  organisation: string;
  proven: StateProof;
}
export interface EmergencyJob {
  kind: 'emergency';
  genesis: Uint8Array;
  id: Uint8Array;
  /** The event's entry in the state, and that of its review, which may be absent. */
  proven: StateProof;
  review: StateProof;
}
export interface RecoveryJob {
  kind: 'recovery';
  genesis: Uint8Array;
  /** The attempt's entry in the state, which may be absent: then nobody recovers. */
  id: Uint8Array;
  number: number;
  proven: StateProof;
}
export type Job = RecordsJob | AccessJob | EmergencyJob | KeyJob | RecoveryJob;
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
  /** Of the block in which it was anchored, or the event became final. */
  height?: number;
  timeMs?: number;
  /** Of the block that vouches for it, and who certified that. */
  certifiedHeight?: number;
  signers?: string[];
}
export type Answer = Record<string, Verdict>;
