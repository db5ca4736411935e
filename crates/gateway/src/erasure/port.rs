//! What the gateway needs of the vault to erase. The cli supplies the adapter.

use super::Named;
use crate::vault::VaultError;
use async_trait::async_trait;
use salus_types::category::Category;
use salus_types::vault::ErasureNotice;
use salus_types::{ErasureId, OrganisationId, VersionId};

/// An order of which copies may be left in the clinical store.
pub struct DueErasure {
    /// The order, and what it erases.
    pub notice: ErasureNotice,
    /// Own resources that it erases.
    pub resources: Vec<Named>,
}

/// Orders to erase, as the vault carries them out.
#[async_trait]
pub trait ErasureVault: Send + Sync + 'static {
    /// Waits until there may be something in [`Self::due`]; for a while at most.
    async fn changed(&self);

    /// Every resource of a patient that was ever sealed, deleted ones too.
    async fn resources_of(&self, patient: &str) -> Result<Vec<(Named, Category)>, VaultError>;

    /// The sealed versions of own resources, in ascending order.
    async fn versions_of(&self, resources: &[Named]) -> Result<Vec<VersionId>, VaultError>;

    /// Carries out an own order that is final; false if this node's ledger does not have it yet.
    async fn carry_out(&self, notice: ErasureNotice) -> Result<bool, VaultError>;

    /// Orders, own ones and those of others, of which copies may be left here.
    async fn due(&self) -> Result<Vec<DueErasure>, VaultError>;

    /// Whether a source has had one of these versions erased.
    async fn any_erased(&self, source: &OrganisationId, versions: Vec<VersionId>)
    -> Result<bool, VaultError>;

    /// Hears that no copy is left here, and how many there were: the receipt goes on the ledger. False if it is to be
    /// called again later.
    async fn finish(&self, erasure: ErasureId, copies: u32) -> Result<bool, VaultError>;
}

/// For an organisation without a vault.
pub struct NoErasures;

fn none<T>() -> Result<T, VaultError> {
    Err(VaultError::Refused("this organisation keeps no records of this network".into()))
}

#[async_trait]
impl ErasureVault for NoErasures {
    async fn changed(&self) {
        std::future::pending().await
    }

    async fn resources_of(&self, _: &str) -> Result<Vec<(Named, Category)>, VaultError> {
        Ok(Vec::new())
    }

    async fn versions_of(&self, _: &[Named]) -> Result<Vec<VersionId>, VaultError> {
        Ok(Vec::new())
    }

    async fn carry_out(&self, _: ErasureNotice) -> Result<bool, VaultError> {
        none()
    }

    async fn due(&self) -> Result<Vec<DueErasure>, VaultError> {
        Ok(Vec::new())
    }

    async fn any_erased(&self, _: &OrganisationId, _: Vec<VersionId>) -> Result<bool, VaultError> {
        Ok(false)
    }

    async fn finish(&self, _: ErasureId, _: u32) -> Result<bool, VaultError> {
        none()
    }
}
