//! Signing in with a passkey, out, and who is signed in.

use super::rows;
use crate::body::Json;
use crate::error::Error;
use crate::passkey::{Begun, id_text};
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::{Passkey, PublicKeyCredential};

#[derive(Deserialize)]
pub(super) struct Finish {
    session: String,
    credential: PublicKeyCredential,
}

pub(super) async fn start(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Begun>, Error> {
    gateway.staff.attempts.check(caller)?;
    gateway.staff.passkeys.begin_sign_in().map(Json)
}

pub(super) async fn finish(
    State(gateway): State<Gateway>,
    Json(ask): Json<Finish>,
) -> Result<Response, Error> {
    let staff = &gateway.staff;
    let (practitioner, result) =
        staff.passkeys.finish_sign_in(&ask.session, &ask.credential, |id| find(&gateway, id))?;
    let key = practitioner.clone();
    gateway
        .store
        .write(move |tx| {
            let mut member = rows::MEMBERS.get_mut(tx, &key)?.unwrap_or_default();
            member.passkeys.iter_mut().for_each(|passkey| {
                passkey.update_credential(&result);
            });
            rows::MEMBERS.put(tx, &key, &member)
        })
        .await?;
    let cookie = staff.sessions.open(practitioner).await?;
    Ok(([(header::SET_COOKIE, cookie)], StatusCode::NO_CONTENT).into_response())
}

pub(super) async fn out(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Response, Error> {
    let cookie = gateway.staff.sessions.close(&headers).await?;
    Ok(([(header::SET_COOKIE, cookie)], StatusCode::NO_CONTENT).into_response())
}

pub(super) async fn me(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Json<Value>, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    Ok(Json(json!({
        "id": member.id,
        "name": member.name,
        "role": member.role,
        "organisation": gateway.config.organisation,
    })))
}

/// The practitioner and passkey of a credential id.
fn find(gateway: &Gateway, id: &str) -> Result<Option<(String, Passkey)>, Error> {
    let found = gateway.store.read(|tx| {
        let Some(practitioner) = rows::CREDENTIALS.get(tx, id)? else { return Ok(None) };
        Ok(rows::MEMBERS.get(tx, &practitioner)?.map(|member| (practitioner, member)))
    })?;
    Ok(found.and_then(|(practitioner, member)| {
        let is = |passkey: &Passkey| id_text(passkey.cred_id()) == id;
        member.passkeys.into_iter().find(is).map(|passkey| (practitioner, passkey))
    }))
}
