//! Against proofs that nodes made (`crates/node/testdata/state-proofs.json`).

use super::{StateError, verify_state};
use salus_types::Digest;
use salus_types::state::StateKey;
use serde::Deserialize;

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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../node/testdata/state-proofs.json");
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
fn nothing_may_be_changed() {
    for case in cases() {
        for at in 0..case.proof.len() {
            let mut proof = case.proof.clone();
            proof[at] ^= 1 << (at % 8);
            assert!(Case { proof, value: case.value.clone(), ..case }.verify().is_err(), "byte {at}");
        }
        for proof in [case.proof[1..].to_vec(), [&case.proof[..], &[0]].concat(), Vec::new()] {
            assert!(Case { proof, value: case.value.clone(), ..case }.verify().is_err());
        }
        let mut key = case.key;
        key.0.0[0] ^= 0x80;
        let (value, proof) = (case.value.clone(), case.proof.clone());
        let other_key = Case { key, value, proof, ..case }.verify();
        // A proof of absence holds for every key of its gap.
        assert!(case.value.is_none() || other_key.is_err());
        let mut root = case.root;
        root.0[31] ^= 1;
        let (value, proof) = (case.value.clone(), case.proof.clone());
        assert!(Case { root, value, proof, ..case }.verify().is_err());
        if let Some(mut value) = case.value.clone() {
            value[0] ^= 1;
            let proof = case.proof.clone();
            assert!(Case { value: Some(value), proof, ..case }.verify().is_err());
        }
        let value = if case.value.is_some() { None } else { Some(vec![1]) };
        let proof = case.proof.clone();
        assert!(Case { value, proof, ..case }.verify().is_err(), "presence is no absence");
    }
}
