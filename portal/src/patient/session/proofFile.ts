/** The proof of one entry as a file that `salus verify` takes. */
import { decodeCanonical, fromHex } from '../../crypto';
import { PackageHeader } from '../../crypto/formats';
import { handoversBefore } from '../../verify/client';
import { proofToJson } from '../../verify/record';
import { PlainError } from '../../api/http';
import { session } from './session';
import { batchPathOf, type RecordItem } from './sync';

export async function recordProofFile(record: RecordItem): Promise<string> {
  const anchor = session.anchorOf(record);
  if (!anchor) throw new PlainError('The proof is not here yet. Please try again in a minute.');
  const proof = {
    package: decodeCanonical(PackageHeader, fromHex(record.header)),
    ciphertextDigest: fromHex(record.ciphertextDigest),
    plaintextDigest: fromHex(record.plaintextDigest),
    r: fromHex(record.r),
    batchPath: batchPathOf(record),
    anchor,
  };
  return JSON.stringify(proofToJson(proof, record.text, await handoversBefore(anchor.block)), null, 2);
}
