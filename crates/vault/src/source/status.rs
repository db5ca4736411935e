//! Numbers for stewards.

use super::build::count;
use super::{Source, SourceError};
use crate::node::blocking;
use crate::store::tables::{OPEN_BATCHES, PARCELS, counter};
use crate::store::{Reads, StoreError};

/// How much is where. All are totals since the vault was made, but for the last three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Versions sealed.
    pub sealed: u64,
    /// Versions with two custodians.
    pub custody: u64,
    /// Versions anchored.
    pub anchored: u64,
    /// Rows that cannot be sealed: a name or size that is not allowed.
    pub refused: u64,
    /// Epochs rotated.
    pub rotated: u64,
    /// Rows of the outbox up to this number are sealed.
    pub outbox_cursor: u64,
    /// Batches that are not anchored, or not with all custodians yet.
    pub open_batches: u64,
    /// Parcels that wait for other organisations.
    pub parcels: u64,
}

impl Source {
    /// How much is where.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn status(&self) -> Result<SourceStatus, SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let tx = store.read()?;
            Ok::<_, StoreError>(SourceStatus {
                sealed: count(&tx, counter::SEALED)?,
                custody: count(&tx, counter::CUSTODY)?,
                anchored: count(&tx, counter::ANCHORED)?,
                refused: count(&tx, counter::REFUSED)?,
                rotated: count(&tx, counter::ROTATED)?,
                outbox_cursor: count(&tx, counter::OUTBOX)?,
                open_batches: tx.scan(&OPEN_BATCHES, &[], None, usize::MAX)?.len() as u64,
                parcels: tx.scan(&PARCELS, &[], None, usize::MAX)?.len() as u64,
            })
        })
        .await?)
    }
}
