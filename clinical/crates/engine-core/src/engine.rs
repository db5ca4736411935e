//! The engine as the process sees it.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{Request, Response},
};
use bytes::Bytes;
use helios_fhir::FhirVersion;
use helios_rest::{AppState, ServerConfig, routing::fhir_routes};
use serde::Serialize;
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    Error,
    at_rest::Keys,
    feed::FeedValidator,
    guard::Guarded,
    metadata,
    outbox::Outbox,
    principal::{self, Mode, Principal, Scope},
    profiles,
    shares::Shares,
    store::Store,
    work::{Turns, Work},
};

/// The largest request body.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How often the write-ahead log is looked at.
const WAL_INTERVAL: Duration = Duration::from_secs(2);

/// What to open.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the database.
    pub data: PathBuf,
    /// What the database is sealed by.
    pub keys: Keys,
    /// Folder that holds `search-parameters-r4.json`, and may hold `profiles`.
    pub definitions: PathBuf,
    /// Public address of the FHIR API, without a trailing slash.
    pub base_url: String,
    /// What validation does to feeds.
    pub feed_validation: FeedValidation,
}

/// What validation does to what feeds write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedValidation {
    /// Store and tag what is wrong.
    Flag,
    /// Refuse what is wrong.
    Enforce,
    /// Store without looking.
    Off,
}

/// Numbers for the supervisor.
#[derive(Debug, Serialize)]
pub struct Status {
    resources: i64,
    outbox: i64,
    #[serde(rename = "lastSeq")]
    last_seq: i64,
}

/// The open clinical store.
pub struct Engine {
    store: Arc<Store>,
    shares: Arc<Shares>,
    outbox: Outbox,
    turns: Turns,
    feed_validation: FeedValidation,
    /// Handlers that refuse what fails validation, and handlers that do not look.
    strict: Router,
    lenient: Router,
    /// Handlers of `$validate`, which alone know the guides' profiles: what a feed or a person writes is held to FHIR
    /// itself, whatever it claims to be besides.
    checking: Router,
    /// Addresses of these profiles.
    profiles: HashSet<String>,
    metadata: Bytes,
}

impl Engine {
    /// Opens the store and finishes what an earlier process left undone.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let store = Store::open(&options.data, &options.definitions, &options.keys)?;
        let shares = Arc::new(Shares::load(Arc::clone(&store)).await?);
        shares.resume().await?;
        let enforce = config(&options, "enforce");
        let validation = FeedValidator::new(&enforce.validation);
        let guarded = Arc::new(Guarded::new(Arc::clone(&store), Arc::clone(&shares), validation));
        let strict = routes(Arc::clone(&guarded), enforce);
        let lenient = routes(Arc::clone(&guarded), config(&options, "off"));
        let structures = profiles::load(&options.definitions)?;
        let profiles = structures.iter().filter_map(|one| one["url"].as_str().map(str::to_owned)).collect();
        let mut checks = config(&options, "off");
        checks.validation.stored_profiles = true;
        let checking = routes_with(guarded, checks, &structures);
        let metadata = statement(&strict).await?;
        let outbox = Outbox::new(Arc::clone(&store));
        let feed_validation = options.feed_validation;
        let turns = Turns::new();
        Ok(Self {
            store,
            shares,
            outbox,
            turns,
            feed_validation,
            strict,
            lenient,
            checking,
            profiles,
            metadata,
        })
    }

    /// Answers a FHIR request whose path is relative to the FHIR base, on behalf of `principal`.
    /// A write that is answered with success is durable.
    pub async fn fhir(
        &self,
        principal: Principal,
        request: Request<Body>,
        work: Work,
    ) -> Result<Response<Body>, Error> {
        let mut principal = principal;
        let policy = match principal.mode {
            Mode::Interactive => FeedValidation::Enforce,
            Mode::Feed => self.feed_validation,
        };
        principal.flag_invalid = policy == FeedValidation::Flag;
        let routes = match policy {
            _ if request.uri().path().ends_with("/$validate") => &self.checking,
            FeedValidation::Enforce => &self.strict,
            _ => &self.lenient,
        };
        let answering = principal::within(principal, routes.clone().oneshot(request));
        let answer = self.turns.run(work, answering).await?;
        let response = answer.unwrap_or_else(|never| match never {});
        if work == Work::Write {
            self.store.durable.sync().await?;
            self.outbox.announce();
        }
        Ok(response)
    }

    /// The CapabilityStatement.
    pub fn metadata(&self) -> Bytes {
        self.metadata.clone()
    }

    /// Whether `$validate` can check against a guide's profile, by its canonical address, with its version or without.
    pub fn has_profile(&self, canonical: &str) -> bool {
        self.profiles.contains(canonical)
    }

    /// The outbox.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The share sets.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Numbers for the supervisor.
    pub async fn status(&self) -> Result<Status, Error> {
        let sql = "SELECT count(*) FROM resources WHERE is_deleted = 0";
        let resources = self.store.read(|db| Ok(db.query_row(sql, [], |row| row.get(0))?)).await?;
        Ok(Status { resources, outbox: self.outbox.pending().await?, last_seq: self.outbox.last().await? })
    }

    /// Keeps the write-ahead log small; never returns.
    pub async fn maintain(&self) {
        loop {
            tokio::time::sleep(WAL_INTERVAL).await;
            if let Err(error) = self.store.maintain().await {
                tracing::warn!(%error, "the write-ahead log could not be folded back");
            }
        }
    }

    /// Folds the write-ahead log back before the process ends.
    pub async fn close(&self) -> Result<(), Error> {
        self.store.durable.sync().await?;
        self.store.checkpoint().await.map(drop)
    }
}

