//! `GET /openapi.json`: every route but FHIR's own, as OpenAPI 3.1. Written by hand in `openapi.json`; tests compare it with
//! the routers, and every answer of this crate's tests with it (`tests/openapi.rs`).

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// The document.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

/// The route.
pub(crate) fn router() -> Router {
    Router::new().route("/openapi.json", get(document))
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")], DOCUMENT)
}
