//! Routes for the supervising `salus` alone: shares, outbox, status. They carry `x-salus-internal: 1`, so
//! that a gateway that proxies a client's path by mistake is refused.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, Request, State, rejection::JsonRejection},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use engine_core::{Error, erase::Named, shares::Import};
use serde::Deserialize;
use serde_json::json;

use crate::{outcome::Refused, server::App};

/// The largest share set in one import.
const IMPORT_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: i64,
    #[serde(default = "rows_default")]
    limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpTo {
    up_to: i64,
}

fn rows_default() -> u32 {
    1_000
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/shares", get(list_shares))
        .route("/shares/{grant}", put(import_share).delete(purge_share))
        .route("/outbox", get(read_outbox))
        .route("/outbox/ack", post(acknowledge_outbox))
        .route("/outbox/wait", get(wait_for_outbox))
        .route("/erase", post(erase))
        .route("/status", get(status))
        .layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX))
        .layer(middleware::from_fn(only_internal))
}

async fn only_internal(request: Request, next: Next) -> Response {
    match request.headers().get("x-salus-internal").map(|value| value.as_bytes()) {
        Some(b"1") => next.run(request).await,
        _ => Refused::NotInternal.into_response(),
    }
}

async fn list_shares(State(app): State<Arc<App>>) -> Response {
    answer(app.engine.shares().list().await.map(Json))
}

async fn import_share(
    State(app): State<Arc<App>>,
    Path(grant): Path<String>,
    import: Result<Json<Import>, JsonRejection>,
) -> Response {
    let Ok(Json(import)) = import else {
        return Refused::Share.because("the body is not a share set");
    };
    let count = import.resources.len();
    let written = app.engine.shares().import(&grant, import).await;
    answer(written.map(|written| Json(json!({"grant": grant, "count": count, "written": written}))))
}

async fn purge_share(State(app): State<Arc<App>>, Path(grant): Path<String>) -> Response {
    answer(app.engine.shares().purge(&grant).await.map(Json))
}

async fn read_outbox(State(app): State<Arc<App>>, Query(query): Query<After>) -> Response {
    answer(app.engine.outbox().rows(query.after, query.limit).await.map(Json))
}

async fn acknowledge_outbox(State(app): State<Arc<App>>, Json(ack): Json<UpTo>) -> Response {
    answer(app.engine.outbox().acknowledge(ack.up_to).await.map(|()| StatusCode::NO_CONTENT))
}

async fn wait_for_outbox(State(app): State<Arc<App>>, Query(query): Query<After>) -> Response {
    let mut stopping = app.stopping.clone();
    let last = tokio::select! {
        last = app.engine.outbox().wait(query.after) => last,
        _ = stopping.wait_for(|stopping| *stopping) => Ok(query.after),
    };
    answer(last.map(|last| Json(json!({"lastSeq": last}))))
}

async fn erase(State(app): State<Arc<App>>, resources: Result<Json<Vec<Named>>, JsonRejection>) -> Response {
    let Ok(Json(resources)) = resources else {
        return Refused::Share.because("the body is not a list of resources");
    };
    answer(app.engine.erase(resources).await.map(Json))
}

async fn status(State(app): State<Arc<App>>) -> Response {
    answer(app.engine.status().await.map(Json))
}

fn answer(outcome: Result<impl IntoResponse, Error>) -> Response {
    match outcome {
        Ok(body) => body.into_response(),
        Err(Error::Share(why)) => Refused::Share.because(&why),
        Err(error) => {
            tracing::error!(%error, "internal request failed");
            Refused::Failed.into_response()
        }
    }
}
