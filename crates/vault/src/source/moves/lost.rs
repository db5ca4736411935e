//! Copies that custodians have lost, and how they are made good: the batch moves to the same three, under a higher
//! generation, taken back from those whose copies stand.
//!
//! A copy counts as lost from the first false answer to a challenge on, or from the custodian's own word, until a newer
//! generation is with all custodians. A custodian that says so falsely makes work, and is seen: each repair is counted,
//! and one batch is made anew for one custodian once in [`crate::source::SourceConfig::repair_pause`] at most.

use super::survey::{give_up, waiting};
use super::{HANDING, PLACED};
use crate::node::blocking;
use crate::source::build::{ANCHORED, bump};
use crate::source::{Source, SourceError};
use crate::store::tables::{BATCHES, BatchRow, LOST, LostRow, MOVES, OPEN_BATCHES, counter, key};
use crate::store::{Reads, StoreError, WriteTx};
use salus_types::OrganisationId;
use std::time::Duration;

/// Whether a batch whose custodians are the right ones is to be made anew all the same: a copy is lost, or one of them
/// is still to get what stands, and cannot get it as it was.
pub(super) fn is_incomplete(tx: &impl Reads, at: &[u8], batch: &BatchRow) -> Result<bool, StoreError> {
    let late = batch.acked.contains(&0) && tx.get(&OPEN_BATCHES, at)?.is_none();
    Ok(late || tx.scan(&LOST, at, None, usize::MAX)?.iter().any(|(_, lost)| lost.good_ms == 0))
}

/// All custodians of a batch have a newer generation: what was lost of it is made good.
pub(super) fn made_good(tx: &WriteTx, sequence: u64, generation: u32, now_ms: u64) -> Result<(), StoreError> {
    for (at, lost) in tx.scan(&LOST, &sequence.to_be_bytes(), None, usize::MAX)? {
        // A generation that was let go was higher.
        if lost.good_ms == 0 && lost.generation != generation {
            tx.put(&LOST, &at, &LostRow { good_ms: now_ms, ..lost })?;
            bump(tx, counter::REPAIRED, 1)?;
        }
    }
    Ok(())
}

/// Writes down that a custodian has lost its copy of a batch's generation, and has the batch made anew. Nothing if that
/// generation does not stand any more, the custodian had none of it, or it was given a new one a moment ago.
pub(super) fn mark_lost(
    tx: &WriteTx,
    (sequence, generation): (u64, u32),
    custodian: &OrganisationId,
    now_ms: u64,
    pause: Duration,
) -> Result<(), StoreError> {
    let at = sequence.to_be_bytes();
    let Some(batch) = tx.get(&BATCHES, &at)? else { return Ok(()) };
    let mut holders = batch.custodians.iter().zip(batch.acked.iter());
    let had = holders.any(|(holder, acked)| holder == custodian && *acked != 0);
    if batch.state != ANCHORED || batch.generation != generation || !had {
        return Ok(());
    }
    let (lost, pause) =
        (key::receipt(sequence, custodian), u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
    match tx.get(&LOST, &lost)? {
        Some(known) if known.good_ms > 0 && now_ms < known.good_ms.saturating_add(pause) => return Ok(()),
        // It is being made good: who complains of each new copy before the last of the three has it makes no more work.
        Some(known) if known.good_ms == 0 && known.generation < generation => return Ok(()),
        Some(known) if known.good_ms == 0 => {}
        _ => tx.put(&LOST, &lost, &LostRow { since_ms: now_ms, generation, good_ms: 0 })?,
    }
    anew(tx, &at, &batch)
}

/// Has the shares of a batch made anew, from the generation that stands.
fn anew(tx: &WriteTx, at: &[u8], batch: &BatchRow) -> Result<(), StoreError> {
    match tx.get(&MOVES, at)? {
        None => tx.put(&MOVES, at, &waiting(batch)),
        Some(row) if row.state == PLACED => tx.put(&MOVES, at, &give_up(row)?),
        // All are to have newer shares anyway.
        Some(_) => Ok(()),
    }
}

impl Source {
    /// Has the shares of an anchored batch made anew: what is on its way is damaged.
    pub(in crate::source) async fn move_anew(&self, sequence: u64) -> Result<(), SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let (tx, at) = (store.write()?, sequence.to_be_bytes());
            let batch: BatchRow = tx.get(&BATCHES, &at)?.ok_or(StoreError::Damaged)?;
            match tx.get(&MOVES, &at)? {
                Some(row) if row.state == HANDING => tx.put(&MOVES, &at, &give_up(row)?)?,
                _ => anew(&tx, &at, &batch)?,
            }
            tx.commit()
        })
        .await?)
    }
}
