/** RFC 9162 (section 2.1) trees and inclusion proofs over SHA-256 (`merkle.rs`). */
import { equal, type Bytes } from './bytes';
import { list, struct, u64, fixed, type Of } from './codec';
import { sha256 } from './hash';

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

export const leafHash = (leaf: Uint8Array): Bytes => sha256(LEAF, leaf);
const nodeHash = (left: Uint8Array, right: Uint8Array): Bytes => sha256(NODE, left, right);

export const InclusionProof = struct({ index: u64, size: u64, path: list(fixed(32), 64) });
export type InclusionProof = Of<typeof InclusionProof>;

export function verifyInclusion(proof: InclusionProof, leaf: Uint8Array, root: Uint8Array): boolean {
  const { index, size, path } = proof;
  if (index >= size) return false;
  let fn = BigInt(index);
  let sn = BigInt(size - 1);
  let r = leaf;
  for (const p of path) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      r = nodeHash(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      r = nodeHash(r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equal(r, root);
}

function levels(leafHashes: Bytes[]): Bytes[][] {
  const all = [leafHashes];
  while (all.at(-1)!.length > 1) {
    const level = all.at(-1)!;
    const above: Bytes[] = [];
    for (let at = 0; at < level.length; at += 2) {
      above.push(at + 1 < level.length ? nodeHash(level[at]!, level[at + 1]!) : level[at]!);
    }
    all.push(above);
  }
  return all;
}

export function merkleRoot(leafHashes: Bytes[]): Bytes {
  return leafHashes.length === 0 ? sha256(new Uint8Array()) : levels(leafHashes).at(-1)![0]!;
}

/** The root over plain leaves. */
export const merkleRootOf = (leaves: Uint8Array[]): Bytes => merkleRoot(leaves.map(leafHash));

export function prove(leafHashes: Bytes[], index: number): InclusionProof {
  const path: Bytes[] = [];
  let at = index;
  for (const level of levels(leafHashes).slice(0, -1)) {
    const sibling = level[at ^ 1];
    if (sibling) path.push(sibling);
    at >>= 1;
  }
  return { index, size: leafHashes.length, path };
}
