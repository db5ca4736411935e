//! Record proofs and the files in which they travel.

use super::states::state_of;
use super::*;
use crate::{
    AnchorError, AnyProofFile, GenesisFile, ProofFile, RecordError, StateError, verify_anchored_record,
    verify_anchors, verify_record,
};
use commonware_codec::Encode;
use salus_crypto::merkle::{Tree, leaf_hash};
use salus_types::proof::{AnchorProof, AnchorProofs, BatchId, RecordProof, STATE_PROOF_BYTES_MAX};
use salus_types::state::{AnchorEntry, StateValue};
use salus_types::vault::{Content, PackageHeader, SUITE_1, package_digest, record_commitment};
use salus_types::{CompartmentId, VersionId};

const TEXT: &str = r#"{"resourceType":"Observation","valueQuantity":{"value":6.9}}"#;

fn validators() -> Validators {
    Validators::of_genesis(&genesis())
}

fn value(entry: &AnchorEntry) -> StateValue {
    StateValue::new(entry.encode().to_vec()).expect("short")
}

/// A record that hospital-a anchored in block 3, shown after block 7, in epoch 0.
fn record_proof() -> RecordProof {
    record_proof_at(|state_root| certified(vec![Header { state_root, ..header() }], &[1, 2, 4]))
}

/// The same record, shown after a block of epoch 4, which others certified.
fn late_record_proof() -> RecordProof {
    record_proof_at(|state_root| {
        let late = Header { epoch: 4, height: 41, state_root, ..header() };
        certified_by(THIRD, vec![late], &[2, 3, 6, 7])
    })
}

/// The record in the block that `block` makes; the state holds three other batches' anchors, too.
fn record_proof_at(block: impl FnOnce(Digest) -> CertifiedHeader) -> RecordProof {
    record_proof_in(SUITE_1, block)
}

/// The same, anchored with a suite byte.
fn record_proof_in(suite: u8, block: impl FnOnce(Digest) -> CertifiedHeader) -> RecordProof {
    let package = PackageHeader {
        suite,
        compartment: CompartmentId(sha256(b"compartment")),
        epoch: 0,
        version: VersionId(sha256(b"version")),
        content: Content::Fhir,
        key_commitment: [5; 32],
    };
    let (ciphertext_digest, plaintext_digest, r) = (sha256(b"ciphertext"), sha256(TEXT.as_bytes()), [6; 64]);
    let commitment = record_commitment(&r, &package_digest(&package, &ciphertext_digest), &plaintext_digest);
    let mut leaves: Vec<_> = (0..64_u8).map(|n| leaf_hash(sha256([n]))).collect();
    leaves[5] = leaf_hash(commitment);
    let tree = Tree::new(leaves);
    let entry = AnchorEntry { batch_root: tree.root(), size_class: 0, height: 3, time_ms: 700 };
    let (anchor, state_root) = anchored(entry);
    RecordProof {
        package,
        ciphertext_digest,
        plaintext_digest,
        r,
        batch_path: tree.prove(5).expect("inside"),
        anchor,
        block: block(state_root),
    }
}

fn batch(organisation: &str, sequence: u64) -> BatchId {
    BatchId { organisation: organisation.parse().expect("a short name"), sequence }
}

/// Hospital A's anchor 9 among others, and the root of the state that holds them.
fn anchored(entry: AnchorEntry) -> (AnchorProof, Digest) {
    let other = AnchorEntry { batch_root: sha256(b"another"), ..entry.clone() };
    let entries = [
        (batch("hospital-a", 8).key(), value(&other)),
        (batch("hospital-b", 9).key(), value(&other)),
        (batch("hospital-a", 9).key(), value(&entry)),
        (batch("hospital-a", 10).key(), value(&other)),
    ];
    let (root, shown) = state_of(&entries);
    let proof = [&shown[2].bytes[..], shown[2].next.as_ref()].concat();
    let proof = Bounded::new(proof).expect("small");
    (AnchorProof { batch: batch("hospital-a", 9), entry, proof }, root)
}

#[test]
fn a_record_proof_shows_source_time_and_text() {
    let verified = verify_record(&validators(), &record_proof(), Some(TEXT)).expect("verifies");
    assert_eq!((verified.source.as_str(), verified.height, verified.time_ms), ("hospital-a", 3, 700));
    assert_eq!((verified.certified_height, verified.plaintext_digest), (7, sha256(TEXT)));
    assert_eq!(verify_record(&validators(), &record_proof(), Some("{}")), Err(RecordError::Text));
}

#[test]
fn a_record_of_another_suite_is_refused_however_well_it_is_anchored() {
    for suite in [0, 2, u8::MAX] {
        let proof = record_proof_in(suite, |state_root| {
            certified(vec![Header { state_root, ..header() }], &[1, 2, 4])
        });
        assert_eq!(verify_record(&validators(), &proof, Some(TEXT)), Err(RecordError::Suite), "{suite}");
    }
}

