//! A vault that takes everything and remembers who brought it.

use crate::peer::{Keeper, PatientAnswer, Queues};
use crate::vault::VaultError;
use async_trait::async_trait;
use salus_crypto::hpke::HpkePublicKey;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Directory, PatientLink, PatientRequest, Release, ReleaseAsk,
    ReleaseForGrant, SealedEnvelope, VersionList,
};
use salus_types::{OrganisationId, PublicKey};
use std::sync::Mutex;

#[derive(Default)]
pub(crate) struct FakeKeeper {
    /// Who called, and what.
    pub(crate) calls: Mutex<Vec<(Option<OrganisationId>, &'static str)>>,
    /// Refuse enrolments.
    pub(crate) refuses: std::sync::atomic::AtomicBool,
}

impl FakeKeeper {
    fn note(&self, from: Option<&OrganisationId>, what: &'static str) -> Result<(), VaultError> {
        self.calls.lock().expect("lock").push((from.cloned(), what));
        Ok(())
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.calls.lock().expect("lock").iter().filter(|(_, call)| *call == what).count()
    }
}

fn nothing() -> Directory {
    Directory {
        links: Vec::new().try_into().expect("few"),
        compartments: Vec::new().try_into().expect("few"),
    }
}

#[async_trait]
impl Keeper for FakeKeeper {
    async fn custody(&self, from: &OrganisationId, _: CustodyBatch) -> Result<(), VaultError> {
        self.note(Some(from), "custody")
    }

    async fn anchored(&self, from: &OrganisationId, _: u64, _: u64) -> Result<(), VaultError> {
        self.note(Some(from), "anchored")
    }

    async fn compartments(&self, from: &OrganisationId, _: Vec<CompartmentRecord>) -> Result<(), VaultError> {
        self.note(Some(from), "compartments")
    }

    async fn link(&self, from: &OrganisationId, _: PatientLink) -> Result<(), VaultError> {
        self.note(Some(from), "link")
    }

    async fn versions(&self, from: &OrganisationId, _: ReleaseAsk) -> Result<VersionList, VaultError> {
        self.note(Some(from), "versions")?;
        Ok(VersionList { versions: Vec::new().try_into().expect("few") })
    }

    async fn release(&self, from: &OrganisationId, _: ReleaseForGrant) -> Result<Release, VaultError> {
        self.note(Some(from), "release")?;
        Err(VaultError::Refused("the access event is not final".into()))
    }

    async fn patient(&self, _: PatientRequest) -> Result<PatientAnswer, VaultError> {
        self.note(None, "patient")?;
        Ok(PatientAnswer::Directory(nothing()))
    }

    async fn mailbox(&self, _: SealedEnvelope) -> Result<(), VaultError> {
        self.note(None, "mailbox")
    }

    async fn keys(&self, from: &OrganisationId, _: SealedEnvelope) -> Result<(), VaultError> {
        self.note(Some(from), "keys")
    }

    async fn enrol(&self, _: &str, _: PublicKey, _: HpkePublicKey) -> Result<Directory, VaultError> {
        self.note(None, "enrol")?;
        match self.refuses.load(std::sync::atomic::Ordering::Relaxed) {
            true => Err(VaultError::Refused("the patient has enrolled already, with another key".into())),
            false => Ok(nothing()),
        }
    }

    async fn queues(&self) -> Queues {
        Queues { stored: 1, sealed: 2, anchored: 3, anchor_lag_ms: 4 }
    }
}
