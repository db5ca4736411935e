//! The steward's desk: how the feeds are doing, and what waits. The operator's socket asks the same.
//!
//! What waits is shown covered: what it is built of, and no name, number or value of anybody.

use super::cover::covered;
use super::rows::{self, LETTERS, State};
use super::write::ERASED;
use super::{FeedConfig, FeedKind, find, take};
use crate::body::Json;
use crate::erasure;
use crate::error::{Code, Error, Result};
use crate::log::Who;
use crate::staff;
use crate::state::Gateway;
use axum::extract::{Path, State as Of};
use axum::http::{HeaderMap, StatusCode};
use salus_policy::Action;
use serde::{Deserialize, Serialize};

/// Most that are shown at once, oldest first.
const LETTERS_SHOWN_MAX: usize = 200;
/// Most that are tried again at once.
const REPLAYS_MAX: usize = 200;
/// Longest reason for discarding, in characters.
const REASON_CHARS_MAX: usize = 500;

/// How a feed is doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// `messages`, `documents`, `folder` or `server`.
    pub kind: String,
    /// Where it listens, or what it asks.
    pub place: String,
    /// Whether what comes is encrypted on its way.
    pub encrypted: bool,
    /// Connections that are open.
    pub connections: usize,
    /// What is wrong now.
    pub trouble: Option<String>,
    /// Numbers.
    #[serde(flatten)]
    pub state: State,
}

/// A message that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Its number in its feed.
    pub number: u64,
    /// When it came, in Unix milliseconds.
    pub received_ms: u64,
    /// What it is.
    pub kind: String,
    /// Why it was not filed.
    pub reason: String,
    /// Its length.
    pub bytes: u64,
    /// How often it was tried again.
    pub attempts: u32,
    /// Whether it waits because it would bring back what was erased.
    #[serde(default)]
    pub erased: bool,
    /// The message, with letters and digits covered; for one that is looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub covered: Option<String>,
}

/// What became of messages that were tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Filed now.
    pub filed: usize,
    /// Still waiting, of those that were tried.
    pub failed: usize,
}

/// Why a message is discarded, or lets come back what was erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Discard {
    /// In words.
    pub reason: String,
}

/// How all feeds are doing.
///
/// # Errors
/// If the tables cannot be read.
pub fn overview(gateway: &Gateway) -> Result<Vec<Shown>> {
    gateway.config.feeds.iter().map(|feed| shown(gateway, feed)).collect()
}

fn shown(gateway: &Gateway, feed: &FeedConfig) -> Result<Shown> {
    let live = gateway.feeds.live(&feed.name);
    let (kind, place, encrypted) = match &feed.kind {
        FeedKind::Mllp(mllp) => ("messages", mllp.listen.to_string(), mllp.tls.is_some()),
        FeedKind::Documents => {
            let place = format!("{}/feeds/{}/documents", gateway.config.public_url, feed.name);
            ("documents", place, gateway.config.public_url.starts_with("https:"))
        }
        FeedKind::Folder(folder) => ("folder", folder.path.display().to_string(), true),
        FeedKind::Fhir(fhir) => ("server", fhir.base.to_string(), fhir.base.scheme() == "https"),
    };
    let mut state = rows::state(gateway, &feed.name)?;
    // Ids and times of another server's records are nobody's to see.
    state.cursors.clear();
    state.seen.clear();
    Ok(Shown {
        name: feed.name.clone(),
        kind: kind.to_owned(),
        place,
        encrypted,
        connections: live.connections,
        trouble: live.trouble.map(str::to_owned),
        state,
    })
}

fn known(gateway: &Gateway, feed: &str) -> Result<()> {
    find(gateway, feed).map(|_| ()).ok_or(Error::new(Code::NotFound, "there is no such feed"))
}

/// What waits in a feed, oldest first, at most 200.
///
/// # Errors
/// [`Code::NotFound`].
pub fn waiting(gateway: &Gateway, feed: &str) -> Result<Vec<Waiting>> {
    known(gateway, feed)?;
    let rows = gateway.store.read(|tx| LETTERS.scan(tx, &format!("{feed}/"), LETTERS_SHOWN_MAX))?;
    let number = |key: &str| key.rsplit('/').next().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(rows.into_iter().map(|(key, letter)| of_letter(number(&key), letter, None)).collect())
}

fn of_letter(number: u64, letter: rows::Letter, covered: Option<String>) -> Waiting {
    let rows::Letter { received_ms, kind, reason, bytes, attempts, .. } = letter;
    let erased = reason == ERASED;
    Waiting { number, received_ms, kind, reason, bytes, attempts, erased, covered }
}