/// Instantiates the generic handlers. It is not `async` and never inlined, so that their code is made in this
/// crate and not again in each crate that polls a future of it.
#[inline(never)]
fn routes(guarded: Arc<Guarded>, config: ServerConfig) -> Router {
    routes_with(guarded, config, &[])
}

/// The same, whose validator knows these StructureDefinitions.
#[inline(never)]
fn routes_with(guarded: Arc<Guarded>, config: ServerConfig, profiles: &[Value]) -> Router {
    // Without it axum's own limit of 2 MB holds, whatever the configuration says.
    let largest = DefaultBodyLimit::max(config.max_body_size);
    let state = AppState::new(guarded, config);
    // Without `stored_profiles` this does nothing.
    for profile in profiles {
        state.validation().upsert_stored_profile(crate::store::TENANT, FhirVersion::R4, profile);
    }
    fhir_routes::create_routes(state).layer(largest)
}

fn config(options: &Options, validation: &str) -> ServerConfig {
    let mut config = ServerConfig {
        base_url: options.base_url.clone(),
        data_dir: Some(options.definitions.clone()),
        default_tenant: crate::store::TENANT.to_owned(),
        default_fhir_version: FhirVersion::R4,
        max_body_size: BODY_BYTES_MAX,
        sof_enabled: false,
        ..Default::default()
    };
    config.validation.mode = validation.to_owned();
    // What one person stores as a StructureDefinition must not decide what others may write.
    config.validation.stored_profiles = false;
    config
}

async fn statement(routes: &Router) -> Result<Bytes, Error> {
    let nobody = Principal {
        id: String::new(),
        read: Scope::None,
        write: Scope::None,
        shares: Default::default(),
        hidden: Default::default(),
        mode: Mode::Interactive,
        flag_invalid: false,
    };
    let request = Request::get("/metadata").body(Body::empty()).map_err(|e| Error::Store(e.to_string()))?;
    let answer = principal::within(nobody, routes.clone().oneshot(request)).await;
    let response = answer.unwrap_or_else(|never| match never {});
    let bytes = axum::body::to_bytes(response.into_body(), BODY_BYTES_MAX)
        .await
        .map_err(|e| Error::Store(e.to_string()))?;
    metadata::truthful(&bytes).ok_or_else(|| Error::Store("no capability statement".into()))
}
