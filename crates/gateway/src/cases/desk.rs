//! The steward's side: what waits for an answer, and the answers.

use super::case::{Answer, Case, Kind};
use super::{CASES, SHOWN_MAX, erasure_of, find, keep, new_id, note, shown_with_erasure};
use crate::body::{Json, Params};
use crate::clock;
use crate::erasure::{Named, Scope, Survey, WORKS, Work, dossier, survey};
use crate::error::{Code, Error};
use crate::practitioner::Practitioner;
use crate::staff;
use crate::state::Gateway;
use crate::store::WriteTransaction;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use salus_policy::Action;
use salus_types::category::Category;
use salus_types::erasure::ErasureGround;
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
        let mut row = shown_with_erasure(&gateway, &case).await?;
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
    let known = gateway.store.read(|tx| CASES.get(tx, &id))?;
    if let Some(Case { patient, asked: Kind::Erasure { scope, .. }, .. }) = known.filter(|_| answer.accept) {
        let work = decide(&gateway, &patient, &scope, answer.basis).await?;
        let by = move |tx: &WriteTransaction| {
            let mut case = find(tx, &id)?;
            case.answer(answer, clock::now_ms())?;
            keep(tx, &case)?;
            WORKS.put(tx, &case.id, &work)?;
            Ok(case)
        };
        return begin(&gateway, &member, step, by).await;
    }
    change(&gateway, &member, id, step, move |case| case.answer(answer, clock::now_ms())).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    patient: String,
    scope: Scope,
    basis: ErasureGround,
    words: String,
}

/// A steward has records erased that no patient asked about.
pub(super) async fn order(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(Order { patient, scope, basis, words }): Json<Order>,
) -> Result<StatusCode, Error> {
    let member = allowed(&gateway, &headers)?;
    if basis == ErasureGround::PatientRequest {
        return Err(Error::new(Code::Invalid, "what a patient asks for is answered where it was asked"));
    }
    if staff::find_name(&gateway, &member.id, &patient).await?.is_none() {
        return Err(Error::new(Code::NotFound, "there is no such patient here"));
    }
    let work = decide(&gateway, &patient, &scope, Some(basis)).await?;
    let now_ms = clock::now_ms();
    let asked = Kind::Erasure { scope, reason: words.clone() };
    let mut case = Case::open(new_id(now_ms), patient, asked, now_ms)?;
    case.answer(Answer { accept: true, ground: None, words, corrected: None, basis: Some(basis) }, now_ms)?;
    let by = move |tx: &WriteTransaction| {
        keep(tx, &case)?;
        WORKS.put(tx, &case.id, &work)?;
        Ok(case)
    };
    begin(&gateway, &member, "ordered", by).await
}

/// What is to be erased, and what is to be kept; an error if nothing may be erased.
async fn decide(
    gateway: &Gateway,
    patient: &str,
    scope: &Scope,
    basis: Option<ErasureGround>,
) -> Result<Work, Error> {
    let ground = basis.unwrap_or(ErasureGround::PatientRequest);
    let survey = survey(gateway, patient, scope, ground).await?;
    if survey.due.is_empty() && survey.messages == 0 {
        return Err(Error::new(Code::Conflict, "nothing of this may be erased on that ground"));
    }
    Ok(Work::new(patient.to_owned(), ground, scope.clone(), survey))
}

/// Keeps a decision durably, puts it into the access log, and begins.
async fn begin(
    gateway: &Gateway,
    member: &Practitioner,
    step: &str,
    by: impl FnOnce(&WriteTransaction) -> Result<Case, Error> + Send + 'static,
) -> Result<StatusCode, Error> {
    let case = gateway.store.write(by).await?;
    gateway.erasures.begun();
    note(gateway, staff::who(member), &case, step).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct Basis {
    basis: Option<ErasureGround>,
}

/// What an erasure that is asked for would concern.
pub(super) async fn survey_of(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Params(Basis { basis }): Params<Basis>,
) -> Result<Json<Value>, Error> {
    allowed(&gateway, &headers)?;
    let case = gateway.store.read(|tx| CASES.get(tx, &id))?;
    let Some(Case { patient, asked: Kind::Erasure { scope, .. }, .. }) = case else {
        return Err(Error::new(Code::NotFound, "there is no such request"));
    };
    let ground = basis.unwrap_or(ErasureGround::PatientRequest);
    let Survey { due, kept, messages } = survey(&gateway, &patient, &scope, ground).await?;
    let shown = |(named, category): &(Named, Category)| json!({ "type": named.kind, "id": named.id, "category": category });
    Ok(Json(json!({
        "dueCount": due.len(),
        "due": due.iter().take(SHOWN_MAX).map(shown).collect::<Vec<_>>(),
        "keptCount": kept.len(),
        "kept": kept.iter().take(SHOWN_MAX).collect::<Vec<_>>(),
        "messages": messages,
    })))
}

/// What anyone needs to verify an erasure.
pub(super) async fn dossier_of(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    allowed(&gateway, &headers)?;
    let work = erasure_of(&gateway, &id, None)?;
    Ok(Json(json!(dossier(&gateway, &work).await?)))
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
