//! Records of other organisations that patients' grants brought here.
//!
//! * A copy is used only while its grant is live on **this node's ledger at this moment** ([`live`]), for the
//!   patient's purpose, by whom the patient named; asked anew for every request, from local state.
//! * The first reading of what a grant reaches goes through an access event and the custodians
//!   ([`ensure`]); afterwards the clinical engine answers from its own store.
//! * After a revoke or an expiry the set is deleted, and a receipt goes on the ledger ([`dropper`]).

pub(crate) mod dropper;
pub(crate) mod ensure;
mod erase;
mod fetch;
pub(crate) mod live;
mod reach;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod transform;

pub use ensure::{Fetched, Source, SourceState};
pub(crate) use live::GrantState;
pub use reach::{Note, ShareReach};
pub(crate) use reach::{Standing, circumstances};

use crate::store::{Store, StoreError};
use live::LiveGrants;
use salus_types::GrantId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use table::{Stage, Table};

/// What is held, and what is going on.
pub struct Shares {
    table: Table,
    live: LiveGrants,
    /// One import or drop at a time for each grant.
    busy: Mutex<HashMap<GrantId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Shares {
    pub(crate) fn new(store: Store) -> Self {
        Self { table: Table::new(store), live: LiveGrants::default(), busy: Mutex::default() }
    }

    /// How many sets are held, and how many are deleted and lack their receipt.
    pub(crate) fn count(&self) -> Result<(u64, u64), StoreError> {
        let sets = self.table.sets()?;
        let count = |stage| sets.iter().filter(|(_, set)| set.stage == stage).count() as u64;
        Ok((count(Stage::Held), count(Stage::Deleted)))
    }

    /// The lock of a grant's set.
    fn lock_of(&self, grant: GrantId) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        // A lock that nobody holds or waits for is forgotten.
        busy.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(busy.entry(grant).or_default())
    }
}