type Planted = (&'static str, Result<(), RecordError>, RecordProof);

/// Proofs that hold but for one thing, and what is said of it.
fn planted() -> Vec<Planted> {
    let good = record_proof();
    let plant = |case, expected, plant: &dyn Fn(&mut RecordProof)| -> Planted {
        let mut proof = good.clone();
        plant(&mut proof);
        (case, expected, proof)
    };
    let state = |error| Err(RecordError::Anchor(AnchorError::State(error)));
    let block = |error| Err(RecordError::Anchor(AnchorError::Block(error)));
    let (root, in_batch) = (state(StateError::Root), Err(RecordError::NotInBatch));
    let (absent, absence_block) = with_absence();
    vec![
        plant("nothing", Ok(()), &|_| {}),
        plant("another number", root, &|proof| proof.anchor.batch.sequence = 8),
        plant("another organisation", root, &|proof| proof.anchor.batch = batch("hospital-b", 9)),
        plant("another batch root", root, &|proof| proof.anchor.entry.batch_root = sha256(b"another")),
        plant("an earlier block", root, &|proof| proof.anchor.entry.height = 2),
        plant("an earlier time", root, &|proof| proof.anchor.entry.time_ms = 699),
        plant("another size", root, &|proof| proof.anchor.entry.size_class = 1),
        plant(
            "the state before, which nobody certified here",
            block(CertificateError::OtherBlock),
            &|proof| {
                let (anchor, state_root) = anchored(AnchorEntry { height: 2, ..proof.anchor.entry.clone() });
                proof.anchor = anchor;
                proof.block.headers = Bounded::new(vec![Header { state_root, ..header() }]).expect("one");
            },
        ),
        plant("absence in the place of presence", state(StateError::Malformed), &|proof| {
            proof.anchor.proof = absent[0].clone();
            proof.block = absence_block.clone();
        }),
        plant("the neighbour of what is absent", root, &|proof| {
            proof.anchor.proof = absent[1].clone();
            proof.block = absence_block.clone();
        }),
        plant("another suite", Err(RecordError::Suite), &|proof| proof.package.suite = 2),
        plant("another record", in_batch, &|proof| proof.r[0] ^= 1),
        plant("another place in the batch", in_batch, &|proof| proof.batch_path.index = 4),
        plant("a batch of another size", in_batch, &|proof| proof.batch_path.size = 256),
    ]
}

/// A certified state without the anchor: the proof of its absence, one of its neighbour's presence, and the block.
fn with_absence() -> ([Bounded<u8, STATE_PROOF_BYTES_MAX>; 2], CertifiedHeader) {
    let (key, wanted) = (batch("hospital-a", 10).key(), batch("hospital-a", 9).key());
    let other = AnchorEntry { batch_root: sha256(b"another"), size_class: 0, height: 3, time_ms: 700 };
    let (state_root, shown) = state_of(&[(key, value(&other))]);
    let absence = [&[0][..], &shown[0].bytes, key.as_ref(), &value(&other).encode(), key.as_ref()].concat();
    assert_eq!(crate::verify_state(&state_root, &wanted, None, &absence), Ok(()));
    let presence = [&shown[0].bytes[..], key.as_ref()].concat();
    let block = certified(vec![Header { state_root, ..header() }], &[1, 2, 4]);
    ([absence, presence].map(|proof| Bounded::new(proof).expect("small")), block)
}

#[test]
fn a_proof_with_anything_else_in_it_is_refused() {
    for (case, expected, proof) in planted() {
        assert_eq!(verify_record(&validators(), &proof, Some(TEXT)).map(|_| ()), expected, "{case}");
    }
}

/// The portal's verifier checks the same files. `SALUS_PIN=1` writes them anew.
#[test]
fn the_vectors_for_other_verifiers_are_these_proofs() {
    let case = |name: &str, holds: bool, proof: &RecordProof| {
        let file = ProofFile::of(proof, &handovers(), Some(TEXT.to_owned()));
        assert_eq!(holds_in_a_file(&serde_json::to_string(&file).expect("JSON")), holds, "{name}");
        serde_json::json!({ "name": name, "holds": holds, "file": file })
    };
    let planted = planted();
    let mut cases: Vec<_> =
        planted.iter().map(|(name, expected, proof)| case(name, expected.is_ok(), proof)).collect();
    cases.push(case("a block of later validators", true, &late_record_proof()));
    let found = serde_json::json!({ "genesis": hex::encode(genesis().encode()), "cases": cases });
    let found = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
    let path = "testdata/record-proofs.json";
    if std::env::var_os("SALUS_PIN").is_some() {
        std::fs::write(path, &found).expect("the file is writable");
    }
    assert_eq!(found, std::fs::read_to_string(path).expect("record-proofs.json is there"));
}

#[test]
fn every_byte_of_a_proof_counts() {
    let proof = record_proof();
    let bytes = proof.encode();
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1;
        let Ok(changed) = salus_types::decode_canonical::<RecordProof>(&changed) else { continue };
        assert!(verify_record(&validators(), &changed, Some(TEXT)).is_err(), "byte {position}");
    }
}

