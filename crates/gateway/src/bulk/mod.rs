//! Bulk data: records of many patients out of this node ([`export`]) and into it.
//!
//! Both are jobs: begun by a request, on disk before the answer, worked on by a task of this node, and kept across its
//! restarts. Files lie sealed in the gateway's folder ([`sealed`]).

pub(crate) mod export;
mod sealed;
mod subject;
#[cfg(test)]
mod tests;

use crate::error::as_outcome;
use crate::state::Gateway;
use axum::routing::get;
use axum::{Router, middleware};
use std::time::Duration;

/// What an operator decides about bulk data.
#[derive(Clone, Debug)]
pub struct BulkConfig {
    /// How long an export that has ended can be fetched.
    pub export_kept: Duration,
    /// Most bytes of one export, before they are sealed.
    pub export_bytes_max: u64,
}

impl Default for BulkConfig {
    fn default() -> Self {
        Self { export_kept: Duration::from_secs(24 * 3_600), export_bytes_max: 64 << 30 }
    }
}

/// Jobs under way.
#[derive(Default)]
pub struct Bulk {
    pub(crate) exports: export::Exports,
}

/// The routes of jobs; those that begin one are interactions of FHIR (`crate::fhir::ask`).
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/fhir/$export/{job}", get(export::status).delete(export::delete))
        .route("/fhir/$export/{job}/{file}", get(export::file))
        .layer(middleware::from_fn(as_outcome))
        .with_state(gateway)
}

/// Works on jobs until the node stops.
pub(crate) async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.stopped() => (),
        () = export::run(gateway.clone()) => (),
    }
}
