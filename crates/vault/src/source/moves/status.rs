//! How far moves are, for stewards.

use super::PLACED;
use crate::node::blocking;
use crate::source::build::count;
use crate::source::{Source, SourceError};
use crate::store::tables::{FAULTS, MOVES, OWED, RECEIPTS, counter, key};
use crate::store::{Reads as _, StoreError};
use salus_types::OrganisationId;
use std::collections::BTreeMap;

/// How far moves are. Counts only.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustodyStatus {
    /// Batches that other custodians have now, since the vault was made; one that moves twice counts twice.
    pub moved: u64,
    /// Batches that are to move.
    pub to_move: u64,
    /// Batches that have moved, and that one of their new custodians has not got yet.
    pub late: u64,
    /// Receipts kept, the newest of each custodian for each batch.
    pub receipts: u64,
    /// Receipts that custodians owe.
    pub receipts_owed: BTreeMap<OrganisationId, u64>,
    /// How often a custodian gave shares, packages or receipts that do not hold.
    pub faults: BTreeMap<OrganisationId, u64>,
}

impl Source {
    /// How far moves are.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn custody_status(&self) -> Result<CustodyStatus, SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let tx = store.read()?;
            let moves = tx.scan(&MOVES, &[], None, usize::MAX)?;
            let late = moves.iter().filter(|(_, row)| row.state == PLACED).count();
            let mut status = CustodyStatus {
                moved: count(&tx, counter::MOVED)?,
                to_move: (moves.len() - late) as u64,
                late: late as u64,
                receipts: tx.len(&RECEIPTS)?,
                ..CustodyStatus::default()
            };
            for (at, _) in tx.scan(&OWED, &[], None, usize::MAX)? {
                let (custodian, _) = key::batch_parts(&at).ok_or(StoreError::Damaged)?;
                *status.receipts_owed.entry(custodian).or_default() += 1;
            }
            for (at, count) in tx.scan(&FAULTS, &[], None, usize::MAX)? {
                let name = std::str::from_utf8(&at).ok().and_then(|name| name.parse().ok());
                status.faults.insert(name.ok_or(StoreError::Damaged)?, count);
            }
            Ok::<_, StoreError>(status)
        })
        .await?)
    }
}
