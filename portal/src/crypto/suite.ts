/**
 * What the suite byte of a package stands for: how the data key follows from the compartment's key and S, how it is
 * committed to, and the cipher (`crates/vault/src/suite`). This is the one place of the portal that says so.
 */
import { openSized } from './aead';
import type { Bytes } from './bytes';
import { derive, keyCommitment } from './kdf';
import { label } from './labels';

export interface Suite {
  dataKey(key: Uint8Array, s: Uint8Array, version: Uint8Array): Bytes;
  /** Binds the data key: without it a ciphertext could open under two. */
  keyCommitment(key: Uint8Array): Bytes;
  open(key: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Promise<Bytes>;
}

/** 1: HKDF-SHA256, AES-256-GCM. */
const suites = new Map<number, Suite>([
  [1, { dataKey: (key, s, version) => derive(label.dataKey, key, s, version), keyCommitment, open: openSized }],
]);

/** The suite of a code, if this portal knows it. */
export const suiteOf = (code: number): Suite | undefined => suites.get(code);