#[test]
fn a_proof_after_a_change_of_the_validators_needs_the_handovers() {
    let proof = late_record_proof();
    let verified = verify_record(&informed(), &proof, Some(TEXT)).expect("verifies");
    assert_eq!((verified.height, verified.certified_height), (3, 41));
    let mut partly = validators();
    assert!(verify_record(&partly, &proof, None).is_err(), "without the handovers");
    partly.extend(&handovers()[..1]).expect("a handover");
    assert!(verify_record(&partly, &proof, None).is_err(), "with the first only");
}

#[test]
fn many_records_are_checked_under_anchors_that_were_verified_once() {
    let proof = record_proof();
    let proofs = |anchors: &[&AnchorProof]| AnchorProofs {
        anchors: Bounded::new(anchors.iter().copied().cloned().collect()).expect("few"),
        block: proof.block.clone(),
    };
    let anchors = verify_anchors(&validators(), &proofs(&[&proof.anchor])).expect("verifies");
    let verified = verify_anchored_record(&anchors[0], &proof, Some(TEXT));
    assert_eq!(verified, verify_record(&validators(), &proof, Some(TEXT)));
    let check = |expected, plant: &dyn Fn(&mut RecordProof)| {
        let mut proof = proof.clone();
        plant(&mut proof);
        assert_eq!(verify_anchored_record(&anchors[0], &proof, Some(TEXT)), Err(expected));
    };
    check(RecordError::OtherAnchor, &|proof| proof.anchor.batch.sequence = 8);
    check(RecordError::OtherAnchor, &|proof| proof.anchor.entry.batch_root = sha256(b"another"));
    check(RecordError::NotInBatch, &|proof| proof.r[0] ^= 1);
    check(RecordError::Text, &|proof| proof.plaintext_digest = sha256(b"{}"));
    let moved = AnchorProof { batch: batch("hospital-b", 9), ..proof.anchor.clone() };
    let refused = verify_anchors(&validators(), &proofs(&[&proof.anchor, &moved]));
    assert_eq!(refused, Err(AnchorError::State(StateError::Root)), "one that does not hold spoils all");
}

#[test]
fn a_proof_file_carries_the_handovers_that_its_block_needs() {
    let of = |proof: &RecordProof| {
        let text = serde_json::to_string(&ProofFile::of(proof, &handovers(), None)).expect("JSON");
        ProofFile::parse(&text).expect("reads").handovers().expect("handovers")
    };
    assert_eq!(of(&record_proof()), []);
    assert_eq!(of(&late_record_proof()), handovers());
    for (epoch, set, needed) in [(1, FIRST, 0), (2, SECOND, 1), (3, SECOND, 1), (4, THIRD, 2)] {
        let proof = record_proof_at(|state_root| {
            let header = Header { epoch, height: epoch * 10 + 1, state_root, ..header() };
            certified_by(set, vec![header], set)
        });
        assert_eq!(of(&proof), handovers()[..needed], "epoch {epoch}");
    }
}

fn holds_in_a_file(text: &str) -> bool {
    let Ok(AnyProofFile::Record(file)) = AnyProofFile::parse(text) else { return false };
    let (Ok(proof), Ok(handovers)) = (file.proof(), file.handovers()) else { return false };
    let mut validators = validators();
    validators.extend(&handovers).is_ok()
        && verify_record(&validators, &proof, file.resource.as_deref()).is_ok()
}

/// Changes each character of the file in turn: whatever still reads as a proof must fail.
#[test]
fn the_smallest_change_of_a_proof_file_is_noticed() {
    for proof in [record_proof(), late_record_proof()] {
        let file = ProofFile::of(&proof, &handovers(), Some(TEXT.to_owned()));
        let file = serde_json::to_string(&file).expect("JSON");
        assert!(holds_in_a_file(&file));
        for position in 0..file.len() {
            let mut bytes = file.clone().into_bytes();
            bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            let context = &changed[position.saturating_sub(20)..=position];
            assert!(!holds_in_a_file(&changed), "changed at {position}: {context}");
        }
        assert!(!holds_in_a_file(&file.replace("\"version\":1", "\"version\":1,\"note\":1")));
        assert!(!holds_in_a_file(&file.replace("\"version\":1", "\"version\":1,\"kind\":\"grant\"")));
    }
}

#[test]
fn a_genesis_file_says_what_it_encodes_or_is_refused() {
    let text = serde_json::to_string(&GenesisFile::of(&genesis())).expect("JSON");
    assert_eq!(GenesisFile::parse(&text).expect("reads"), genesis());
    for (from, to) in
        [("insurer", "insured"), ("\"payer\"", "\"provider\""), ("\"time_ms\":1", "\"time_ms\":2")]
    {
        assert!(GenesisFile::parse(&text.replacen(from, to, 1)).is_err(), "{from} -> {to}");
    }
}

#[test]
fn a_record_proof_is_small() {
    assert!(record_proof().encode().len() <= 8 * 1024);
}
