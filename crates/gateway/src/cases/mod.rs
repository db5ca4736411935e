//! What patients ask of this organisation by their rights, and its answers: to amend a record, to restrict its use, to
//! erase records.
//!
//! Upon a letter (`letter`): opened with the organisation's X-Wing key, signed by the pairwise key of somebody enrolled
//! here, fresh, answered once; the case is on disk before the answer leaves. Upon a steward's answer (`desk`): the state
//! machine (`case`) decides what may follow. While a restriction holds, staff and systems use the record in an emergency
//! alone, and it goes on being stored. With a yes to an erasure, its work (`crate::erasure`) is durable. Every step is in the access log, where the patient sees it.
//!
//! Architecture invariant: what a case says is in this organisation's tables and in answers sealed to the patient; never on
//! the ledger, in logs or in URLs.

mod case;
mod desk;
mod letter;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use letter::answer;

use crate::erasure::{Step, WORKS, Work, progress};
use crate::error::{Code, Error};
use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::log::{Access, Kind as Logged, Who};
use crate::merge;
use crate::origin;
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use case::{Case, Kind, Refusal};
use salus_crypto::random;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Cases by id.
const CASES: Rows<Case> = Rows::new("cases");
/// Ids of cases, by `patient/id`.
const OF_PATIENT: Rows<String> = Rows::new("cases-of-patients");
/// The case by which a patient's record is restricted, by FHIR Patient id.
const RESTRICTED: Rows<String> = Rows::new("cases-restricted");

/// Cases that one patient may have open at once.
const OPEN_PER_PATIENT_MAX: usize = 20;
/// Cases of one patient in one answer, and of all in one page of the desk.
const SHOWN_MAX: usize = 200;
/// Patients whose use is restricted at once: each names itself in every request of a system to the engine.
const RESTRICTED_MAX: usize = 1_000;

/// The routes for stewards.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/cases", get(desk::list))
        .route("/staff/cases/{id}/answer", post(desk::answer))
        .route("/staff/cases/{id}/extend", post(desk::extend))
        .route("/staff/cases/{id}/lift", post(desk::lift))
        .route("/staff/cases/{id}/survey", get(desk::survey_of))
        .route("/staff/cases/{id}/dossier", get(desk::dossier_of))
        .route("/staff/erasures", post(desk::order))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}

/// Whether the use of a patient's record is restricted here.
///
/// # Errors
/// A fault of the store: nothing is to be used then either.
pub(crate) fn is_restricted(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    // Of all registrations of the person: a restriction of one holds over what was merged.
    let restricted = gateway.store.read(|tx| {
        let all = merge::group_in(tx, patient)?;
        all.iter().try_fold(false, |any, one| Ok(any || RESTRICTED.get(tx, one)?.is_some()))
    });
    Ok(restricted?)
}

/// Restricts a patient's record without a case.
#[cfg(test)]
pub(crate) async fn testing_restrict(gateway: &Gateway, patient: &str) {
    let patient = patient.to_owned();
    let kept = gateway.store.write(move |tx| RESTRICTED.put(tx, &patient, &"case".to_owned())).await;
    kept.expect("written");
}

/// Everybody whose record's use is restricted here, by FHIR Patient id.
///
/// # Errors
/// A fault of the store.
pub(crate) fn restricted(gateway: &Gateway) -> Result<Vec<String>, Error> {
    let restricted = gateway.store.read(|tx| {
        let rows = RESTRICTED.scan(tx, "", RESTRICTED_MAX)?;
        let all = rows.iter().map(|(patient, _)| merge::group_in(tx, patient));
        all.collect::<Result<Vec<_>, StoreError>>()
    })?;
    let all: BTreeSet<_> = restricted.into_iter().flatten().collect();
    Ok(all.into_iter().collect())
}

/// Whether records of a patient are being erased here, or the patient asked for that and waits for an answer.
///
/// # Errors
/// A fault of the store.
pub(crate) fn is_being_erased(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    for case in of_patient(gateway, patient)? {
        let erases = matches!(case.asked, Kind::Erasure { .. });
        let work = gateway.store.read(|tx| WORKS.get(tx, &case.id))?;
        if erases && (letter::waits(&case) || work.is_some_and(|work| work.step != Step::Ordered)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::State | Refusal::Once => Code::Conflict,
            Refusal::Words | Refusal::Ground => Code::Invalid,
        };
        Self::new(code, refusal.to_string())
    }
}

/// A new name of a case: names are in order of time.
fn new_id(now_ms: u64) -> String {
    format!("{now_ms:016x}{}", hex::encode(random::bytes::<8>()))
}

