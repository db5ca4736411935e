//! Conditional interactions. Their criteria never match an imported copy, and what they would return is
//! filtered as a read is. Only who may write everything may use them: a match tells what exists.

use async_trait::async_trait;
use helios_fhir::FhirVersion;
use helios_persistence::{
    StorageResult, StoredResource, TenantContext,
    core::{
        ConditionalCreateResult, ConditionalDeleteResult, ConditionalInteraction, ConditionalStorage,
        ConditionalUpdateResult, EntityTagPrecondition,
    },
};
use serde_json::Value;

use super::{
    Guarded,
    narrow::{criteria_without_copies, may_match},
};
use crate::principal;

impl Guarded {
    fn check_match(&self) -> StorageResult<()> {
        let principal = principal::current()?;
        if may_match(&principal) { Ok(()) } else { Err(principal::forbidden("conditional write")) }
    }
}

#[async_trait]
impl ConditionalStorage for Guarded {
    fn supports_conditional(&self, interaction: ConditionalInteraction) -> bool {
        self.inner().supports_conditional(interaction)
    }

    async fn resolve_conditional_matches(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        criteria: &str,
    ) -> StorageResult<Vec<StoredResource>> {
        self.check_match()?;
        let criteria = criteria_without_copies(criteria);
        self.inner().resolve_conditional_matches(tenant, resource_type, &criteria).await
    }

    async fn conditional_create(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        mut resource: Value,
        criteria: &str,
        version: FhirVersion,
    ) -> StorageResult<ConditionalCreateResult> {
        self.check_match()?;
        self.check_store(resource_type, "", &resource).await?;
        self.flag(&mut resource).await?;
        let criteria = criteria_without_copies(criteria);
        let result =
            self.inner().conditional_create(tenant, resource_type, resource, &criteria, version).await?;
        match result {
            ConditionalCreateResult::Exists(stored) => match self.shown(Some(stored))? {
                Some(stored) => Ok(ConditionalCreateResult::Exists(stored)),
                None => Err(principal::forbidden("conditional create")),
            },
            result => Ok(result),
        }
    }

    async fn conditional_update(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        mut resource: Value,
        criteria: &str,
        upsert: bool,
        version: FhirVersion,
        if_match: &EntityTagPrecondition,
    ) -> StorageResult<ConditionalUpdateResult> {
        self.check_match()?;
        self.check_store(resource_type, "", &resource).await?;
        self.flag(&mut resource).await?;
        let criteria = criteria_without_copies(criteria);
        self.inner()
            .conditional_update(tenant, resource_type, resource, &criteria, upsert, version, if_match)
            .await
    }

    async fn conditional_delete(
        &self,
        tenant: &TenantContext,
        resource_type: &str,
        criteria: &str,
        if_match: &EntityTagPrecondition,
    ) -> StorageResult<ConditionalDeleteResult> {
        self.check_match()?;
        self.check_delete(resource_type, "").await?;
        let criteria = criteria_without_copies(criteria);
        self.inner().conditional_delete(tenant, resource_type, &criteria, if_match).await
    }
}
