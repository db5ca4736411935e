/** What the person asks of an organisation by their rights: a correction, that a record is not used, that it is erased. Sealed and signed. */
import { encode, label, namespace, sign } from '../../crypto';
import * as f from '../../crypto/formats';
import type { Network } from '../../verify/network';
import { correspond, letterHead, type Way } from './correspond';
import type { PairwiseKeys } from './keys';
import type { Profile } from './profile';
import type { AccountingFile } from '../../api/accounting';
import type { AllowedApp } from '../../api/apps';
import type { CaseBody, EraseScope } from '../../api/cases';
import type { LinkStatus } from '../../api/links';
import type { AppAsk } from './apps';
import type { LinkAsk } from './links';
import type { RegistrationAsk, Registrations } from './registrations';
import type { Choice, LocationAsk } from './location';

const WAY: Way = { letter: label.hpkeCaseLetter, answer: label.hpkeCaseAnswer, route: 'case' };

export interface RecordName {
  type: string;
  id: string;
  version: string;
}
export type CaseAsk =
  | { ask: 'list' }
  | { ask: 'amend'; record: RecordName; wrong: string; right: string }
  | { ask: 'restrict'; reason: string }
  | { ask: 'erase'; scope: EraseScope; reason: string }
  | { ask: 'lift' | 'withdraw' | 'dossier'; case: string }
  | { ask: 'disagree'; case: string; statement: string }
  | { ask: 'accounting'; before?: number };

export interface CaseAnswers {
  cases: CaseBody[];
  /** What anyone needs to check an erasure, if that was asked for. */
  dossier?: unknown;
  /** The signed list of who looked, if that was asked for. */
  accounting?: AccountingFile;
  /** Apps, if they were asked about; and where the browser goes on, if one was allowed. */
  apps?: AllowedApp[];
  redirect?: string | null;
  /** Links, if they were asked about; and the one that was made. */
  links?: LinkStatus[];
  made?: { link: string; url: string } | null;
  /** Health cards, if they were asked for. */
  cards?: string[];
  /** Whether the person may be found, if that was asked. */
  location?: Choice;
  /** Registrations, if they were asked about. */
  registrations?: Registrations['registrations'];
  offer?: Registrations['offer'];
}

/** All cases at the organisation, newest first, after what was asked is done. */
export async function askCases(
  network: Network,
  organisation: string,
  keys: Pick<PairwiseKeys, 'seed' | 'publicKey' | 'kem'>,
  what: CaseAsk | AppAsk | LinkAsk | LocationAsk | RegistrationAsk,
  mandate: f.SignedMandate | null = null,
): Promise<CaseAnswers> {
  const body: f.CaseLetterBody = { ...letterHead(network, organisation, keys), text: JSON.stringify(what), mandate };
  const letter = { ...body, signature: sign(keys.seed, namespace.case, encode(f.CaseLetterBody, body)) };
  return (await correspond(network, organisation, WAY, encode(f.CaseLetter, letter), keys)) as CaseAnswers;
}

/** The cases at every organisation of a profile, newest first, and who did not answer. */
export async function allCases(
  profile: Profile,
  ask: (organisation: string) => Promise<CaseBody[]>,
): Promise<{ cases: { organisation: string; body: CaseBody }[]; silent: string[] }> {
  const silent: string[] = [];
  const asked = profile.organisations.map(async ({ id }) => {
    try {
      return (await ask(id)).map((body) => ({ organisation: id, body }));
    } catch {
      silent.push(id);
      return [];
    }
  });
  const cases = (await Promise.all(asked)).flat().sort((a, b) => b.body.receivedMs - a.body.receivedMs);
  return { cases, silent };
}
