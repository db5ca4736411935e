//! Two registrations of one person become one, and two again, if that was an error.
//!
//! Upon a merge, in one transaction: everything of the registration that gives way gets the owner of the one that stays,
//! under its link, at a higher revision; every compartment of it begins a new epoch, whose key nobody had; grants and
//! mandates by the key of before reach nothing of it. Both keep their own chains: nothing is sealed anew, and what was
//! erased, corrected or labelled in one is so afterwards. Upon a parting the same happens the other way round.

use super::compartment::{create, link_key, own, seal_link_key};
use super::enrol::compartments;
use super::proxy::forget_appointments;
use super::rekey::{begin_epoch, end_grants_of};
use super::{Source, SourceError, build};
use crate::node::blocking;
use crate::store::tables::{
    COMPARTMENTS, CURRENT, MARK, MERGED, MERGED_INTO, MergedRow, Name, PATIENT_AT, PATIENTS, PatientRow,
    WARDS, key,
};
use crate::store::{Reads, StoreError, WriteTx};
use salus_types::category::Category;
use salus_types::{Address, Bounded, CompartmentId, PublicKey};
use std::sync::Arc;

impl Source {
    /// Gives the registration `from` to the owner of `into`. `old`: the key of `from`, which asks for it too, if one is
    /// enrolled. Repeated it changes nothing.
    ///
    /// # Errors
    /// [`SourceError::NotEnrolled`] if nobody is enrolled as `into`; [`SourceError::Enrolled`] if another key than `old` is
    /// as `from`, if one of them is part of another merge that this does not fit to, or if somebody acts as its guardian.
    pub async fn merge_patients(
        self: &Arc<Self>,
        from: &str,
        into: &str,
        old: Option<PublicKey>,
    ) -> Result<(), SourceError> {
        let (from, into) = both(from, into)?;
        let source = self.clone();
        blocking(move || source.merge(&from, &into, old)).await?;
        self.parcels.notify_one();
        Ok(())
    }

