import { describe, expect, it } from 'vitest';
import { concat, derive, encode, keyCommitment, label, randomBytes, toHex, utf8 } from '../../crypto';
import { seal } from '../../crypto/aead';
import * as f from '../../crypto/formats';
import { combine, generationOf, split, type Share } from '../../crypto/shamir';
import type { OpenCompartment } from './directory';
import { pairs, unseal } from './unseal';

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

describe('a package', () => {
  const [key, s, id, version] = [randomBytes(32), randomBytes(32), randomBytes(32), randomBytes(32)];
  const shares = generation(s, 0);
  const compartment = { id, key } as unknown as OpenCompartment;

  /** Sealed under a data key, with a header that is changed before. */
  async function sealed(change: Partial<f.PackageHeader> = {}, dek = derive(label.dataKey, key, s, version)): Promise<f.SealedPackage> {
    const header: f.PackageHeader = { suite: 1, compartment: id, epoch: 0, version, content: 'fhir', keyCommitment: keyCommitment(dek), ...change };
    return { header, ciphertext: await seal(dek, encode(f.PackageHeader, header), concat(new Uint8Array(64), utf8('{}'))) };
  }

  it('opens with two shares', async () => {
    expect((await unseal(await sealed(), compartment, shares.slice(1))).text).toBe('{}');
  });

  it('of an unknown suite is refused, and so is one whose suite was changed to be known', async () => {
    for (const suite of [0, 2, 255]) {
      const pack = await sealed({ suite });
      await expect(unseal(pack, compartment, shares)).rejects.toThrow('unknown way');
      await expect(unseal({ ...pack, header: { ...pack.header, suite: 1 } }, compartment, shares)).rejects.toThrow();
    }
  });

  it('is not opened by a key that it does not commit to, though the cipher would open it', async () => {
    const pack = await sealed({ keyCommitment: keyCommitment(randomBytes(32)) });
    await expect(unseal(pack, compartment, shares)).rejects.toThrow('do not fit');
  });
});
