//! To the engine and back: nothing of the caller's headers passes but what FHIR needs, and nothing of the
//! engine's but what a client may see.

use super::FHIR_JSON;
use super::authorise::Permit;
use crate::engine::{EngineError, PRINCIPAL_HEADER, read_whole};
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;

/// Request headers that reach the engine.
const REQUEST_HEADERS: [HeaderName; 6] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    HeaderName::from_static("if-none-exist"),
];
/// Response headers that reach the client.
const RESPONSE_HEADERS: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::CONTENT_LOCATION,
];

/// A request that was permitted.
pub(crate) struct Forward<'a> {
    method: Method,
    path: &'a str,
    permit: &'a Permit,
    headers: HeaderMap,
    body: Body,
}

impl<'a> Forward<'a> {
    /// A request without a body.
    pub(crate) fn new(method: Method, path: &'a str, permit: &'a Permit) -> Self {
        Self { method, path, permit, headers: HeaderMap::new(), body: Body::empty() }
    }

    /// The caller's own headers and body.
    #[must_use]
    pub(crate) fn with(mut self, headers: &HeaderMap, body: Body) -> Self {
        for name in &REQUEST_HEADERS {
            if let Some(value) = headers.get(name) {
                self.headers.insert(name, value.clone());
            }
        }
        self.headers.insert(HeaderName::from_static("prefer"), prefer(headers));
        self.body = body;
        self
    }
}

/// `handling=strict` always; `return=` as the caller prefers.
fn prefer(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    HeaderValue::from_static(if asked.contains("return=minimal") {
        "handling=strict, return=minimal"
    } else if asked.contains("return=OperationOutcome") {
        "handling=strict, return=OperationOutcome"
    } else if asked.contains("return=representation") {
        "handling=strict, return=representation"
    } else {
        "handling=strict"
    })
}

/// Sends it; the body of the answer still streams.
///
/// # Errors
/// 503 while the engine is away.
pub(crate) async fn send(gateway: &Gateway, forward: Forward<'_>) -> Result<Response<Body>> {
    let mut request = Request::builder()
        .method(forward.method)
        .uri(forward.path)
        .body(forward.body)
        .map_err(|_| Error::new(Code::Invalid, "the path or query is malformed"))?;
    *request.headers_mut() = forward.headers;
    request.headers_mut().insert(PRINCIPAL_HEADER, forward.permit.principal().header());
    Ok(gateway.engine.send(request).await?)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_none_or(|kind| {
        kind.starts_with(b"application/fhir+json") || kind.starts_with(b"application/json")
    })
}

/// Whether the engine keeps to what it promised: it fails not, redirects nobody, and speaks nothing but FHIR JSON.
///
/// # Errors
/// What the caller is told instead.
pub(crate) fn check(parts: &Parts) -> Result<()> {
    if parts.status.is_server_error() && parts.status != StatusCode::NOT_IMPLEMENTED {
        tracing::error!(status = parts.status.as_u16(), "the clinical engine failed");
        return Err(EngineError::Away.into());
    }
    let redirects = parts.status.is_redirection() && parts.status != StatusCode::NOT_MODIFIED;
    if redirects || !is_json(&parts.headers) {
        return Err(EngineError::Malformed.into());
    }
    Ok(())
}

/// Sends it, and reads the whole answer of an engine that keeps to what it promised.
///
/// # Errors
/// As [`send`], as [`check`], and if the answer is too large.
pub(crate) async fn read(gateway: &Gateway, forward: Forward<'_>) -> Result<(StatusCode, Bytes)> {
    let (parts, body) = send(gateway, forward).await?.into_parts();
    check(&parts)?;
    Ok((parts.status, read_whole(body).await?))
}

/// The engine's answer as the client gets it.
pub(crate) fn clean(answer: Response<Body>) -> Result<Response<Body>> {
    let (parts, body) = answer.into_parts();
    check(&parts)?;
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    for name in &RESPONSE_HEADERS {
        if let Some(value) = parts.headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    // What is wrong with a resource is told in the engine's words, as an OperationOutcome under the plain name of JSON: they
    // are about what the caller sent. Of other refusals they may say names and ids again, and are replaced.
    if parts.status == StatusCode::UNPROCESSABLE_ENTITY && parts.headers.contains_key(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    }
    Ok(response)
}
