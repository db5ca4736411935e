//! The own access log.

use crate::body::{Json, Params};
use crate::error::Error;
use crate::log::{Entry, Page, Who};
use crate::staff::action;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use salus_policy::Action;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Range {
    /// Only entries with a smaller number.
    before: Option<u64>,
    count: Option<usize>,
}

/// Newest first. Whose record was opened is not shown: a steward watches who looks, not at whom.
pub(super) async fn log(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Params(range): Params<Range>,
) -> Result<Json<Vec<Value>>, Error> {
    gateway.staff.allowed(&gateway, &headers, Action::ViewAccessLog)?;
    let page = Page::default();
    let page = Page { before: range.before.unwrap_or(page.before), limit: range.count.unwrap_or(page.limit) };
    let entries = gateway.log.newest(page).await?;
    Ok(Json(entries.iter().map(shown).collect()))
}

fn shown(entry: &Entry) -> Value {
    let access = &entry.access;
    let who = match &access.who {
        Who::Practitioner { name, .. } => name.as_str(),
        Who::System { id } => id.as_str(),
        Who::App { name, .. } => name.as_str(),
        Who::Elsewhere { organisation, .. } => organisation.as_str(),
        Who::Proxy { .. } => "who acts for the patient",
        Who::Node => "this node",
    };
    json!({
        "number": entry.number,
        "timeMs": entry.time_ms,
        "practitioner": who,
        "action": action(access.kind),
        "purpose": access.purpose,
        "reason": access.reason,
        "count": access.count,
    })
}
