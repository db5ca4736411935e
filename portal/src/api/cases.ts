/** Requests by a patient's rights, as patients and stewards see them. */
/** Longest text in characters (`cases/case.rs`). */
export const WORDS_MAX = 4_000;

export type CaseState = 'open' | 'accepted' | 'refused' | 'withdrawn' | 'lifted';
export type RefusalGround = 'accurate' | 'not-ours' | 'not-part' | 'not-open';

export interface CaseAnswer {
  accept: boolean;
  ground?: RefusalGround | null;
  words: string;
  timeMs: number;
}
export interface CaseBody {
  id: string;
  kind: 'amendment' | 'restriction';
  state: CaseState;
  receivedMs: number;
  dueMs: number;
  extended: string | null;
  disagreement: string | null;
  record?: { type: string; id: string; version: string };
  wrong?: string;
  right?: string;
  reason?: string;
  answer?: CaseAnswer;
  ended?: { why: string; timeMs: number };
}
/** As the steward sees it. */
export interface CaseRow extends CaseBody {
  name: string | null;
}

export const GROUND_WORDS: Record<RefusalGround, string> = {
  accurate: 'The entry is accurate and complete',
  'not-ours': 'Another organisation made the entry',
  'not-part': 'The entry is not part of the record that decisions are made from',
  'not-open': 'The law does not give a right to see this entry',
};
