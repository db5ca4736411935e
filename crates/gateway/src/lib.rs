//! Salus gateway: everything that a node answers over HTTP.
//!
//! A request passes `edge` (limits, request id, headers), is authenticated (`smart` token, staff session,
//! patient's signature, or the other node's certificate), decided by `salus-policy`, written to the access
//! [`log`], and only then answered: from the clinical [`engine`], the [`chain`], or the [`vault`].
//!
//! Architecture invariant: the gateway never sees the ledger's contracts, the node's wiring, or the keys of
//! a patient; it opens nothing that custodians did not release for a finalised access event.

mod addresses;
mod body;
pub mod bulk;
pub mod chain;
mod clock;
mod edge;
pub mod emergency;
pub mod engine;
mod envelope;
pub mod erasure;
pub mod error;
pub mod feeds;
pub mod fhir;
mod limits;
pub mod location;
pub mod log;
mod mail;
mod merge;
pub mod metrics;
mod openapi;
mod origin;
mod passkey;
mod places;
mod portal_files;
pub mod practitioner;
mod proven;
mod rate;
pub mod serve;
mod session;
pub mod shares;
pub mod smart;
pub mod state;
pub mod store;
mod sweep;
mod tasks;
pub mod terminology;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod vault;

// Patients, staff and other nodes.
pub mod account;
pub mod accounting;
mod cards;
mod cases;
pub mod ledger;
pub mod links;
pub mod peer;
pub mod proxies;
mod recovery;
pub mod relay;
pub mod staff;
pub mod steward;

pub use error::Error;
pub use limits::Limits;
pub use serve::{Listeners, PeerIdentity, ServeError, serve};
pub use state::{Config, Gateway, MailConfig, MailSecurity, OpenError, Ports, SecretText};

use axum::Router;

/// Every public route, without the layers of `edge`.
pub fn public_router(gateway: Gateway) -> Router {
    Router::new()
        .merge(openapi::router())
        .merge(fhir::router(gateway.clone()))
        .merge(bulk::router(gateway.clone()))
        .merge(smart::router(gateway.clone()))
        .merge(ledger::router(gateway.clone()))
        .merge(relay::router(gateway.clone()))
        .merge(account::router(gateway.clone()))
        .merge(staff::router(gateway.clone()))
        .merge(fhir::subscription::live_router(gateway.clone()))
        .merge(steward::router(gateway.clone()))
        .merge(cases::router(gateway.clone()))
        .merge(accounting::router(gateway.clone()))
        .merge(links::router(gateway.clone()))
        .merge(cards::router(gateway.clone()))
        .merge(recovery::router(gateway.clone()))
        .merge(proxies::router(gateway.clone()))
        .merge(emergency::router(gateway.clone()))
        .merge(location::router(gateway.clone()))
        .merge(feeds::router(gateway.clone()))
        .fallback_service(portal_files::router(&gateway.config))
}

/// Every route for other organisations' nodes.
pub fn peer_router(gateway: Gateway) -> Router {
    peer::router(gateway)
}
