//! The desk: whoever has proofed the identity of a person who lost every way in gives them a code for their new device.

use super::{CODES, DeskCode, SHARES, note};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::staff;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use salus_policy::Action;
use serde::Deserialize;
use serde_json::Value;

/// How long a new device may show the code for the first time: the person stands at the desk.
const CLAIM_WITHIN_MS: u64 = 24 * 3_600 * 1_000;
/// How long the device that showed it may come back for the share.
const CODE_LIFETIME_MS: u64 = 30 * 24 * 3_600 * 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    patient: String,
}

/// Gives a code for a patient who has left a share here.
pub(super) async fn begin(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Ask>,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::Recover)?;
    let Ask { patient } = ask;
    if staff::find_name(&gateway, &member.id, &patient).await?.is_none() {
        return Err(Error::new(Code::NotFound, "this organisation has no such patient"));
    }
    let kept = gateway.store.read(|tx| SHARES.get(tx, &patient))?;
    let kept = kept.ok_or_else(|| {
        Error::new(Code::Conflict, "this patient has left no recovery share here; invite them anew instead")
    })?;
    let (code, now_ms) = (staff::new_code(), clock::now_ms());
    let row = DeskCode {
        patient: patient.clone(),
        recovery: kept.recovery,
        claim_until_ms: now_ms + CLAIM_WITHIN_MS,
        expires_ms: now_ms + CODE_LIFETIME_MS,
        device: None,
        told: false,
        released: false,
    };
    let key = staff::code_key("recovery", &code).unwrap_or_default();
    // In the log first: a code that nobody finds there must not open anything.
    note(&gateway, staff::who(&member), &patient, "gave out a code to recover the record's key").await?;
    gateway
        .store
        .write(move |tx| {
            CODES.prune(tx, |code| code.expires_ms > now_ms)?;
            CODES.put(tx, &key, &row)
        })
        .await?;
    let issued = staff::Issued::new(&gateway, &code, now_ms + CLAIM_WITHIN_MS);
    Ok(issued.at_the_desk(&gateway, "recover/shares"))
}
