//! Subscriptions: updates reach systems and apps that may read them, at once (R4 with the Subscriptions R5 Backport
//! Implementation Guide 1.1.0, <https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/>).
//!
//! `follow` reads the engine's outbox and notes which version concerns which subscription; `deliver` decides what its
//! owner may be told, numbers it, and sends it; `tell` makes notifications; `hook` calls receivers, `socket` serves those
//! that connect; `rows` is all that is kept.
//!
//! Architecture invariant: subscribing gives no right. Each notification is decided when it is made, as a read by the
//! subscription's owner would be then: an app that was stopped, a client that was removed, a chart that was closed, a
//! record that was restricted or erased, are not told of, from that moment on.

pub(crate) mod capability;
mod deliver;
mod follow;
mod hook;
mod live;
mod resource;
mod routes;
mod rows;
mod socket;
mod tell;
#[cfg(test)]
mod tests;
mod topic;

pub(crate) use live::router as live_router;
pub(crate) use rows::Owner;

use crate::error::{Error, Result};
use crate::limits::{EVENT_STREAMS_MAX, EVENT_STREAMS_PER_CALLER_MAX, SUBSCRIPTION_CHANGES_PER_MINUTE};
use crate::places::Places;
use crate::rate::RateLimit;
use crate::state::{Config, Gateway};
use axum::Router;
use axum::routing::{any, get};
use hook::Hooks;
use rows::Subscription;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead, random};
use salus_types::label;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};

const STORE: Label = Label::new(label::SUBSCRIPTION_STORE);
/// How often what ended long ago is forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);
/// News that a slow listener may miss before it is told that it missed some.
const NEWS_KEPT: usize = 256;

/// What subscriptions have in memory.
pub struct Subscriptions {
    hooks: Hooks,
    tokens: socket::BindTokens,
    places: Arc<Places>,
    changes_allowed: RateLimit<String>,
    /// Something waits.
    due: Notify,
    /// Something may be told by socket.
    sockets: watch::Sender<()>,
    /// Whose records changed, for the portal's own pages.
    news: broadcast::Sender<Arc<BTreeSet<String>>>,
}

impl Subscriptions {
    pub(crate) fn new(config: &Config) -> Self {
        let per_caller = EVENT_STREAMS_PER_CALLER_MAX.saturating_mul(config.callers() as usize);
        Self {
            hooks: Hooks::new(&config.subscription_hosts),
            tokens: socket::BindTokens::default(),
            places: Places::new(EVENT_STREAMS_MAX, per_caller),
            changes_allowed: RateLimit::per_minute(SUBSCRIPTION_CHANGES_PER_MINUTE),
            due: Notify::new(),
            sockets: watch::Sender::new(()),
            news: broadcast::Sender::new(NEWS_KEPT),
        }
    }

    /// Something may be due.
    fn wake(&self) {
        self.due.notify_one();
    }

    async fn woken(&self) {
        self.due.notified().await;
    }

    /// Hears whose records changed, from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<Arc<BTreeSet<String>>> {
        self.news.subscribe()
    }

    /// Records of these patients changed. That nobody listens is no fault.
    fn changed(&self, patients: BTreeSet<String>) {
        if !patients.is_empty() {
            let _ = self.news.send(Arc::new(patients));
        }
    }
}

/// Follows, delivers and forgets, until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    if !gateway.engine.is_configured() {
        return;
    }
    let forget = async {
        loop {
            tokio::time::sleep(FORGET_INTERVAL).await;
            if let Err(error) = rows::forget(&gateway.store).await {
                tracing::warn!(%error, "subscriptions that have ended are not removed yet");
            }
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = follow::run(&gateway) => (),
        () = deliver::run(&gateway) => (),
        () = forget => (),
    }
}

/// The routes under the FHIR base, without its layers.
pub(super) fn router() -> Router<Gateway> {
    Router::new()
        .route("/fhir/Subscription", get(routes::search).post(routes::create).fallback(super::method))
        .route("/fhir/Subscription/$status", get(routes::all_status).post(routes::all_status))
        .route(
            "/fhir/Subscription/{id}",
            get(routes::read).put(routes::update).delete(routes::delete).fallback(super::method),
        )
        .route("/fhir/Subscription/{id}/$status", get(routes::status).post(routes::status))
        .route("/fhir/Subscription/{id}/$events", get(routes::events))
        .route("/fhir/Subscription/{id}/$get-ws-binding-token", get(routes::token).post(routes::token))
        .route("/fhir/Subscription/{id}/{*rest}", any(|| async { super::not_offered() }))
        .route("/fhir/SubscriptionTopic", get(routes::topics))
        .route("/fhir/SubscriptionTopic/{id}", get(routes::topic))
        .route("/fhir/ws", get(routes::ws))
}

fn key(gateway: &Gateway, id: &str, salt: &[u8; 32]) -> Secret32 {
    kdf::derive(STORE, gateway.ports.storage.expose(), salt, &[id.as_bytes()])
}

/// Seals what is sent along: it is a secret of the receiver's.
fn seal_headers(
    gateway: &Gateway,
    id: &str,
    headers: &[(String, String)],
) -> Result<Option<(String, String)>> {
    if headers.is_empty() {
        return Ok(None);
    }
    let salt: [u8; 32] = random::bytes();
    let text = serde_json::to_vec(headers).map_err(Error::internal)?;
    Ok(Some((hex::encode(salt), hex::encode(aead::seal(&key(gateway, id, &salt), &[], &text)))))
}

fn open_headers(gateway: &Gateway, of: &Subscription) -> Result<Vec<(String, String)>> {
    let Some((salt, sealed)) = &of.headers else { return Ok(Vec::new()) };
    let damaged = || Error::internal("the headers of a subscription do not open");
    let salt: [u8; 32] = hex::decode(salt).ok().and_then(|salt| salt.try_into().ok()).ok_or_else(damaged)?;
    let sealed = hex::decode(sealed).map_err(|_| damaged())?;
    let text = aead::open(&key(gateway, &of.id, &salt), &[], &sealed).map_err(|_| damaged())?;
    serde_json::from_slice(&text).map_err(|_| damaged())
}
