//! The tables of feeds: how each is doing, and what waits for a person, sealed.

use crate::clock;
use crate::error::{Code, Error};
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead, random};
use salus_types::label;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const STORE: Label = Label::new(label::FEED_STORE);
const LETTER: Label = Label::new(label::FEED_LETTER);
/// How each feed is doing, by its name.
pub(super) const STATES: Rows<State> = Rows::new("feeds");
/// What waits, by feed and number.
pub(super) const LETTERS: Rows<Letter> = Rows::new("feeds-letters");
/// Numbers of what waits, by feed and a keyed digest of the message.
const BY_CONTENT: Rows<u64> = Rows::new("feeds-letters-by-content");
/// What was discarded, by whom and why, by feed and number.
pub(super) const DISCARDED: Rows<Discarded> = Rows::new("feeds-discarded");
/// Patients of another FHIR server who were known here before: ids here, by feed and id there.
pub(super) const PEOPLE: Rows<String> = Rows::new("feeds-people");

/// Most messages that wait in one feed; beyond that they are refused, and stay with their sender.
pub(super) const LETTERS_PER_FEED_MAX: u64 = 10_000;
/// Most bytes of them.
pub(super) const LETTERS_PER_FEED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How a feed is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Messages that came.
    pub received: u64,
    /// Of them, filed.
    pub filed: u64,
    /// Of them, filed though nothing in them was new.
    pub unchanged: u64,
    /// Refused: not kept here.
    pub refused: u64,
    /// Waiting for a person.
    pub waiting: u64,
    /// Bytes of what waits.
    pub waiting_bytes: u64,
    /// Filed after all.
    pub replayed: u64,
    /// Discarded by a person.
    pub discarded: u64,
    /// When the last message came, in Unix milliseconds.
    pub last_ms: Option<u64>,
    /// What it was, such as `ORU^R01`.
    pub last_kind: Option<String>,
    /// Number of the next that waits.
    pub next: u64,
    /// Up to when another FHIR server was asked, by type, as it writes times.
    pub cursors: BTreeMap<String, String>,
    /// What was taken of the instant of the cursor: ids and versions there, by type.
    pub seen: BTreeMap<String, Vec<String>>,
}

/// A message that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Letter {
    /// When it came, in Unix milliseconds.
    pub(super) received_ms: u64,
    /// What it is, as far as it could be told.
    pub(super) kind: String,
    /// Why it was not filed, in plain words.
    pub(super) reason: String,
    /// Its length in bytes.
    pub(super) bytes: u64,
    /// How often it was tried again.
    pub(super) attempts: u32,
    /// By what it is known again; rows of earlier releases have none.
    #[serde(default)]
    content: String,
    salt: [u8; 32],
    sealed: String,
}

/// A message that a person discarded. Its contents are gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Discarded {
    time_ms: u64,
    who: String,
    reason: String,
    kind: String,
}

/// Key of a row of one feed.
pub(super) fn key(feed: &str, number: u64) -> String {
    format!("{feed}/{number:020}")
}

fn store_key(gateway: &Gateway, feed: &str, number: u64, salt: &[u8; 32]) -> Secret32 {
    kdf::derive(STORE, gateway.ports.storage.expose(), salt, &[feed.as_bytes(), &number.to_be_bytes()])
}

/// Changes how a feed is doing, durably.
pub(super) async fn change(
    gateway: &Gateway,
    feed: &str,
    change: impl FnOnce(&mut State) + Send + 'static,
) -> Result<(), Error> {
    let feed = feed.to_owned();
    gateway.store.write(move |tx| change_within(tx, &feed, change)).await.map_err(Error::from)
}

pub(super) fn change_within(
    tx: &WriteTransaction,
    feed: &str,
    change: impl FnOnce(&mut State),
) -> Result<(), StoreError> {
    let mut state = STATES.get_mut(tx, feed)?.unwrap_or_default();
    change(&mut state);
    STATES.put(tx, feed, &state)
}

pub(super) fn state(gateway: &Gateway, feed: &str) -> Result<State, Error> {
    Ok(gateway.store.read(|tx| STATES.get(tx, feed))?.unwrap_or_default())
}

/// By what a message of a feed is known again.
fn content_key(gateway: &Gateway, feed: &str, bytes: &[u8]) -> String {
    let digest = kdf::derive(LETTER, gateway.ports.storage.expose(), &[], &[feed.as_bytes(), bytes]);
    format!("{feed}/{}", hex::encode(digest.expose()))
}

