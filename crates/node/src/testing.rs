//! Helpers for tests, here and in other crates: a small network's genesis, and a certificate to check against.

use crate::keys;
use commonware_codec::Encode as _;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Finalization, Finalize, Proposal};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_parallel::Sequential;
use commonware_utils::{TryCollect as _, non_empty};
use salus_types::block::{HEADER_VERSION, Header, list_root};
use salus_types::codec::{Bounded, Text};
use salus_types::genesis::{Genesis, Parameters};
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::transaction::Transaction;
use salus_types::{Digest, NetworkId, PublicKey, SigningKey, namespace};

/// The node key of the organisation with this number.
pub fn signing_key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number + 1; 32])
}

/// The organisation with this number: a provider with a seat and custody; its key is [`signing_key`].
///
/// # Panics
/// If the address is longer than 128 bytes.
pub fn organisation(number: u8, ledger_address: &str) -> Organisation {
    Organisation {
        id: format!("org-{number:02}").parse().expect("a short name"),
        name: Text::new(format!("Organisation {number}")).expect("short"),
        class: Class::Provider,
        validator: true,
        custodian: true,
        node_key: signing_key(number).public(),
        kem_key: Bounded::new(vec![number; KEM_KEY_LENGTH]).expect("the right length"),
        tls_certificate: Digest([number; 32]),
        ledger_address: Text::new(ledger_address).expect("short"),
        peer_url: Text::default(),
        portal_url: Text::default(),
    }
}

/// A network of validators at these addresses; their keys are [`signing_key`] of their positions.
pub fn genesis(time_ms: u64, addresses: &[String]) -> Genesis {
    let organisations =
        addresses.iter().enumerate().map(|(number, address)| organisation(number as u8, address)).collect();
    Genesis {
        name: Text::new("test").expect("short"),
        time_ms,
        parameters: Parameters::default(),
        organisations: Bounded::new(organisations).expect("few"),
    }
}

/// A certificate with all that is needed to check it; made from fixed seeds by commonware itself.
#[derive(Clone, Debug)]
pub struct CertificateVector {
    /// Node keys of the validators, in the genesis' order, which is not that of certificates.
    pub validators: Vec<PublicKey>,
    /// The certified header.
    pub header: Header,
    /// The certificate.
    pub certificate: Vec<u8>,
    /// What each signer signed, namespace included.
    pub signed: Vec<u8>,
}

fn vector_header(network: NetworkId) -> Header {
    let filled = |byte: u8| Digest([byte; 32]);
    Header {
        version: HEADER_VERSION,
        network,
        height: 1_000,
        time_ms: 1_790_000_000_000,
        parent: filled(1),
        epoch: 3,
        view: 300,
        parent_view: 299,
        leader: signing_key(2).public(),
        transactions_root: list_root::<Transaction>(&[]),
        transactions: 0,
        receipts_root: list_root::<Transaction>(&[]),
        state_root: filled(2),
        sync_root: filled(3),
        sync_start: 5,
        sync_end: 70_000,
        next_validators: Digest([0; 32]),
    }
}

/// Four validators, of which the first, second and fourth (in the genesis' order) signed.
///
/// # Panics
/// Never: the seeds are fixed.
pub fn certificate_vector() -> CertificateVector {
    let network = NetworkId(Digest([7; 32]));
    let validators: Vec<_> = (0..4).map(|number| signing_key(number).public()).collect();
    let header = vector_header(network);
    let namespace = namespace::consensus(&network);
    let set: commonware_utils::ordered::Set<_> = validators
        .iter()
        .map(|key| keys::public(key).expect("a key"))
        .collect::<Vec<_>>()
        .into_iter()
        .try_collect()
        .expect("distinct keys");
    let proposal = Proposal {
        round: Round::new(Epoch::new(header.epoch), View::new(header.view)),
        parent: View::new(header.parent_view),
        payload: crate::block::to_commonware(header.digest()),
    };
    let votes: Vec<_> = [0, 1, 3]
        .iter()
        .map(|number| {
            let key = keys::private(&signing_key(*number));
            let scheme = Scheme::signer(namespace.as_bytes(), set.clone(), key).expect("a validator");
            Finalize::sign(&scheme, proposal.clone()).expect("a signer")
        })
        .collect();
    let verifier = Scheme::verifier(namespace.as_bytes(), set);
    let finalization =
        Finalization::from_finalizes(&verifier, non_empty![@votes.iter()], &Sequential).expect("a quorum");
    let suffixed = format!("{namespace}_FINALIZE");
    let mut signed = vec![suffixed.len() as u8];
    assert!(suffixed.len() < 128, "the length is one byte of LEB128");
    signed.extend_from_slice(suffixed.as_bytes());
    signed.extend_from_slice(&proposal.encode());
    CertificateVector { validators, header, certificate: finalization.encode().to_vec(), signed }
}
