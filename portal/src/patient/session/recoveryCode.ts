/**
 * The printed recovery code: 128 random bits and 12 check bits as 28 letters and digits of Crockford's base 32, in
 * seven groups of four. I, L and O are read as 1, 1 and 0, so a handwritten copy still works.
 */
import { label, derive, randomBytes, sha256, toHex, type Bytes } from '../../crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_LENGTH = 16;
const LETTERS = 28;

export const newRecoveryCode = (): Bytes => randomBytes(CODE_LENGTH);

export function recoveryCodeText(code: Uint8Array): string {
  const check = sha256(code);
  const bits = [...code, check[0]!, check[1]! & 0xf0].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let text = '';
  for (let at = 0; at < LETTERS; at++) text += ALPHABET[Number.parseInt(bits.slice(5 * at, 5 * at + 5), 2)];
  return text.match(/.{4}/g)!.join('-');
}

export type CodeProblem = 'short' | 'long' | 'letter' | 'check';

export function readRecoveryCode(typed: string): Bytes | CodeProblem {
  const text = typed.toUpperCase().replace(/[\s-–—.]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0');
  if ([...text].some((letter) => !ALPHABET.includes(letter))) return 'letter';
  if (text.length < LETTERS) return 'short';
  if (text.length > LETTERS) return 'long';
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const code = new Uint8Array(CODE_LENGTH).map((_, at) => Number.parseInt(bits.slice(8 * at, 8 * at + 8), 2));
  return recoveryCodeText(code).replace(/-/g, '') === text ? code : 'check';
}

export const recoveryLocator = (code: Uint8Array): string => toHex(derive(label.recoveryLocator, code));
