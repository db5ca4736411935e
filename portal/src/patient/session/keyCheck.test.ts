import { beforeEach, describe, expect, it, vi } from 'vitest';
import { addressOf, encode, hash, publicKey, signTransaction, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { MockChain } from '../../testing/chain';
import { run } from '../../verify/run';
import { notRegistered } from './keyCheck';
import type { PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { Profile } from './profile';

const node = vi.hoisted(() => ({ answer: (_key: Bytes): unknown => undefined }));
vi.mock('../../api/ledger', () => ({ ledger: { stateProof: async (key: Bytes) => node.answer(key) } }));
vi.mock('../../verify/client', () => ({ check: async (job: Parameters<typeof run>[0]['job']) => run({ job, handovers: [] }) }));

const address = (name: string): Bytes => addressOf(publicKey(hash(name)));

let chain: MockChain;
beforeEach(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  node.answer = (key) => chain.proveState(key);
});

function register(name: string, organisation: string) {
  const { seed } = chain.organisation(organisation);
  chain.submit(signTransaction(chain.id, seed, 1_000, { kind: 'RegisterPatient', address: address(name) }));
}

/** What the device of somebody says who joined Hospital A some time ago. */
async function said(name: string, joinedMs = 0): Promise<string[]> {
  const around = { genesis: encode(f.Genesis, chain.genesis) } as unknown as Surroundings;
  const profile = { organisations: [{ id: 'hospital-a', joinedMs }] } as unknown as Profile;
  return notRegistered(around, profile, async () => ({ address: address(name) }) as unknown as PairwiseKeys);
}

describe('the look at the own keys', () => {
  it('finds nothing where the network has them', async () => {
    register('ann', 'hospital-a');
    expect(await said('ann')).toEqual([]);
  });

  it('finds that a hospital registered another key in the place of this one', async () => {
    register('somebody who has the hospital', 'hospital-a');
    expect(await said('ann')).toEqual(['hospital-a']);
  });

  it('finds that another organisation registered the key as its own', async () => {
    register('ann', 'hospital-b');
    expect(await said('ann')).toEqual(['hospital-a']);
  });

  it('is not frightened by a node that says what it cannot prove, or nothing', async () => {
    register('ann', 'hospital-a');
    node.answer = (key) => ({ ...chain.proveState(key), value: null });
    expect(await said('ann')).toEqual([]);
    node.answer = (key) => ({ ...chain.proveState(key), proof: new Uint8Array(40) });
    expect(await said('ann')).toEqual([]);
    node.answer = () => { throw new Error('away'); };
    expect(await said('ann')).toEqual([]);
  });

  it('waits until the node can have the block in which the key was registered', async () => {
    expect(await said('ann', Date.now())).toEqual([]);
  });
});
