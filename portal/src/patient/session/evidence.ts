/** A record on this device as the page shows it, and as the checking worker needs it. */
import type { Resource } from '../../api/fhirTypes';
import { decodeCanonical, fromHex } from '../../crypto';
import { PackageHeader } from '../../crypto/formats';
import { batchPathOf, type RecordItem, type StoredRecord } from './sync';

export function withResource(record: StoredRecord): RecordItem[] {
  try {
    return [{ ...record, resource: JSON.parse(record.text) as Resource }];
  } catch {
    return [];
  }
}

export const evidence = (record: RecordItem) => ({
  key: record.key,
  source: record.source,
  sequence: record.sequence,
  r: fromHex(record.r),
  package: decodeCanonical(PackageHeader, fromHex(record.header)),
  ciphertextDigest: fromHex(record.ciphertextDigest),
  plaintextDigest: fromHex(record.plaintextDigest),
  batchPath: batchPathOf(record),
});