    /// Gives the registration `from` back to whose it was before it was merged. Repeated it changes nothing.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn part_patients(self: &Arc<Self>, from: &str) -> Result<(), SourceError> {
        let from = build::name(from).ok_or(SourceError::Name)?;
        let source = self.clone();
        blocking(move || source.part(&from)).await?;
        self.parcels.notify_one();
        Ok(())
    }

    fn merge(&self, from: &Name, into: &Name, old: Option<PublicKey>) -> Result<(), SourceError> {
        let tx = self.ctx.store.write()?;
        if let Some(merged) = tx.get(&MERGED, from.as_str().as_bytes())? {
            return if merged.into == *into { Ok(()) } else { Err(SourceError::Enrolled) };
        }
        let stays = tx.get(&PATIENTS, into.as_str().as_bytes())?.ok_or(SourceError::NotEnrolled)?;
        let former: Option<PatientRow> = tx.get(&PATIENTS, from.as_str().as_bytes())?;
        // Merges do not chain: whose a registration was before is then said by one row.
        let chained =
            tx.get(&MERGED, into.as_str().as_bytes())?.is_some() || !merged_into(&tx, from)?.is_empty();
        let ward = tx.get(&WARDS, from.as_str().as_bytes())?.is_some();
        if chained || ward || former.as_ref().map(|row| row.key) != old {
            return Err(SourceError::Enrolled);
        }
        if let Some(former) = &former {
            let address = Address::of(&former.key);
            tx.remove(&PATIENT_AT, address.as_bytes())?;
            end_grants_of(&tx, &address)?;
            forget_appointments(&tx, from)?;
        }
        let kept = former.into_iter().collect::<Vec<_>>();
        let row =
            MergedRow { into: into.clone(), former: Bounded::new(kept).map_err(|_| StoreError::Damaged)? };
        tx.put(&MERGED, from.as_str().as_bytes(), &row)?;
        tx.put(&MERGED_INTO, &key::texts(&[into.as_str(), from.as_str()]), &MARK)?;
        self.give(&tx, from, &stays)?;
        Ok(tx.commit()?)
    }

    /// Gives everything of a registration to the owner of another: now, and again when that one's keys are replaced.
    pub(super) fn give(&self, tx: &WriteTx, from: &Name, stays: &PatientRow) -> Result<(), SourceError> {
        let link = link_key(&self.ctx.store, stays)?;
        let row = PatientRow {
            name: from.clone(),
            key: stays.key,
            link: stays.link.clone(),
            link_key: seal_link_key(&self.ctx.store, from, &link),
        };
        self.hand(tx, &row)
    }

    /// Makes an owner everybody's who is named in the row, and begins new epochs.
    pub(super) fn hand(&self, tx: &WriteTx, row: &PatientRow) -> Result<(), SourceError> {
        tx.put(&PATIENTS, row.name.as_str().as_bytes(), row)?;
        for (id, mut compartment) in compartments(tx, row.name.as_str())? {
            own(&self.ctx, &id, &mut compartment, row)?;
            tx.put(&COMPARTMENTS, id.as_bytes(), &compartment)?;
        }
        for category in Category::ALL {
            begin_epoch(&self.ctx, tx, &row.name, *category)?;
        }
        self.tell_custodians(tx, row.name.as_str(), &row.link)
    }

    fn part(&self, from: &Name) -> Result<(), SourceError> {
        let tx = self.ctx.store.write()?;
        let Some(merged) = tx.get(&MERGED, from.as_str().as_bytes())? else { return Ok(()) };
        let stays = tx.get(&PATIENTS, from.as_str().as_bytes())?.ok_or(StoreError::Damaged)?;
        tx.remove(&MERGED, from.as_str().as_bytes())?;
        tx.remove(&MERGED_INTO, &key::texts(&[merged.into.as_str(), from.as_str()]))?;
        if let Some(former) = merged.former.first() {
            tx.put(&PATIENT_AT, Address::of(&former.key).as_bytes(), from)?;
            self.hand(&tx, former)?;
            return Ok(tx.commit()?);
        }
        // Nobody was enrolled: as before it belongs to this organisation alone.
        tx.remove(&PATIENTS, from.as_str().as_bytes())?;
        for (id, mut compartment) in compartments(&tx, from.as_str())? {
            (compartment.owner, compartment.link) = (None, 0);
            compartment.wrapped = Bounded::default();
            compartment.revision += 1;
            tx.put(&COMPARTMENTS, id.as_bytes(), &compartment)?;
        }
        for category in Category::ALL {
            let at = key::current(Some(from.as_str()), *category);
            if let Some(before) = tx.get::<CompartmentId>(&CURRENT, &at)? {
                let row = tx.get(&COMPARTMENTS, before.as_bytes())?.ok_or(StoreError::Damaged)?;
                create(&self.ctx, &tx, Some(from), *category, Some((&before, &row)))?;
            }
        }
        self.tell_custodians(&tx, from.as_str(), &stays.link)?;
        Ok(tx.commit()?)
    }
}

/// The registrations that were merged into one.
pub(super) fn merged_into(tx: &impl Reads, into: &Name) -> Result<Vec<Name>, StoreError> {
    let prefix = key::texts(&[into.as_str()]);
    let found = tx.scan(&MERGED_INTO, &prefix, None, usize::MAX)?;
    let name_of = |key: &[u8]| {
        let text = key.get(prefix.len()..)?.strip_suffix(&[0])?;
        build::name(std::str::from_utf8(text).ok()?)
    };
    found.iter().map(|(key, _)| name_of(key).ok_or(StoreError::Damaged)).collect()
}

fn both(from: &str, into: &str) -> Result<(Name, Name), SourceError> {
    let (from, into) =
        (build::name(from).ok_or(SourceError::Name)?, build::name(into).ok_or(SourceError::Name)?);
    if from == into { Err(SourceError::Enrolled) } else { Ok((from, into)) }
}
