//! Bulk data over the real routes, with a fake engine.

mod export;
mod import;

use crate::tests::world::{Answer, World};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

async fn send(world: &World, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("prefer", "respond-async")
        .header(header::CONTENT_TYPE, "application/fhir+json");
    world.send(request.body(Body::from(body.to_owned())).expect("request")).await
}

fn path_of(url: &str) -> String {
    url.strip_prefix(crate::testing::ORIGIN).expect("this node").to_owned()
}

/// Where the answer to a kick-off says to ask.
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    path_of(answer.headers[header::CONTENT_LOCATION].to_str().expect("text"))
}
