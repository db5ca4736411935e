/** State proofs that nodes made, and what happens to them when anything at all is changed. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concat, encode, fromHex, hash, sha256, stateKey, toHex, u64be, type Bytes } from '../crypto';
import * as f from '../crypto/formats';
import { MockChain } from '../testing/chain';
import { verifyGrantEntry, verifyMember } from './entries';
import { readGenesis } from './network';
import { verifyState, verifyStateProof } from './state';

interface Vector {
  root: string;
  key: string;
  value: string | null;
  proof: string;
}
const file = new URL('../../../crates/node/testdata/state-proofs.json', import.meta.url);
const cases = (JSON.parse(readFileSync(file, 'utf8')) as Vector[]).map(({ root, key, value, proof }) => ({
  root: fromHex(root),
  key: fromHex(key),
  value: value === null || value === undefined ? null : fromHex(value),
  proof: fromHex(proof),
}));
type Case = (typeof cases)[0];

const holds = ({ root, key, value, proof }: Case): boolean => {
  try {
    verifyState(root, key, value, proof);
    return true;
  } catch {
    return false;
  }
};
const flipped = (bytes: Bytes, at: number): Bytes => {
  const changed = bytes.slice();
  changed[at]! ^= 1 << (at % 8);
  return changed;
};

describe('a proof of the state', () => {
  it('of a node holds, of presence and of absence', () => {
    expect(cases.filter((one) => one.value).length).toBeGreaterThanOrEqual(8);
    expect(cases.filter((one) => !one.value).length).toBeGreaterThanOrEqual(8);
    cases.forEach((one, at) => expect(holds(one), `case ${at}`).toBe(true));
  });
  it('fails for every changed byte', () => {
    cases.forEach((one, number) => {
      for (let at = 0; at < one.proof.length; at++) {
        expect(holds({ ...one, proof: flipped(one.proof, at) }), `case ${number}, byte ${at}`).toBe(false);
      }
      expect(holds({ ...one, root: flipped(one.root, 31) })).toBe(false);
      expect(holds({ ...one, proof: one.proof.slice(1) })).toBe(false);
      expect(holds({ ...one, proof: concat(one.proof, new Uint8Array(1)) })).toBe(false);
      expect(holds({ ...one, value: new Uint8Array([0xee]) })).toBe(false);
      if (one.value) {
        expect(holds({ ...one, value: null })).toBe(false);
        expect(holds({ ...one, key: flipped(one.key, 0) })).toBe(false);
      }
    });
  });
});

describe('a proof of absence', () => {
  it('is worth nothing for a key that is there', () => {
    const absent = cases.filter((one) => !one.value && one.proof[0] === 0);
    expect(absent.length).toBeGreaterThanOrEqual(8);
    for (const one of absent) {
      // The key after the gap ends the proof.
      expect(holds({ ...one, key: one.proof.slice(-32) })).toBe(false);
      const there = cases.filter((other) => other.value && toHex(other.root) === toHex(one.root));
      for (const { key } of there) expect(holds({ ...one, key })).toBe(false);
    }
  });
});

/** A state of one operation: its root, and what shows the operation with some digests to spare. */
function single(operation: Bytes, bit: number, spare: Bytes[]): { root: Bytes; shown: Bytes } {
  const [log, one, chunk] = [hash('log'), u64be(1), new Uint8Array(32)];
  chunk[0] = bit;
  const leaf = sha256(u64be(0), new Uint8Array([0xd2]), operation);
  const partial = sha256(chunk);
  const root = sha256(log, sha256(new Uint8Array([0, 1]), one, leaf), one, partial);
  const counted = new Uint8Array([1, 0, spare.length]);
  return { root, shown: concat(new Uint8Array(1), chunk, counted, ...spare, new Uint8Array([1]), partial, log) };
}

const VALUE = new Uint8Array([7]);
const entryOf = (key: Bytes, next: Bytes): Bytes => concat(key, new Uint8Array([1]), VALUE, next);

function present(bit: number, spare: Bytes[]): Case {
  const key = hash('key');
  const { root, shown } = single(entryOf(key, key), bit, spare);
  return { root, key, value: VALUE, proof: concat(shown, key) };
}

function absent(before: number, next: number, asked: number): Case {
  const [from, to, key] = [before, next, asked].map((byte) => new Uint8Array(32).fill(byte)) as [Bytes, Bytes, Bytes];
  const { root, shown } = single(entryOf(from, to), 1, []);
  return { root, key, value: null, proof: concat(new Uint8Array(1), shown, entryOf(from, to)) };
}

describe('a gap between two keys', () => {
  it.each([
    [10, 80, 40, true],
    [10, 80, 10, false],
    [10, 80, 80, false],
    [10, 80, 5, false],
    [10, 80, 90, false],
    [80, 10, 90, true],
    [80, 10, 5, true],
    [80, 10, 80, false],
    [80, 10, 10, false],
    [80, 10, 40, false],
    [10, 10, 40, true],
    [10, 10, 10, false],
  ])('from %i to %i, asked for %i: %s', (before, next, asked, expected) => {
    expect(holds(absent(before, next, asked))).toBe(expected);
  });
});

describe('an operation', () => {
  it('counts only while its bit is set, and with no digest to spare', () => {
    expect(holds(present(1, []))).toBe(true);
    expect(holds(present(2, []))).toBe(false);
    expect(holds(present(1, [hash('spare')]))).toBe(false);
  });
});

describe('an entry of the state', () => {
  it('is there or not, and is of its own kind', async () => {
    const chain = await MockChain.start(1_700_000_000_000);
    const network = readGenesis(encode(f.Genesis, chain.genesis));
    const [grant, { info }] = [hash('grant'), chain.organisation('insurer')];
    const absent = chain.proveState(stateKey.grant(grant));
    expect(verifyGrantEntry(network, grant, absent).entry).toBeNull();
    expect(() => verifyStateProof(network, hash('mock/other'), absent)).toThrow('other keys');
    const key = stateKey.organisation(info.nodeKey);
    const put = (organisation: f.Organisation) =>
      chain.state.set(toHex(key), encode(f.OrganisationEntry, { organisation, slot: 2, since: 7 }));
    put(info);
    const proof = chain.proveState(key);
    expect(verifyMember(network, info.nodeKey, proof).entry).toMatchObject({ since: 7, organisation: { id: 'insurer', class: 'payer' } });
    const { nodeKey: other } = chain.organisation('regulator').info;
    expect(() => verifyMember(network, other, proof)).toThrow('does not lead');
    put(chain.organisation('regulator').info);
    expect(() => verifyMember(network, info.nodeKey, chain.proveState(key))).toThrow('another organisation');
  });
});
