//! Moving custody when the custodians change.
//!
//! The network's members decide who is a custodian; rendezvous hashing decides of which compartments. Where the new
//! three of a compartment are not who holds its versions, this source makes the shares of the whole batch anew:
//!
//! 1. *Survey.* The records and links of all compartments go to custodians that are new to them, as parcels; batches
//!    whose versions lie with others than the new three are marked as waiting.
//! 2. *Take back.* The present holders are asked for shares and packages: all that were custodians when the shares were
//!    made, whether or not they are now. Two shares that fit the commitments kept here give `S`; who gives others is
//!    named.
//! 3. *Hand over.* New shares, a generation higher, go to the new three. Custodians keep the old generation beside it,
//!    so that at every moment two shares of one generation can be had.
//! 4. *Destroy.* Once every version has two custodians with the new generation, durably, everyone who may hold a lower
//!    one is told to destroy it, and signs a receipt, which is checked and kept. Who does not answer owes it.
//!
//! | step | persisted | after a crash |
//! |---|---|---|
//! | survey | `source-survey`, parcels, `source-moves` (waiting) | goes on from the last key |
//! | shares taken back | nothing | asked for again |
//! | new pack written | `moving/{sequence}-{generation}` | overwritten: nothing left the node |
//! | new shares committed | move (handing over) | the same bytes are sent again |
//! | a custodian took them | move (lazily) | sent again, harmlessly |
//! | two custodians of every version | batch, commitments, receipts owed, move (placed) | - |
//! | all custodians | move removed | - |
//! | receipt | receipt, no longer owed | asked for again: the same receipt |
//!
//! A batch of which a custodian has lost its copy goes the same way, to the same three (`challenge`, `lost`).
//!
//! If the custodians change again before two have the new shares, they are given up: the next are made from the old
//! ones, which all still stand, and get a number of their own. A batch moves whole or not at all.
//!
//! Architecture invariant: nothing is destroyed anywhere before the transaction that says that every version has two
//! custodians with newer shares is durable here.

mod challenge;
mod hand;
mod lost;
mod newer;
mod receipts;
mod reshare;
mod status;
mod survey;
mod take_back;

pub use status::{ChallengeStatus, CustodyStatus};
pub(super) use survey::{begin, note};

use super::{Source, SourceError};
use crate::ledger::member;
use crate::node::blocking;
use crate::placement::{CUSTODIANS_PER_COMPARTMENT, custodians};
use crate::store::tables::{MOVES, MoveRow, PARCELS, ParcelRow, SEEN, SURVEY, key};
use crate::store::{PackName, Reads as _, StoreError};
use salus_types::OrganisationId;
use salus_types::organisation::Organisation;
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::sleep;

/// New shares are to be made.
const WAITING: u8 = 1;
/// New shares are on their way; the old ones stand.
const HANDING: u8 = 2;
/// Two custodians of every version have the new shares: these stand.
const PLACED: u8 = 3;

/// Moves looked at before it is asked again who is there.
const MOVES_PER_PAGE: usize = 256;

/// Parcels looked at in one transaction.
const PARCELS_PER_READ: usize = 256;

/// What holds for some moves in a row.
struct Round {
    organisations: Vec<Organisation>,
    custodians: Vec<OrganisationId>,
    /// Who did not answer.
    away: HashSet<OrganisationId>,
    /// Who has not all records of compartments yet, without which it could not give out what it holds.
    behind: HashSet<OrganisationId>,
}

impl Source {
    /// Moves what is to be moved, one batch at a time, for as long as it is polled.
    pub(super) async fn move_custody(self: &Arc<Self>) -> Result<Infallible, SourceError> {
        let mut pause = self.config.retry_first;
        loop {
            self.tidy_moves().await?;
            let progress = self.move_all().await?;
            pause =
                if progress { self.config.retry_first } else { (pause * 2).min(self.config.custody_sweep) };
            sleep(pause).await;
        }
    }

