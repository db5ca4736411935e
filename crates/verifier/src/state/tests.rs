//! Against trees that are built here in the plainest way from what `docs/protocol/state-proofs.md` says, and against
//! proofs that nodes made (`crates/node/testdata/state-proofs.json`).

use super::tree::hash;
use super::{StateError, verify_state};
use commonware_codec::Write as _;
use commonware_codec::varint::UInt;
use salus_types::Digest;
use salus_types::state::{StateKey, StateValue};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Vector {
    root: String,
    key: String,
    value: Option<String>,
    proof: String,
}

struct Case {
    root: Digest,
    key: StateKey,
    value: Option<Vec<u8>>,
    proof: Vec<u8>,
}

impl Case {
    fn verify(&self) -> Result<(), StateError> {
        verify_state(&self.root, &self.key, self.value.as_deref(), &self.proof)
    }
}

fn cases() -> Vec<Case> {
    let path = "../node/testdata/state-proofs.json";
    let vectors: Vec<Vector> =
        serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("vectors");
    let digest = |text: &str| -> Digest { text.parse().expect("a digest") };
    let bytes = |text: &str| hex::decode(text).expect("hex");
    let case = |vector: &Vector| Case {
        root: digest(&vector.root),
        key: StateKey(digest(&vector.key)),
        value: vector.value.as_deref().map(bytes),
        proof: bytes(&vector.proof),
    };
    vectors.iter().map(case).collect()
}

/// A log whose operations are all updates; of three in four the bit is set.
struct Log {
    operations: Vec<(Digest, StateValue, Digest)>,
    inactive: usize,
    positions: HashMap<(usize, u32), u64>,
    peaks: Vec<(usize, u32)>,
}

fn digest_of(number: usize) -> Digest {
    salus_crypto::hash::sha256((number as u64).to_be_bytes())
}

impl Log {
    fn new(length: usize, inactive: usize) -> Self {
        let operation = |at: usize| {
            let value = StateValue::new(vec![at as u8; at % 90]).expect("short");
            (digest_of(at), value, digest_of(at + 1))
        };
        let (mut positions, mut peaks, mut position) = (HashMap::new(), Vec::new(), 0);
        for at in 0..length {
            let mut tree = (at, 0);
            positions.insert(tree, position);
            position += 1;
            while let Some((first, height)) = peaks.pop_if(|(_, height)| *height == tree.1) {
                tree = (first, height + 1);
                positions.insert(tree, position);
                position += 1;
            }
            peaks.push(tree);
        }
        Self { operations: (0..length).map(operation).collect(), inactive, positions, peaks }
    }

    fn chunk(&self, number: usize) -> [u8; 32] {
        let mut chunk = [0; 32];
        for at in number * 256..self.operations.len().min((number + 1) * 256) {
            if at % 4 != 3 {
                chunk[at % 256 / 8] |= 1 << (at % 8);
            }
        }
        chunk
    }

    fn encoded(&self, at: usize) -> Vec<u8> {
        let (key, value, next) = &self.operations[at];
        super::update(key, value, next)
    }

    fn digest(&self, (first, height): (usize, u32)) -> Digest {
        let position = self.positions[&(first, height)].to_be_bytes();
        if height == 0 {
            return hash(&[&position, &self.encoded(first)]);
        }
        let half = 1 << (height - 1);
        let (left, right) = (self.digest((first, height - 1)), self.digest((first + half, height - 1)));
        let node = hash(&[&position, left.as_ref(), right.as_ref()]);
        if height == 8 { hash(&[&self.chunk(first / 256), node.as_ref()]) } else { node }
    }

    fn root(&self) -> Digest {
        let peaks: Vec<_> = self.peaks.iter().map(|peak| self.digest(*peak)).collect();
        let (inactive, active) = peaks.split_at(self.inactive.max(1));
        let fold = |one: Digest, two: Digest| hash(&[one.as_ref(), two.as_ref()]);
        let mut folded = inactive.iter().copied().reduce(fold).expect("a peak");
        if let Some(bag) = active.iter().rev().copied().reduce(|bag, peak| fold(peak, bag)) {
            folded = fold(folded, bag);
        }
        let length = self.operations.len();
        let mut input = [&[0, 1][..], &(length as u64).to_be_bytes()].concat();
        if self.inactive > 0 {
            input.extend((self.inactive as u64).to_be_bytes());
        }
        let grafted = hash(&[&input, folded.as_ref()]);
        let mut input = [LOG_ROOT.as_ref(), grafted.as_ref()].concat();
        if !length.is_multiple_of(256) {
            input.extend((length as u64 % 256).to_be_bytes());
            input.extend_from_slice(hash(&[&self.chunk(length / 256)]).as_ref());
        }
        hash(&[&input])
    }

    /// Siblings within a peak, from the top, left before right.
    fn siblings(&self, (first, height): (usize, u32), at: usize, found: &mut Vec<Digest>) {
        if at < first || at >= first + (1 << height) {
            found.push(self.digest((first, height)));
        } else if height > 0 {
            self.siblings((first, height - 1), at, found);
            self.siblings((first + (1 << (height - 1)), height - 1), at, found);
        }
    }

