//! A small network: what verifiers start from, and valid proofs in it.

use commonware_codec::Write as _;
use commonware_codec::varint::UInt;
use salus_crypto::hash::sha256;
use salus_crypto::merkle::{self, leaf_hash};
use salus_types::access_log::{Access, Kind, Who};
use salus_types::action::Anchor;
use salus_types::block::{Header, list_root};
use salus_types::genesis::{Genesis, Parameters};
use salus_types::governance::accept;
use salus_types::membership::validators_hash;
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::proof::{AnchorProof, BatchId, CertifiedHeader, Handover, RecordProof};
use salus_types::state::{self, AnchorEntry, StateKey};
use salus_types::transaction::Transaction;
use salus_types::vault::{Content, PackageHeader, SUITE_1, package_digest, record_commitment};
use salus_types::{
    AccessId, Bounded, CompartmentId, Digest, GrantId, PublicKey, SigningKey, Text, VersionId,
};
use salus_verifier::{
    Account, AccountingFile, AnchorFile, Listed, ListedGrant, LogAnchor, LogHead, PROVEN, Position, STATED,
    Statement,
};
use salus_verifier::{
    Application, ApplicationFile, CheckpointFile, EntryFile, EntryProof, GenesisFile, ProofFile,
};
use salus_verifier::{Subject, Validators};
use std::sync::LazyLock;

const CLASSES: [Class; 4] = [Class::Provider, Class::Provider, Class::Provider, Class::Regulator];

/// The validators of genesis, and those after the handover.
pub(crate) static VALIDATORS: LazyLock<Validators> = LazyLock::new(|| {
    let mut validators = Validators::of_genesis(&GENESIS);
    validators.extend(&[handover()]).expect("a valid handover");
    validators
});

/// The genesis.
pub(crate) static GENESIS: LazyLock<Genesis> = LazyLock::new(|| Genesis {
    name: text("fuzz"),
    time_ms: 1,
    parameters: Parameters::default(),
    organisations: bounded((1..).zip(CLASSES).map(|(n, class)| organisation(n, class)).collect()),
});

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("short")
}

