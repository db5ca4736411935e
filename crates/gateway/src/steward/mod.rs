//! What stewards see: the network, its governance, blocks, access events, the own access log. What they do for the
//! organisation: propose and vote. And numbers for Prometheus.
//!
//! Architecture invariant: counts, heights and organisations only; no number is about one person.

mod custody;
pub(crate) mod events;
pub mod governance;
mod log;
mod metrics;
mod network;

pub use events::{AccessEvent, access_events_before};
pub(crate) use metrics::metrics;

use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::origin;
use crate::state::Gateway;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/network", get(network::network))
        .route("/staff/blocks", get(network::blocks))
        .route("/staff/custody", get(custody::custody))
        .route("/staff/access-events", get(events::access_events))
        .route("/staff/log", get(log::log))
        .route("/staff/governance", get(governance::view))
        .route("/staff/governance/proposals", post(governance::make))
        .route("/staff/governance/proposals/{id}/vote", post(governance::cast))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}
