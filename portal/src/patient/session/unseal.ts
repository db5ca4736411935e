/** From shares and a sealed package to the exact bytes of a record version. */
import { encode, equal, fromUtf8, sha256, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { combine, generationOf, type Share } from '../../crypto/shamir';
import { suiteOf } from '../../crypto/suite';
import type { OpenCompartment } from './directory';

export interface Unsealed {
  text: string;
  r: Bytes;
  ciphertextDigest: Bytes;
  plaintextDigest: Bytes;
}

/** Two honest shares of three open it; a false one shows, because the data key is committed to. */
export async function unseal(pack: f.SealedPackage, compartment: OpenCompartment, shares: Share[]): Promise<Unsealed> {
  const { header, ciphertext } = pack;
  if (!equal(header.compartment, compartment.id)) throw new Error('the package is of another compartment');
  const suite = suiteOf(header.suite);
  if (!suite) throw new Error('the package is sealed in an unknown way');
  for (const pair of pairs(shares)) {
    const key = suite.dataKey(compartment.key, combine(pair), header.version);
    if (!equal(suite.keyCommitment(key), header.keyCommitment)) continue;
    const opened = await suite.open(key, encode(f.PackageHeader, header), ciphertext);
    const plaintext = opened.subarray(64);
    return {
      text: fromUtf8(plaintext),
      r: opened.slice(0, 64),
      ciphertextDigest: sha256(ciphertext),
      plaintextDigest: sha256(plaintext),
    };
  }
  throw new Error('the shares do not fit the package');
}

/** Pairs of one generation: an old share and a new one give nothing. */
export function pairs(shares: Share[]): Share[][] {
  const unique = [...new Map(shares.map((share) => [share.index, share])).values()];
  return unique.flatMap((a, at) => unique.slice(at + 1).filter((b) => generationOf(a) === generationOf(b)).map((b) => [a, b]));
}
