//! The look at all compartments and batches, once after each change of the custodians.
//!
//! Whatever is placed by a set of custodians notes that set in the same transaction. So a change that this loop would
//! have slept through is seen too, and a survey finds everything that was placed before it began.

use super::lost::is_incomplete;
use super::{HANDING, PLACED, WAITING};
use crate::node::blocking;
use crate::placement::{Trio, custodians, trio};
use crate::source::build::count;
use crate::source::compartment::record as signed_record;
use crate::source::enrol::compartments;
use crate::source::parcel::{queue_link, queue_records};
use crate::source::{Source, SourceError, Step};
use crate::store::tables::{
    BATCHES, BatchRow, COMPARTMENTS, IN_BATCH, MOVES, MoveRow, PATIENTS, PatientRow, SEEN, SURVEY, SurveyRow,
    VERSIONS, counter,
};
use crate::store::{ReadTx, Reads, Store, StoreError, WriteTx};
use salus_types::organisation::Organisation;
use salus_types::vault::CompartmentRecord;
use salus_types::{Bounded, CompartmentId, Digest, OrganisationId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The only survey.
pub(super) const ONLY: &[u8] = b"survey";

/// Everything is as the custodians are.
const DONE: u8 = 0;
/// Records of compartments go to custodians that are new to them.
const RECORDS: u8 = 1;
/// Batches are looked at.
const LOOKING: u8 = 2;

/// Patients whose records are queued in one transaction.
const PATIENTS_PER_STEP: usize = 16;

/// Batches looked at between two commits.
const BATCHES_PER_STEP: usize = 16;

fn list(names: &[OrganisationId]) -> Result<Bounded<OrganisationId, 256>, StoreError> {
    Bounded::new(names.to_vec()).map_err(|_| StoreError::Damaged)
}

/// The first survey of a new vault, which has nothing to look at.
pub(crate) fn begin(store: &Store, organisations: &[Organisation]) -> Result<(), StoreError> {
    let tx = store.write()?;
    if tx.get(&SURVEY, ONLY)?.is_none() {
        let (target, told) = (list(&custodians(organisations))?, list(&custodians(organisations))?);
        tx.put(
            &SURVEY,
            ONLY,
            &SurveyRow { target, told, phase: DONE, after: Bounded::default(), parcels: 0 },
        )?;
    }
    remember(&tx, organisations)?;
    tx.commit()
}

/// Notes by which custodians something is placed in this transaction: a survey begins if they are others than before.
pub(crate) fn note(tx: &WriteTx, organisations: &[Organisation]) -> Result<(), StoreError> {
    let names = custodians(organisations);
    let known = tx.get(&SURVEY, ONLY)?.ok_or(StoreError::Damaged)?;
    if *known.target == *names {
        return Ok(());
    }
    // If the records of the last change are not all queued, nobody knows who has which.
    let told = if known.phase == RECORDS { Bounded::default() } else { known.told };
    let row =
        SurveyRow { target: list(&names)?, told, phase: RECORDS, after: Bounded::default(), parcels: 0 };
    tx.put(&SURVEY, ONLY, &row)?;
    remember(tx, organisations)
}

/// Keeps custodians as they are now: one that leaves the network may still answer.
pub(super) fn remember(tx: &WriteTx, organisations: &[Organisation]) -> Result<(), StoreError> {
    organisations.iter().filter(|one| one.custodian).try_for_each(|one| {
        let at = one.id.as_str().as_bytes();
        if tx.get(&SEEN, at)?.as_ref() == Some(one) { Ok(()) } else { tx.put(&SEEN, at, one) }
    })
}

impl Source {
    /// Goes on with the survey until it is done. Whether there was anything to do.
    pub(super) async fn survey(self: &Arc<Self>) -> Result<bool, SourceError> {
        let mut progress = false;
        loop {
            let source = self.clone();
            if blocking(move || source.survey_step()).await? {
                return Ok(progress);
            }
            progress = true;
            self.parcels.notify_one();
            self.reached(Step::Surveyed)?;
        }
    }

    /// One step; true if there is nothing to do.
    fn survey_step(&self) -> Result<bool, SourceError> {
        let now = || self.ctx.ledger.organisations();
        let known = self.ctx.store.read()?.get(&SURVEY, ONLY)?.ok_or(StoreError::Damaged)?;
        if *known.target != *custodians(&now()) {
            // Asked again where nobody else writes: a newer look is never followed by an older one.
            let tx = self.ctx.store.write()?;
            note(&tx, &now())?;
            tx.commit()?;
            return Ok(false);
        }
        match known.phase {
            RECORDS => self.survey_patients(known)?,
            LOOKING => self.survey_batches(known)?,
            _ => return Ok(true),
        }
        Ok(false)
    }

    fn survey_patients(&self, mut row: SurveyRow) -> Result<(), SourceError> {
        let tx = self.ctx.store.read()?;
        let after = Some(&*row.after).filter(|after| !after.is_empty());
        let patients = tx.scan(&PATIENTS, &[], after, PATIENTS_PER_STEP)?;
        let mut parcels = Vec::new();
        for (_, patient) in &patients {
            parcels
                .extend(self.untold(&tx, patient, &row)?.into_iter().map(|(to, told)| (to, patient, told)));
        }
        drop(tx);
        let last = patients.last().map(|(at, _)| at.clone());
        self.commit_step(&row.target.clone(), |tx| {
            for (to, patient, records) in &parcels {
                queue_link(tx, to, &patient.link)?;
                queue_records(tx, to, records)?;
            }
            match last {
                Some(last) => row.after = Bounded::new(last).map_err(|_| StoreError::Damaged)?,
                None => {
                    (row.phase, row.told, row.after) = (LOOKING, row.target.clone(), Bounded::default());
                    row.parcels = count(tx, counter::PARCEL)?;
                }
            }
            tx.put(&SURVEY, ONLY, &row)
        })
    }

    /// Who is to get which records of a patient, and has not got them.
    fn untold(
        &self,
        tx: &ReadTx,
        patient: &PatientRow,
        row: &SurveyRow,
    ) -> Result<BTreeMap<OrganisationId, Vec<CompartmentRecord>>, SourceError> {
        let mut untold: BTreeMap<OrganisationId, Vec<CompartmentRecord>> = BTreeMap::new();
        for (id, compartment) in compartments(tx, patient.name.as_str())? {
            let before: Vec<_> = trio(&compartment.first, &*row.told).map(Vec::from).unwrap_or_default();
            for custodian in trio(&compartment.first, &*row.target)? {
                if !before.contains(&custodian) {
                    let record = signed_record(&self.ctx, id, &compartment);
                    untold.entry(custodian).or_default().push(record);
                }
            }
        }
        Ok(untold)
    }

    fn survey_batches(&self, mut row: SurveyRow) -> Result<(), SourceError> {
        let tx = self.ctx.store.read()?;
        let after = Some(&*row.after).filter(|after| !after.is_empty());
        let batches = tx.scan(&BATCHES, &[], after, BATCHES_PER_STEP)?;
        let mut changes = Vec::new();
        for (at, batch) in &batches {
            changes.push((at.clone(), judge(&tx, at, batch, &row.target)?));
        }
        drop(tx);
        self.commit_step(&row.target.clone(), |tx| {
            for (at, change) in &changes {
                match change {
                    Change::None => {}
                    Change::Forget => {
                        tx.remove(&MOVES, at)?;
                    }
                    Change::Put(row) => tx.put(&MOVES, at, row)?,
                }
            }
            match batches.last() {
                Some((last, _)) => row.after = Bounded::new(last.clone()).map_err(|_| StoreError::Damaged)?,
                None => (row.phase, row.after) = (DONE, Bounded::default()),
            }
            tx.put(&SURVEY, ONLY, &row)
        })
    }

    /// Commits a step, unless a new survey began meanwhile.
    fn commit_step(
        &self,
        target: &[OrganisationId],
        step: impl FnOnce(&WriteTx) -> Result<(), StoreError>,
    ) -> Result<(), SourceError> {
        let tx = self.ctx.store.write()?;
        if tx.get(&SURVEY, ONLY)?.is_some_and(|row| *row.target == *target) {
            step(&tx)?;
            tx.commit()?;
        }
        Ok(())
    }
}

/// What a survey does to a batch's move.
enum Change {
    None,
    Forget,
    Put(MoveRow),
}

/// The first epochs of the compartments in a batch.
fn firsts(tx: &impl Reads, batch: &[u8]) -> Result<BTreeSet<CompartmentId>, StoreError> {
    let mut compartments = BTreeSet::new();
    for (_, version) in tx.scan(&IN_BATCH, batch, None, usize::MAX)? {
        let row = tx.get(&VERSIONS, version.as_bytes())?.ok_or(StoreError::Damaged)?;
        compartments.insert(row.package.compartment);
    }
    let first =
        |id: CompartmentId| Ok(tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?.first);
    compartments.into_iter().map(first).collect()
}

/// Whether a batch is to move, by who holds it and who is to.
fn judge(tx: &ReadTx, at: &[u8], batch: &BatchRow, target: &[OrganisationId]) -> Result<Change, SourceError> {
    let firsts = firsts(tx, at)?;
    let three =
        |first: &CompartmentId, of: &[OrganisationId]| -> Result<Trio, SourceError> { Ok(trio(first, of)?) };
    let fits = |of: &[OrganisationId]| -> Result<bool, SourceError> {
        for first in &firsts {
            if three(first, of)? != three(first, target)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let stands = fits(&batch.custodians)?;
    let Some(row) = tx.get(&MOVES, at)? else {
        return Ok(if stands { Change::None } else { Change::Put(waiting(batch)) });
    };
    Ok(match row.state {
        HANDING if fits(&row.custodians)? => Change::None,
        PLACED if stands => Change::None,
        HANDING | PLACED => Change::Put(give_up(row)?),
        _ if stands && row.generation == batch.generation && !is_incomplete(tx, at, batch)? => Change::Forget,
        _ => Change::None,
    })
}

/// New shares of a batch are to be made.
pub(super) fn waiting(batch: &BatchRow) -> MoveRow {
    MoveRow {
        state: WAITING,
        generation: batch.generation,
        custodians: Bounded::default(),
        acked: Bounded::default(),
        former: Bounded::default(),
        pack: Digest::ZERO,
    }
}

/// What was handed over does not fit any more: made anew, under a number of its own.
pub(super) fn give_up(row: MoveRow) -> Result<MoveRow, StoreError> {
    let former: BTreeSet<_> = row.former.iter().chain(row.custodians.iter()).cloned().collect();
    Ok(MoveRow {
        state: WAITING,
        generation: row.generation,
        custodians: Bounded::default(),
        acked: Bounded::default(),
        former: Bounded::new(former.into_iter().collect()).map_err(|_| StoreError::Damaged)?,
        pack: Digest::ZERO,
    })
}
