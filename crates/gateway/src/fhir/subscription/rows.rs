//! What is kept of subscriptions, and every step of it as one transaction.
//!
//! | table | under | holds |
//! |---|---|---|
//! | `subscriptions` | id | who owns it, what it wants |
//! | `subscription-texts` | id | the resource as its owner wrote it |
//! | `subscription-progress` | id | state, numbers, failures |
//! | `subscription-waiting` | id, position in the outbox | versions that concern it and are not decided on |
//! | `subscription-events` | id, number | what was told, for repeats |
//! | `subscription-cursor` | - | how far the outbox was read |
//!
//! An event gets its number when it is decided that its owner may be told, so numbers have no gaps.

use super::resource::Terms;
use crate::clock;
use crate::error::{Code, Error};
use crate::smart::Scopes;
use crate::store::{Rows, Store, StoreError, WriteTransaction};
use serde::{Deserialize, Serialize};

const SUBSCRIPTIONS: Rows<Subscription> = Rows::new("subscriptions");
const TEXTS: Rows<String> = Rows::new("subscription-texts");
const PROGRESS: Rows<Progress> = Rows::new("subscription-progress");
const WAITING: Rows<Change> = Rows::new("subscription-waiting");
const EVENTS: Rows<Event> = Rows::new("subscription-events");
const CURSOR: Rows<u64> = Rows::new("subscription-cursor");

/// Most subscriptions of this node, ...
const SUBSCRIPTIONS_MAX: u64 = 1_000;
/// ... and of one owner, ended ones among them.
const SUBSCRIPTIONS_PER_OWNER_MAX: usize = 32;
/// Most versions that wait for one subscription; one that falls behind further is ended.
const WAITING_MAX: u64 = 10_000;
/// Events of a subscription that can be asked for again.
const EVENTS_KEPT: u64 = 1_000;
/// How long an ended subscription is shown.
const ENDED_KEPT_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// First and longest pause before what failed is tried again.
const RETRY_FIRST_MS: u64 = 1_000;
const RETRY_MAX_MS: u64 = 600_000;
/// How long a receiver may fail before its subscription ends.
const FAILING_MAX_MS: u64 = 24 * 3_600 * 1_000;

/// Whose it is: a client by its own right, or an app by what somebody allowed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) client: String,
    /// The authorisation, of an app.
    pub(crate) app: Option<String>,
    /// What its token reached when it subscribed.
    pub(crate) scopes: Scopes,
}

impl Owner {
    /// Whether both are the same, whatever their tokens reach.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.client == other.client && self.app == other.app
    }
}

/// A subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) updated_ms: u64,
    pub(super) owner: Owner,
    pub(super) terms: Terms,
    /// What is sent along, sealed: salt and text, in hex.
    pub(super) headers: Option<(String, String)>,
}

/// The state of a subscription (<https://hl7.org/fhir/R4/valueset-subscription-status.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// The receiver has not answered to the handshake yet.
    Requested,
    /// All is well.
    Active,
    /// What failed is tried again.
    Error,
    /// It has ended.
    Off,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
        }
    }
}

/// How far a subscription has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) status: Status,
    /// Why it failed or ended.
    pub(super) why: Option<String>,
    /// Whether the receiver has answered to a handshake.
    pub(super) shaken: bool,
    /// Versions that wait to be decided on.
    pub(super) waiting: u64,
    /// Number of the newest event.
    pub(super) told: u64,
    /// Number up to which the receiver has them.
    pub(super) delivered: u64,
    /// Nothing is tried before.
    pub(super) next_ms: u64,
    failures: u32,
    failing_since_ms: Option<u64>,
    /// When something arrived last.
    pub(super) sent_ms: u64,
    changed_ms: u64,
}

