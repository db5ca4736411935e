//! What every handler holds: [`Gateway`], made once from [`Config`] and [`Ports`].

use crate::account::Accounts;
use crate::accounting::Accountings;
use crate::bulk::{Bulk, BulkConfig};
use crate::chain::Chain;
use crate::emergency::{Emergencies, EmergencyVault};
use crate::engine::{Engine, EngineAddress, Mode, OutboxReaders};
use crate::erasure::{ErasureVault, Erasures, RetentionRule, usual_rules};
use crate::error::Error;
use crate::feeds::{FeedConfig, Feeds};
use crate::fhir::FhirState;
use crate::fhir::subscription::Subscriptions;
use crate::ledger::LedgerState;
use crate::limits::Limits;
use crate::links::Links;
use crate::location::{Findable, Location};
use crate::log::AccessLog;
use crate::metrics::Metrics;
use crate::peer::{Keeper, Peers};
use crate::practitioner::Practitioners;
use crate::relay::Relay;
use crate::shares::Shares;
use crate::smart::Smart;
use crate::staff::Staff;
use crate::store::{Store, StoreError};
use crate::terminology::{Terminology, TerminologyConfig};
use crate::vault::{OwnProofs, SharedRecords};
use salus_crypto::Secret32;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::sign::SigningKey;
use salus_types::genesis::Genesis;
use salus_types::state::OrganisationEntry;
use salus_types::{NetworkId, OrganisationId};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// This organisation.
    pub organisation: OrganisationId,
    /// Folder of the gateway's database and journal.
    pub data: PathBuf,
    /// Where the outside reaches the public routes, without a slash at the end: `https://a.example`.
    pub public_url: String,
    /// Further origins whose pages may sign in here, such as a developer's portal server.
    pub more_origins: Vec<String>,
    /// Plain HTTP on `localhost`, for the demo only.
    pub demo_http: bool,
    /// The portal's built files.
    pub portal: Option<PathBuf>,
    /// The clinical engine.
    pub engine: EngineAddress,
    /// How writes of system clients are validated.
    pub system_writes: Mode,
    /// The access log is anchored after this many new entries, ...
    pub log_anchor_entries: u64,
    /// ... and after this time, if there is a new one.
    pub log_anchor_interval: Duration,
    /// Where e-mail to patients goes; without it none is sent.
    pub mail: Option<MailConfig>,
    /// How long records are to be kept, by category: the first rule that names it counts.
    pub retention: Vec<RetentionRule>,
    /// Birthday on which a person comes of age by the law that binds this organisation: from the week before on, nobody acts
    /// for a patient by the desk's word.
    pub of_age_years: u16,
    /// Exports and imports of many records.
    pub bulk: BulkConfig,
    /// What hospitals run already, and sends here.
    pub feeds: Vec<FeedConfig>,
    /// `host:port` of receivers of notifications that may be on this network, or without TLS. All others are called at
    /// public addresses and by https only.
    pub subscription_hosts: Vec<String>,
    /// Where it is looked up what codes mean.
    pub terminology: TerminologyConfig,
    /// Who may be found here by other organisations, if the patient has not chosen; `None`: as usual for this class.
    pub findable: Option<Findable>,
    /// Limits of both listeners.
    pub limits: Limits,
}

/// Age at which people come of age in most countries, in years; where it is another, the organisation says so.
pub const OF_AGE_YEARS: u16 = 18;

/// An SMTP server that takes this organisation's e-mail.
#[derive(Clone)]
pub struct MailConfig {
    /// Its name; TLS checks it.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: MailSecurity,
    /// User and password, if it asks for them.
    pub login: Option<(String, SecretText)>,
    /// Sender, such as `Hospital A <notices@hospital-a.example>`.
    pub from: String,
}

/// Without the login, which may come by a log.
impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig")
            .field("server", &self.server)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// A password.
pub type SecretText = zeroize::Zeroizing<String>;

/// How a connection to an SMTP server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, and nothing without it.
    Starttls,
    /// None: for a server on this machine only.
    None,
}

