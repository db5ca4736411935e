//! Merkle trees and inclusion proofs of RFC 9162 (Certificate Transparency 2), section 2.1, over SHA-256.
//!
//! Leaf hash `SHA-256(0x00 || leaf)`, node hash `SHA-256(0x01 || left || right)`, root of no leaves
//! `SHA-256("")`. A tree of n leaves splits at the largest power of two below n; no leaf is ever duplicated.

use crate::hash::{Digest, sha256_concat};
use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, RangeCfg, Read, ReadExt as _, Write};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest path of an inclusion proof, in digests: sizes are below 2^64.
pub const PATH_LEN_MAX: usize = 64;

/// The hash of one leaf.
pub fn leaf_hash(leaf: impl AsRef<[u8]>) -> Digest {
    sha256_concat(&[&[0], leaf.as_ref()])
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    crate::hash::sha256(bytes)
}

/// The root over leaves in order.
pub fn root(leaves: &[impl AsRef<[u8]>]) -> Digest {
    root_of_leaf_hashes(&leaves.iter().map(leaf_hash).collect::<Vec<_>>())
}

/// The root over hashes made by [`leaf_hash`], in order.
pub fn root_of_leaf_hashes(leaf_hashes: &[Digest]) -> Digest {
    if leaf_hashes.is_empty() {
        return crate::hash::sha256([]);
    }
    let mut level = leaf_hashes.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level[0]
}

/// One level up: pairs are hashed, and an odd last node moves up as it is. That gives RFC 9162's tree.
fn parents(level: &[Digest]) -> Vec<Digest> {
    level
        .chunks(2)
        .map(|pair| if let [left, right] = pair { node_hash(left, right) } else { pair[0] })
        .collect()
}

/// The proof for leaf `index` of `leaf_hashes`, or `None` if there is no such leaf.
pub fn prove(leaf_hashes: &[Digest], index: u64) -> Option<InclusionProof> {
    Tree::new(leaf_hashes.to_vec()).prove(index)
}

/// All nodes of a tree, built once in O(n); each proof then costs O(log n) look-ups.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Leaf hashes first, the root alone last; no levels at all for the empty tree.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// Builds the tree over hashes made by [`leaf_hash`], in order.
    pub fn new(leaf_hashes: Vec<Digest>) -> Self {
        let mut levels = Vec::new();
        let mut level = leaf_hashes;
        while level.len() > 1 {
            let above = parents(&level);
            levels.push(level);
            level = above;
        }
        if !level.is_empty() {
            levels.push(level);
        }
        Self { levels }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root.
    pub fn root(&self) -> Digest {
        self.levels.last().map_or_else(|| crate::hash::sha256([]), |top| top[0])
    }

    /// The proof for leaf `index`, or `None` if there is no such leaf.
    pub fn prove(&self, index: u64) -> Option<InclusionProof> {
        let size = self.size();
        let mut at = usize::try_from(index).ok().filter(|_| index < size)?;
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            path.extend(level.get(at ^ 1));
            at >>= 1;
        }
        Some(InclusionProof { index, size, path })
    }

    /// The proofs for all leaves, in order.
    pub fn proofs(&self) -> impl Iterator<Item = InclusionProof> {
        (0..self.size()).filter_map(|index| self.prove(index))
    }
}

/// A node of a tree under which every place is taken: it stays as it is however many leaves follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Node {
    /// Height above the leaves.
    pub level: u32,
    /// Its number on that level, from 0.
    pub index: u64,
    /// Its hash.
    pub hash: Digest,
}

/// The right edge of a tree that only grows: all that its root and further leaves need, in O(log n) space.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, the largest first: one for each bit that is set in `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves whose complete nodes are kept elsewhere and given by level and index.
    ///
    /// # Errors
    /// That of `node`.
    pub fn of<E>(size: u64, mut node: impl FnMut(u32, u64) -> Result<Digest, E>) -> Result<Self, E> {
        let levels = (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1);
        let peaks = levels.map(|level| node(level, (size >> level) - 1)).collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a hash made by [`leaf_hash`]; the nodes that are complete by that.
    pub fn push(&mut self, leaf_hash: Digest) -> Vec<Node> {
        let mut node = Node { level: 0, index: self.size, hash: leaf_hash };
        let mut complete = vec![node];
        while node.index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            let hash = node_hash(&left, &node.hash);
            node = Node { level: node.level + 1, index: node.index >> 1, hash };
            complete.push(node);
        }
        self.peaks.push(node.hash);
        self.size += 1;
        complete
    }

    /// The root.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return crate::hash::sha256([]) };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The proof for leaf `index` of a tree of `size` leaves whose complete nodes are kept elsewhere and given by level and
