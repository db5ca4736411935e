/** Compact JWE with a direct key (RFC 7516; `alg: dir`, `enc: A256GCM`, `zip: DEF`), as SMART Health Links ask for. */
import { Inflate, deflateSync } from 'fflate';
import { concat, fromUtf8, randomBytes, utf8, type Bytes } from '../crypto';
import { fromBase64Url, toBase64Url } from './base64url';

/** A text that unfolds to more is refused: somebody else may have made it. */
const TEXT_BYTES_MAX = 64 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const TAG_BYTES = 16;

const keyOf = (key: Bytes, use: KeyUsage) => crypto.subtle.importKey('raw', key, 'AES-GCM', false, [use]);

export async function encrypt(key: Bytes, text: string, contentType = 'application/fhir+json'): Promise<string> {
  const head = toBase64Url(utf8(JSON.stringify({ alg: 'dir', enc: 'A256GCM', cty: contentType, zip: 'DEF' })));
  const iv = randomBytes(12);
  const plain = deflateSync(utf8(text), { level: 9 }) as Bytes;
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(head) }, await keyOf(key, 'encrypt'), plain));
  const at = sealed.length - TAG_BYTES;
  return [head, '', toBase64Url(iv), toBase64Url(sealed.subarray(0, at)), toBase64Url(sealed.subarray(at))].join('.');
}

/** Throws on anything but what this key sealed. */
export async function decrypt(key: Bytes, jwe: string): Promise<{ text: string; contentType: string }> {
  const [head = '', wrapped, iv = '', ciphertext = '', tag = '', ...more] = jwe.trim().split('.');
  const { alg, enc, zip, cty, crit } = JSON.parse(fromUtf8(fromBase64Url(head))) as Record<string, unknown>;
  const known = alg === 'dir' && enc === 'A256GCM' && (zip === undefined || zip === 'DEF') && crit === undefined;
  if (!known || wrapped !== '' || more.length > 0) throw new Error('sealed in an unknown way');
  const sealed = concat(fromBase64Url(ciphertext), fromBase64Url(tag));
  const plain = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: fromBase64Url(iv), additionalData: utf8(head) }, await keyOf(key, 'decrypt'), sealed));
  return { text: fromUtf8(zip === 'DEF' ? inflate(plain) : plain), contentType: typeof cty === 'string' ? cty : '' };
}

/** Raw deflate (RFC 1951), up to a limit. */
export function inflate(packed: Uint8Array, bytesMax = TEXT_BYTES_MAX): Bytes {
  const parts: Uint8Array[] = [];
  let size = 0;
  let ended = false;
  const stream = new Inflate((part, last) => {
    size += part.length;
    if (size > bytesMax) throw new Error('too large');
    parts.push(part);
    ended = last;
  });
  for (let at = 0; at < packed.length; at += PIECE_BYTES) stream.push(packed.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= packed.length);
  if (!ended) throw new Error('broken off');
  return concat(...parts);
}
