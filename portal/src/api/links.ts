/** Links as the organisation that keeps them lists them (`docs/protocol/links.md`). */

/** `awaited`: nothing is in it yet. The last four: why it ended. */
export type LinkState = 'awaited' | 'open' | 'over' | 'patient' | 'wrong-pins' | 'too-often' | 'keys-replaced';

export interface LinkStatus {
  id: string;
  state: LinkState;
  madeMs: number;
  untilMs: number;
  endedMs: number | null;
  updatedMs: number | null;
  bytes: number;
  pin: boolean;
  wrongPinsLeft: number;
  renews: boolean;
  opened: number;
  /** The newest. The name is what whoever opened it typed. */
  openings: { timeMs: number; recipient: string }[];
}

/** Largest file of a link, encrypted. */
export const LINK_BYTES_MAX = 4 * 1024 * 1024;
