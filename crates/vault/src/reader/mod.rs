//! The grantee's side: access event first, keys second.
//!
//! Upon `read(grant)`: ask custodians which versions the grant reaches; leave out what is held; put the access event
//! on the ledger and wait until it is final; ask custodians to release, one with packages, the others shares alone;
//! open with any two; check each commitment against the anchored root on the own ledger.
//! What was opened counts as held only after [`Reader::hold`], which the caller calls once its copy is durable.

mod collect;
mod held;
mod plan;
mod read;

pub use held::HeldProof;
pub use plan::Plan;
pub use read::{OpenedRecord, Reading};

use crate::combine::Blame;
use crate::ledger::LedgerError;
use crate::node::Context;
use crate::store::StoreError;
use std::sync::Arc;
use std::time::Duration;

/// How a grantee reads.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// Most versions under one access event; at most 4,096.
    pub versions_per_event_max: usize,
    /// How long a custodian that refuses is asked again: its ledger may be a block behind.
    pub refusal_patience: Duration,
    /// Pause between two such requests.
    pub refusal_pause: Duration,
    /// How long further custodians are waited for when two have listed, and how long packages are waited for before
    /// another custodian is asked for them too.
    pub hedge: Duration,
    /// Longest wait for one custodian.
    pub custodian_timeout: Duration,
}

impl Default for ReaderConfig {
    fn default() -> Self {
        Self {
            versions_per_event_max: 2_048,
            refusal_patience: Duration::from_secs(3),
            refusal_pause: Duration::from_millis(100),
            hedge: Duration::from_millis(500),
            custodian_timeout: Duration::from_secs(15),
        }
    }
}

/// Why nothing is read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No letter of such a grant has come, or it is forgotten.
    #[error("no such grant is kept here")]
    UnknownGrant,
    /// It was erased meanwhile.
    #[error("a version was erased meanwhile")]
    Erased,
    /// The terms, the ledger or the custodians refuse.
    #[error("refused: {0}")]
    Refused(String),
    /// Fewer than two custodians answer, or the ledger stands still: later it may work.
    #[error("temporarily unavailable: {0}")]
    TemporarilyUnavailable(&'static str),
    /// What custodians gave does not hold.
    #[error("what the custodians gave does not hold")]
    Faulty(Vec<Blame>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerError> for ReadError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Rejected(reason) => Self::Refused(reason),
            LedgerError::Unavailable => Self::TemporarilyUnavailable("the ledger does not answer"),
            LedgerError::Malformed => Self::Refused(error.to_string()),
        }
    }
}

/// Reads what grants reach.
pub struct Reader {
    ctx: Arc<Context>,
    config: ReaderConfig,
}

impl Reader {
    pub(crate) fn new(ctx: Arc<Context>, config: ReaderConfig) -> Self {
        Self { ctx, config }
    }
}
