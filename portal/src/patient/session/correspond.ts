/** Letters to an organisation that the portal in between cannot read: sealed, signed, and answered by sealed JSON. */
import { relay } from '../../api/ledger';
import { decodeCanonical, randomBytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../../crypto/hpke';
import type { Network } from '../../verify/network';
import type { PairwiseKeys } from './keys';
import { nodeKeyOf } from './requests';

/** What one kind of letter has for itself: the labels of its two envelopes, and the route it takes. */
export interface Way {
  letter: string;
  answer: string;
  route: 'case' | 'recovery';
}

/** The fields with which every letter of a patient begins. */
export const letterHead = (network: Network, organisation: string, keys: Pick<PairwiseKeys, 'publicKey' | 'kem'>) => ({
  network: network.id,
  organisation,
  patient: keys.publicKey,
  kemKey: keys.kem.publicKey,
  timeMs: Date.now(),
  nonce: randomBytes(16),
});

/** Sends an encoded letter, sealed, and opens its answer. */
export async function correspond(
  network: Network,
  organisation: string,
  way: Way,
  letter: Uint8Array,
  keys: { seed: Uint8Array; kem: PairwiseKeys['kem'] },
): Promise<unknown> {
  const nodeKey = nodeKeyOf(network, organisation);
  const to = network.byId.get(organisation)!.kemKey;
  const sealed = await sealEnvelope(to, hpkeInfo(way.letter, network.id), letter, keys.seed);
  const answer = decodeCanonical(f.SealedEnvelope, await relay[way.route](organisation, sealed));
  return JSON.parse(new TextDecoder().decode(await openEnvelope(keys.kem, hpkeInfo(way.answer, network.id), answer, nodeKey)));
}
