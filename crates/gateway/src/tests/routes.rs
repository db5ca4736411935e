//! The list of routes comes from the router itself: paths from what it prints of itself, methods from what each path
//! says when it is asked with a method that nothing offers.

use super::world::World;
use axum::body::Body;
use axum::http::{Request, header};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

/// Method of a path that answers every method.
pub(crate) const ANY: &str = "ANY";

/// Every path template of a router, read from what it says of itself.
pub(crate) fn paths(router: &axum::Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let mut paths = BTreeSet::new();
    for piece in text.split('"').skip(1).step_by(2) {
        // `/` is the fallback: the portal's files.
        if piece.starts_with('/') && piece != "/" && !piece.contains("__private__axum") {
            paths.insert(piece.to_owned());
        }
    }
    paths
}

/// Every method and path template of a router; `HEAD` goes with `GET`.
pub(crate) async fn routes(router: &axum::Router) -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for path in paths(router) {
        let place: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let request = Request::builder().method("PROPFIND").uri(place.join("/"));
        let request =
            request.header(header::ORIGIN, crate::testing::ORIGIN).body(Body::empty()).expect("request");
        let answer = router.clone().oneshot(request).await.expect("answer");
        let allowed =
            answer.headers().get(header::ALLOW).map(|allow| allow.to_str().expect("text").to_owned());
        let allowed = allowed.unwrap_or_else(|| ANY.into());
        for method in allowed.split(',').map(str::trim).filter(|method| *method != "HEAD") {
            routes.insert((method.to_owned(), path.clone()));
        }
    }
    routes
}

#[tokio::test]
async fn the_listing_finds_a_planted_route_and_its_methods() {
    let world = World::new().await;
    let planted =
        axum::Router::new().route("/planted/{id}", axum::routing::get(|| async {}).put(|| async {}));
    let routes = routes(&crate::public_router(world.gateway.clone()).merge(planted)).await;
    for (method, path) in [
        ("GET", "/planted/{id}"),
        ("PUT", "/planted/{id}"),
        (ANY, "/fhir/{type}"),
        ("GET", "/fhir/metadata"),
        ("POST", "/smart/token"),
        ("GET", "/account/backup"),
        ("PUT", "/account/backup"),
        ("DELETE", "/account/passkeys/{slot}"),
    ] {
        assert!(routes.contains(&(method.into(), path.into())), "{method} {path}: {routes:?}");
    }
    assert!(!routes.contains(&(ANY.into(), "/planted/{id}".into())), "{routes:?}");
}