    /// Looks at all moves once, as long as the custodians stay the same. Whether anything got further.
    async fn move_all(self: &Arc<Self>) -> Result<bool, SourceError> {
        let organisations = self.ctx.ledger.organisations();
        let custodians = custodians(&organisations);
        self.remember_custodians(&organisations).await?;
        if custodians.len() < CUSTODIANS_PER_COMPARTMENT {
            tracing::warn!(found = custodians.len(), "too few custodians: nothing can be moved");
            return Ok(false);
        }
        let mut progress = self.survey().await?;
        let mut page = self.moves_after(None).await?;
        while let Some(last) = page.last().map(|(sequence, _)| *sequence) {
            let behind = self.behind().await?;
            let (organisations, custodians) = (organisations.clone(), custodians.clone());
            let mut round = Round { organisations, custodians, away: HashSet::new(), behind };
            for (sequence, row) in page {
                if crate::placement::custodians(&self.ctx.ledger.organisations()) != round.custodians {
                    return Ok(true);
                }
                match self.move_batch(sequence, row, &mut round).await {
                    Ok(moved) => progress |= moved,
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => tracing::error!(%error, sequence, "a batch waits to be moved"),
                }
            }
            page = self.moves_after(Some(last)).await?;
        }
        Ok(progress)
    }

    /// One batch, as far as it gets now. Whether it got further.
    async fn move_batch(
        self: &Arc<Self>,
        sequence: u64,
        row: MoveRow,
        round: &mut Round,
    ) -> Result<bool, SourceError> {
        if row.state != WAITING {
            return self.hand_over(sequence, row, round).await;
        }
        match self.reshare(sequence, row, round).await? {
            Some(row) => self.hand_over(sequence, row, round).await.map(|_| true),
            None => Ok(false),
        }
    }

    async fn moves_after(&self, after: Option<u64>) -> Result<Vec<(u64, MoveRow)>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let after = after.map(u64::to_be_bytes);
            let rows =
                store.read()?.scan(&MOVES, &[], after.as_ref().map(<[_; 8]>::as_slice), MOVES_PER_PAGE)?;
            let numbered =
                |(at, row): (Vec<u8>, _)| Ok((key::sequence(&at).ok_or(StoreError::Damaged)?, row));
            rows.into_iter().map(numbered).collect()
        })
        .await
    }

    /// Who still waits for records that the survey queued.
    async fn behind(&self) -> Result<HashSet<OrganisationId>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.read()?;
            let last = tx.get(&SURVEY, survey::ONLY)?.map_or(0, |row| row.parcels);
            let (mut behind, mut after) = (HashSet::new(), None::<Vec<u8>>);
            loop {
                let parcels = tx.scan(&PARCELS, &[], after.as_deref(), PARCELS_PER_READ)?;
                let Some((newest, _)) = parcels.last() else { return Ok(behind) };
                after = Some(newest.clone());
                let early = |at: &[u8]| key::sequence(at).is_some_and(|number| number < last);
                let waiting =
                    parcels.iter().filter(|(at, row): &&(_, ParcelRow)| early(at) && row.is_record());
                behind.extend(waiting.map(|(_, row)| row.to.clone()));
                if after.as_deref().is_some_and(|at| !early(at)) {
                    return Ok(behind);
                }
            }
        })
        .await
    }

    /// Keeps the custodians as the ledger has them: their addresses may change without a move.
    async fn remember_custodians(&self, organisations: &[Organisation]) -> Result<(), StoreError> {
        let (store, organisations) = (self.ctx.store.clone(), organisations.to_vec());
        blocking(move || {
            let tx = store.write()?;
            survey::remember(&tx, &organisations)?;
            tx.commit_lazily()
        })
        .await
    }

    /// An organisation as the ledger has it, or had it last while it was a custodian.
    async fn known(&self, id: &OrganisationId) -> Result<Option<Organisation>, StoreError> {
        if let Some(member) = member(&*self.ctx.ledger, id) {
            return Ok(Some(member));
        }
        let (store, id) = (self.ctx.store.clone(), id.clone());
        blocking(move || store.read()?.get(&SEEN, id.as_str().as_bytes())).await
    }

    /// Removes packs of moves that are done, given up, or that a stop kept from being committed. None is under way here.
    async fn tidy_moves(&self) -> Result<(), StoreError> {
        for (sequence, generation) in self.ctx.store.packs.moving().await? {
            let store = self.ctx.store.clone();
            let row = blocking(move || store.read()?.get(&MOVES, &sequence.to_be_bytes())).await?;
            if row.is_none_or(|row| row.state == WAITING || row.generation != generation) {
                self.ctx.store.delete_pack(&PackName::moving(sequence, generation)).await?;
            }
        }
        Ok(())
    }
}