impl Progress {
    fn new(status: Status) -> Self {
        let now_ms = clock::now_ms();
        Self {
            status,
            why: None,
            shaken: false,
            waiting: 0,
            told: 0,
            delivered: 0,
            next_ms: now_ms,
            failures: 0,
            failing_since_ms: None,
            sent_ms: now_ms,
            changed_ms: now_ms,
        }
    }

    fn end(&mut self, why: &str) {
        (self.status, self.why) = (Status::Off, Some(why.to_owned()));
        (self.waiting, self.changed_ms) = (0, clock::now_ms());
    }

    /// Counts a failure: pauses double, and after a day of nothing else it ends.
    fn fail(&mut self, why: String, now_ms: u64) {
        let since = *self.failing_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since) > FAILING_MAX_MS {
            return self.end("the receiver has failed for a day");
        }
        let pause = RETRY_FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(RETRY_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        (self.status, self.why, self.next_ms) = (Status::Error, Some(why), now_ms + pause);
    }

    fn succeed(&mut self, up_to: u64, now_ms: u64) {
        (self.status, self.why, self.shaken) = (Status::Active, None, true);
        (self.failures, self.failing_since_ms) = (0, None);
        (self.next_ms, self.sent_ms) = (now_ms, now_ms);
        self.delivered = self.delivered.max(up_to);
    }
}

/// A version that concerns a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) deleted: bool,
    pub(super) patient: Option<String>,
    /// When it was written, a FHIR instant.
    pub(super) written: String,
}

/// A change that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) change: Change,
}

fn place(id: &str, number: u64) -> String {
    format!("{id}/{number:016x}")
}

/// Keeps a new subscription.
pub(super) async fn create(store: &Store, new: Subscription, text: String, off: bool) -> Result<(), Error> {
    store
        .write(move |tx| {
            if SUBSCRIPTIONS.count(tx)? >= SUBSCRIPTIONS_MAX {
                return Err(Error::new(Code::Throttled, "this node has as many subscriptions as it takes"));
            }
            let all = SUBSCRIPTIONS.scan_last_mut(tx, "", usize::MAX)?;
            if all.iter().filter(|(_, one)| one.owner.is(&new.owner)).count() >= SUBSCRIPTIONS_PER_OWNER_MAX {
                return Err(Error::new(
                    Code::Throttled,
                    "one client has at most 32 subscriptions; delete one",
                ));
            }
            SUBSCRIPTIONS.put(tx, &new.id, &new)?;
            TEXTS.put(tx, &new.id, &text)?;
            Ok(PROGRESS.put(tx, &new.id, &Progress::new(first(off)))?)
        })
        .await
}

fn first(off: bool) -> Status {
    if off { Status::Off } else { Status::Requested }
}

/// Puts other terms in the place of an owner's; numbers go on. `false` if there is none of this owner.
pub(super) async fn replace(
    store: &Store,
    mut new: Subscription,
    text: String,
    off: bool,
) -> Result<Option<Subscription>, Error> {
    store
        .write(move |tx| {
            let Some(old) = SUBSCRIPTIONS.get_mut(tx, &new.id)?.filter(|old| old.owner.is(&new.owner)) else {
                return Ok::<_, Error>(None);
            };
            let before = PROGRESS.get_mut(tx, &new.id)?;
            let (told, delivered) = before.as_ref().map_or((0, 0), |before| (before.told, before.delivered));
            let waiting = if off { 0 } else { before.map_or(0, |before| before.waiting) };
            if off {
                forget_waiting(tx, &new.id)?;
            }
            new.version = old.version + 1;
            SUBSCRIPTIONS.put(tx, &new.id, &new)?;
            TEXTS.put(tx, &new.id, &text)?;
            let progress = Progress { told, delivered, waiting, ..Progress::new(first(off)) };
            PROGRESS.put(tx, &new.id, &progress)?;
            Ok(Some(new))
        })
        .await
}

