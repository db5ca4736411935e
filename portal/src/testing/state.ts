/** States as `docs/protocol/state-proofs.md` lays them down, small enough for one tree. */
import { concat, hash, sha256, type Bytes } from '../crypto';
import { u64be } from '../crypto/bytes';
import { varint } from '../crypto/codec';
import { compareKeys } from '../verify/network';

export interface MockState {
  root: Bytes;
  /** What shows each entry: all of a proof of its presence but the end. */
  shown: Bytes[];
  /** The key that follows each in the ring of all keys. */
  next: Bytes[];
}

const ones = (value: number): number => [...value.toString(2)].filter((bit) => bit === '1').length;
/** Position of the top of a tree of some height, from its first leaf on. */
const position = (leaf: number, height: number): Bytes => u64be(2 * leaf - ones(leaf) + 2 ** (height + 1) - 2);

/** At most 128 entries, and others that fill the tree up. */
export function mockState(entries: [key: Bytes, value: Bytes][]): MockState {
  const size = 2 ** Math.ceil(Math.log2(Math.max(entries.length, 1)));
  const filler = (at: number): [Bytes, Bytes] => [hash('mock/filler', u64be(at)), new Uint8Array([1])];
  const all = [...entries, ...Array.from({ length: size - entries.length }, (_, at) => filler(at))];
  const ring = all.map(([key]) => key).sort(compareKeys);
  const next = all.map(([key]) => ring[(ring.indexOf(key) + 1) % size]!);
  const update = ([key, value]: [Bytes, Bytes], at: number) => concat(new Uint8Array([0xd2]), key, varint(value.length), value, next[at]!);
  const levels = [all.map((entry, at) => sha256(position(at, 0), update(entry, at)))];
  for (let level = levels[0]!; level.length > 1; level = levels.at(-1)!) {
    const below = level;
    const height = levels.length;
    levels.push(Array.from({ length: below.length / 2 }, (_, at) => sha256(position(at * 2 ** height, height), below[2 * at]!, below[2 * at + 1]!)));
  }
  const chunk = new Uint8Array(32).map((_, byte) => 2 ** Math.min(8, Math.max(0, size - 8 * byte)) - 1);
  const [partial, log, leaves] = [sha256(chunk), hash('mock/log'), u64be(size)];
  const grafted = sha256(new Uint8Array([0, 1]), leaves, levels.at(-1)![0]!);
  const shown = all.map((_, at) => {
    const heights = levels.slice(0, -1).map((_, height) => height);
    const isRight = (height: number) => ((at >> height) & 1) === 1;
    // As a walk from the top meets them: those to the left on the way down, those to the right on the way back.
    const walk = [...heights.filter(isRight).toReversed(), ...heights.filter((height) => !isRight(height))];
    const siblings = walk.map((height) => levels[height]![(at >> height) ^ 1]!);
    return concat(varint(at), chunk, varint(size), varint(0), varint(siblings.length), ...siblings, new Uint8Array([1]), partial, log);
  });
  return { root: sha256(log, grafted, leaves, partial), shown, next };
}
