//! A vault that takes everything and remembers who brought it.

use crate::peer::{
    Challenges, CustodyReport, Keeper, Kept, Moves, PatientAnswer, ProxyAnswer, Queues, ReleaseAudit,
    WardAppointment,
};
use crate::vault::VaultError;
use async_trait::async_trait;
use salus_crypto::hpke::HpkePublicKey;
use salus_types::action::Appoint;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Destroyed, Directory, EmergencyAsk, EmergencyNotice, EmergencyParcel,
    EmergencyRelease, ErasureNotice, Mandate, PatientAsk, PatientLink, PatientRequest, ProxyRequest, Release,
    ReleaseAsk, ReleaseForGrant, SealedEnvelope, SignedMandate, SourceRequest, SourceRequestBody,
    VersionList,
};
use salus_types::{
    Address, AppointmentId, ErasureId, NetworkId, OrganisationId, PublicKey, Signature, SigningKey,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
pub(crate) struct FakeKeeper {
    /// Who called, and what.
    pub(crate) calls: Mutex<Vec<(Option<OrganisationId>, &'static str)>>,
    /// Refuse enrolments.
    pub(crate) refuses: AtomicBool,
    /// Mandates hold no more.
    pub(crate) ended: AtomicBool,
}

/// The key that is kept for a child.
pub(crate) fn ward_key() -> SigningKey {
    SigningKey::from_seed(&[77; 32])
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

    async fn give_back(&self, from: &OrganisationId, _: SourceRequest) -> Result<Release, VaultError> {
        self.note(Some(from), "give back")?;
        Err(VaultError::Refused("a version is not known here".into()))
    }

    async fn destroy(&self, from: &OrganisationId, request: SourceRequest) -> Result<Destroyed, VaultError> {
        self.note(Some(from), "destroy")?;
        let SourceRequestBody { network, audience, source, sequence, generation, time_ms, .. } = request.body;
        let signature = Signature([0; 64]);
        Ok(Destroyed { network, custodian: audience, source, sequence, generation, time_ms, signature })
    }

    async fn emergency(&self, from: &OrganisationId, _: EmergencyParcel) -> Result<(), VaultError> {
        self.note(Some(from), "emergency")
    }

    async fn release_emergency(
        &self,
        from: &OrganisationId,
        _: EmergencyAsk,
    ) -> Result<EmergencyRelease, VaultError> {
        self.note(Some(from), "release-emergency")?;
        Err(VaultError::Refused("there is no such event".into()))
    }

    async fn emergency_told(&self, _: EmergencyNotice) -> Result<(), VaultError> {
        self.note(None, "emergency-told")
    }

    async fn erasure_notice(&self, _: ErasureId) -> Result<ErasureNotice, VaultError> {
        self.note(None, "erasure-notice")?;
        Err(VaultError::Refused("this order to erase is not known here".into()))
    }

    async fn patient(&self, _: PatientRequest) -> Result<PatientAnswer, VaultError> {
        self.note(None, "patient")?;
        Ok(PatientAnswer::Directory(nothing()))
    }

    async fn mailbox(&self, _: SealedEnvelope) -> Result<(), VaultError> {
        self.note(None, "mailbox")
    }

    async fn proxy(&self, request: ProxyRequest) -> Result<ProxyAnswer, VaultError> {
        self.note(None, "proxy")?;
        if !request.is_by_proxy() {
            return Err(VaultError::Refused("the request's signature or key does not verify".into()));
        }
        let nothing = VersionList { versions: Vec::new().try_into().expect("few") };
        match request.body.ask {
            PatientAsk::Directory => Ok(ProxyAnswer::Keys(Box::new(SealedEnvelope {
                encapsulation: Vec::new().try_into().expect("few"),
                ciphertext: Vec::new().try_into().expect("few"),
                sender: request.body.mandate.key,
                signature: Signature([0; 64]),
            }))),
            _ => Ok(ProxyAnswer::Versions(nothing)),
        }
    }

    async fn mandate(&self, signed: &SignedMandate) -> Result<(), VaultError> {
        self.note(None, "mandate")?;
        let refused = || VaultError::Refused("the appointment was ended".into());
        (signed.is_by_owner() && !self.ended.load(Ordering::Relaxed)).then_some(()).ok_or_else(refused)
    }

    async fn ward(&self, _: &str) -> Result<Address, VaultError> {
        self.note(None, "ward")?;
        match self.refuses.load(Ordering::Relaxed) {
            true => Err(VaultError::Refused("the patient has enrolled already, with another key".into())),
            false => Ok(Address::of(&ward_key().public())),
        }
    }

    async fn appoint_for_ward(
        &self,
        _: &str,
        proxy: PublicKey,
        kem: HpkePublicKey,
        until_ms: u64,
    ) -> Result<WardAppointment, VaultError> {
        self.note(None, "appoint for ward")?;
        let one_time = SigningKey::from_seed(&[self.count("appoint for ward") as u8; 32]);
        let mandate = Mandate {
            network: NetworkId(salus_types::Digest::ZERO),
            appointment: AppointmentId::of(&one_time.public()),
            source: "hospital-a".parse().expect("id"),
            owner: Address::of(&ward_key().public()),
            proxy,
            kem_key: kem.0.to_vec().try_into().expect("a key"),
            shares: true,
            asks: true,
            expiry_ms: until_ms,
            compartments: Vec::new().try_into().expect("few"),
            salt: [1; 32],
        };
        let commitment = mandate.commitment();
        let action = Appoint { mandate: commitment, proxy, shares: true, expiry_ms: until_ms };
        Ok(WardAppointment { one_time, action, mandate: mandate.sign(&ward_key()) })
    }

    async fn ward_keys(&self, _: &str) -> Result<Vec<SigningKey>, VaultError> {
        Ok((1..=self.count("appoint for ward")).map(|n| SigningKey::from_seed(&[n as u8; 32])).collect())
    }

    async fn keys(&self, from: &OrganisationId, _: SealedEnvelope) -> Result<(), VaultError> {
        self.note(Some(from), "keys")
    }

    async fn enrol(&self, _: &str, _: PublicKey, _: HpkePublicKey) -> Result<Directory, VaultError> {
        self.note(None, "enrol")?;
        match self.refuses.load(Ordering::Relaxed) {
            true => Err(VaultError::Refused("the patient has enrolled already, with another key".into())),
            false => Ok(nothing()),
        }
    }

    async fn rekey(
        &self,
        _: &str,
        old: Option<PublicKey>,
        _: PublicKey,
        _: HpkePublicKey,
    ) -> Result<Directory, VaultError> {
        self.note(None, if old.is_some() { "rekey by the old key" } else { "rekey by the desk" })?;
        Ok(nothing())
    }

    async fn merge(&self, _: &str, _: &str, old: Option<PublicKey>) -> Result<(), VaultError> {
        self.note(None, if old.is_some() { "merge by both keys" } else { "merge by the desk" })
    }

    async fn part(&self, _: &str) -> Result<(), VaultError> {
        self.note(None, "part")
    }

    async fn queues(&self) -> Queues {
        Queues { stored: 1, sealed: 2, anchored: 3, anchor_lag_ms: 4 }
    }

    async fn custody_report(&self) -> Result<CustodyReport, VaultError> {
        let clinic = "clinic".parse().expect("id");
        let answers = Challenges { passed: 3, failed: 2, lost: 1, ..Challenges::default() };
        Ok(CustodyReport {
            challenges: [(clinic, answers)].into(),
            repaired: 4,
            kept: Kept { batches: 9, damaged: 1, ..Kept::default() },
            audit: Some(ReleaseAudit { releases: 11, mismatches: 2, ..ReleaseAudit::default() }),
        })
    }

    async fn moves(&self) -> Moves {
        let owing = "clinic".parse().expect("id");
        Moves {
            moved: 5,
            to_move: 6,
            late: 7,
            receipts: 8,
            receipts_owed: [(owing, 9)].into(),
            ..Moves::default()
        }
    }
}
