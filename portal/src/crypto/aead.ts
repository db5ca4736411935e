/**
 * AES-256-GCM under single-use keys, so the nonce is fixed (`aead.rs`). Plaintexts above 16 MiB are a STREAM of
 * 1 MiB chunks. There is no way to pass a nonce, so no way to use one twice but by using a key twice.
 */
import { concat, u32be, type Bytes } from './bytes';

const TAG_LENGTH = 16;
const CHUNK_LENGTH = 1 << 20;
export const ONE_SHOT_LENGTH_MAX = 16 << 20;

export class OpenError extends Error {
  constructor() {
    super('sealed bytes do not open');
  }
}

const importKey = (key: Uint8Array) =>
  crypto.subtle.importKey('raw', key as Bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);

const ZERO_NONCE = new Uint8Array(12);

export async function seal(key: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Bytes> {
  const parameters = { name: 'AES-GCM', iv: ZERO_NONCE, additionalData: aad as Bytes };
  return new Uint8Array(await crypto.subtle.encrypt(parameters, await importKey(key), plaintext as Bytes));
}

export async function open(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  return openWith(await importKey(key), ZERO_NONCE, aad, sealed);
}

async function openWith(key: CryptoKey, iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  if (sealed.length < TAG_LENGTH) throw new OpenError();
  const parameters = { name: 'AES-GCM', iv: iv as Bytes, additionalData: aad as Bytes };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(parameters, key, sealed as Bytes));
  } catch {
    throw new OpenError();
  }
}

/** `0x01 || six zeros || chunk number u32 BE || last?` (`aead/stream.rs`). */
function chunkNonce(number: number, last: boolean): Bytes {
  return concat(new Uint8Array([1, 0, 0, 0, 0, 0, 0]), u32be(number), new Uint8Array([last ? 1 : 0]));
}

export async function openStream(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  const cipher = await importKey(key);
  const size = CHUNK_LENGTH + TAG_LENGTH;
  const count = Math.max(1, Math.ceil(sealed.length / size));
  const chunks: Bytes[] = [];
  for (let at = 0; at < count; at++) {
    const chunk = sealed.subarray(at * size, (at + 1) * size);
    const plain = await openWith(cipher, chunkNonce(at, at + 1 === count), aad, chunk);
    if (plain.length === 0 && sealed.length !== TAG_LENGTH) throw new OpenError();
    chunks.push(plain);
  }
  return concat(...chunks);
}

/** Opens a record's ciphertext in whichever form its length asks for. */
export function openSized(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  return sealed.length > ONE_SHOT_LENGTH_MAX + TAG_LENGTH ? openStream(key, aad, sealed) : open(key, aad, sealed);
}
