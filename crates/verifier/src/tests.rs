//! Proofs made here by hand, as `docs/protocol/certificates.md` lays them down, and what happens to them when anything
//! at all is changed.

mod accountings;
mod applications;
mod certificates;
mod chains;
mod checkpoints;
mod entries;
mod handovers;
mod records;
mod states;

use crate::{CertificateError, Validators, verify_certified_header};
use salus_crypto::hash::sha256;
use salus_types::block::Header;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::membership::validators_hash;
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::proof::{CertifiedHeader, Handover};
use salus_types::{Bounded, Digest, PublicKey, SigningKey, Text};

/// Who votes at first; everybody here is the number of a [`key`].
const FIRST: &[u8] = &[1, 2, 3, 4];
/// From epoch 2 on: as many, but not the same.
const SECOND: &[u8] = &[1, 2, 3, 5];
/// From epoch 4 on: more.
const THIRD: &[u8] = &[2, 3, 5, 6, 7];

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
        tls_certificate: Digest([n; 32]),
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

fn header() -> Header {
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
        transactions_root: sha256(b"transactions"),
        transactions: 2,
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

/// Node keys in the order in which certificates count them.
fn keys(set: &[u8]) -> Vec<PublicKey> {
    let mut keys: Vec<_> = set.iter().map(|n| key(*n).public()).collect();
    keys.sort();
    keys
}

/// A certificate by some of a set, as the protocol's page lays it down.
fn certificate_of(set: &[u8], round: (u64, u64, u64), header: &Header, signers: &[u8]) -> Vec<u8> {
    let rounds = [varint(round.0), varint(round.1), varint(round.2)].concat();
    let message = [rounds, header.digest().0.to_vec()].concat();
    let namespace = format!("salus/consensus/v1/{}_FINALIZE", header.network);
    let mut ordered = set.to_vec();
    ordered.sort_by_key(|n| key(*n).public());
    let signing: Vec<usize> = (0..set.len()).filter(|place| signers.contains(&ordered[*place])).collect();
    let bitmap = signing.iter().fold(0_u8, |bits, place| bits | 1 << place);
    let count = (set.len() as u64).to_be_bytes();
    let mut bytes = [message.clone(), count.to_vec(), vec![bitmap], varint(signing.len() as u64)].concat();
    for place in signing {
        bytes.extend_from_slice(&key(ordered[place]).sign(&namespace, &message).0);
    }
    bytes
}

fn certified_by(set: &[u8], headers: Vec<Header>, signers: &[u8]) -> CertifiedHeader {
    let last = headers.last().expect("one");
    let round = (last.epoch, last.view, last.parent_view);
    let certificate = certificate_of(set, round, last, signers);
    CertifiedHeader {
        headers: Bounded::new(headers).expect("few"),
        certificate: Bounded::new(certificate).expect("small"),
    }
}

fn certified(headers: Vec<Header>, signers: &[u8]) -> CertifiedHeader {
    certified_by(FIRST, headers, signers)
}

/// A header of an epoch; if `next` is somebody, it is the epoch's last one.
fn header_at(epoch: u64, height: u64, next: &[u8]) -> Header {
    let next_validators = if next.is_empty() { Digest::ZERO } else { validators_hash(&keys(next)) };
    Header { epoch, height, next_validators, ..header() }
}

fn handover(epoch: u64, height: u64, from: &[u8], to: &[u8]) -> Handover {
    Handover {
        block: certified_by(from, vec![header_at(epoch, height, to)], &from[..from.len() - 1]),
        validators: Bounded::new(keys(to)).expect("few"),
    }
}

/// Epochs 0 and 1 are the first set's, 2 and 3 the second's, what comes then the third's. An epoch has ten blocks.
fn handovers() -> [Handover; 2] {
    [handover(1, 20, FIRST, SECOND), handover(3, 40, SECOND, THIRD)]
}

fn informed() -> Validators {
    let mut validators = Validators::of_genesis(&genesis());
    validators.extend(&handovers()).expect("handovers");
    validators
}

fn check(validators: &Validators, certified: &CertifiedHeader) -> Result<(), CertificateError> {
    verify_certified_header(validators, certified).map(|_| ())
}
