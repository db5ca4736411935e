/**
 * HPKE (RFC 9180) in base mode with X-Wing, HKDF-SHA256 and AES-256-GCM (`hpke.rs`).
 * A private key is a 32-byte seed, imported as the serialised private key: libraries disagree about `DeriveKeyPair`.
 */
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { concat, equal, u64be, utf8, type Bytes } from './bytes';
import type { SealedEnvelope } from './formats';
import { namespace, publicKey as signPublicKey, sign, verifySignature } from './sign';

const kem = new XWing();
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const LINK_CONTEXT = utf8('salus/crypto/link-key/1');

const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

export interface KemKey {
  privateKey: CryptoKey;
  publicKey: Bytes;
}

export async function kemKey(seed: Uint8Array): Promise<KemKey> {
  const pair = await kem.generateKeyPairDerand(new Uint8Array(seed));
  return { privateKey: pair.privateKey, publicKey: new Uint8Array(await kem.serializePublicKey(pair.publicKey)) };
}

/** The HPKE `info` of a context in a network (`label.rs`, `hpke_info`). */
export const hpkeInfo = (label: string, network: Uint8Array): Bytes => concat(utf8(label), network);

const recipient = (key: KemKey, enc: Uint8Array, info: Uint8Array) =>
  suite.createRecipientContext({ recipientKey: key.privateKey, enc: buffer(enc), info: buffer(info) });

async function sender(to: Uint8Array, info: Uint8Array) {
  const recipientPublicKey = await kem.deserializePublicKey(buffer(to));
  return suite.createSenderContext({ recipientPublicKey, info: buffer(info) });
}

/** The link key that a sender's `enc` carries: the exported secret. */
export async function linkReceive(key: KemKey, enc: Uint8Array, info: Uint8Array): Promise<Bytes> {
  const context = await recipient(key, enc, info);
  return new Uint8Array(await context.export(LINK_CONTEXT.buffer, 32));
}

export async function linkSend(to: Uint8Array, info: Uint8Array): Promise<{ enc: Bytes; key: Bytes }> {
  const context = await sender(to, info);
  return { enc: new Uint8Array(context.enc), key: new Uint8Array(await context.export(LINK_CONTEXT.buffer, 32)) };
}

/** What the sender signs (`hpke/signed.rs`); the context of every envelope is its HPKE info. */
const signedMessage = (enc: Uint8Array, ct: Uint8Array, info: Uint8Array): Bytes => concat(enc, u64be(ct.length), ct, info);

/** Seals to a public key and signs as its sender. */
export async function sealEnvelope(
  to: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
  senderSeed: Uint8Array,
): Promise<SealedEnvelope> {
  const context = await sender(to, info);
  const encapsulation = new Uint8Array(context.enc);
  const from = signPublicKey(senderSeed);
  const ciphertext = new Uint8Array(await context.seal(buffer(plaintext), concat(from, info).buffer));
  const signature = sign(senderSeed, namespace.envelope, signedMessage(encapsulation, ciphertext, info));
  return { encapsulation, ciphertext, sender: from, signature };
}

/** RFC 9180 as it stands: one message, base mode. Throws if it does not open. */
export async function openPlain(key: KemKey, enc: Uint8Array, info: Uint8Array, aad: Uint8Array, ct: Uint8Array): Promise<Bytes> {
  const context = await recipient(key, enc, info);
  return new Uint8Array(await context.open(buffer(ct), buffer(aad)));
}

export class EnvelopeError extends Error {}

/** Checks the sender and the signature, then opens. */
export async function openEnvelope(
  key: KemKey,
  info: Uint8Array,
  envelope: SealedEnvelope,
  expectedSender: Uint8Array,
): Promise<Bytes> {
  if (!equal(envelope.sender, expectedSender)) throw new EnvelopeError('the letter is from another sender');
  const message = signedMessage(envelope.encapsulation, envelope.ciphertext, info);
  if (!verifySignature(envelope.sender, namespace.envelope, message, envelope.signature)) {
    throw new EnvelopeError('the signature on the letter does not verify');
  }
  try {
    const aad = concat(envelope.sender, info);
    return await openPlain(key, envelope.encapsulation, info, aad, envelope.ciphertext);
  } catch {
    throw new EnvelopeError('the letter does not open');
  }
}
