/** Whether an organisation may say that it keeps records of the person: a letter like those about their rights. */
export type LocationAsk = { ask: 'location'; found?: boolean };

export interface Choice {
  /** Whether it says so now. */
  found: boolean;
  /** What the person chose, if they did. */
  chosen: boolean | null;
  /** Whether the organisation says whose records it keeps at all. */
  offered: boolean;
}