    fn operation_proof(&self, at: usize) -> Vec<u8> {
        let own =
            self.peaks.iter().position(|(first, height)| at < first + (1 << height)).expect("in a peak");
        let peaks: Vec<_> = self.peaks.iter().map(|peak| self.digest(*peak)).collect();
        let folded = self.inactive.min(own);
        let mut digests = Vec::new();
        digests.extend(peaks[..folded].iter().copied().reduce(|a, b| hash(&[a.as_ref(), b.as_ref()])));
        digests.extend(&peaks[folded..own]);
        let single = self.inactive.saturating_sub(own + 1);
        digests.extend(&peaks[own + 1..own + 1 + single]);
        let others = peaks[own + 1 + single..].iter().rev().copied();
        digests.extend(others.reduce(|bag, peak| hash(&[peak.as_ref(), bag.as_ref()])));
        self.siblings(self.peaks[own], at, &mut digests);
        let length = self.operations.len();
        let mut proof = Vec::new();
        UInt(at as u64).write(&mut proof);
        proof.extend(self.chunk(at / 256));
        UInt(length as u64).write(&mut proof);
        UInt(self.inactive as u64).write(&mut proof);
        digests.write(&mut proof);
        let partial = (!length.is_multiple_of(256)).then(|| hash(&[&self.chunk(length / 256)]));
        partial.write(&mut proof);
        LOG_ROOT.write(&mut proof);
        proof
    }

    /// The key of an operation is there.
    fn present(&self, at: usize) -> Case {
        let (key, value, next) = &self.operations[at];
        let proof = [&self.operation_proof(at)[..], next.as_ref()].concat();
        Case { root: self.root(), key: StateKey(*key), value: Some(value.to_vec()), proof }
    }

    /// A key in the gap after an operation is not.
    fn absent(&self, at: usize) -> Case {
        let (before, value, next) = &self.operations[at];
        let mut key = *before;
        key.0[31] ^= 1;
        if !(super::lies_between(before, next, &key)) {
            key = Digest([if before < next { before.0[0] } else { 0xff }; 32]);
        }
        let mut proof = [&[0][..], &self.operation_proof(at), before.as_ref()].concat();
        value.write(&mut proof);
        next.write(&mut proof);
        Case { root: self.root(), key: StateKey(key), value: None, proof }
    }
}

const LOG_ROOT: Digest = Digest([0x77; 32]);

#[test]
fn presence_and_absence_are_shown_in_trees_of_every_shape() {
    for length in [1_usize, 2, 3, 7, 8, 100, 255, 256, 257, 300, 511, 512, 700] {
        let peaks = length.count_ones() as usize;
        for inactive in 0..=peaks.min(3) {
            let log = Log::new(length, inactive);
            for at in [0, 1, length / 2, length - 1].into_iter().filter(|at| *at < length) {
                let expected = if at % 4 == 3 { Err(StateError::Replaced) } else { Ok(()) };
                let context = format!("operation {at} of {length}, {inactive} inactive");
                assert_eq!(log.present(at).verify(), expected, "{context}");
                let absent = log.absent(at);
                if super::lies_between(&log.operations[at].0, &log.operations[at].2, &absent.key.0) {
                    assert_eq!(absent.verify(), expected, "{context}");
                }
            }
        }
    }
}

#[test]
fn no_byte_of_a_proof_may_be_changed() {
    for (length, inactive, at) in [(1, 0, 0), (300, 0, 40), (300, 1, 290), (700, 2, 600), (512, 0, 300)] {
        let log = Log::new(length, inactive);
        check_changes(log.present(at));
        check_changes(log.absent(at));
    }
}

#[test]
fn an_empty_state_has_no_key() {
    // One commit whose floor is its own location.
    let commit = [0xd3, 0, 0];
    let leaf = hash(&[&0u64.to_be_bytes(), &commit]);
    let grafted = hash(&[&[0, 1], &1u64.to_be_bytes(), leaf.as_ref()]);
    let mut chunk = [0; 32];
    chunk[0] = 1;
    let partial = hash(&[&chunk]);
    let root = hash(&[LOG_ROOT.as_ref(), grafted.as_ref(), &1u64.to_be_bytes(), partial.as_ref()]);
    let operation = [&[0][..], &chunk, &[1, 0, 0, 1], partial.as_ref(), LOG_ROOT.as_ref()].concat();
    let proof = [&[1][..], &operation, &[0]].concat();
    assert_eq!(verify_state(&root, &StateKey(digest_of(1)), None, &proof), Ok(()));
    assert!(verify_state(&root, &StateKey(digest_of(1)), Some(b"x"), &proof).is_err());
}

#[test]
fn what_a_node_proves_is_verified() {
    let cases = cases();
    let (present, absent) = cases.iter().partition::<Vec<&Case>, _>(|case| case.value.is_some());
    assert!(present.len() >= 8 && absent.len() >= 8);
    for (at, case) in cases.iter().enumerate() {
        assert_eq!(case.verify(), Ok(()), "case {at}");
    }
}

#[test]
fn nothing_may_be_changed_in_what_a_node_proves() {
    cases().into_iter().for_each(check_changes);
}

fn check_changes(case: Case) {
    assert_eq!(case.verify(), Ok(()), "the unchanged proof holds");
    let with = |proof: Vec<u8>| Case { proof, value: case.value.clone(), ..case };
    for at in 0..case.proof.len() {
        let mut proof = case.proof.clone();
        proof[at] ^= 1 << (at % 8);
        assert!(with(proof).verify().is_err(), "byte {at}");
    }
    for proof in [case.proof[1..].to_vec(), [&case.proof[..], &[0]].concat(), Vec::new()] {
        assert!(with(proof).verify().is_err());
    }
    let mut other = with(case.proof.clone());
    other.root.0[31] ^= 1;
    assert!(other.verify().is_err());
    let mut other = with(case.proof.clone());
    other.key.0.0[0] ^= 0x80;
    // A proof of absence holds for every key of its gap.
    assert!(case.value.is_none() || other.verify().is_err());
    let mut other = with(case.proof.clone());
    other.value = Some(vec![0xee]);
    assert!(other.verify().is_err(), "another value");
    other.value = None;
    assert!(case.value.is_none() || other.verify().is_err(), "presence is no absence");
}
