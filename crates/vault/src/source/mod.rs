//! The source's side: from the outbox to the anchor.
//!
//! One record per batch, made in one durable transaction, is the truth: the outbox cursor moves only together with
//! the versions' rows, new compartments and the batch; the packages were durable before. Whatever happens later can be
//! found again from it: custodians answer to a repeated batch as to the first, and the ledger takes a sequence once.
//!
//! | step | persisted | after a crash |
//! |---|---|---|
//! | pack written | `outgoing/{sequence}` | overwritten by the next attempt: nothing left the node |
//! | batch committed | batch, versions, compartments, cursor | resumed from here, in order |
//! | outbox acknowledged | in the engine | repeated at start |
//! | two custodians of every version | batch (lazily) | batches are sent again, harmlessly |
//! | anchor final | on the ledger | found there by its sequence, not submitted twice |
//! | anchored | batch | - |
//! | third custodian | batch (lazily) | sent again, for as long as it takes |
//!
//! What happens when the custodians change is in `moves`, and when this organisation's node key does, in `signer`.

mod build;
mod compartment;
mod deliver;
mod enrol;
pub(crate) mod erase;
mod merge;
mod moves;
mod notice;
mod pack;
pub(crate) mod parcel;
mod pipeline;
mod proof;
mod proxy;
mod rekey;
mod retry;
mod rotate;
mod signer;
mod status;
mod ward;

pub(crate) use build::ANCHORED;
pub use moves::{ChallengeStatus, CustodyStatus};
pub use proof::RecordState;
pub(crate) use rotate::EPOCHS_MAX;
pub use status::SourceStatus;
pub use ward::Guardian;

use crate::envelope::EnvelopeError;
use crate::ledger::LedgerError;
use crate::node::Context;
use crate::outbox::Outbox;
use crate::placement::{TooFewCustodians, custodians_of};
use crate::store::StoreError;
use crate::suite::{self, Suite};
use deliver::Health;
pub(crate) use pack::OutgoingPack;
use salus_crypto::Secret32;
use salus_types::vault::OrganisationLink;
use salus_types::{CompartmentId, Digest, OrganisationId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// How batches are made and sent. The defaults suit a hospital.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Most versions in a batch; at most 4,096.
    pub batch_versions_max: usize,
    /// A batch is closed when its texts reach this many bytes.
    pub batch_bytes_max: usize,
    /// A batch is closed when nothing has arrived for this long.
    pub batch_quiet: Duration,
    /// A batch is closed when its first version is this old.
    pub batch_age_max: Duration,
    /// Most batches between sealing and anchor.
    pub batches_in_flight_max: usize,
    /// First pause after a failure; doubles.
    pub retry_first: Duration,
    /// Longest pause.
    pub retry_max: Duration,
    /// How long the third custodian is waited for before it is served in the background.
    pub third_custodian_grace: Duration,
    /// How often grants are checked for their end, besides [`Source::grant_ended`].
    pub grant_sweep: Duration,
    /// Longest pause between two looks at who the custodians are, and at batches that are to move.
    pub custody_sweep: Duration,
    /// Pause between two challenges.
    pub challenge_pause: Duration,
    /// How long a copy that was made good is not made anew for the same custodian again.
    pub repair_pause: Duration,
    /// In which new versions are sealed.
    pub suite: &'static Suite,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            batch_versions_max: 1_024,
            batch_bytes_max: 8 * 1024 * 1024,
            batch_quiet: Duration::from_millis(200),
            batch_age_max: Duration::from_secs(1),
            batches_in_flight_max: 4,
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
            third_custodian_grace: Duration::from_millis(500),
            grant_sweep: Duration::from_secs(5),
            custody_sweep: Duration::from_secs(10),
            challenge_pause: Duration::from_secs(60),
            repair_pause: Duration::from_secs(3_600),
            suite: suite::NEWEST,
        }
    }
}

/// Why the source stops, or does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network is too small.
    #[error(transparent)]
    Custodians(#[from] TooFewCustodians),
    /// A member's or a patient's X-Wing key is none.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger has another root under a sequence of this source: a second copy of this vault runs, or an old
    /// backup was restored.
    #[error("the ledger has another batch under number {0}: is a second copy of this vault running?")]
    Forked(u64),
    /// Nobody is enrolled as this patient.
    #[error("the patient has not enrolled")]
    NotEnrolled,
    /// The patient has enrolled with another key.
    #[error("the patient has enrolled already, with another key")]
    Enrolled,
    /// A logical id that FHIR does not allow.
    #[error("not a FHIR id")]
    Name,
    /// A test has stopped the source here.
    #[cfg(test)]
    #[error("interrupted by a test")]
    Interrupted,
}

impl SourceError {
    /// Whether no retry mends it: another copy of this vault runs, or the store must be opened again.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Forked(_) => true,
            Self::Store(error) => error.is_final(),
            #[cfg(test)]
            Self::Interrupted => true,
            _ => false,
        }
    }
}

/// Where tests may stop the source as a crash would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    RowsRead,
    PackWritten,
    BatchCommitted,
    OutboxAcked,
    CustodySent,
    CustodyDurable,
    AnchorFinal,
    AnchorRecorded,
    ThirdCustodian,
    Surveyed,
    SignedAnew,
    SharesTakenBack,
    NewPackWritten,
    NewSharesCommitted,
    NewSharesTaken,
    NewSharesStand,
    MoveDone,
    ReceiptGiven,
    ReceiptKept,
}

/// Asks whether to stop at a step.
#[cfg(test)]
pub(crate) type Probe = Arc<dyn Fn(Step) -> bool + Send + Sync>;

type Links = (u32, HashMap<OrganisationId, (OrganisationLink, Secret32)>);

/// The sealing pipeline of one organisation.
pub struct Source {
    pub(crate) ctx: Arc<Context>,
    outbox: Arc<dyn Outbox>,
    pub(crate) config: SourceConfig,
    links: Mutex<Links>,
    health: Health,
    /// Parcels wait to be sent.
    pub(crate) parcels: Notify,
    /// Emergency summaries are to be made anew.
    pub(crate) emergencies: Notify,
    /// Receipts are owed.
    receipts: Notify,
    #[cfg(test)]
    pub(crate) probe: Mutex<Option<Probe>>,
}

impl Source {
    /// A source over the shared context.
    ///
    /// # Errors
    /// [`SourceError::Custodians`] if the network has fewer than three; [`SourceError::Store`].
    pub(crate) fn new(
        ctx: Arc<Context>,
        outbox: Arc<dyn Outbox>,
        config: SourceConfig,
    ) -> Result<Self, SourceError> {
        let organisations = ctx.ledger.organisations();
        custodians_of(&CompartmentId(Digest::ZERO), &organisations)?;
        moves::begin(&ctx.store, &organisations)?;
        signer::begin(&ctx)?;
        Ok(Self {
            ctx,
            outbox,
            config,
            links: Mutex::default(),
            health: Health::default(),
            parcels: Notify::new(),
            emergencies: Notify::new(),
            receipts: Notify::new(),
            #[cfg(test)]
            probe: Mutex::default(),
        })
    }

    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "stops in tests only")
    )]
    fn reached(&self, step: Step) -> Result<(), SourceError> {
        #[cfg(test)]
        {
            let probe = self.probe.lock().expect("not poisoned").clone();
            if probe.is_some_and(|probe| probe(step)) {
                return Err(SourceError::Interrupted);
            }
        }
        let _ = step;
        Ok(())
    }
}
