import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, u64be, utf8 } from './bytes';
import * as aead from './aead';
import * as c from './codec';
import { hash, sha256 } from './hash';
import { hpkeInfo, kemKey, linkReceive, linkSend, openEnvelope, openPlain, sealEnvelope } from './hpke';
import { derive, keyCommitment } from './kdf';
import { leafHash, merkleRoot, prove, verifyInclusion } from './merkle';
import { combine, shareCommitment, split } from './shamir';
import { publicKey, sign, verifySignature } from './sign';

const bytes = (n: number) => new Uint8Array(n).map((_, at) => (at * 7 + n) & 0xff);

describe('the canonical codec', () => {
  it('writes lengths as shortest varints and refuses longer ones', () => {
    const value = c.blob(1000);
    expect(toHex(c.encode(value, new Uint8Array(200))).slice(0, 4)).toBe('c801');
    expect(() => c.decodeCanonical(value, fromHex('8000'))).toThrow();
    expect(() => c.decodeCanonical(c.blob(3), fromHex('0401020304'))).toThrow();
  });
  it('refuses what is left over, cut short or unknown', () => {
    const pair = c.struct({ a: c.u32, b: c.option(c.u64) });
    expect(c.decodeCanonical(pair, fromHex('0000000a00'))).toEqual({ a: 10, b: null });
    for (const bad of ['0000000a', '0000000a0000', '0000000a02', '0000000a0100000000000000']) {
      expect(() => c.decodeCanonical(pair, fromHex(bad))).toThrow();
    }
    expect(() => c.decodeCanonical(c.u64, fromHex('ffffffffffffffff'))).toThrow();
    expect(() => c.decodeCanonical(c.text(4), fromHex('02c328'))).toThrow();
  });
});

describe('hashes and keys', () => {
  it('frames tag and parts injectively', () => {
    expect(toHex(hash('tag', utf8('ab'), utf8('')))).toBe(
      toHex(sha256(fromHex('03746167' + '0000000000000002' + '6162' + '0000000000000000'))),
    );
    expect(toHex(hash('t', utf8('ab')))).not.toBe(toHex(hash('t', utf8('a'), utf8('b'))));
  });
  it('derives different keys for every input', () => {
    const keys = [
      derive('label', utf8('ikm'), utf8('salt'), utf8('in'), utf8('fo')),
      derive('label', utf8('ikm'), utf8('salt'), utf8('info')),
      derive('other', utf8('ikm'), utf8('salt'), utf8('info')),
      derive('label', utf8('ikm')),
    ].map(toHex);
    expect(new Set(keys).size).toBe(4);
    expect(keyCommitment(bytes(32))).toHaveLength(32);
  });
});

describe('sealing', () => {
  it('opens what it sealed and nothing else', async () => {
    const sealed = await aead.seal(bytes(32), utf8('aad'), utf8('text'));
    expect(await aead.open(bytes(32), utf8('aad'), sealed)).toEqual(utf8('text'));
    for (let at = 0; at < sealed.length; at++) {
      const bad = sealed.slice();
      bad[at]! ^= 1;
      await expect(aead.open(bytes(32), utf8('aad'), bad)).rejects.toThrow();
    }
    await expect(aead.open(bytes(32), utf8('aae'), sealed)).rejects.toThrow();
  });
  it('signs under a namespace', () => {
    const seed = bytes(32);
    const signature = sign(seed, 'a', utf8('m'));
    expect(verifySignature(publicKey(seed), 'a', utf8('m'), signature)).toBe(true);
    expect(verifySignature(publicKey(seed), 'am', utf8(''), signature)).toBe(false);
    expect(verifySignature(bytes(31), 'a', utf8('m'), signature)).toBe(false);
  });
  it('carries letters and link keys to one recipient', async () => {
    const to = await kemKey(bytes(32));
    const info = hpkeInfo('salus/hpke/letter/v1', bytes(32));
    const letter = await sealEnvelope(to.publicKey, info, utf8('hello'), sha256(utf8('sender')));
    const from = publicKey(sha256(utf8('sender')));
    expect(await openEnvelope(to, info, letter, from)).toEqual(utf8('hello'));
    await expect(openEnvelope(to, info, letter, publicKey(bytes(32)))).rejects.toThrow();
    await expect(openEnvelope(to, utf8('other'), letter, from)).rejects.toThrow();
    const link = await linkSend(to.publicKey, info);
    expect(await linkReceive(to, link.enc, info)).toEqual(link.key);
  });
});

describe('Shamir shares', () => {
  it('give the secret back from any two of three', () => {
    const secret = bytes(32);
    const [a, b, d] = split(secret, 2, 3) as [never, never, never];
    for (const pair of [[a, b], [b, d], [a, d], [d, a], [a, b, d]]) expect(combine(pair)).toEqual(secret);
    expect(() => combine([a])).toThrow();
    expect(() => combine([a, a])).toThrow();
  });
});

describe('Merkle trees', () => {
  it('prove every leaf of every size and no other', () => {
    for (const size of [1, 2, 3, 5, 8, 13, 64]) {
      const leaves = Array.from({ length: size }, (_, at) => leafHash(bytes(at)));
      const root = merkleRoot(leaves);
      for (let at = 0; at < size; at++) {
        const proof = prove(leaves, at);
        expect(verifyInclusion(proof, leaves[at]!, root)).toBe(true);
        expect(verifyInclusion(proof, leafHash(bytes(99)), root)).toBe(false);
        expect(verifyInclusion({ ...proof, path: [...proof.path, root] }, leaves[at]!, root)).toBe(false);
        if (size > 1) expect(verifyInclusion({ ...proof, index: (at + 1) % size }, leaves[at]!, root)).toBe(false);
      }
    }
  });
});

