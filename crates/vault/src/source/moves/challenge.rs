//! Challenges: does every custodian still have what it was given?
//!
//! Now and then the source draws one of its batches and asks each of its custodians for a few versions of it, drawn
//! anew for each: package and share. What comes back is the proof, checked against digests and commitments that the source
//! kept; nothing shorter would do, since the source has neither ciphertexts nor shares to compare with. The request
//! is that of taking back, so that no custodian can answer challenges and refuse the rest. Custodians cannot answer for
//! one another: each has a share of its own, sealed to it, and answers name the request's nonce.
//!
//! A custodian that has lost a hundredth of what it holds passes one challenge of four versions with 0.96, and 115 in a
//! row with 0.01: two hours, at one a minute. Loss by rot is found sooner, by the custodian's own checks, and told with
//! every answer.

use super::lost::mark_lost;
use super::take_back::{Batch, Part, Parts};
use crate::node::blocking;
use crate::peers::PeerError;
use crate::source::build::ANCHORED;
use crate::source::{Source, SourceError};
use crate::store::tables::{BATCHES, BatchRow, CHALLENGES, ChallengeRow, VERSIONS, VersionRow};
use crate::store::{Reads as _, StoreError};
use salus_types::OrganisationId;
use salus_types::vault::{DamagedBatch, SourceAsk};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::sleep;

/// Versions that a challenge asks for.
const CHALLENGED_VERSIONS: usize = 4;

/// How a custodian answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// It does not answer now: that says nothing about what it holds.
    Unanswered,
}

impl Source {
    /// Challenges the custodians of a batch drawn at random, for as long as it is polled.
    pub(in crate::source) async fn challenge_custodians(self: &Arc<Self>) -> Result<Infallible, SourceError> {
        loop {
            sleep(self.config.challenge_pause).await;
            if let Some(sequence) = self.draw_batch().await? {
                self.challenge(sequence).await?;
            }
        }
    }

    /// An anchored batch, drawn by its versions: one with many is drawn more often.
    async fn draw_batch(&self) -> Result<Option<u64>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.read()?;
            let from: [u8; 32] = salus_crypto::random::bytes();
            let mut drawn = tx.scan(&VERSIONS, &[], Some(&from), 1)?;
            if drawn.is_empty() {
                drawn = tx.scan(&VERSIONS, &[], None, 1)?;
            }
            let Some((_, VersionRow { sequence, .. })) = drawn.pop() else { return Ok(None) };
            let batch: BatchRow = tx.get(&BATCHES, &sequence.to_be_bytes())?.ok_or(StoreError::Damaged)?;
            Ok((batch.state == ANCHORED).then_some(sequence))
        })
        .await
    }

    /// Challenges all custodians that have a batch.
    pub(super) async fn challenge(&self, sequence: u64) -> Result<(), SourceError> {
        let batch = Arc::new(self.batch(sequence).await?);
        for (custodian, acked) in batch.row.custodians.iter().zip(batch.row.acked.iter()) {
            if *acked != 0 {
                let outcome = self.challenge_one(sequence, &batch, custodian).await?;
                self.record(sequence, batch.row.generation, custodian, outcome).await?;
            }
        }
        Ok(())
    }

    async fn challenge_one(
        &self,
        sequence: u64,
        batch: &Arc<Batch>,
        custodian: &OrganisationId,
    ) -> Result<Outcome, SourceError> {
        let Some(known) = self.known(custodian).await? else { return Ok(Outcome::Unanswered) };
        let drawn = draw(batch, custodian);
        let parts: Parts = drawn.iter().map(|version| (*version, Part::default())).collect();
        let of = (sequence, batch.row.generation);
        let body = self.request_of(of, custodian, SourceAsk::Release, drawn);
        Ok(match self.ask_back(batch, &known, body, parts).await? {
            (_, Err(PeerError::Unavailable)) => Outcome::Unanswered,
            (_, Err(PeerError::Refused(reason))) => {
                tracing::debug!(%custodian, sequence, reason, "a challenge is refused");
                Outcome::Failed
            }
            // A share that is here is the custodian's own, and fits.
            (parts, Ok(_))
                if parts.values().all(|part| part.package.is_some() && !part.shares.is_empty()) =>
            {
                Outcome::Passed
            }
            (_, Ok(_)) => Outcome::Failed,
        })
    }

    /// Counts an outcome, and has the batch made anew if it failed. If the batch has moved meanwhile, the answer was to a
    /// question that nobody asks any more.
    async fn record(
        &self,
        sequence: u64,
        generation: u32,
        custodian: &OrganisationId,
        outcome: Outcome,
    ) -> Result<(), SourceError> {
        let (ctx, custodian, pause) = (self.ctx.clone(), custodian.clone(), self.config.repair_pause);
        Ok(blocking(move || {
            let (tx, now) = (ctx.store.write()?, (ctx.clock)());
            let batch: BatchRow = tx.get(&BATCHES, &sequence.to_be_bytes())?.ok_or(StoreError::Damaged)?;
            if batch.generation != generation {
                return Ok(());
            }
            let at = custodian.as_str().as_bytes();
            let mut row = tx.get(&CHALLENGES, at)?.unwrap_or(ChallengeRow {
                passed: 0,
                failed: 0,
                unanswered: 0,
                passed_ms: 0,
                failed_ms: 0,
            });
            match outcome {
                Outcome::Passed => (row.passed, row.passed_ms) = (row.passed + 1, now),
                Outcome::Failed => (row.failed, row.failed_ms) = (row.failed + 1, now),
                Outcome::Unanswered => row.unanswered += 1,
            }
            tx.put(&CHALLENGES, at, &row)?;
            if outcome != Outcome::Failed {
                return tx.commit_lazily();
            }
            mark_lost(&tx, (sequence, generation), &custodian, now, pause)?;
            tracing::warn!(%custodian, sequence, generation, "a custodian has lost a copy");
            tx.commit()
        })
        .await?)
    }

    /// A custodian's own word about its copies is believed: it is to be had again.
    pub(super) async fn hear_of_damage(
        &self,
        custodian: &OrganisationId,
        damaged: Vec<DamagedBatch>,
    ) -> Result<(), StoreError> {
        if damaged.is_empty() {
            return Ok(());
        }
        let (ctx, custodian, pause) = (self.ctx.clone(), custodian.clone(), self.config.repair_pause);
        blocking(move || {
            let (tx, now) = (ctx.store.write()?, (ctx.clock)());
            for DamagedBatch { sequence, generation } in damaged {
                mark_lost(&tx, (sequence, generation), &custodian, now, pause)?;
            }
            tx.commit()
        })
        .await
    }
}

/// Versions that lie with a custodian, drawn at random.
fn draw(batch: &Batch, custodian: &OrganisationId) -> Vec<salus_types::VersionId> {
    let there = batch.versions.iter().filter(|version| version.holders.contains(custodian));
    let mut drawn: Vec<([u8; 16], _)> =
        there.map(|version| (salus_crypto::random::bytes(), version.id())).collect();
    drawn.sort();
    drawn.into_iter().take(CHALLENGED_VERSIONS).map(|(_, version)| version).collect()
}
