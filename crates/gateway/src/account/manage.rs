//! What an account holds, and more or fewer passkeys for it.

use super::rows::{self, Account, NewSlot, PASSKEYS_MAX, Slot};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::passkey::{Begun, Subject, id_text};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::{Passkey, RegisterPublicKeyCredential};

/// What a ceremony for one more passkey belongs to.
const MORE: &str = "one more passkey";

#[derive(Deserialize)]
pub(super) struct Finish {
    session: String,
    credential: RegisterPublicKeyCredential,
    slots: Vec<NewSlot>,
}

/// Never 401: the portal asks this to learn whether somebody is signed in.
pub(super) async fn show(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Json<Value>, Error> {
    let account = gateway.accounts.signed_in(&headers)?.map(|(_, account)| account);
    let signed_in = account.is_some();
    let slots: Vec<Value> = account.unwrap_or_default().slots.iter().map(shown).collect();
    Ok(Json(json!({ "signedIn": signed_in, "slots": slots })))
}

fn shown(slot: &Slot) -> Value {
    let used = slot.used_ms.map(clock::instant);
    json!({ "id": slot.id, "kind": slot.kind, "created": clock::instant(slot.created_ms), "used": used })
}

pub(super) async fn add_start(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
) -> Result<Json<Begun>, Error> {
    let (user, account) = gateway.accounts.require(&headers)?;
    if account.passkeys.len() >= PASSKEYS_MAX {
        return Err(Error::new(Code::Conflict, "this account has as many passkeys as it can have"));
    }
    let subject = Subject { user, of: MORE.into() };
    gateway.accounts.passkeys.begin_making(subject, "My health record", &account.passkeys).map(Json)
}

pub(super) async fn add_finish(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Finish>,
) -> Result<StatusCode, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    let made = gateway.accounts.passkeys.finish_making(&ask.session, &ask.credential)?;
    if made.subject != (Subject { user, of: MORE.into() }) {
        return Err(Error::new(Code::Forbidden, "this session belongs to another account"));
    }
    let (slot, None) = rows::sort_slots(&ask.slots)? else {
        return Err(Error::new(Code::Invalid, "a passkey's slot is expected"));
    };
    let (id, slot) = (id_text(made.passkey.cred_id()), slot.cloned());
    gateway
        .store
        .write(move |tx| {
            rows::claim_credential(tx, &id, user)?;
            rows::change(tx, user, |account| {
                account.add_passkey(&id, made.passkey, slot.as_ref());
                Ok(())
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    gateway
        .store
        .write(move |tx| {
            rows::change(tx, user, |account| take_away(account, &id))?;
            rows::CREDENTIALS.take(tx, &id)?;
            Ok::<_, Error>(())
        })
        .await?;
    gateway.accounts.sessions.close_others(&headers, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn take_away(account: &mut Account, id: &str) -> Result<(), Error> {
    let is = |passkey: &Passkey| id_text(passkey.cred_id()) == id;
    let at = account.passkeys.iter().position(is);
    let at = at.ok_or_else(|| Error::new(Code::NotFound, "this account has no such passkey"))?;
    if account.passkeys.len() == 1 && account.recovery().is_none() {
        return Err(Error::new(Code::Conflict, "this is the last way into the account"));
    }
    account.passkeys.remove(at);
    account.slots.retain(|slot| slot.id != id);
    Ok(())
}
