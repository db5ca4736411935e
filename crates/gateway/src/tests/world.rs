//! A hospital with a fake engine, a fake vault and a chain in memory, and callers of every role.

use crate::emergency::NoEmergencies;
use crate::engine::fake::FakeEngine;
use crate::peer::Peers;
use crate::smart::NewClient;
use crate::state::{Config, Gateway, Ports};
use crate::testing::chain::{self, FakeChain};
use crate::testing::erasures::FakeErasures;
use crate::testing::keeper::FakeKeeper;
use crate::testing::{ORIGIN, Party, genesis};
use crate::vault::{
    GivenGrant, HeldGrant, OpenedVersion, OwnProofs, ProofState, SharedAnswer, SharedAsk, SharedRecords,
    VaultError,
};
use crate::{chain::Chain as _, practitioner::Practitioner};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use salus_crypto::merkle::InclusionProof;
use salus_crypto::sign::SigningKey;
use salus_policy::Role;
use salus_types::action::{Grant, Revoke};
use salus_types::category::{Category, Purpose};
use salus_types::proof::{AnchorProof, BatchId, CertifiedHeader, RecordProof};
use salus_types::state::AnchorEntry;
use salus_types::transaction::Transaction;
use salus_types::vault::{Content, PackageHeader, SUITE_1};
use salus_types::{AccessId, CompartmentId, Digest, GrantId, VersionId};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;

/// In every resource of the patient whose chart nobody here opened.
pub(crate) const CANARY: &str = "Kanarienvogel";
/// The patient whose chart is open.
pub(crate) const PATIENT: &str = "p1";
/// Another one.
pub(crate) const OTHER: &str = "p2-kanarienvogel";

/// A vault in memory.
#[derive(Default)]
pub(crate) struct FakeVault {
    grants: Mutex<Vec<HeldGrant>>,
    versions: Mutex<HashMap<GrantId, Vec<OpenedVersion>>>,
    /// Grants over the own records.
    pub(crate) given: Mutex<Vec<GivenGrant>>,
    /// Custodians do not answer.
    pub(crate) away: AtomicBool,
    /// A version after the first is sealed, and not anchored.
    pub(crate) newest_sealed: AtomicBool,
    /// In which anchors were certified.
    pub(crate) epoch: AtomicUsize,
    /// Versions that do not come.
    pub(crate) missing: AtomicUsize,
    /// Readings, that is access events.
    pub(crate) reads: AtomicUsize,
}

impl FakeVault {
    /// What a grant reaches.
    pub(crate) fn versions_of(&self, grant: &Granted) -> Vec<VersionId> {
        let versions = self.versions.lock().expect("lock");
        versions.get(&grant.held.grant).into_iter().flatten().map(|version| version.version).collect()
    }
}

#[async_trait]
impl SharedRecords for FakeVault {
    async fn grants(&self, patient: &str) -> Result<Vec<HeldGrant>, VaultError> {
        let grants = self.grants.lock().expect("lock");
        Ok(grants.iter().filter(|grant| grant.patient == patient).cloned().collect())
    }

    async fn grant(&self, id: GrantId) -> Result<Option<HeldGrant>, VaultError> {
        Ok(self.grants.lock().expect("lock").iter().find(|grant| grant.grant == id).cloned())
    }

    async fn read(&self, ask: SharedAsk) -> Result<SharedAnswer, VaultError> {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if self.away.load(Ordering::Relaxed) {
            return Err(VaultError::Unavailable("two custodians do not answer".into()));
        }
        let versions = self.versions.lock().expect("lock");
        let versions = versions.get(&ask.grant).cloned().unwrap_or_default();
        let versions: Vec<_> =
            versions.into_iter().filter(|version| !ask.held.contains(&version.version)).collect();
        // As the vault does: nothing to read is no access event.
        let access = (!versions.is_empty()).then_some(AccessId(Digest([7; 32])));
        self.reads.fetch_add(usize::from(access.is_some()), Ordering::Relaxed);
        let accesses = access.into_iter().collect();
        Ok(SharedAnswer { accesses, versions, missing: self.missing.load(Ordering::Relaxed) as u32 })
    }

