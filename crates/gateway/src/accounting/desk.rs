//! A steward makes the list for a patient who asks at the desk or in writing.

use crate::body::Json;
use crate::error::{Code, Error};
use crate::staff;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use salus_policy::Action;
use salus_verifier::AccountingFile;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    patient: String,
    #[serde(default)]
    before: Option<u64>,
}

/// The file, for the patient; that a steward made it is in the list.
pub(super) async fn make(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(Wanted { patient, before }): Json<Wanted>,
) -> Result<Json<AccountingFile>, Error> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::AnswerCases)?;
    if staff::find_name(&gateway, &member.id, &patient).await?.is_none() {
        return Err(Error::new(Code::NotFound, "there is no such patient here"));
    }
    Ok(Json(super::make(&gateway, &patient, staff::who(&member), before).await?))
}
