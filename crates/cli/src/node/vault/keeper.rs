//! What other nodes and patients ask of this node's vault.

use super::lag::Lag;
use super::measures::Measures;
use super::{custody_error, mailbox_error, release_error, source_error, store_error};
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use salus_crypto::HpkePublicKey;
use salus_gateway::engine::Engine;
use salus_gateway::peer::{
    Challenges, CustodyReport, Keeper, Kept, Moves, PatientAnswer, ProxyAnswer, Queues, ReleaseAudit,
    ReleaseMismatch, WardAppointment,
};
use salus_gateway::vault::VaultError;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Destroyed, Directory, EmergencyAsk, EmergencyNotice, EmergencyParcel,
    EmergencyRelease, ErasureNotice, PatientLink, PatientRequest, ProxyRequest, Release, ReleaseAsk,
    ReleaseForGrant, SealedEnvelope, SignedMandate, SourceRequest, VersionList,
};
use salus_types::{Address, ErasureId, OrganisationId, PublicKey, SigningKey};
use salus_vault::Vault;
use salus_vault::custodian::KeptStatus;
use salus_vault::custodian::audit::Audit;
use salus_vault::patient::NewAppointment;
use salus_vault::source::{ChallengeStatus, CustodyStatus, Guardian, Source};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked how long record versions wait.
const LAG_INTERVAL: Duration = Duration::from_secs(1);

/// The vault of this process as a [`Keeper`].
pub(crate) struct LocalKeeper {
    vault: Arc<Vault>,
    engine: Engine,
    lag: Lag,
    measures: Measures,
}

impl LocalKeeper {
    pub(crate) fn new(vault: Arc<Vault>, engine: Engine, home: &Path) -> Self {
        Self { vault, engine, lag: Lag::default(), measures: Measures::new(home) }
    }

    fn source(&self) -> Result<&Arc<Source>, VaultError> {
        let none = || VaultError::Refused("this organisation keeps no records".to_owned());
        self.vault.source.as_ref().ok_or_else(none)
    }

    /// Looks now and then how long record versions wait, as long as the node runs.
    pub(crate) async fn watch(&self) {
        let mut ticks = tokio::time::interval(LAG_INTERVAL);
        loop {
            ticks.tick().await;
            // Who asks is told what is wrong; here there is nobody to tell.
            let _ = self.measure().await;
        }
    }

    /// How far sealing is; an error if the engine or the store does not tell.
    pub(crate) async fn measure(&self) -> Result<Queues, VaultError> {
        self.measures.disk();
        let Some(source) = &self.vault.source else { return Ok(Queues::default()) };
        let stored =
            self.engine.status().await.map_err(|error| VaultError::Unavailable(error.to_string()))?;
        let status = source.status().await.map_err(source_error)?;
        self.measures.source(&status);
        let stored = stored.last_seq.saturating_sub(status.outbox_cursor);
        let lag = self.lag.note(Instant::now(), status.sealed + stored, status.anchored);
        Ok(Queues {
            stored,
            sealed: status.sealed.saturating_sub(status.anchored),
            anchored: status.anchored,
            anchor_lag_ms: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
        })
    }
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

    async fn give_back(&self, from: &OrganisationId, request: SourceRequest) -> Result<Release, VaultError> {
        self.vault.custodian.give_back(from, &request).await.map_err(release_error)
    }

    async fn destroy(&self, from: &OrganisationId, request: SourceRequest) -> Result<Destroyed, VaultError> {
        self.vault.custodian.destroy_for_source(from, &request).await.map_err(release_error)
    }

    async fn emergency(&self, from: &OrganisationId, parcel: EmergencyParcel) -> Result<(), VaultError> {
        self.vault.emergency.accept(from, parcel).await.map_err(custody_error)
    }

    async fn release_emergency(
        &self,
        from: &OrganisationId,
        ask: EmergencyAsk,
    ) -> Result<EmergencyRelease, VaultError> {
        self.vault.emergency.release(from, &ask).await.map_err(release_error)
    }

    async fn emergency_told(&self, notice: EmergencyNotice) -> Result<(), VaultError> {
        let refused = || VaultError::Refused("no such emergency is known here".to_owned());
        let source = self.vault.source.as_ref().ok_or_else(refused)?;
        let known = source.emergency_told(notice).await.map_err(source_error)?;
        known.then_some(()).ok_or_else(refused)
    }

