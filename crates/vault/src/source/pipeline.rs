//! The loops: collect rows, close batches, drive each to its anchor, serve who was away.

use super::build::ANCHORED;
use super::{Source, SourceError, Step};
use crate::node::blocking;
use crate::outbox::OutboxRow;
use crate::store::tables::{BATCHES, BatchRow, OPEN_BATCHES, counter};
use crate::store::{PackName, Reads, StoreError};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use salus_types::vault::ITEMS_PER_BATCH_MAX;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// Rows asked of the outbox at a time.
const ROWS_PER_READ: usize = 256;

/// Longest wait for new rows before asking again.
const OUTBOX_WAIT_MAX: Duration = Duration::from_secs(10);

impl Source {
    /// Seals, sends, anchors and moves for as long as it is polled. Dropping the future stops it; the next run takes up where
    /// this one stopped. What fails is logged and tried again, each loop and each batch for itself.
    ///
    /// # Errors
    /// What no retry mends: tables that must be opened again, or a ledger that has another batch under this source's
    /// number ([`SourceError::Forked`]). The process should end then.
    pub async fn run(self: Arc<Self>) -> Result<Infallible, SourceError> {
        let (sealed, batches) = mpsc::channel(1);
        let (_, _, _, _, _, _, _, _, _, never) = tokio::try_join!(
            self.retrying("sealing", || self.seal_all(&sealed)),
            self.drive_all(batches),
            self.retrying("late custodians", || self.serve_late_custodians()),
            self.retrying("parcels", || self.send_parcels()),
            self.retrying("moving custody", || self.move_custody()),
            self.retrying("signing anew", || self.sign_anew()),
            self.retrying("receipts", || self.collect_receipts()),
            self.retrying("challenges", || self.challenge_custodians()),
            self.retrying("emergency keys", || self.sweep_emergencies()),
            self.retrying("ended grants", || self.sweep_grants()),
        )?;
        Ok(never)
    }

    /// From the outbox to committed batches.
    async fn seal_all(self: &Arc<Self>, sealed: &mpsc::Sender<u64>) -> Result<Infallible, SourceError> {
        self.tidy().await?;
        let mut after = self.cursor().await?;
        let mut pause = self.config.retry_first;
        self.acknowledge(after).await;
        loop {
            let rows = match self.collect(after).await {
                Some(rows) if !rows.is_empty() => rows,
                Some(_) => continue,
                None => {
                    sleep(pause).await;
                    pause = (pause * 2).min(self.config.retry_max);
                    continue;
                }
            };
            pause = self.config.retry_first;
            self.reached(Step::RowsRead)?;
            after = rows.last().map_or(after, |row| row.seq);
            let (source, runtime) = (self.clone(), tokio::runtime::Handle::current());
            let sequence = blocking(move || source.build(&rows, &runtime)).await?;
            self.reached(Step::BatchCommitted)?;
            self.acknowledge(after).await;
            self.reached(Step::OutboxAcked)?;
            if let Some(sequence) = sequence {
                sealed.send(sequence).await.map_err(|_| StoreError::Stopped)?;
            }
        }
    }

