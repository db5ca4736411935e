//! A clinician asks a patient for access. The patient's device finds the request in this organisation's answer to
//! [`salus_types::vault::PatientAsk::AccessLog`].

use super::charts::checked_reason;
use super::patients;
use super::rows::{self, AccessRequest};
use crate::body::Json;
use crate::cases;
use crate::clock;
use crate::error::{Code, Error};
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use salus_crypto::random;
use salus_policy::Action;
use salus_types::category::{Category, Purpose};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest time that may be asked for, in days.
const DAYS_MAX: u32 = 366;
/// How long a request is shown to the patient.
const REQUEST_LIFETIME_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Open requests about one patient; the oldest make room for a new one.
const REQUESTS_PER_PATIENT_MAX: usize = 100;
/// Open requests of one practitioner about one patient; more are refused, so that nobody pushes out all others'.
const REQUESTS_PER_ASKER_MAX: usize = 10;

#[derive(Deserialize)]
pub(super) struct Ask {
    patient: String,
    categories: Vec<Category>,
    reason: String,
    days: u32,
    #[serde(default = "treatment")]
    purpose: Purpose,
}

fn treatment() -> Purpose {
    Purpose::Treatment
}

pub(super) async fn ask(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Ask>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let reason = checked_reason(&ask.reason)?;
    super::decide(&member, Action::RequestAccess, ask.purpose, !reason.is_empty(), false)?;
    if ask.categories.is_empty() || !(1..=DAYS_MAX).contains(&ask.days) {
        return Err(Error::new(Code::Invalid, "name at least one category, and 1 to 366 days"));
    }
    let patient = patients::find(&gateway, &member.id, &ask.patient).await?;
    let patient =
        patient.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?.id;
    let restricted = cases::is_restricted(&gateway, &patient)?;
    super::decide(&member, Action::RequestAccess, ask.purpose, !reason.is_empty(), restricted)?;
    let mut categories = ask.categories;
    categories.sort_unstable_by_key(|category| category.code());
    categories.dedup();
    let now_ms = clock::now_ms();
    let request = AccessRequest {
        id: hex::encode(random::bytes::<16>()),
        practitioner: member.id,
        time_ms: now_ms,
        categories,
        reason,
        days: ask.days,
        purpose: ask.purpose,
    };
    let id = request.id.clone();
    gateway
        .store
        .write(move |tx| {
            rows::REQUESTS.prune(tx, |open| is_open(open, now_ms))?;
            let open = rows::REQUESTS.scan_last_mut(tx, &format!("{patient}/"), usize::MAX)?;
            let own = open.iter().filter(|(_, other)| other.practitioner == request.practitioner).count();
            if own >= REQUESTS_PER_ASKER_MAX {
                return Err(Error::new(
                    Code::Conflict,
                    "the patient has ten open requests of yours; wait for an answer",
                ));
            }
            for (key, _) in open.iter().skip(REQUESTS_PER_PATIENT_MAX - 1) {
                rows::REQUESTS.take(tx, key)?;
            }
            // The time first, so that requests are kept in order.
            let key = format!("{patient}/{:016x}/{}", request.time_ms, request.id);
            Ok(rows::REQUESTS.put(tx, &key, &request)?)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))))
}

/// The requests about a patient, newest first.
pub(super) fn of_patient(gateway: &Gateway, patient: &str) -> Result<Vec<Value>, Error> {
    let prefix = format!("{patient}/");
    let rows = gateway.store.read(|tx| rows::REQUESTS.scan_last(tx, &prefix, REQUESTS_PER_PATIENT_MAX))?;
    let now_ms = clock::now_ms();
    let open = rows.into_iter().map(|(_, request)| request).filter(|open| is_open(open, now_ms));
    open.map(|request| shown(gateway, request)).collect()
}

pub(super) fn is_open(request: &AccessRequest, now_ms: u64) -> bool {
    request.time_ms + REQUEST_LIFETIME_MS > now_ms
}

fn shown(gateway: &Gateway, request: AccessRequest) -> Result<Value, Error> {
    let member = gateway.practitioners.find(&request.practitioner)?;
    Ok(json!({
        "id": request.id,
        "timeMs": request.time_ms,
        "organisation": gateway.config.organisation,
        "name": member.as_ref().map(|member| member.name.as_str()),
        "role": member.as_ref().map(|member| member.role.as_str()),
        "reason": request.reason,
        "categories": request.categories,
        "days": request.days,
        "purpose": request.purpose,
    }))
}
