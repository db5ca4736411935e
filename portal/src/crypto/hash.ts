/** SHA-256 with domain tags: `SHA-256(len(tag) u8 || tag || for each part: len u64 BE || part)` (`hash.rs`). */
import { sha256 as sha256Raw } from '@noble/hashes/sha2.js';
import { concat, u64be, utf8, type Bytes } from './bytes';

export const sha256 = (...parts: Uint8Array[]): Bytes => sha256Raw(parts.length === 1 ? parts[0]! : concat(...parts)) as Bytes;

/** The injective framing of a tag and parts. */
export function frame(tag: string, parts: Uint8Array[]): Bytes {
  const name = utf8(tag);
  if (name.length > 255) throw new Error('a tag has at most 255 bytes');
  return concat(new Uint8Array([name.length]), name, ...parts.flatMap((part) => [u64be(part.length), part]));
}

export const hash = (tag: string, ...parts: Uint8Array[]): Bytes => sha256(frame(tag, parts));
