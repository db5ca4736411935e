//! What other nodes and patients ask of this node's vault, as a port. The cli supplies the adapter.
//!
//! Every method decides for itself whether the asker may have the answer; a refusal says why without naming
//! anybody.

use crate::error::{Code, Error};
use crate::vault::VaultError;
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use salus_crypto::hpke::HpkePublicKey;
use salus_types::action::Appoint;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Destroyed, Directory, EmergencyAsk, EmergencyNotice, EmergencyParcel,
    EmergencyRelease, ErasureNotice, PatientLink, PatientRequest, ProxyRequest, Release, ReleaseAsk,
    ReleaseForGrant, SealedEnvelope, SignedMandate, SourceRequest, VersionList,
};
use salus_types::{AccessId, Address, ErasureId, OrganisationId, PublicKey, SigningKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Record versions on their way from the clinical store to the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queues {
    /// Committed in the clinical store, waiting to be sealed.
    pub stored: u64,
    /// Sealed, waiting to be anchored.
    pub sealed: u64,
    /// Anchored, all that is done.
    pub anchored: u64,
    /// Age of the oldest version that waits, in milliseconds.
    #[serde(default)]
    pub anchor_lag_ms: u64,
}

/// This organisation's batches on their way to other custodians, after the custodians changed. Counts only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moves {
    /// Batches that have moved; one that moves twice counts twice.
    pub moved: u64,
    /// Batches that are to move.
    pub to_move: u64,
    /// Batches that have moved, and that one of their new custodians has not got yet.
    pub late: u64,
    /// Receipts of custodians for what they have destroyed, the newest of each for each batch.
    pub receipts: u64,
    /// Receipts that are missing, by custodian.
    pub receipts_owed: BTreeMap<OrganisationId, u64>,
    /// How often a custodian gave shares, packages or receipts that do not hold.
    pub faults: BTreeMap<OrganisationId, u64>,
}

/// How well what is sealed is kept: this organisation's records at others, and others' here. Counts only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustodyReport {
    /// How custodians answered when they were asked to show what they keep of this organisation's records.
    pub challenges: BTreeMap<OrganisationId, Challenges>,
    /// Copies that custodians had lost and have again.
    pub repaired: u64,
    /// What this organisation keeps for others.
    pub kept: Kept,
    /// What came of comparing what was released here with the access events on the ledger, if it was.
    pub audit: Option<ReleaseAudit>,
}

/// A custodian's answers, since the vault was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Challenges {
    /// What was asked for was there.
    pub passed: u64,
    /// It was not, or was not what it should be.
    pub failed: u64,
    /// It did not answer.
    pub unanswered: u64,
    /// When it passed last, in milliseconds since 1970-01-01 UTC; 0: never.
    pub passed_ms: u64,
    /// When it failed last, in milliseconds since 1970-01-01 UTC; 0: never.
    pub failed_ms: u64,
    /// Batches of which its copy is to be made good.
    pub lost: u64,
}

/// Batches in custody here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Batches kept.
    pub batches: u64,
    /// Those known not to be whole now.
    pub damaged: u64,
    /// Those never read through yet.
    pub unchecked: u64,
    /// When the one that was not read through for longest was found whole, in milliseconds since 1970-01-01 UTC; 0 if
    /// none was.
    pub oldest_check_ms: u64,
    /// Copies that were found damaged, ever.
    pub ever_damaged: u64,
    /// Whether rows of the vault's tables are not what was written.
    pub tables_damaged: bool,
}

/// Releases compared with access events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseAudit {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Releases compared.
    pub releases: u64,
    /// Those that match no event.
    pub mismatches: u64,
    /// The first of these.
    pub first: Vec<ReleaseMismatch>,
}

/// A release that matches no access event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseMismatch {
    /// The event that was named.
    pub access: AccessId,
    /// How they differ, in words.
    pub what: &'static str,
}

/// A node as its own numbers tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Height of the newest applied block.
    pub height: u64,
    /// Final blocks not applied yet.
    pub lag: u64,
    /// Nodes that it is connected to.
    pub peers: u32,
    /// Transactions that wait there.
    pub mempool: u32,
    /// Its records on their way to the ledger.
    #[serde(default)]
    pub queues: Queues,
    /// The running epoch.
    #[serde(default)]
    pub epoch: u64,
    /// What its clock says, in milliseconds since 1970-01-01 UTC; 0 if it does not tell.
    #[serde(default)]
    pub time_ms: u64,
    /// Version of its program; empty if it does not tell.
    #[serde(default)]
    pub version: String,
}

/// The answer to a patient's request, by its ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatientAnswer {
    /// To `directory`.
    Directory(Directory),
    /// To `versions`.
    Versions(VersionList),
    /// To `release` and `shares`.
    Release(Release),
}

