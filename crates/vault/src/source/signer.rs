//! What this source has signed about compartments is signed anew when the organisation changes its node key: custodians
//! and patients' devices believe only the key that the ledger has. Keys, packages and shares stay as they are.
//!
//! | step | persisted | after a crash |
//! |---|---|---|
//! | parcels signed before are forgotten | with the new key's name | - |
//! | links and records, some patients at a time | rows, parcels, and how far | goes on there |
//! | keys for grantees, some grants at a time | parcels, and how far | goes on there |
//! | emergency summaries, which get new keys | that they are due, and how far | goes on there |

use super::enrol::compartments;
use super::notice::open_notice;
use super::parcel::forget_signed;
use super::{Source, SourceError, Step};
use crate::ledger::member;
use crate::node::{Context, blocking};
use crate::store::tables::{
    AT_ONCE, COMPARTMENTS, EMERGENCIES, EMERGENCY_ROTATE, LIVE_NOTICES, NOTICES, PATIENTS, PatientRow,
    SIGNER, SignerRow, id_at_end,
};
use crate::store::{Reads, StoreError, WriteTx};
use crate::wrap::sign_link;
use salus_types::{Bounded, GrantId, PublicKey};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::sleep;

const ONLY: &[u8] = b"signer";

/// Everything is signed with the key named.
const DONE: u8 = 0;
/// Patients' links and records are looked at.
const RECORDS: u8 = 1;
/// Grants whose keys are sent again are looked at.
const GRANTS: u8 = 2;
/// Emergency summaries are looked at.
const EMERGENCIES_DUE: u8 = 3;

/// Patients or grants of one transaction.
const PER_STEP: usize = 16;

/// The name of the key with which a new vault begins.
pub(super) fn begin(ctx: &Context) -> Result<(), StoreError> {
    let tx = ctx.store.write()?;
    if tx.get(&SIGNER, ONLY)?.is_none() {
        let key = ctx.node.signing.public();
        tx.put(&SIGNER, ONLY, &SignerRow { key, phase: DONE, after: Bounded::default() })?;
    }
    tx.commit()
}

impl Source {
    /// Looks again and again whether the ledger has another node key of this organisation than the one that signed.
    pub(super) async fn sign_anew(self: &Arc<Self>) -> Result<Infallible, SourceError> {
        loop {
            let own = self.ctx.node.signing.public();
            let known = member(&*self.ctx.ledger, &self.ctx.node.organisation).map(|own| own.node_key);
            // Before the change is in force, nobody would believe the new key.
            if known == Some(own) {
                while self.sign_some(own).await? {
                    self.parcels.notify_one();
                    self.reached(Step::SignedAnew)?;
                }
            }
            sleep(self.config.custody_sweep).await;
        }
    }

    /// One step; false if there is nothing to do.
    async fn sign_some(self: &Arc<Self>, own: PublicKey) -> Result<bool, SourceError> {
        let source = self.clone();
        blocking(move || source.sign_step(own)).await
    }

    fn sign_step(&self, own: PublicKey) -> Result<bool, SourceError> {
        let known = self.ctx.store.read()?.get(&SIGNER, ONLY)?.ok_or(StoreError::Damaged)?;
        if known.key == own && known.phase == DONE {
            return Ok(false);
        }
        let tx = self.ctx.store.write()?;
        let mut row = known;
        if row.key != own {
            forget_signed(&tx)?;
            row = SignerRow { key: own, phase: RECORDS, after: Bounded::default() };
        }
        let last = match row.phase {
            RECORDS => self.sign_patients(&tx, &row)?,
            GRANTS => self.send_keys_again(&tx, &row)?,
            _ => replace_emergencies(&tx, &row)?,
        };
        match last {
            Some(last) => row.after = Bounded::new(last).map_err(|_| StoreError::Damaged)?,
            None => {
                row.phase = match row.phase {
                    RECORDS => GRANTS,
                    GRANTS => EMERGENCIES_DUE,
                    _ => DONE,
                };
                row.after = Bounded::default();
            }
        }
        tx.put(&SIGNER, ONLY, &row)?;
        tx.commit()?;
        Ok(true)
    }

    /// Signs links and records of some patients. The last of them, if there was any.
    fn sign_patients(&self, tx: &WriteTx, row: &SignerRow) -> Result<Option<Vec<u8>>, SourceError> {
        let patients = tx.scan(&PATIENTS, &[], after(row), PER_STEP)?;
        for (at, patient) in &patients {
            let mut patient: PatientRow = patient.clone();
            sign_link(&mut patient.link, &self.ctx.node.signing);
            tx.put(&PATIENTS, at, &patient)?;
            for (id, mut compartment) in compartments(tx, patient.name.as_str())? {
                compartment.revision += 1;
                tx.put(&COMPARTMENTS, id.as_bytes(), &compartment)?;
            }
            self.tell_custodians(tx, patient.name.as_str(), &patient.link)?;
        }
        Ok(patients.last().map(|(at, _)| at.clone()))
    }

    /// Sends the keys that some grants reach and their letters did not carry. The last of the grants, if there was any.
    fn send_keys_again(&self, tx: &WriteTx, row: &SignerRow) -> Result<Option<Vec<u8>>, SourceError> {
        let grants = tx.scan(&LIVE_NOTICES, &[], after(row), PER_STEP)?;
        for (at, _) in &grants {
            let grant = GrantId(id_at_end(at));
            let notice = tx.get(&NOTICES, grant.as_bytes())?.ok_or(StoreError::Damaged)?;
            self.send_other_keys(tx, &open_notice(&self.ctx.store, &grant, &notice)?.terms)?;
        }
        Ok(grants.last().map(|(at, _)| at.clone()))
    }
}

/// Says of some emergency summaries that their keys are due to be replaced, whereby they are signed. The last of them, if
/// there was any.
fn replace_emergencies(tx: &WriteTx, row: &SignerRow) -> Result<Option<Vec<u8>>, SourceError> {
    let summaries = tx.scan(&EMERGENCIES, &[], after(row), PER_STEP)?;
    for (patient, _) in &summaries {
        tx.put(&EMERGENCY_ROTATE, patient, &AT_ONCE)?;
    }
    Ok(summaries.last().map(|(at, _)| at.clone()))
}

fn after(row: &SignerRow) -> Option<&[u8]> {
    Some(&*row.after).filter(|after| !after.is_empty())
}