/// Keeps a message, sealed; durable when this returns. One that waits already, byte for byte, waits once.
///
/// # Errors
/// [`Code::Throttled`] if too much waits already.
pub(super) async fn keep(
    gateway: &Gateway,
    feed: &str,
    kind: &str,
    reason: String,
    bytes: &[u8],
) -> Result<(), Error> {
    let (owner, feed, kind, plain) = (gateway.clone(), feed.to_owned(), kind.to_owned(), bytes.to_vec());
    gateway
        .store
        .write(move |tx| {
            let content = content_key(&owner, &feed, &plain);
            if BY_CONTENT.get_mut(tx, &content)?.is_some() {
                return Ok(());
            }
            let mut state = STATES.get_mut(tx, &feed)?.unwrap_or_default();
            let length = plain.len() as u64;
            if state.waiting >= LETTERS_PER_FEED_MAX
                || state.waiting_bytes + length > LETTERS_PER_FEED_BYTES_MAX
            {
                return Err(Error::new(Code::Throttled, "too many messages wait for a person already"));
            }
            let (number, salt) = (state.next, random::bytes());
            let sealed = aead::seal(&store_key(&owner, &feed, number, &salt), &[], &plain);
            let received_ms = clock::now_ms();
            let letter = Letter {
                received_ms,
                kind,
                reason,
                bytes: length,
                attempts: 0,
                content: content.clone(),
                salt,
                sealed: STANDARD.encode(sealed),
            };
            state.next += 1;
            state.waiting += 1;
            state.waiting_bytes += length;
            LETTERS.put(tx, &key(&feed, number), &letter)?;
            BY_CONTENT.put(tx, &content, &number)?;
            STATES.put(tx, &feed, &state)?;
            Ok(())
        })
        .await
}

/// A message that waits, and its bytes.
pub(super) fn open(gateway: &Gateway, feed: &str, number: u64) -> Result<(Letter, Vec<u8>), Error> {
    let letter = gateway.store.read(|tx| LETTERS.get(tx, &key(feed, number)))?;
    let letter = letter.ok_or(Error::new(Code::NotFound, "no such message waits in this feed"))?;
    let damaged = || Error::internal("a message of a feed does not open");
    let sealed = STANDARD.decode(&letter.sealed).map_err(|_| damaged())?;
    let plain =
        aead::open(&store_key(gateway, feed, number, &letter.salt), &[], &sealed).map_err(|_| damaged())?;
    Ok((letter, plain.to_vec()))
}

/// Takes a message out of the queue. False if it is not there any more.
pub(super) async fn settle(
    gateway: &Gateway,
    feed: &str,
    number: u64,
    discarded: Option<(String, String)>,
) -> Result<bool, Error> {
    let feed = feed.to_owned();
    let settled = gateway.store.write(move |tx| settle_within(tx, &feed, number, discarded));
    settled.await.map_err(|error: StoreError| error.into())
}

/// The same within a write.
pub(super) fn settle_within(
    tx: &WriteTransaction,
    feed: &str,
    number: u64,
    discarded: Option<(String, String)>,
) -> Result<bool, StoreError> {
    let at = key(feed, number);
    let Some(letter) = LETTERS.take(tx, &at)? else { return Ok(false) };
    BY_CONTENT.take(tx, &letter.content)?;
    let is_discarded = discarded.is_some();
    if let Some((who, reason)) = discarded {
        let row = Discarded { time_ms: clock::now_ms(), who, reason, kind: letter.kind };
        DISCARDED.put(tx, &at, &row)?;
    }
    change_within(tx, feed, |state| {
        state.waiting = state.waiting.saturating_sub(1);
        state.waiting_bytes = state.waiting_bytes.saturating_sub(letter.bytes);
        state.replayed += u64::from(!is_discarded);
        state.discarded += u64::from(is_discarded);
    })?;
    Ok(true)
}

/// A message was tried again in vain.
pub(super) async fn tried(gateway: &Gateway, feed: &str, number: u64, reason: String) -> Result<(), Error> {
    let at = key(feed, number);
    gateway
        .store
        .write(move |tx| {
            if let Some(mut letter) = LETTERS.get_mut(tx, &at)? {
                letter.attempts += 1;
                letter.reason = reason;
                LETTERS.put(tx, &at, &letter)?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .map_err(Error::from)
}
