/** Anchors as the device asks for them, keeps them and hands them over for checking. */
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { ledger } from '../../api/ledger';
import { encode, hash, stateKey, toHex } from '../../crypto';
import { AnchorEntry, type BatchId } from '../../crypto/formats';
import { MockChain } from '../../testing/chain';
import { Anchors } from './sync';

let chain: MockChain;
const batch = (sequence: number): BatchId => ({ organisation: 'hospital-a', sequence });
const batches = (count: number): BatchId[] => Array.from({ length: count }, (_, sequence) => batch(sequence));
const sizes = (anchors: Anchors, of: BatchId[]): number[] => anchors.of(of).map((proofs) => proofs.anchors.length);

beforeAll(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  const entry = encode(AnchorEntry, { batchRoot: hash('root'), sizeClass: 0, height: 1, timeMs: 2 });
  for (const { organisation, sequence } of batches(70)) chain.state.set(toHex(stateKey.anchor(organisation, sequence)), entry);
});
afterEach(() => void vi.restoreAllMocks());

it('are asked for once, up to 64 at a time, and those that are not there again', async () => {
  const asked = vi.spyOn(ledger, 'anchors').mockImplementation(async (wanted) => chain.proveAnchors(wanted));
  const anchors = new Anchors();
  const kept = await anchors.fetch([...batches(71), batch(3)]);
  expect(asked.mock.calls.map(([wanted]) => wanted.length)).toEqual([64, 7]);
  expect(kept.map(({ key }) => key)).toEqual(['hospital-a/0', 'hospital-a/64']);
  expect(await anchors.fetch(batches(71))).toEqual([]);
  expect(asked.mock.calls[2]).toEqual([[batch(70)]]);

  expect(sizes(anchors, batches(71))).toEqual([64, 6]);
  expect(sizes(anchors, [batch(2), batch(5)])).toEqual([2]);
  const again = new Anchors();
  again.load(kept.map(({ bytes }) => bytes));
  expect(again.of(batches(71))).toEqual(anchors.of(batches(71)));
  expect(again.get(batch(65))).toMatchObject({ anchor: { batch: batch(65) }, block: { headers: [{}] } });
  expect(again.get(batch(70))).toBeUndefined();
});

it('that nobody asked for do not take the place of those that are here', async () => {
  const anchors = new Anchors();
  vi.spyOn(ledger, 'anchors').mockImplementation(async () => chain.proveAnchors([batch(1), batch(2)]));
  await anchors.fetch([batch(1)]);
  const before = anchors.get(batch(1));
  await anchors.fetch([batch(2)]);
  expect(anchors.get(batch(1))).toBe(before);
  expect(sizes(anchors, [batch(1), batch(2)])).toEqual([1, 1]);
});

it('that cannot be had now leave the others', async () => {
  const anchors = new Anchors();
  vi.spyOn(ledger, 'anchors').mockRejectedValueOnce(new Error('offline')).mockImplementation(async (wanted) => chain.proveAnchors(wanted));
  expect(await anchors.fetch(batches(70))).toHaveLength(1);
  expect(anchors.get(batch(0))).toBeUndefined();
  expect(anchors.get(batch(69))).toBeDefined();
});
