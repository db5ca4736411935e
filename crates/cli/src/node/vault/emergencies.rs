//! The vault's part of emergencies, as the gateway sees it.

use super::{read_error, source_error, store_error};
use async_trait::async_trait;
use salus_gateway::emergency::{EmergencyUse, EmergencyVault, OpenedSummary, StaleSummary};
use salus_gateway::vault::VaultError;
use salus_types::OrganisationId;
use salus_types::vault::{EmergencyAsk, EmergencyFound, EmergencyNotice};
use salus_vault::Vault;
use salus_vault::emergency;
use salus_vault::source::Source;
use std::future::pending;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The vault of this process as an [`EmergencyVault`].
pub(crate) struct LocalEmergencies(pub(crate) Arc<Vault>);

impl LocalEmergencies {
    fn source(&self) -> Result<&Arc<Source>, VaultError> {
        let none = || VaultError::Refused("this organisation keeps no records".to_owned());
        self.0.source.as_ref().ok_or_else(none)
    }
}

#[async_trait]
impl EmergencyVault for LocalEmergencies {
    async fn changed(&self) {
        match &self.0.source {
            Some(source) => source.emergencies_changed().await,
            None => pending().await,
        }
    }

    async fn stale(&self, limit: usize) -> Result<Vec<StaleSummary>, VaultError> {
        let Some(source) = &self.0.source else { return Ok(Vec::new()) };
        let stale = source.stale_summaries(limit).await.map_err(source_error)?;
        Ok(stale.into_iter().map(|one| StaleSummary { patient: one.patient, since: one.since }).collect())
    }

    async fn put(&self, stale: &StaleSummary, summary: Option<Zeroizing<Vec<u8>>>) -> Result<(), VaultError> {
        let stale = emergency::StaleSummary { patient: stale.patient.clone(), since: stale.since };
        self.source()?.put_emergency_summary(&stale, summary).await.map_err(source_error)
    }

    async fn uses(&self, limit: usize) -> Result<Vec<EmergencyUse>, VaultError> {
        let Some(source) = &self.0.source else { return Ok(Vec::new()) };
        let uses = source.emergency_uses(limit).await.map_err(source_error)?;
        let shown = |one: emergency::EmergencyUse| EmergencyUse {
            patient: one.patient,
            entry: one.entry,
            notice: one.notice,
        };
        Ok(uses.into_iter().map(shown).collect())
    }

    async fn noted(&self, of: EmergencyUse) -> Result<(), VaultError> {
        let EmergencyUse { patient, entry, notice } = of;
        let of = emergency::EmergencyUse { patient, entry, notice };
        self.source()?.emergency_noted(&of).await.map_err(source_error)
    }

    async fn summary_of(&self, patient: &str) -> Result<Option<EmergencyFound>, VaultError> {
        self.source()?.emergency_of(patient).await.map_err(source_error)
    }

    async fn tell(&self, notice: EmergencyNotice) -> Result<(), VaultError> {
        self.0.emergency.tell(notice).await.map_err(store_error)
    }

    async fn open(
        &self,
        ask: &EmergencyAsk,
        holders: &[OrganisationId],
    ) -> Result<OpenedSummary, VaultError> {
        let opened = self.0.emergency.open(ask, holders).await.map_err(read_error)?;
        Ok(OpenedSummary { text: opened.text, made_ms: opened.made_ms })
    }
}
