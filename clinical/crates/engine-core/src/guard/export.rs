//! Bulk export is off: its workers run outside any request, so nobody would be asking.

use async_trait::async_trait;
use helios_persistence::{
    StorageResult, TenantContext,
    core::{ExportDataProvider, ExportRequest, GroupExportProvider, NdjsonBatch, PatientExportProvider},
    error::StorageError,
};

use super::Guarded;
use crate::principal;

fn off() -> StorageError {
    principal::forbidden("bulk export")
}

#[async_trait]
impl ExportDataProvider for Guarded {
    async fn list_export_types(&self, _: &TenantContext, _: &ExportRequest) -> StorageResult<Vec<String>> {
        Err(off())
    }

    async fn count_export_resources(
        &self,
        _: &TenantContext,
        _: &ExportRequest,
        _: &str,
    ) -> StorageResult<u64> {
        Err(off())
    }

    async fn fetch_export_batch(
        &self,
        _: &TenantContext,
        _: &ExportRequest,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> StorageResult<NdjsonBatch> {
        Err(off())
    }
}

#[async_trait]
impl PatientExportProvider for Guarded {
    async fn list_patient_ids(
        &self,
        _: &TenantContext,
        _: &ExportRequest,
        _: Option<&str>,
        _: u32,
    ) -> StorageResult<(Vec<String>, Option<String>)> {
        Err(off())
    }

    async fn fetch_patient_compartment_batch(
        &self,
        _: &TenantContext,
        _: &ExportRequest,
        _: &str,
        _: &[String],
        _: Option<&str>,
        _: u32,
    ) -> StorageResult<NdjsonBatch> {
        Err(off())
    }
}

#[async_trait]
impl GroupExportProvider for Guarded {
    async fn get_group_members(&self, _: &TenantContext, _: &str) -> StorageResult<Vec<String>> {
        Err(off())
    }

    async fn resolve_group_patient_ids(&self, _: &TenantContext, _: &str) -> StorageResult<Vec<String>> {
        Err(off())
    }
}
