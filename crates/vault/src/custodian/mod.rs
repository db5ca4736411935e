//! The custodian's side: keep sealed packages and one share of each `S` for others, and release them only upon the
//! [`decide`] module's word.
//!
//! A custodian trusts its own ledger, never who asks. It sees ciphertext, compartments' names, owners' addresses and
//! timing; it knows no category and no key.

mod accept;
pub mod audit;
mod check;
pub mod decide;
mod destroy;
pub(crate) mod erase;
mod evidence;
mod grant;
mod patient;
mod proxy;
mod records;
mod release;
mod released;
mod source;

pub use accept::CustodyError;
pub use check::{CheckConfig, KeptStatus};
pub use released::Released;

use crate::ledger::{LedgerError, entry};
use crate::node::Context;
use crate::store::tables::{CUSTODY, CustodyRow, HELD_VERSIONS, HeldVersionRow, key as table_key};
use crate::store::{Reads, Store, StoreError};
use decide::Refusal;
use salus_types::state::{AnchorEntry, key};
use salus_types::{OrganisationId, VersionId};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Anchors remembered as checked; 64 bytes each.
const ANCHORS_REMEMBERED_MAX: usize = 262_144;

/// Why nothing is released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The decision.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A version as it is held in its newest generation.
fn newest(tx: &impl Reads, version: &VersionId) -> Result<Option<HeldVersionRow>, StoreError> {
    let mut held = tx.scan(&HELD_VERSIONS, version.as_bytes(), None, usize::MAX)?;
    Ok(held.pop().map(|(_, row)| row))
}

/// A batch as it was taken in its newest generation.
fn newest_batch(
    tx: &impl Reads,
    source: &OrganisationId,
    sequence: u64,
) -> Result<Option<(u32, CustodyRow)>, StoreError> {
    let mut held = tx.scan(&CUSTODY, &table_key::batch(source, sequence), None, usize::MAX)?;
    let Some((at, row)) = held.pop() else { return Ok(None) };
    Ok(Some((table_key::generation_at_end(&at).ok_or(StoreError::Damaged)?, row)))
}

/// Keeps what sources hand over.
pub struct Custodian {
    ctx: Arc<Context>,
    anchored: Mutex<HashSet<(OrganisationId, u64)>>,
    /// One batch is taken at a time: of two under one number, the second must find the first.
    accepting: Arc<Mutex<()>>,
    checks: CheckConfig,
    audited: Mutex<Option<audit::Audit>>,
}

impl Custodian {
    pub(crate) fn new(ctx: Arc<Context>, checks: CheckConfig) -> Self {
        Self { ctx, anchored: Mutex::default(), accepting: Arc::default(), checks, audited: Mutex::default() }
    }

    /// Held while a batch is taken.
    pub(crate) fn accepting(&self) -> Arc<Mutex<()>> {
        self.accepting.clone()
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.ctx.store
    }

    /// Whether the ledger has the root of this batch under its number. Anchors never change, so a yes is remembered.
    async fn is_anchored(
        &self,
        source: &OrganisationId,
        sequence: u64,
        batch: &CustodyRow,
    ) -> Result<bool, LedgerError> {
        let at = (source.clone(), sequence);
        if self.anchored.lock().unwrap_or_else(PoisonError::into_inner).contains(&at) {
            return Ok(true);
        }
        let anchor: Option<AnchorEntry> = entry(&*self.ctx.ledger, key::anchor(source, sequence)).await?;
        let fits = anchor.is_some_and(|anchor| anchor.batch_root == batch.root);
        if fits {
            let mut anchored = self.anchored.lock().unwrap_or_else(PoisonError::into_inner);
            if anchored.len() >= ANCHORS_REMEMBERED_MAX {
                anchored.clear();
            }
            anchored.insert(at);
        }
        Ok(fits)
    }
}