fn bounded<T, const MAX: usize>(items: Vec<T>) -> Bounded<T, MAX> {
    Bounded::new(items).expect("few")
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn organisation(n: u8, class: Class) -> Organisation {
    Organisation {
        id: format!("org-{n}").parse().expect("a short name"),
        name: text("An organisation"),
        class,
        validator: true,
        custodian: class.may_be_custodian(),
        node_key: key(n).public(),
        kem_key: bounded(vec![n; KEM_KEY_LENGTH]),
        tls_certificate: sha256([n]),
        ledger_address: text("127.0.0.1:7001"),
        peer_url: text("https://127.0.0.1:7002"),
        portal_url: text("https://localhost:7000"),
    }
}

/// Node keys of some numbers, ascending, as certificates count them.
fn keys(numbers: &[u8]) -> Vec<(PublicKey, SigningKey)> {
    let mut keys: Vec<_> = numbers.iter().map(|n| (key(*n).public(), key(*n))).collect();
    keys.sort_by_key(|(public, _)| *public);
    keys
}

const FIRST: &[u8] = &[1, 2, 3, 4];
const SECOND: &[u8] = &[2, 3, 4, 5, 6];

/// A header of an epoch.
pub(crate) fn header(epoch: u64, transactions: &[Transaction]) -> Header {
    Header {
        version: 1,
        network: GENESIS.network(),
        height: 7 + 10 * epoch,
        time_ms: 1_000,
        parent: sha256(b"parent"),
        epoch,
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

/// A certificate by all but the last of some, as `docs/protocol/certificates.md` lays it down.
fn certificate(numbers: &[u8], header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [header.epoch, header.view, header.parent_view] {
        UInt(number).write(&mut bytes);
    }
    header.digest().write(&mut bytes);
    let (message, keys) = (bytes.clone(), keys(numbers));
    (keys.len() as u64).write(&mut bytes);
    let signing = keys.len() - 1;
    bytes.push((1_u8 << signing) - 1);
    UInt(signing as u64).write(&mut bytes);
    let namespace = format!("{}_FINALIZE", salus_types::namespace::consensus(&header.network));
    for (_, key) in &keys[..signing] {
        key.sign(&namespace, &message).write(&mut bytes);
    }
    bytes
}

fn certified_by(numbers: &[u8], headers: Vec<Header>) -> CertifiedHeader {
    let certificate = certificate(numbers, headers.last().expect("one"));
    CertifiedHeader { headers: bounded(headers), certificate: bounded(certificate) }
}

/// A block with its certificate, and one that is certified by its child.
pub(crate) static CERTIFIED: LazyLock<[CertifiedHeader; 2]> = LazyLock::new(|| {
    let first = header(0, &[]);
    let child = Header {
        parent: first.digest(),
        height: first.height + 1,
        view: 301,
        parent_view: 300,
        ..first.clone()
    };
    [certified_by(FIRST, vec![first.clone()]), certified_by(FIRST, vec![first, child])]
});

/// From the validators of genesis to others.
pub(crate) fn handover() -> Handover {
    let validators: Vec<_> = keys(SECOND).into_iter().map(|(public, _)| public).collect();
    let last = Header { height: 9, next_validators: validators_hash(&validators), ..header(0, &[]) };
    Handover { block: certified_by(FIRST, vec![last]), validators: bounded(validators) }
}

/// A record, anchored after the handover.
pub(crate) fn record_proof() -> RecordProof {
    let package = PackageHeader {
        suite: SUITE_1,
        compartment: CompartmentId(sha256(b"compartment")),
        epoch: 1,
        version: VersionId(sha256(b"version")),
        content: Content::Fhir,
        key_commitment: [3; 32],
    };
    let (ciphertext_digest, plaintext_digest, r) = (sha256(b"ciphertext"), sha256(b"{}"), [7; 64]);
    let commitment = record_commitment(&r, &package_digest(&package, &ciphertext_digest), &plaintext_digest);
    let leaves: Vec<_> =
        (0..64_u8).map(|n| if n == 3 { leaf_hash(commitment) } else { sha256([n]) }).collect();
    let batch = BatchId { organisation: GENESIS.organisations[0].id.clone(), sequence: 7 };
    let batch_root = merkle::root_of_leaf_hashes(&leaves);
    let entry = AnchorEntry { batch_root, size_class: 0, height: 3, time_ms: 4 };
    RecordProof {
        package,
        ciphertext_digest,
        plaintext_digest,
        r,
        batch_path: merkle::prove(&leaves, 3).expect("it is there"),
        // Of another entry: the proof of the state is mutated by itself, and this one leads to it.
        anchor: AnchorProof { batch, entry, proof: bounded(STATE_VECTORS[0].proof.clone()) },
        block: certified_by(SECOND, vec![header(1, &[])]),
    }
}

/// A transaction.
pub(crate) fn transaction() -> Transaction {
    let anchor = Anchor {
        organisation: GENESIS.organisations[0].id.clone(),
        batch_root: sha256(b"batch"),
        sequence: 7,
        size_class: 0,
    };
    Transaction::sign(GENESIS.network(), &key(1), 500, anchor)
}

/// Proof files of every kind.
pub(crate) fn proof_files() -> Vec<String> {
    let record = ProofFile::of(&record_proof(), &[handover()], Some("{}".into()));
    let block = &CERTIFIED[0];
    let value = Some(bounded(vec![1, 2, 3]));
    let subjects = ["grant", "access", "member", "entry"];
    let subjects = subjects.into_iter().filter_map(|kind| Subject::new(kind, sha256(kind)));
    let entries = subjects.map(|subject| {
        let proof = EntryProof { block: block.clone(), value: value.clone(), proof: vec![9; 100] };
        json(&EntryFile::of(&subject, &proof, &[]))
    });
    entries.chain([json(&record), json(&accounting_file())]).collect()
}

/// What stands under a key, with a proof that is none.
fn entry_file(subject: &Subject) -> EntryFile {
    let value = Some(bounded(vec![1, 2, 3]));
    EntryFile::of(subject, &EntryProof { block: CERTIFIED[0].clone(), value, proof: vec![9; 100] }, &[])
}

/// A line of a log.
fn log_line() -> String {
    let access = Access::about(Who::Node, Kind::Accounting, "p1", None, "asked");
    let line = Position::default().follow(access, 1, sha256("blind")).1;
    String::from_utf8(line).expect("JSON")
}

/// A list of who looked, with an entry and a grant.
fn accounting_file() -> AccountingFile {
    let organisation = GENESIS.organisations[0].clone();
    let access = Access::about(Who::Node, Kind::Accounting, "p1", None, "asked");
    let listed = Listed {
        number: 1,
        time_ms: 1,
        says: Account::of(&access, &organisation.id),
        line: log_line(),
        path: vec![sha256("path")],
    };
    let grant = GrantId(sha256("grant"));
    let reading = entry_file(&Subject::Access(AccessId(sha256("access"))));
    let statement = Statement {
        network: GENESIS.network(),
        name: organisation.name.as_str().to_owned(),
        patient: "p1".into(),
        made_ms: 1,
        before: None,
        proven: PROVEN.map(str::to_owned).to_vec(),
        stated: STATED.map(str::to_owned).to_vec(),
        anchor: LogAnchor {
            sequence: 0,
            entry: entry_file(&Subject::Entry(state::key::log(&organisation.id, 0))),
        },
        organisation: organisation.id,
        entries: vec![listed],
        grants: vec![ListedGrant {
            grant,
            entry: entry_file(&Subject::Grant(grant)),
            readings: vec![reading.clone()],
        }],
        events: vec![reading],
    };
    let member = entry_file(&Subject::Member(organisation.node_key));
    AccountingFile::sign(statement, member, &SigningKey::from_seed(&[1; 32]))
}

/// An exported log of one entry.
pub(crate) fn access_log() -> String {
    let organisation = GENESIS.organisations[0].id.clone();
    let entry = |key| entry_file(&Subject::Entry(key));
    let anchor = AnchorFile { sequence: 0, entry: entry(state::key::log(&organisation, 0)) };
    let count = entry(state::key::log_anchors(&organisation));
    format!("{}\n{}", json(&LogHead::new(organisation, vec![anchor], count)), log_line())
}

/// A genesis file.
pub(crate) fn genesis_file() -> String {
    json(&GenesisFile::of(&GENESIS))
}

/// A checkpoint file.
pub(crate) fn checkpoint_file() -> String {
    json(&CheckpointFile::of(&VALIDATORS.checkpoint(&CERTIFIED[0]).expect("a certified block")))
}

/// The file in which an organisation applies.
pub(crate) fn application_file() -> String {
    let organisation = Organisation { validator: false, ..organisation(9, Class::Provider) };
    let acceptance = accept(&GENESIS.network(), &organisation, &key(9));
    json(&ApplicationFile::of(&Application { organisation, acceptance }))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("it is written")
}

/// A proof of the state as a node made it.
#[derive(Clone)]
pub(crate) struct StateVector {
    pub(crate) root: Digest,
    pub(crate) key: StateKey,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) proof: Vec<u8>,
}

/// The proofs of `crates/node/testdata`.
pub(crate) static STATE_VECTORS: LazyLock<Vec<StateVector>> = LazyLock::new(|| {
    let file = std::fs::read(crate::corpus::source("node/testdata/state-proofs.json")).expect("the vectors");
    let vectors: Vec<serde_json::Value> = serde_json::from_slice(&file).expect("JSON");
    let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap_or_default()).expect("hex");
    let digest = |value: &serde_json::Value| value.as_str().unwrap_or_default().parse().expect("a digest");
    let vector = |vector: &serde_json::Value| StateVector {
        root: digest(&vector["root"]),
        key: StateKey(digest(&vector["key"])),
        value: vector["value"].is_string().then(|| bytes(&vector["value"])),
        proof: bytes(&vector["proof"]),
    };
    vectors.iter().map(vector).collect()
});
