/** The proof of one entry as a file that `salus verify` takes. */
import { decodeCanonical, fromHex } from '../../crypto';
import { PackageHeader } from '../../crypto/formats';
import { handoversBefore } from '../../verify/client';
import { proofToJson } from '../../verify/record';
import { PlainError } from '../../api/http';
import { session } from './session';
import { batchPathOf, type RecordItem } from './sync';

export async function recordProofFile(record: RecordItem): Promise<string> {
  const shown = session.anchorOf(record);
  if (!shown) throw new PlainError('The proof is not here yet. Please try again in a minute.');
  const proof = {
    package: decodeCanonical(PackageHeader, fromHex(record.header)),
    ciphertextDigest: fromHex(record.ciphertextDigest),
    plaintextDigest: fromHex(record.plaintextDigest),
    r: fromHex(record.r),
    batchPath: batchPathOf(record),
    ...shown,
  };
  return JSON.stringify(proofToJson(proof, record.text, await handoversBefore(shown.block)), null, 2);
}
