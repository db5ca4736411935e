//! Rotation: when a grant ends, the compartments that it reached get a new epoch with a new key. The patient, and
//! grantees whose grants stand and include future records, get the new key; the former grantee does not.

use super::build::bump;
use super::compartment::{ck, create, record};
use super::moves::note;
use super::notice::open_notice;
use super::parcel::{queue_keys, queue_records};
use super::{Source, SourceError};
use crate::envelope::seal_envelope;
use crate::ledger::member;
use crate::placement::custodians_of;
use crate::store::tables::{
    COMPARTMENTS, CURRENT, CompartmentRow, LIVE_NOTICES, NEXT_EPOCH, NOTICES, Name, counter, id_at_end, key,
};
use crate::store::{Reads, StoreError, WriteTx};
use commonware_codec::Encode as _;
use salus_types::vault::{CompartmentKey, EpochKeys, Terms};
use salus_types::{Address, Bounded, CompartmentId, GrantId, label};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Most keys in one envelope: the bound of [`EpochKeys`].
const KEYS_PER_ENVELOPE_MAX: usize = 64;

/// Most epochs of one compartment that are followed.
pub(crate) const EPOCHS_MAX: usize = 1_024;

impl Source {
    /// Ends a remembered grant: rotates what it reached, in one transaction. False if it had ended before. Blocking.
    pub(super) fn rotate(&self, grant: &GrantId) -> Result<bool, SourceError> {
        let tx = self.ctx.store.write()?;
        if !tx.remove(&LIVE_NOTICES, grant.as_bytes())? {
            return Ok(false);
        }
        let row = tx.get(&NOTICES, grant.as_bytes())?.ok_or(StoreError::Damaged)?;
        let terms = open_notice(&self.ctx.store, grant, &row)?.terms;
        let remaining = self.standing(&tx, &terms.owner)?;
        // Several epochs of one category have one newest epoch, which rotates once.
        let mut current = BTreeSet::new();
        for id in terms.compartments.iter() {
            let newest = newest_epoch(&tx, id)?;
            current.extend(newest.filter(|newest| newest == id || terms.future));
        }
        for id in &current {
            self.rotate_one(&tx, id, &remaining)?;
        }
        tx.commit()?;
        Ok(true)
    }

    /// The terms of an owner's grants that stand and include future records.
    pub(super) fn standing(&self, tx: &WriteTx, owner: &Address) -> Result<Vec<Terms>, SourceError> {
        let mut standing = Vec::new();
        for (at, _) in tx.scan(&LIVE_NOTICES, &[], None, usize::MAX)? {
            let grant = GrantId(id_at_end(&at));
            let row = tx.get(&NOTICES, grant.as_bytes())?.ok_or(StoreError::Damaged)?;
            if row.owner == *owner {
                let terms = open_notice(&self.ctx.store, &grant, &row)?.terms;
                standing.extend(Some(terms).filter(|terms| terms.future));
            }
        }
        Ok(standing)
    }

    pub(super) fn rotate_one(
        &self,
        tx: &WriteTx,
        id: &CompartmentId,
        standing: &[Terms],
    ) -> Result<(), SourceError> {
        let row: CompartmentRow = tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?;
        let at = key::current(row.patient.as_ref().map(Name::as_str), row.category);
        if tx.get(&CURRENT, &at)? != Some(*id) {
            return Ok(());
        }
        let (next, next_row) = create(&self.ctx, tx, row.patient.as_ref(), row.category, Some((id, &row)))?;
        let signed = record(&self.ctx, next, &next_row);
        let organisations = self.ctx.ledger.organisations();
        note(tx, &organisations)?;
        for custodian in custodians_of(&next_row.first, &organisations)? {
            queue_records(tx, &custodian, std::slice::from_ref(&signed))?;
        }
        let ancestors = ancestors(tx, &next_row)?;
        // Whose it is now may be another than who granted: two registrations were one, and are two again.
        let by_owner = standing.iter().filter(|terms| next_row.owner == Some(terms.owner));
        for terms in by_owner.filter(|terms| ancestors.iter().any(|a| terms.compartments.contains(a))) {
            self.send_keys(tx, terms, vec![self.compartment_key(next, &next_row)?])?;
        }
        bump(tx, counter::ROTATED, 1)?;
        Ok(())
    }

