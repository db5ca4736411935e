//! Removing what is left here of orders that the vault has carried out: copies that came under grants, and own resources
//! that a restored backup brought back. Then the receipt.

use super::{DueErasure, PAUSE, carry, marks};
use crate::error::Error;
use crate::state::Gateway;

/// Works for as long as it is polled.
pub(super) async fn follow(gateway: &Gateway) {
    loop {
        match round(gateway).await {
            Ok(false) => gateway.ports.erasures.changed().await,
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "what was erased elsewhere waits to be erased here");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Looks at everything that is due once; whether something is left.
pub(super) async fn round(gateway: &Gateway) -> Result<bool, Error> {
    let (mut left, mut failed) = (false, None);
    for due in gateway.ports.erasures.due().await.map_err(Error::internal)? {
        match erase(gateway, &due).await {
            Ok(done) => left |= !done,
            // One that fails does not keep the others waiting.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(left), Err)
}

/// Whether it is done.
async fn erase(gateway: &Gateway, due: &DueErasure) -> Result<bool, Error> {
    if !due.resources.is_empty() {
        // A restored backup may be older than the marks.
        marks::mark(gateway, &due.resources).await?;
        if !carry::remove(gateway, &due.resources).await? {
            return Ok(false);
        }
    }
    let copies = gateway.shares.erase(gateway, &due.notice).await?;
    if copies > 0 || !due.resources.is_empty() {
        // Proofs of copies, and names of resources, are in no freed page any more.
        let store = gateway.store.clone();
        tokio::task::spawn_blocking(move || store.rewrite()).await.map_err(Error::internal)??;
    }
    let copies = u32::try_from(copies).unwrap_or(u32::MAX);
    gateway.ports.erasures.finish(due.notice.erasure, copies).await.map_err(Error::internal)
}
