/**
 * The printed recovery code: 128 random bits and 12 check bits as 28 letters and digits of Crockford's base 32, in
 * seven groups of four.
 */
import { concat, label, derive, randomBytes, sha256, toHex, type Bytes } from '../../crypto';
import { letters, readLetters, type CodeProblem } from './letters';

const CODE_LENGTH = 16;
const LETTERS = 28;

export const newRecoveryCode = (): Bytes => randomBytes(CODE_LENGTH);

export function recoveryCodeText(code: Uint8Array): string {
  const check = sha256(code);
  return letters(concat(code, new Uint8Array([check[0]!, check[1]! & 0xf0])), LETTERS);
}

export function readRecoveryCode(typed: string): Bytes | CodeProblem {
  const bytes = readLetters(typed, CODE_LENGTH + 1, LETTERS);
  if (typeof bytes === 'string') return bytes;
  const code = bytes.slice(0, CODE_LENGTH);
  const text = typed.toUpperCase().replace(/[\s-–—.]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0');
  return recoveryCodeText(code).replace(/-/g, '') === text ? code : 'check';
}

export const recoveryLocator = (code: Uint8Array): string => toHex(derive(label.recoveryLocator, code));
