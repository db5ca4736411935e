/**
 * Recovery shares: the root in three parts, any two of which give it back. Organisations keep parts, sealed to them, and
 * give them to a new device late and in the open; parts on paper are for the person and those they trust.
 */
import { PlainError } from '../../api/http';
import { concat, derive, encode, equal, fromHex, label, namespace, publicKey, randomBytes, recoveryIdOf, sha256, sign, toHex, u32be, utf8, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { kemKey } from '../../crypto/hpke';
import { combine, split, type Share } from '../../crypto/shamir';
import type { Network } from '../../verify/network';
import { correspond, letterHead, type Way } from './correspond';
import type { PairwiseKeys } from './keys';
import { letters, readLetters, type CodeProblem } from './letters';

const EMPTY = new Uint8Array();
const THRESHOLD = 2;
const SHARES = 3;

/** The key that cancels a recovery at one organisation. It names the recovery, and no two organisations see the same. */
export const cancelSeed = (root: Uint8Array, organisation: string, counter: number): Bytes =>
  derive(label.patientRecovery, root, EMPTY, utf8(organisation), u32be(counter));
export const recoveryOf = (root: Uint8Array, organisation: string, counter: number): Bytes =>
  recoveryIdOf(publicKey(cancelSeed(root, organisation, counter)));
/** Under which the portal keeps what opens with the root itself. */
export const rootLocator = (root: Uint8Array): string => toHex(derive(label.patientRecoveryLocator, root));

export const shareRoot = (root: Uint8Array): Share[] => split(root, THRESHOLD, SHARES);

// On paper: `index (1) || value (32) || check (2)` in fourteen groups of four letters and digits.

const PAPER_BYTES = 35;
const check = (share: Uint8Array): Bytes => sha256(concat(utf8('salus/recovery-paper/v1'), share)).slice(0, 2);

export function paperText({ index, value }: Share): string {
  const share = concat(new Uint8Array([index]), value);
  return letters(concat(share, check(share)));
}

export function readPaper(typed: string): Share | CodeProblem {
  const bytes = readLetters(typed, PAPER_BYTES);
  if (typeof bytes === 'string') return bytes;
  const share = bytes.subarray(0, 33);
  const fits = equal(check(share), bytes.subarray(33)) && share[0]! >= 1 && share[0]! <= SHARES;
  return fits ? { index: share[0]!, value: share.slice(1) } : 'check';
}

const WAY: Way = { letter: label.hpkeRecoveryLetter, answer: label.hpkeRecoveryAnswer, route: 'recovery' };

/** Sends a letter about keys to an organisation, and opens its answer. */
export const ask = (network: Network, organisation: string, letter: f.RecoveryLetter, seed: Uint8Array, kem: PairwiseKeys['kem']): Promise<unknown> =>
  correspond(network, organisation, WAY, encode(f.RecoveryLetter, letter), { seed, kem });

/** Gives a share to an organisation in place of the one before, or takes that back. */
export async function deposit(network: Network, organisation: string, keys: PairwiseKeys, share: f.RecoveryShare | null): Promise<void> {
  const body: f.RecoveryDepositBody = { ...letterHead(network, organisation, keys), share };
  const signature = sign(keys.seed, namespace.recovery, encode(f.RecoveryDepositBody, body));
  const { kept } = (await ask(network, organisation, { kind: 'RecoveryDeposit', ...body, signature }, keys.seed, keys.kem)) as { kept: string | null };
  if (kept !== (share && toHex(share.recovery))) throw new PlainError('Your part was not kept there. Please try again later.');
}

/** A device that has no root yet: two keys made for this recovery. */
export interface NewDevice {
  seed: string;
  kemSeed: string;
}
export const newDevice = (): NewDevice => ({ seed: toHex(randomBytes(32)), kemSeed: toHex(randomBytes(32)) });

export interface AttemptAnswer {
  recovery: string;
  number: number;
  state: 'waiting' | 'cancelled' | 'ready';
  startedMs: number;
  readyMs: number;
  /** The time that counts. */
  ledgerMs: number;
  share?: { counter: number; index: number; value: string };
}

/** Begins a recovery at an organisation, or asks how it stands; the answer has the share once it is ready. */
export async function askShare(network: Network, organisation: string, code: string, device: NewDevice): Promise<AttemptAnswer> {
  const kem = await kemKey(fromHex(device.kemSeed));
  const letter: f.RecoveryLetter = { kind: 'RecoveryAsk', network: network.id, organisation, code, kemKey: kem.publicKey };
  return (await ask(network, organisation, letter, fromHex(device.seed), kem)) as AttemptAnswer;
}

/** A part that came from an organisation, or was typed from paper. */
export interface Part {
  share: Share;
  from?: { organisation: string; counter: number; recovery: string };
}

export const partOf = (organisation: string, { recovery, share }: AttemptAnswer): Part | null =>
  share ? { share: { index: share.index, value: fromHex(share.value) }, from: { organisation, counter: share.counter, recovery } } : null;

/**
 * The root that two parts give, if every organisation's part is named after a key of that root: with parts of different
 * sharings, or a false one, it is not.
 */
export function putTogether(parts: Part[]): Bytes {
  const unlike = new PlainError('These parts do not belong together. Use the newest sheet, and take two different parts.');
  if (parts.length < THRESHOLD || new Set(parts.map(({ share }) => share.index)).size !== parts.length) throw unlike;
  const root = combine(parts.map(({ share }) => share));
  for (const { from } of parts) if (from && toHex(recoveryOf(root, from.organisation, from.counter)) !== from.recovery) throw unlike;
  return root;
}
