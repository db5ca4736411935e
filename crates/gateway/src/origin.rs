//! Cross-site requests: a route that acts on a cookie answers only what this portal's own pages send.
//!
//! Browsers put `Origin` on every request that is not a simple GET, and no script can forge it. Together with
//! `SameSite=Strict` this is the defence of OWASP's "Cross-Site Request Forgery Prevention Cheat Sheet".

use crate::error::{Code, Error};
use crate::state::Gateway;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Layer of routes that act on a cookie.
pub(crate) async fn own_pages_only(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match reads || is_own(&gateway, request.headers()) {
        true => next.run(request).await,
        false => Error::new(Code::Forbidden, "this request does not come from this portal's own pages")
            .into_response(),
    }
}

/// Whether `Origin` names this portal.
pub(crate) fn is_own(gateway: &Gateway, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| {
        gateway.config.public_url == origin || gateway.config.more_origins.iter().any(|more| more == origin)
    })
}
