//! The FHIR R4 API: the clinical engine behind authentication, policies, shares and the access log.
//!
//! `ask` understands the request, `authenticate` says who asks, `authorise` decides and makes the permit
//! without which `forward` sends nothing, `narrow` takes out of answers what a person did not choose for an app, `audit` writes the log, `notes` says what is missing.
//!
//! What the engine has not is made here: `system` searches over several types, `pages` pages what is taken out of or put
//! together, `summary` is the International Patient Summary, `audit_event` and `consent` show the access log and the
//! ledger's grants as FHIR, `binary` takes and gives bytes, `terminology` says what codes mean, `metadata` says what of all
//! this is offered.

pub mod ask;
mod audit;
mod audit_event;
pub(crate) mod authenticate;
pub(crate) mod authorise;
mod binary;
mod claims;
mod consent;
pub(crate) mod forward;
pub(crate) mod json;
mod media;
pub(crate) mod metadata;
pub(crate) mod narrow;
mod notes;
pub(crate) mod pages;
pub mod principal;
pub(crate) mod proof;
mod proxy;
pub mod subscription;
mod summary;
mod system;
mod terminology;

use crate::body::limit::{self, Limit};
use crate::error::{Code, Error, as_outcome};
use crate::smart::cors;
use crate::state::Gateway;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use axum::{Router, middleware};

/// The media type of FHIR in JSON (<https://hl7.org/fhir/R4/http.html#mime-type>).
pub(crate) const FHIR_JSON: &str = "application/fhir+json";

/// Whether a path is under the FHIR base, where every refusal is an OperationOutcome.
pub(crate) fn is_fhir(path: &str) -> bool {
    path.strip_prefix("/fhir").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Caches of the FHIR routes.
#[derive(Default)]
pub struct FhirState {
    metadata: metadata::Metadata,
}

/// Whether a text is a FHIR id (<https://hl7.org/fhir/R4/datatypes.html#id>).
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

/// The routes.
pub(crate) fn router(gateway: Gateway) -> Router {
    let limit = Limit::bytes(gateway.config.limits.fhir_bytes_max);
    Router::new()
        .route("/fhir/metadata", get(metadata::metadata).fallback(method))
        .route("/fhir/{type}/{id}/$proof", get(proof::proof).fallback(method))
        .route("/fhir", any(proxy::proxy))
        .route("/fhir/", any(proxy::proxy))
        .route("/fhir/{type}", any(proxy::proxy))
        .route("/fhir/{type}/", any(proxy::proxy))
        .route("/fhir/{type}/{id}", any(proxy::proxy))
        .route("/fhir/{type}/{id}/{*rest}", any(proxy::proxy))
        .merge(subscription::router())
        .merge(terminology::router())
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(limit, limit::keep))
        .layer(middleware::from_fn(as_outcome))
        .layer(middleware::from_fn_with_state(gateway.clone(), cors::share))
        .with_state(gateway)
}

fn not_offered() -> Error {
    Error::new(Code::NotSupported, "this server does not offer that; see `/fhir/metadata`")
}

async fn method() -> Error {
    Error::new(Code::Method, "this path answers other methods only")
}
