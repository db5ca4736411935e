//! What the gateway needs of the vault in an emergency. The cli supplies the adapter.

use crate::vault::VaultError;
use async_trait::async_trait;
use salus_types::OrganisationId;
use salus_types::state::EmergencyEntry;
use salus_types::vault::{EmergencyAsk, EmergencyFound, EmergencyNotice};
use zeroize::Zeroizing;

/// A summary of a patient here that is to be made anew.
#[derive(Clone, PartialEq, Eq)]
pub struct StaleSummary {
    /// FHIR Patient id.
    pub patient: String,
    /// Since when, as the vault counts.
    pub since: u64,
}

/// A summary of a patient here was opened elsewhere.
pub struct EmergencyUse {
    /// FHIR Patient id.
    pub patient: String,
    /// The event.
    pub entry: EmergencyEntry,
    /// How its target opens, and who opened it, as far as that is known and true.
    pub notice: EmergencyNotice,
}

/// An opened summary.
#[derive(Clone)]
pub struct OpenedSummary {
    /// A FHIR Bundle.
    pub text: Zeroizing<Vec<u8>>,
    /// When its source made it, in milliseconds since 1970-01-01 UTC.
    pub made_ms: u64,
}

/// Emergency summaries: those of the patients here, and those of others.
#[async_trait]
pub trait EmergencyVault: Send + Sync + 'static {
    /// Waits until there may be something in [`Self::stale`] or [`Self::uses`]; for a while at most.
    async fn changed(&self);

    /// Summaries that are to be made anew.
    async fn stale(&self, limit: usize) -> Result<Vec<StaleSummary>, VaultError>;

    /// Seals a new summary for its holders; `None`: there is no such patient any more.
    async fn put(&self, stale: &StaleSummary, summary: Option<Zeroizing<Vec<u8>>>) -> Result<(), VaultError>;

    /// Uses that are not in the access log yet.
    async fn uses(&self, limit: usize) -> Result<Vec<EmergencyUse>, VaultError>;

    /// Hears that a use is in the access log.
    async fn noted(&self, of: EmergencyUse) -> Result<(), VaultError>;

    /// Where the summary of a patient here lies.
    async fn summary_of(&self, patient: &str) -> Result<Option<EmergencyFound>, VaultError>;

    /// Tells a source who opens its summary, and why; returns once that is durable.
    async fn tell(&self, notice: EmergencyNotice) -> Result<(), VaultError>;

    /// Opens a summary upon an event that is final.
    async fn open(&self, ask: &EmergencyAsk, holders: &[OrganisationId])
    -> Result<OpenedSummary, VaultError>;
}

/// For an organisation without a vault.
pub struct NoEmergencies;

fn none<T>() -> Result<T, VaultError> {
    Err(VaultError::Refused("this organisation keeps no records of this network".into()))
}

#[async_trait]
impl EmergencyVault for NoEmergencies {
    async fn changed(&self) {
        std::future::pending().await
    }

    async fn stale(&self, _: usize) -> Result<Vec<StaleSummary>, VaultError> {
        Ok(Vec::new())
    }

    async fn put(&self, _: &StaleSummary, _: Option<Zeroizing<Vec<u8>>>) -> Result<(), VaultError> {
        none()
    }

    async fn uses(&self, _: usize) -> Result<Vec<EmergencyUse>, VaultError> {
        Ok(Vec::new())
    }

    async fn noted(&self, _: EmergencyUse) -> Result<(), VaultError> {
        none()
    }

    async fn summary_of(&self, _: &str) -> Result<Option<EmergencyFound>, VaultError> {
        Ok(None)
    }

    async fn tell(&self, _: EmergencyNotice) -> Result<(), VaultError> {
        none()
    }

    async fn open(&self, _: &EmergencyAsk, _: &[OrganisationId]) -> Result<OpenedSummary, VaultError> {
        none()
    }
}
