//! Who acts for a patient of this source: gets the keys of what the mandate reaches, freshly sealed, each time it asks
//! while the appointment stands. When that ends, what it reached begins a new epoch, as when a grant ends.

use super::compartment::ck;
use super::enrol::compartments;
use super::{Source, SourceError};
use crate::envelope::seal_envelope;
use crate::ledger::entry;
use crate::node::blocking;
use crate::store::tables::{
    COMPARTMENTS, CURRENT, CompartmentRow, LIVE_MANDATES, MandateRow, Name, PATIENT_AT, id_at_end, key,
};
use crate::store::{Reads, StoreError, WriteTx};
use commonware_codec::Encode as _;
use salus_types::category::Category;
use salus_types::state::{AppointmentEntry, key as state_key};
use salus_types::vault::{Mandate, ProxyKey, ProxyKeys, SealedEnvelope};
use salus_types::{Address, AppointmentId, Bounded, CompartmentId, label};
use std::collections::BTreeSet;
use std::sync::Arc;
use zeroize::Zeroizing;

impl Source {
    /// The keys that a mandate reaches, sealed to who has it; none if it names another source, or somebody or something
    /// that is not the owner's. The caller has checked the mandate against the ledger. From then on its end is looked for.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(crate) async fn keys_for_proxy(
        self: &Arc<Self>,
        mandate: &Mandate,
    ) -> Result<Option<SealedEnvelope>, SourceError> {
        let (source, mandate) = (self.clone(), mandate.clone());
        blocking(move || source.keys_of_mandate(&mandate)).await
    }

    fn keys_of_mandate(&self, mandate: &Mandate) -> Result<Option<SealedEnvelope>, SourceError> {
        let (ctx, tx) = (&self.ctx, self.ctx.store.write()?);
        let patient: Option<Name> = tx.get(&PATIENT_AT, mandate.owner.as_bytes())?;
        let Some(patient) = patient.filter(|_| mandate.source == ctx.node.organisation) else {
            return Ok(None);
        };
        let Some(categories) = categories(&tx, &mandate.owner, &mandate.compartments)? else {
            return Ok(None);
        };
        let mut keys = Vec::new();
        for (compartment, row) in compartments(&tx, patient.as_str())? {
            if categories.contains(&row.category) {
                let key = *ck(&ctx.store, &compartment, &row)?.expose();
                let CompartmentRow { epoch, predecessor, category, .. } = row;
                keys.push(ProxyKey { compartment, epoch, predecessor, category, key });
            }
        }
        let keys = ProxyKeys { keys: Bounded::new(keys).map_err(|_| StoreError::Damaged)? };
        let (plain, node) = (Zeroizing::new(keys.encode().to_vec()), &ctx.node);
        let label = label::HPKE_PROXY_KEYS;
        let sealed = seal_envelope(&node.signing, &mandate.kem_key, label, &node.network, &plain)?;
        let row = MandateRow {
            patient,
            categories: Bounded::new(categories.into_iter().collect()).map_err(|_| StoreError::Damaged)?,
        };
        tx.put(&LIVE_MANDATES, mandate.appointment.as_bytes(), &row)?;
        tx.commit()?;
        Ok(Some(sealed))
    }

    /// Looks whether an appointment has ended and rotates the epochs that it reached, if so. Called for each
    /// `EndAppointment` in a block ([`crate::Vault::on_block`]); a sweep finds expiries and what was missed. Whether it
    /// rotated.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn appointment_ended(
        self: &Arc<Self>,
        appointment: AppointmentId,
    ) -> Result<bool, SourceError> {
        let store = self.ctx.store.clone();
        let live = blocking(move || store.read()?.get(&LIVE_MANDATES, appointment.as_bytes())).await?;
        let at = state_key::appointment(&appointment);
        let Ok(Some(found)) = entry::<AppointmentEntry>(&*self.ctx.ledger, at).await else {
            return Ok(false);
        };
        if live.is_none() || found.is_live(self.ctx.ledger.now().time_ms) {
            return Ok(false);
        }
        let source = self.clone();
        let rotated = blocking(move || source.rotate_for(&appointment)).await?;
        self.parcels.notify_one();
        Ok(rotated)
    }

    /// Begins new epochs of what an ended appointment reached, in one transaction.
    fn rotate_for(&self, appointment: &AppointmentId) -> Result<bool, SourceError> {
        let tx = self.ctx.store.write()?;
        let Some(row) = tx.get(&LIVE_MANDATES, appointment.as_bytes())? else { return Ok(false) };
        tx.remove(&LIVE_MANDATES, appointment.as_bytes())?;
        for category in row.categories.iter() {
            let at = key::current(Some(row.patient.as_str()), *category);
            let current: Option<CompartmentId> = tx.get(&CURRENT, &at)?;
            if let Some(current) = current {
                let newest: CompartmentRow =
                    tx.get(&COMPARTMENTS, current.as_bytes())?.ok_or(StoreError::Damaged)?;
                let standing = match newest.owner {
                    Some(owner) => self.standing(&tx, &owner)?,
                    None => Vec::new(),
                };
                self.rotate_one(&tx, &current, &standing)?;
            }
        }
        tx.commit()?;
        Ok(true)
    }

    /// Checks all appointments that may still end.
    pub(super) async fn look_at_appointments(self: &Arc<Self>) -> Result<(), SourceError> {
        let store = self.ctx.store.clone();
        let live = blocking(move || store.read()?.scan(&LIVE_MANDATES, &[], None, usize::MAX)).await?;
        for (at, _) in live {
            self.appointment_ended(AppointmentId(id_at_end(&at))).await?;
        }
        Ok(())
    }
}

/// The categories of compartments that are all the owner's; none if one is not.
pub(super) fn categories(
    tx: &impl Reads,
    owner: &Address,
    named: &[CompartmentId],
) -> Result<Option<BTreeSet<Category>>, StoreError> {
    let mut categories = BTreeSet::new();
    for id in named {
        let row: Option<CompartmentRow> = tx.get(&COMPARTMENTS, id.as_bytes())?;
        let Some(row) = row.filter(|row| row.owner == Some(*owner)) else { return Ok(None) };
        categories.insert(row.category);
    }
    Ok(Some(categories))
}

/// Appointments by keys that were replaced reach nothing any more, so that nothing is left to end.
pub(super) fn forget_appointments(tx: &WriteTx, patient: &Name) -> Result<(), StoreError> {
    for (at, row) in tx.scan(&LIVE_MANDATES, &[], None, usize::MAX)? {
        if row.patient == *patient {
            tx.remove(&LIVE_MANDATES, &at)?;
        }
    }
    Ok(())
}