/// One that waits, covered.
///
/// # Errors
/// [`Code::NotFound`].
pub fn look(gateway: &Gateway, feed: &str, number: u64) -> Result<Waiting> {
    known(gateway, feed)?;
    let (letter, bytes) = rows::open(gateway, feed, number)?;
    Ok(of_letter(number, letter, Some(covered(&bytes))))
}

/// Tries one again, or else the oldest 200.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn replay(gateway: &Gateway, feed: &str, number: Option<u64>) -> Result<Replayed> {
    let numbers = match number {
        Some(number) => vec![number],
        None => waiting(gateway, feed)?.into_iter().take(REPLAYS_MAX).map(|one| one.number).collect(),
    };
    let mut replayed = Replayed::default();
    for number in numbers {
        match take::again(gateway, feed, number, None).await? {
            Ok(()) => replayed.filed += 1,
            Err(_) => replayed.failed += 1,
        }
    }
    Ok(replayed)
}

/// Files one though it brings back records that were erased: somebody says why, and stands in the access log for it.
///
/// # Errors
/// [`Code::Invalid`] without a reason, [`Code::NotFound`]; [`Code::Conflict`] if it waits for another reason, or while an
/// erasure is carried out.
pub async fn restore(gateway: &Gateway, feed: &str, number: u64, who: Who, reason: &str) -> Result<Replayed> {
    known(gateway, feed)?;
    let reason = in_words(reason)?;
    let (letter, _) = rows::open(gateway, feed, number)?;
    if letter.reason != ERASED {
        return Err(Error::new(Code::Conflict, "nothing that was erased would come back by it"));
    }
    erasure::none_under_way(gateway).await?;
    Ok(match take::again(gateway, feed, number, Some((who, reason.to_owned()))).await? {
        Ok(()) => Replayed { filed: 1, failed: 0 },
        Err(_) => Replayed { filed: 0, failed: 1 },
    })
}

fn in_words(reason: &str) -> Result<&str> {
    let reason = reason.trim();
    match reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        true => Err(Error::new(Code::Invalid, "say why, in at most 500 characters")),
        false => Ok(reason),
    }
}

/// Discards one: its contents are deleted, who did it and why stays.
///
/// # Errors
/// [`Code::Invalid`] without a reason, [`Code::NotFound`].
pub async fn discard(gateway: &Gateway, feed: &str, number: u64, who: &str, reason: &str) -> Result<()> {
    known(gateway, feed)?;
    let reason = in_words(reason)?;
    match rows::settle(gateway, feed, number, Some((who.to_owned(), reason.to_owned()))).await? {
        true => Ok(()),
        false => Err(Error::new(Code::NotFound, "no such message waits in this feed")),
    }
}

/// `GET /staff/feeds`
pub(super) async fn list(Of(gateway): Of<Gateway>, headers: HeaderMap) -> Result<Json<Vec<Shown>>> {
    gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    overview(&gateway).map(Json)
}

/// `GET /staff/feeds/{feed}/letters`
pub(super) async fn letters(
    Of(gateway): Of<Gateway>,
    Path(feed): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Vec<Waiting>>> {
    gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    waiting(&gateway, &feed).map(Json)
}

fn number_of(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::new(Code::NotFound, "no such message waits in this feed"))
}

/// `GET /staff/feeds/{feed}/letters/{number}`
pub(super) async fn letter(
    Of(gateway): Of<Gateway>,
    Path((feed, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Waiting>> {
    gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    look(&gateway, &feed, number_of(&number)?).map(Json)
}

/// `POST /staff/feeds/{feed}/letters/{number}/replay`
pub(super) async fn replay_one(
    Of(gateway): Of<Gateway>,
    Path((feed, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Replayed>> {
    gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    replay(&gateway, &feed, Some(number_of(&number)?)).await.map(Json)
}

/// `POST /staff/feeds/{feed}/replay`
pub(super) async fn replay_all(
    Of(gateway): Of<Gateway>,
    Path(feed): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Replayed>> {
    gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    replay(&gateway, &feed, None).await.map(Json)
}

/// `POST /staff/feeds/{feed}/letters/{number}/restore`
pub(super) async fn restore_one(
    Of(gateway): Of<Gateway>,
    Path((feed, number)): Path<(String, String)>,
    headers: HeaderMap,
    Json(Discard { reason }): Json<Discard>,
) -> Result<Json<Replayed>> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    restore(&gateway, &feed, number_of(&number)?, staff::who(&member), &reason).await.map(Json)
}

/// `POST /staff/feeds/{feed}/letters/{number}/discard`
pub(super) async fn discard_one(
    Of(gateway): Of<Gateway>,
    Path((feed, number)): Path<(String, String)>,
    headers: HeaderMap,
    Json(Discard { reason }): Json<Discard>,
) -> Result<StatusCode> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::RunFeeds)?;
    discard(&gateway, &feed, number_of(&number)?, &member.name, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
