//! One batch: to its custodians, to the ledger, and to the custodian that was away.

use super::build::{ANCHORED, IN_CUSTODY, bump};
use super::pack::{OutgoingPack, marks};
use super::{Source, SourceError, Step};
use crate::ledger::entry;
use crate::node::blocking;
use crate::store::tables::{BATCHES, BatchRow, OPEN_BATCHES, counter};
use crate::store::{PackName, Reads, StoreError};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use salus_types::OrganisationId;
use salus_types::action::Anchor;
use salus_types::state::{AnchorEntry, key};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tokio::time::{sleep, timeout};

/// Which organisations did not answer when last asked.
#[derive(Default)]
pub(super) struct Health(Mutex<HashSet<OrganisationId>>);

impl Health {
    pub(super) fn set(&self, organisation: &OrganisationId, answers: bool) {
        let mut away = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let changed = if answers { away.remove(organisation) } else { away.insert(organisation.clone()) };
        if changed {
            tracing::info!(%organisation, answers, "custodian");
        }
    }

    fn all_answer(&self, organisations: &[OrganisationId]) -> bool {
        let away = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        organisations.iter().all(|organisation| !away.contains(organisation))
    }
}

/// A batch on its way.
struct Journey {
    sequence: u64,
    row: BatchRow,
    pack: Arc<OutgoingPack>,
    acked: Vec<bool>,
}

impl Journey {
    /// Whether two custodians of every version have it.
    fn in_custody(&self) -> bool {
        self.pack.in_custody(&self.acked)
    }

    fn missing(&self) -> Vec<u8> {
        (0..=u8::MAX).zip(&self.acked).filter(|(_, acked)| !**acked).map(|(at, _)| at).collect()
    }

    fn remember(&mut self) {
        self.row.acked = marks(&self.acked);
    }
}

impl Source {
    async fn load(&self, sequence: u64) -> Result<Journey, SourceError> {
        let store = self.ctx.store.clone();
        let row = blocking(move || {
            let row: Option<BatchRow> = store.read()?.get(&BATCHES, &sequence.to_be_bytes())?;
            row.ok_or(StoreError::Damaged)
        })
        .await?;
        let pack = Arc::new(self.load_pack(&PackName::outgoing(sequence), row.pack).await?);
        let acked: Vec<bool> = row.acked.iter().map(|acked| *acked != 0).collect();
        if acked.len() != row.custodians.len() || !pack.fits(acked.len()) {
            return Err(StoreError::Damaged.into());
        }
        Ok(Journey { sequence, row, pack, acked })
    }

    /// From sealed to anchored.
    pub(super) async fn drive(self: &Arc<Self>, sequence: u64) -> Result<(), SourceError> {
        let mut journey = self.load(sequence).await?;
        let mut sending: FuturesUnordered<_> =
            journey.missing().into_iter().map(|at| self.send_until_taken(&journey, at)).collect();
        while !journey.in_custody() {
            let Some(at) = sending.next().await else { break };
            journey.acked[usize::from(at?)] = true;
            self.reached(Step::CustodySent)?;
        }
        journey.remember();
        let mut journey = self.record_custody(journey).await?;
        self.reached(Step::CustodyDurable)?;
        let height = {
            let anchoring = self.anchor(sequence, &journey.row);
            tokio::pin!(anchoring);
            loop {
                tokio::select! {
                    height = &mut anchoring => break height?,
                    Some(at) = sending.next() => journey.acked[usize::from(at?)] = true,
                }
            }
        };
        self.reached(Step::AnchorFinal)?;
        if self.health.all_answer(&journey.row.custodians) {
            let rest = async {
                while let Some(at) = sending.next().await {
                    journey.acked[usize::from(at?)] = true;
                }
                Ok::<_, SourceError>(())
            };
            if let Ok(done) = timeout(self.config.third_custodian_grace, rest).await {
                done?;
            }
        }
        drop(sending);
        journey.row.height = height;
        self.finish(journey).await
    }

    /// Tries until the custodian has the batch.
    fn send_until_taken(
        self: &Arc<Self>,
        journey: &Journey,
        at: u8,
    ) -> impl Future<Output = Result<u8, SourceError>> + use<> {
        let source = self.clone();
        let (sequence, pack) = (journey.sequence, journey.pack.clone());
        let to = journey.row.custodians.get(usize::from(at)).cloned();
        async move {
            let to = to.ok_or(StoreError::Damaged)?;
            let mut pause = source.config.retry_first;
            while !source.send(sequence, &pack, at, &to).await? {
                sleep(pause).await;
                pause = (pause * 2).min(source.config.retry_max);
            }
            Ok(at)
        }
    }

    /// One attempt; whether the custodian has the batch now.
    pub(super) async fn send(
        self: &Arc<Self>,
        sequence: u64,
        pack: &Arc<OutgoingPack>,
        at: u8,
        to: &OrganisationId,
    ) -> Result<bool, SourceError> {
        let (source, pack) = (self.clone(), pack.clone());
        let batch = blocking(move || source.custody_batch(sequence, &pack, at)).await?;
        let answer = self.ctx.peers.put_custody(to, batch).await;
        self.health.set(to, answer.is_ok());
        if let Err(error) = &answer {
            tracing::debug!(%to, sequence, %error, "custody");
        }
        Ok(answer.is_ok())
    }

