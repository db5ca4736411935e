/** The alphabet of JOSE, without padding (RFC 7515, 2). */
import { fromBase64, toBase64, type Bytes } from '../crypto';

export const toBase64Url = (bytes: Uint8Array): string => toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** Strict: what holds any other letter is refused. */
export function fromBase64Url(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error('not base64url');
  return fromBase64(text);
}