    async fn cursor(&self) -> Result<u64, SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || super::build::count(&store.read()?, counter::OUTBOX)).await?)
    }

    /// Removes packs of batches that are done, or that a crash kept from being committed.
    async fn tidy(&self) -> Result<(), SourceError> {
        let mut open = self.unfinished(false).await?;
        open.extend(self.unfinished(true).await?);
        for sequence in self.ctx.store.packs.outgoing().await? {
            if !open.contains(&sequence) {
                self.ctx.store.delete_pack(&PackName::outgoing(sequence)).await?;
            }
        }
        Ok(())
    }

    /// A failure is mended by the next one, which acknowledges more. While a backup copies, nothing is.
    async fn acknowledge(&self, up_to: u64) {
        if up_to == 0 {
            return;
        }
        let _going = self.ctx.store.held.read().await;
        if self.outbox.ack(up_to).await.is_err() {
            tracing::warn!("the outbox does not take an acknowledgement");
        }
    }

    /// Rows for one batch; none after a quiet while; `None` if the outbox does not answer.
    async fn collect(&self, after: u64) -> Option<Vec<OutboxRow>> {
        let most = self.config.batch_versions_max.clamp(1, ITEMS_PER_BATCH_MAX);
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut deadline = None;
        loop {
            let last = rows.last().map_or(after, |row: &OutboxRow| row.seq);
            let room = most - rows.len();
            let more = self.outbox.next(last, room.min(ROWS_PER_READ)).await.ok()?;
            let quiet = more.is_empty();
            for row in more {
                if !rows.is_empty() && bytes + row.resource.len() > self.config.batch_bytes_max {
                    return Some(rows);
                }
                bytes += row.resource.len();
                rows.push(row);
            }
            if rows.len() >= most {
                return Some(rows);
            }
            if !quiet {
                deadline.get_or_insert_with(|| Instant::now() + self.config.batch_age_max);
                continue;
            }
            let Some(deadline) = deadline else {
                let _ = timeout(OUTBOX_WAIT_MAX, self.outbox.wait(after)).await;
                return Some(rows);
            };
            let left = deadline.saturating_duration_since(Instant::now()).min(self.config.batch_quiet);
            if left.is_zero() || timeout(left, self.outbox.wait(last)).await.is_err() {
                return Some(rows);
            }
        }
    }

    /// Drives batches to their anchors, several at a time: first those that a former run left, in order.
    async fn drive_all(self: &Arc<Self>, mut sealed: mpsc::Receiver<u64>) -> Result<Infallible, SourceError> {
        let left = self.retrying("open batches", || self.unfinished(false)).await?;
        let mut left: std::collections::VecDeque<u64> = left.into();
        let newest = left.back().copied();
        let mut driving = FuturesUnordered::new();
        loop {
            let room = driving.len() < self.config.batches_in_flight_max;
            if let Some(sequence) = left.front().filter(|_| room).copied() {
                left.pop_front();
                driving.push(self.drive_until_anchored(sequence));
                continue;
            }
            tokio::select! {
                Some(sequence) = sealed.recv(), if room => {
                    if newest.is_none_or(|newest| sequence > newest) {
                        driving.push(self.drive_until_anchored(sequence));
                    }
                }
                Some(done) = driving.next(), if !driving.is_empty() => done?,
            }
        }
    }

    async fn drive_until_anchored(self: &Arc<Self>, sequence: u64) -> Result<(), SourceError> {
        self.retrying("a batch", || self.drive(sequence)).await
    }

    /// Open batches in order: those that are anchored, or those that are not.
    pub(super) async fn unfinished(&self, anchored: bool) -> Result<Vec<u64>, SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let tx = store.read()?;
            let mut sequences = Vec::new();
            for (key, _) in tx.scan(&OPEN_BATCHES, &[], None, usize::MAX)? {
                let row: Option<BatchRow> = tx.get(&BATCHES, &key)?;
                if row.is_some_and(|row| (row.state == ANCHORED) == anchored) {
                    let sequence = key.as_slice().try_into().map_err(|_| StoreError::Damaged)?;
                    sequences.push(u64::from_be_bytes(sequence));
                }
            }
            Ok::<_, StoreError>(sequences)
        })
        .await?)
    }

    /// Sends anchored batches to custodians that were away, one batch at a time, for as long as it takes.
    async fn serve_late_custodians(self: &Arc<Self>) -> Result<Infallible, SourceError> {
        let mut pause = self.config.retry_first;
        loop {
            sleep(pause).await;
            let mut progress = false;
            let mut away = Vec::new();
            for sequence in self.unfinished(true).await? {
                progress |= self.serve_late(sequence, &mut away).await?;
            }
            pause = if progress { self.config.retry_first } else { (pause * 2).min(self.config.retry_max) };
        }
    }
}
