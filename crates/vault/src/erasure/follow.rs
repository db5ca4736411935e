//! Following the orders on the ledger, and getting the notices that open them.

use super::{Erasure, ErasureError};
use crate::ledger::{LedgerError, entry};
use crate::node::blocking;
use crate::store::tables::{COUNTERS, ERASURES, ERASURES_WANTED, MARK, counter, id_at_end};
use crate::store::{Reads as _, StoreError};
use salus_types::state::{ErasureEntry, key};
use salus_types::vault::ErasureNotice;
use salus_types::{ErasureId, OrganisationId};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

/// Pauses between two looks: while a notice is missing, and otherwise.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Notices that are asked for in one round.
const WANTED_PER_ROUND: usize = 64;

impl Erasure {
    /// Hears that a block has an order.
    pub(crate) fn ordered(&self) {
        self.news.notify_one();
    }

    /// Follows the ledger for as long as it is polled.
    pub(crate) async fn run(&self) -> Result<Infallible, StoreError> {
        let mut pause = PAUSE_FIRST;
        loop {
            let idle = match self.round().await {
                Ok(missing) => !missing,
                Err(ErasureError::Store(error)) if error.is_final() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "orders to erase wait");
                    false
                }
            };
            pause = if idle { PAUSE_MAX } else { (pause * 2).min(PAUSE_MAX) };
            if timeout(pause, self.news.notified()).await.is_ok() || idle {
                pause = PAUSE_FIRST;
            }
        }
    }

    /// Notes new orders, and gets what is missing. Whether something still is.
    pub(crate) async fn round(&self) -> Result<bool, ErasureError> {
        self.note_orders().await?;
        let store = self.ctx.store.clone();
        let wanted =
            blocking(move || store.read()?.scan(&ERASURES_WANTED, &[], None, WANTED_PER_ROUND)).await?;
        let mut missing = false;
        for (at, _) in wanted {
            let erasure = ErasureId(id_at_end(&at));
            match self.find(erasure).await? {
                Some(notice) => self.carry_out(notice).await?,
                None => missing = true,
            }
        }
        Ok(missing)
    }

    /// Notes orders from the first that this vault has not seen. A new vault begins with the next: it holds nothing.
    async fn note_orders(&self) -> Result<(), ErasureError> {
        let ledger = &*self.ctx.ledger;
        let count: u64 = entry(ledger, key::erasures()).await?.unwrap_or_default();
        let store = self.ctx.store.clone();
        let next: Option<u64> = blocking(move || store.read()?.get(&COUNTERS, counter::ERASURE_NEXT)).await?;
        for number in next.unwrap_or(count)..count {
            let erasure: ErasureId =
                entry(ledger, key::erasure_of_number(number)).await?.ok_or(LedgerError::Malformed)?;
            self.note(Some(erasure), number + 1).await?;
        }
        if next.is_none() {
            self.note(None, count).await?;
        }
        Ok(())
    }

    async fn note(&self, erasure: Option<ErasureId>, next: u64) -> Result<(), StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.write()?;
            if let Some(erasure) = erasure
                && tx.get(&ERASURES, erasure.as_bytes())?.is_none()
            {
                tx.put(&ERASURES_WANTED, erasure.as_bytes(), &MARK)?;
            }
            tx.put(&COUNTERS, counter::ERASURE_NEXT, &next)?;
            tx.commit()
        })
        .await
    }

    /// The notice of an order: from its source, or from anyone else who has it.
    async fn find(&self, erasure: ErasureId) -> Result<Option<ErasureNotice>, ErasureError> {
        let order: Option<ErasureEntry> = entry(&*self.ctx.ledger, key::erasure(&erasure)).await?;
        let order = order.ok_or(ErasureError::Unknown)?;
        let own = &self.ctx.node.organisation;
        let mut askable: Vec<OrganisationId> =
            self.ctx.ledger.organisations().into_iter().map(|member| member.id).collect();
        askable.retain(|id| id != own);
        askable.sort_by_key(|id| *id != order.organisation);
        for id in askable {
            match self.ctx.peers.erasure_notice(&id, erasure).await {
                Ok(notice) if notice.erasure == erasure && notice.opens(&order) => return Ok(Some(notice)),
                Ok(_) => tracing::warn!(%id, %erasure, "a notice that does not open its order"),
                Err(error) => tracing::debug!(%id, %erasure, %error, "a notice"),
            }
        }
        Ok(None)
    }
}