    async fn record_custody(&self, mut journey: Journey) -> Result<Journey, SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            if journey.row.state < IN_CUSTODY {
                journey.row.state = IN_CUSTODY;
                let tx = store.write()?;
                tx.put(&BATCHES, &journey.sequence.to_be_bytes(), &journey.row)?;
                bump(&tx, counter::CUSTODY, journey.row.versions.into())?;
                tx.commit_lazily()?;
            }
            Ok::<_, StoreError>(journey)
        })
        .await?)
    }

    /// Anchors the batch unless the ledger has it already; the height.
    async fn anchor(&self, sequence: u64, row: &BatchRow) -> Result<u64, SourceError> {
        let organisation = self.ctx.node.organisation.clone();
        let mut pause = self.config.retry_first;
        loop {
            let at = key::anchor(&organisation, sequence);
            match entry::<AnchorEntry>(&*self.ctx.ledger, at).await {
                Ok(Some(entry)) if entry.batch_root == row.root => return Ok(entry.height),
                Ok(Some(_)) => return Err(SourceError::Forked(sequence)),
                Err(error) => tracing::debug!(%error, "anchor"),
                Ok(None) => {
                    let anchor = Anchor {
                        organisation: organisation.clone(),
                        batch_root: row.root,
                        sequence,
                        size_class: row.size_class,
                    };
                    match self.ctx.ledger.submit_and_wait(anchor.into()).await {
                        Ok(finalised) => return Ok(finalised.height),
                        Err(error) => tracing::warn!(sequence, %error, "anchor"),
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.config.retry_max);
        }
    }

    /// Records the anchor; forgets the packages if all custodians have them.
    async fn finish(&self, mut journey: Journey) -> Result<(), SourceError> {
        journey.remember();
        let done = journey.missing().is_empty();
        let (store, sequence) = (self.ctx.store.clone(), journey.sequence);
        blocking(move || {
            let tx = store.write()?;
            journey.row.state = ANCHORED;
            tx.put(&BATCHES, &sequence.to_be_bytes(), &journey.row)?;
            bump(&tx, counter::ANCHORED, journey.row.versions.into())?;
            if done {
                tx.remove(&OPEN_BATCHES, &sequence.to_be_bytes())?;
            }
            tx.commit()
        })
        .await?;
        self.reached(Step::AnchorRecorded)?;
        if done {
            self.ctx.store.delete_pack(&PackName::outgoing(sequence)).await?;
        }
        Ok(())
    }

    /// Sends an anchored batch to custodians that lack it; skips those in `away`, and adds to it who does not answer.
    /// Whether any took it.
    pub(super) async fn serve_late(
        self: &Arc<Self>,
        sequence: u64,
        away: &mut Vec<OrganisationId>,
    ) -> Result<bool, SourceError> {
        let loaded = self.load(sequence).await;
        if loaded.is_err() && !self.unfinished(true).await?.contains(&sequence) {
            // Meanwhile it moves: other custodians are to have other shares, and these are gone.
            return Ok(false);
        }
        let mut journey = match loaded {
            Err(SourceError::Store(error)) if error.is_lost_pack() => {
                tracing::error!(
                    sequence,
                    "a pack on its way is damaged: its batch is taken back and made anew"
                );
                self.move_anew(sequence).await?;
                return Ok(false);
            }
            loaded => loaded?,
        };
        let mut progress = false;
        for at in journey.missing() {
            let to = journey.row.custodians[usize::from(at)].clone();
            if away.contains(&to) {
                continue;
            }
            if self.send(sequence, &journey.pack, at, &to).await? {
                journey.acked[usize::from(at)] = true;
                progress = true;
                self.reached(Step::ThirdCustodian)?;
            } else {
                away.push(to);
            }
        }
        if progress {
            self.record_late(journey).await?;
        }
        Ok(progress)
    }

    async fn record_late(&self, mut journey: Journey) -> Result<(), SourceError> {
        journey.remember();
        let done = journey.missing().is_empty();
        let (store, sequence) = (self.ctx.store.clone(), journey.sequence);
        blocking(move || {
            let tx = store.write()?;
            let batch = sequence.to_be_bytes();
            if tx.get(&OPEN_BATCHES, &batch)?.is_none() {
                // Meanwhile the batch moves: other custodians are to have it.
                return Ok(());
            }
            tx.put(&BATCHES, &batch, &journey.row)?;
            if !done {
                return tx.commit_lazily();
            }
            tx.remove(&OPEN_BATCHES, &sequence.to_be_bytes())?;
            tx.commit()
        })
        .await?;
        if done {
            self.ctx.store.delete_pack(&PackName::outgoing(sequence)).await?;
        }
        Ok(())
    }
}
