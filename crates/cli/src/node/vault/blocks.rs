//! Final blocks, told to the vault.

use salus_gateway::chain::FinalisedBlock;
use salus_vault::Vault;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Tells the vault of each final block until the node stops. Blocks missed are no loss: the vault's sweep comes after.
pub(crate) async fn follow(vault: Arc<Vault>, mut blocks: Receiver<Arc<FinalisedBlock>>) {
    loop {
        match blocks.recv().await {
            Ok(block) => vault.on_block(&block.block).await,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
