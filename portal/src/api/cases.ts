import type { Category, ErasureGround } from '../crypto/formats';

/** Requests by a patient's rights, as patients and stewards see them. */
/** Longest text in characters (`cases/case.rs`). */
export const WORDS_MAX = 4_000;

export type CaseState = 'open' | 'accepted' | 'refused' | 'withdrawn' | 'lifted';
type AmendmentGround = 'accurate' | 'not-ours' | 'not-part' | 'not-open';
type ErasureRefusal = 'retention' | 'public-interest' | 'claims';
export type RefusalGround = AmendmentGround | ErasureRefusal;

/** What is to be erased. */
export type EraseScope = { of: 'record'; record: { type: string; id: string } } | { of: 'category'; category: Category } | { of: 'everything' };

export interface KeptRecord {
  type: string;
  id: string;
  category: Category;
  untilMs: number | null;
  ground: string;
}
/** How far an erasure is, and who has confirmed that nothing is left. */
export interface ErasureProgress {
  ground: ErasureGround;
  step: 'removing' | 'ordering' | 'ordered';
  records: number;
  kept: KeptRecord[];
  keptCount: number;
  receiptsDueMs: number | null;
  receipts: { organisation: string; timeMs?: number; copies?: number; late?: boolean }[];
}
/** What an erasure would concern. */
export interface ErasureSurvey {
  dueCount: number;
  due: { type: string; id: string; category: Category }[];
  keptCount: number;
  kept: KeptRecord[];
  /** Messages of feeds that wait, and would be destroyed. */
  messages: number;
}

export interface CaseAnswer {
  accept: boolean;
  ground?: RefusalGround | null;
  words: string;
  timeMs: number;
}
export interface CaseBody {
  id: string;
  kind: 'amendment' | 'restriction' | 'erasure';
  state: CaseState;
  receivedMs: number;
  dueMs: number;
  extended: string | null;
  disagreement: string | null;
  record?: { type: string; id: string; version: string };
  wrong?: string;
  right?: string;
  reason?: string;
  scope?: EraseScope;
  erasure?: ErasureProgress;
  answer?: CaseAnswer;
  ended?: { why: string; timeMs: number };
}
/** As the steward sees it. */
export interface CaseRow extends CaseBody {
  name: string | null;
}

const AMENDMENT_GROUNDS: Record<AmendmentGround, string> = {
  accurate: 'The entry is accurate and complete',
  'not-ours': 'Another organisation made the entry',
  'not-part': 'The entry is not part of the record that decisions are made from',
  'not-open': 'The law does not give a right to see this entry',
};
const ERASURE_GROUNDS: Record<ErasureRefusal, string> = {
  retention: 'A law says that it must be kept',
  'public-interest': 'Public health, archives or research in the public interest need it',
  claims: 'It is needed for a legal claim',
};
export const GROUND_WORDS: Record<RefusalGround, string> = { ...AMENDMENT_GROUNDS, ...ERASURE_GROUNDS };
/** The law’s grounds on which each kind may be refused; none are needed where there are none. */
export const GROUNDS_OF: Record<CaseBody['kind'], [RefusalGround, string][]> = {
  amendment: Object.entries(AMENDMENT_GROUNDS) as [RefusalGround, string][],
  restriction: [],
  erasure: Object.entries(ERASURE_GROUNDS) as [RefusalGround, string][],
};

/** Why records are erased. */
export const BASIS_WORDS: Record<ErasureGround, string> = {
  'patient-request': 'The patient asked for it, and no law says that it must be kept',
  'retention-over': 'The time for which it had to be kept is over',
  unlawful: 'It should never have been kept, for example because it is about somebody else',
  'legal-obligation': 'A court or a law orders it',
};
