//! The tree under a state root: a Merkle mountain range over the log's operations, with a chunk of the bitmap hashed
//! into each subtree of 256 operations.

use super::CHUNK_BITS;
use salus_crypto::hash::sha256;
use salus_types::Digest;

/// A tree of more leaves cannot be numbered in 64 bits.
const LEAVES_MAX: u64 = 1 << 62;

/// Height of the subtrees into which chunks are hashed.
const CHUNK_HEIGHT: u32 = CHUNK_BITS.trailing_zeros();

/// Which tree this is and how its peaks are folded, before everything that the root hashes.
const DOMAIN: [u8; 2] = [0, 1];

/// SHA-256 over the parts, one after the other.
pub(super) fn hash(parts: &[&[u8]]) -> Digest {
    sha256(parts.concat())
}

/// What a proof says of the tree.
pub(super) struct Path {
    /// Number of operations.
    pub(super) leaves: u64,
    /// Number of peaks that hold nothing current.
    pub(super) inactive: u64,
    /// Peaks and siblings, in the order of `docs/protocol/state-proofs.md`.
    pub(super) digests: Vec<Digest>,
}

/// A perfect subtree: its first leaf and its height.
#[derive(Clone, Copy)]
struct Subtree {
    first: u64,
    height: u32,
}

impl Subtree {
    fn end(self) -> u64 {
        self.first + (1 << self.height)
    }

    /// Position of its top among all nodes, counted as they are made.
    fn position(self) -> u64 {
        let leaf = 2 * self.first - u64::from(self.first.count_ones());
        leaf + (1 << (self.height + 1)) - 2
    }

    fn children(self) -> [Self; 2] {
        let height = self.height - 1;
        [Self { first: self.first, height }, Self { first: self.first + (1 << height), height }]
    }
}

/// The peaks of a tree with this many leaves, the largest first.
fn peaks(leaves: u64) -> Vec<Subtree> {
    let mut first = 0;
    let mut peaks = Vec::new();
    for height in (0..u64::BITS).rev().filter(|height| leaves & (1 << height) != 0) {
        peaks.push(Subtree { first, height });
        first += 1 << height;
    }
    peaks
}

/// The operation that is shown, and the siblings on its way up.
struct Climb<'a> {
    location: u64,
    encoded: &'a [u8],
    chunk: &'a [u8],
    whole_chunks: u64,
    siblings: std::slice::Iter<'a, Digest>,
}

impl Climb<'_> {
    /// The digest of a subtree; depth is at most 62.
    fn digest(&mut self, tree: Subtree) -> Option<Digest> {
        if self.location < tree.first || self.location >= tree.end() {
            return self.siblings.next().copied();
        }
        let position = tree.position().to_be_bytes();
        if tree.height == 0 {
            return Some(hash(&[&position, self.encoded]));
        }
        let [left, right] = tree.children();
        let (left, right) = (self.digest(left)?, self.digest(right)?);
        let node = hash(&[&position, left.as_ref(), right.as_ref()]);
        let whole = tree.first / CHUNK_BITS < self.whole_chunks;
        // The chunk holds the operation's own bit, so it is never all zero, which would be left out.
        let grafted = tree.height == CHUNK_HEIGHT && whole;
        Some(if grafted { hash(&[self.chunk, node.as_ref()]) } else { node })
    }
}

impl Path {
    /// The root of the tree in which `encoded` is the operation at `location`. `None` if the path does not fit.
    pub(super) fn root(&self, location: u64, encoded: &[u8], chunk: &[u8]) -> Option<Digest> {
        if self.leaves > LEAVES_MAX || location >= self.leaves {
            return None;
        }
        let peaks = peaks(self.leaves);
        let inactive = usize::try_from(self.inactive).ok().filter(|inactive| *inactive <= peaks.len())?;
        let own = peaks.iter().position(|peak| location < peak.end())?;
        // Before the own peak: the inactive ones folded into one digest, then the others.
        let folded = inactive.min(own);
        let before = usize::from(folded > 0) + own - folded;
        // After it: inactive ones, then all others folded into one.
        let after = peaks.len() - own - 1;
        let single = inactive.saturating_sub(own + 1).min(after);
        let behind = single + usize::from(after > single);
        let (before, rest) = self.digests.split_at_checked(before)?;
        let (behind, siblings) = rest.split_at_checked(behind)?;
        let whole_chunks = self.leaves / CHUNK_BITS;
        let mut climb = Climb { location, encoded, chunk, whole_chunks, siblings: siblings.iter() };
        let peak = climb.digest(peaks[own])?;
        if climb.siblings.next().is_some() {
            return None;
        }
        let all: Vec<Digest> = before.iter().copied().chain([peak]).chain(behind.iter().copied()).collect();
        let to_fold = if folded > 0 { inactive - folded + 1 } else { inactive };
        self.bag(&all, to_fold)
    }

    /// The root over the peaks: the first `to_fold` forwards, the others backwards.
    fn bag(&self, peaks: &[Digest], to_fold: usize) -> Option<Digest> {
        let fold = |one: Digest, two: &Digest| hash(&[one.as_ref(), two.as_ref()]);
        let (inactive, active) = peaks.split_at_checked(to_fold.max(1))?;
        let (first, more) = inactive.split_first()?;
        let folded = more.iter().fold(*first, fold);
        let bag = active.iter().rev().copied().reduce(|bag, peak| fold(peak, &bag));
        let folded = bag.map_or(folded, |bag| fold(folded, &bag));
        let (leaves, inactive) = (self.leaves.to_be_bytes(), self.inactive.to_be_bytes());
        Some(match self.inactive {
            0 => hash(&[&DOMAIN, &leaves, folded.as_ref()]),
            _ => hash(&[&DOMAIN, &leaves, &inactive, folded.as_ref()]),
        })
    }
}
