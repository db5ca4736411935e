/** What is derived from a person's root. Each organisation sees its own keys and no other's. */
import { addressOf, concat, derive, label, publicKey, randomBytes, u32be, utf8, type Bytes } from '../../crypto';
import { open, seal } from '../../crypto/aead';
import { kemKey, type KemKey } from '../../crypto/hpke';

const EMPTY = new Uint8Array();
const FORM = 1;

export interface PairwiseKeys {
  seed: Bytes;
  publicKey: Bytes;
  address: Bytes;
  kem: KemKey;
}

export async function pairwiseKeys(root: Uint8Array, organisation: string): Promise<PairwiseKeys> {
  const seed = derive(label.patientSign, root, EMPTY, utf8(organisation));
  const key = publicKey(seed);
  const kem = await kemKey(derive(label.patientKem, root, EMPTY, utf8(organisation)));
  return { seed, publicKey: key, address: addressOf(key), kem };
}

/** The keys with which this person acts for somebody else at one source; two invitations have nothing in common. */
export interface ProxyPair {
  seed: Bytes;
  publicKey: Bytes;
  kem: KemKey;
}

export async function proxyKeys(root: Uint8Array, source: string, invitation: Uint8Array): Promise<ProxyPair> {
  const seed = derive(label.proxySign, root, EMPTY, utf8(source), invitation);
  return { seed, publicKey: publicKey(seed), kem: await kemKey(derive(label.proxyKem, root, EMPTY, utf8(source), invitation)) };
}

/** The seed of the key that makes an appointment, and ends it. */
export const appointmentSeed = (root: Uint8Array, source: string, counter: number): Bytes =>
  derive(label.patientAppointment, root, EMPTY, utf8(source), u32be(counter));

export interface GrantKeys {
  seed: Bytes;
  publicKey: Bytes;
  termsSalt: Bytes;
  scopeSalt: Bytes;
}

export function grantKeys(root: Uint8Array, source: string, counter: number): GrantKeys {
  const at = (use: string) => derive(use, root, EMPTY, utf8(source), u32be(counter));
  const seed = at(label.patientGrant);
  return { seed, publicKey: publicKey(seed), termsSalt: at(label.patientTermsSalt), scopeSalt: at(label.patientScopeSalt) };
}

/** `1 || salt (32) || AES-256-GCM(derive(label, secret, salt))`: a fresh salt, so every key seals once. */
export async function sealUnder(use: string, secret: Uint8Array, plaintext: Uint8Array): Promise<Bytes> {
  const salt = randomBytes(32);
  return concat(new Uint8Array([FORM]), salt, await seal(derive(use, secret, salt), utf8(use), plaintext));
}

export async function openUnder(use: string, secret: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  if (sealed[0] !== FORM || sealed.length < 49) throw new Error('sealed bytes have an unknown form');
  return open(derive(use, secret, sealed.slice(1, 33)), utf8(use), sealed.subarray(33));
}
