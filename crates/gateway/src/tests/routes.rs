//! The list of routes comes from the router itself.

use super::world::World;
use std::collections::BTreeSet;

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

#[tokio::test]
async fn the_listing_finds_a_planted_route() {
    let world = World::new().await;
    let planted = axum::Router::new().route("/planted/{id}", axum::routing::get(|| async {}));
    let router = crate::public_router(world.gateway.clone()).merge(planted);
    let paths = paths(&router);
    assert!(paths.contains("/planted/{id}"), "{paths:?}");
    assert!(paths.contains("/fhir/{type}") && paths.contains("/smart/token"), "{paths:?}");
}
