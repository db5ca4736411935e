//! Compartments of this source: made when first needed, wrapped to their patient once enrolled.

use super::SourceError;
use crate::node::Context;
use crate::seal::SealKey;
use crate::store::tables::{
    self, COMPARTMENTS, CURRENT, CompartmentRow, MARK, NEXT_EPOCH, Name, OF_PATIENT, PATIENTS, PatientRow,
    key,
};
use crate::store::{Reads, Store, StoreError, WriteTx};
use crate::wrap::wrap_key;
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_types::category::Category;
use salus_types::vault::{CompartmentRecord, CompartmentStatement, WrapContent};
use salus_types::{Address, Bounded, CompartmentId, Digest, namespace};

const CK: &[u8] = b"ck";
const LINK: &[u8] = b"link";

/// The compartment into which a new version goes: its key, and the compartment that names its custodians.
pub(super) fn current(
    ctx: &Context,
    tx: &WriteTx,
    patient: Option<&Name>,
    category: Category,
) -> Result<(SealKey, CompartmentId), SourceError> {
    let at = key::current(patient.map(Name::as_str), category);
    let known: Option<CompartmentId> = tx.get(&CURRENT, &at)?;
    let (id, row) = match known {
        Some(id) => (id, tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?),
        None => create(ctx, tx, patient, category, None)?,
    };
    let key = ck(&ctx.store, &id, &row)?;
    Ok((SealKey { compartment: id, epoch: row.epoch, key }, row.first))
}

/// Makes a compartment, as successor of `before` or as the first of its kind, and makes it the current one.
pub(super) fn create(
    ctx: &Context,
    tx: &WriteTx,
    patient: Option<&Name>,
    category: Category,
    before: Option<(&CompartmentId, &CompartmentRow)>,
) -> Result<(CompartmentId, CompartmentRow), SourceError> {
    let id = CompartmentId(Digest(salus_crypto::random::bytes()));
    let key = Secret32::random();
    let mut row = CompartmentRow {
        first: before.map_or(id, |(_, row)| row.first),
        epoch: before.map_or(0, |(_, row)| row.epoch + 1),
        predecessor: before.map(|(id, _)| *id),
        patient: patient.cloned(),
        category,
        owner: None,
        link: 0,
        wrapped: Bounded::default(),
        revision: 0,
        key: ctx.store.seal_secret(CK, id.as_bytes(), key.expose()),
    };
    if let Some(patient) = patient {
        if let Some(enrolled) = tx.get(&PATIENTS, patient.as_str().as_bytes())? {
            own(ctx, &id, &mut row, &enrolled)?;
        }
        tx.put(&OF_PATIENT, &key::of_patient(patient.as_str(), &id), &MARK)?;
    }
    if let Some((before, _)) = before {
        tx.put(&NEXT_EPOCH, before.as_bytes(), &id)?;
    }
    tx.put(&COMPARTMENTS, id.as_bytes(), &row)?;
    tx.put(&CURRENT, &key::current(patient.map(Name::as_str), category), &id)?;
    Ok((id, row))
}

/// Gives a compartment to its enrolled patient: owner, and the key wrapped under the patient's link.
pub(super) fn own(
    ctx: &Context,
    id: &CompartmentId,
    row: &mut CompartmentRow,
    patient: &PatientRow,
) -> Result<(), SourceError> {
    let link_key = link_key(&ctx.store, patient)?;
    let content = WrapContent { key: *ck(&ctx.store, id, row)?.expose(), category: row.category };
    row.owner = Some(Address::of(&patient.key));
    row.link = patient.link.number;
    row.wrapped = wrap_key(&link_key, id, &content);
    row.revision += 1;
    Ok(())
}

/// The compartment's key.
pub(super) fn ck(store: &Store, id: &CompartmentId, row: &CompartmentRow) -> Result<Secret32, StoreError> {
    store.open_key(CK, id.as_bytes(), &row.key)
}

/// Seals a patient's link key for [`PatientRow`].
pub(super) fn seal_link_key(store: &Store, patient: &Name, key: &Secret32) -> tables::SealedKey {
    store.seal_secret(LINK, patient.as_str().as_bytes(), key.expose())
}

pub(super) fn link_key(store: &Store, patient: &PatientRow) -> Result<Secret32, StoreError> {
    store.open_key(LINK, patient.name.as_str().as_bytes(), &patient.link_key)
}

/// What this source states about a compartment, signed.
pub(super) fn record(ctx: &Context, id: CompartmentId, row: &CompartmentRow) -> CompartmentRecord {
    let statement = CompartmentStatement {
        network: ctx.node.network,
        compartment: id,
        source: ctx.node.organisation.clone(),
        epoch: row.epoch,
        predecessor: row.predecessor,
        owner: row.owner,
        link: row.link,
        wrapped: row.wrapped.clone(),
        revision: row.revision,
    };
    let signature = ctx.node.signing.sign(namespace::COMPARTMENT, &statement.encode());
    CompartmentRecord { statement, signature }
}
