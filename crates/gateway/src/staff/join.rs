//! Joining: a one-time code makes a passkey.

use super::bootstrap::{self, NewMember};
use super::rows::{self, JoiningCode};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::passkey::{Begun, Subject, id_text};
use crate::practitioner::Role;
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::RegisterPublicKeyCredential;

#[derive(Deserialize)]
pub(super) struct Start {
    code: String,
}

#[derive(Deserialize)]
pub(super) struct Finish {
    code: String,
    session: String,
    credential: RegisterPublicKeyCredential,
}

#[derive(Deserialize)]
pub(super) struct Add {
    id: String,
    name: String,
    role: Role,
}

/// Says the same for every code that does not work.
fn no_such_code() -> Error {
    Error::new(Code::Gone, "this joining code is unknown, used or too old")
}

pub(super) async fn start(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(ask): Json<Start>,
) -> Result<Json<Begun>, Error> {
    gateway.staff.attempts.check(caller)?;
    let key = rows::code_key("join", &ask.code).ok_or_else(no_such_code)?;
    let found = gateway.store.read(|tx| {
        let code = rows::JOINING.get(tx, &key)?;
        let member =
            code.as_ref().map(|code| rows::MEMBERS.get(tx, &code.practitioner)).transpose()?.flatten();
        Ok(code.map(|code| (code, member.unwrap_or_default())))
    })?;
    let (code, member) =
        found.filter(|(code, _)| !rows::is_over(code.expires_ms)).ok_or_else(no_such_code)?;
    let practitioner = gateway.practitioners.find(&code.practitioner)?.ok_or_else(no_such_code)?;
    let subject = Subject { user: member.user, of: key };
    gateway.staff.passkeys.begin_making(subject, &practitioner.name, &member.passkeys).map(Json)
}

pub(super) async fn finish(
    State(gateway): State<Gateway>,
    Json(ask): Json<Finish>,
) -> Result<Response, Error> {
    let made = gateway.staff.passkeys.finish_making(&ask.session, &ask.credential)?;
    let key = rows::code_key("join", &ask.code).ok_or_else(no_such_code)?;
    if made.subject.of != key {
        return Err(Error::new(Code::Forbidden, "this session belongs to another code"));
    }
    let practitioner = gateway
        .store
        .write(move |tx| {
            let JoiningCode { practitioner, expires_ms } =
                rows::JOINING.take(tx, &key)?.ok_or_else(no_such_code)?;
            if rows::is_over(expires_ms) {
                return Err(no_such_code());
            }
            if !rows::CREDENTIALS.put_new(tx, &id_text(made.passkey.cred_id()), &practitioner)? {
                return Err(Error::new(Code::Conflict, "this passkey is registered already"));
            }
            let mut member = rows::MEMBERS.get_mut(tx, &practitioner)?.unwrap_or_default();
            member.user = made.subject.user;
            member.passkeys.push(made.passkey);
            rows::MEMBERS.put(tx, &practitioner, &member)?;
            Ok(practitioner)
        })
        .await?;
    let cookie = gateway.staff.sessions.open(practitioner).await?;
    Ok(([(header::SET_COOKIE, cookie)], StatusCode::NO_CONTENT).into_response())
}

/// A steward brings somebody in, or gives a colleague a code for one more passkey.
pub(super) async fn add_member(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Add>,
) -> Result<Json<Value>, Error> {
    if gateway.staff.member(&gateway, &headers)?.role != Role::Steward {
        return Err(Error::new(Code::Forbidden, "only a steward brings staff in"));
    }
    let new = NewMember { id: ask.id, name: ask.name, role: ask.role };
    let joining = bootstrap::add(&gateway, &new).await?;
    Ok(Json(json!({ "code": joining.code, "expires": clock::instant(joining.expires_ms) })))
}
