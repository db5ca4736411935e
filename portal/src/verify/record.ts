/** Record proofs: this version, unchanged, in a batch that this organisation anchored. */
import { batchSize, equal, fromHex, packageDigest, recordCommitment, sha256, stateKey, toHex } from '../crypto';
import { decodeCanonical, encode } from '../crypto/codec';
import { AnchorEntry, Handover, Header, PackageHeader, type AnchorProof, type AnchorProofs, type BatchId, type RecordProof } from '../crypto/formats';
import { leafHash, verifyInclusion, type InclusionProof } from '../crypto/merkle';
import { utf8 } from '../crypto/bytes';
import { suiteOf } from '../crypto/suite';
import { verifyCertified, type Certified } from './certificate';
import { ProofError } from './error';
import type { Network } from './network';
import { verifyState } from './state';

/** A batch as a key of maps. */
export const batchKey = ({ organisation, sequence }: BatchId): string => `${organisation}/${sequence}`;

/** An anchor that stood in the state after a certified block. */
export interface CheckedAnchor {
  batch: BatchId;
  /** With the block in which it was anchored and its time. */
  entry: AnchorEntry;
  leaves: number;
  /** The block that vouches for it, and who certified that. */
  certified: Certified;
}

/**
 * The anchors stood in the state after the block. The key of each names its organisation: the ledger takes an anchor
 * only from the organisation that it names, and never changes it. An anchor that does not hold gives an error in its
 * place; a block that does not hold is thrown.
 */
export function verifyAnchors(network: Network, { anchors, block }: AnchorProofs): (CheckedAnchor | ProofError)[] {
  const certified = verifyCertified(network, block);
  return anchors.map((anchor) => {
    try {
      return inState(certified, anchor);
    } catch (error) {
      return error instanceof ProofError ? error : new ProofError('the proof cannot be read');
    }
  });
}

function inState(certified: Certified, { batch, entry, proof }: AnchorProof): CheckedAnchor {
  const key = stateKey.anchor(batch.organisation, batch.sequence);
  verifyState(certified.header.stateRoot, key, encode(AnchorEntry, entry), proof);
  const leaves = batchSize(entry.sizeClass);
  if (leaves === undefined) throw new ProofError('the anchor has an unknown size');
  return { batch, entry, leaves, certified };
}

export interface RecordEvidence {
  r: Uint8Array;
  package: PackageHeader;
  ciphertextDigest: Uint8Array;
  plaintextDigest: Uint8Array;
  batchPath: InclusionProof;
}

/** The record's commitment is in the anchored batch. */
export function verifyInBatch(anchor: CheckedAnchor, evidence: RecordEvidence): void {
  const sealed = packageDigest(evidence.package, evidence.ciphertextDigest);
  const commitment = recordCommitment(evidence.r, sealed, evidence.plaintextDigest);
  const { batchPath } = evidence;
  if (batchPath.size !== anchor.leaves || !verifyInclusion(batchPath, leafHash(commitment), anchor.entry.batchRoot)) {
    throw new ProofError('the record is not in the batch that was anchored');
  }
}

export function verifyRecordProof(network: Network, proof: RecordProof, resource?: string): CheckedAnchor {
  const anchor = inState(verifyCertified(network, proof.block), proof.anchor);
  if (!suiteOf(proof.package.suite)) throw new ProofError('the record is sealed in an unknown way');
  if (resource !== undefined && !equal(sha256(utf8(resource)), proof.plaintextDigest)) {
    throw new ProofError('the record is not the one that was sealed');
  }
  verifyInBatch(anchor, proof);
  return anchor;
}

// The JSON form (api.md, "record proofs").

export interface RecordProofJson {
  version: 1;
  package: string;
  ciphertextDigest: string;
  plaintextDigest: string;
  r: string;
  batchPath: { index: number; size: number; path: string[] };
  anchor: { organisation: string; sequence: number; entry: string; proof: string };
  headers: string[];
  certificate: string;
  /** `Handover`s since genesis, up to the block's epoch. */
  handovers?: string[];
  resource?: string;
}

/** `handovers`: those since genesis that come before the epoch of the certificate. */
export function proofToJson(proof: RecordProof, resource?: string, handovers: Handover[] = []): RecordProofJson {
  return {
    version: 1,
    package: toHex(encode(PackageHeader, proof.package)),
    ciphertextDigest: toHex(proof.ciphertextDigest),
    plaintextDigest: toHex(proof.plaintextDigest),
    r: toHex(proof.r),
    batchPath: { ...proof.batchPath, path: proof.batchPath.path.map(toHex) },
    anchor: { ...proof.anchor.batch, entry: toHex(encode(AnchorEntry, proof.anchor.entry)), proof: toHex(proof.anchor.proof) },
    headers: proof.block.headers.map((header) => toHex(encode(Header, header))),
    certificate: toHex(proof.block.certificate),
    ...(handovers.length === 0 ? {} : { handovers: handovers.map((one) => toHex(encode(Handover, one))) }),
    ...(resource === undefined ? {} : { resource }),
  };
}

export function proofOfJson(json: RecordProofJson): { proof: RecordProof; handovers: Handover[]; resource?: string } {
  const proof: RecordProof = {
    package: decodeCanonical(PackageHeader, fromHex(json.package)),
    ciphertextDigest: fromHex(json.ciphertextDigest),
    plaintextDigest: fromHex(json.plaintextDigest),
    r: fromHex(json.r),
    batchPath: { ...json.batchPath, path: json.batchPath.path.map(fromHex) },
    anchor: {
      batch: { organisation: json.anchor.organisation, sequence: json.anchor.sequence },
      entry: decodeCanonical(AnchorEntry, fromHex(json.anchor.entry)),
      proof: fromHex(json.anchor.proof),
    },
    block: { headers: json.headers.map((header) => decodeCanonical(Header, fromHex(header))), certificate: fromHex(json.certificate) },
  };
  const handovers = (json.handovers ?? []).map((one) => decodeCanonical(Handover, fromHex(one)));
  return json.resource === undefined ? { proof, handovers } : { proof, handovers, resource: json.resource };
}
