//! Bulk data: records of many patients out of this node ([`export`]) and into it.
//!
//! Both are jobs: begun by a request, on disk before the answer, worked on by a task of this node, and kept across its
//! restarts. Files lie sealed in the gateway's folder ([`sealed`]).

pub(crate) mod export;
pub(crate) mod import;
mod sealed;
mod subject;
#[cfg(test)]
mod tests;

use crate::error::as_outcome;
use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::origin;
use crate::state::Gateway;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use std::path::PathBuf;
use std::time::Duration;

/// What an operator decides about bulk data.
#[derive(Clone, Debug)]
pub struct BulkConfig {
    /// How long an export that has ended can be fetched.
    pub export_kept: Duration,
    /// Most bytes of one export, before they are sealed.
    pub export_bytes_max: u64,
    /// Folder whose files may be imported; none without it.
    pub import_folder: Option<PathBuf>,
    /// URLs below which files may be imported: `https`, with a slash at the end.
    pub import_urls: Vec<String>,
    /// Whether these may lead to addresses of this machine and of private networks.
    pub import_private: bool,
    /// Most bytes of one source.
    pub import_bytes_max: u64,
    /// How long is kept what became of an import.
    pub import_kept: Duration,
}

impl Default for BulkConfig {
    fn default() -> Self {
        Self {
            export_kept: Duration::from_secs(24 * 3_600),
            export_bytes_max: 64 << 30,
            import_folder: None,
            import_urls: Vec::new(),
            import_private: false,
            import_bytes_max: 64 << 30,
            import_kept: Duration::from_secs(30 * 24 * 3_600),
        }
    }
}

/// Jobs under way.
#[derive(Default)]
pub struct Bulk {
    pub(crate) exports: export::Exports,
    pub(crate) imports: import::Imports,
}

/// The routes of jobs; those that begin one are interactions of FHIR (`crate::fhir::ask`).
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/fhir/$export/{job}", get(export::status).delete(export::delete))
        .route("/fhir/$export/{job}/{file}", get(export::file))
        .route("/fhir/$import/{job}", get(import::status).delete(import::delete))
        .route("/fhir/$import/{job}/errors", get(import::errors))
        .layer(middleware::from_fn(as_outcome))
        .with_state(gateway.clone())
        .merge(desk(gateway))
}

/// The routes for stewards.
fn desk(gateway: Gateway) -> Router {
    Router::new()
        .route("/staff/imports", get(import::staff_list).post(import::staff_begin))
        .route("/staff/imports/{id}/stop", post(import::staff_stop))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(gateway.clone(), origin::own_pages_only))
        .with_state(gateway)
}

/// Works on jobs until the node stops.
pub(crate) async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.stopped() => (),
        () = export::run(gateway.clone()) => (),
        () = import::run(gateway.clone()) => (),
    }
}
