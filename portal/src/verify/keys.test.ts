/** A person's key in the network's state: there, absent, or another organisation's. */
import { beforeAll, describe, expect, it } from 'vitest';
import { addressOf, encode, hash, publicKey, signTransaction, stateKey } from '../crypto';
import * as f from '../crypto/formats';
import { MockChain } from '../testing/chain';
import { run } from './run';

let chain: MockChain;
const address = (name: string) => addressOf(publicKey(hash(name)));

beforeAll(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  const { seed } = chain.organisation('hospital-a');
  chain.submit(signTransaction(chain.id, seed, 1_000, { kind: 'RegisterPatient', address: address('ann') }));
});

function verdict(name: string, organisation: string, change: (value: Uint8Array | null) => Uint8Array | null = (value) => value) {
  const proven = chain.proveState(stateKey.patient(address(name)));
  const job = { kind: 'key' as const, genesis: encode(f.Genesis, chain.genesis), address: address(name), organisation, proven: { ...proven, value: change(proven.value) } };
  return run({ job, handovers: [] }).key!;
}

describe("a person's key", () => {
  it('is the one that the organisation registered', () => {
    expect(verdict('ann', 'hospital-a')).toMatchObject({ ok: true });
  });
  it('is proven not to be there, or not to be registered by this organisation', () => {
    for (const [name, organisation] of [['bob', 'hospital-a'], ['ann', 'hospital-b']] as const) {
      const { ok, certifiedHeight } = verdict(name, organisation);
      expect({ ok, proven: certifiedHeight !== undefined }).toEqual({ ok: false, proven: true });
    }
  });
  it('is not shown to be missing by an answer that proves nothing', () => {
    for (const change of [() => null, (value: Uint8Array | null) => value && value.slice(1)]) {
      const { ok, certifiedHeight } = verdict('ann', 'hospital-a', change);
      expect({ ok, certifiedHeight }).toEqual({ ok: false, certifiedHeight: undefined });
    }
  });
});