    /// Sends a new grantee the keys of epochs that its terms reach without naming them: those before the ones named
    /// (a letter has room for the newest alone, ADR 0007), and those after if the terms include future records.
    pub(super) fn send_other_keys(&self, tx: &WriteTx, terms: &Terms) -> Result<(), SourceError> {
        let mut seen: BTreeSet<_> = terms.compartments.iter().copied().collect();
        let mut keys = Vec::new();
        for id in terms.compartments.iter() {
            let row: CompartmentRow = tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?;
            let mut reached = ancestors(tx, &row)?;
            if terms.future {
                reached.extend(later_epochs(tx, id)?);
            }
            for id in reached.into_iter().filter(|id| seen.insert(*id)) {
                let row: CompartmentRow = tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?;
                keys.push(self.compartment_key(id, &row)?);
            }
        }
        for keys in keys.chunks(KEYS_PER_ENVELOPE_MAX) {
            self.send_keys(tx, terms, keys.to_vec())?;
        }
        Ok(())
    }

    fn compartment_key(
        &self,
        compartment: CompartmentId,
        row: &CompartmentRow,
    ) -> Result<CompartmentKey, SourceError> {
        let key = *ck(&self.ctx.store, &compartment, row)?.expose();
        Ok(CompartmentKey { compartment, category: row.category, key })
    }

    fn send_keys(&self, tx: &WriteTx, terms: &Terms, keys: Vec<CompartmentKey>) -> Result<(), SourceError> {
        let Some(grantee) = member(&*self.ctx.ledger, &terms.grantee) else { return Ok(()) };
        let node = &self.ctx.node;
        let keys = EpochKeys {
            grant: terms.grant,
            source: node.organisation.clone(),
            keys: Bounded::new(keys).map_err(|_| StoreError::Damaged)?,
        };
        let plain = Zeroizing::new(keys.encode().to_vec());
        let sealed =
            seal_envelope(&node.signing, &grantee.kem_key, label::HPKE_EPOCH_KEYS, &node.network, &plain)?;
        queue_keys(tx, &terms.grantee, (self.ctx.clock)(), &sealed)?;
        Ok(())
    }
}

/// The epochs after a compartment's, in order.
fn later_epochs(tx: &WriteTx, id: &CompartmentId) -> Result<Vec<CompartmentId>, StoreError> {
    let mut later: Vec<CompartmentId> = Vec::new();
    while let Some(next) = tx.get(&NEXT_EPOCH, later.last().unwrap_or(id).as_bytes())? {
        later.push(next);
        if later.len() >= EPOCHS_MAX {
            break;
        }
    }
    Ok(later)
}

fn newest_epoch(tx: &WriteTx, id: &CompartmentId) -> Result<Option<CompartmentId>, StoreError> {
    if tx.get(&COMPARTMENTS, id.as_bytes())?.is_none() {
        return Ok(None);
    }
    Ok(Some(later_epochs(tx, id)?.last().copied().unwrap_or(*id)))
}

fn ancestors(tx: &WriteTx, row: &CompartmentRow) -> Result<Vec<CompartmentId>, StoreError> {
    let mut found = Vec::new();
    let mut before = row.predecessor;
    while let Some(id) = before.filter(|_| found.len() < EPOCHS_MAX) {
        found.push(id);
        before = tx.get(&COMPARTMENTS, id.as_bytes())?.and_then(|row: CompartmentRow| row.predecessor);
    }
    Ok(found)
}
