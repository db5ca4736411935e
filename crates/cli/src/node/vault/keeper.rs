//! What other nodes and patients ask of this node's vault.

use super::{custody_error, mailbox_error, release_error, source_error};
use async_trait::async_trait;
use salus_crypto::HpkePublicKey;
use salus_gateway::engine::Engine;
use salus_gateway::peer::{Keeper, PatientAnswer, Queues};
use salus_gateway::vault::VaultError;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Directory, PatientLink, PatientRequest, Release, ReleaseAsk,
    ReleaseForGrant, SealedEnvelope, VersionList,
};
use salus_types::{OrganisationId, PublicKey};
use salus_vault::Vault;
use std::sync::Arc;

/// The vault of this process as a [`Keeper`].
pub(crate) struct LocalKeeper {
    pub(crate) vault: Arc<Vault>,
    pub(crate) engine: Engine,
}

#[async_trait]
impl Keeper for LocalKeeper {
    async fn custody(&self, from: &OrganisationId, batch: CustodyBatch) -> Result<(), VaultError> {
        self.vault.custodian.accept_batch(from, batch).await.map_err(custody_error)
    }

    /// A hint only: custodians look at their own ledger when it matters.
    async fn anchored(&self, _: &OrganisationId, _: u64, _: u64) -> Result<(), VaultError> {
        Ok(())
    }

    async fn compartments(
        &self,
        from: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), VaultError> {
        self.vault.custodian.accept_compartments(from, records).await.map_err(custody_error)
    }

    async fn link(&self, from: &OrganisationId, link: PatientLink) -> Result<(), VaultError> {
        self.vault.custodian.accept_link(from, link).await.map_err(custody_error)
    }

    async fn versions(&self, from: &OrganisationId, ask: ReleaseAsk) -> Result<VersionList, VaultError> {
        self.vault.custodian.versions_for_grant(from, &ask).await.map_err(release_error)
    }

    async fn release(&self, from: &OrganisationId, ask: ReleaseForGrant) -> Result<Release, VaultError> {
        self.vault.custodian.release_for_grant(from, &ask).await.map_err(release_error)
    }

    async fn patient(&self, request: PatientRequest) -> Result<PatientAnswer, VaultError> {
        match self.vault.answer_patient(&request).await.map_err(release_error)? {
            salus_vault::PatientAnswer::Directory(directory) => Ok(PatientAnswer::Directory(directory)),
            salus_vault::PatientAnswer::Versions(versions) => Ok(PatientAnswer::Versions(versions)),
            salus_vault::PatientAnswer::Release(release) => Ok(PatientAnswer::Release(*release)),
            salus_vault::PatientAnswer::AccessLog(_) => {
                Err(VaultError::Fault("the access log is not the vault's".to_owned()))
            }
        }
    }

    async fn mailbox(&self, envelope: SealedEnvelope) -> Result<(), VaultError> {
        self.vault.mailbox.receive(envelope).await.map(|_| ()).map_err(mailbox_error)
    }

    async fn keys(&self, from: &OrganisationId, envelope: SealedEnvelope) -> Result<(), VaultError> {
        self.vault.mailbox.receive_keys(from, envelope).await.map_err(mailbox_error)
    }

    async fn enrol(
        &self,
        patient: &str,
        key: PublicKey,
        kem: HpkePublicKey,
    ) -> Result<Directory, VaultError> {
        let Some(source) = &self.vault.source else {
            return Err(VaultError::Refused("this organisation keeps no records".to_owned()));
        };
        source.enrol_patient(patient, key, kem.as_ref()).await.map_err(source_error)
    }

    async fn queues(&self) -> Queues {
        let Some(source) = &self.vault.source else { return Queues::default() };
        let status = source.status().await.unwrap_or_default();
        let stored = self.engine.status().await.map(|engine| engine.last_seq).unwrap_or_default();
        Queues {
            stored: stored.saturating_sub(status.outbox_cursor),
            sealed: status.sealed.saturating_sub(status.anchored),
            anchored: status.anchored,
            ..Queues::default()
        }
    }
}
