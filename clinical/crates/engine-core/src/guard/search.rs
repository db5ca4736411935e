//! Searching. Chains, `_has`, `_list` and includes are resolved by the handlers through these hooks, step by
//! step, so that narrowing each step narrows the whole; the backend's own joins, which would pass the guard
//! by, are switched off.

use std::sync::Arc;

use async_trait::async_trait;
use helios_persistence::{
    StorageResult, StoredResource, TenantContext,
    core::{IncludeProvider, RevincludeProvider, SearchProvider, SearchResult},
    search::SearchParameterRegistry,
    types::{IncludeDirective, Page, SearchParamType, SearchQuery},
};
use parking_lot::RwLock;

use super::Guarded;

#[async_trait]
impl SearchProvider for Guarded {
    fn supports_native_reverse_chains(&self, _: &TenantContext, _: &SearchQuery) -> bool {
        false
    }

    async fn search(&self, tenant: &TenantContext, query: &SearchQuery) -> StorageResult<SearchResult> {
        let query = self.narrowed(query).await?;
        let mut result = self.inner().search(tenant, &query).await?;
        self.retain_shown(&mut result.resources.items)?;
        self.retain_shown(&mut result.included)?;
        Ok(result)
    }

    async fn search_ids(&self, tenant: &TenantContext, query: &SearchQuery) -> StorageResult<Page<String>> {
        let query = self.narrowed(query).await?;
        self.inner().search_ids(tenant, &query).await
    }

    async fn search_reference_values(
        &self,
        tenant: &TenantContext,
        query: &SearchQuery,
        reference_param: &str,
    ) -> StorageResult<Option<Vec<String>>> {
        let query = self.narrowed(query).await?;
        self.inner().search_reference_values(tenant, &query, reference_param).await
    }

    async fn search_count(&self, tenant: &TenantContext, query: &SearchQuery) -> StorageResult<u64> {
        let query = self.narrowed(query).await?;
        self.inner().search_count(tenant, &query).await
    }

    fn search_param_registry(&self, tenant: &TenantContext) -> Arc<RwLock<SearchParameterRegistry>> {
        self.inner().search_param_registry(tenant)
    }

    /// The narrowing parameters would be applied to the contained resource, not to its container.
    fn supports_contained_search(&self) -> bool {
        false
    }

    fn modifiers_for_param_type(&self, param_type: SearchParamType) -> Vec<&'static str> {
        self.inner().modifiers_for_param_type(param_type)
    }

    async fn ensure_writes_visible(&self, tenant: &TenantContext, types: &[&str]) -> StorageResult<()> {
        self.inner().ensure_writes_visible(tenant, types).await
    }
}

#[async_trait]
impl IncludeProvider for Guarded {
    async fn resolve_includes(
        &self,
        tenant: &TenantContext,
        resources: &[StoredResource],
        includes: &[IncludeDirective],
    ) -> StorageResult<Vec<StoredResource>> {
        let mut found = self.inner().resolve_includes(tenant, resources, includes).await?;
        self.retain_shown(&mut found)?;
        Ok(found)
    }
}

#[async_trait]
impl RevincludeProvider for Guarded {
    async fn resolve_revincludes(
        &self,
        tenant: &TenantContext,
        resources: &[StoredResource],
        revincludes: &[IncludeDirective],
    ) -> StorageResult<Vec<StoredResource>> {
        let mut found = self.inner().resolve_revincludes(tenant, resources, revincludes).await?;
        self.retain_shown(&mut found)?;
        Ok(found)
    }
}
