/**
 * All keys are replaced: a new root, a new account here, and at every organisation a new key in the place of the old one.
 * What is left to do stands in the new profile, so that a closed page goes on at the next visit.
 */
import { account, type Slot } from '../../api/account';
import { PlainError } from '../../api/http';
import { createPasskey } from '../../api/webauthn';
import { encode, fromHex, namespace, randomBytes, sign, toHex } from '../../crypto';
import type * as formats from '../../crypto/formats';
import { RekeyByNew, RekeyByOld } from '../../crypto/formats';
import type { Network } from '../../verify/network';
import { revoke, type Granting } from './grants';
import { pairwiseKeys, type PairwiseKeys } from './keys';
import { emptyProfile, type FormerKeys, type Profile } from './profile';
import { ask } from './recovery';
import { recoveryLocator } from './recoveryCode';

/** A new root and code that are not in use yet: the code is printed first, so that nothing can be lost. */
export interface Prepared {
  root: Uint8Array;
  code: Uint8Array;
}

/** The profile with which the new root begins. */
export function profileAfter(profile: Profile, oldRoot: Uint8Array): Profile {
  const grants = profile.grants.filter(({ state }) => state !== 'revoked');
  const former = { root: toHex(oldRoot), left: profile.organisations.map(({ id }) => id), grants };
  const ended = profile.grants.map((grant) => ({ ...grant, state: 'revoked' as const, revokedMs: grant.revokedMs ?? Date.now() }));
  // What was done for the person stays to be seen; what the person did for others takes an invitation anew.
  const appointments = (profile.appointments ?? []).map((one) => ({ ...one, state: 'ended' as const, endedMs: one.endedMs ?? Date.now() }));
  return { ...emptyProfile(profile.network), organisations: profile.organisations, grants: ended, answered: profile.answered, seenMs: profile.seenMs, seenNumbers: profile.seenNumbers, former, appointments };
}

/** Puts an account of the new root in the place of the one that is signed in; its credential, if there is a passkey. */
export async function replaceAccount({ root, code }: Prepared, withPasskey: boolean, seal: (kind: Slot['kind'], secret: Uint8Array, root: Uint8Array) => Promise<Slot>): Promise<{ slots: Slot[]; credential: string | null }> {
  const start = await account.registerStart();
  const slots = [await seal('recovery', code, root)];
  let credential = null;
  if (withPasskey) {
    const made = await createPasskey(start.options, true);
    if (!made.prf) throw new PlainError('This passkey cannot keep your record locked. Please go on with the code only.');
    credential = made.credential;
    slots.push({ ...(await seal('passkey', made.prf, root)), id: made.credential.id });
  }
  await account.registerFinish({ session: start.session, credential, slots, recoveryLocator: recoveryLocator(code), replaces: true });
  return { slots, credential: credential && credential.id };
}

/** One organisation gets the new key in the place of the old one; repeated, nothing happens. */
export async function rekey(network: Network, organisation: string, old: PairwiseKeys, fresh: PairwiseKeys): Promise<void> {
  const body = { network: network.id, organisation, old: old.publicKey, new: fresh.publicKey, kemKey: fresh.kem.publicKey, timeMs: Date.now(), nonce: randomBytes(16) };
  const byOld = { ...body, oldSignature: sign(old.seed, namespace.rekey, encode(RekeyByOld, body)) };
  const letter: formats.RecoveryLetter = { kind: 'Rekey', ...byOld, newSignature: sign(fresh.seed, namespace.rekey, encode(RekeyByNew, byOld)) };
  const { address } = (await ask(network, organisation, letter, fresh.seed, fresh.kem)) as { address: string };
  if (address !== toHex(fresh.address)) throw new PlainError('Your new key was not taken there. It is tried again at your next visit.');
}

/** Does what is left, as far as it goes. Once nothing is, the former root is forgotten. */
export async function goOn(former: FormerKeys, granting: Granting, note: (former: FormerKeys) => Promise<void>): Promise<void> {
  if (former.root === '') return;
  const oldRoot = fromHex(former.root);
  const { network } = granting.around;
  let state = former;
  for (const organisation of former.left) {
    try {
      await rekey(network, organisation, await pairwiseKeys(oldRoot, organisation), await granting.keysOf(organisation));
      state = { ...state, left: state.left.filter((id) => id !== organisation) };
      await note(state);
    } catch {
      // Who does not answer now is asked at the next visit.
    }
  }
  for (const grant of state.grants.filter(({ state: standing }) => standing !== 'revoked')) {
    try {
      await revoke({ ...granting, root: oldRoot }, grant);
      state = { ...state, grants: state.grants.map((one) => (one.id === grant.id ? { ...one, state: 'revoked' } : one)) };
      await note(state);
    } catch {
      // The same.
    }
  }
  const done = state.left.length === 0 && state.grants.every(({ state: standing }) => standing === 'revoked');
  if (done) await note({ root: '', left: [], grants: [] });
}
