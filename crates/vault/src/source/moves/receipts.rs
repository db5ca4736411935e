//! Receipts: who may hold what was replaced is told to destroy it, until it says, signed, that it has.

use crate::combine::Blame;
use crate::node::blocking;
use crate::peers::PeerError;
use crate::source::{Source, SourceError, Step};
use crate::store::tables::{OWED, RECEIPTS, key};
use crate::store::{Reads as _, StoreError};
use salus_types::organisation::Organisation;
use salus_types::vault::{Destroyed, SourceAsk, SourceRequest, SourceRequestBody};
use salus_types::{Bounded, OrganisationId};
use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;
use tokio::time::timeout;

/// Receipts looked at in one transaction.
const RECEIPTS_PER_PAGE: usize = 256;

impl Source {
    /// Asks for receipts for as long as it is polled.
    pub(in crate::source) async fn collect_receipts(&self) -> Result<Infallible, SourceError> {
        let mut pause = self.config.retry_first;
        loop {
            let progress = self.ask_all_for_receipts().await?;
            pause =
                if progress { self.config.retry_first } else { (pause * 2).min(self.config.custody_sweep) };
            if timeout(pause, self.receipts.notified()).await.is_ok() {
                pause = self.config.retry_first;
            }
        }
    }

    /// Asks everyone who owes one, once. Whether any came.
    async fn ask_all_for_receipts(&self) -> Result<bool, SourceError> {
        let (mut progress, mut away, mut after) = (false, HashSet::new(), None::<Vec<u8>>);
        loop {
            let (store, from) = (self.ctx.store.clone(), after.take());
            let read = move || store.read()?.scan(&OWED, &[], from.as_deref(), RECEIPTS_PER_PAGE);
            let page = blocking(read).await?;
            let Some((last, _)) = page.last() else { return Ok(progress) };
            after = Some(last.clone());
            for (at, generation) in &page {
                let (custodian, sequence) = key::batch_parts(at).ok_or(StoreError::Damaged)?;
                if away.contains(&custodian) {
                    continue;
                }
                match self.ask_for_receipt(&custodian, sequence, *generation).await? {
                    Ok(()) => progress = true,
                    Err(PeerError::Unavailable) => {
                        away.insert(custodian);
                    }
                    Err(error) => tracing::debug!(%custodian, sequence, %error, "a receipt"),
                }
            }
        }
    }

    async fn ask_for_receipt(
        &self,
        custodian: &OrganisationId,
        sequence: u64,
        generation: u32,
    ) -> Result<Result<(), PeerError>, SourceError> {
        let node = &self.ctx.node;
        let Some(known) = self.known(custodian).await? else { return Ok(Err(PeerError::Unavailable)) };
        let body = SourceRequestBody {
            network: node.network,
            source: node.organisation.clone(),
            audience: custodian.clone(),
            ask: SourceAsk::Destroy,
            sequence,
            generation,
            time_ms: (self.ctx.clock)(),
            nonce: salus_crypto::random::bytes(),
            versions: Bounded::default(),
        };
        let asked = self.ctx.peers.destroy(&known, SourceRequest::sign(body, &node.signing)).await;
        let receipt = match asked {
            Ok(receipt) => receipt,
            Err(error) => return Ok(Err(error)),
        };
        self.reached(Step::ReceiptGiven)?;
        if !self.holds(&receipt, &known, sequence, generation) {
            let what = "a receipt that does not hold";
            self.name(&BTreeSet::from([Blame { custodian: custodian.clone(), what }])).await?;
            return Ok(Err(PeerError::Refused(what.to_owned())));
        }
        self.keep(receipt).await?;
        self.reached(Step::ReceiptKept)?;
        Ok(Ok(()))
    }

    /// Whether a receipt is for what was asked, and signed by who was asked.
    fn holds(&self, receipt: &Destroyed, custodian: &Organisation, sequence: u64, generation: u32) -> bool {
        let node = &self.ctx.node;
        receipt.network == node.network
            && receipt.source == node.organisation
            && receipt.custodian == custodian.id
            && receipt.sequence == sequence
            && receipt.generation >= generation
            && receipt.is_by(&custodian.node_key)
    }

    async fn keep(&self, receipt: Destroyed) -> Result<(), StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.write()?;
            let owed = key::owed(&receipt.custodian, receipt.sequence);
            if tx.get(&OWED, &owed)?.is_some_and(|generation| generation <= receipt.generation) {
                tx.remove(&OWED, &owed)?;
            }
            tx.put(&RECEIPTS, &key::receipt(receipt.sequence, &receipt.custodian), &receipt)?;
            tx.commit()
        })
        .await
    }

    /// The receipts for what was destroyed of a batch, the newest of each custodian.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn receipts(&self, sequence: u64) -> Result<Vec<Destroyed>, SourceError> {
        let store = self.ctx.store.clone();
        let read = move || store.read()?.scan(&RECEIPTS, &sequence.to_be_bytes(), None, usize::MAX);
        let rows = blocking(read).await?;
        Ok(rows.into_iter().map(|(_, receipt)| receipt).collect())
    }
}
