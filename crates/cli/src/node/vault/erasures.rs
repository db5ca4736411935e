//! The vault's part of erasure, as the gateway sees it.

use super::{ledger_error, source_error, store_error};
use async_trait::async_trait;
use salus_gateway::erasure::{DueErasure, ErasureVault, Named};
use salus_gateway::vault::VaultError;
use salus_types::category::Category;
use salus_types::vault::ErasureNotice;
use salus_types::{ErasureId, OrganisationId, VersionId};
use salus_vault::Vault;
use salus_vault::erasure::ErasureError;
use std::sync::Arc;

/// The vault of this process as an [`ErasureVault`].
pub(crate) struct LocalErasures(pub(crate) Arc<Vault>);

/// What is to be done later is no error.
fn later(outcome: Result<(), ErasureError>) -> Result<bool, VaultError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(ErasureError::Unknown | ErasureError::OnTheWay) => Ok(false),
        Err(error @ ErasureError::Notice) => Err(VaultError::Refused(error.to_string())),
        Err(ErasureError::Store(error)) => Err(store_error(error)),
        Err(ErasureError::Ledger(error)) => Err(ledger_error(error)),
    }
}

fn named((kind, id): (String, String)) -> Named {
    Named { kind, id }
}

#[async_trait]
impl ErasureVault for LocalErasures {
    async fn changed(&self) {
        self.0.erasure.changed().await;
    }

    async fn resources_of(&self, patient: &str) -> Result<Vec<(Named, Category)>, VaultError> {
        let Some(source) = &self.0.source else { return Ok(Vec::new()) };
        let resources = source.resources_of(patient).await.map_err(source_error)?;
        Ok(resources.into_iter().map(|(name, category)| (named(name), category)).collect())
    }

    async fn versions_of(&self, resources: &[Named]) -> Result<Vec<VersionId>, VaultError> {
        let Some(source) = &self.0.source else { return Ok(Vec::new()) };
        let names = resources.iter().map(|named| (named.kind.clone(), named.id.clone())).collect();
        source.versions_of(names).await.map_err(source_error)
    }

    async fn carry_out(&self, notice: ErasureNotice) -> Result<bool, VaultError> {
        later(self.0.erasure.carry_out(notice).await)
    }

    async fn due(&self) -> Result<Vec<DueErasure>, VaultError> {
        let due = self.0.erasure.due().await.map_err(store_error)?;
        let due = due.into_iter().map(|one| DueErasure {
            notice: one.notice,
            resources: one.resources.into_iter().map(named).collect(),
        });
        Ok(due.collect())
    }

    async fn any_erased(
        &self,
        source: &OrganisationId,
        versions: Vec<VersionId>,
    ) -> Result<bool, VaultError> {
        self.0.erasure.any_erased(source, versions).await.map_err(store_error)
    }

    async fn finish(&self, erasure: ErasureId, copies: u32) -> Result<bool, VaultError> {
        later(self.0.erasure.finish(erasure, copies).await)
    }
}
