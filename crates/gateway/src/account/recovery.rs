//! The recovery code: found by a locator that is derived from it, of which the table holds a hash. So is the slot that the
//! root itself opens, once it is put together again from its recovery shares.
//!
//! Every locator gets an answer of the same shape and length; for one that is not known it is a decoy, always
//! the same for the same locator, that no code opens. A cookie is set either way; the decoy's opens nothing.

use super::rows::{self, Kind, NewSlot};
use super::with_cookie;
use crate::body::Json;
use crate::error::{Code, Error};
use crate::rate::Caller;
use crate::state::Gateway;
use crate::store::{Rows, Store, StoreError, WriteTransaction};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_crypto::hash::hash;
use salus_crypto::random;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// Secrets of this node's own, by use.
const SECRETS: Rows<String> = Rows::new("account-secrets");
/// First byte of a sealed slot: its version.
const SLOT_VERSION: u8 = 1;
/// Length of a sealed slot after its first byte: salt, root and tag.
const SLOT_REST_BYTES: usize = 32 + 32 + 16;

#[derive(Deserialize)]
pub(super) struct Find {
    locator: String,
}

#[derive(Deserialize)]
pub(super) struct Shares {
    sealed: String,
    locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replace {
    slot: NewSlot,
    recovery_locator: String,
}

pub(super) async fn find(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(ask): Json<Find>,
) -> Result<Response, Error> {
    let accounts = &gateway.accounts;
    accounts.recoveries.check(caller)?;
    let key = rows::locator_key(&ask.locator)?;
    let found = accounts.store.read(|tx| {
        let Some(user) = rows::LOCATORS.get(tx, &key)? else { return Ok(None) };
        let account = rows::ACCOUNTS.get(tx, &user.to_string())?;
        let slot = account.as_ref().and_then(|account| account.found_by(&key));
        Ok(slot.map(|slot| (user, slot.id.clone(), slot.sealed.clone())))
    })?;
    let (user, slot, sealed) =
        found.unwrap_or_else(|| (Uuid::nil(), String::new(), decoy(&accounts.decoy_key, &key)));
    accounts.store.write(move |tx| note_use(tx, user, &slot)).await?;
    Ok(with_cookie(accounts.sessions.open(user).await?, Json(json!({ "sealed": sealed }))))
}

/// Notes that a slot was given out; for a decoy it writes as well, so that it takes as long.
fn note_use(tx: &WriteTransaction, user: Uuid, slot: &str) -> Result<(), StoreError> {
    let key = user.to_string();
    let mut account = rows::ACCOUNTS.get_mut(tx, &key)?;
    account.iter_mut().for_each(|account| account.note_use(slot));
    account.map_or(Ok(()), |account| rows::ACCOUNTS.put(tx, &key, &account))
}

pub(super) async fn replace(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Replace>,
) -> Result<StatusCode, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    let slots = [ask.slot];
    let (None, Some(slot)) = rows::sort_slots(&slots)? else {
        return Err(Error::new(Code::Invalid, "a recovery slot is expected"));
    };
    let (slot, key) = (slot.clone(), rows::locator_key(&ask.recovery_locator)?);
    gateway
        .store
        .write(move |tx| {
            let old = rows::change(tx, user, |account| Ok(account.set_recovery(&slot, key.clone())))?;
            if let Some(old) = old {
                rows::LOCATORS.take(tx, &old)?;
            }
            rows::claim_locator(tx, &key, user)
        })
        .await?;
    gateway.accounts.sessions.close_others(&headers, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps a slot that the root itself opens, for whoever puts it together again from shares.
pub(super) async fn keep_shares(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Shares>,
) -> Result<StatusCode, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    rows::check_sealed(&ask.sealed)?;
    let (slot, key) = (NewSlot { kind: Kind::Shares, sealed: ask.sealed }, rows::locator_key(&ask.locator)?);
    gateway
        .store
        .write(move |tx| {
            change_shares(tx, user, Some((&slot, key.clone())))?;
            rows::claim_locator(tx, &key, user)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shares open this account no more.
pub(super) async fn drop_shares(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    gateway.store.write(move |tx| change_shares(tx, user, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn change_shares(tx: &WriteTransaction, user: Uuid, new: Option<(&NewSlot, String)>) -> Result<(), Error> {
    let old = rows::change(tx, user, |account| Ok(account.set_shares(new)))?;
    if let Some(old) = old {
        rows::LOCATORS.take(tx, &old)?;
    }
    Ok(())
}

/// The secret from which decoys are made; made once.
pub(super) fn decoy_key(store: &Store) -> Result<String, StoreError> {
    store.write_blocking(|tx| {
        if let Some(key) = SECRETS.get_mut(tx, "decoy")? {
            return Ok(key);
        }
        let key = hex::encode(random::bytes::<32>());
        SECRETS.put(tx, "decoy", &key)?;
        Ok(key)
    })
}

fn decoy(key: &str, locator: &str) -> String {
    let blocks =
        (0u8..).flat_map(|n| hash("salus/decoy-slot/v1", &[key.as_bytes(), locator.as_bytes(), &[n]]).0);
    let bytes: Vec<u8> = [SLOT_VERSION].into_iter().chain(blocks.take(SLOT_REST_BYTES)).collect();
    STANDARD.encode(bytes)
}
