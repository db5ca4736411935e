//! Record proofs and the files in which they travel.

use super::*;
use crate::{AnyProofFile, GenesisFile, ProofFile, RecordError, TransactionError, verify_record};
use commonware_codec::Encode;
use salus_crypto::merkle::{Tree, leaf_hash};
use salus_types::action::{Action, Anchor};
use salus_types::proof::{RecordProof, TransactionProof};
use salus_types::vault::{Content, PackageHeader, SUITE_1, package_digest, record_commitment};
use salus_types::{CompartmentId, VersionId};

const TEXT: &str = r#"{"resourceType":"Observation","valueQuantity":{"value":6.9}}"#;

fn validators() -> Validators {
    Validators::of_genesis(&genesis())
}

/// A record that hospital-a anchored in epoch 0.
fn record_proof() -> RecordProof {
    record_proof_by(1, "hospital-a", |transactions| certified(vec![header(transactions)], &[1, 2, 4]))
}

/// A record that the organisation with a key anchored, in the block that `block` makes.
fn record_proof_by(
    signer: u8,
    organisation: &str,
    block: impl FnOnce(&[Transaction]) -> CertifiedHeader,
) -> RecordProof {
    let package = PackageHeader {
        suite: SUITE_1,
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
    let batch = Tree::new(leaves);
    let anchor = Anchor {
        organisation: organisation.parse().expect("a short name"),
        batch_root: batch.root(),
        sequence: 9,
        size_class: 0,
    };
    let network = genesis().network();
    let other = Transaction::sign(network, &key(2), 20, Anchor { sequence: 10, ..anchor.clone() });
    let transactions = [other, Transaction::sign(network, &key(signer), 20, anchor)];
    let tree = Tree::new(salus_types::block::leaf_hashes(&transactions));
    RecordProof {
        package,
        ciphertext_digest,
        plaintext_digest,
        r,
        batch_path: batch.prove(5).expect("inside"),
        anchor: TransactionProof {
            transaction: transactions[1].clone(),
            path: tree.prove(1).expect("inside"),
            block: block(&transactions),
        },
    }
}

/// A record that a member anchored in epoch 4 which was not there at genesis.
fn late_record_proof() -> RecordProof {
    record_proof_by(5, "clinic", |transactions| {
        let late = Header { epoch: 4, height: 41, ..header(transactions) };
        certified_by(THIRD, vec![late], &[2, 3, 6, 7])
    })
}

#[test]
fn a_record_proof_shows_source_time_and_text() {
    let verified = verify_record(&validators(), &record_proof(), Some(TEXT)).expect("verifies");
    assert_eq!((verified.source.as_str(), verified.anchored.height), ("hospital-a", 7));
    assert_eq!(verify_record(&validators(), &record_proof(), Some("{}")), Err(RecordError::Text));
}

#[test]
fn an_anchor_speaks_only_for_the_organisation_that_signed_it() {
    let mut proof = record_proof();
    let Action::Anchor(anchor) = proof.anchor.transaction.action.clone() else { panic!("an anchor") };
    let forged = Transaction::sign(genesis().network(), &key(2), 20, anchor);
    let transactions = [forged.clone()];
    proof.anchor = TransactionProof {
        transaction: forged,
        path: Tree::new(salus_types::block::leaf_hashes(&transactions)).prove(0).expect("inside"),
        block: certified(vec![header(&transactions)], &[1, 2, 4]),
    };
    assert_eq!(verify_record(&validators(), &proof, Some(TEXT)), Err(RecordError::Signer));
}

#[test]
fn a_transaction_must_be_in_the_block_and_signed() {
    let mut proof = record_proof();
    proof.anchor.path.index = 0;
    assert_eq!(
        verify_record(&validators(), &proof, None),
        Err(RecordError::Anchor(TransactionError::NotInBlock))
    );
    let mut proof = record_proof();
    proof.anchor.transaction.valid_until += 1;
    assert!(verify_record(&validators(), &proof, None).is_err());
}

#[test]
fn a_record_of_a_later_member_needs_the_handovers_and_the_ledgers_word_for_its_name() {
    let proof = late_record_proof();
    let verified = verify_record(&informed(), &proof, Some(TEXT)).expect("verifies");
    assert_eq!((verified.source.as_str(), verified.in_genesis), ("clinic", false));
    let mut partly = validators();
    assert!(verify_record(&partly, &proof, None).is_err(), "without the handovers");
    partly.extend(&handovers()[..1]).expect("a handover");
    assert!(verify_record(&partly, &proof, None).is_err(), "with the first only");
    assert!(verify_record(&validators(), &record_proof(), None).expect("verifies").in_genesis);
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
        let proof = record_proof_by(1, "hospital-a", |transactions| {
            certified_by(set, vec![Header { epoch, height: epoch * 10 + 1, ..header(transactions) }], set)
        });
        assert_eq!(of(&proof), handovers()[..needed], "epoch {epoch}");
    }
}

fn holds(text: &str) -> bool {
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
        assert!(holds(&file));
        for position in 0..file.len() {
            let mut bytes = file.clone().into_bytes();
            bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            let context = &changed[position.saturating_sub(20)..=position];
            assert!(!holds(&changed), "changed at {position}: {context}");
        }
        assert!(!holds(&file.replace("\"version\":1", "\"version\":1,\"note\":1")));
        assert!(!holds(&file.replace("\"version\":1", "\"version\":1,\"kind\":\"grant\"")));
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
