//! The clinical engine's outbox: every committed version, once, in order.

use async_trait::async_trait;

/// One committed version.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number; numbers rise, gaps are allowed.
    pub seq: u64,
    /// FHIR resource type.
    pub resource_type: String,
    /// Logical id.
    pub id: String,
    /// Version id.
    pub version: String,
    /// Whether this version is the deletion; `resource` is then what was deleted.
    pub deleted: bool,
    /// Logical id of the patient to whom it belongs, if to one.
    pub patient: Option<String>,
    /// The exact text.
    pub resource: String,
}

/// The engine does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clinical engine's outbox does not answer")]
pub struct OutboxError;

/// The outbox. Implemented outside.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Rows with numbers above `after`, at most `limit`, in order.
    async fn next(&self, after: u64, limit: usize) -> Result<Vec<OutboxRow>, OutboxError>;

    /// Returns once there may be a row above `after`, or after a while.
    async fn wait(&self, after: u64);

    /// Rows up to and including `up_to` are sealed and may be forgotten. Repeated calls are harmless.
    async fn ack(&self, up_to: u64) -> Result<(), OutboxError>;
}
