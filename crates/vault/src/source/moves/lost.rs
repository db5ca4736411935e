//! Copies that custodians have lost, and how they are made good: the batch moves to the same three, under a higher
//! generation, taken back from those whose copies stand.
//!
//! A copy counts as lost from the first false answer to a challenge on, or from the custodian's own word, until a newer
//! generation is with all custodians. A custodian that says so falsely makes work, and is seen: each repair is counted.

use super::survey::{give_up, waiting};
use super::{HANDING, PLACED};
use crate::node::blocking;
use crate::source::build::{ANCHORED, bump};
use crate::source::{Source, SourceError};
use crate::store::tables::{BATCHES, BatchRow, LOST, LostRow, MOVES, OPEN_BATCHES, counter, key};
use crate::store::{Reads, StoreError, WriteTx};
use salus_types::OrganisationId;

/// Whether a batch whose custodians are the right ones is to be made anew all the same: a copy is lost, or one of them
/// is still to get what stands, and cannot get it as it was.
pub(super) fn is_incomplete(tx: &impl Reads, at: &[u8], batch: &BatchRow) -> Result<bool, StoreError> {
    let late = batch.acked.iter().any(|acked| *acked == 0) && tx.get(&OPEN_BATCHES, at)?.is_none();
    Ok(late || !tx.scan(&LOST, at, None, 1)?.is_empty())
}

/// All custodians of a batch have a newer generation: what was lost of it is made good.
pub(super) fn made_good(tx: &WriteTx, sequence: u64) -> Result<(), StoreError> {
    let generation = generation(tx, sequence)?;
    for (at, lost) in tx.scan(&LOST, &sequence.to_be_bytes(), None, usize::MAX)? {
        if lost.generation < generation {
            tx.remove(&LOST, &at)?;
            bump(tx, counter::REPAIRED, 1)?;
        }
    }
    Ok(())
}

fn generation(tx: &WriteTx, sequence: u64) -> Result<u32, StoreError> {
    let batch: BatchRow = tx.get(&BATCHES, &sequence.to_be_bytes())?.ok_or(StoreError::Damaged)?;
    Ok(batch.generation)
}

/// Writes down that a custodian has lost its copy of a batch's generation, and has the batch made anew. Nothing if that
/// generation does not stand any more, or the custodian had none of it.
pub(in crate::source) fn mark_lost(
    tx: &WriteTx,
    (sequence, generation): (u64, u32),
    custodian: &OrganisationId,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let at = sequence.to_be_bytes();
    let Some(batch) = tx.get(&BATCHES, &at)? else { return Ok(false) };
    let mut holders = batch.custodians.iter().zip(batch.acked.iter());
    let had = holders.any(|(holder, acked)| holder == custodian && *acked != 0);
    if batch.state != ANCHORED || batch.generation != generation || !had {
        return Ok(false);
    }
    let lost = key::receipt(sequence, custodian);
    if tx.get(&LOST, &lost)?.is_none_or(|known| known.generation < generation) {
        tx.put(&LOST, &lost, &LostRow { since_ms: now_ms, generation })?;
    }
    anew(tx, &at, &batch)?;
    Ok(true)
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
