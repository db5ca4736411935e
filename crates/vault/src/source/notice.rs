//! Grants over this source's records: remembered while they may end, so that an end rotates epochs and a new epoch
//! reaches who may still read.

use super::enrol::compartments;
use super::proxy::categories;
use super::{Source, SourceError};
use crate::ledger::entry;
use crate::node::blocking;
use crate::store::tables::{LIVE_NOTICES, MARK, NOTICES, NoticeRow, id_at_end};
use crate::store::{Reads, Store, StoreError};
use commonware_codec::Encode as _;
use salus_types::state::{GrantEntry, key};
use salus_types::vault::SourceNotice;
use salus_types::{CompartmentId, GrantId, decode_canonical};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::sleep;

const NOTICE: &[u8] = b"notice";

/// The notice of a grant.
pub(super) fn open_notice(
    store: &Store,
    grant: &GrantId,
    row: &NoticeRow,
) -> Result<SourceNotice, StoreError> {
    let plain = store.open_secret(NOTICE, grant.as_bytes(), &row.notice)?;
    decode_canonical(&plain).map_err(|_| StoreError::Damaged)
}

impl Source {
    /// Remembers a notice that has been checked against the ledger. False if it names compartments that are not the
    /// owner's. The grantee gets the keys of epochs that the terms reach but do not name: earlier ones, and, with "future
    /// records too", those that began since the patient last looked.
    pub(crate) async fn remember_notice(self: &Arc<Self>, notice: SourceNotice) -> Result<bool, SourceError> {
        let source = self.clone();
        let remembered = blocking(move || {
            let tx = source.ctx.store.write()?;
            let (terms, grant) = (&notice.terms, notice.terms.grant);
            let Some(granted) = categories(&tx, &terms.owner, &terms.compartments)? else { return Ok(false) };
            if let Some(signed) = &notice.consent.mandate {
                // Nobody shares for a patient what it may not see itself.
                let seen = categories(&tx, &terms.owner, &signed.mandate.compartments)?;
                if !seen.is_some_and(|seen| seen.is_superset(&granted)) {
                    return Ok(false);
                }
            }
            if tx.get(&NOTICES, grant.as_bytes())?.is_some() {
                return Ok(true);
            }
            let sealed = source.ctx.store.seal_secret(NOTICE, grant.as_bytes(), &notice.encode());
            tx.put(&NOTICES, grant.as_bytes(), &NoticeRow { owner: terms.owner, notice: sealed })?;
            tx.put(&LIVE_NOTICES, grant.as_bytes(), &MARK)?;
            source.send_other_keys(&tx, terms)?;
            tx.commit()?;
            Ok::<_, SourceError>(true)
        })
        .await?;
        self.parcels.notify_one();
        Ok(remembered)
    }

    /// Every grant over a patient's records here that a notice told of, with the time from which it held, oldest first.
    /// Notices stay when grants have ended and when the patient has new keys.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn grants_over(self: &Arc<Self>, patient: &str) -> Result<Vec<(GrantId, u64)>, SourceError> {
        let (source, patient) = (self.clone(), patient.to_owned());
        let grants = blocking(move || {
            let (store, tx) = (&source.ctx.store, source.ctx.store.read()?);
            let own: HashSet<CompartmentId> =
                compartments(&tx, &patient)?.into_iter().map(|(id, _)| id).collect();
            let mut grants = Vec::new();
            for (at, row) in tx.scan(&NOTICES, &[], None, usize::MAX)? {
                let notice = open_notice(store, &GrantId(id_at_end(&at)), &row)?;
                if notice.terms.compartments.iter().any(|id| own.contains(id)) {
                    grants.push((notice.terms.grant, notice.terms.not_before_ms));
                }
            }
            grants.sort_by_key(|(_, not_before_ms)| *not_before_ms);
            Ok::<_, StoreError>(grants)
        })
        .await?;
        Ok(grants)
    }

    /// Looks whether a grant has ended and rotates the epochs that it reached, if so. Called for each `Revoke` in a
    /// block ([`crate::Vault::on_block`]); a sweep finds expiries and what was missed. Whether it rotated.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn grant_ended(self: &Arc<Self>, grant: GrantId) -> Result<bool, SourceError> {
        let store = self.ctx.store.clone();
        let noticed = blocking(move || store.read()?.get(&LIVE_NOTICES, grant.as_bytes())).await?;
        if noticed.is_none() {
            return Ok(false);
        }
        let entry = match entry::<GrantEntry>(&*self.ctx.ledger, key::grant(&grant)).await {
            Ok(entry) => entry,
            Err(_) => return Ok(false),
        };
        if entry.is_none_or(|entry| entry.is_live(self.ctx.ledger.now().time_ms)) {
            return Ok(false);
        }
        let source = self.clone();
        let rotated = blocking(move || source.rotate(&grant)).await?;
        self.parcels.notify_one();
        Ok(rotated)
    }

    /// Checks all grants and appointments that may still end, again and again.
    pub(super) async fn sweep_grants(self: &Arc<Self>) -> Result<Infallible, SourceError> {
        loop {
            let store = self.ctx.store.clone();
            let live = blocking(move || store.read()?.scan(&LIVE_NOTICES, &[], None, usize::MAX)).await?;
            for (key, _) in live {
                self.grant_ended(GrantId(id_at_end(&key))).await?;
            }
            self.look_at_appointments().await?;
            sleep(self.config.grant_sweep).await;
        }
    }
}