    async fn forget(&self, grant: GrantId) -> Result<(), VaultError> {
        self.versions.lock().expect("lock").remove(&grant);
        Ok(())
    }
}

#[async_trait]
impl OwnProofs for FakeVault {
    async fn proof_of(&self, _: &str, id: &str, version: Option<&str>) -> Result<ProofState, VaultError> {
        Ok(match id {
            // As the vault does: the newest sealed version where none is named.
            "anchored" if version.is_some_and(|version| version != "1") => {
                if self.newest_sealed.load(Ordering::Relaxed) {
                    ProofState::Sealed
                } else {
                    ProofState::Stored
                }
            }
            "anchored" => {
                ProofState::Anchored(Box::new(record_proof(self.epoch.load(Ordering::Relaxed) as u64)))
            }
            "sealed" => ProofState::Sealed,
            _ => ProofState::Stored,
        })
    }

    async fn grants_over(&self, _: &str) -> Result<Vec<GivenGrant>, VaultError> {
        Ok(self.given.lock().expect("lock").clone())
    }
}

/// A proof whose block was certified in an epoch.
fn record_proof(epoch: u64) -> RecordProof {
    let batch = BatchId { organisation: "hospital-a".parse().expect("id"), sequence: 0 };
    let entry = AnchorEntry { batch_root: Digest::ZERO, size_class: 0, height: 0, time_ms: 0 };
    RecordProof {
        package: PackageHeader {
            suite: SUITE_1,
            compartment: CompartmentId(Digest::ZERO),
            epoch: 0,
            version: VersionId(Digest::ZERO),
            content: Content::Fhir,
            key_commitment: [0; 32],
        },
        ciphertext_digest: Digest::ZERO,
        plaintext_digest: Digest::ZERO,
        r: [0; 64],
        batch_path: InclusionProof { index: 0, size: 1, path: Vec::new() },
        anchor: AnchorProof { batch, entry, proof: Vec::new().try_into().expect("none") },
        block: CertifiedHeader {
            headers: vec![chain::header(salus_types::NetworkId(Digest::ZERO), epoch)]
                .try_into()
                .expect("one"),
            certificate: Vec::new().try_into().expect("none"),
        },
    }
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The code of a refusal, on FHIR routes and others.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        let fhir = json["issue"][0]["details"]["coding"][0]["code"].as_str();
        fhir.or(json["error"].as_str()).unwrap_or_default().to_owned()
    }
}

/// Whether an answer is an OperationOutcome with a code and diagnostics.
pub(crate) fn is_outcome(answer: &Answer) -> bool {
    let kind = answer
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/fhir+json"));
    let json = answer.json();
    let issue = &json["issue"][0];
    kind && json["resourceType"] == "OperationOutcome"
        && issue["code"].is_string()
        && issue["diagnostics"].is_string()
}