fn find(tx: &WriteTransaction, id: &str) -> Result<Case, Error> {
    let case = CASES.get_mut(tx, id)?;
    case.ok_or_else(|| Error::new(Code::NotFound, "there is no such request"))
}

/// Keeps a case, and whether it restricts.
fn keep(tx: &WriteTransaction, case: &Case) -> Result<(), Error> {
    CASES.put(tx, &case.id, case)?;
    OF_PATIENT.put(tx, &format!("{}/{}", case.patient, case.id), &case.id)?;
    if case.restricts() {
        if RESTRICTED.count(tx)? >= RESTRICTED_MAX as u64 {
            return Err(Error::new(Code::Conflict, "too many records are restricted here at once"));
        }
        RESTRICTED.put(tx, &case.patient, &case.id)?;
    } else if RESTRICTED.get_mut(tx, &case.patient)?.as_ref() == Some(&case.id) {
        RESTRICTED.take(tx, &case.patient)?;
    }
    Ok(())
}

/// A patient's cases that wait for an answer, within a write.
fn open_of(tx: &WriteTransaction, patient: &str) -> Result<Vec<Case>, Error> {
    let mut open = Vec::new();
    for (_, id) in OF_PATIENT.scan_last_mut(tx, &format!("{patient}/"), usize::MAX)? {
        open.extend(CASES.get_mut(tx, &id)?.filter(letter::waits));
    }
    Ok(open)
}

/// A patient's cases, newest first.
fn of_patient(gateway: &Gateway, patient: &str) -> Result<Vec<Case>, StoreError> {
    gateway.store.read(|tx| {
        let mut ids = Vec::new();
        for one in merge::group_in(tx, patient)? {
            ids.extend(OF_PATIENT.scan_last(tx, &format!("{one}/"), SHOWN_MAX)?);
        }
        // Ids are in order of time.
        ids.sort_by(|(_, left), (_, right)| right.cmp(left));
        ids.truncate(SHOWN_MAX);
        let cases = ids.iter().map(|(_, id)| CASES.get(tx, id)).collect::<Result<Vec<_>, _>>()?;
        Ok(cases.into_iter().flatten().collect())
    })
}

/// Puts a step into the access log; the patient finds it there.
async fn note(gateway: &Gateway, who: Who, case: &Case, step: &str) -> Result<(), Error> {
    let what = match case.asked {
        Kind::Amendment { .. } => "correction",
        Kind::Restriction { .. } => "restriction",
        Kind::Erasure { .. } => "erasure",
    };
    let access = Access::about(who, Logged::Case, &case.patient, None, format!("{step}: {what}"));
    gateway.log.append(access)?.durable().await
}

/// The erasure that was decided on in a case, of this patient if one is named.
fn erasure_of(gateway: &Gateway, id: &str, patient: Option<&str>) -> Result<Work, Error> {
    let work = gateway.store.read(|tx| WORKS.get(tx, id))?;
    let own = patient.map(|patient| merge::group(gateway, patient)).transpose()?;
    let work = work.filter(|work| own.as_ref().is_none_or(|own| own.contains(&work.patient)));
    work.ok_or_else(|| Error::new(Code::NotFound, "nothing was erased upon such a request"))
}

/// The same with how far an erasure is.
async fn shown_with_erasure(gateway: &Gateway, case: &Case) -> Result<Value, Error> {
    let mut shown = shown(case);
    if let Some(work) = gateway.store.read(|tx| WORKS.get(tx, &case.id))? {
        shown["erasure"] = progress(gateway, &work).await?;
    }
    Ok(shown)
}

/// A case as patients and stewards see it.
fn shown(case: &Case) -> Value {
    let mut shown = json!({
        "id": case.id,
        "state": case.state,
        "receivedMs": case.received_ms,
        "dueMs": case.due_ms,
        "extended": case.extended,
        "disagreement": case.disagreement,
        "by": case.by,
    });
    match &case.asked {
        Kind::Amendment { record, wrong, right } => {
            shown["kind"] = json!("amendment");
            (shown["record"], shown["wrong"], shown["right"]) = (json!(record), json!(wrong), json!(right));
        }
        Kind::Restriction { reason } => {
            (shown["kind"], shown["reason"]) = (json!("restriction"), json!(reason));
        }
        Kind::Erasure { scope, reason } => {
            (shown["kind"], shown["reason"]) = (json!("erasure"), json!(reason));
            shown["scope"] = json!(scope);
        }
    }
    if let Some((answer, time_ms)) = &case.answer {
        shown["answer"] = json!(answer);
        shown["answer"]["timeMs"] = json!(time_ms);
    }
    if let Some((why, time_ms)) = &case.ended {
        shown["ended"] = json!({ "why": why, "timeMs": time_ms });
    }
    shown
}
