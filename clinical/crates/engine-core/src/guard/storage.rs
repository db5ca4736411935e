//! Reading and writing single resources.

use async_trait::async_trait;
use helios_fhir::FhirVersion;
use helios_persistence::{
    StorageResult, StoredResource, TenantContext,
    core::{ResourceStorage, VersionedStorage},
    error::{BackendError, ResourceError, StorageError},
};
use serde_json::Value;

use super::{Guarded, narrow::internal};
use crate::principal::{self, Scope};

#[async_trait]
impl ResourceStorage for Guarded {
    fn backend_name(&self) -> &'static str {
        self.inner().backend_name()
    }

    async fn readiness_check(&self) -> Result<(), BackendError> {
        self.inner().readiness_check().await
    }

    fn bulk_write_concurrency(&self) -> usize {
        self.inner().bulk_write_concurrency()
    }

    async fn create(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        mut resource: Value,
        version: FhirVersion,
    ) -> StorageResult<StoredResource> {
        self.check_store(resource_type, "", &resource).await?;
        self.flag(&mut resource).await?;
        self.inner().create(tenant, resource_type, resource, version).await
    }

    async fn create_or_update(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
        mut resource: Value,
        version: FhirVersion,
    ) -> StorageResult<(StoredResource, bool)> {
        self.check_store(resource_type, id, &resource).await?;
        self.flag(&mut resource).await?;
        self.inner().create_or_update(tenant, resource_type, id, resource, version).await
    }

    async fn read(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
    ) -> StorageResult<Option<StoredResource>> {
        let principal = principal::current()?;
        match self.inner().read(tenant, resource_type, id).await {
            // "It was deleted" is an answer only for those who could have read it.
            Err(StorageError::Resource(ResourceError::Gone { .. })) if principal.read != Scope::All => {
                Ok(None)
            }
            outcome => self.shown(outcome?),
        }
    }

    async fn update(
        &self,
        tenant: &TenantContext,
        current: &StoredResource,
        mut resource: Value,
    ) -> StorageResult<StoredResource> {
        self.check_store(current.resource_type(), current.id(), &resource).await?;
        self.flag(&mut resource).await?;
        self.inner().update(tenant, current, resource).await
    }

    async fn delete(&self, tenant: &TenantContext, resource_type: &str, id: &str) -> StorageResult<()> {
        self.check_delete(resource_type, id).await?;
        self.inner().delete(tenant, resource_type, id).await
    }

    async fn delete_versioned(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
        expected_version: &str,
    ) -> StorageResult<()> {
        self.check_delete(resource_type, id).await?;
        self.inner().delete_versioned(tenant, resource_type, id, expected_version).await
    }

    async fn exists(&self, tenant: &TenantContext, resource_type: &str, id: &str) -> StorageResult<bool> {
        Ok(self.read(tenant, resource_type, id).await?.is_some())
    }

    async fn read_batch(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        ids: &[&str],
    ) -> StorageResult<Vec<StoredResource>> {
        let mut found = self.inner().read_batch(tenant, resource_type, ids).await?;
        self.retain_shown(&mut found)?;
        Ok(found)
    }

    async fn count(&self, tenant: &TenantContext, resource_type: Option<&str>) -> StorageResult<u64> {
        if principal::current()?.read != Scope::All {
            return Err(principal::forbidden("count"));
        }
        let copies = self.shares.count(resource_type.map(str::to_owned)).await.map_err(internal)?;
        Ok(self.inner().count(tenant, resource_type).await?.saturating_sub(copies))
    }
}

#[async_trait]
impl VersionedStorage for Guarded {
    async fn vread(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
        version_id: &str,
    ) -> StorageResult<Option<StoredResource>> {
        self.shown(self.inner().vread(tenant, resource_type, id, version_id).await?)
    }

    async fn update_with_match(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
        expected_version: &str,
        mut resource: Value,
    ) -> StorageResult<StoredResource> {
        self.check_store(resource_type, id, &resource).await?;
        self.flag(&mut resource).await?;
        self.inner().update_with_match(tenant, resource_type, id, expected_version, resource).await
    }

    async fn delete_with_match(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
        expected_version: &str,
    ) -> StorageResult<()> {
        self.check_delete(resource_type, id).await?;
        self.inner().delete_with_match(tenant, resource_type, id, expected_version).await
    }

    async fn current_version(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
    ) -> StorageResult<Option<String>> {
        Ok(self.read(tenant, resource_type, id).await?.map(|stored| stored.version_id().to_owned()))
    }

    async fn list_versions(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        id: &str,
    ) -> StorageResult<Vec<String>> {
        if self.read(tenant, resource_type, id).await?.is_none() {
            return Ok(Vec::new());
        }
        self.inner().list_versions(tenant, resource_type, id).await
    }
}
