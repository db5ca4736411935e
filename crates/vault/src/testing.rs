//! A network of four organisations in one process: Hospital A and B and a regulator keep packages, an insurer does not.

use crate::ledger::{Finalised, Ledger, LedgerError, LedgerTime};
use crate::node::Node;
use crate::outbox::{Outbox, OutboxError, OutboxRow};
use crate::patient::{self, OpenCompartment, Root};
use crate::peers::{PeerError, Peers};
use crate::source::SourceConfig;
use crate::vault::{Vault, VaultConfig};
use async_trait::async_trait;
use commonware_codec::Encode as _;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::{Digest, Secret32, merkle};
use salus_types::action::Action;
use salus_types::block::Header;
use salus_types::category::{Category, Purpose};
use salus_types::organisation::{Class, Organisation};
use salus_types::proof::{CertifiedHeader, TransactionProof};
use salus_types::state::{AccessEntry, AnchorEntry, GrantEntry, StateKey, key};
use salus_types::transaction::Transaction;
use salus_types::vault::*;
use salus_types::{
    Bounded, GrantId, NetworkId, OrganisationId, PublicKey, SigningKey, Text, decode_canonical,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

pub(crate) const NETWORK: NetworkId = NetworkId(Digest([7; 32]));
pub(crate) const DAY_MS: u64 = 86_400_000;
pub(crate) const START_MS: u64 = 1_800_000_000_000;

pub(crate) fn id(name: &str) -> OrganisationId {
    name.parse().expect("a short name")
}

struct Keys {
    signing: [u8; 32],
    kem: Secret32,
}

/// State shared by all nodes: what is final.
#[derive(Default)]
pub(crate) struct Final {
    state: HashMap<StateKey, Vec<u8>>,
    anchors: HashMap<(OrganisationId, u64), TransactionProof>,
    height: u64,
    time_ms: u64,
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) organisations: Vec<Organisation>,
    keys: BTreeMap<OrganisationId, Keys>,
    pub(crate) ledger: Mutex<Final>,
    pub(crate) clock: AtomicU64,
    pub(crate) stalled: Mutex<bool>,
    pub(crate) vaults: Mutex<BTreeMap<OrganisationId, Arc<Vault>>>,
    pub(crate) away: Mutex<HashSet<OrganisationId>>,
    /// Changes what a custodian releases.
    pub(crate) tamper: Mutex<Option<(OrganisationId, Tamper)>>,
    pub(crate) submitted: AtomicU64,
    pub(crate) versions_per_event: AtomicU64,
    pub(crate) outbox: Arc<FakeOutbox>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tamper {
    Ciphertext,
    Path,
    Shares,
    Sender,
}

fn organisation(name: &str, class: Class, custodian: bool, keys: &Keys) -> Organisation {
    Organisation {
        id: id(name),
        name: Text::new(name).expect("short"),
        class,
        validator: true,
        custodian,
        node_key: SigningKey::from_seed(&keys.signing).public(),
        kem_key: Bounded::new(HpkePrivateKey::from_seed(&keys.kem).public().0.to_vec()).expect("1216"),
        tls_certificate: Digest::ZERO,
        ledger_address: Text::default(),
        peer_url: Text::default(),
        portal_url: Text::default(),
    }
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(&[
            ("hospital-a", Class::Provider, true),
            ("hospital-b", Class::Provider, true),
            ("insurer", Class::Payer, false),
            ("regulator", Class::Regulator, true),
        ])
    }

    pub(crate) fn with(members: &[(&str, Class, bool)]) -> Arc<Self> {
        let mut keys = BTreeMap::new();
        let mut organisations = Vec::new();
        for (at, (name, class, custodian)) in members.iter().enumerate() {
            let own = Keys { signing: [at as u8 + 1; 32], kem: Secret32::from_bytes(&[at as u8 + 101; 32]) };
            organisations.push(organisation(name, *class, *custodian, &own));
            keys.insert(id(name), own);
        }
        Arc::new(Self {
            folder: tempfile::tempdir().expect("a folder"),
            organisations,
            keys,
            ledger: Mutex::new(Final { height: 1, time_ms: START_MS, ..Final::default() }),
            clock: AtomicU64::new(START_MS),
            stalled: Mutex::default(),
            vaults: Mutex::default(),
            away: Mutex::default(),
            tamper: Mutex::default(),
            submitted: AtomicU64::new(0),
            versions_per_event: AtomicU64::new(2_048),
            outbox: Arc::default(),
        })
    }

    pub(crate) fn member(&self, name: &str) -> &Organisation {
        self.organisations.iter().find(|organisation| organisation.id == id(name)).expect("a member")
    }

    pub(crate) fn signing(&self, name: &str) -> SigningKey {
        SigningKey::from_seed(&self.keys[&id(name)].signing)
    }

    pub(crate) fn kem(&self, name: &str) -> HpkePrivateKey {
        HpkePrivateKey::from_seed(&self.keys[&id(name)].kem)
    }

    pub(crate) fn entry<T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode>(
        &self,
        key: StateKey,
    ) -> Option<T> {
        let ledger = self.ledger.lock().expect("unpoisoned");
        ledger.state.get(&key).map(|entry| decode_canonical(entry).expect("an entry"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(self: &Arc<Self>, folder: PathBuf) -> VaultConfig {
        let world = Arc::downgrade(self);
        let mut config = VaultConfig::new(folder, Secret32::from_bytes(&[9; 32]));
        config.clock =
            Arc::new(move || world.upgrade().map_or(START_MS, |world| world.clock.load(Ordering::Relaxed)));
        config.source = SourceConfig {
            batch_versions_max: 64,
            batch_quiet: Duration::from_millis(5),
            batch_age_max: Duration::from_millis(20),
            retry_first: Duration::from_millis(5),
            retry_max: Duration::from_millis(40),
            third_custodian_grace: Duration::from_millis(100),
            grant_sweep: Duration::from_millis(50),
            ..SourceConfig::default()
        };
        config.reader.versions_per_event_max = self.versions_per_event.load(Ordering::Relaxed) as usize;
        config.reader.refusal_patience = Duration::from_millis(50);
        config.reader.refusal_pause = Duration::from_millis(10);
        config
    }

    /// Opens a vault in a folder without making it reachable. A former one in this process may still be closing.
    pub(crate) fn open_in(
        self: &Arc<Self>,
        name: &str,
        folder: PathBuf,
    ) -> Result<Arc<Vault>, crate::VaultError> {
        let keys = &self.keys[&id(name)];
        let outbox = (name == "hospital-a").then(|| self.outbox.clone() as Arc<dyn Outbox>);
        for _ in 0..200 {
            let node = Node {
                network: NETWORK,
                organisation: id(name),
                signing: SigningKey::from_seed(&keys.signing),
                kem: HpkePrivateKey::from_seed(&keys.kem),
            };
            let side = Arc::new(Side { world: Arc::downgrade(self), me: id(name) });
            let opened = Vault::open(node, self.config(folder.clone()), side.clone(), side, outbox.clone());
            match opened {
                Err(crate::VaultError::Store(crate::StoreError::Tables(error)))
                    if matches!(*error, redb::Error::DatabaseAlreadyOpen) =>
                {
                    #[expect(clippy::disallowed_methods, reason = "a test waits for a thread to end")]
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => return opened.map(Arc::new),
            }
        }
        panic!("a former vault does not close");
    }

    /// Opens a vault and makes it reachable.
    pub(crate) fn open(self: &Arc<Self>, name: &str) -> Arc<Vault> {
        let vault = self.open_in(name, self.path(name)).expect("a vault");
        self.vaults.lock().expect("unpoisoned").insert(id(name), vault.clone());
        vault
    }

    pub(crate) fn vault(&self, name: &str) -> Option<Arc<Vault>> {
        self.vaults.lock().expect("unpoisoned").get(&id(name)).cloned()
    }

    pub(crate) fn open_all(self: &Arc<Self>) {
        for organisation in &self.organisations {
            self.open(organisation.id.as_str());
        }
    }

    pub(crate) fn away(&self, names: &[&str]) {
        *self.away.lock().expect("unpoisoned") = names.iter().map(|name| id(name)).collect();
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.ledger.lock().expect("unpoisoned").time_ms += ms;
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn time_ms(&self) -> u64 {
        self.ledger.lock().expect("unpoisoned").time_ms
    }

    /// What the contracts would do, as far as the vault depends on it.
    pub(crate) fn apply(&self, signer: &PublicKey, action: &Action) -> Result<Finalised, LedgerError> {
        let mut ledger = self.ledger.lock().expect("unpoisoned");
        ledger.height += 1;
        ledger.time_ms += 1;
        let (height, time_ms) = (ledger.height, ledger.time_ms);
        let reject = |why: &str| Err(LedgerError::Rejected(why.to_owned()));
        let at = match action {
            Action::Anchor(anchor) => {
                let at = key::anchor(&anchor.organisation, anchor.sequence);
                if ledger.state.contains_key(&at) {
                    return reject("the anchor exists");
                }
                let entry = AnchorEntry {
                    batch_root: anchor.batch_root,
                    size_class: anchor.size_class,
                    height,
                    time_ms,
                };
                ledger.state.insert(at, entry.encode().to_vec());
                let proof = self.proof(action, height);
                ledger.anchors.insert((anchor.organisation.clone(), anchor.sequence), proof);
                at
            }
            Action::Grant(grant) => {
                let at = key::grant(&GrantId::of(signer));
                let entry = GrantEntry {
                    terms: grant.terms,
                    scope: grant.scope,
                    expiry_ms: grant.expiry_ms,
                    height,
                    revoked: None,
                    accesses: 0,
                };
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            Action::Revoke(revoke) => {
                let at = key::grant(&revoke.grant);
                let mut entry: GrantEntry = decode_canonical(&ledger.state[&at]).expect("an entry");
                entry.revoked = Some(height);
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            Action::Access(access) => {
                let Some(grant) = ledger.state.get(&key::grant(&access.grant)) else {
                    return reject("unknown grant");
                };
                let grant: GrantEntry = decode_canonical(grant).expect("an entry");
                if !grant.is_live(time_ms) {
                    return reject("the grant is dead");
                }
                let who = self.organisations.iter().find(|organisation| organisation.node_key == *signer);
                let entry = AccessEntry {
                    grant: access.grant,
                    organisation: who.expect("a member").id.clone(),
                    purpose: access.purpose,
                    versions_root: access.versions_root,
                    count: access.count,
                    practitioner: access.practitioner,
                    height,
                    time_ms,
                };
                let at = key::access(&access.id(signer));
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            _ => return reject("not part of this test"),
        };
        self.submitted.fetch_add(1, Ordering::Relaxed);
        Ok(Finalised { id: salus_types::TransactionId(Digest::ZERO), height, time_ms, entry: at })
    }

    /// A proof with a right path and no certificate, which is the verifier's business.
    fn proof(&self, action: &Action, height: u64) -> TransactionProof {
        let transaction = Transaction::sign(NETWORK, &self.signing("hospital-a"), 0, action.clone());
        let leaves = [merkle::leaf_hash(transaction.encode())];
        let zero = Digest::ZERO;
        let header = Header {
            version: 1,
            network: NETWORK,
            height,
            time_ms: 0,
            parent: zero,
            epoch: 0,
            view: 0,
            parent_view: 0,
            leader: PublicKey([0; 32]),
            transactions_root: merkle::root_of_leaf_hashes(&leaves),
            transactions: 1,
            receipts_root: zero,
            state_root: zero,
            sync_root: zero,
            sync_start: 0,
            sync_end: 0,
            next_validators: zero,
        };
        let headers = Bounded::new(vec![header]).expect("one");
        TransactionProof {
            transaction,
            path: merkle::prove(&leaves, 0).expect("a leaf"),
            block: CertifiedHeader { headers, certificate: Bounded::default() },
        }
    }

    pub(crate) fn put_anchor(&self, sequence: u64, root: Digest) {
        let entry = AnchorEntry { batch_root: root, size_class: 0, height: 1, time_ms: START_MS };
        let at = key::anchor(&id("hospital-a"), sequence);
        self.ledger.lock().expect("unpoisoned").state.insert(at, entry.encode().to_vec());
    }

    pub(crate) fn access_entry(&self, access: &salus_types::AccessId) -> Option<AccessEntry> {
        let ledger = self.ledger.lock().expect("unpoisoned");
        ledger.state.get(&key::access(access)).map(|entry| decode_canonical(entry).expect("an entry"))
    }

    pub(crate) fn height(&self) -> u64 {
        self.ledger.lock().expect("unpoisoned").height
    }

    /// Runs the source until all rows of the outbox are anchored and all custodians served.
    pub(crate) async fn settle(self: &Arc<Self>) {
        let vault = self.vault("hospital-a").expect("open");
        let running = vault.clone();
        let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
        for _ in 0..2_000 {
            let status = vault.source.as_ref().expect("a source").status().await.expect("a status");
            let cursor = self.outbox.last();
            if status.outbox_cursor >= cursor && status.open_batches == 0 && status.parcels == 0 {
                run.abort();
                let _ = run.await;
                return;
            }
            assert!(!run.is_finished(), "the source stopped: {:?}", run.await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the source does not settle");
    }
}

/// One organisation's view of ledger and peers.
pub(crate) struct Side {
    world: std::sync::Weak<World>,
    me: OrganisationId,
}

impl Side {
    fn world(&self) -> Arc<World> {
        self.world.upgrade().expect("the world stands")
    }

    fn reach(&self, to: &OrganisationId) -> Result<Arc<Vault>, PeerError> {
        let world = self.world();
        if world.away.lock().expect("unpoisoned").contains(to) {
            return Err(PeerError::Unavailable);
        }
        world.vault(to.as_str()).ok_or(PeerError::Unavailable)
    }
}

#[async_trait]
impl Ledger for Side {
    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.world().ledger.lock().expect("unpoisoned").state.get(&key).cloned())
    }

    fn now(&self) -> LedgerTime {
        let world = self.world();
        let ledger = world.ledger.lock().expect("unpoisoned");
        LedgerTime { height: ledger.height, time_ms: ledger.time_ms }
    }

    async fn submit_and_wait(&self, action: Action) -> Result<Finalised, LedgerError> {
        let world = self.world();
        if *world.stalled.lock().expect("unpoisoned") {
            return Err(LedgerError::Unavailable);
        }
        world.apply(&world.signing(self.me.as_str()).public(), &action)
    }

    async fn anchor_proof(
        &self,
        organisation: &OrganisationId,
        sequence: u64,
    ) -> Result<Option<TransactionProof>, LedgerError> {
        let world = self.world();
        let ledger = world.ledger.lock().expect("unpoisoned");
        Ok(ledger.anchors.get(&(organisation.clone(), sequence)).cloned())
    }

    fn organisations(&self) -> Vec<Organisation> {
        self.world().organisations.clone()
    }
}

fn refused(error: impl std::fmt::Display) -> PeerError {
    PeerError::Refused(error.to_string())
}

#[async_trait]
impl Peers for Side {
    async fn put_custody(&self, to: &OrganisationId, batch: CustodyBatch) -> Result<(), PeerError> {
        self.reach(to)?.custodian.accept_batch(&self.me, batch).await.map_err(refused)
    }

    async fn put_compartments(
        &self,
        to: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), PeerError> {
        self.reach(to)?.custodian.accept_compartments(&self.me, records).await.map_err(refused)
    }

    async fn put_link(&self, to: &OrganisationId, link: PatientLink) -> Result<(), PeerError> {
        self.reach(to)?.custodian.accept_link(&self.me, link).await.map_err(refused)
    }

    async fn put_keys(&self, to: &OrganisationId, keys: SealedEnvelope) -> Result<(), PeerError> {
        self.reach(to)?.mailbox.receive_keys(&self.me, keys).await.map_err(refused)
    }

    async fn versions(&self, to: &OrganisationId, ask: ReleaseAsk) -> Result<VersionList, PeerError> {
        self.reach(to)?.custodian.versions_for_grant(&self.me, &ask).await.map_err(refused)
    }

    async fn release(&self, to: &OrganisationId, ask: ReleaseForGrant) -> Result<Release, PeerError> {
        let release = self.reach(to)?.custodian.release_for_grant(&self.me, &ask).await;
        let mut release = release.map_err(refused)?;
        let world = self.world();
        let tamper = world.tamper.lock().expect("unpoisoned").clone();
        if let Some((_, how)) = tamper.filter(|(who, _)| who == to) {
            world.corrupt(&mut release, how, to, &self.me, ask.packages);
        }
        Ok(release)
    }
}

impl World {
    fn corrupt(
        &self,
        release: &mut Release,
        how: Tamper,
        from: &OrganisationId,
        to: &OrganisationId,
        packages: bool,
    ) {
        let mut versions = std::mem::take(&mut release.versions).into_inner();
        match how {
            Tamper::Ciphertext => versions.iter_mut().for_each(|released| {
                let mut bytes = released.package.ciphertext.to_vec();
                bytes[70] ^= 1;
                released.package.ciphertext = Bounded::new(bytes).expect("as long");
            }),
            Tamper::Path => versions.iter_mut().for_each(|released| released.path.index ^= 1),
            Tamper::Sender => release.shares.sender = PublicKey([3; 32]),
            Tamper::Shares => {
                let _ = packages;
                let key = HpkePrivateKey::from_seed(&self.keys[to].kem);
                let label = salus_types::label::HPKE_RELEASE;
                let sender = self.member(from.as_str()).node_key;
                let plain = crate::open_envelope(&release.shares, &sender, &key, label, &NETWORK);
                let shares: Bounded<ReleasedShare, VERSIONS_PER_REQUEST_MAX> =
                    decode_canonical(&plain.expect("opens")).expect("shares");
                let mut shares = shares.into_inner();
                shares.iter_mut().for_each(|share| share.value[0] ^= 1);
                let shares: Bounded<ReleasedShare, VERSIONS_PER_REQUEST_MAX> =
                    Bounded::new(shares).expect("as many");
                let signing = self.signing(from.as_str());
                let kem = &self.member(to.as_str()).kem_key;
                release.shares =
                    crate::seal_envelope(&signing, kem, label, &NETWORK, &shares.encode()).expect("sealed");
            }
        }
        release.versions = Bounded::new(versions).expect("as many");
    }
}

/// The engine's outbox: it survives crashes of the vault.
#[derive(Default)]
pub(crate) struct FakeOutbox {
    rows: Mutex<Vec<OutboxRow>>,
    acked: AtomicU64,
    new: Notify,
}

impl FakeOutbox {
    pub(crate) fn push(
        &self,
        resource_type: &str,
        name: &str,
        version: &str,
        patient: Option<&str>,
        rest: &str,
    ) {
        let mut rows = self.rows.lock().expect("unpoisoned");
        let seq = rows.last().map_or(1, |row| row.seq + 2);
        rows.push(OutboxRow {
            seq,
            resource_type: resource_type.to_owned(),
            id: name.to_owned(),
            version: version.to_owned(),
            deleted: false,
            patient: patient.map(str::to_owned),
            resource: format!(r#"{{"resourceType":"{resource_type}","id":"{name}"{rest}}}"#),
        });
        drop(rows);
        self.new.notify_waiters();
    }

    pub(crate) fn push_deleted(&self, resource_type: &str, name: &str, version: &str, patient: &str) {
        self.push(resource_type, name, version, Some(patient), r#","note":"secret""#);
        self.rows.lock().expect("unpoisoned").last_mut().expect("pushed").deleted = true;
    }

    pub(crate) fn observations(&self, patient: &str, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let rest =
                format!(r#","category":[{{"coding":[{{"code":"laboratory"}}]}}],"valueInteger":{number}"#);
            self.push("Observation", &format!("o{number}"), "1", Some(patient), &rest);
        }
    }

    pub(crate) fn rows(&self) -> Vec<OutboxRow> {
        self.rows.lock().expect("unpoisoned").clone()
    }

    pub(crate) fn last(&self) -> u64 {
        self.rows.lock().expect("unpoisoned").last().map_or(0, |row| row.seq)
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Outbox for FakeOutbox {
    async fn next(&self, after: u64, limit: usize) -> Result<Vec<OutboxRow>, OutboxError> {
        let rows = self.rows.lock().expect("unpoisoned");
        Ok(rows.iter().filter(|row| row.seq > after).take(limit).cloned().collect())
    }

    async fn wait(&self, after: u64) {
        let new = self.new.notified();
        if self.last() <= after {
            new.await;
        }
    }

    async fn ack(&self, up_to: u64) -> Result<(), OutboxError> {
        self.acked.fetch_max(up_to, Ordering::Relaxed);
        Ok(())
    }
}

/// A patient of Hospital A.
pub(crate) struct Person {
    pub(crate) root: Root,
    pub(crate) compartments: Vec<OpenCompartment>,
}

impl World {
    pub(crate) async fn enrol(self: &Arc<Self>, patient: &str) -> Person {
        let root = Root::from_bytes(&[patient.len() as u8; 32]);
        let pairwise = root.at(&id("hospital-a"));
        let source = self.vault("hospital-a").expect("open").source.clone().expect("a source");
        let directory = source
            .enrol_patient(patient, pairwise.signing.public(), &pairwise.kem.public().0)
            .await
            .expect("enrolled");
        let found = patient::open_directories(&pairwise, &NETWORK, self.member("hospital-a"), &[directory]);
        assert_eq!(found.rejected, 0);
        Person { root, compartments: found.compartments }
    }

    pub(crate) fn make_grant(
        &self,
        person: &Person,
        counter: u32,
        change: impl Fn(&mut GrantWish),
    ) -> patient::NewGrant {
        let mut wish = GrantWish {
            grantee: "hospital-b",
            purpose: Purpose::Treatment,
            from: self.time_ms() - 1,
            to: self.time_ms() + 30 * DAY_MS,
            categories: vec![Category::Labs],
            future: true,
            practitioner: None,
        };
        change(&mut wish);
        let chosen: Vec<_> = person
            .compartments
            .iter()
            .filter(|opened| wish.categories.contains(&opened.category))
            .cloned()
            .collect();
        let ask = patient::GrantAsk {
            network: NETWORK,
            source: self.member("hospital-a"),
            grantee: self.member(wish.grantee),
            counter,
            purpose: wish.purpose,
            not_before_ms: wish.from,
            expiry_ms: wish.to,
            compartments: &chosen,
            future: wish.future,
            practitioner: wish.practitioner,
            patient: "pat-b",
        };
        patient::make_grant(&person.root, &ask).expect("a grant")
    }

    /// Grants, sends letter and notice.
    pub(crate) async fn grant(
        &self,
        person: &Person,
        counter: u32,
        change: impl Fn(&mut GrantWish),
    ) -> patient::NewGrant {
        let grant = self.make_grant(person, counter, change);
        self.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
        let to = self.vault(grant.terms.grantee.as_str()).expect("open");
        to.mailbox.receive(grant.letter.clone()).await.expect("taken");
        let source = self.vault("hospital-a").expect("open");
        source.mailbox.receive(grant.notice.clone()).await.expect("taken");
        grant
    }

    pub(crate) fn revoke(&self, grant: &patient::NewGrant) {
        let revoke = salus_types::action::Revoke { grant: grant.grant };
        self.apply(&grant.one_time.public(), &revoke.into()).expect("final");
    }
}

pub(crate) struct GrantWish {
    pub(crate) grantee: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) categories: Vec<Category>,
    pub(crate) future: bool,
    pub(crate) practitioner: Option<Digest>,
}
