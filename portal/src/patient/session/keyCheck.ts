/** Whether the network still has this person's own keys: what it says is proven, not believed. */
import { ledger } from '../../api/ledger';
import { stateKey } from '../../crypto';
import { check } from '../../verify/client';
import type { PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { Profile } from './profile';

/** The node that serves this page may not have the newest block yet. */
const SETTLED_MS = 60_000;

async function isRegistered(around: Surroundings, organisation: string, address: Uint8Array): Promise<boolean> {
  const proven = await ledger.stateProof(stateKey.patient(address));
  const { key } = await check({ kind: 'key', genesis: around.genesis, address, organisation, proven });
  if (!key) return true;
  // A proof that does not hold shows nothing; records would not be verified either.
  return key.ok || key.certifiedHeight === undefined;
}

/** The organisations of the profile at which this person's key is proven not to be registered. Who does not answer is left out. */
export async function notRegistered(
  around: Surroundings,
  profile: Profile,
  keysOf: (organisation: string) => Promise<PairwiseKeys>,
): Promise<string[]> {
  const settled = profile.organisations.filter(({ joinedMs }) => joinedMs < Date.now() - SETTLED_MS);
  const asked = settled.map(async ({ id }) => {
    const { address } = await keysOf(id);
    return (await isRegistered(around, id, address).catch(() => true)) ? [] : [id];
  });
  return (await Promise.all(asked)).flat();
}