/// The answer to who acts for a patient, by its ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAnswer {
    /// To `directory`: sealed [`salus_types::vault::ProxyKeys`].
    Keys(Box<SealedEnvelope>),
    /// To `versions`.
    Versions(VersionList),
    /// To `release` and `shares`.
    Release(Box<Release>),
}

/// Somebody whom this organisation appoints for a child.
pub struct WardAppointment {
    /// Signs the appointment.
    pub one_time: SigningKey,
    /// For the ledger.
    pub action: Appoint,
    /// For who is appointed.
    pub mandate: SignedMandate,
}

/// The vault of this node, as others may call it.
#[async_trait]
pub trait Keeper: Send + Sync + 'static {
    /// Takes a batch into custody; returns once it is durable.
    async fn custody(&self, from: &OrganisationId, batch: CustodyBatch) -> Result<(), VaultError>;

    /// A hint that a batch is anchored.
    async fn anchored(&self, from: &OrganisationId, sequence: u64, height: u64) -> Result<(), VaultError>;

    /// Takes compartment records; returns once they are durable.
    async fn compartments(
        &self,
        from: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), VaultError>;

    /// Takes a link to a patient; returns once it is durable.
    async fn link(&self, from: &OrganisationId, link: PatientLink) -> Result<(), VaultError>;

    /// Lists the versions that a live grant reaches, for its grantee.
    async fn versions(&self, from: &OrganisationId, ask: ReleaseAsk) -> Result<VersionList, VaultError>;

    /// Releases shares for a finalised access event of the asker.
    async fn release(&self, from: &OrganisationId, ask: ReleaseForGrant) -> Result<Release, VaultError>;

    /// Gives a source back what it sealed itself: shares, and packages if it asks for them.
    async fn give_back(&self, from: &OrganisationId, request: SourceRequest) -> Result<Release, VaultError>;

    /// Destroys what newer shares of the source replace, and signs for it.
    async fn destroy(&self, from: &OrganisationId, request: SourceRequest) -> Result<Destroyed, VaultError>;

    /// Takes an emergency summary and a share of its key from its source, or destroys what it replaces; returns once that
    /// is durable.
    async fn emergency(&self, from: &OrganisationId, parcel: EmergencyParcel) -> Result<(), VaultError>;

    /// Releases a share of an emergency key to who broke the glass.
    async fn release_emergency(
        &self,
        from: &OrganisationId,
        ask: EmergencyAsk,
    ) -> Result<EmergencyRelease, VaultError>;

    /// Hears that an emergency summary of this organisation was opened; returns once that is durable.
    async fn emergency_told(&self, notice: EmergencyNotice) -> Result<(), VaultError>;

    /// The notice that opens an order to erase, if it is known here.
    async fn erasure_notice(&self, erasure: ErasureId) -> Result<ErasureNotice, VaultError>;

    /// Answers a patient; never asked for the access log, which the gateway answers itself.
    async fn patient(&self, request: PatientRequest) -> Result<PatientAnswer, VaultError>;

    /// Answers who acts for a patient; never asked for the access log.
    async fn proxy(&self, request: ProxyRequest) -> Result<ProxyAnswer, VaultError>;

    /// Whether a mandate holds now.
    async fn mandate(&self, signed: &SignedMandate) -> Result<(), VaultError>;

    /// The address of a patient who has no keys of its own; they are made and kept here.
    async fn ward(&self, patient: &str) -> Result<Address, VaultError>;

    /// Appoints somebody for such a patient, until a time in milliseconds since 1970-01-01 UTC.
    async fn appoint_for_ward(
        &self,
        patient: &str,
        proxy: PublicKey,
        kem: HpkePublicKey,
        until_ms: u64,
    ) -> Result<WardAppointment, VaultError>;

    /// The keys that end such appointments; none for who has keys of its own.
    async fn ward_keys(&self, patient: &str) -> Result<Vec<SigningKey>, VaultError>;

    /// Takes a letter to this organisation, or a notice to it as a source.
    async fn mailbox(&self, envelope: SealedEnvelope) -> Result<(), VaultError>;

    /// Takes keys of new epochs from a source.
    async fn keys(&self, from: &OrganisationId, envelope: SealedEnvelope) -> Result<(), VaultError>;

    /// Takes a person whose identity is proofed as the patient with this FHIR id: makes a link, wraps the
    /// compartments. The address is on the ledger already. The same key again is no error.
    async fn enrol(&self, patient: &str, key: PublicKey, kem: HpkePublicKey)
    -> Result<Directory, VaultError>;

    /// Puts a patient's new keys in the place of the old one, which asks for it, or of whatever key stands if the identity
    /// was proofed anew. The address is on the ledger already. The same key again is no error.
    async fn rekey(
        &self,
        patient: &str,
        old: Option<PublicKey>,
        key: PublicKey,
        kem: HpkePublicKey,
    ) -> Result<Directory, VaultError>;

    /// Gives the registration `from` to the owner of `into`. `old`: the key of `from` that asks for it, if one is enrolled.
    /// Repeated it changes nothing.
    async fn merge(&self, from: &str, into: &str, old: Option<PublicKey>) -> Result<(), VaultError>;

    /// Gives a registration that was merged back to whose it was. Repeated it changes nothing.
    async fn part(&self, from: &str) -> Result<(), VaultError>;

    /// Numbers for stewards.
    async fn queues(&self) -> Queues;

    /// Adds what the vault counts for dashboards; the registry puts `salus_` before the names.
    fn register(&self, _registry: &mut Registry) {}

    /// How far moves of custody are, for stewards.
    async fn moves(&self) -> Moves;

    /// How well what is sealed is kept, for stewards.
    ///
    /// # Errors
    /// [`VaultError::Fault`]: the store does not tell.
    async fn custody_report(&self) -> Result<CustodyReport, VaultError>;
}

