//! Making an account: with a passkey, or with a recovery code alone where a device has no passkeys.

use super::rows::{self, Account, NewSlot};
use super::with_cookie;
use crate::body::Json;
use crate::error::{Code, Error};
use crate::passkey::{Begun, Made, Subject, id_text};
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;
use webauthn_rs::prelude::{Passkey, RegisterPublicKeyCredential};

/// What a ceremony for a new account belongs to.
const NEW: &str = "new account";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finish {
    session: String,
    credential: Option<RegisterPublicKeyCredential>,
    slots: Vec<NewSlot>,
    recovery_locator: Option<String>,
    /// Whether the account takes the place of the one that is signed in, which is gone then: its passkeys, its code, what it
    /// kept, and every session.
    #[serde(default)]
    replaces: bool,
}

pub(super) async fn start(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(ask): Json<Start>,
) -> Result<Json<Begun>, Error> {
    gateway.accounts.attempts.check(caller)?;
    let name = ask.display_name.filter(|name| !name.trim().is_empty());
    let subject = Subject { user: Uuid::new_v4(), of: NEW.into() };
    gateway
        .accounts
        .passkeys
        .begin_making(subject, name.as_deref().unwrap_or("My health record"), &[])
        .map(Json)
}

pub(super) async fn finish(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Finish>,
) -> Result<Response, Error> {
    let accounts = &gateway.accounts;
    let former = ask.replaces.then(|| accounts.require(&headers)).transpose()?.map(|(user, _)| user);
    let (user, passkey) = end_ceremony(&gateway, &ask)?;
    let (slot, recovery) = rows::sort_slots(&ask.slots)?;
    if recovery.is_some() != ask.recovery_locator.is_some() {
        return Err(Error::new(Code::Invalid, "a recovery slot and its locator come together"));
    }
    if passkey.is_none() && recovery.is_none() {
        return Err(Error::new(Code::Invalid, "an account needs a passkey or a recovery code"));
    }
    let mut account = Account::default();
    let credential = passkey.as_ref().map(|passkey| id_text(passkey.cred_id()));
    if let (Some(passkey), Some(id)) = (passkey, &credential) {
        account.add_passkey(id, passkey, slot);
    }
    let locator = ask.recovery_locator.as_deref().map(rows::locator_key).transpose()?;
    if let (Some(recovery), Some(locator)) = (recovery, &locator) {
        account.set_recovery(recovery, locator.clone());
    }
    accounts
        .store
        .write(move |tx| {
            credential.iter().try_for_each(|id| rows::claim_credential(tx, id, user))?;
            locator.iter().try_for_each(|key| rows::claim_locator(tx, key, user))?;
            rows::ACCOUNTS.put(tx, &user.to_string(), &account)?;
            former.map_or(Ok(()), |former| rows::remove(tx, former))
        })
        .await?;
    if let Some(former) = former {
        accounts.sessions.close_all(&former).await?;
    }
    Ok(with_cookie(accounts.sessions.open(user).await?, StatusCode::NO_CONTENT))
}

fn end_ceremony(gateway: &Gateway, ask: &Finish) -> Result<(Uuid, Option<Passkey>), Error> {
    let passkeys = &gateway.accounts.passkeys;
    let (subject, passkey) = match &ask.credential {
        Some(answer) => {
            let Made { subject, passkey } = passkeys.finish_making(&ask.session, answer)?;
            (subject, Some(passkey))
        }
        None => (passkeys.abandon_making(&ask.session)?, None),
    };
    let new = subject.of == NEW;
    new.then_some((subject.user, passkey))
        .ok_or_else(|| Error::new(Code::Invalid, "this session makes no new account"))
}
