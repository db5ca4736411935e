//! Transactions: every entry is checked before the first one runs, and one refusal refuses the whole.

use async_trait::async_trait;
use helios_fhir::FhirVersion;
use helios_persistence::{
    StorageError, TenantContext,
    core::{
        BundleEntry, BundleEntryResult, BundleEntryTarget, BundleMethod, BundleProvider, BundleResult,
        PatchCandidateValidator, parse_bundle_entry_target,
    },
    error::TransactionError,
};
use serde_json::{Value, json};

use super::{
    Guarded,
    narrow::{criteria_without_copies, may_match, without_copies},
    write::{Refusal, may_address, may_store},
};
use crate::principal::{self, Principal, Scope};

#[async_trait]
impl BundleProvider for Guarded {
    fn supports_atomic_transactions(&self) -> bool {
        self.inner().supports_atomic_transactions()
    }

    fn supports_conditional_in_transaction(&self) -> bool {
        self.inner().supports_conditional_in_transaction()
    }

    async fn process_transaction_with_patch_validator(
        &self,
        tenant: &TenantContext,
        mut entries: Vec<BundleEntry>,
        version: FhirVersion,
        validator: Option<&dyn PatchCandidateValidator>,
    ) -> Result<BundleResult, TransactionError> {
        let principal = principal::current().map_err(|_| refused(0, "access without a principal"))?;
        for (index, entry) in entries.iter_mut().enumerate() {
            self.admit(&principal, entry).await.map_err(|why| refused(index, why))?;
        }
        let reads: Vec<bool> = entries.iter().map(|entry| entry.method == BundleMethod::Get).collect();
        let validator = PatchGuard { principal: &principal, next: validator };
        let mut result = self
            .inner()
            .process_transaction_with_patch_validator(tenant, entries, version, Some(&validator))
            .await?;
        for (entry, read) in result.entries.iter_mut().zip(reads) {
            if read {
                self.show_entry(&principal, entry);
            }
        }
        Ok(result)
    }
}

impl Guarded {
    /// Checks one entry, keeps its criteria off imported copies, and flags what a feed writes.
    async fn admit(&self, principal: &Principal, entry: &mut BundleEntry) -> Result<(), Refusal> {
        if entry.method == BundleMethod::Get {
            return Ok(());
        }
        let (resource_type, id) = target(entry).ok_or("write to an address that is not understood")?;
        may_address(principal, &resource_type, &id)?;
        self.check_replaced(principal, &resource_type, &id)
            .await
            .map_err(|_: StorageError| "write outside the patient's record")?;
        admit_criteria(principal, entry)?;
        if matches!(entry.method, BundleMethod::Post | BundleMethod::Put)
            && let Some(resource) = &mut entry.resource
        {
            may_store(principal, &resource_type, &id, resource)?;
            self.flag(resource).await.map_err(|_| "access without a principal")?;
        }
        Ok(())
    }

    fn show_entry(&self, principal: &Principal, entry: &mut BundleEntryResult) {
        let shown = entry.resource.as_ref().is_none_or(|resource| {
            let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
            self.sees(principal, text("resourceType"), text("id"), resource)
        });
        if !shown {
            *entry = BundleEntryResult::error(404, outcome("not-found", "not found"));
        }
    }
}

/// Type and id of what the entry writes; the id is empty where the store chooses or searches it.
fn target(entry: &BundleEntry) -> Option<(String, String)> {
    if entry.method == BundleMethod::Post {
        let resource_type = entry.resource.as_ref()?.get("resourceType")?.as_str()?;
        return Some((resource_type.to_owned(), String::new()));
    }
    match parse_bundle_entry_target(&entry.url).ok()? {
        BundleEntryTarget::Instance { resource_type, id } => Some((resource_type, id)),
        BundleEntryTarget::Conditional { resource_type, .. } => Some((resource_type, String::new())),
    }
}

fn admit_criteria(principal: &Principal, entry: &mut BundleEntry) -> Result<(), Refusal> {
    if (entry.criteria.is_some() || entry.if_none_exist.is_some()) && !may_match(principal) {
        return Err("conditional write");
    }
    if let Some(criteria) = entry.criteria.as_mut().filter(|criteria| !criteria.is_empty()) {
        criteria.push(without_copies());
    }
    if let Some(criteria) = &mut entry.if_none_exist {
        *criteria = criteria_without_copies(criteria);
    }
    Ok(())
}

/// Checks the result of a patch, which only exists inside the transaction.
struct PatchGuard<'a> {
    principal: &'a Principal,
    next: Option<&'a dyn PatchCandidateValidator>,
}

#[async_trait]
impl PatchCandidateValidator for PatchGuard<'_> {
    async fn validate_patch_candidate(
        &self,
        tenant: &TenantContext,
        version: FhirVersion,
        resource_type: &str,
        candidate: &Value,
    ) -> Result<(), Value> {
        let id = candidate.get("id").and_then(Value::as_str).unwrap_or_default();
        if let Scope::Patient(_) = self.principal.write
            && id.is_empty()
        {
            return Err(outcome("forbidden", "patch of a resource without an id"));
        }
        may_store(self.principal, resource_type, id, candidate).map_err(|why| outcome("forbidden", why))?;
        match self.next {
            Some(next) => next.validate_patch_candidate(tenant, version, resource_type, candidate).await,
            None => Ok(()),
        }
    }
}

/// The handlers answer this variant with its own status and outcome.
fn refused(index: usize, why: Refusal) -> TransactionError {
    TransactionError::PatchEntry { index, status: 403, outcome: outcome("forbidden", why) }
}

fn outcome(code: &str, diagnostics: &str) -> Value {
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": diagnostics}]
    })
}