impl Config {
    /// A configuration with the usual values.
    pub fn new(organisation: OrganisationId, data: PathBuf, public_url: impl Into<String>) -> Self {
        Self {
            organisation,
            data,
            public_url: public_url.into(),
            more_origins: Vec::new(),
            demo_http: false,
            portal: None,
            engine: EngineAddress::None,
            system_writes: Mode::Feed,
            log_anchor_entries: 1_000,
            log_anchor_interval: Duration::from_secs(300),
            mail: None,
            retention: usual_rules(),
            of_age_years: OF_AGE_YEARS,
            bulk: BulkConfig::default(),
            feeds: Vec::new(),
            subscription_hosts: Vec::new(),
            terminology: TerminologyConfig::default(),
            findable: None,
            limits: Limits::default(),
        }
    }

    /// How many callers one address may stand for.
    pub(crate) fn callers(&self) -> u32 {
        if self.demo_http { self.limits.demo_callers } else { 1 }
    }

    /// Base URL of the FHIR API.
    pub fn fhir_url(&self) -> String {
        format!("{}/fhir", self.public_url)
    }

    /// URL of the token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}/smart/token", self.public_url)
    }
}

/// What others implement.
#[derive(Clone)]
pub struct Ports {
    /// The ledger.
    pub chain: Arc<dyn Chain>,
    /// Records of other organisations.
    pub shared: Arc<dyn SharedRecords>,
    /// Proofs of own records.
    pub proofs: Arc<dyn OwnProofs>,
    /// Emergency summaries.
    pub emergencies: Arc<dyn EmergencyVault>,
    /// Orders to erase.
    pub erasures: Arc<dyn ErasureVault>,
    /// What other nodes and patients ask of this node's vault.
    pub keeper: Arc<dyn Keeper>,
    /// How far both readers of the engine's outbox have come.
    pub outbox: OutboxReaders,
    /// Other organisations' nodes.
    pub peers: Peers,
    /// This organisation's X-Wing key: opens what is sealed to it.
    pub kem: Arc<HpkePrivateKey>,
    /// This node's storage key: seals what patients entrust to it, at rest.
    pub storage: Arc<Secret32>,
}

/// Why a gateway cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder, the journal.
    #[error("the gateway's folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The engine's address.
    #[error("the engine's address is not understood")]
    EngineAddress,
    /// The log's chain does not fit together.
    #[error("the access log is damaged: {0}")]
    Log(String),
    /// The token key.
    #[error("the token key cannot be used")]
    TokenKey,
    /// A part refuses its configuration.
    #[error("{0}")]
    Part(String),
}

/// The shared state of all handlers; cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

/// The fields of [`Gateway`].
pub struct Inner {
    /// What the operator decided.
    pub config: Config,
    /// The network.
    pub network: NetworkId,
    /// Its genesis: the anchor of trust. Who is a member now, [`Chain::network`] says.
    pub genesis: Arc<Genesis>,
    /// The node key: signs this organisation's transactions.
    pub key: Arc<SigningKey>,
    /// What others implement.
    pub ports: Ports,
    /// The clinical engine.
    pub engine: Engine,
    /// The gateway's tables.
    pub store: Store,
    /// Who looked.
    pub log: AccessLog,
    /// Practitioners of this organisation.
    pub practitioners: Practitioners,
    /// The authorisation server.
    pub smart: Smart,
    /// Records of others that are held here.
    pub shares: Shares,
    /// Caches of the FHIR routes.
    pub fhir: FhirState,
    /// What codes mean.
    pub terminology: Terminology,
    /// What hospitals run already, and sends here.
    pub feeds: Feeds,
    /// Subscriptions of systems and apps.
    pub subscriptions: Subscriptions,
    /// Patient accounts at this portal.
    pub accounts: Accounts,
    /// Staff of this organisation: sessions, charts.
    pub staff: Staff,
    /// How often callers may reach other organisations through this node.
    pub relay: Relay,
    /// How often callers may hand transactions in.
    pub ledger: LedgerState,
    /// Emergencies under way.
    pub emergencies: Emergencies,
    /// How often is asked where records are.
    pub location: Location,
    /// Erasures under way.
    pub erasures: Erasures,
    /// How often lists of who looked are made.
    pub accountings: Accountings,
    /// Exports and imports of many records under way.
    pub bulk: Bulk,
    /// How often links are asked for.
    pub links: Links,
    /// Numbers for dashboards.
    pub metrics: Metrics,
    stop: watch::Sender<bool>,
}

