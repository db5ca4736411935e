//! Carrying out one order: the rows, the packs, and at the end the receipt.

use super::{CARRIED, DONE, DueErasure, Erasure, ErasureError, WIPED};
use crate::custodian::erase::{blank, condemn, is_erased};
use crate::ledger::entry;
use crate::node::blocking;
use crate::source::erase::{Forgotten, are_on_their_way, forget};
use crate::store::tables::{
    ERASURES, ERASURES_DUE, ERASURES_WANTED, ErasedResource, ErasureRow, HELD, HeldRow, MARK, id_at_end, key,
};
use crate::store::{PackName, Reads, Store, StoreError};
use salus_types::action::Erased;
use salus_types::state::{ErasedEntry, ErasureEntry, key as state_key};
use salus_types::vault::ErasureNotice;
use salus_types::{Bounded, ErasureId, GrantId, OrganisationId, Text, VersionId};
use std::collections::{BTreeSet, HashSet};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::timeout;

/// Held versions looked at in one read.
const HELD_PER_READ: usize = 4_096;

/// Longest wait for something to do.
const DUE_WAIT_MAX: Duration = Duration::from_secs(10);

impl Erasure {
    /// Carries out an order here, as far as the vault goes: durable when this returns, and repeated harmlessly.
    ///
    /// # Errors
    /// [`ErasureError`]; nothing is changed then, unless packs are left to be blanked, which the next start does.
    pub async fn carry_out(&self, notice: ErasureNotice) -> Result<(), ErasureError> {
        let order: Option<ErasureEntry> =
            entry(&*self.ctx.ledger, state_key::erasure(&notice.erasure)).await?;
        let order = order.ok_or(ErasureError::Unknown)?;
        if notice.network != self.ctx.node.network || !notice.opens(&order) {
            return Err(ErasureError::Notice);
        }
        let (ctx, accepting) = (self.ctx.clone(), self.accepting.clone());
        let runtime = tokio::runtime::Handle::current();
        blocking(move || {
            let _one = accepting.lock().unwrap_or_else(PoisonError::into_inner);
            begin(&ctx.store, ctx.node.organisation == notice.source, &notice)?;
            blank(&ctx, &runtime)
        })
        .await?;
        if let Some(source) = &self.source {
            source.emergencies.notify_one();
        }
        self.due.notify_one();
        Ok(())
    }

