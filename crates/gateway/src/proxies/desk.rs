//! The desk: whoever has seen a child's and a parent's documents gives the parent a code, and ends what was begun.

use super::guardian::{self, CODES, DeskCode};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::log::{Access, Kind, Who};
use crate::staff::{self, Issued};
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use salus_policy::Action;
use serde::Deserialize;
use serde_json::Value;

/// How long a code may be shown.
const CODE_LIFETIME_MS: u64 = 7 * 24 * 3_600 * 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    patient: String,
}

/// Gives a code for somebody who is to act for a child.
pub(super) async fn begin(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Ask>,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::AppointGuardian)?;
    let issued = issue(&gateway, (staff::who(&member), &member.id), ask.patient).await?;
    Ok(issued.at_the_desk(&gateway, "act"))
}

/// Gives a code to the operator of this node, for a system that hands out codes itself.
///
/// # Errors
/// [`Code::NotFound`] for no patient of this organisation, [`Code::Conflict`] if nobody is to be appointed for them.
pub async fn issue_code(gateway: &Gateway, patient: String) -> Result<Issued, Error> {
    issue(gateway, (Who::Node, "operator"), patient).await
}

async fn issue(gateway: &Gateway, (who, asker): (Who, &str), patient: String) -> Result<Issued, Error> {
    let born = staff::birth_date(gateway, asker, &patient).await?;
    let now_ms = clock::now_ms();
    guardian::until(born.as_deref(), gateway.config.of_age_years, now_ms)?;
    let code = staff::new_code();
    let row = DeskCode { patient: patient.clone(), expires_ms: now_ms + CODE_LIFETIME_MS, taken: None };
    let (key, expires_ms) = (staff::code_key("guardian", &code).unwrap_or_default(), row.expires_ms);
    // In the log first: a code that nobody finds there must not open anything.
    let step = "gave out a code to act for this patient";
    gateway.log.append(Access::about(who, Kind::Appointment, &patient, None, step))?.durable().await?;
    gateway
        .store
        .write(move |tx| {
            CODES.prune(tx, |code| code.expires_ms > now_ms)?;
            CODES.put(tx, &key, &row)
        })
        .await?;
    Ok(Issued::new(gateway, &code, expires_ms))
}

/// Ends every appointment for a child, on the ledger.
pub(super) async fn end(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Ask>,
) -> Result<StatusCode, Error> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::AppointGuardian)?;
    if staff::find_name(&gateway, &member.id, &ask.patient).await?.is_none() {
        return Err(Error::new(Code::NotFound, "this organisation has no such patient"));
    }
    let step = "ended that others act for this patient";
    let access = Access::about(staff::who(&member), Kind::Appointment, &ask.patient, None, step);
    gateway.log.append(access)?.durable().await?;
    guardian::end_all(&gateway, &ask.patient).await?;
    Ok(StatusCode::NO_CONTENT)
}