/// index; `None` if there is no such leaf.
///
/// # Errors
/// That of `node`.
pub fn prove_from<E>(
    size: u64,
    index: u64,
    mut node: impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Option<InclusionProof>, E> {
    if index >= size {
        return Ok(None);
    }
    let (mut start, mut end, mut path) = (0, size, Vec::new());
    while end - start > 1 {
        let split = start + left_half(end - start);
        if index < split {
            path.push(subtree(split, end, &mut node)?);
            end = split;
        } else {
            path.push(subtree(start, split, &mut node)?);
            start = split;
        }
    }
    path.reverse();
    Ok(Some(InclusionProof { index, size, path }))
}

/// The largest power of two below `count`, which is at least 2.
fn left_half(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

fn subtree<E>(
    start: u64,
    end: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let count = end - start;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return node(level, start >> level);
    }
    let split = start + left_half(count);
    Ok(node_hash(&subtree(start, split, node)?, &subtree(split, end, node)?))
}

/// Proof that a leaf is at `index` in a tree of `size` leaves (RFC 9162, 2.1.3).
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// Number of leaves of the tree.
    pub size: u64,
    /// Sibling hashes from the leaf up; at most [`PATH_LEN_MAX`].
    pub path: Vec<Digest>,
}

/// Why an inclusion proof fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum ProofError {
    /// The index is not below the size.
    #[error("leaf index {index} is outside a tree of {size} leaves")]
    Index {
        /// The claimed index.
        index: u64,
        /// The claimed size.
        size: u64,
    },
    /// The path is longer or shorter than this index and size need.
    #[error("inclusion path has the wrong length")]
    PathLength,
    /// The path leads to another root.
    #[error("inclusion path leads to another root")]
    Root,
}

impl InclusionProof {
    /// Checks that the leaf with this hash is in the tree with this root (RFC 9162, 2.1.3.2).
    ///
    /// # Errors
    ///
    /// [`ProofError`], naming the first failed check.
    pub fn verify(&self, leaf_hash: &Digest, root: &Digest) -> Result<(), ProofError> {
        if self.index >= self.size {
            return Err(ProofError::Index { index: self.index, size: self.size });
        }
        let (mut fn_, mut sn) = (self.index, self.size - 1);
        let mut r = *leaf_hash;
        for p in &self.path {
            if sn == 0 {
                return Err(ProofError::PathLength);
            }
            if fn_ & 1 == 1 || fn_ == sn {
                r = node_hash(p, &r);
                while fn_ & 1 == 0 && fn_ != 0 {
                    (fn_, sn) = (fn_ >> 1, sn >> 1);
                }
            } else {
                r = node_hash(&r, p);
            }
            (fn_, sn) = (fn_ >> 1, sn >> 1);
        }
        if sn != 0 {
            return Err(ProofError::PathLength);
        }
        if r == *root { Ok(()) } else { Err(ProofError::Root) }
    }
}

impl Write for InclusionProof {
    fn write(&self, buf: &mut impl BufMut) {
        self.index.write(buf);
        self.size.write(buf);
        self.path.write(buf);
    }
}

impl EncodeSize for InclusionProof {
    fn encode_size(&self) -> usize {
        self.index.encode_size() + self.size.encode_size() + self.path.encode_size()
    }
}

impl Read for InclusionProof {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let index = u64::read(buf)?;
        let size = u64::read(buf)?;
        let path = Vec::<Digest>::read_cfg(buf, &(RangeCfg::from(0..=PATH_LEN_MAX), ()))?;
        Ok(Self { index, size, path })
    }
}

#[cfg(test)]
mod tests;
