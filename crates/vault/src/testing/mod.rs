//! A network of four organisations in one process: Hospital A and B and a regulator keep packages, an insurer does not.

mod contracts;
mod crash;
pub(crate) mod disk;
mod mutate;
mod outbox;
mod person;
mod side;

pub(crate) use crash::crash;
pub(crate) use mutate::{Counts, mutate_every_byte};
pub(crate) use outbox::FakeOutbox;
pub(crate) use person::{GrantWish, Person};
use side::Side;

use crate::ledger::{Finalised, Ledger, LedgerError, LedgerTime};
use crate::node::Node;
use crate::outbox::{Outbox, OutboxError, OutboxRow};
use crate::patient::{self, OpenCompartment, Root};
use crate::peers::{PeerError, Peers};
use crate::source::SourceConfig;
use crate::suite::{self, Suite};
use crate::vault::{Vault, VaultConfig};
use async_trait::async_trait;
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::{Digest, Secret32};
use salus_types::action::Action;
use salus_types::category::{Category, Purpose};
use salus_types::organisation::{Class, Organisation};
use salus_types::proof::{AnchorProof, AnchorProofs, BatchId, CertifiedHeader};
use salus_types::state::{AccessEntry, AnchorEntry, GrantEntry, StateKey, key};
use salus_types::vault::*;
use salus_types::{
    AccessId, Bounded, ErasureId, GrantId, NetworkId, OrganisationId, PublicKey, SigningKey, Text,
    decode_canonical,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

pub(crate) const NETWORK: NetworkId = NetworkId(Digest([7; 32]));
const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const DAY_MS: u64 = 86_400_000;
pub(crate) const START_MS: u64 = 1_800_000_000_000;

pub(crate) fn id(name: &str) -> OrganisationId {
    name.parse().expect("a short name")
}

#[derive(Clone)]
struct Keys {
    signing: [u8; 32],
    kem: Secret32,
    former_kem: Option<Secret32>,
}

/// State shared by all nodes: what is final.
#[derive(Default)]
pub(crate) struct Final {
    state: HashMap<StateKey, Vec<u8>>,
    accesses: Vec<AccessId>,
    height: u64,
    pub(crate) time_ms: u64,
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    /// Everyone who ever is a member.
    pub(crate) organisations: Vec<Organisation>,
    /// The members now, as the ledger has them.
    pub(crate) members: Mutex<Vec<Organisation>>,
    keys: Mutex<BTreeMap<OrganisationId, Keys>>,
    pub(crate) ledger: Mutex<Final>,
    pub(crate) clock: AtomicU64,
    pub(crate) stalled: Mutex<bool>,
    pub(crate) vaults: Mutex<BTreeMap<OrganisationId, Arc<Vault>>>,
    pub(crate) away: Mutex<HashSet<OrganisationId>>,
    pub(crate) hangs: Mutex<HashSet<OrganisationId>>,
    /// Changes what a custodian releases.
    pub(crate) tamper: Mutex<Option<(OrganisationId, Tamper)>>,
    /// Who told a source of an emergency.
    pub(crate) told: Mutex<Vec<OrganisationId>>,
    /// Holders that released for an event, and whether it was final then.
    pub(crate) released: Mutex<Vec<(OrganisationId, bool)>>,
    pub(crate) submitted: AtomicU64,
    /// Submissions that a stalled ledger did not take, and requests that nobody answered.
    pub(crate) refused: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) versions_per_event: AtomicU64,
    pub(crate) batch_versions: AtomicU64,
    /// In which vaults that are opened from now on seal.
    pub(crate) suite: Mutex<&'static Suite>,
    /// Whether vaults that are opened from now on challenge and check all the time; otherwise never by themselves.
    pub(crate) watchful: AtomicBool,
    pub(crate) repair_pause_ms: AtomicU64,
    /// What a custodian answered to a source first, which one that replays gives again.
    pub(crate) replays: Mutex<HashMap<OrganisationId, Release>>,
    pub(crate) outbox: Arc<FakeOutbox>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tamper {
    Ciphertext,
    Path,
    Shares,
    Sender,
    /// To sources: what it answered first, whatever is asked.
    Replay,
    /// To sources: shares and packages of other versions, in the place of those asked for.
    Others,
    /// To sources: nothing, duly sealed.
    Nothing,
    /// To sources: nothing, and that it holds a generation that was never made.
    Boasts,
    /// To sources: everything, and that the batch with number 0 is damaged.
    Complains,
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
        tls_certificate: sha256(name.as_bytes()),
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
            let kem = Secret32::from_bytes(&[at as u8 + 101; 32]);
            let own = Keys { signing: [at as u8 + 1; 32], kem, former_kem: None };
            organisations.push(organisation(name, *class, *custodian, &own));
            keys.insert(id(name), own);
        }
        Arc::new(Self {
            folder: tempfile::tempdir().expect("a folder"),
            members: Mutex::new(organisations.clone()),
            organisations,
            keys: Mutex::new(keys),
            ledger: Mutex::new(Final { height: 1, time_ms: START_MS, ..Final::default() }),
            clock: AtomicU64::new(START_MS),
            stalled: Mutex::default(),
            vaults: Mutex::default(),
            away: Mutex::default(),
            hangs: Mutex::default(),
            tamper: Mutex::default(),
            told: Mutex::default(),
            released: Mutex::default(),
            submitted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            versions_per_event: AtomicU64::new(2_048),
            batch_versions: AtomicU64::new(64),
            suite: Mutex::new(suite::NEWEST),
            watchful: AtomicBool::new(false),
            repair_pause_ms: AtomicU64::new(0),
            replays: Mutex::default(),
            outbox: Arc::default(),
        })
    }

    pub(crate) fn member(&self, name: &str) -> &Organisation {
        self.organisations.iter().find(|organisation| organisation.id == id(name)).expect("a member")
    }

    /// From now on these are the custodians.
    pub(crate) fn custodians(&self, names: &[&str]) {
        let mut members = self.members.lock().expect("unpoisoned");
        members.iter_mut().for_each(|one| one.custodian = names.contains(&one.id.as_str()));
        assert_eq!(members.iter().filter(|one| one.custodian).count(), names.len());
    }

    /// From now on this organisation is no member.
    pub(crate) fn expel(&self, name: &str) {
        self.members.lock().expect("unpoisoned").retain(|one| one.id != id(name));
    }

    pub(crate) fn signing(&self, name: &str) -> SigningKey {
        SigningKey::from_seed(&self.keys_of(name).signing)
    }

    fn keys_of(&self, name: &str) -> Keys {
        self.keys.lock().expect("unpoisoned")[&id(name)].clone()
    }

    /// As the ledger has it now.
    pub(crate) fn member_now(&self, name: &str) -> Organisation {
        let members = self.members.lock().expect("unpoisoned");
        members.iter().find(|organisation| organisation.id == id(name)).expect("a member").clone()
    }

    /// The organisation restarts with new keys, which the ledger has.
    pub(crate) fn renew_keys(self: &Arc<Self>, name: &str) {
        let old = self.keys_of(name);
        let new = Keys {
            signing: old.signing.map(|byte| byte ^ 0x40),
            kem: Secret32::from_bytes(&old.kem.expose().map(|byte| byte.wrapping_add(1))),
            former_kem: Some(old.kem),
        };
        let mut members = self.members.lock().expect("unpoisoned");
        let member = members.iter_mut().find(|one| one.id == id(name)).expect("a member");
        *member = Organisation {
            name: member.name.clone(),
            ..organisation(name, member.class, member.custodian, &new)
        };
        drop(members);
        self.keys.lock().expect("unpoisoned").insert(id(name), new);
        self.vaults.lock().expect("unpoisoned").remove(&id(name));
        self.open(name);
    }

    pub(crate) fn kem(&self, name: &str) -> HpkePrivateKey {
        HpkePrivateKey::from_seed(&self.keys_of(name).kem)
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
        let watchful = self.watchful.load(Ordering::Relaxed);
        config.source = SourceConfig {
            batch_versions_max: self.batch_versions.load(Ordering::Relaxed) as usize,
            batch_quiet: Duration::from_millis(5),
            batch_age_max: Duration::from_millis(20),
            retry_first: Duration::from_millis(5),
            retry_max: Duration::from_millis(40),
            third_custodian_grace: Duration::from_millis(100),
            grant_sweep: Duration::from_millis(50),
            custody_sweep: Duration::from_millis(40),
            challenge_pause: if watchful { Duration::from_millis(10) } else { DAY },
            repair_pause: Duration::from_millis(self.repair_pause_ms.load(Ordering::Relaxed)),
            suite: *self.suite.lock().expect("unpoisoned"),
            ..SourceConfig::default()
        };
        config.reader.versions_per_event_max = self.versions_per_event.load(Ordering::Relaxed) as usize;
        config.reader.refusal_patience = Duration::from_millis(50);
        config.reader.hedge = Duration::from_millis(50);
        config.reader.refusal_pause = Duration::from_millis(10);
        config.checks.rest = if watchful { Duration::from_millis(20) } else { DAY };
        config.checks.audit_every = config.checks.rest;
        config.checks.every = Duration::ZERO;
        config.checks.bytes_per_second = u64::MAX;
        config
    }

    /// Opens a vault in a folder without making it reachable. A former one in this process may still be closing.
    pub(crate) fn open_in(
        self: &Arc<Self>,
        name: &str,
        folder: PathBuf,
    ) -> Result<Arc<Vault>, crate::VaultError> {
        let keys = self.keys_of(name);
        let outbox = (name == "hospital-a").then(|| self.outbox.clone() as Arc<dyn Outbox>);
        for _ in 0..200 {
            let node = Node {
                network: NETWORK,
                organisation: id(name),
                signing: SigningKey::from_seed(&keys.signing),
                kem: HpkePrivateKey::from_seed(&keys.kem),
                former_kem: keys.former_kem.as_ref().map(HpkePrivateKey::from_seed),
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

    pub(crate) fn put_anchor(&self, sequence: u64, root: Digest) {
        let entry = AnchorEntry { batch_root: root, size_class: 0, height: 1, time_ms: START_MS };
        let at = key::anchor(&id("hospital-a"), sequence);
        self.ledger.lock().expect("unpoisoned").state.insert(at, entry.encode().to_vec());
    }

    pub(crate) fn access_entry(&self, access: &AccessId) -> Option<AccessEntry> {
        let ledger = self.ledger.lock().expect("unpoisoned");
        ledger.state.get(&key::access(access)).map(|entry| decode_canonical(entry).expect("an entry"))
    }

    /// All access events on the ledger.
    pub(crate) fn access_events(&self) -> Vec<(AccessId, AccessEntry)> {
        let accesses = self.ledger.lock().expect("unpoisoned").accesses.clone();
        let entry = |access: &AccessId| self.access_entry(access).expect("an entry");
        accesses.into_iter().map(|access| (access, entry(&access))).collect()
    }

    /// Puts an access event on the ledger as if it had been announced and were final.
    pub(crate) fn announce(&self, access: AccessId, entry: &AccessEntry) {
        let mut ledger = self.ledger.lock().expect("unpoisoned");
        ledger.state.insert(key::access(&access), entry.encode().to_vec());
        ledger.accesses.push(access);
    }

    pub(crate) fn note_release(&self, holder: &OrganisationId, ask: &EmergencyAsk) {
        let entry: Option<salus_types::state::EmergencyEntry> = self.entry(key::emergency(&ask.event));
        let is_final = entry.is_some_and(|entry| entry.height <= self.height());
        self.released.lock().expect("unpoisoned").push((holder.clone(), is_final));
    }

    pub(crate) fn refused_submissions(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    pub(crate) fn height(&self) -> u64 {
        self.ledger.lock().expect("unpoisoned").height
    }

    /// Runs the source until all rows of the outbox are anchored and all custodians served.
    pub(crate) async fn settle(self: &Arc<Self>) {
        self.run_until(async |world, source| {
            let status = source.status().await.expect("a status");
            let cursor = world.outbox.last();
            status.outbox_cursor >= cursor && status.open_batches == 0 && status.parcels == 0
        })
        .await;
    }

    /// Runs the source until `done` says so.
    pub(crate) async fn run_until(
        self: &Arc<Self>,
        done: impl AsyncFn(&World, &crate::source::Source) -> bool,
    ) {
        let vault = self.vault("hospital-a").expect("open");
        let running = vault.clone();
        let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
        for _ in 0..12_000 {
            if done(self, vault.source.as_ref().expect("a source")).await {
                run.abort();
                let _ = run.await;
                return;
            }
            assert!(!run.is_finished(), "the source stopped: {:?}", run.await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let source = vault.source.as_ref().expect("a source");
        let (sealing, moving) = (source.status().await, source.custody_status().await);
        panic!("the source does not settle: {sealing:?} {moving:?}");
    }
}