    async fn erasure_notice(&self, erasure: ErasureId) -> Result<ErasureNotice, VaultError> {
        let notice = self.vault.erasure.notice(erasure).await.map_err(store_error)?;
        notice.ok_or_else(|| VaultError::Refused("this order to erase is not known here".to_owned()))
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

    async fn proxy(&self, request: ProxyRequest) -> Result<ProxyAnswer, VaultError> {
        Ok(match self.vault.answer_proxy(&request).await.map_err(release_error)? {
            salus_vault::ProxyAnswer::Keys(keys) => ProxyAnswer::Keys(keys),
            salus_vault::ProxyAnswer::Versions(versions) => ProxyAnswer::Versions(versions),
            salus_vault::ProxyAnswer::Release(release) => ProxyAnswer::Release(release),
        })
    }

    async fn mandate(&self, signed: &SignedMandate) -> Result<(), VaultError> {
        self.vault.custodian.check_mandate(signed).await.map_err(release_error)
    }

    async fn ward(&self, patient: &str) -> Result<Address, VaultError> {
        self.source()?.ward(patient).await.map_err(source_error)
    }

    async fn appoint_for_ward(
        &self,
        patient: &str,
        proxy: PublicKey,
        kem: HpkePublicKey,
        until_ms: u64,
    ) -> Result<WardAppointment, VaultError> {
        let guardian = Guardian { proxy, kem_key: kem.0.to_vec(), until_ms };
        let made = self.source()?.appoint_for_ward(patient, guardian).await.map_err(source_error)?;
        let NewAppointment { one_time, action, mandate, .. } = made;
        Ok(WardAppointment { one_time, action, mandate })
    }

    async fn ward_keys(&self, patient: &str) -> Result<Vec<SigningKey>, VaultError> {
        match &self.vault.source {
            Some(source) => source.ward_keys(patient).await.map_err(source_error),
            None => Ok(Vec::new()),
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
        self.source()?.enrol_patient(patient, key, kem.as_ref()).await.map_err(source_error)
    }

    async fn rekey(
        &self,
        patient: &str,
        old: Option<PublicKey>,
        key: PublicKey,
        kem: HpkePublicKey,
    ) -> Result<Directory, VaultError> {
        self.source()?.rekey_patient(patient, old, key, kem.as_ref()).await.map_err(source_error)
    }

    async fn merge(&self, from: &str, into: &str, old: Option<PublicKey>) -> Result<(), VaultError> {
        self.source()?.merge_patients(from, into, old).await.map_err(source_error)
    }

    async fn part(&self, from: &str) -> Result<(), VaultError> {
        self.source()?.part_patients(from).await.map_err(source_error)
    }

    fn register(&self, registry: &mut Registry) {
        self.measures.register(registry);
    }

    async fn queues(&self) -> Queues {
        self.measure().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the queues are not known");
            Queues::default()
        })
    }

    async fn moves(&self) -> Moves {
        let Some(source) = &self.vault.source else { return Moves::default() };
        let status = source.custody_status().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "how far moves of custody are is not known");
            CustodyStatus::default()
        });
        let CustodyStatus { moved, to_move, late, receipts, receipts_owed, faults, .. } = status;
        Moves { moved, to_move, late, receipts, receipts_owed, faults }
    }

    async fn custody_report(&self) -> Result<CustodyReport, VaultError> {
        let status = match &self.vault.source {
            Some(source) => source.custody_status().await.map_err(source_error)?,
            None => CustodyStatus::default(),
        };
        let kept = self.vault.custodian.kept().await.map_err(|error| VaultError::Fault(error.to_string()))?;
        let KeptStatus { batches, damaged, unchecked, oldest_check_ms, ever_damaged, tables_damaged } = kept;
        Ok(CustodyReport {
            challenges: status.challenges.into_iter().map(|(id, one)| (id, challenges(one))).collect(),
            repaired: status.repaired,
            kept: Kept { batches, damaged, unchecked, oldest_check_ms, ever_damaged, tables_damaged },
            audit: self.vault.custodian.last_audit().map(release_audit),
        })
    }
}

fn challenges(status: ChallengeStatus) -> Challenges {
    let ChallengeStatus { passed, failed, unanswered, passed_ms, failed_ms, lost } = status;
    Challenges { passed, failed, unanswered, passed_ms, failed_ms, lost }
}

fn release_audit(audit: Audit) -> ReleaseAudit {
    let Audit { time_ms, releases, mismatches, first } = audit;
    let first = first.into_iter().map(|(access, what)| ReleaseMismatch { access, what: what.words() });
    ReleaseAudit { time_ms, releases, mismatches, first: first.collect() }
}
