//! Reading what is final, with and without proof.

use super::immutable;
use crate::body::{Canonical, Json, Params, octets, raw};
use crate::chain::{Finalised, HEADERS_COUNT_MAX, TransactionStatus};
use crate::error::{Code, Error};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_types::proof::{ANCHORS_PER_PROOF_MAX, BatchId, CertifiedHeader, HANDOVERS_MAX, Handover};
use salus_types::state::StateKey;
use salus_types::{Bounded, Digest, TransactionId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::str::FromStr;
use std::time::Duration;

/// Longest time that a status is held back until it is not pending.
const WAIT_SECONDS_MAX: u64 = 30;

/// Largest body that asks for anchors: [`ANCHORS_PER_PROOF_MAX`] of the longest names take less.
pub(super) const ANCHORS_BYTES_MAX: usize = 4 * 1024;

/// Batches whose anchors are asked for.
type Batches = Bounded<BatchId, ANCHORS_PER_PROOF_MAX>;

pub(super) async fn head(State(gateway): State<Gateway>) -> Json<Value> {
    let head = gateway.chain().head();
    Json(json!({ "height": head.height, "timeMs": head.time_ms, "digest": head.digest }))
}

#[derive(Deserialize)]
pub(super) struct Wait {
    #[serde(default)]
    wait: u64,
}

pub(super) async fn status(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    Params(Wait { wait }): Params<Wait>,
) -> Result<Json<Value>, Error> {
    let id: TransactionId = parse(&id)?;
    let seconds = wait.min(WAIT_SECONDS_MAX);
    let mut status = gateway.chain().status(id).await;
    if status == TransactionStatus::Pending && seconds > 0 {
        let held = tokio::time::timeout(Duration::from_secs(seconds), gateway.chain().wait(id));
        // Whatever ends the waiting, the status itself says what is so.
        let _ = held.await;
        status = gateway.chain().status(id).await;
    }
    Ok(Json(shown(&status)))
}

fn shown(status: &TransactionStatus) -> Value {
    match status {
        TransactionStatus::Pending => json!({ "status": "pending" }),
        TransactionStatus::Final(Finalised { height, entry, .. }) => {
            json!({ "status": "final", "height": height, "entry": entry })
        }
        TransactionStatus::Rejected { reason } => json!({ "status": "rejected", "reason": reason }),
        TransactionStatus::Unknown => json!({ "status": "unknown" }),
    }
}

#[derive(Deserialize)]
pub(super) struct Range {
    from: u64,
    count: u64,
}

pub(super) async fn headers(
    State(gateway): State<Gateway>,
    Params(range): Params<Range>,
) -> Result<Response, Error> {
    let headers = gateway.chain().headers(range.from, range.count.min(HEADERS_COUNT_MAX)).await;
    let headers: Bounded<CertifiedHeader, { HEADERS_COUNT_MAX as usize }> =
        headers.try_into().map_err(Error::internal)?;
    Ok(octets(&headers))
}

pub(super) async fn handovers(State(gateway): State<Gateway>) -> Result<Response, Error> {
    let handovers = gateway.chain().handovers().await?;
    let handovers: Bounded<Handover, HANDOVERS_MAX> = handovers.try_into().map_err(Error::internal)?;
    Ok(octets(&handovers))
}

pub(super) async fn block(
    State(gateway): State<Gateway>,
    Path(height): Path<String>,
) -> Result<Response, Error> {
    let height = height.parse().map_err(|_| Error::new(Code::Invalid, "a height is a number"))?;
    let block =
        gateway.chain().block(height).await.ok_or_else(|| not_found("no final block has this height"))?;
    Ok(immutable(octets(&block.block)))
}

pub(super) async fn state(
    State(gateway): State<Gateway>,
    Path(key): Path<String>,
) -> Result<Response, Error> {
    let value = gateway.chain().state(state_key(&key)?).await?;
    Ok(raw(value.ok_or_else(|| not_found("nothing is under this key"))?.into()))
}

pub(super) async fn state_proof(
    State(gateway): State<Gateway>,
    Path(key): Path<String>,
) -> Result<Json<Value>, Error> {
    let proof = gateway.chain().prove_state(state_key(&key)?).await?;
    let mut answer = json!({ "height": proof.height, "proof": STANDARD.encode(proof.proof) });
    if let Some(value) = proof.value {
        answer["value"] = json!(STANDARD.encode(value));
    }
    Ok(Json(answer))
}

pub(super) async fn anchors(
    State(gateway): State<Gateway>,
    Canonical(batches): Canonical<Batches>,
) -> Result<Response, Error> {
    if batches.is_empty() {
        return Err(Error::new(Code::Invalid, "name at least one batch"));
    }
    Ok(octets(&gateway.chain().prove_anchors(&batches).await?))
}

fn state_key(text: &str) -> Result<StateKey, Error> {
    parse::<Digest>(text).map(StateKey)
}

fn parse<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::new(Code::Invalid, "the path does not parse"))
}

fn not_found(words: &'static str) -> Error {
    Error::new(Code::NotFound, words)
}
