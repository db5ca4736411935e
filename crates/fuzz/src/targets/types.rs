//! Decoders of `salus-types`.

use super::{Choice, chosen, codecs};
use crate::Target;
use crate::check::{decoded, same, text};
use salus_crypto::hash::sha256;
use salus_types::action::*;
use salus_types::block::*;
use salus_types::category::*;
use salus_types::contradiction::*;
use salus_types::emergency::*;
use salus_types::erasure::*;
use salus_types::genesis::*;
use salus_types::governance::*;
use salus_types::keystore::*;
use salus_types::membership::Member;
use salus_types::organisation::*;
use salus_types::proof::*;
use salus_types::proxy::*;
use salus_types::state::*;
use salus_types::transaction::Transaction;
use salus_types::vault::*;
use salus_types::*;

/// One text and one list for all.
type Text = salus_types::Text<64>;
type Bounded = salus_types::Bounded<Digest, 256>;

/// The pinned samples of a type, see `crates/types/src/tests.rs`.
fn samples(kind: &str) -> Vec<Vec<u8>> {
    let lines = std::fs::read_to_string(crate::corpus::source("types/samples.txt")).expect("the samples");
    let of_kind = |line: &str| {
        let (name, digits) = line.split_once(' ')?;
        (name == kind).then(|| hex::decode(digits).ok())?
    };
    let found: Vec<_> = lines.lines().filter_map(of_kind).collect();
    // What has no sample of its own is part of something that has.
    if found.is_empty() { vec![vec![1; 256], vec![1; 2]] } else { found }
}

fn transaction(bytes: &[u8]) {
    let Some(transaction) = decoded::<Transaction>(bytes) else { return };
    let network = transaction.network;
    let verdicts = salus_ledger::check_stateless(&network, std::slice::from_ref(&transaction));
    assert_eq!(verdicts.len(), 1, "one verdict for each transaction");
    let _ = (salus_ledger::read_set(&transaction), transaction.id());
}

fn genesis(bytes: &[u8]) {
    let Some(genesis) = decoded::<Genesis>(bytes) else { return };
    let _ = (genesis.check(), genesis.network(), genesis.validators().count());
    let validators = salus_verifier::Validators::of_genesis(&genesis);
    for block in &*crate::network::CERTIFIED {
        let _ = salus_verifier::verify_certified_header(&validators, block);
    }
}

fn key_store(bytes: &[u8]) {
    // The digest at the end is no lock: whoever changes the file makes it fit.
    let file = [bytes, sha256(bytes).as_ref()].concat();
    for file in [bytes, &file] {
        if let Ok(store) = KeyStore::from_bytes(file) {
            same("KeyStore", file, &store.to_bytes());
        }
    }
}

fn key_stores() -> Vec<Vec<u8>> {
    samples("KeyStore").iter().map(|store| [&MAGIC[..], store].concat()).collect()
}

fn wrap(bytes: &[u8]) {
    if let Some(content) = WrapContent::from_bytes(bytes) {
        same("WrapContent", bytes, &*content.to_bytes());
    }
}

fn json<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_vec(&value).expect("it is written");
        let again: T = serde_json::from_slice(&written).expect("what was written is read");
        same("JSON", &written, &serde_json::to_vec(&again).expect("it is written"));
    }
}

const TEXTS: Choice = Choice(&[
    wrap,
    text::<OrganisationId>,
    text::<TransactionId>,
    text::<Class>,
    text::<Category>,
    text::<Purpose>,
    text::<Outcome>,
    text::<Misdeed>,
    text::<SourceAsk>,
    text::<Content>,
    text::<PatientAsk>,
    json::<OrganisationId>,
    json::<Text>,
]);

