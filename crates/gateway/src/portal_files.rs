//! The portal's built files. Hashed assets are kept for a year, the page itself is asked for each time; a path that
//! is neither a file nor a route of this node is one of the portal's own, and gets the page.

use crate::error::{Code, Error};
use crate::state::Config;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tower_http::services::{ServeDir, ServeFile};

/// Where the build puts files whose names change with their content.
const HASHED: &str = "/assets/";

/// First segments of this node's own routes: no page of the portal is under them.
const ROUTES: &[&str] =
    &["account", "fhir", "ledger", "links", "peer", "relay", "smart", "metrics", ".well-known"];
/// Routes under a segment that has pages of the portal too are told apart by what the browser accepts.
const PAGE: &str = "text/html";

/// What a browser may do with the portal's pages; the same as in `portal/csp.json`, which the browser tests run
/// under.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types salus",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
];

/// Serves the portal's folder, or says that there is none.
pub(crate) fn router(config: &Config) -> Router {
    let Some(folder) = &config.portal else {
        return Router::new().fallback(|| async { nothing() });
    };
    let page = ServeFile::new(folder.join("index.html")).precompressed_br().precompressed_gzip();
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip().fallback(page);
    Router::new().fallback_service(files).layer(middleware::from_fn(serve))
}

async fn serve(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !read || is_route(&path, &request) {
        return nothing();
    }
    let mut response = next.run(request).await;
    let hashed = path.starts_with(HASHED);
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(PAGE.as_bytes()));
    if hashed && is_page {
        // A file of an older build: the page in its place would be run as a script.
        return nothing();
    }
    let keep = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return nothing();
    }
    response
}

fn is_route(path: &str, request: &Request) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or("");
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    ROUTES.contains(&first) || (first == "staff" && !accepts.contains(PAGE))
}

fn nothing() -> Response {
    Error::new(Code::NotFound, "there is no such page").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Config;
    use axum::body::Body;
    use tower::ServiceExt as _;

    fn portal() -> (tempfile::TempDir, Router) {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir(folder.path().join("assets")).expect("assets");
        for (name, text) in [
            ("index.html", "<!doctype html>page"),
            ("assets/app-1a2b.js", "plain"),
            ("assets/app-1a2b.js.br", "brotli"),
            ("secret.txt", "file"),
        ] {
            std::fs::write(folder.path().join(name), text).expect("file");
        }
        let mut config = Config::new("a".parse().expect("id"), folder.path().into(), "https://a.example");
        config.portal = Some(folder.path().into());
        let router = router(&config);
        (folder, router)
    }

    async fn get(router: &Router, path: &str, encoding: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, encoding).body(Body::empty());
        let response = router.clone().oneshot(request.expect("request")).await.expect("response");
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.expect("body");
        let kept = head.headers.get(header::CACHE_CONTROL).map_or("", |value| value.to_str().expect("text"));
        (head.status, kept.to_owned(), String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn files_pages_and_routes_are_told_apart() {
        let (_folder, router) = portal();
        let year = "public, max-age=31536000, immutable";
        for (path, encoding, status, kept, text) in [
            ("/", "", 200, "no-cache", "page"),
            ("/join", "", 200, "no-cache", "page"),
            ("/record/labs/x", "", 200, "no-cache", "page"),
            ("/assets/app-1a2b.js", "", 200, year, "plain"),
            ("/assets/app-1a2b.js", "gzip, br", 200, year, "brotli"),
            ("/assets/app-old.js", "", 404, "", "not-found"),
            ("/ledger/nothing", "", 404, "", "not-found"),
            ("/staff/nothing", "", 404, "", "not-found"),
            ("/../secret.txt", "", 200, "no-cache", "page"),
        ] {
            let (found, cached, body) = get(&router, path, encoding).await;
            assert_eq!((found.as_u16(), cached.as_str()), (status, kept), "{path}");
            assert!(body.contains(text), "{path}: {body}");
        }
    }

    #[test]
    fn the_headers_are_those_that_the_browser_tests_run_under() {
        let text = include_str!("../../../portal/csp.json");
        let file: serde_json::Value = serde_json::from_str(text).expect("json");
        let expected: std::collections::BTreeMap<_, _> = HEADERS.iter().copied().collect();
        let file = file["headers"].as_object().expect("headers");
        let file: std::collections::BTreeMap<_, _> =
            file.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect();
        assert_eq!(file, expected);
    }
}
