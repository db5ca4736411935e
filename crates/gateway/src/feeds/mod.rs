//! Feeds: what hospitals run already sends or lets itself be asked, and this node files it.
//!
//! * **Messages** ([`mllp`]): HL7 v2 over MLLP, from configured addresses, with mutual TLS if configured. `AA` means
//!   stored, `AE` kept for a person to look at, `AR` not here. Each is said only once it is durable.
//! * **Documents** (`documents`): C-CDA by `POST /feeds/{feed}/documents`, for clients that may write everything.
//! * **Files** (`folder`): C-CDA documents and files of messages that somebody puts into a folder of the node's machine.
//! * **A FHIR server** (`pull`): asked for what is new, from one origin, by HTTPS.
//!
//! All go one way (`take`): understood by `salus-feeds`, compared with what is stored, and what is new is written by
//! the same path as any client's transaction: decided by the policies, sealed, anchored, and in the access log as the
//! system `feed:NAME`. What cannot be filed is kept in the feed's queue, sealed, until a steward has it tried again or
//! discards it with a reason. What holds a record that was erased here is kept, too, until a steward lets it in again; and
//! an erasure destroys what waits about it (`forget`).
//!
//! Architecture invariant: a message is in the clinical store, or in the queue, or its sender knows that it is not here.

mod config;
mod cover;
pub mod desk;
mod documents;
mod folder;
mod forget;
mod mllp;
mod pull;
mod rows;
mod take;
#[cfg(test)]
mod tests;
mod write;

pub use config::{BadFeed, FeedConfig, FeedKind, FhirFeed, FolderFeed, MllpFeed, SignIn};
pub(crate) use forget::{Concern, concerned, forget};
pub use rows::State as FeedState;

use crate::smart::Scopes;
use crate::state::{Gateway, OpenError, Ports};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What a feed may do: everything, for what a hospital sends has no fixed types.
const FEED_SCOPES: &str = "system/*.cruds";

/// Messages that are read at once.
const READING_MAX: usize = 2;

/// What is kept of the feeds while the node runs.
pub struct Feeds {
    ids: salus_feeds::Ids,
    scopes: Scopes,
    /// One write at a time: what is compared with the stored must still be stored.
    writing: tokio::sync::Mutex<()>,
    /// Few messages at a time are read: each may take memory.
    reading: tokio::sync::Semaphore,
    live: Mutex<BTreeMap<String, Live>>,
}

/// How a feed is doing now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// Connections that are open.
    pub(crate) connections: usize,
    /// What is wrong, if the last attempt went wrong.
    pub(crate) trouble: Option<&'static str>,
}

impl Feeds {
    /// Checks what the operator configured.
    ///
    /// # Errors
    /// [`OpenError::Part`].
    pub(crate) fn open(feeds: &[FeedConfig], ports: &Ports) -> Result<Self, OpenError> {
        config::check(feeds).map_err(|error| OpenError::Part(error.to_string()))?;
        let scopes = FEED_SCOPES.parse().map_err(|_| OpenError::Part("the scopes of feeds".to_owned()))?;
        let ids = salus_feeds::Ids::new((*ports.storage).clone());
        let reading = tokio::sync::Semaphore::new(READING_MAX);
        Ok(Self { ids, scopes, writing: tokio::sync::Mutex::default(), reading, live: Mutex::default() })
    }

    fn live(&self, feed: &str) -> Live {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).get(feed).cloned().unwrap_or_default()
    }

    fn change(&self, feed: &str, change: impl FnOnce(&mut Live)) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        change(live.entry(feed.to_owned()).or_default());
    }
}

/// A round of a feed that asks or looks by itself has ended, with or without trouble.
fn ended(gateway: &Gateway, feed: &FeedConfig, trouble: Option<&'static str>) {
    if let Some(trouble) = trouble {
        tracing::warn!(feed = feed.name, trouble, "a feed's round ended early");
    }
    gateway.feeds.change(&feed.name, |live| live.trouble = trouble);
}

/// The feed with a name.
fn find<'g>(gateway: &'g Gateway, name: &str) -> Option<&'g FeedConfig> {
    gateway.config.feeds.iter().find(|feed| feed.name == name)
}

/// The routes.
pub(crate) fn router(gateway: Gateway) -> Router {
    let stewards = Router::new()
        .route("/staff/feeds", get(desk::list))
        .route("/staff/feeds/{feed}/replay", post(desk::replay_all))
        .route("/staff/feeds/{feed}/letters", get(desk::letters))
        .route("/staff/feeds/{feed}/letters/{number}", get(desk::letter))
        .route("/staff/feeds/{feed}/letters/{number}/replay", post(desk::replay_one))
        .route("/staff/feeds/{feed}/letters/{number}/restore", post(desk::restore_one))
        .route("/staff/feeds/{feed}/letters/{number}/discard", post(desk::discard_one))
        .layer(DefaultBodyLimit::max(crate::limits::PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(gateway.clone(), crate::origin::own_pages_only));
    let clients = Router::new()
        .route("/feeds/{feed}/documents", post(documents::documents))
        .layer(DefaultBodyLimit::max(salus_feeds::cda::DOCUMENT_BYTES_MAX));
    stewards.merge(clients).with_state(gateway)
}

/// Runs every feed that listens or asks; ends when the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    let mut tasks = tokio::task::JoinSet::new();
    for feed in gateway.config.feeds.clone() {
        let gateway = gateway.clone();
        match feed.kind.clone() {
            FeedKind::Mllp(settings) => _ = tasks.spawn(mllp::run(gateway, feed, settings)),
            FeedKind::Fhir(settings) => _ = tasks.spawn(pull::run(gateway, feed, *settings)),
            FeedKind::Folder(settings) => _ = tasks.spawn(folder::run(gateway, feed, settings)),
            FeedKind::Documents => {}
        }
    }
    gateway.stopped().await;
    tasks.join_all().await;
}
