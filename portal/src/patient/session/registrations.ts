/** Registrations of the person at one organisation: letters like those about their rights. */
export type RegistrationAsk =
  | { ask: 'registrations' | 'offer-registration' }
  | { ask: 'merge-registration'; code: string }
  | { ask: 'part-registration'; registration: string };

/** A registration that is the person's. */
export interface Registration {
  id: string;
  name: string | null;
  /** When it was joined with the first one; `null` for that one itself. */
  mergedMs: number | null;
  partUntilMs: number | null;
}

export interface Registrations {
  registrations: Registration[];
  /** A code with which another device takes this registration over. */
  offer: { code: string; expires: string } | null;
}
