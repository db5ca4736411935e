/** HKDF-SHA256 (RFC 5869), each use under its own label (`kdf.rs`). */
import { expand as hkdfExpand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8, type Bytes } from './bytes';
import { frame } from './hash';

/** A 32-byte key for the use `label` from secret input, a public salt (may be empty) and context. */
export function derive(label: string, ikm: Uint8Array, salt: Uint8Array = new Uint8Array(), ...info: Uint8Array[]): Bytes {
  return hkdfExpand(sha256, extract(sha256, ikm, salt), frame(label, info), 32) as Bytes;
}

/** Public value that binds a uniformly random key (`aead.rs`). */
export const keyCommitment = (key: Uint8Array): Bytes =>
  hkdfExpand(sha256, key, utf8('salus/crypto/key-commitment/1'), 32) as Bytes;
