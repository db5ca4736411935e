//! How far moves are, for stewards.

use super::PLACED;
use crate::node::blocking;
use crate::source::build::count;
use crate::source::{Source, SourceError};
use crate::store::tables::{CHALLENGES, ChallengeRow, FAULTS, LOST, MOVES, OWED, RECEIPTS, counter, key};
use crate::store::{ReadTx, Reads as _, StoreError};
use salus_types::OrganisationId;
use std::collections::BTreeMap;

/// How a custodian answered to challenges, since the vault was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeStatus {
    /// Challenges that it passed.
    pub passed: u64,
    /// Challenges that it failed.
    pub failed: u64,
    /// Challenges that it did not answer.
    pub unanswered: u64,
    /// When it passed last, in milliseconds since 1970-01-01 UTC; 0: never.
    pub passed_ms: u64,
    /// When it failed last, in milliseconds since 1970-01-01 UTC; 0: never.
    pub failed_ms: u64,
    /// Copies that it has lost and that are not made good yet.
    pub lost: u64,
}

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
    /// Lost copies that were made good, since the vault was made.
    pub repaired: u64,
    /// How custodians answered to challenges.
    pub challenges: BTreeMap<OrganisationId, ChallengeStatus>,
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
                status.faults.insert(name(&at)?, count);
            }
            status.repaired = count(&tx, counter::REPAIRED)?;
            status.challenges = challenges(&tx)?;
            Ok::<_, StoreError>(status)
        })
        .await?)
    }
}

fn name(at: &[u8]) -> Result<OrganisationId, StoreError> {
    std::str::from_utf8(at).ok().and_then(|name| name.parse().ok()).ok_or(StoreError::Damaged)
}

fn challenges(tx: &ReadTx) -> Result<BTreeMap<OrganisationId, ChallengeStatus>, StoreError> {
    let mut challenges: BTreeMap<_, ChallengeStatus> = BTreeMap::new();
    for (at, row) in tx.scan(&CHALLENGES, &[], None, usize::MAX)? {
        let ChallengeRow { passed, failed, unanswered, passed_ms, failed_ms } = row;
        let status = ChallengeStatus { passed, failed, unanswered, passed_ms, failed_ms, lost: 0 };
        challenges.insert(name(&at)?, status);
    }
    let lost = tx.scan(&LOST, &[], None, usize::MAX)?;
    for (at, _) in lost.into_iter().filter(|(_, lost)| lost.good_ms == 0) {
        let (_, custodian) = key::receipt_parts(&at).ok_or(StoreError::Damaged)?;
        challenges.entry(custodian).or_default().lost += 1;
    }
    Ok(challenges)
}