const CRYPTO = new URL('../../../crates/crypto/testdata/', import.meta.url);

/** A vector file of the Rust side; says so aloud where it is absent. */
function vectors<T>(name: string): T | null {
  const file = new URL(name, CRYPTO);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as T;
  console.log(`SKIPPED: ${name} is absent`);
  return null;
}

interface Constructions {
  aead: Record<'aad' | 'key' | 'key_commitment' | 'plaintext' | 'sealed', string>;
  commitment: { digest: string; parts: string[]; r: string; tag: string };
  derive: { ikm: string; info: string[]; key: string; label: string; salt: string };
  hash: { digest: string; parts: string[]; tag: string };
  merkle: { leaves?: string[]; proofs: { index: number; size: number; path: string[] }[]; root: string };
  sign: Record<'message' | 'namespace' | 'public' | 'seed' | 'signature', string>;
  stream: { aad: string; key: string; plaintext_len: number; sealed_empty: string };
}
interface Hpke {
  enc: string; ct: string; exported: string; info: string; aad: string; plaintext: string; public: string; seed: string;
  signed: { context: string; info: string; namespace: string; sender: string; envelope: Record<'ct' | 'enc' | 'sender' | 'signature', string> };
}
interface ShamirVectors {
  cases: { threshold: number; secret: string; context: string; shares: { index: number; value: string; commitment: string }[] }[];
}

describe('vectors shared with the Rust crates', () => {
  it('makes the X-Wing keys of the draft', async () => {
    const file = vectors<{ vectors: { sk: string; pk: string }[] }>('x-wing-draft.json');
    for (const vector of file?.vectors ?? []) expect(toHex((await kemKey(fromHex(vector.sk))).publicKey)).toBe(vector.pk);
  });
  it('agrees on hashes, keys, signatures and sealing', async () => {
    const v = vectors<Constructions>('constructions.json');
    if (!v) return;
    expect(toHex(hash(v.hash.tag, ...v.hash.parts.map(fromHex)))).toBe(v.hash.digest);
    expect(toHex(hash(v.commitment.tag, fromHex(v.commitment.r), ...v.commitment.parts.map(fromHex)))).toBe(v.commitment.digest);
    expect(toHex(derive(v.derive.label, fromHex(v.derive.ikm), fromHex(v.derive.salt), ...v.derive.info.map(fromHex)))).toBe(v.derive.key);
    expect(toHex(keyCommitment(fromHex(v.aead.key)))).toBe(v.aead.key_commitment);
    expect(toHex(await aead.seal(fromHex(v.aead.key), fromHex(v.aead.aad), fromHex(v.aead.plaintext)))).toBe(v.aead.sealed);
    expect(toHex(publicKey(fromHex(v.sign.seed)))).toBe(v.sign.public);
    expect(toHex(sign(fromHex(v.sign.seed), v.sign.namespace, fromHex(v.sign.message)))).toBe(v.sign.signature);
    expect(await aead.openStream(fromHex(v.stream.key), fromHex(v.stream.aad), fromHex(v.stream.sealed_empty))).toHaveLength(0);
    for (const leaf of v.merkle.leaves?.map((one, index) => [one, index] as const) ?? []) {
      const proof = v.merkle.proofs[leaf[1]]!;
      expect(verifyInclusion({ ...proof, path: proof.path.map(fromHex) }, leafHash(fromHex(leaf[0])), fromHex(v.merkle.root))).toBe(true);
    }
  });
  it('opens what Rust sealed to an X-Wing key', async () => {
    const v = vectors<Hpke>('hpke-xwing.json');
    if (!v) return;
    const key = await kemKey(fromHex(v.seed));
    expect(toHex(key.publicKey)).toBe(v.public);
    expect(toHex(await linkReceive(key, fromHex(v.enc), fromHex(v.info)))).toBe(v.exported);
    expect(toHex(await openPlain(key, fromHex(v.enc), fromHex(v.info), fromHex(v.aad), fromHex(v.ct)))).toBe(v.plaintext);
    const { context, envelope, namespace } = v.signed;
    const signed = concat(fromHex(envelope.enc), u64be(envelope.ct.length / 2), fromHex(envelope.ct), fromHex(context));
    expect(verifySignature(fromHex(envelope.sender), namespace, signed, fromHex(envelope.signature))).toBe(true);
    const aad = concat(fromHex(envelope.sender), fromHex(context));
    expect(toHex(await openPlain(key, fromHex(envelope.enc), fromHex(v.signed.info), aad, fromHex(envelope.ct)))).toBe(v.plaintext);
  });
  it('combines shares that Rust split', () => {
    for (const one of vectors<ShamirVectors>('shamir.json')?.cases ?? []) {
      const shares = one.shares.map((share) => ({ index: share.index, value: fromHex(share.value) }));
      expect(toHex(combine(shares.slice(-one.threshold)))).toBe(one.secret);
      const context = /^([0-9a-f]{2})*$/.test(one.context) ? fromHex(one.context) : utf8(one.context);
      one.shares.forEach((share, at) => expect(toHex(shareCommitment(shares[at]!, context))).toBe(share.commitment));
    }
  });
});
