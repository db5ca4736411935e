//! Layers around every router: request id, log line, limits, security headers, compression.
//!
//! A log line holds method, route template, status, time and request id; never a path, query, body, header or
//! token. A path that matches no template is logged as `-`.

use crate::body::limit::{self, Limit};
use crate::error::{Code, Error, outcome_of};
use crate::fhir::is_fhir;
use crate::limits::URL_BYTES_MAX;
use crate::places::{Full, Places};
use crate::rate::Caller;
use crate::state::Config;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use salus_crypto::random;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower_http::compression::CompressionLayer;

/// Header that names a request in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer that is data runs nothing and is framed by nobody; see `portal_files` for the portal's own pages.
const CONTENT_SECURITY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Gate {
    places: Arc<Places>,
    answer_timeout: Duration,
    tls: bool,
}

/// Puts the layers around a router.
pub(crate) fn wrap(router: Router, config: &Config) -> Router {
    let per_caller = config.limits.requests_per_caller_max.saturating_mul(config.callers() as usize);
    let gate = Gate {
        places: Places::new(config.limits.requests_max, per_caller),
        answer_timeout: config.limits.answer_timeout,
        tls: !config.demo_http,
    };
    let slow = Limit::time(config.limits.body_timeout, config.limits.body_bytes_per_second_min);
    router
        .layer(DefaultBodyLimit::max(config.limits.body_bytes_max))
        .layer(middleware::from_fn_with_state(slow, limit::keep))
        .layer(middleware::from_fn(fhir_outcome))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(gate, pass))
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = hex::encode(random::bytes::<8>());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let fhir = is_fhir(request.uri().path());
    let mut response = answer(&gate, request, next).await;
    if fhir {
        response = outcome_of(response);
    }
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_secs_f64() * 1_000.0);
    tracing::info!(target: "salus::http", %method, route, status, ms, request = %id, "answered");
    protect(&mut response, gate.tls);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn answer(gate: &Gate, request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, str::len) > URL_BYTES_MAX {
        return Error::new(Code::UrlTooLong, "the path and its query are too long").into_response();
    }
    let _place = match gate.places.take(Caller::of_request(request.extensions())) {
        Ok(place) => place,
        Err(full) => return refused(full).into_response(),
    };
    match tokio::time::timeout(gate.answer_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::new(Code::Timeout, "the answer took too long").into_response(),
    }
}

fn refused(full: Full) -> Error {
    let error = match full {
        Full::All => Error::new(Code::Away, "this node has too many requests under way"),
        Full::Caller => {
            Error::new(Code::Throttled, "too many requests from here are under way; wait a moment")
        }
    };
    error.retry_after(1)
}

/// Whatever route or layer refuses something under the FHIR base, it is said in FHIR; before compression, which
/// would hide the body.
async fn fhir_outcome(request: Request, next: Next) -> Response {
    let fhir = is_fhir(request.uri().path());
    let response = next.run(request).await;
    if fhir { outcome_of(response) } else { response }
}

fn protect(response: &mut Response, tls: bool) {
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
        ),
    ];
    for (name, value) in fixed {
        // The portal's files bring their own.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=63072000; includeSubDomains"),
        );
    }
    // What a route does not declare fit for keeping is kept by nobody.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