/// The hospital.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) engine: FakeEngine,
    pub(crate) chain: Arc<FakeChain>,
    pub(crate) vault: Arc<FakeVault>,
    pub(crate) erasures: Arc<FakeErasures>,
    pub(crate) keeper: Arc<FakeKeeper>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_engine(true).await
    }

    /// A hospital with another configuration.
    pub(crate) async fn changed(change: impl FnOnce(&mut Config)) -> Self {
        Self::made(true, change).await
    }

    pub(crate) async fn with_engine(running: bool) -> Self {
        Self::made(running, |_| {}).await
    }

    async fn made(running: bool, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let party = Party::new("hospital-a");
        let other = Party::new("hospital-b");
        let genesis = genesis(&[(&party, "https://127.0.0.1:1"), (&other, "https://127.0.0.1:2")]);
        let engine = FakeEngine::default();
        let mut config = Config::new(party.id.clone(), folder.path().join("gateway"), ORIGIN);
        config.demo_http = true;
        config.engine = if running {
            engine.start(folder.path())
        } else {
            crate::engine::EngineAddress::Socket(folder.path().join("nobody.sock"))
        };
        change(&mut config);
        let chain = Arc::new(FakeChain::new(&genesis));
        let vault = Arc::new(FakeVault::default());
        let erasures = Arc::new(FakeErasures::default());
        let keeper = Arc::new(FakeKeeper::default());
        let ports = Ports {
            chain: chain.clone(),
            shared: vault.clone(),
            proofs: vault.clone(),
            emergencies: Arc::new(NoEmergencies),
            erasures: erasures.clone(),
            outbox: crate::engine::OutboxReaders::default(),
            keeper: keeper.clone(),
            peers: Peers::new(chain.clone(), &party.id, &party.tls).expect("peers"),
            kem: party.kem.clone(),
            storage: Arc::new(salus_crypto::Secret32::random()),
        };
        let gateway = Gateway::open(config, genesis, party.key.clone(), ports).expect("gateway");
        let world = Self { gateway, engine, chain, vault, erasures, keeper, _folder: folder };
        world.populate().await;
        world
    }

    /// The same hospital after its node was stopped and started again: the folder stays, and no memory.
    pub(crate) async fn restarted(self) -> Self {
        let Self { gateway, engine, chain, vault, erasures, keeper, _folder } = self;
        let (config, genesis) = (gateway.config.clone(), gateway.genesis.clone());
        let (key, ports) = (gateway.key.clone(), gateway.ports.clone());
        gateway.log.flush().await;
        drop(gateway);
        // The log's thread and a last task still hold the database for a moment.
        let mut opened = None;
        for _ in 0..100_000 {
            opened = Gateway::open(config.clone(), genesis.clone(), key.clone(), ports.clone()).ok();
            if opened.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let gateway = opened.expect("the database is free again");
        Self { gateway, engine, chain, vault, erasures, keeper, _folder }
    }

    async fn populate(&self) {
        for (id, name, role) in [
            ("dr-bo", "Dr Bo", Role::Clinician),
            ("dr-cy", "Dr Cy", Role::Clinician),
            ("front-desk", "Fran", Role::Clerk),
            ("root", "Sten", Role::Steward),
        ] {
            let organisation = &self.gateway.config.organisation;
            self.gateway.practitioners.register(organisation, id, name, role).await.expect("practitioner");
        }
        for (id, may_assert_users) in [("lab", false), ("ehr", true)] {
            let client = NewClient {
                id: id.into(),
                name: id.into(),
                jwks: crate::smart::testing::jwks(),
                scopes: "system/*.cruds user/*.cruds patient/*.cruds".into(),
                may_assert_users,
            };
            self.gateway.smart.clients.register(client).await.expect("client");
        }
        for (patient, family) in [(PATIENT, "Own"), (OTHER, CANARY)] {
            self.engine.keep(
                Some(patient),
                json!({ "resourceType": "Patient", "id": patient, "name": [{ "family": family }] }),
            );
        }
        for (id, patient, text) in [
            ("o1", PATIENT, "fine"),
            ("o2", OTHER, CANARY),
            ("anchored", PATIENT, "x"),
            ("sealed", PATIENT, "x"),
        ] {
            self.engine.keep(
                Some(patient),
                json!({
                    "resourceType": "Observation", "id": id, "valueString": text,
                    "subject": { "reference": format!("Patient/{patient}") },
                }),
            );
        }
        self.engine.keep(
            Some(PATIENT),
            json!({
                "resourceType": "Binary", "id": "doc", "contentType": "text/plain", "data": "aGVsbG8=",
                "securityContext": { "reference": format!("Patient/{PATIENT}") },
            }),
        );
        self.engine.keep(None, json!({ "resourceType": "Organization", "id": "org", "name": "Ward" }));
    }

    /// A token for a system with these scopes.
    pub(crate) fn system(&self, scopes: &str) -> String {
        self.gateway.smart.testing_token("lab", scopes, None, None)
    }

    /// A token on behalf of somebody, for one patient.
    pub(crate) fn on_behalf(&self, who: &str, patient: &str, purpose: Purpose) -> String {
        let on_behalf = crate::smart::OnBehalf {
            practitioner: who.into(),
            purpose,
            reason: "follow-up of blood pressure".into(),
        };
        self.gateway.smart.testing_token("ehr", "user/*.cruds", Some(patient), Some(on_behalf))
    }

    /// The clinician with the open chart.
    pub(crate) fn clinician(&self) -> String {
        self.on_behalf("dr-bo", PATIENT, Purpose::Treatment)
    }

    pub(crate) fn practitioner(&self, id: &str) -> Practitioner {
        self.gateway.practitioners.find(id).expect("store").expect("practitioner")
    }

    /// Sends a request through the public router with all its layers.
    pub(crate) async fn ask(&self, token: Option<&str>, method: &str, path: &str, body: &str) -> Answer {
        let method: Method = method.parse().expect("method");
        let kind = if path.contains("_search") || path.starts_with("/smart") {
            "application/x-www-form-urlencoded"
        } else {
            "application/fhir+json"
        };
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send(request.body(Body::from(body.to_owned())).expect("request")).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let router = crate::edge::wrap(crate::public_router(self.gateway.clone()), &self.gateway.config);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (parts, body) = router.oneshot(request).await.expect("answer").into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.expect("body");
        super::openapi::conforms(method.as_str(), &path, parts.status.as_u16(), &bytes);
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(Some(token), "GET", path, "").await
    }

    /// A patient's grant to this hospital: on the ledger, with its letter, and with records behind it.
    pub(crate) async fn grant(&self, change: impl FnOnce(&mut HeldGrant)) -> Granted {
        let key = SigningKey::generate();
        let mut held = HeldGrant {
            grant: GrantId::of(&key.public()),
            source: "hospital-b".parse().expect("id"),
            patient: PATIENT.into(),
            purpose: Purpose::Treatment,
            not_before_ms: 0,
            expiry_ms: crate::clock::now_ms() + 3_600_000,
            categories: vec![Category::Labs],
            practitioner: None,
        };
        change(&mut held);
        let granted = Granted { key, held };
        let (terms, scope, expiry_ms) = (Digest::ZERO, Digest::ZERO, granted.held.expiry_ms);
        self.sign(&granted.key, Grant { terms, scope, expiry_ms }).await;
        self.vault.grants.lock().expect("lock").push(granted.held.clone());
        granted
    }

    /// Custodians do not have these any more.
    pub(crate) fn custodians_erased(&self, grant: &Granted, gone: &[VersionId]) {
        let mut versions = self.vault.versions.lock().expect("lock");
        versions.entry(grant.held.grant).or_default().retain(|version| !gone.contains(&version.version));
    }

    /// Records behind a grant.
    pub(crate) fn behind(&self, grant: &Granted, texts: &[&str]) {
        let mut all = self.vault.versions.lock().expect("lock");
        let versions = all.entry(grant.held.grant).or_default();
        versions.extend(texts.iter().map(|text| OpenedVersion {
            version: VersionId(Digest(salus_crypto::random::bytes())),
            category: Category::Labs,
            content: if text.contains("\"valueString\"") || text.contains("Patient\"") {
                Content::Fhir
            } else {
                Content::Deleted
            },
            text: bytes::Bytes::copy_from_slice(text.as_bytes()),
            proof: Box::new(record_proof(self.vault.epoch.load(Ordering::Relaxed) as u64)),
        }));
    }

    /// Takes the letter of a grant away: this hospital knows of none.
    pub(crate) fn withdraw_letter(&self, grant: &Granted) {
        self.vault.grants.lock().expect("lock").retain(|held| held.grant != grant.held.grant);
    }

    pub(crate) async fn revoke(&self, grant: &Granted) {
        self.sign(&grant.key, Revoke { grant: grant.held.grant }).await;
    }

    async fn sign(&self, key: &SigningKey, action: impl Into<salus_types::action::Action>) {
        let transaction = Transaction::sign(self.gateway.network, key, 1_000, action);
        self.chain.submit(transaction).expect("submitted");
    }
}

/// A grant and its one-time key.
pub(crate) struct Granted {
    pub(crate) key: SigningKey,
    pub(crate) held: HeldGrant,
}

/// An observation of hospital-b.
pub(crate) fn observation(id: &str, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","meta":{{"versionId":"3","profile":["http://p"]}},"status":"final","subject":{{"reference":"Patient/there-1"}},"encounter":{{"reference":"Encounter/e9"}},"hasMember":[{{"reference":"Observation/b-2"}}],"valueString":"{value}","referenceRange":[{{"low":{{"value":1.10}}}}]}}"#
    )
}
