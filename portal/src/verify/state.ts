/** What is, or is not, under a key of the ledger's state, as `docs/protocol/state-proofs.md` describes it. */
import { concat, equal, sha256, u64be, type Bytes } from '../crypto';
import { blob, encode, fixed, list, option, Reader, varint } from '../crypto/codec';
import type { CertifiedHeader } from '../crypto/formats';
import { verifyCertified, type Certified } from './certificate';
import { ProofError } from './error';
import type { Network } from './network';
import { rootOf } from './stateTree';

/** Operations whose bits make one chunk. */
const CHUNK_BITS = 256;
const DIGESTS_MAX = 256;
const [UPDATE, COMMIT] = [new Uint8Array([0xd2]), new Uint8Array([0xd3])];

const digest = fixed(32);
const digests = list(digest, DIGESTS_MAX);
const partialOf = option(digest);
const entryValue = blob(4_096);

/** A proof with the block after which the state was so. */
export interface StateProof {
  block: CertifiedHeader;
  /** The entry's encoding; `null` if nothing is there. */
  value: Uint8Array | null;
  proof: Uint8Array;
}

/** Checks what is under a key after a certified block. */
export function verifyStateProof(network: Network, key: Uint8Array, { block, value, proof }: StateProof): Certified {
  const checked = verifyCertified(network, block);
  verifyState(checked.header.stateRoot, key, value, proof);
  return checked;
}

/** Checks that in the state with this root exactly `value` is under `key`, or nothing. */
export function verifyState(root: Uint8Array, key: Uint8Array, value: Uint8Array | null, proof: Uint8Array): void {
  const from = new Reader(proof);
  const [operation, encoded] = value ? readPresence(from, key, value) : readAbsence(from, key);
  if (!from.done) throw new ProofError('bytes are left over after the proof of the state');
  if (!equal(rootBy(operation, encoded), root)) throw new ProofError('the proof does not lead to the state of the block');
}

const update = (key: Uint8Array, value: Uint8Array, next: Uint8Array): Bytes =>
  concat(UPDATE, key, encode(entryValue, value as Bytes), next);

function readPresence(from: Reader, key: Uint8Array, value: Uint8Array): [Operation, Bytes] {
  return [readOperation(from), update(key, value, from.take(32))];
}

function readAbsence(from: Reader, key: Uint8Array): [Operation, Bytes] {
  const kind = from.byte();
  const operation = readOperation(from);
  if (kind === 0) {
    // Two neighbours, between which the key lies.
    const [before, value, next] = [from.take(32), entryValue.read(from), from.take(32)];
    if (equal(before, key) || !liesBetween(before, next, key)) throw new ProofError('the proof is about other keys');
    return [operation, update(before, value, next)];
  }
  if (kind !== 1) throw new ProofError('the proof of the state is malformed');
  // An empty state: the last commit says that nothing before it counts.
  const metadata = option(entryValue).read(from);
  return [operation, concat(COMMIT, encode(option(entryValue), metadata), operation.locationBytes)];
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/** Whether `key` is in `from..to`, which runs over the end of all keys to their beginning if `to` is not after `from`. */
function liesBetween(from: Uint8Array, to: Uint8Array, key: Uint8Array): boolean {
  const [above, below] = [compare(from, key) <= 0, compare(key, to) < 0];
  return compare(from, to) < 0 ? above && below : above || below;
}

interface Operation {
  location: number;
  locationBytes: Bytes;
  chunk: Bytes;
  leaves: number;
  inactive: number;
  digests: Bytes[];
  partial: Bytes | null;
  logRoot: Bytes;
}

function readOperation(from: Reader): Operation {
  const location = from.varint();
  return {
    location,
    locationBytes: varint(location),
    chunk: from.take(32),
    leaves: from.varint(),
    inactive: from.varint(),
    digests: digests.read(from),
    partial: partialOf.read(from),
    logRoot: from.take(32),
  };
}

function rootBy(operation: Operation, encoded: Bytes): Bytes {
  const { location, chunk, leaves, partial, logRoot } = operation;
  const bit = location % CHUNK_BITS;
  if (((chunk[bit >> 3]! >> (bit & 7)) & 1) === 0) throw new ProofError('the proof shows an entry that was replaced');
  const [open, openBits] = [Math.floor(leaves / CHUNK_BITS), leaves % CHUNK_BITS];
  const inOpenChunk = Math.floor(location / CHUNK_BITS) === open;
  if ((partial !== null) !== (openBits !== 0) || (inOpenChunk && !(partial && equal(partial, sha256(chunk))))) {
    throw new ProofError('the proof does not lead to the state of the block');
  }
  const grafted = rootOf(operation, encoded);
  return partial ? sha256(logRoot, grafted, u64be(openBits), partial) : sha256(logRoot, grafted);
}