/// For an organisation without a vault.
pub struct NoKeeper;

fn none<T>() -> Result<T, VaultError> {
    Err(VaultError::Refused("this organisation keeps no records of this network".into()))
}

#[async_trait]
impl Keeper for NoKeeper {
    async fn custody(&self, _: &OrganisationId, _: CustodyBatch) -> Result<(), VaultError> {
        none()
    }

    async fn anchored(&self, _: &OrganisationId, _: u64, _: u64) -> Result<(), VaultError> {
        none()
    }

    async fn compartments(&self, _: &OrganisationId, _: Vec<CompartmentRecord>) -> Result<(), VaultError> {
        none()
    }

    async fn link(&self, _: &OrganisationId, _: PatientLink) -> Result<(), VaultError> {
        none()
    }

    async fn versions(&self, _: &OrganisationId, _: ReleaseAsk) -> Result<VersionList, VaultError> {
        none()
    }

    async fn release(&self, _: &OrganisationId, _: ReleaseForGrant) -> Result<Release, VaultError> {
        none()
    }

    async fn give_back(&self, _: &OrganisationId, _: SourceRequest) -> Result<Release, VaultError> {
        none()
    }

    async fn destroy(&self, _: &OrganisationId, _: SourceRequest) -> Result<Destroyed, VaultError> {
        none()
    }

    async fn emergency(&self, _: &OrganisationId, _: EmergencyParcel) -> Result<(), VaultError> {
        none()
    }

    async fn release_emergency(
        &self,
        _: &OrganisationId,
        _: EmergencyAsk,
    ) -> Result<EmergencyRelease, VaultError> {
        none()
    }

    async fn emergency_told(&self, _: EmergencyNotice) -> Result<(), VaultError> {
        none()
    }

    async fn erasure_notice(&self, _: ErasureId) -> Result<ErasureNotice, VaultError> {
        none()
    }

    async fn patient(&self, _: PatientRequest) -> Result<PatientAnswer, VaultError> {
        none()
    }

    async fn proxy(&self, _: ProxyRequest) -> Result<ProxyAnswer, VaultError> {
        none()
    }

    async fn mandate(&self, _: &SignedMandate) -> Result<(), VaultError> {
        none()
    }

    async fn ward(&self, _: &str) -> Result<Address, VaultError> {
        none()
    }

    async fn appoint_for_ward(
        &self,
        _: &str,
        _: PublicKey,
        _: HpkePublicKey,
        _: u64,
    ) -> Result<WardAppointment, VaultError> {
        none()
    }

    async fn ward_keys(&self, _: &str) -> Result<Vec<SigningKey>, VaultError> {
        Ok(Vec::new())
    }

    async fn mailbox(&self, _: SealedEnvelope) -> Result<(), VaultError> {
        none()
    }

    async fn keys(&self, _: &OrganisationId, _: SealedEnvelope) -> Result<(), VaultError> {
        none()
    }

    async fn enrol(&self, _: &str, _: PublicKey, _: HpkePublicKey) -> Result<Directory, VaultError> {
        none()
    }

    async fn rekey(
        &self,
        _: &str,
        _: Option<PublicKey>,
        _: PublicKey,
        _: HpkePublicKey,
    ) -> Result<Directory, VaultError> {
        none()
    }

    async fn merge(&self, _: &str, _: &str, _: Option<PublicKey>) -> Result<(), VaultError> {
        none()
    }

    async fn part(&self, _: &str) -> Result<(), VaultError> {
        none()
    }

    async fn queues(&self) -> Queues {
        Queues::default()
    }

    async fn moves(&self) -> Moves {
        Moves::default()
    }

    async fn custody_report(&self) -> Result<CustodyReport, VaultError> {
        Ok(CustodyReport::default())
    }
}

/// A refusal of the vault as this node says it to others.
pub(crate) fn refused(error: VaultError) -> Error {
    match error {
        VaultError::Unavailable(reason) => Error::new(Code::Away, reason).retry_after(5),
        VaultError::Refused(reason) => Error::new(Code::Forbidden, reason),
        VaultError::Fault(reason) => Error::internal(reason),
    }
}
