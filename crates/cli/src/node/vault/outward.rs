//! What the vault needs of the outside: other nodes, and the clinical engine's outbox.

use async_trait::async_trait;
use salus_gateway::engine::{Engine, OutboxReaders};
use salus_gateway::peer::{PeerError, Peers};
use salus_types::organisation::Organisation;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Destroyed, EmergencyAsk, EmergencyNotice, EmergencyParcel,
    EmergencyRelease, ErasureNotice, PatientLink, Release, ReleaseAsk, ReleaseForGrant, SealedEnvelope,
    SourceRequest, VersionList,
};
use salus_types::{ErasureId, OrganisationId};
use salus_vault::{Outbox, OutboxError, OutboxRow};
use std::time::Duration;

/// Pause after an engine that did not answer.
const ENGINE_PAUSE: Duration = Duration::from_millis(500);

/// Other nodes, over mutual TLS.
pub(crate) struct RemotePeers(pub(crate) Peers);

fn error(error: PeerError) -> salus_vault::PeerError {
    match error {
        PeerError::Away | PeerError::Timeout => salus_vault::PeerError::Unavailable,
        PeerError::Refused { status, .. } if status == 503 || status == 429 => {
            salus_vault::PeerError::Unavailable
        }
        refused => salus_vault::PeerError::Refused(refused.to_string()),
    }
}

#[async_trait]
impl salus_vault::Peers for RemotePeers {
    async fn put_custody(
        &self,
        to: &OrganisationId,
        batch: CustodyBatch,
    ) -> Result<(), salus_vault::PeerError> {
        self.0.custody(to, &batch).await.map_err(error)
    }

    async fn put_compartments(
        &self,
        to: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), salus_vault::PeerError> {
        self.0.compartments(to, &records).await.map_err(error)
    }

    async fn put_link(&self, to: &OrganisationId, link: PatientLink) -> Result<(), salus_vault::PeerError> {
        self.0.link(to, &link).await.map_err(error)
    }

    async fn put_keys(
        &self,
        to: &OrganisationId,
        keys: SealedEnvelope,
    ) -> Result<(), salus_vault::PeerError> {
        self.0.keys(to, &keys).await.map_err(error)
    }

    async fn versions(
        &self,
        to: &OrganisationId,
        ask: ReleaseAsk,
    ) -> Result<VersionList, salus_vault::PeerError> {
        self.0.versions(to, &ask).await.map_err(error)
    }

    async fn release(
        &self,
        to: &OrganisationId,
        ask: ReleaseForGrant,
    ) -> Result<Release, salus_vault::PeerError> {
        self.0.release(to, &ask).await.map_err(error)
    }

    async fn put_emergency(
        &self,
        to: &OrganisationId,
        parcel: EmergencyParcel,
    ) -> Result<(), salus_vault::PeerError> {
        self.0.emergency(to, &parcel).await.map_err(error)
    }

    async fn release_emergency(
        &self,
        to: &OrganisationId,
        ask: EmergencyAsk,
    ) -> Result<EmergencyRelease, salus_vault::PeerError> {
        self.0.release_emergency(to, &ask).await.map_err(error)
    }

    async fn tell_emergency(
        &self,
        to: &OrganisationId,
        notice: EmergencyNotice,
    ) -> Result<(), salus_vault::PeerError> {
        self.0.tell_emergency(to, &notice).await.map_err(error)
    }

    async fn erasure_notice(
        &self,
        to: &OrganisationId,
        erasure: ErasureId,
    ) -> Result<ErasureNotice, salus_vault::PeerError> {
        self.0.erasure_notice(to, erasure).await.map_err(error)
    }

    async fn give_back(
        &self,
        to: &Organisation,
        request: SourceRequest,
    ) -> Result<Release, salus_vault::PeerError> {
        self.0.give_back(to, &request).await.map_err(error)
    }

    async fn destroy(
        &self,
        to: &Organisation,
        request: SourceRequest,
    ) -> Result<Destroyed, salus_vault::PeerError> {
        self.0.destroy(to, &request).await.map_err(error)
    }
}

/// The outbox of this node's engine, which subscriptions read, too.
pub(crate) struct EngineOutbox {
    pub(crate) engine: Engine,
    pub(crate) readers: OutboxReaders,
}

#[async_trait]
impl Outbox for EngineOutbox {
    async fn next(&self, after: u64, limit: usize) -> Result<Vec<OutboxRow>, OutboxError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let rows = self.engine.outbox(after, limit).await.map_err(|_| OutboxError)?;
        let row = |row: salus_gateway::engine::OutboxRow| OutboxRow {
            seq: row.seq,
            resource_type: row.kind,
            id: row.id,
            version: row.version,
            deleted: row.deleted,
            patient: row.patient,
            resource: row.resource,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn wait(&self, after: u64) {
        if self.engine.outbox_wait(after).await.is_err() {
            tokio::time::sleep(ENGINE_PAUSE).await;
        }
    }

    async fn ack(&self, up_to: u64) -> Result<(), OutboxError> {
        match self.readers.sealed(up_to) {
            Some(up_to) => self.engine.outbox_ack(up_to).await.map_err(|_| OutboxError),
            None => Ok(()),
        }
    }
}
