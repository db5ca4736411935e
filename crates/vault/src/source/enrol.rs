//! Enrolment: a proofed person gets a link, and the keys of all compartments wrapped under it.

use super::compartment::{create, own, record, seal_link_key};
use super::merge::merged_into;
use super::moves::note;
use super::parcel::{queue_link, queue_records};
use super::{Source, SourceError, build};
use crate::envelope::public_key;
use crate::node::blocking;
use crate::placement::custodians_of;
use crate::store::tables::{
    COMPARTMENTS, CURRENT, CompartmentRow, Name, OF_PATIENT, PATIENT_AT, PATIENTS, PatientRow, id_at_end, key,
};
use crate::store::{Reads, StoreError, WriteTx};
use crate::wrap::{LinkTerms, patient_link};
use salus_types::category::Category;
use salus_types::vault::{CompartmentRecord, Directory, PatientLink};
use salus_types::{Address, Bounded, CompartmentId, OrganisationId, PublicKey};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Source {
    /// Enrols a patient of this organisation, whose identity has been proofed, with the pairwise keys: makes the
    /// link, makes compartments of all categories, wraps, and queues link and records for the custodians. Repeated
    /// with the same key it gives the directory again.
    ///
    /// # Errors
    /// [`SourceError::Enrolled`] if another key is enrolled; [`SourceError::Envelope`] if `kem_key` is none.
    pub async fn enrol_patient(
        self: &Arc<Self>,
        patient: &str,
        key: PublicKey,
        kem_key: &[u8],
    ) -> Result<Directory, SourceError> {
        let patient = build::name(patient).ok_or(SourceError::Name)?;
        let kem_key = kem_key.to_vec();
        let source = self.clone();
        let directory = blocking(move || source.enrol(&patient, key, &kem_key)).await?;
        self.parcels.notify_one();
        Ok(directory)
    }

    fn enrol(&self, patient: &Name, key: PublicKey, kem_key: &[u8]) -> Result<Directory, SourceError> {
        let ctx = &self.ctx;
        let tx = ctx.store.write()?;
        let known: Option<PatientRow> = tx.get(&PATIENTS, patient.as_str().as_bytes())?;
        if let Some(known) = known {
            return if known.key == key { directory(ctx, &tx, &known) } else { Err(SourceError::Enrolled) };
        }
        let terms = LinkTerms {
            network: ctx.node.network,
            source: ctx.node.organisation.clone(),
            owner: Address::of(&key),
            number: 1,
        };
        let (link, link_key) = patient_link(terms, &ctx.node.signing, &public_key(kem_key)?)?;
        let link_key = seal_link_key(&ctx.store, patient, &link_key);
        let row = PatientRow { name: patient.clone(), key, link, link_key };
        for (id, mut compartment) in compartments(&tx, patient.as_str())? {
            own(ctx, &id, &mut compartment, &row)?;
            tx.put(&COMPARTMENTS, id.as_bytes(), &compartment)?;
        }
        tx.put(&PATIENTS, patient.as_str().as_bytes(), &row)?;
        tx.put(&PATIENT_AT, Address::of(&key).as_bytes(), patient)?;
        for category in Category::ALL {
            let at = key::current(Some(patient.as_str()), *category);
            if tx.get::<CompartmentId>(&CURRENT, &at)?.is_none() {
                create(ctx, &tx, Some(patient), *category, None)?;
            }
        }
        self.tell_custodians(&tx, patient.as_str(), &row.link)?;
        let directory = directory(ctx, &tx, &row)?;
        tx.commit()?;
        Ok(directory)
    }

    /// Queues a patient's link and the records of all compartments for the custodians of now.
    pub(super) fn tell_custodians(
        &self,
        tx: &WriteTx,
        patient: &str,
        link: &PatientLink,
    ) -> Result<(), SourceError> {
        let organisations = self.ctx.ledger.organisations();
        note(tx, &organisations)?;
        let mut told: BTreeMap<OrganisationId, Vec<CompartmentRecord>> = BTreeMap::new();
        for (id, row) in compartments(tx, patient)? {
            let record = record(&self.ctx, id, &row);
            for custodian in custodians_of(&row.first, &organisations)? {
                told.entry(custodian).or_default().push(record.clone());
            }
        }
        for (custodian, records) in &told {
            queue_link(tx, custodian, link)?;
            queue_records(tx, custodian, records)?;
        }
        Ok(())
    }

    /// The links and compartments of the patient with an address at this source, if there is one.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn directory(&self, owner: Address) -> Result<Option<Directory>, SourceError> {
        let ctx = self.ctx.clone();
        blocking(move || {
            let tx = ctx.store.read()?;
            let Some(patient) = tx.get(&PATIENT_AT, owner.as_bytes())? else { return Ok(None) };
            let row = tx.get(&PATIENTS, patient.as_str().as_bytes())?.ok_or(StoreError::Damaged)?;
            directory(&ctx, &tx, &row).map(Some)
        })
        .await
    }

    /// The FHIR Patient id at this organisation of the patient with an address.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn patient_at(&self, owner: Address) -> Result<Option<String>, SourceError> {
        let store = self.ctx.store.clone();
        let name = blocking(move || store.read()?.get(&PATIENT_AT, owner.as_bytes())).await?;
        Ok(name.map(|name| name.as_str().to_owned()))
    }
}

/// All compartments of a patient, of all epochs.
pub(super) fn compartments(
    tx: &impl Reads,
    patient: &str,
) -> Result<Vec<(CompartmentId, CompartmentRow)>, StoreError> {
    let listed = tx.scan(&OF_PATIENT, &key::texts(&[patient]), None, usize::MAX)?;
    let ids = listed.iter().map(|(key, _)| CompartmentId(id_at_end(key)));
    ids.map(|id| Ok((id, tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?))).collect()
}

pub(super) fn directory(
    ctx: &crate::node::Context,
    tx: &impl Reads,
    patient: &PatientRow,
) -> Result<Directory, SourceError> {
    let mut compartments = compartments(tx, patient.name.as_str())?;
    for from in merged_into(tx, &patient.name)? {
        compartments.extend(self::compartments(tx, from.as_str())?);
    }
    let records = compartments.iter().map(|(id, row)| record(ctx, *id, row)).collect();
    Ok(Directory {
        links: Bounded::new(vec![patient.link.clone()]).map_err(|_| StoreError::Damaged)?,
        compartments: Bounded::new(records).map_err(|_| StoreError::Damaged)?,
    })
}
