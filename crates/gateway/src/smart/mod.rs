//! The SMART authorisation server: apps of patients and clinicians ([`app`]), and backend services
//! (<https://hl7.org/fhir/smart-app-launch/backend-services.html>).
//!
//! A client proves who it is with a signed assertion (`private_key_jwt`, RS384 or ES384) whose `jti` is used
//! once; it gets an access token for five minutes. Backend clients are registered by the operator with their public
//! keys; no client's URL is ever fetched. A client that may vouch for practitioners adds the `hl7-b2b`
//! extension and gets a token bound to one practitioner, one patient, one purpose.

mod access;
pub(crate) mod app;
mod assertion;
mod client;
pub(crate) mod cors;
mod endpoints;
mod extension;
mod replay;
mod scope;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod well_known;

pub use access::{AccessToken, OnBehalf, TOKEN_SECONDS};
pub(crate) use assertion::ASSERTION_TYPE;
pub use client::{Client, Clients, NewClient};
pub(crate) use scope::is_type;
pub use scope::{Interaction, ScopeContext, Scopes};

use crate::error::as_oauth;
use crate::limits::{APP_REGISTRATIONS_PER_MINUTE, SMART_FORM_BYTES_MAX};
use crate::rate::RateLimit;
use crate::state::{Config, Gateway, OpenError};
use crate::store::Store;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use std::time::Duration;

/// How often what has expired is forgotten.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(60);

/// The authorisation server.
pub struct Smart {
    /// Registered clients.
    pub clients: Clients,
    /// Access tokens.
    pub tokens: access::Tokens,
    assertions: replay::Assertions,
    token_url: String,
    limit: RateLimit,
    store: Store,
    identities: app::Identities,
    registrations: RateLimit,
}

impl Smart {
    pub(crate) fn open(store: Store, config: &Config) -> Result<Self, OpenError> {
        Ok(Self {
            clients: Clients::open(store.clone())?,
            tokens: access::Tokens::open(store.clone(), config)?,
            assertions: replay::Assertions::new(store.clone()),
            token_url: config.token_url(),
            limit: RateLimit::of(config, config.limits.assertions_per_minute),
            identities: app::Identities::new(store.clone()),
            registrations: RateLimit::of(config, APP_REGISTRATIONS_PER_MINUTE),
            store,
        })
    }
}

/// Forgets expired assertions and revocations, until the gateway stops.
pub(crate) async fn housekeeping(gateway: Gateway) {
    let forget = async {
        loop {
            tokio::time::sleep(HOUSEKEEPING_INTERVAL).await;
            let forgotten = tokio::try_join!(
                gateway.smart.assertions.forget(),
                gateway.smart.tokens.forget(),
                app::forget(&gateway)
            );
            if let Err(error) = forgotten {
                tracing::warn!(%error, "expired tokens cannot be forgotten");
            }
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = forget => (),
    }
}

/// The routes.
pub(crate) fn router(gateway: Gateway) -> Router {
    let apps = app::router(gateway.clone());
    Router::new()
        .route("/smart/token", post(endpoints::token))
        .route("/smart/revoke", post(endpoints::revoke))
        .route("/smart/introspect", post(endpoints::introspect))
        .route("/smart/jwks", get(endpoints::jwks))
        .route("/fhir/.well-known/smart-configuration", get(well_known::configuration))
        .route("/.well-known/openid-configuration", get(well_known::configuration))
        .layer(DefaultBodyLimit::max(SMART_FORM_BYTES_MAX))
        .layer(middleware::from_fn(as_oauth))
        .layer(middleware::from_fn_with_state(gateway.clone(), cors::share))
        .with_state(gateway)
        .merge(apps)
}
