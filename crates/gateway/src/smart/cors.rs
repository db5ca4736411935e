//! Pages of other origins: those of registered apps may call the FHIR API and the token endpoint, and whoever wants to may
//! read what is public. No cookie is ever believed from there (`staff::Staff::session`), and none is asked for.

use crate::state::Gateway;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// What anybody's page may read.
const PUBLIC: [&str; 4] = [
    "/fhir/metadata",
    "/fhir/.well-known/smart-configuration",
    "/.well-known/openid-configuration",
    "/smart/jwks",
];
/// How long a browser remembers what it may do.
const REMEMBERED_SECONDS: &str = "600";

/// Layer of the FHIR and SMART routes that apps call.
pub(crate) async fn share(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let Some(origin) = allowed(&gateway, &request) else { return next.run(request).await };
    let asks_first = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match asks_first {
        true => preflight(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag, last-modified, location, retry-after"),
    );
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// The origin to name in the answer; `None`: the browser keeps the answer from the page.
fn allowed(gateway: &Gateway, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    if PUBLIC.contains(&request.uri().path()) {
        return Some(HeaderValue::from_static("*"));
    }
    gateway.smart.clients.has_origin(origin.to_str().ok()?).then(|| origin.clone())
}

fn preflight() -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, accept, prefer, if-match, if-none-match",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}
