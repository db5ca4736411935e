//! Erasure: what was ordered on the ledger is destroyed by whoever holds it, and each says so on the ledger.
//!
//! Every member follows the orders, which are numbered without gaps, and gets the *notice* that opens an order, from its
//! source or from anyone who has it (`follow`). So a node that was restored from a backup learns again what it is to
//! erase, the source too. Carrying it out (`carry`) takes one durable transaction, after which nothing of the versions is
//! given out here; packs are blanked after it. Copies in the clinical store are the gateway's to remove: it asks what is
//! [`Erasure::due`], and calls [`Erasure::finish`] when nothing is left there. Then the tables are written anew, so that
//! freed pages hold nothing of it, and the receipt goes on the ledger.
//!
//! | step | persisted | after a crash |
//! |---|---|---|
//! | an order is seen | it is wanted | the notice is asked for again |
//! | rows removed, versions marked | one transaction: *carried* | packs are blanked at the next start |
//! | the gateway has removed copies | in its own tables and the engine | asked again, harmlessly |
//! | tables written anew | *wiped* | - |
//! | receipt final | on the ledger, *done* | found there, not submitted twice |

mod carry;
mod follow;

use crate::custodian::Custodian;
use crate::ledger::LedgerError;
use crate::node::Context;
use crate::source::Source;
use crate::store::StoreError;
use salus_types::GrantId;
use salus_types::vault::ErasureNotice;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Nothing of it is given out any more; copies may be left.
const CARRIED: u8 = 1;
/// Nothing is left but the receipt.
const WIPED: u8 = 2;
/// The receipt is on the ledger.
const DONE: u8 = 3;

/// Why an order is not carried out, or not yet.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The order is not on this organisation's ledger (yet).
    #[error("there is no such order on the ledger")]
    Unknown,
    /// The notice is not what the order commits to.
    #[error("the notice does not open the order")]
    Notice,
    /// Packages are still on their way to a custodian.
    #[error("packages are still on their way to a custodian")]
    OnTheWay,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// An order whose copies, if there are any, are to be removed from the clinical store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueErasure {
    /// The order, and what it erases.
    pub notice: ErasureNotice,
    /// Grants under which copies of it came here.
    pub grants: Vec<GrantId>,
    /// FHIR types and ids of this organisation's own resources that it erases.
    pub resources: Vec<(String, String)>,
}

/// Carries out orders to erase.
pub struct Erasure {
    ctx: Arc<Context>,
    source: Option<Arc<Source>>,
    /// Held while a batch is taken: of what is erased, nothing comes in between.
    accepting: Arc<Mutex<()>>,
    /// There may be new orders.
    news: Notify,
    /// There may be something to do for who removes copies.
    due: Notify,
}

impl Erasure {
    pub(crate) fn new(ctx: Arc<Context>, source: Option<Arc<Source>>, custodian: &Custodian) -> Self {
        Self { ctx, source, accepting: custodian.accepting(), news: Notify::new(), due: Notify::new() }
    }
}
