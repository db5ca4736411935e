//! The ledger's read API, and the door for what patients sign.
//!
//! Upon `POST`: size, encoding, network, kind and signature are checked, cheapest first; only [`Grant`],
//! [`Revoke`] and [`CancelRecovery`] come in here, because everything else is signed by organisations, whose nodes submit it themselves.
//!
//! Architecture invariant: everything here is public inside the network and reveals nobody, so nobody signs in.
//!
//! [`Grant`]: salus_types::action::Grant
//! [`Revoke`]: salus_types::action::Revoke
//! [`CancelRecovery`]: salus_types::action::CancelRecovery

mod events;
mod organisations;
mod read;
mod submit;
#[cfg(test)]
mod tests;

use crate::limits::{EVENT_STREAMS_MAX, EVENT_STREAMS_PER_CALLER_MAX};
use crate::places::Places;
use crate::rate::RateLimit;
use crate::state::{Config, Gateway};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use salus_types::transaction::TRANSACTION_BYTES_MAX;
use std::sync::Arc;

/// How often callers may hand transactions in, and how many may listen.
pub struct LedgerState {
    transactions: RateLimit,
    streams: Arc<Places>,
}

impl LedgerState {
    pub(crate) fn new(config: &Config) -> Self {
        let per_caller = EVENT_STREAMS_PER_CALLER_MAX.saturating_mul(config.callers() as usize);
        Self {
            transactions: RateLimit::of(config, config.limits.transactions_per_minute),
            streams: Places::new(EVENT_STREAMS_MAX, per_caller),
        }
    }
}

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    let submit = post(submit::submit).layer(DefaultBodyLimit::max(TRANSACTION_BYTES_MAX));
    // A body, because all batches of one chart together are nearly a name, and addresses end up in logs.
    let prove = post(read::anchors).layer(DefaultBodyLimit::max(read::ANCHORS_BYTES_MAX));
    Router::new()
        .route("/ledger/genesis", get(organisations::genesis))
        .route("/ledger/organisations", get(organisations::list))
        .route("/ledger/epoch", get(organisations::epoch))
        .route("/ledger/head", get(read::head))
        .route("/ledger/transactions", submit)
        .route("/ledger/transactions/{id}", get(read::status))
        .route("/ledger/headers", get(read::headers))
        .route("/ledger/handovers", get(read::handovers))
        .route("/ledger/blocks/{height}", get(read::block))
        .route("/ledger/state/{key}", get(read::state))
        .route("/ledger/state/{key}/proof", get(read::state_proof))
        .route("/ledger/anchors", prove)
        .route("/ledger/events", get(events::stream))
        .with_state(state)
}

/// What can never change may be kept for ever.
fn immutable(mut response: Response) -> Response {
    let value = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}
