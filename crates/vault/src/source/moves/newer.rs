//! Generations that are newer than this source knows: it came back from a backup that was made before them.
//!
//! Two custodians that hold the same newer generation are believed: only this source can have made it. Its commitments
//! are with the custodians alone; what their shares open tells true from false instead, and the batch is made anew
//! under the next generation, from which on everything is known here again. Two that say so falsely keep the batch from
//! being moved, as they could by silence, and until they say something else: what nobody holds is not held on to.

use super::Round;
use super::lost::mark_lost;
use super::survey::waiting;
use super::take_back::{Batch, Parts, UNKNOWN};
use crate::node::blocking;
use crate::peers::PeerError;
use crate::sharing::SHARES_NEEDED;
use crate::source::pack::{bounded, marks};
use crate::source::{Source, SourceError};
use crate::store::tables::{BATCHES, BatchRow, MOVES, MoveRow, VERSIONS, VersionRow};
use crate::store::{Reads as _, StoreError, WriteTx};
use salus_types::vault::SourceAsk;
use salus_types::{Bounded, OrganisationId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

impl Source {
    /// Asks the custodians of now, besides those in `newest` who have said it, which generation of a batch they hold; if two
    /// hold the same newer one, that is the one that stands.
    pub(super) async fn look_for_newer(
        &self,
        sequence: u64,
        batch: &Arc<Batch>,
        mut newest: HashMap<OrganisationId, u32>,
        round: &mut Round,
    ) -> Result<(), SourceError> {
        let versions: Vec<_> = batch.versions.iter().map(super::take_back::Version::id).collect();
        for custodian in &round.custodians {
            let known = newest.contains_key(custodian) || round.away.contains(custodian);
            let Some(member) = self.known(custodian).await?.filter(|_| !known) else { continue };
            let of = (sequence, batch.row.generation);
            let body = self.request_of(of, custodian, SourceAsk::Shares, versions.clone());
            match self.ask_back(batch, &member, body, Parts::new()).await?.1 {
                Ok(said) => newest.extend(said.map(|generation| (custodian.clone(), generation))),
                Err(PeerError::Unavailable) => {
                    round.away.insert(custodian.clone());
                }
                Err(PeerError::Refused(_)) => {}
            }
        }
        // One that was believed before, and is held by nobody after all, may be followed by a lower one.
        let believed = batch.versions.iter().any(|version| version.row.share_commitments == UNKNOWN);
        let known = batch.row.generation;
        newest.retain(|custodian, said| {
            round.custodians.contains(custodian) && (*said > known || believed && *said != known)
        });
        let held_by = |generation: &u32| newest.values().filter(|said| *said == generation).count();
        let agreed =
            newest.values().filter(|said| held_by(said) >= usize::from(SHARES_NEEDED)).max().copied();
        let Some(generation) = agreed else { return Ok(()) };
        newest.retain(|_, said| *said == generation);
        tracing::warn!(sequence, generation, "custodians hold newer shares than this source knows");
        let (ctx, custodians) = (self.ctx.clone(), round.custodians.clone());
        Ok(blocking(move || {
            let tx = ctx.store.write()?;
            adopt(&tx, sequence, (known, generation), &custodians, &newest, (ctx.clock)())?;
            tx.commit()
        })
        .await?)
    }
}

fn adopt(
    tx: &WriteTx,
    sequence: u64,
    (known, generation): (u32, u32),
    custodians: &[OrganisationId],
    holders: &HashMap<OrganisationId, u32>,
    now_ms: u64,
) -> Result<(), StoreError> {
    let at = sequence.to_be_bytes();
    let mut batch: BatchRow = tx.get(&BATCHES, &at)?.ok_or(StoreError::Damaged)?;
    if batch.generation != known {
        return Ok(());
    }
    let former: Option<MoveRow> = tx.get(&MOVES, &at)?;
    let former: BTreeSet<_> =
        former.iter().flat_map(|row| row.former.iter()).chain(batch.custodians.iter()).cloned().collect();
    let acked: Vec<bool> = custodians.iter().map(|custodian| holders.contains_key(custodian)).collect();
    batch.generation = generation;
    batch.custodians = bounded(custodians.to_vec())?;
    batch.acked = marks(&acked);
    tx.put(&BATCHES, &at, &batch)?;
    for (_, version) in tx.scan(&crate::store::tables::IN_BATCH, &at, None, usize::MAX)? {
        let mut row: VersionRow = tx.get(&VERSIONS, version.as_bytes())?.ok_or(StoreError::Damaged)?;
        row.share_commitments = UNKNOWN;
        tx.put(&VERSIONS, version.as_bytes(), &row)?;
    }
    let former = Bounded::new(former.into_iter().collect()).map_err(|_| StoreError::Damaged)?;
    tx.put(&MOVES, &at, &MoveRow { former, ..waiting(&batch) })?;
    for holder in holders.keys() {
        mark_lost(tx, (sequence, generation), holder, now_ms, Duration::ZERO)?;
    }
    Ok(())
}
