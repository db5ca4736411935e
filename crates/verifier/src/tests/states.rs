//! States made by hand, as `docs/protocol/state-proofs.md` lays them down.

use super::*;
use commonware_codec::Write as _;
use salus_types::state::{StateKey, StateValue};

/// What shows one entry of a state: all of a proof of its presence but the end.
pub(super) struct Shown {
    pub(super) bytes: Vec<u8>,
    /// The key that follows in the ring of all keys.
    pub(super) next: StateKey,
}

/// The root of a state of as many entries as a power of two below 256, and what shows each.
pub(super) fn state_of(entries: &[(StateKey, StateValue)]) -> (Digest, Vec<Shown>) {
    let count = entries.len();
    assert!(count.is_power_of_two() && count < 256);
    let mut ring: Vec<StateKey> = entries.iter().map(|(key, _)| *key).collect();
    ring.sort();
    let next = |key: &StateKey| ring[(ring.binary_search(key).expect("there") + 1) % count];
    let mut levels = vec![Vec::new()];
    for (at, (key, value)) in entries.iter().enumerate() {
        let mut update = vec![0xd2];
        key.write(&mut update);
        value.write(&mut update);
        next(key).write(&mut update);
        levels[0].push(hash(&[&position(at, 0), &update]));
    }
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        let height = levels.len() as u32;
        let node = |(at, pair): (usize, &[Digest])| {
            hash(&[&position(at << height, height), pair[0].as_ref(), pair[1].as_ref()])
        };
        levels.push(level.chunks(2).enumerate().map(node).collect());
    }
    let mut chunk = [0; 32];
    (0..count).for_each(|at| chunk[at / 8] |= 1 << (at % 8));
    let (partial, log, leaves) = (hash(&[&chunk]), sha256(b"log"), (count as u64).to_be_bytes());
    let grafted = hash(&[&[0, 1], &leaves, levels.last().expect("a peak")[0].as_ref()]);
    let root = hash(&[log.as_ref(), grafted.as_ref(), &leaves, partial.as_ref()]);
    let shown = |(at, (key, _)): (usize, &(StateKey, StateValue))| {
        let (to_left, to_right): (Vec<_>, Vec<_>) =
            (0..levels.len() - 1).partition(|height| (at >> height) & 1 == 1);
        // As a walk from the top meets them: those to the left on the way down, those to the right on the way back.
        let walk = to_left.into_iter().rev().chain(to_right);
        let siblings = walk.flat_map(|height| levels[height][(at >> height) ^ 1].0);
        let tree = [varint(count as u64), vec![0], varint(levels.len() as u64 - 1)].concat();
        let end = [&[1][..], partial.as_ref(), log.as_ref()].concat();
        let bytes = [varint(at as u64), chunk.to_vec(), tree, siblings.collect(), end].concat();
        Shown { bytes, next: next(key) }
    };
    (root, entries.iter().enumerate().map(shown).collect())
}

fn hash(parts: &[&[u8]]) -> Digest {
    sha256(parts.concat())
}

/// Position of the top of a tree of some height, from its first leaf on.
fn position(leaf: usize, height: u32) -> [u8; 8] {
    let leaf = leaf as u64;
    (2 * leaf - u64::from(leaf.count_ones()) + (2 << height) - 2).to_be_bytes()
}
