//! The vault's view of the ledger node that runs in the same process.

use super::chain::LocalChain;
use async_trait::async_trait;
use salus_gateway::chain::{Chain as _, ChainError};
use salus_types::action::Action;
use salus_types::organisation::Organisation;
use salus_types::proof::{AnchorProofs, BatchId};
use salus_types::state::StateKey;
use salus_types::transaction::Transaction;
use salus_types::{NetworkId, SigningKey};
use salus_vault::{Finalised, Ledger, LedgerError, LedgerTime};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait until a transaction is final.
const FINAL_TIMEOUT: Duration = Duration::from_secs(30);

/// The node of this process as the vault's [`Ledger`].
pub(crate) struct LocalLedger {
    pub(crate) chain: LocalChain,
    pub(crate) network: NetworkId,
    pub(crate) key: Arc<SigningKey>,
}

fn error(error: ChainError) -> LedgerError {
    match error {
        ChainError::Invalid(reason) | ChainError::Refused(reason) => LedgerError::Rejected(reason),
        ChainError::Full | ChainError::Away => LedgerError::Unavailable,
    }
}

#[async_trait]
impl Ledger for LocalLedger {
    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, LedgerError> {
        self.chain.state(key).await.map_err(error)
    }

    fn now(&self) -> LedgerTime {
        let head = self.chain.head();
        LedgerTime { height: head.height, time_ms: head.time_ms }
    }

    async fn submit_and_wait(&self, action: Action) -> Result<Finalised, LedgerError> {
        let valid_until = self.chain.head().height + self.chain.network().lifetime_blocks();
        let transaction = Transaction::sign(self.network, &self.key, valid_until, action);
        let id = self.chain.submit(transaction).map_err(error)?;
        let waited = tokio::time::timeout(FINAL_TIMEOUT, self.chain.wait(id)).await;
        let finalised = waited.map_err(|_| LedgerError::Unavailable)?.map_err(error)?;
        Ok(Finalised { id, height: finalised.height, time_ms: finalised.time_ms, entry: finalised.entry })
    }

    async fn prove_anchors(&self, batches: &[BatchId]) -> Result<AnchorProofs, LedgerError> {
        self.chain.prove_anchors(batches).await.map_err(error)
    }

    fn organisations(&self) -> Vec<Organisation> {
        self.chain.network().organisations().cloned().collect()
    }
}
