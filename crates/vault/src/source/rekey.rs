//! A patient's keys are replaced: the old ones may be in other hands, or lost. In one transaction everything of the patient
//! gets its new owner, under a new link, at a higher revision; every compartment begins a new epoch, whose key nobody had;
//! and grants by the old key reach nothing of it.

use super::build::bump;
use super::compartment::{create, seal_link_key};
use super::enrol::directory;
use super::merge::merged_into;
use super::proxy::forget_appointments;
use super::{Source, SourceError, build};
use crate::envelope::public_key;
use crate::node::{Context, blocking};
use crate::store::tables::{
    COMPARTMENTS, CURRENT, LIVE_NOTICES, MERGED, NOTICES, Name, PATIENT_AT, PATIENTS, PatientRow, WARDS,
    counter, key,
};
use crate::store::{Reads, StoreError, WriteTx};
use crate::wrap::{LinkTerms, patient_link};
use salus_types::category::Category;
use salus_types::vault::Directory;
use salus_types::{Address, CompartmentId, PublicKey};
use std::sync::Arc;

impl Source {
    /// Puts a patient's new pairwise keys in the place of the old one. `old`: the key that asks for it; without it, the
    /// patient's identity has been proofed anew. Repeated with the same key it gives the directory again.
    ///
    /// # Errors
    /// [`SourceError::Enrolled`] if the patient has another key than `old`, or the new one was somebody's before;
    /// [`SourceError::NotEnrolled`] if nobody is enrolled; [`SourceError::Envelope`] if `kem_key` is none.
    pub async fn rekey_patient(
        self: &Arc<Self>,
        patient: &str,
        old: Option<PublicKey>,
        key: PublicKey,
        kem_key: &[u8],
    ) -> Result<Directory, SourceError> {
        let patient = build::name(patient).ok_or(SourceError::Name)?;
        let kem_key = kem_key.to_vec();
        let source = self.clone();
        let directory = blocking(move || source.rekey(&patient, old, key, &kem_key)).await?;
        self.parcels.notify_one();
        Ok(directory)
    }

    fn rekey(
        &self,
        patient: &Name,
        old: Option<PublicKey>,
        key: PublicKey,
        kem_key: &[u8],
    ) -> Result<Directory, SourceError> {
        let (ctx, tx) = (&self.ctx, self.ctx.store.write()?);
        let known = tx.get(&PATIENTS, patient.as_str().as_bytes())?.ok_or(SourceError::NotEnrolled)?;
        if known.key == key {
            return directory(ctx, &tx, &known);
        }
        // Its key is that of another registration, which is replaced there.
        if tx.get(&MERGED, patient.as_str().as_bytes())?.is_some() {
            return Err(SourceError::Enrolled);
        }
        let (former, new) = (Address::of(&known.key), Address::of(&key));
        if old.is_some_and(|old| old != known.key) || tx.get(&PATIENT_AT, new.as_bytes())?.is_some() {
            return Err(SourceError::Enrolled);
        }
        let row = self.renamed(&known, key, kem_key)?;
        tx.remove(&PATIENT_AT, former.as_bytes())?;
        tx.put(&PATIENT_AT, new.as_bytes(), patient)?;
        end_grants_of(&tx, &former)?;
        forget_appointments(&tx, patient)?;
        tx.remove(&WARDS, patient.as_str().as_bytes())?;
        self.hand(&tx, &row)?;
        for from in merged_into(&tx, patient)? {
            self.give(&tx, &from, &row)?;
        }
        let directory = directory(ctx, &tx, &row)?;
        tx.commit()?;
        Ok(directory)
    }

    /// The patient's row with the new key, and a link of the next number, which no custodian has yet.
    fn renamed(&self, known: &PatientRow, key: PublicKey, kem_key: &[u8]) -> Result<PatientRow, SourceError> {
        let node = &self.ctx.node;
        let terms = LinkTerms {
            network: node.network,
            source: node.organisation.clone(),
            owner: Address::of(&key),
            number: known.link.number + 1,
        };
        let (link, link_key) = patient_link(terms, &node.signing, &public_key(kem_key)?)?;
        let link_key = seal_link_key(&self.ctx.store, &known.name, &link_key);
        Ok(PatientRow { name: known.name.clone(), key, link, link_key })
    }
}

/// Begins a new epoch of a category, or the first.
pub(super) fn begin_epoch(
    ctx: &Context,
    tx: &WriteTx,
    patient: &Name,
    category: Category,
) -> Result<(), SourceError> {
    let at = key::current(Some(patient.as_str()), category);
    let before: Option<CompartmentId> = tx.get(&CURRENT, &at)?;
    let Some(before) = before else {
        create(ctx, tx, Some(patient), category, None)?;
        return Ok(());
    };
    let row = tx.get(&COMPARTMENTS, before.as_bytes())?.ok_or(StoreError::Damaged)?;
    create(ctx, tx, Some(patient), category, Some((&before, &row)))?;
    bump(tx, counter::ROTATED, 1)?;
    Ok(())
}

/// Grants by a key that is no owner's any more get no keys of new epochs.
pub(super) fn end_grants_of(tx: &WriteTx, former: &Address) -> Result<(), StoreError> {
    for (at, _) in tx.scan(&LIVE_NOTICES, &[], None, usize::MAX)? {
        if tx.get(&NOTICES, &at)?.is_some_and(|notice| notice.owner == *former) {
            tx.remove(&LIVE_NOTICES, &at)?;
        }
    }
    Ok(())
}
