/** Record proofs: this version, unchanged, in this block, certified by these organisations. */
import { batchSize, equal, fromHex, packageDigest, recordCommitment, sha256, toHex, transactionId, transactionIsSigned } from '../crypto';
import { decodeCanonical, encode } from '../crypto/codec';
import { Handover, Header, PackageHeader, Transaction, type RecordProof, type TransactionProof } from '../crypto/formats';
import { leafHash, verifyInclusion, type InclusionProof } from '../crypto/merkle';
import { utf8 } from '../crypto/bytes';
import { verifyCertified, type Certified } from './certificate';
import { ProofError } from './error';
import type { Network } from './network';

export interface CheckedTransaction extends Certified {
  id: string;
}

/** The transaction is signed for this network and in a certified block. */
export function verifyTransaction(network: Network, proof: TransactionProof): CheckedTransaction {
  const { transaction, path, block } = proof;
  if (!equal(transaction.network, network.id)) throw new ProofError('the entry is of another network');
  if (!transactionIsSigned(transaction)) throw new ProofError('the signature on the entry does not verify');
  const certified = verifyCertified(network, block);
  const leaf = leafHash(encode(Transaction, transaction));
  if (path.size !== certified.header.transactions || !verifyInclusion(path, leaf, certified.header.transactionsRoot)) {
    throw new ProofError('the entry is not in the block');
  }
  return { ...certified, id: toHex(transactionId(transaction)) };
}

export interface CheckedAnchor extends CheckedTransaction {
  organisation: string;
  sequence: number;
  batchRoot: Uint8Array;
  leaves: number;
}

/**
 * The transaction is an organisation's own anchor. Whoever has its key since genesis is named by the anchor alone: the
 * ledger takes none that names another than the organisation that signs it.
 */
export function verifyAnchor(network: Network, proof: TransactionProof): CheckedAnchor {
  const checked = verifyTransaction(network, proof);
  const { action, signer } = proof.transaction;
  if (action.kind !== 'Anchor') throw new ProofError('the entry is not an anchor');
  const name = network.byKey.get(toHex(signer))?.id;
  if (name !== undefined && name !== action.organisation) {
    throw new ProofError('the anchor is not signed by its organisation');
  }
  const leaves = batchSize(action.sizeClass);
  if (leaves === undefined) throw new ProofError('the anchor has an unknown size');
  return { ...checked, organisation: action.organisation, sequence: action.sequence, batchRoot: action.batchRoot, leaves };
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
  if (batchPath.size !== anchor.leaves || !verifyInclusion(batchPath, leafHash(commitment), anchor.batchRoot)) {
    throw new ProofError('the record is not in the batch that was anchored');
  }
}

export function verifyRecordProof(network: Network, proof: RecordProof, resource?: string): CheckedAnchor {
  const anchor = verifyAnchor(network, proof.anchor);
  if (proof.package.suite !== 1) throw new ProofError('the record is sealed in an unknown way');
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
  anchor: { transaction: string; path: { index: number; size: number; path: string[] }; headers: string[]; certificate: string };
  /** `Handover`s since genesis, up to the block's epoch. */
  handovers?: string[];
  resource?: string;
}

const pathToJson = (proof: InclusionProof) => ({ index: proof.index, size: proof.size, path: proof.path.map(toHex) });
const pathOfJson = (proof: RecordProofJson['batchPath']): InclusionProof => ({
  index: proof.index,
  size: proof.size,
  path: proof.path.map(fromHex),
});

/** `handovers`: those since genesis that come before the epoch of the anchor's certificate. */
export function proofToJson(proof: RecordProof, resource?: string, handovers: Handover[] = []): RecordProofJson {
  return {
    version: 1,
    package: toHex(encode(PackageHeader, proof.package)),
    ciphertextDigest: toHex(proof.ciphertextDigest),
    plaintextDigest: toHex(proof.plaintextDigest),
    r: toHex(proof.r),
    batchPath: pathToJson(proof.batchPath),
    anchor: {
      transaction: toHex(encode(Transaction, proof.anchor.transaction)),
      path: pathToJson(proof.anchor.path),
      headers: proof.anchor.block.headers.map((header) => toHex(encode(Header, header))),
      certificate: toHex(proof.anchor.block.certificate),
    },
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
    batchPath: pathOfJson(json.batchPath),
    anchor: {
      transaction: decodeCanonical(Transaction, fromHex(json.anchor.transaction)),
      path: pathOfJson(json.anchor.path),
      block: { headers: json.anchor.headers.map((header) => decodeCanonical(Header, fromHex(header))), certificate: fromHex(json.anchor.certificate) },
    },
  };
  const handovers = (json.handovers ?? []).map((one) => decodeCanonical(Handover, fromHex(one)));
  return json.resource === undefined ? { proof, handovers } : { proof, handovers, resource: json.resource };
}
