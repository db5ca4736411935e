/** What a device with the root does about recovery: gives parts out, looks whether somebody recovers, cancels. */
import { account } from '../../api/account';
import { ledger, submitAndWait } from '../../api/ledger';
import { PlainError } from '../../api/http';
import { decodeCanonical, equal, fromBase64, fromHex, label, signTransaction, stateKey, toBase64, toHex } from '../../crypto';
import * as f from '../../crypto/formats';
import { check } from '../../verify/client';
import { openUnder, sealUnder, type PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { Profile, RecoverySetup } from './profile';
import { cancelSeed, deposit, paperText, putTogether, recoveryOf, rootLocator, shareRoot, type Part } from './recovery';

/** More attempts than these nobody looks at. */
const ATTEMPTS_MAX = 64;
const VALID_BLOCKS = 1_000;

export interface RecoveryAttempt {
  organisation: string;
  counter: number;
  /** Its name on the ledger. */
  recovery: string;
  number: number;
  timeMs: number;
  readyMs: number;
  cancelled: boolean;
}
export const attemptName = ({ recovery, number }: { recovery: string; number: number }): string => `${recovery}/${number}`;

/** A part on paper, to be printed once. */
export interface PaperPart {
  index: number;
  text: string;
}

export interface Recovering {
  root: Uint8Array;
  around: Surroundings;
  profile: Profile;
  keysOf: (organisation: string) => Promise<PairwiseKeys>;
  save: (change: Pick<Profile, 'recovery'>) => Promise<void>;
}

/**
 * Shares the root anew: a part to each of one or two organisations, the rest on paper. What was given out before is worth
 * nothing afterwards. Devices look out for recoveries from the first step on.
 */
export async function setUp({ root, around, profile, keysOf, save }: Recovering, organisations: string[]): Promise<PaperPart[]> {
  if (organisations.length < 1 || organisations.length > 2) throw new PlainError('Choose one or two hospitals or practices.');
  const shares = shareRoot(root);
  const counter = (profile.recovery?.counter ?? -1) + 1;
  const holders = organisations.map((organisation, at) => ({ organisation, index: shares[at]!.index }));
  const setup: RecoverySetup = { counter, madeMs: Date.now(), holders, papers: shares.slice(holders.length).map(({ index }) => index), done: false };
  await save({ recovery: setup });
  const former = (profile.recovery?.holders ?? []).filter(({ organisation }) => !organisations.includes(organisation));
  for (const { organisation } of former) await deposit(around.network, organisation, await keysOf(organisation), null);
  for (const [at, organisation] of organisations.entries()) {
    const { index, value } = shares[at]!;
    const share = { recovery: recoveryOf(root, organisation, counter), counter, index, value: value as f.RecoveryShare['value'] };
    await deposit(around.network, organisation, await keysOf(organisation), share);
  }
  await account.keepShares(toBase64(await sealUnder(label.patientRecoverySlot, root, root)), rootLocator(root));
  await save({ recovery: { ...setup, done: true } });
  return shares.slice(holders.length).map((share) => ({ index: share.index, text: paperText(share) }));
}

/** Takes all parts back; those on paper open nothing alone, and two of them nothing here. */
export async function takeBack({ around, profile, keysOf, save }: Recovering): Promise<void> {
  const { recovery } = profile;
  if (!recovery) return;
  for (const { organisation } of recovery.holders) await deposit(around.network, organisation, await keysOf(organisation), null);
  await account.dropShares();
  await save({ recovery: { ...recovery, counter: recovery.counter + 1, holders: [], papers: [], done: true } });
}

/** Every attempt at the recovery that is set up, by proof: that there is no further one is proven, too. */
export async function findAttempts(root: Uint8Array, around: Surroundings, setup: RecoverySetup | undefined): Promise<RecoveryAttempt[]> {
  const found: RecoveryAttempt[] = [];
  for (const { organisation } of setup?.holders ?? []) {
    const id = recoveryOf(root, organisation, setup!.counter);
    for (let number = 0; number < ATTEMPTS_MAX; number++) {
      const proven = await ledger.stateProof(stateKey.recovery(id, number));
      const { recovery } = await check({ kind: 'recovery', genesis: around.genesis, id, number, proven });
      if (!recovery?.ok) throw new PlainError('Whether somebody recovers your record could not be checked.');
      if (!proven.value) break;
      const { timeMs, readyMs, cancelled } = decodeCanonical(f.RecoveryEntry, proven.value);
      found.push({ organisation, counter: setup!.counter, recovery: toHex(id), number, timeMs, readyMs, cancelled: cancelled !== null });
    }
  }
  return found;
}

export async function cancel(root: Uint8Array, around: Surroundings, { organisation, counter, recovery, number }: RecoveryAttempt): Promise<void> {
  const { height } = await ledger.head();
  const seed = cancelSeed(root, organisation, counter);
  const action: f.Action = { kind: 'CancelRecovery', recovery: fromHex(recovery), number };
  await submitAndWait(signTransaction(around.network.id, seed, height + VALID_BLOCKS, action));
}

/** The root that two parts give, if it opens the account here. The browser is signed in afterwards. */
export async function openWith(parts: Part[]): Promise<Uint8Array> {
  const root = putTogether(parts);
  const unknown = new PlainError('These parts open no record here. Check that this is the address on your sheet, and that the parts are of the same day.');
  const found = await account.recovery(rootLocator(root)).catch(() => null);
  const opened = found && (await openUnder(label.patientRecoverySlot, root, fromBase64(found.sealed)).catch(() => null));
  if (!opened || !equal(opened, root)) throw unknown;
  return root;
}
