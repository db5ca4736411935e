//! Decoders of the vault and the node, without instrumentation.

use super::{Choice, chosen, verifier};
use crate::Target;
use crate::check::{canonical, canonical_with, same};
use crate::network;
use commonware_codec::{Encode as _, RangeCfg};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::certificate::Verifier as _;
use commonware_cryptography::sha256;
use salus_node::block::NodeBlock;
use salus_node::certificate::Certificate;
use salus_node::mempool::actor::GOSSIP_COUNT_MAX;
use salus_node::sync::WireOperation;
use salus_types::block::{Block, Header, list_root};
use salus_types::state::StateValue;
use salus_types::transaction::Transaction;
use salus_types::{Bounded, SigningKey};
use salus_verifier::CertificateError;

/// The first byte chooses the table.
fn vault_rows(input: &[u8]) {
    let Some((table, bytes)) = input.split_first() else { return };
    let decoders: Vec<_> = salus_vault::decoders::all().collect();
    let (name, decode) = decoders[usize::from(*table) % decoders.len()];
    if let Some(encoded) = decode(bytes) {
        same(name, bytes, &encoded);
    }
}

/// What decodes anywhere: numbers, lists of nothing, and all that a record is made of.
fn vault_seeds() -> Vec<Vec<u8>> {
    let tables = salus_vault::decoders::all().count();
    let fills = [vec![0; 400], vec![1; 400], vec![3; 200], vec![0; 2_000], vec![0x20; 300]];
    let seeds = (0..tables).flat_map(|table| fills.iter().map(move |fill| chosen(table, fill)));
    seeds.collect()
}

fn category(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for kind in ["Observation", "Condition", "Unknown"] {
        let _ = salus_vault::category::category(kind, &text);
    }
}

fn categories() -> Vec<Vec<u8>> {
    [
        r#"{"meta":{"security":[{"code":"HIV"}]},"category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"code":"x"}]}}"#,
        r#"{"category":"laboratory","code":null,"meta":{}}"#,
        r#"[[[[{"code":["a","b"]}]]]]"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn certificate(bytes: &[u8]) {
    let read = Certificate::decode(bytes);
    let verdict = verifier::certificate(bytes);
    // Two decoders of one format, and commonware's, of which the format is.
    let malformed = verdict == Some(Err(CertificateError::Malformed));
    assert!(read.is_err() || !malformed, "only the node reads {}", hex::encode(bytes));
    canonical_with::<Finalization<Scheme, sha256::Digest>>(
        bytes,
        &Scheme::certificate_codec_config_unbounded(),
    );
}

fn state_proof(input: &[u8]) {
    let Some((vector, value, proof)) = verifier::state(input) else { return };
    let shown = value.map(|value| StateValue::new(value.to_vec()).expect("a value"));
    let node = salus_node::state_evidence_holds(&vector.root, &vector.key, shown.as_ref(), proof);
    let light = salus_verifier::verify_state(&vector.root, &vector.key, value, proof).is_ok();
    assert_eq!(node, light, "node and verifier disagree on {}", hex::encode(input));
}

fn address(bytes: &[u8]) {
    let _ = salus_node::network::parse_address(&String::from_utf8_lossy(bytes));
}

fn gossip(bytes: &[u8]) {
    canonical_with::<Vec<Transaction>>(bytes, &(RangeCfg::from(0..=GOSSIP_COUNT_MAX), ()));
}

const NODE: Choice =
    Choice(&[canonical::<NodeBlock>, canonical::<WireOperation>, certificate, state_proof, address, gossip]);

fn node() -> Vec<Vec<u8>> {
    let transaction = network::transaction();
    let transactions = vec![transaction; 2];
    let header =
        Header { transactions: 2, transactions_root: list_root(&transactions), ..network::header(0, &[]) };
    let leader = SigningKey::from_seed(&[2; 32]).public();
    let block = Block {
        header: Header { leader, ..header },
        transactions: Bounded::new(transactions.clone()).expect("few"),
    };
    // An update of the state's log: tag, key, value of three bytes, next key.
    let operation = [&[0xd2][..], &[1; 32], &[3, 1, 2, 3], &[2; 32]].concat();
    let vector = &network::STATE_VECTORS[0];
    let mut seeds = vec![
        chosen(0, &block.encode()),
        chosen(1, &operation),
        chosen(1, &[0xd3, 0, 0]),
        chosen(1, &[&[0xd1][..], &[1; 32]].concat()),
        chosen(2, &network::CERTIFIED[0].certificate),
        chosen(3, &[&[0, u8::from(vector.value.is_some())], &vector.proof[..]].concat()),
        chosen(5, &transactions.encode()),
    ];
    let addresses = ["127.0.0.1:7001", "[::1]:7001", "node.example:7001"];
    seeds.extend(addresses.iter().map(|address| chosen(4, address.as_bytes())));
    seeds
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "vault_rows",
        decoders: &[
            "vault::BatchRow",
            "vault::VersionRow",
            "vault::CompartmentRow",
            "vault::PatientRow",
            "vault::MergedRow",
            "vault::ParcelRow",
            "vault::NoticeRow",
            "vault::MandateRow",
            "vault::WardRow",
            "vault::CustodyRow",
            "vault::HeldVersionRow",
            "vault::PendingRow",
            "vault::GrantRow",
            "vault::HeldRow",
            "vault::DroppedRow",
            "vault::MoveRow",
            "vault::SurveyRow",
            "vault::SignerRow",
            "vault::ChallengeRow",
            "vault::LostRow",
            "vault::ReleaseRow",
            "vault::ErasureRow",
            "vault::ErasedResource",
            "vault::ResourceName",
            "vault::EmergencyRow",
            "vault::EmergencyUseRow",
            "vault::EmergencyHeldRow",
            "vault::EmergencyNoticeRow",
            "vault::Sealed",
            "vault::OutgoingItem",
            "vault::OutgoingPack",
            "vault::source/parcel::decode",
        ],
        weight: 8,
        instrumented: false,
        seeds: vault_seeds,
        run: vault_rows,
    },
    Target {
        name: "category",
        decoders: &["vault::Lenient from serde"],
        weight: 2,
        instrumented: false,
        seeds: categories,
        run: category,
    },
    Target {
        name: "node",
        decoders: &[
            "node::NodeBlock",
            "node::WireOperation",
            "node::certificate::decode",
            "node::network::parse_address",
        ],
        weight: 8,
        instrumented: false,
        seeds: node,
        run: |input| NODE.run(input),
    },
];
