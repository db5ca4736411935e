//! Proofs made here by hand, as `docs/protocol/certificates.md` lays them down, and what happens to them when anything
//! at all is changed.

use crate::{
    CertificateError, GenesisFile, ProofFile, RecordError, TransactionError, Validators,
    verify_certified_header, verify_record,
};
use commonware_codec::Encode;
use salus_crypto::hash::sha256;
use salus_crypto::merkle::{Tree, leaf_hash};
use salus_types::action::{Action, Anchor};
use salus_types::block::{Header, list_root};
use salus_types::genesis::{Genesis, Parameters};
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::proof::{CertifiedHeader, RecordProof, TransactionProof};
use salus_types::transaction::Transaction;
use salus_types::vault::{Content, PackageHeader, SUITE_1, package_digest, record_commitment};
use salus_types::{Bounded, CompartmentId, Digest, SigningKey, Text, VersionId};

const TEXT: &str = r#"{"resourceType":"Observation","valueQuantity":{"value":6.9}}"#;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn genesis() -> Genesis {
    let organisation = |n: u8, name: &str, class: Class| Organisation {
        id: name.parse().expect("a short name"),
        name: Text::new(name).expect("short"),
        class,
        validator: true,
        custodian: false,
        node_key: key(n).public(),
        kem_key: Bounded::new(vec![n; KEM_KEY_LENGTH]).expect("bounded"),
        tls_certificate: Digest::ZERO,
        ledger_address: Text::default(),
        peer_url: Text::default(),
        portal_url: Text::default(),
    };
    let organisations = vec![
        organisation(1, "hospital-a", Class::Provider),
        organisation(2, "hospital-b", Class::Provider),
        organisation(3, "insurer", Class::Payer),
        organisation(4, "regulator", Class::Regulator),
    ];
    Genesis {
        name: Text::new("test").expect("short"),
        time_ms: 1,
        parameters: Parameters::default(),
        organisations: Bounded::new(organisations).expect("bounded"),
    }
}

fn header(transactions: &[Transaction]) -> Header {
    Header {
        version: 1,
        network: genesis().network(),
        height: 7,
        time_ms: 1_000,
        parent: sha256(b"parent"),
        epoch: 0,
        view: 300,
        parent_view: 299,
        leader: key(2).public(),
        transactions_root: list_root(transactions),
        transactions: u32::try_from(transactions.len()).expect("few"),
        receipts_root: sha256(b"receipts"),
        state_root: sha256(b"state"),
        sync_root: sha256(b"sync"),
        sync_start: 0,
        sync_end: 1,
        next_validators: Digest::ZERO,
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A certificate by the organisations with these numbers, as the protocol's page lays it down.
fn certificate(header: &Header, signers: &[u8]) -> Vec<u8> {
    let rounds = [varint(header.epoch), varint(header.view), varint(header.parent_view)].concat();
    let message = [rounds, header.digest().0.to_vec()].concat();
    let namespace = format!("salus/consensus/v1/{}_FINALIZE", header.network);
    let mut ordered: Vec<u8> = (1..=4).collect();
    ordered.sort_by_key(|n| key(*n).public());
    let signing: Vec<usize> = (0..4).filter(|place| signers.contains(&ordered[*place])).collect();
    let bitmap = signing.iter().fold(0_u8, |bits, place| bits | 1 << place);
    let mut bytes =
        [message.clone(), 4_u64.to_be_bytes().to_vec(), vec![bitmap], varint(signing.len() as u64)].concat();
    for place in signing {
        bytes.extend_from_slice(&key(ordered[place]).sign(&namespace, &message).0);
    }
    bytes
}

fn certified(headers: Vec<Header>, signers: &[u8]) -> CertifiedHeader {
    let certificate = certificate(headers.last().expect("one"), signers);
    CertifiedHeader {
        headers: Bounded::new(headers).expect("few"),
        certificate: Bounded::new(certificate).expect("small"),
    }
}

fn record_proof() -> RecordProof {
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
        organisation: "hospital-a".parse().expect("a short name"),
        batch_root: batch.root(),
        sequence: 9,
        size_class: 0,
    };
    let network = genesis().network();
    let other = Transaction::sign(network, &key(2), 20, Anchor { sequence: 10, ..anchor.clone() });
    let transactions = [other, Transaction::sign(network, &key(1), 20, anchor)];
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
            block: certified(vec![header(&transactions)], &[1, 2, 4]),
        },
    }
}

#[test]
fn a_certificate_needs_three_of_four_organisations() {
    let validators = Validators::of_genesis(&genesis());
    for (signers, expected) in [
        (&[1, 2, 3, 4][..], Ok(())),
        (&[1, 2, 3], Ok(())),
        (&[2, 3, 4], Ok(())),
        (&[1, 4], Err(CertificateError::TooFew { signed: 2, needed: 3 })),
        (&[], Err(CertificateError::TooFew { signed: 0, needed: 3 })),
    ] {
        let outcome =
            verify_certified_header(&validators, &certified(vec![header(&[])], signers)).map(|_| ());
        assert_eq!(outcome, expected, "{signers:?}");
    }
}

