/** Shamir's secret sharing byte by byte over GF(2^8), x^8 + x^4 + x^3 + x + 1 (`shamir.rs`). */
import { equal, randomBytes, type Bytes } from './bytes';
import { hash } from './hash';

/** Shares of one generation have three coordinates in a row; those of two generations lie on different lines (`sharing.rs`). */
const SHARES_MADE = 3;

/** Which generation a share is of, modulo 85. */
export const generationOf = (share: Share): number => Math.floor((share.index - 1) / SHARES_MADE);

export interface Share {
  /** x coordinate, 1 to 255. */
  index: number;
  value: Uint8Array;
}

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let power = 0, x = 1; power < 255; power++) {
  EXP[power] = EXP[power + 255] = x;
  LOG[x] = power;
  x ^= (x << 1) ^ (x & 0x80 ? 0x11b : 0);
  x &= 0xff;
}

const multiply = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!);
const divide = (a: number, b: number): number => (a === 0 ? 0 : EXP[LOG[a]! + 255 - LOG[b]!]!);

/** The secret that at least the threshold of its shares determine; check each share's commitment first. */
export function combine(shares: Share[]): Bytes {
  if (shares.length < 2) throw new Error('at least two shares are needed');
  if (shares.some((share) => share.index < 1 || share.index > 255)) throw new Error('share index 0 is not allowed');
  if (new Set(shares.map((share) => share.index)).size !== shares.length) throw new Error('a share occurs twice');
  const secret = new Uint8Array(shares[0]!.value.length);
  for (const share of shares) {
    let factor = 1;
    for (const other of shares) {
      if (other !== share) factor = multiply(factor, divide(other.index, other.index ^ share.index));
    }
    for (let at = 0; at < secret.length; at++) secret[at]! ^= multiply(share.value[at]!, factor);
  }
  return secret;
}

/** `n` shares, any `t` of which give the secret back. */
export function split(secret: Uint8Array, t: number, n: number): Share[] {
  const coefficients = Array.from({ length: t - 1 }, () => randomBytes(secret.length));
  return Array.from({ length: n }, (_, i) => {
    const value = new Uint8Array(secret.length);
    for (const coefficient of coefficients.toReversed()) {
      for (let at = 0; at < value.length; at++) value[at] = multiply(value[at]! ^ coefficient[at]!, i + 1);
    }
    for (let at = 0; at < value.length; at++) value[at]! ^= secret[at]!;
    return { index: i + 1, value };
  });
}

export const shareCommitment = (share: Share, context: Uint8Array): Bytes =>
  hash('salus/crypto/share/1', new Uint8Array([share.index]), share.value, context);

export const shareMatches = (share: Share, commitment: Uint8Array, context: Uint8Array): boolean =>
  equal(shareCommitment(share, context), commitment);
