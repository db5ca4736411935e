//! History. Of one resource: the versions the principal may see. Of a type or the system: only for those who
//! may read everything, and without imported copies, whose history is their source's.

use async_trait::async_trait;
use helios_persistence::{
    StorageResult, TenantContext,
    core::{HistoryPage, HistoryParams, InstanceHistoryProvider, SystemHistoryProvider, TypeHistoryProvider},
};

use super::{Guarded, narrow::internal};
use crate::{
    principal::{self, Scope},
    shares,
};

/// Versions looked at to count the visible ones of one resource.
const VERSIONS_COUNTED_MAX: u32 = 1_000;

impl Guarded {
    fn only_with_full_read() -> StorageResult<()> {
        match principal::current()?.read {
            Scope::All => Ok(()),
            _ => Err(principal::forbidden("history of a type or of the system")),
        }
    }

    /// Without imported copies, and without those whose use is restricted: of these no total tells.
    async fn kept_back(&self, page: HistoryPage, of_type: Option<&str>) -> StorageResult<HistoryPage> {
        let principal = principal::current()?;
        let mut page = page;
        page.items.retain(|entry| !shares::is_copy(entry.resource.id()));
        if !principal.hidden.is_empty() {
            page.items.retain(|entry| self.sees_stored(&principal, &entry.resource));
            page.page_info.total = None;
        }
        if let Some(total) = page.page_info.total {
            let copies = self.shares.versions(of_type.map(str::to_owned)).await.map_err(internal)?;
            page.page_info.total = Some(total.saturating_sub(copies));
        }
        Ok(page)
    }
}

#[async_trait]
impl InstanceHistoryProvider for Guarded {
    async fn history_instance(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
        params: &HistoryParams,
    ) -> StorageResult<HistoryPage> {
        let principal = principal::current()?;
        let mut page = self.inner().history_instance(tenant, resource_type, id, params).await?;
        let found = page.items.len();
        page.items.retain(|entry| self.sees_stored(&principal, &entry.resource));
        if page.items.len() < found {
            page.page_info.total = None;
        }
        Ok(page)
    }

    async fn history_instance_count(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
    ) -> StorageResult<u64> {
        let params = HistoryParams::new().count(VERSIONS_COUNTED_MAX).include_deleted(true);
        let page = self.history_instance(tenant, resource_type, id, &params).await?;
        Ok(page.items.len() as u64)
    }
}

#[async_trait]
impl TypeHistoryProvider for Guarded {
    async fn history_type(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        params: &HistoryParams,
    ) -> StorageResult<HistoryPage> {
        Self::only_with_full_read()?;
        let page = self.inner().history_type(tenant, resource_type, params).await?;
        self.kept_back(page, Some(resource_type)).await
    }

    async fn history_type_count(&self, tenant: &TenantContext, resource_type: &str) -> StorageResult<u64> {
        Self::only_with_full_read()?;
        let copies = self.shares.versions(Some(resource_type.to_owned())).await.map_err(internal)?;
        Ok(self.inner().history_type_count(tenant, resource_type).await?.saturating_sub(copies))
    }
}

#[async_trait]
impl SystemHistoryProvider for Guarded {
    async fn history_system(
        &self,
        tenant: &TenantContext,
        params: &HistoryParams,
    ) -> StorageResult<HistoryPage> {
        Self::only_with_full_read()?;
        let page = self.inner().history_system(tenant, params).await?;
        self.kept_back(page, None).await
    }

    async fn history_system_count(&self, tenant: &TenantContext) -> StorageResult<u64> {
        Self::only_with_full_read()?;
        let copies = self.shares.versions(None).await.map_err(internal)?;
        Ok(self.inner().history_system_count(tenant).await?.saturating_sub(copies))
    }
}
