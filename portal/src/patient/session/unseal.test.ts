import { describe, expect, it } from 'vitest';
import { combine, generationOf, split, type Share } from '../../crypto/shamir';
import { randomBytes, toHex } from '../../crypto';
import { pairs } from './unseal';

/** The three shares of a generation, at its coordinates. */
const generation = (secret: Uint8Array, number: number): Share[] => split(secret, 2, 3 * number + 3).slice(3 * number);

describe('shares of two generations', () => {
  const secret = randomBytes(32);
  const [old, fresh] = [generation(secret, 0), generation(secret, 1)];

  it('are told apart by their coordinates', () => {
    expect([...old, ...fresh].map(generationOf)).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('are never paired, and would give another secret', () => {
    expect(pairs([old[0]!, fresh[1]!])).toEqual([]);
    expect(toHex(combine([old[0]!, fresh[1]!]))).not.toBe(toHex(secret));
  });

  it('are each paired among themselves, whoever gave both', () => {
    const found = pairs([old[0]!, fresh[0]!, old[1]!, fresh[2]!, old[0]!]);
    expect(found.map((pair) => pair.map((share) => share.index))).toEqual([[1, 2], [4, 6]]);
    for (const pair of found) expect(toHex(combine(pair))).toBe(toHex(secret));
  });
});