    /// The notice of an order, if it is known here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notice(&self, erasure: ErasureId) -> Result<Option<ErasureNotice>, StoreError> {
        let store = self.ctx.store.clone();
        let row: Option<ErasureRow> =
            blocking(move || store.read()?.get(&ERASURES, erasure.as_bytes())).await?;
        Ok(row.map(|row| row.notice))
    }

    /// Waits until something may be due; for a while at most.
    pub async fn changed(&self) {
        let _ = timeout(DUE_WAIT_MAX, self.due.notified()).await;
    }

    /// Orders that are carried out here but for copies and the receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(&self) -> Result<Vec<DueErasure>, StoreError> {
        let store = self.ctx.store.clone();
        let rows = blocking(move || {
            let tx = store.read()?;
            let due = tx.scan(&ERASURES_DUE, &[], None, usize::MAX)?;
            let row = |(at, _): &(Vec<u8>, _)| tx.get(&ERASURES, at)?.ok_or(StoreError::Damaged);
            due.iter().map(row).collect::<Result<Vec<ErasureRow>, StoreError>>()
        })
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| DueErasure {
                grants: row.grants.into_inner(),
                resources: row
                    .resources
                    .iter()
                    .map(|name| (name.kind.as_str().to_owned(), name.id.as_str().to_owned()))
                    .collect(),
                notice: row.notice,
            })
            .collect())
    }

    /// Whether a source has had one of these versions erased: copies of it are not to be kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn any_erased(
        &self,
        source: &OrganisationId,
        versions: Vec<VersionId>,
    ) -> Result<bool, StoreError> {
        let (store, source) = (self.ctx.store.clone(), source.clone());
        blocking(move || {
            let tx = store.read()?;
            for version in &versions {
                if is_erased(&tx, &source, version)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    /// Forgets what is left when all copies are gone, `copies` of them, and puts the receipt on the ledger.
    ///
    /// # Errors
    /// [`ErasureError`]: to be called again.
    pub async fn finish(&self, erasure: ErasureId, copies: u32) -> Result<(), ErasureError> {
        let store = self.ctx.store.clone();
        let row = blocking(move || wipe(&store, erasure)).await?;
        let Some(row) = row else { return Ok(()) };
        self.delete_orphans(&row.batches).await?;
        let organisation = self.ctx.node.organisation.clone();
        let receipt = state_key::erased(&erasure, &organisation);
        let known: Option<ErasedEntry> = entry(&*self.ctx.ledger, receipt).await?;
        if known.is_none() {
            let receipt = Erased { organisation, erasure, versions: row.versions, copies };
            self.ctx.ledger.submit_and_wait(receipt.into()).await?;
        }
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.write()?;
            tx.put(&ERASURES, erasure.as_bytes(), &ErasureRow { state: DONE, ..row })?;
            tx.remove(&ERASURES_DUE, erasure.as_bytes())?;
            tx.commit()
        })
        .await?;
        Ok(())
    }
}

impl Erasure {
    /// Deletes packs of batches that are on their way nowhere any more: a stop may have left them.
    async fn delete_orphans(&self, batches: &[u64]) -> Result<(), StoreError> {
        let store = &self.ctx.store;
        for sequence in batches {
            store.delete_pack(&PackName::outgoing(*sequence)).await?;
        }
        for (sequence, generation) in store.packs.moving().await? {
            if batches.contains(&sequence) {
                store.delete_pack(&PackName::moving(sequence, generation)).await?;
            }
        }
        Ok(())
    }
}

/// Takes an order up in one transaction; one that was taken up before stays as it is.
fn begin(store: &Store, own: bool, notice: &ErasureNotice) -> Result<(), StoreError> {
    let grants = grants_of(store, notice)?;
    let tx = store.write()?;
    tx.remove(&ERASURES_WANTED, notice.erasure.as_bytes())?;
    if tx.get(&ERASURES, notice.erasure.as_bytes())?.is_none() {
        let held = condemn(&tx, notice)?;
        let forgotten = if own { forget(&tx, &notice.versions)? } else { Forgotten::default() };
        let named = |(kind, id): (String, String)| {
            let text = |text: String| Text::new(&text).map_err(|_| StoreError::Damaged);
            Ok(ErasedResource { kind: text(kind)?, id: text(id)? })
        };
        let resources: Vec<_> =
            forgotten.resources.into_iter().map(named).collect::<Result<_, StoreError>>()?;
        let row = ErasureRow {
            notice: notice.clone(),
            state: CARRIED,
            versions: held.max(forgotten.versions),
            batches: bounded(forgotten.batches.into_iter().collect())?,
            resources: bounded(resources)?,
            grants: bounded(grants)?,
        };
        tx.put(&ERASURES, notice.erasure.as_bytes(), &row)?;
        tx.put(&ERASURES_DUE, notice.erasure.as_bytes(), &MARK)?;
    }
    tx.commit()
}

fn bounded<T, const MAX: usize>(list: Vec<T>) -> Result<Bounded<T, MAX>, StoreError> {
    Bounded::new(list).map_err(|_| StoreError::Damaged)
}

/// Grants under which versions that a notice names are held here.
fn grants_of(store: &Store, notice: &ErasureNotice) -> Result<Vec<GrantId>, StoreError> {
    let (tx, erased) = (store.read()?, notice.versions.iter().collect::<HashSet<_>>());
    let (mut grants, mut after) = (BTreeSet::new(), None::<Vec<u8>>);
    loop {
        let page: Vec<(Vec<u8>, HeldRow)> = tx.scan(&HELD, &[], after.as_deref(), HELD_PER_READ)?;
        let Some((last, _)) = page.last() else { return Ok(grants.into_iter().collect()) };
        after = Some(last.clone());
        for (at, row) in &page {
            if row.source == notice.source && erased.contains(&VersionId(id_at_end(at))) {
                let grant = at.first_chunk::<32>().ok_or(StoreError::Damaged)?;
                grants.insert(GrantId(salus_types::Digest(*grant)));
            }
        }
    }
}

/// Forgets what was held under grants, and writes the tables anew. The row as it is then; nothing if the order is done.
fn wipe(store: &Store, erasure: ErasureId) -> Result<Option<ErasureRow>, ErasureError> {
    let tx = store.write()?;
    let row: Option<ErasureRow> = tx.get(&ERASURES, erasure.as_bytes())?;
    let Some(row) = row.filter(|row| row.state != DONE) else { return Ok(None) };
    if row.state == WIPED {
        return Ok(Some(row));
    }
    if are_on_their_way(&tx, &row.batches)? {
        return Err(ErasureError::OnTheWay);
    }
    for grant in row.grants.iter() {
        for version in row.notice.versions.iter() {
            tx.remove(&HELD, &key::held(grant, version))?;
        }
    }
    let (resources, grants) = (Bounded::default(), Bounded::default());
    let row = ErasureRow { resources, grants, ..row };
    tx.put(&ERASURES, erasure.as_bytes(), &row)?;
    tx.commit()?;
    store.rewrite()?;
    let row = ErasureRow { state: WIPED, ..row };
    let tx = store.write()?;
    tx.put(&ERASURES, erasure.as_bytes(), &row)?;
    tx.commit()?;
    Ok(Some(row))
}
