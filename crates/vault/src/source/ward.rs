//! A child without a device: this source keeps keys for it, signs mandates of those who act for it, and puts them aside for
//! good when the child, grown, replaces them ([`Source::rekey_patient`]).
//!
//! The keys read nothing that the source does not have in plain text anyway. Who has keys of its own is nobody's ward.

use super::compartment::ck;
use super::enrol::compartments;
use super::{Source, SourceError, build};
use crate::node::blocking;
use crate::patient::{AppointAsk, NewAppointment, OpenCompartment, Root, appoint};
use crate::store::tables::{Name, PATIENTS, WARDS, WardRow};
use crate::store::{Reads, Store, StoreError, WriteTx};
use salus_crypto::sign::SigningKey;
use salus_types::{Address, PublicKey};
use std::sync::Arc;

const WARD: &[u8] = b"ward";

/// Whom the organisation appoints for a ward.
pub struct Guardian {
    /// The key of who is appointed.
    pub proxy: PublicKey,
    /// The X-Wing public key.
    pub kem_key: Vec<u8>,
    /// Until when at the latest, in milliseconds since 1970-01-01 UTC.
    pub until_ms: u64,
}

fn root(store: &Store, patient: &Name, row: &WardRow) -> Result<Root, StoreError> {
    let seed = store.open_key(WARD, patient.as_str().as_bytes(), &row.root)?;
    Ok(Root::from_bytes(seed.expose()))
}

impl Source {
    /// The address of a ward; its keys are made if nobody is enrolled as this patient.
    ///
    /// # Errors
    /// [`SourceError::Enrolled`] if the patient has keys of its own.
    pub async fn ward(self: &Arc<Self>, patient: &str) -> Result<Address, SourceError> {
        let patient = build::name(patient).ok_or(SourceError::Name)?;
        let source = self.clone();
        blocking(move || {
            let tx = source.ctx.store.write()?;
            let (root, _) = source.ward_of(&tx, &patient)?;
            tx.commit()?;
            Ok(root.at(&source.ctx.node.organisation).address)
        })
        .await
    }

    /// Appoints somebody for a ward, who may see everything, share, and ask. The address of [`Self::ward`] is on the ledger.
    ///
    /// # Errors
    /// [`SourceError::Enrolled`] if the patient has keys of its own; [`SourceError::Envelope`] if `kem_key` is none.
    pub async fn appoint_for_ward(
        self: &Arc<Self>,
        patient: &str,
        guardian: Guardian,
    ) -> Result<NewAppointment, SourceError> {
        let name = build::name(patient).ok_or(SourceError::Name)?;
        crate::envelope::public_key(&guardian.kem_key)?;
        let pairwise = {
            let (source, name) = (self.clone(), name.clone());
            blocking(move || {
                let tx = source.ctx.store.write()?;
                let (root, _) = source.ward_of(&tx, &name)?;
                tx.commit()?;
                Ok::<_, SourceError>(root.at(&source.ctx.node.organisation))
            })
            .await?
        };
        let key = pairwise.signing.public();
        self.enrol_patient(patient, key, pairwise.kem.public().as_ref()).await?;
        let source = self.clone();
        blocking(move || source.appoint_guardian(&name, &guardian)).await
    }

    fn appoint_guardian(&self, patient: &Name, guardian: &Guardian) -> Result<NewAppointment, SourceError> {
        let (ctx, tx) = (&self.ctx, self.ctx.store.write()?);
        let (root, mut row) = self.ward_of(&tx, patient)?;
        let mut opened = Vec::new();
        for (compartment, row) in compartments(&tx, patient.as_str())? {
            let key = ck(&ctx.store, &compartment, &row)?;
            let (epoch, predecessor, category) = (row.epoch, row.predecessor, row.category);
            opened.push(OpenCompartment { compartment, epoch, predecessor, category, key });
        }
        let ask = AppointAsk {
            network: ctx.node.network,
            source: &ctx.node.organisation,
            counter: row.appointments,
            proxy: guardian.proxy,
            kem_key: &guardian.kem_key,
            shares: true,
            asks: true,
            until_ms: guardian.until_ms,
            compartments: &opened,
        };
        let made = appoint(&root, &ask).map_err(|_| StoreError::Damaged)?;
        row.appointments += 1;
        tx.put(&WARDS, patient.as_str().as_bytes(), &row)?;
        tx.commit()?;
        Ok(made)
    }

    /// The keys that end what was appointed for a ward, oldest first; none if the patient is no ward.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn ward_keys(self: &Arc<Self>, patient: &str) -> Result<Vec<SigningKey>, SourceError> {
        let name = build::name(patient).ok_or(SourceError::Name)?;
        let ctx = self.ctx.clone();
        blocking(move || {
            let row = ctx.store.read()?.get(&WARDS, name.as_str().as_bytes())?;
            let Some(row) = row else { return Ok(Vec::new()) };
            let root = root(&ctx.store, &name, &row)?;
            let key = |counter| root.appointment_key(&ctx.node.organisation, counter);
            Ok((0..row.appointments).map(key).collect())
        })
        .await
    }

    /// The keys kept for a ward, made if there is nobody.
    fn ward_of(&self, tx: &WriteTx, patient: &Name) -> Result<(Root, WardRow), SourceError> {
        let at = patient.as_str().as_bytes();
        let (store, here) = (&self.ctx.store, &self.ctx.node.organisation);
        let row = match tx.get(&WARDS, at)? {
            Some(row) => row,
            None => {
                let new = Root::random();
                let row = WardRow { root: store.seal_secret(WARD, at, new.expose()), appointments: 0 };
                tx.put(&WARDS, at, &row)?;
                row
            }
        };
        let root = root(store, patient, &row)?;
        let own = root.at(here).signing.public();
        if tx.get(&PATIENTS, at)?.is_some_and(|enrolled| enrolled.key != own) {
            return Err(SourceError::Enrolled);
        }
        Ok((root, row))
    }
}