/// Removes an owner's subscription with all that belongs to it; whether there was one.
pub(super) async fn delete(store: &Store, id: &str, owner: &Owner) -> Result<bool, StoreError> {
    let (id, owner) = (id.to_owned(), owner.clone());
    store
        .write(move |tx| match SUBSCRIPTIONS.get_mut(tx, &id)?.filter(|found| found.owner.is(&owner)) {
            Some(_) => remove(tx, &id).map(|()| true),
            None => Ok(false),
        })
        .await
}

fn remove(tx: &WriteTransaction, id: &str) -> Result<(), StoreError> {
    SUBSCRIPTIONS.take(tx, id)?;
    TEXTS.take(tx, id)?;
    PROGRESS.take(tx, id)?;
    forget_waiting(tx, id)?;
    for (key, _) in EVENTS.scan_last_mut(tx, &format!("{id}/"), usize::MAX)? {
        EVENTS.take(tx, &key)?;
    }
    Ok(())
}

fn forget_waiting(tx: &WriteTransaction, id: &str) -> Result<(), StoreError> {
    for (key, _) in WAITING.scan_last_mut(tx, &format!("{id}/"), usize::MAX)? {
        WAITING.take(tx, &key)?;
    }
    Ok(())
}

/// A subscription with its progress.
pub(super) fn find(store: &Store, id: &str) -> Result<Option<(Subscription, Progress)>, StoreError> {
    store.read(|tx| {
        let Some(found) = SUBSCRIPTIONS.get(tx, id)? else { return Ok(None) };
        Ok(PROGRESS.get(tx, id)?.map(|progress| (found, progress)))
    })
}

/// The resource as its owner wrote it.
pub(super) fn text(store: &Store, id: &str) -> Result<Option<String>, StoreError> {
    store.read(|tx| TEXTS.get(tx, id))
}

/// All subscriptions, in order of their ids.
pub(super) fn all(store: &Store) -> Result<Vec<(Subscription, Progress)>, StoreError> {
    store.read(|tx| {
        let mut all = Vec::new();
        for (id, subscription) in SUBSCRIPTIONS.scan(tx, "", usize::MAX)? {
            if let Some(progress) = PROGRESS.get(tx, &id)? {
                all.push((subscription, progress));
            }
        }
        Ok(all)
    })
}

/// How far the outbox was read.
pub(super) fn cursor(store: &Store) -> Result<u64, StoreError> {
    Ok(store.read(|tx| CURSOR.get(tx, ""))?.unwrap_or_default())
}

/// Notes what concerns whom, and that the outbox was read up to `cursor`: both or neither.
pub(super) async fn note(
    store: &Store,
    cursor: u64,
    found: Vec<(String, u64, Change)>,
) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            for (id, seq, change) in &found {
                let Some(mut progress) = PROGRESS.get_mut(tx, id)?.filter(|one| one.status != Status::Off)
                else {
                    continue;
                };
                if progress.waiting >= WAITING_MAX {
                    progress.end("more waited for the receiver than is kept");
                    forget_waiting(tx, id)?;
                } else if WAITING.put_new(tx, &place(id, *seq), change)? {
                    progress.waiting += 1;
                }
                PROGRESS.put(tx, id, &progress)?;
            }
            CURSOR.put(tx, "", &cursor)
        })
        .await
}

/// The next changes to be decided on, oldest first.
pub(super) fn waiting(store: &Store, id: &str, max: usize) -> Result<Vec<(String, Change)>, StoreError> {
    store.read(|tx| WAITING.scan(tx, &format!("{id}/"), max))
}

