/** What the person asks of an organisation by their rights: a correction, that a record is not used, that it is erased. Sealed and signed. */
import { relay } from '../../api/ledger';
import { decodeCanonical, encode, label, namespace, randomBytes, sign } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../../crypto/hpke';
import type { Network } from '../../verify/network';
import type { PairwiseKeys } from './keys';
import type { Profile } from './profile';
import { nodeKeyOf } from './requests';
import type { CaseBody, EraseScope } from '../../api/cases';

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
  | { ask: 'disagree'; case: string; statement: string };

export interface CaseAnswers {
  cases: CaseBody[];
  /** What anyone needs to check an erasure, if that was asked for. */
  dossier?: unknown;
}

/** All cases at the organisation, newest first, after what was asked is done. */
export async function askCases(network: Network, organisation: string, keys: PairwiseKeys, what: CaseAsk): Promise<CaseAnswers> {
  const nodeKey = nodeKeyOf(network, organisation);
  const body: f.CaseLetterBody = {
    network: network.id,
    organisation,
    patient: keys.publicKey,
    kemKey: keys.kem.publicKey,
    timeMs: Date.now(),
    nonce: randomBytes(16),
    text: JSON.stringify(what),
  };
  const letter = { ...body, signature: sign(keys.seed, namespace.case, encode(f.CaseLetterBody, body)) };
  const to = network.byId.get(organisation)!.kemKey;
  const sealed = await sealEnvelope(to, hpkeInfo(label.hpkeCaseLetter, network.id), encode(f.CaseLetter, letter), keys.seed);
  const answer = decodeCanonical(f.SealedEnvelope, await relay.case(organisation, sealed));
  const opened = await openEnvelope(keys.kem, hpkeInfo(label.hpkeCaseAnswer, network.id), answer, nodeKey);
  return JSON.parse(new TextDecoder().decode(opened)) as CaseAnswers;
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
