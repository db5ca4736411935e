//! What was released here for access events: written down, durably, before anything leaves, so that it can be compared
//! with the ledger one to one.

use super::{Custodian, ReleaseError, decide};
use crate::node::blocking;
use crate::store::tables::{RELEASES, ReleaseRow, id_at_end, key};
use crate::store::{Reads as _, StoreError};
use salus_types::vault::ReleaseForGrant;
use salus_types::{AccessId, Digest, OrganisationId};

/// What was released for one access event. Of the event and the asker nothing that the ledger does not say, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The event that was named.
    pub access: AccessId,
    /// Who was given it.
    pub to: OrganisationId,
    /// Root over the ids of the versions that were asked for.
    pub versions_root: Digest,
    /// How many these were.
    pub count: u32,
    /// When it was first asked for, by this machine's clock, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
}

impl Custodian {
    /// Writes down what is about to be released. The same versions for the same event are written once, however often they
    /// are asked for.
    pub(super) async fn note_release(
        &self,
        to: &OrganisationId,
        ask: &ReleaseForGrant,
    ) -> Result<(), ReleaseError> {
        let (ctx, access) = (self.ctx.clone(), ask.access);
        let at = key::release(&access, &decide::versions_root(&ask.versions));
        let row = ReleaseRow {
            to: to.clone(),
            count: u32::try_from(ask.versions.len()).map_err(|_| StoreError::Damaged)?,
            time_ms: (ctx.clock)(),
        };
        Ok(blocking(move || {
            if ctx.store.read()?.get(&RELEASES, &at)?.is_some() {
                return Ok(());
            }
            let tx = ctx.store.write()?;
            tx.put(&RELEASES, &at, &row)?;
            tx.commit()
        })
        .await?)
    }

    /// What was released here for access events, in the order of the events' ids: at most `limit`, after one of them, which
    /// is named by its event and the root over its versions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn released(
        &self,
        after: Option<&(AccessId, Digest)>,
        limit: usize,
    ) -> Result<Vec<Released>, StoreError> {
        let store = self.ctx.store.clone();
        let after = after.map(|(access, root)| key::release(access, root));
        blocking(move || {
            let rows = store.read()?.scan(&RELEASES, &[], after.as_deref(), limit)?;
            rows.into_iter().map(|(at, row)| released(&at, row)).collect()
        })
        .await
    }
}

fn released(at: &[u8], row: ReleaseRow) -> Result<Released, StoreError> {
    let ReleaseRow { to, count, time_ms } = row;
    let access = AccessId(Digest(*at.first_chunk().ok_or(StoreError::Damaged)?));
    Ok(Released { access, to, versions_root: id_at_end(at), count, time_ms })
}