impl Deref for Gateway {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Gateway {
    /// Opens the database and everything that lives in it. No task is started, no port is opened.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        config: Config,
        genesis: Arc<Genesis>,
        key: Arc<SigningKey>,
        ports: Ports,
    ) -> Result<Self, OpenError> {
        private_folder(&config.data)?;
        let store = Store::open(&config.data.join("gateway.redb"), Arc::clone(&ports.storage))?;
        let engine = Engine::new(config.engine.clone())
            .map_err(|_| OpenError::EngineAddress)?
            .answering_within(config.limits.engine_timeout);
        let inner = Inner {
            network: genesis.network(),
            log: AccessLog::open(store.clone(), &config.data.join("access-log.journal"))?,
            practitioners: Practitioners::new(store.clone()),
            smart: Smart::open(store.clone(), &config)?,
            shares: Shares::new(store.clone()),
            fhir: FhirState::default(),
            terminology: Terminology::new(&config).map_err(OpenError::Part)?,
            feeds: Feeds::open(&config.feeds, &ports)?,
            subscriptions: Subscriptions::new(&config),
            accounts: Accounts::open(&store, &config)?,
            staff: Staff::open(&store, &config)?,
            relay: Relay::new(&config),
            ledger: LedgerState::new(&config),
            emergencies: Emergencies::default(),
            location: Location::default(),
            erasures: Erasures::default(),
            accountings: Accountings::default(),
            bulk: Bulk::default(),
            links: Links::new(&config),
            metrics: Metrics::new(&ports),
            stop: watch::Sender::new(false),
            config,
            genesis,
            key,
            ports,
            engine,
            store,
        };
        inner.ports.peers.set_local(Arc::clone(&inner.ports.keeper));
        let gateway = Self(Arc::new(inner));
        if gateway.membership().is_none_or(|own| own.organisation.node_key != gateway.key.public()) {
            tracing::warn!("as far as this node's ledger goes, no member of the network has this node's key");
        }
        Ok(gateway)
    }

    /// This organisation's membership; `None` before it is admitted, and after it has left.
    pub fn membership(&self) -> Option<OrganisationEntry> {
        let network = self.chain().network();
        network.members.iter().find(|member| member.organisation.id == self.config.organisation).cloned()
    }

    /// The ledger.
    pub fn chain(&self) -> &dyn Chain {
        self.ports.chain.as_ref()
    }

    /// Signs an action as this organisation, submits it and waits until it is final, at most `limit`.
    ///
    /// # Errors
    /// The ledger's refusal; [`crate::error::Code::Away`] after the time limit.
    pub async fn submit(
        &self,
        action: impl Into<salus_types::action::Action>,
        limit: Duration,
    ) -> Result<crate::chain::Finalised, Error> {
        self.submit_as(&self.key, action, limit).await
    }

    /// The same, signed by another key that is kept here.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(crate) async fn submit_as(
        &self,
        key: &salus_types::SigningKey,
        action: impl Into<salus_types::action::Action>,
        limit: Duration,
    ) -> Result<crate::chain::Finalised, Error> {
        let valid_until = self.chain().head().height + self.chain().network().lifetime_blocks();
        let transaction = salus_types::transaction::Transaction::sign(self.network, key, valid_until, action);
        let id = self.chain().submit(transaction)?;
        match tokio::time::timeout(limit, self.chain().wait(id)).await {
            Ok(finalised) => Ok(finalised?),
            Err(_) => Err(crate::chain::ChainError::Away.into()),
        }
    }

    /// Resolves when the gateway is told to stop; for background tasks.
    pub async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // An error means that the sender is gone, which is a stop too.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Tells every background task to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

fn private_folder(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}