/// Takes changes that were decided on; those that may be told become events, in order.
pub(super) async fn decided(
    store: &Store,
    id: &str,
    decided: Vec<(String, Option<Change>)>,
) -> Result<(), StoreError> {
    let id = id.to_owned();
    store
        .write(move |tx| {
            let Some(mut progress) = PROGRESS.get_mut(tx, &id)? else { return Ok(()) };
            if decided.is_empty() {
                // The count is a convenience; a wrong one must not keep somebody busy for ever.
                progress.waiting = WAITING.scan_last_mut(tx, &format!("{id}/"), usize::MAX)?.len() as u64;
            }
            for (key, change) in decided {
                if WAITING.take(tx, &key)?.is_none() {
                    continue;
                }
                progress.waiting = progress.waiting.saturating_sub(1);
                let Some(change) = change else { continue };
                progress.told += 1;
                let event = Event { number: progress.told, change };
                EVENTS.put(tx, &place(&id, progress.told), &event)?;
                if let Some(old) = progress.told.checked_sub(EVENTS_KEPT) {
                    EVENTS.take(tx, &place(&id, old))?;
                }
            }
            PROGRESS.put(tx, &id, &progress)
        })
        .await
}

/// Events from one number to another, at most `max`.
pub(super) fn events(
    store: &Store,
    id: &str,
    (from, to): (u64, u64),
    max: usize,
) -> Result<Vec<Event>, StoreError> {
    let to = to.min(from.saturating_add(max as u64 - 1));
    store.read(|tx| {
        let mut found = Vec::new();
        for number in from..=to {
            found.extend(EVENTS.get(tx, &place(id, number))?);
        }
        Ok(found)
    })
}

/// Number of the oldest event that can be asked for again.
pub(super) fn oldest(told: u64) -> u64 {
    told.saturating_sub(EVENTS_KEPT - 1).max(1)
}

async fn change(
    store: &Store,
    id: &str,
    version: u64,
    step: impl FnOnce(&mut Progress) + Send + 'static,
) -> Result<(), StoreError> {
    let id = id.to_owned();
    store
        .write(move |tx| {
            // What was begun by terms that stand no more says nothing about those that do.
            if SUBSCRIPTIONS.get_mut(tx, &id)?.is_none_or(|now| now.version != version) {
                return Ok(());
            }
            let Some(mut progress) = PROGRESS.get_mut(tx, &id)?.filter(|now| now.status != Status::Off)
            else {
                return Ok(());
            };
            step(&mut progress);
            if progress.status == Status::Off {
                forget_waiting(tx, &id)?;
            }
            PROGRESS.put(tx, &id, &progress)
        })
        .await
}

/// The receiver has everything up to a number.
pub(super) async fn arrived(store: &Store, of: &Subscription, up_to: u64) -> Result<(), StoreError> {
    let now_ms = clock::now_ms();
    change(store, &of.id, of.version, move |progress| progress.succeed(up_to, now_ms)).await
}

/// The receiver took nothing.
pub(super) async fn failed(store: &Store, of: &Subscription, why: String) -> Result<(), StoreError> {
    let now_ms = clock::now_ms();
    change(store, &of.id, of.version, move |progress| progress.fail(why, now_ms)).await
}

/// Something of this node is away: the receiver is not to blame.
pub(super) async fn later(store: &Store, of: &Subscription) -> Result<(), StoreError> {
    let next_ms = clock::now_ms() + RETRY_FIRST_MS;
    change(store, &of.id, of.version, move |progress| progress.next_ms = next_ms).await
}

/// Ends a subscription.
pub(super) async fn end(store: &Store, of: &Subscription, why: &'static str) -> Result<(), StoreError> {
    change(store, &of.id, of.version, move |progress| progress.end(why)).await
}

/// Forgets what ended long ago.
pub(super) async fn forget(store: &Store) -> Result<(), StoreError> {
    let over = |progress: &Progress| {
        progress.status == Status::Off && progress.changed_ms + ENDED_KEPT_MS < clock::now_ms()
    };
    store
        .write(move |tx| {
            for (id, progress) in PROGRESS.scan_last_mut(tx, "", usize::MAX)? {
                if over(&progress) {
                    remove(tx, &id)?;
                }
            }
            Ok(())
        })
        .await
}
