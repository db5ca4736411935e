//! A place where two people who share a code leave each other letters: who invites, and who is to act.
//!
//! What is in a letter is sealed under a key that is derived from the code, as its name is: this portal knows neither. A
//! letter is left once and never replaced, so that nobody who learns of its name changes what was said.

use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::rate::Caller;
use crate::state::Gateway;
use crate::store::Rows;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use salus_crypto::hash::hash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Letters by hash of their name.
pub(super) const LETTERS: Rows<Left> = Rows::new("account-letters");
/// How long a letter is kept: two people find an evening.
const LETTER_LIFETIME_MS: u64 = 14 * 24 * 3_600 * 1_000;
/// Letters that are kept at once.
const LETTERS_MAX: u64 = 10_000;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Left {
    sealed: String,
    pub(super) until_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    locator: String,
    sealed: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    locator: String,
}

fn row_key(locator: &str) -> Result<String, Error> {
    let bytes: Option<[u8; 32]> = hex::decode(locator).ok().and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or_else(|| Error::new(Code::Invalid, "this is no letter's name"))?;
    Ok(hash("salus/account-letter/v1", &[&bytes]).to_string())
}

/// Leaves a letter. The same letter again is one; another under its name is refused.
pub(super) async fn keep(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    Json(ask): Json<Keep>,
) -> Result<StatusCode, Error> {
    gateway.accounts.letters_for(caller, &headers)?;
    let (key, now_ms) = (row_key(&ask.locator)?, clock::now_ms());
    let row = Left { sealed: ask.sealed, until_ms: now_ms + LETTER_LIFETIME_MS };
    gateway
        .store
        .write(move |tx| {
            if LETTERS.count(tx)? >= LETTERS_MAX {
                LETTERS.prune(tx, |letter| letter.until_ms > now_ms)?;
            }
            if LETTERS.count(tx)? >= LETTERS_MAX {
                return Err(Error::new(Code::Throttled, "too many letters are kept here").retry_after(3_600));
            }
            let known = LETTERS.get_mut(tx, &key)?.filter(|letter| letter.until_ms > now_ms);
            match known {
                Some(letter) if letter.sealed == row.sealed => Ok(()),
                Some(_) => Err(Error::new(Code::Conflict, "this has been answered already")),
                None => Ok(LETTERS.put(tx, &key, &row)?),
            }
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a letter; `null` if there is none yet.
pub(super) async fn read(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    Json(ask): Json<Read>,
) -> Result<Json<Value>, Error> {
    gateway.accounts.letters_for(caller, &headers)?;
    let (key, now_ms) = (row_key(&ask.locator)?, clock::now_ms());
    let letter = gateway.store.read(|tx| LETTERS.get(tx, &key))?;
    let letter = letter.filter(|letter| letter.until_ms > now_ms);
    Ok(Json(json!({ "sealed": letter.map(|letter| letter.sealed) })))
}
