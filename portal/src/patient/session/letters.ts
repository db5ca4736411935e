/** Bytes as people print, read aloud and type them: Crockford's base 32 in groups of four. */
import type { Bytes } from '../../crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export type CodeProblem = 'short' | 'long' | 'letter' | 'check';

/** A multiple of five bits; what is left over is cut off. */
export function letters(bytes: Uint8Array, count = Math.floor((bytes.length * 8) / 5)): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let text = '';
  for (let at = 0; at < count; at++) text += ALPHABET[Number.parseInt(bits.slice(5 * at, 5 * at + 5), 2)];
  return text.match(/.{4}/g)!.join('-');
}

/** I, L and O are read as 1, 1 and 0, so a handwritten copy still works. */
export function readLetters(typed: string, bytes: number, count = (bytes * 8) / 5): Bytes | CodeProblem {
  const text = typed.toUpperCase().replace(/[\s-–—.]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0');
  if ([...text].some((letter) => !ALPHABET.includes(letter))) return 'letter';
  if (text.length < count) return 'short';
  if (text.length > count) return 'long';
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return new Uint8Array(bytes).map((_, at) => Number.parseInt(bits.slice(8 * at, 8 * at + 8), 2));
}
