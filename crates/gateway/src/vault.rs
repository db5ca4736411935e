//! What the gateway needs of the vault, as two small ports. The cli supplies the adapters.

use async_trait::async_trait;
use bytes::Bytes;
use salus_types::category::{Category, Purpose};
use salus_types::proof::RecordProof;
use salus_types::vault::Content;
use salus_types::{AccessId, Digest, GrantId, OrganisationId, VersionId};
use std::collections::HashSet;
use std::fmt;

/// Why the vault does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Too few custodians answer, or the ledger stands still: later it may work.
    #[error("temporarily unavailable: {0}")]
    Unavailable(String),
    /// The ledger or the custodians refuse.
    #[error("refused: {0}")]
    Refused(String),
    /// What came back does not fit its anchor, or this node's vault is damaged.
    #[error("fault: {0}")]
    Fault(String),
}

/// A grant to this organisation, as its letter tells.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldGrant {
    /// The grant.
    pub grant: GrantId,
    /// Whose records.
    pub source: OrganisationId,
    /// The patient's own FHIR Patient id here.
    pub patient: String,
    /// For which purpose.
    pub purpose: Purpose,
    /// Time from which it holds, in milliseconds since 1970-01-01 UTC.
    pub not_before_ms: u64,
    /// Time from which it is dead.
    pub expiry_ms: u64,
    /// The categories of its compartments.
    pub categories: Vec<Category>,
    /// Only this practitioner, by commitment.
    pub practitioner: Option<Digest>,
}

/// Without the patient: a grant may come by a log.
impl fmt::Debug for HeldGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldGrant").field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// A reading of what a grant reaches.
#[derive(Clone, Debug)]
pub struct SharedAsk {
    /// The grant.
    pub grant: GrantId,
    /// For which purpose.
    pub purpose: Purpose,
    /// Commitment of the practitioner who asks.
    pub practitioner: Digest,
    /// Versions that are held already and are not asked for again.
    pub held: HashSet<VersionId>,
}

/// A version that was opened and checked against its anchor.
#[derive(Clone, Debug)]
pub struct OpenedVersion {
    /// The version.
    pub version: VersionId,
    /// Its category.
    pub category: Category,
    /// What the text is.
    pub content: Content,
    /// The exact FHIR text.
    pub text: Bytes,
    /// The proof for anyone.
    pub proof: Box<RecordProof>,
}

/// What a reading gave.
#[derive(Clone, Debug, Default)]
pub struct SharedAnswer {
    /// The access events, in order; none if there was nothing to read.
    pub accesses: Vec<AccessId>,
    /// The versions, oldest first.
    pub versions: Vec<OpenedVersion>,
    /// Versions that the grant reaches and that did not come this time.
    pub missing: u32,
}

/// Records of other organisations, by grants of patients.
#[async_trait]
pub trait SharedRecords: Send + Sync + 'static {
    /// Grants whose letters name a patient here, live or not. Local.
    async fn grants(&self, patient: &str) -> Result<Vec<HeldGrant>, VaultError>;

    /// One grant. Local.
    async fn grant(&self, grant: GrantId) -> Result<Option<HeldGrant>, VaultError>;

    /// Lists what the grant reaches, puts an access event on the ledger for what is not held, waits until it
    /// is final, has custodians release, opens and checks.
    async fn read(&self, ask: SharedAsk) -> Result<SharedAnswer, VaultError>;

    /// Destroys the keys and packages of a grant that has ended.
    async fn forget(&self, grant: GrantId) -> Result<(), VaultError>;
}

/// How far a version of an own record is on its way to the ledger.
#[derive(Clone, Debug)]
pub enum ProofState {
    /// The vault does not know it.
    Unknown,
    /// Committed in the clinical store.
    Stored,
    /// Sealed and with its custodians.
    Sealed,
    /// Anchored.
    Anchored(Box<RecordProof>),
}

/// A patient's grant over this organisation's own records, as the patient's notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenGrant {
    /// The grant.
    pub grant: GrantId,
    /// Time from which it held, in milliseconds since 1970-01-01 UTC.
    pub not_before_ms: u64,
}

/// Proofs of own records, and who was given them.
#[async_trait]
pub trait OwnProofs: Send + Sync + 'static {
    /// The proof of a version of an own resource; the newest one where no version is named.
    async fn proof_of(&self, kind: &str, id: &str, version: Option<&str>) -> Result<ProofState, VaultError>;

    /// All grants over a patient's records here that this organisation was told of, ended or not, also by keys that
    /// were replaced since; oldest first.
    async fn grants_over(&self, patient: &str) -> Result<Vec<GivenGrant>, VaultError>;
}

/// For an organisation without a vault: nothing is shared, nothing is proven.
pub struct NoVault;

#[async_trait]
impl SharedRecords for NoVault {
    async fn grants(&self, _: &str) -> Result<Vec<HeldGrant>, VaultError> {
        Ok(Vec::new())
    }

    async fn grant(&self, _: GrantId) -> Result<Option<HeldGrant>, VaultError> {
        Ok(None)
    }

    async fn read(&self, _: SharedAsk) -> Result<SharedAnswer, VaultError> {
        Ok(SharedAnswer::default())
    }

    async fn forget(&self, _: GrantId) -> Result<(), VaultError> {
        Ok(())
    }
}

#[async_trait]
impl OwnProofs for NoVault {
    async fn proof_of(&self, _: &str, _: &str, _: Option<&str>) -> Result<ProofState, VaultError> {
        Ok(ProofState::Unknown)
    }

    async fn grants_over(&self, _: &str) -> Result<Vec<GivenGrant>, VaultError> {
        Ok(Vec::new())
    }
}
