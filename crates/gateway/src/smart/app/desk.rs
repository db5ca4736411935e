//! The steward's desk: which apps may be used with this organisation's records.

use super::register::{APPS, Registration, Stage};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::smart::client;
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use salus_policy::Action;
use serde_json::{Value, json};

/// `GET /staff/apps`
pub(super) async fn list(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Json<Value>> {
    gateway.staff.allowed(&gateway, &headers, Action::DecideOnApps)?;
    let mut rows: Vec<Registration> =
        gateway.store.read(|tx| APPS.scan(tx, "", usize::MAX))?.into_iter().map(|(_, row)| row).collect();
    rows.sort_by_key(|row| (row.stage != Stage::Waiting, std::cmp::Reverse(row.received_ms)));
    Ok(Json(rows.iter().map(shown).collect()))
}

fn shown(row: &Registration) -> Value {
    let app = row.client.app.as_ref();
    json!({
        "id": row.client.id,
        "name": row.client.name,
        "state": row.stage,
        "receivedMs": row.received_ms,
        "decidedMs": row.decided.as_ref().map(|(at, _)| at),
        "confidential": !row.client.is_public(),
        "site": app.and_then(|app| app.site.as_ref()),
        "launchUrl": app.and_then(|app| app.launch_url.as_ref()),
        "redirects": app.map(|app| &app.redirect_uris),
        "scope": app.map(|app| app.scope.to_string()),
    })
}

/// `POST /staff/apps/{id}/approve`
pub(super) async fn approve(
    state: State<Gateway>,
    path: Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    decide(state, path, headers, Stage::Approved).await
}

/// `POST /staff/apps/{id}/refuse`
pub(super) async fn refuse(
    state: State<Gateway>,
    path: Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    decide(state, path, headers, Stage::Refused).await
}

/// `POST /staff/apps/{id}/end`: from now on nothing of the app is accepted.
pub(super) async fn end(state: State<Gateway>, path: Path<String>, headers: HeaderMap) -> Result<StatusCode> {
    decide(state, path, headers, Stage::Ended).await
}

async fn decide(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    to: Stage,
) -> Result<StatusCode> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::DecideOnApps)?;
    let by = member.id;
    gateway
        .store
        .write(move |tx| {
            let found = APPS.get_mut(tx, &id)?;
            let mut row = found.ok_or_else(|| Error::new(Code::NotFound, "there is no such app"))?;
            let from = if to == Stage::Ended { Stage::Approved } else { Stage::Waiting };
            if row.stage != from {
                return Err(Error::new(Code::Conflict, "this was decided already"));
            }
            (row.stage, row.decided) = (to, Some((clock::now_ms(), by)));
            match to {
                Stage::Approved => client::keep(tx, &row.client)?,
                Stage::Ended => client::remove(tx, &id)?,
                Stage::Waiting | Stage::Refused => {}
            }
            Ok(APPS.put(tx, &id, &row)?)
        })
        .await?;
    gateway.smart.clients.read_origins()?;
    Ok(StatusCode::NO_CONTENT)
}