fn texts() -> Vec<Vec<u8>> {
    let digits = "ab".repeat(32);
    let texts = [
        "hospital-a",
        &digits,
        "provider",
        "labs",
        "treatment",
        "open",
        "fhir",
        "directory",
        "\"a\"",
        "\"b\"",
    ];
    let seeds = (1..).zip(texts).map(|(place, text)| chosen(place, text.as_bytes()));
    seeds.chain([chosen(0, &[&[7; 32][..], &[1]].concat())]).collect()
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "transaction",
        decoders: &["types::Transaction"],
        weight: 6,
        instrumented: true,
        seeds: || samples("Transaction"),
        run: transaction,
    },
    Target {
        name: "genesis",
        decoders: &["types::Genesis"],
        weight: 2,
        instrumented: true,
        seeds: || samples("Genesis"),
        run: genesis,
    },
    Target {
        name: "names",
        decoders: &[
            "types::vault/compartment::from_bytes",
            "types::OrganisationId from text",
            "types::OrganisationId from serde",
            "types::Text from serde",
        ],
        weight: 2,
        instrumented: true,
        seeds: texts,
        run: |input| TEXTS.run(input),
    },
    codecs!(
        "actions",
        6,
        true,
        "types",
        samples,
        [
            Action,
            RegisterPatient,
            RegisterPractitioner,
            Anchor,
            Grant,
            Revoke,
            Access,
            Dropped,
            AnchorLog,
            Propose,
            Vote,
            Appoint,
            EndAppointment,
            ProxyAct,
            Act,
            ProxyRead,
            ProxyGrant,
            ProxyRevoke,
            Accuse,
            BreakGlass,
            Review,
            StartRecovery,
            CancelRecovery,
            EmergencyGround,
            OrderErasure,
            Erased,
            ErasureGround,
            Contradiction,
            SignedVote,
            Change,
            Admit,
            Update,
            SetClass,
            SetDuties,
            Remove,
            SetParameters,
        ]
    ),
    codecs!("blocks", 8, true, "types", samples, [Block, Header, Receipt, CertifiedHeader]),
    codecs!(
        "proofs",
        6,
        true,
        "types",
        samples,
        [RecordProof, AnchorProof, AnchorProofs, BatchId, Handover, Checkpoint]
    ),
    codecs!(
        "state",
        8,
        true,
        "types",
        samples,
        [
            StateKey,
            PatientEntry,
            PractitionerEntry,
            AnchorEntry,
            GrantEntry,
            AccessEntry,
            DroppedEntry,
            LogEntry,
            OrganisationEntry,
            RosterPage,
            OpenProposals,
            ProposalEntry,
            FaultEntry,
            EmergencyEntry,
            ReviewEntry,
            ErasureEntry,
            ErasedEntry,
            RecoveryEntry,
            AppointmentEntry,
            ActEntry,
            ByProxy,
            Parameters,
            Member,
            Organisation,
        ]
    ),
    Target {
        name: "key-store",
        decoders: &["types::keystore::from_bytes"],
        weight: 4,
        instrumented: true,
        seeds: key_stores,
        run: key_store,
    },
    codecs!(
        "key-store-parts",
        2,
        true,
        "types",
        samples,
        [KeyStore, KeyStoreHead, KeyStoreSecrets, Lock, LockKind, PassphraseLock, KeyLock, TokenLock]
    ),
    codecs!(
        "custody",
        6,
        true,
        "types",
        samples,
        [
            CustodyBatch,
            CustodyBatchBody,
            CustodyItem,
            OrganisationLink,
            PatientLink,
            CompartmentRecord,
            CompartmentStatement,
            SealedPackage,
            PackageHeader,
            Content,
        ]
    ),
    codecs!(
        "letters",
        6,
        true,
        "types",
        samples,
        [
            Terms,
            Consent,
            Letter,
            SourceNotice,
            EpochKeys,
            SealedEnvelope,
            CompartmentKey,
            Mandate,
            SignedMandate,
            ProxyKey,
            ProxyKeys,
            GuardianAnswer
        ]
    ),
    codecs!(
        "requests",
        6,
        true,
        "types",
        samples,
        [
            PatientRequest,
            PatientRequestBody,
            PatientAsk,
            Directory,
            VersionList,
            ListedVersion,
            ReleaseForGrant,
            ReleaseAsk,
            ReleasedShare,
            ReleasedVersion,
            Release,
            EnrolmentRequest,
            EnrolmentAnswer,
            CaseLetter,
            ProxyRequest,
            ProxyRequestBody,
            RecoveryLetter,
            RecoveryDeposit,
            RecoveryAsk,
            RecoveryShare,
            Rekey,
            PractitionerCredential,
            SourceRequest,
            SourceRequestBody,
            SourceAsk,
            GivenBack,
            DamagedBatch,
            Destroyed,
            EmergencyParcel,
            EmergencyPackage,
            EmergencyStatement,
            EmergencyShare,
            EmergencyAsk,
            EmergencyRelease,
            EmergencyNotice,
            EmergencyAccount,
            EmergencyFind,
            EmergencyFound,
            LocationBlinded,
            LocationEvaluated,
            LocationToken,
            LocationAsk,
            LocationAnswer,
            ErasureNotice,
        ]
    ),
    codecs!(
        "ids",
        2,
        true,
        "types",
        samples,
        [
            OrganisationId,
            NetworkId,
            Address,
            GrantId,
            AccessId,
            EmergencyId,
            ErasureId,
            RecoveryId,
            AppointmentId,
            ProposalId,
            CompartmentId,
            VersionId,
            TransactionId,
            Misdeed,
            Class,
            Category,
            Purpose,
            Outcome,
            Text,
            Bounded,
        ]
    ),
];
