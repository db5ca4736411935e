//! The steward's side: what waits for an answer, and the answers.

use super::case::{Answer, Case};
use super::{CASES, SHOWN_MAX, find, keep, note, shown};
use crate::body::{Json, Params};
use crate::clock;
use crate::error::Error;
use crate::practitioner::Practitioner;
use crate::staff;
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use salus_policy::Action;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Range {
    /// Only cases with a smaller id.
    before: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    why: String,
}

/// Newest first, with the name of who asks.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Params(range): Params<Range>,
) -> Result<Json<Value>, Error> {
    let member = allowed(&gateway, &headers)?;
    let before = range.before;
    let rows = gateway.store.read(|tx| match &before {
        Some(before) => CASES.scan_before(tx, before, SHOWN_MAX),
        None => CASES.scan_last(tx, "", SHOWN_MAX),
    })?;
    let mut cases = Vec::with_capacity(rows.len());
    for (_, case) in rows {
        let name = staff::find_name(&gateway, &member.id, &case.patient).await?;
        let mut row = shown(&case);
        row["name"] = json!(name);
        cases.push(row);
    }
    Ok(Json(json!({ "cases": cases, "nowMs": clock::now_ms() })))
}

pub(super) async fn answer(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(answer): Json<Answer>,
) -> Result<StatusCode, Error> {
    let member = allowed(&gateway, &headers)?;
    let step = if answer.accept { "accepted" } else { "refused" };
    change(&gateway, &member, id, step, move |case| case.answer(answer, clock::now_ms())).await
}

pub(super) async fn extend(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(Why { why }): Json<Why>,
) -> Result<StatusCode, Error> {
    let member = allowed(&gateway, &headers)?;
    change(&gateway, &member, id, "put off", move |case| case.extend(&why)).await
}

pub(super) async fn lift(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(Why { why }): Json<Why>,
) -> Result<StatusCode, Error> {
    let member = allowed(&gateway, &headers)?;
    change(&gateway, &member, id, "lifted", move |case| case.lift(&why, clock::now_ms())).await
}

fn allowed(gateway: &Gateway, headers: &HeaderMap) -> Result<Practitioner, Error> {
    gateway.staff.allowed(gateway, headers, Action::AnswerCases)
}

/// Changes a case durably, and puts the step into the access log.
async fn change(
    gateway: &Gateway,
    member: &Practitioner,
    id: String,
    step: &str,
    by: impl FnOnce(&mut Case) -> Result<(), super::Refusal> + Send + 'static,
) -> Result<StatusCode, Error> {
    let case = gateway
        .store
        .write(move |tx| {
            let mut case = find(tx, &id)?;
            by(&mut case)?;
            keep(tx, &case)?;
            Ok::<_, Error>(case)
        })
        .await?;
    note(gateway, staff::who(member), &case, step).await?;
    Ok(StatusCode::NO_CONTENT)
}
