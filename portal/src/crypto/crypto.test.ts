import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from './bytes';
import * as aead from './aead';
import * as c from './codec';
import { hash, sha256 } from './hash';
import { hpkeInfo, kemKey, linkReceive, linkSend, openEnvelope, sealEnvelope } from './hpke';
import { derive, keyCommitment } from './kdf';
import { leafHash, merkleRoot, prove, verifyInclusion } from './merkle';
import { combine, split } from './shamir';
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

describe('vectors shared with the Rust crates', () => {
  it('makes the X-Wing keys of the draft', async () => {
    const file = new URL('x-wing-draft.json', CRYPTO);
    if (!existsSync(file)) return console.log('SKIPPED: crates/crypto/testdata/x-wing-draft.json is absent');
    const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: { sk: string; pk: string }[] };
    for (const vector of vectors) expect(toHex((await kemKey(fromHex(vector.sk))).publicKey)).toBe(vector.pk);
  });
});
