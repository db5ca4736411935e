/** Ed25519 under ZIP-215 rules; signed is `varint(len(namespace)) || namespace || message` (`sign.rs`). */
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, utf8, type Bytes } from './bytes';
import { varint } from './codec';

/** Every namespace under which something is signed (`crates/types/src/namespace.rs`). */
export const namespace = {
  transaction: 'salus/transaction/v1',
  consensus: 'salus/consensus/v1',
  patientRequest: 'salus/patient-request/v1',
  enrolment: 'salus/enrolment/v1',
  case: 'salus/case/v1',
  recovery: 'salus/recovery/v1',
  rekey: 'salus/rekey/v1',
  mandate: 'salus/mandate/v1',
  proxyRequest: 'salus/proxy-request/v1',
  envelope: 'salus/envelope/v1',
  custodyBatch: 'salus/custody-batch/v1',
  compartment: 'salus/compartment/v1',
  link: 'salus/link/v1',
  consent: 'salus/consent/v1',
  membership: 'salus/membership/v1',
} as const;

export function signedBytes(space: string, message: Uint8Array): Bytes {
  const name = utf8(space);
  return concat(varint(name.length), name, message);
}

export const publicKey = (seed: Uint8Array): Bytes => ed25519.getPublicKey(seed) as Bytes;

export const sign = (seed: Uint8Array, space: string, message: Uint8Array): Bytes =>
  ed25519.sign(signedBytes(space, message), seed) as Bytes;

/** Never throws: bytes that are no key or no signature do not verify. */
export function verifySignature(key: Uint8Array, space: string, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, signedBytes(space, message), key, { zip215: true });
  } catch {
    return false;
  }
}
