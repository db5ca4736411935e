//! New shares on their way to their custodians, until these stand in place of the old ones.

use super::lost::made_good;
use super::{HANDING, PLACED, Round};
use crate::node::blocking;
use crate::peers::PeerError;
use crate::source::build::bump;
use crate::source::pack::{OutgoingPack, marks};
use crate::source::{Source, SourceError, Step};
use crate::store::tables::{BATCHES, BatchRow, MOVES, MoveRow, OWED, VERSIONS, VersionRow, counter, key};
use crate::store::{PackName, Reads as _, StoreError, WriteTx};
use salus_types::{Bounded, OrganisationId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A batch with new shares on its way.
struct Handover {
    sequence: u64,
    row: MoveRow,
    pack: Arc<OutgoingPack>,
    acked: Vec<bool>,
}

impl Handover {
    /// Custodians that are to have it and have not.
    fn waiting(&self) -> Vec<(u8, OrganisationId)> {
        let places = (0..=u8::MAX).zip(self.row.custodians.iter()).zip(&self.acked);
        places.filter(|(_, acked)| !**acked).map(|((at, to), _)| (at, to.clone())).collect()
    }

    /// Whether the new shares stand from now on.
    fn stands_now(&self) -> bool {
        self.row.state == HANDING && self.pack.in_custody(&self.acked)
    }
}

impl Source {
    /// Offers the new shares to those that lack them. Whether it got further.
    pub(super) async fn hand_over(
        self: &Arc<Self>,
        sequence: u64,
        row: MoveRow,
        round: &mut Round,
    ) -> Result<bool, SourceError> {
        let mut handover = match self.load_handover(sequence, row).await {
            Err(SourceError::Store(error)) if error.is_lost_pack() => {
                tracing::error!(sequence, "new shares on their way are damaged: they are made anew");
                self.move_anew(sequence).await?;
                return Ok(true);
            }
            loaded => loaded?,
        };
        let mut progress = false;
        for (at, to) in handover.waiting() {
            if round.away.contains(&to) || round.behind.contains(&to) {
                continue;
            }
            if !self.offer(&handover, at, &to, round).await? {
                continue;
            }
            progress = true;
            handover.acked[usize::from(at)] = true;
            self.reached(Step::NewSharesTaken)?;
            handover = self.record_taken(handover, to).await?;
        }
        if handover.acked.iter().all(|acked| *acked) {
            self.finish_move(handover).await?;
        }
        Ok(progress)
    }

    async fn load_handover(&self, sequence: u64, row: MoveRow) -> Result<Handover, SourceError> {
        let name = PackName::moving(sequence, row.generation);
        let pack = Arc::new(self.load_pack(&name, row.pack).await?);
        let acked: Vec<bool> = row.acked.iter().map(|acked| *acked != 0).collect();
        let fits = acked.len() == row.custodians.len() && pack.fits(acked.len());
        if !fits || pack.generation != row.generation {
            return Err(StoreError::Damaged.into());
        }
        Ok(Handover { sequence, row, pack, acked })
    }

    /// One attempt; whether the custodian has the new shares now.
    async fn offer(
        self: &Arc<Self>,
        handover: &Handover,
        at: u8,
        to: &OrganisationId,
        round: &mut Round,
    ) -> Result<bool, SourceError> {
        let (source, pack, sequence) = (self.clone(), handover.pack.clone(), handover.sequence);
        let batch = blocking(move || source.custody_batch(sequence, &pack, at)).await?;
        let answer = self.ctx.peers.put_custody(to, batch).await;
        self.health.set(to, answer != Err(PeerError::Unavailable));
        if let Err(error) = &answer {
            tracing::debug!(%to, sequence, %error, "new shares");
        }
        if answer == Err(PeerError::Unavailable) {
            round.away.insert(to.clone());
        }
        Ok(answer.is_ok())
    }

    /// Remembers that a custodian has them. With the second of every version, they stand: from the transaction that
    /// says so on, those that may have older ones owe a receipt.
    async fn record_taken(
        self: &Arc<Self>,
        mut handover: Handover,
        by: OrganisationId,
    ) -> Result<Handover, SourceError> {
        let store = self.ctx.store.clone();
        let stands = handover.stands_now();
        let handover = blocking(move || {
            let tx = store.write()?;
            handover.row.acked = marks(&handover.acked);
            if stands {
                place(&tx, &mut handover)?;
            }
            let late = handover.row.state == PLACED && handover.row.former.contains(&by);
            if late {
                owe(&tx, &mut handover.row, handover.sequence, |former| *former == by)?;
            }
            tx.put(&MOVES, &handover.sequence.to_be_bytes(), &handover.row)?;
            if stands || late {
                tx.commit()?
            } else {
                tx.commit_lazily()?
            }
            Ok::<_, StoreError>(handover)
        })
        .await?;
        if stands {
            self.receipts.notify_one();
            self.reached(Step::NewSharesStand)?;
        }
        Ok(handover)
    }

    /// All have them: the move is done, but for receipts.
    async fn finish_move(&self, handover: Handover) -> Result<(), SourceError> {
        let Handover { sequence, row, .. } = handover;
        let (ctx, generation) = (self.ctx.clone(), row.generation);
        blocking(move || {
            let tx = ctx.store.write()?;
            let at = sequence.to_be_bytes();
            let mut batch: BatchRow = tx.get(&BATCHES, &at)?.ok_or(StoreError::Damaged)?;
            batch.acked = row.acked;
            tx.put(&BATCHES, &at, &batch)?;
            tx.remove(&MOVES, &at)?;
            made_good(&tx, sequence, generation, (ctx.clock)())?;
            tx.commit()
        })
        .await?;
        self.reached(Step::MoveDone)?;
        self.ctx.store.delete_pack(&PackName::moving(sequence, generation)).await?;
        Ok(())
    }
}

/// The new shares stand: the batch and its versions say so.
fn place(tx: &WriteTx, handover: &mut Handover) -> Result<(), StoreError> {
    let (at, row) = (handover.sequence.to_be_bytes(), &mut handover.row);
    let mut batch: BatchRow = tx.get(&BATCHES, &at)?.ok_or(StoreError::Damaged)?;
    let former: BTreeSet<_> = batch.custodians.iter().chain(row.former.iter()).cloned().collect();
    row.former = Bounded::new(former.into_iter().collect()).map_err(|_| StoreError::Damaged)?;
    row.state = PLACED;
    batch.generation = row.generation;
    batch.custodians = row.custodians.clone();
    batch.acked = row.acked.clone();
    tx.put(&BATCHES, &at, &batch)?;
    for item in handover.pack.items.iter() {
        let version = item.package.header.version;
        // One that was erased meanwhile has no row any more.
        let known: Option<VersionRow> = tx.get(&VERSIONS, version.as_bytes())?;
        let Some(mut known) = known else { continue };
        known.share_commitments = item.share_commitments;
        tx.put(&VERSIONS, version.as_bytes(), &known)?;
    }
    bump(tx, counter::MOVED, 1)?;
    // Who is to have the new shares gives up the old ones once it has them.
    let waiting: BTreeSet<_> = handover.waiting().into_iter().map(|(_, to)| to).collect();
    owe(tx, &mut handover.row, handover.sequence, |former| !waiting.contains(former))
}

/// Those of the former holders that are meant owe a receipt now.
fn owe(
    tx: &WriteTx,
    row: &mut MoveRow,
    sequence: u64,
    meant: impl Fn(&OrganisationId) -> bool,
) -> Result<(), StoreError> {
    let (owing, rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut row.former).into_inner().into_iter().partition(|former| meant(former));
    for custodian in owing {
        tx.put(&OWED, &key::owed(&custodian, sequence), &row.generation)?;
    }
    row.former = Bounded::new(rest).map_err(|_| StoreError::Damaged)?;
    Ok(())
}
