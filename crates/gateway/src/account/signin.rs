//! Signing in with a passkey, and out.

use super::rows::{self, Account, Slot};
use super::with_cookie;
use crate::body::Json;
use crate::error::Error;
use crate::passkey::{Begun, id_text};
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{Passkey, PublicKeyCredential};

#[derive(Deserialize)]
pub(super) struct Finish {
    session: String,
    credential: PublicKeyCredential,
}

pub(super) async fn start(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Begun>, Error> {
    gateway.accounts.attempts.check(caller)?;
    gateway.accounts.passkeys.begin_sign_in().map(Json)
}

pub(super) async fn finish(
    State(gateway): State<Gateway>,
    Json(ask): Json<Finish>,
) -> Result<Response, Error> {
    let accounts = &gateway.accounts;
    let (user, result) =
        accounts.passkeys.finish_sign_in(&ask.session, &ask.credential, |id| find(&gateway, id))?;
    let used = id_text(result.cred_id());
    let slots = accounts
        .store
        .write(move |tx| {
            rows::change(tx, user, |account| {
                account.passkeys.iter_mut().for_each(|passkey| {
                    passkey.update_credential(&result);
                });
                account.note_use(&used);
                Ok(account.slots.iter().map(shown).collect::<Vec<_>>())
            })
        })
        .await?;
    Ok(with_cookie(accounts.sessions.open(user).await?, Json(json!({ "slots": slots }))))
}

pub(super) async fn out(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Response, Error> {
    Ok(with_cookie(gateway.accounts.sessions.close(&headers).await?, StatusCode::NO_CONTENT))
}

/// A slot as the device gets it back.
fn shown(slot: &Slot) -> Value {
    json!({ "id": slot.id, "kind": slot.kind, "sealed": slot.sealed })
}

/// The account and passkey of a credential id.
fn find(gateway: &Gateway, id: &str) -> Result<Option<(Uuid, Passkey)>, Error> {
    let found = gateway.store.read(|tx| {
        let Some(user) = rows::CREDENTIALS.get(tx, id)? else { return Ok(None) };
        Ok(rows::ACCOUNTS.get(tx, &user.to_string())?.map(|account: Account| (user, account)))
    })?;
    Ok(found.and_then(|(user, account)| {
        let is = |passkey: &Passkey| id_text(passkey.cred_id()) == id;
        account.passkeys.into_iter().find(is).map(|passkey| (user, passkey))
    }))
}
