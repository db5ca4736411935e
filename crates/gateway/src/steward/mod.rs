//! What stewards see: the network, blocks, access events, the own access log. And numbers for Prometheus.
//!
//! Architecture invariant: counts, heights and organisations only; no number is about one person.

pub(crate) mod events;
mod log;
mod metrics;
mod network;

pub(crate) use metrics::metrics;

use crate::state::Gateway;
use axum::Router;
use axum::routing::get;

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/network", get(network::network))
        .route("/staff/blocks", get(network::blocks))
        .route("/staff/access-events", get(events::access_events))
        .route("/staff/log", get(log::log))
        .with_state(state)
}