#[test]
fn a_certificate_counts_for_its_own_block_network_and_vote_only() {
    let validators = Validators::of_genesis(&genesis());
    let check = |certified: &CertifiedHeader| verify_certified_header(&validators, certified).map(|_| ());
    let good = certified(vec![header(&[])], &[1, 2, 3]);

    let mut other_block = good.clone();
    other_block.headers = Bounded::new(vec![Header { height: 8, ..header(&[]) }]).expect("few");
    assert_eq!(check(&other_block), Err(CertificateError::OtherBlock));

    let mut other_network = header(&[]);
    other_network.network = salus_types::NetworkId(Digest::ZERO);
    assert_eq!(check(&certified(vec![other_network], &[1, 2, 3])), Err(CertificateError::OtherNetwork));

    let mut more_validators = genesis();
    let mut organisations = more_validators.organisations.to_vec();
    organisations[3].validator = false;
    more_validators.organisations = Bounded::new(organisations).expect("few");
    let three = Validators::of_genesis(&more_validators);
    assert!(verify_certified_header(&three, &good).is_err());
}

#[test]
fn every_changed_byte_of_a_certificate_is_noticed() {
    let validators = Validators::of_genesis(&genesis());
    let good = certified(vec![header(&[])], &[1, 2, 3]);
    for position in 0..good.certificate.len() {
        let mut bytes = good.certificate.to_vec();
        bytes[position] ^= 1 << (position % 8);
        let damaged = CertifiedHeader {
            headers: good.headers.clone(),
            certificate: Bounded::new(bytes).expect("small"),
        };
        assert!(verify_certified_header(&validators, &damaged).is_err(), "byte {position}");
    }
    for length in 0..good.certificate.len() {
        let bytes = good.certificate[..length].to_vec();
        let damaged = CertifiedHeader {
            headers: good.headers.clone(),
            certificate: Bounded::new(bytes).expect("small"),
        };
        assert!(verify_certified_header(&validators, &damaged).is_err(), "cut at {length}");
    }
}

#[test]
fn a_later_certificate_covers_earlier_blocks_through_their_headers() {
    let validators = Validators::of_genesis(&genesis());
    let first = header(&[]);
    let second = Header { height: 8, parent: first.digest(), view: 301, parent_view: 300, ..header(&[]) };
    let chain = certified(vec![first.clone(), second.clone()], &[1, 2, 3]);
    assert_eq!(verify_certified_header(&validators, &chain), Ok(&first));
    let stranger = Header { time_ms: 5, ..first };
    let broken = certified(vec![stranger, second], &[1, 2, 3]);
    assert_eq!(verify_certified_header(&validators, &broken), Err(CertificateError::Chain));
    let empty = CertifiedHeader { headers: Bounded::default(), certificate: chain.certificate };
    assert_eq!(verify_certified_header(&validators, &empty), Err(CertificateError::Malformed));
}

#[test]
fn a_record_proof_shows_source_time_and_text() {
    let verified = verify_record(&genesis(), &record_proof(), Some(TEXT)).expect("verifies");
    assert_eq!((verified.source.as_str(), verified.anchored.height), ("hospital-a", 7));
    assert_eq!(verify_record(&genesis(), &record_proof(), Some("{}")), Err(RecordError::Text));
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
    assert_eq!(verify_record(&genesis(), &proof, Some(TEXT)), Err(RecordError::Signer));
}

#[test]
fn a_transaction_must_be_in_the_block_and_signed() {
    let mut proof = record_proof();
    proof.anchor.path.index = 0;
    assert_eq!(
        verify_record(&genesis(), &proof, None),
        Err(RecordError::Anchor(TransactionError::NotInBlock))
    );
    let mut proof = record_proof();
    proof.anchor.transaction.valid_until += 1;
    assert!(verify_record(&genesis(), &proof, None).is_err());
}

/// Changes each character of the file in turn: whatever still reads as a proof must fail.
#[test]
fn the_smallest_change_of_a_proof_file_is_noticed() {
    let file = serde_json::to_string(&ProofFile::of(&record_proof(), Some(TEXT.to_owned()))).expect("JSON");
    let holds = |text: &str| {
        ProofFile::parse(text).is_ok_and(|file| {
            file.proof()
                .is_ok_and(|proof| verify_record(&genesis(), &proof, file.resource.as_deref()).is_ok())
        })
    };
    assert!(holds(&file));
    for position in 0..file.len() {
        let mut bytes = file.clone().into_bytes();
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(
            !holds(&changed),
            "changed at {position}: {}",
            &changed[position.saturating_sub(20)..position + 1]
        );
    }
    assert!(!holds(&file.replace("\"version\":1", "\"version\":1,\"note\":1")));
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
