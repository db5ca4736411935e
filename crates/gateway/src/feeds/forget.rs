//! What waits in feeds and is about what is erased: it is found, and destroyed.
//!
//! Nothing but the sealed message says whom it is about, so at an erasure all that waits is opened and understood again.
//! A message goes if one of its records is erased, or if it is about the person, some of it is meant, and no law keeps
//! what is meant. One that nobody can read goes if it names the person by one of their numbers: what cannot be read cannot
//! be shown to be something else.

use super::folder::{Folder, blocking, messages};
use super::rows::{LETTERS, STATES, key, settle_within};
use super::take::{Format, format_of, understand};
use super::write::subject;
use super::{FeedConfig, FeedKind, find, rows};
use crate::engine::Reach;
use crate::erasure::{Named, Scope, may_go};
use crate::error::{Code, Error, Result};
use crate::staff::patients;
use crate::state::Gateway;
use crate::store::StoreError;
use axum::http::Method;
use salus_feeds::{Mapped, to_text};
use salus_types::erasure::ErasureGround;
use salus_vault::category::category;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stays of a message that was destroyed.
const REASON: &str = "destroyed by an erasure";

/// What is erased.
pub(crate) struct Concern {
    patient: String,
    /// System and value of every number of the person here.
    numbers: BTreeSet<(String, String)>,
    scope: Scope,
    ground: ErasureGround,
    erased: BTreeSet<(String, String)>,
}

impl Concern {
    /// Of a person, with the records that are erased.
    ///
    /// # Errors
    /// The clinical store's.
    pub(crate) async fn new(
        gateway: &Gateway,
        patient: &str,
        scope: Scope,
        ground: ErasureGround,
        erased: &[Named],
    ) -> Result<Self> {
        let asker = ("erasure", Reach::Patient(patient.to_owned()));
        let path = format!("/fhir/Patient/{patient}");
        let person = patients::fetch_within(gateway, asker, Method::GET, &path, String::new()).await?;
        let numbers = person.as_ref().and_then(|person| person["identifier"].as_array());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let numbers = numbers.into_iter().flatten().map(|one| (text(&one["system"]), text(&one["value"])));
        Ok(Self {
            patient: patient.to_owned(),
            numbers: numbers.filter(|(_, value)| !value.is_empty()).collect(),
            scope,
            ground,
            erased: erased.iter().map(|named| (named.kind.clone(), named.id.clone())).collect(),
        })
    }

    /// Whether a message that was understood goes.
    fn of(&self, gateway: &Gateway, mapped: &Mapped) -> bool {
        let erased =
            |entry: &salus_feeds::Entry| self.erased.contains(&(entry.kind.to_owned(), entry.id.clone()));
        if mapped.entries.iter().any(erased) {
            return true;
        }
        let mut people = mapped.people.iter();
        let is_theirs = people
            .any(|person| person.id == self.patient || self.numbers.contains(&person.identifier))
            || mapped.entries.iter().filter_map(subject).any(|id| id == self.patient);
        let mut meant = mapped.entries.iter().filter(|entry| entry.kind != "Patient").filter_map(|entry| {
            let resource = Value::Object(entry.resource.clone());
            let category = category(entry.kind, &to_text(&resource));
            let named = Named { kind: entry.kind.to_owned(), id: entry.id.clone() };
            self.scope.means(&named, category).then(|| may_go(gateway, self.ground, category, &resource))
        });
        is_theirs && meant.next().is_some_and(|first| first && meant.all(|may_go| may_go))
    }

    /// Whether a message that nobody can read names the person.
    fn is_named_in(&self, bytes: &[u8]) -> bool {
        let named = |text: &[u8]| self.numbers.iter().any(|(_, value)| stands_in(value.as_bytes(), text));
        let (true, Some(bar)) = (bytes.starts_with(b"MSH"), bytes.get(3)) else { return named(bytes) };
        // Of a message, in the fields that say whom it is about: elsewhere a short number may count something.
        bytes.split(|byte| matches!(byte, b'\r' | b'\n')).any(|line| {
            let of = |numbers: &[usize]| {
                let fields = line.split(|byte| byte == bar).enumerate();
                fields.filter(|(at, _)| numbers.contains(at)).any(|(_, field)| named(field))
            };
            match line.get(..3) {
                Some(b"PID") => of(&[2, 3, 4, 18, 19]),
                Some(b"MRG") => of(&[1, 2, 3, 4]),
                _ => false,
            }
        })
    }
}

/// Whether a number stands in a text, and is no part of another.
fn stands_in(number: &[u8], text: &[u8]) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let ends = text.windows(number.len()).enumerate().filter(|(_, window)| *window == number);
    ends.map(|(at, _)| (at.checked_sub(1).and_then(|at| text.get(at)), text.get(at + number.len())))
        .any(|(before, after)| !is_part(before) && !is_part(after))
}

/// Feed and number of everything that waits and is concerned.
///
/// # Errors
/// If the tables cannot be read.
pub(crate) async fn concerned(gateway: &Gateway, concern: &Concern) -> Result<Vec<(String, u64)>> {
    let feeds = gateway.store.read(|tx| STATES.scan(tx, "", usize::MAX))?;
    let mut found = Vec::new();
    for (feed, state) in feeds.into_iter().filter(|(_, state)| state.waiting > 0) {
        for number in 0..state.next {
            // One by one: each may be large.
            let Some(letter) = gateway.store.read(|tx| LETTERS.get(tx, &key(&feed, number)))? else {
                continue;
            };
            match is_concerned(gateway, concern, &feed, number, &letter.kind).await {
                Ok(true) => found.push((feed.clone(), number)),
                Ok(false) => {}
                // Somebody dealt with it meanwhile.
                Err(error) if error.code() == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

async fn is_concerned(
    gateway: &Gateway,
    concern: &Concern,
    feed: &str,
    number: u64,
    kind: &str,
) -> Result<bool> {
    let (_, bytes) = rows::open(gateway, feed, number)?;
    match find(gateway, feed) {
        Some(config) => is_of(gateway, concern, config, format_of(config, kind), bytes).await,
        // Of a feed that is configured no longer nobody knows how it was meant.
        None => Ok(concern.is_named_in(&bytes)),
    }
}

async fn is_of(
    gateway: &Gateway,
    concern: &Concern,
    feed: &FeedConfig,
    format: Format,
    bytes: Vec<u8>,
) -> Result<bool> {
    let (_, mapped) = understand(gateway, feed, format, bytes.clone()).await?;
    Ok(match mapped {
        Ok(mapped) => concern.of(gateway, &mapped),
        Err(_) => concern.is_named_in(&bytes),
    })
}

/// Destroys everything that waits and is concerned; how much that was.
///
/// # Errors
/// If the tables cannot be read or written.
pub(crate) async fn forget(gateway: &Gateway, concern: &Concern) -> Result<usize> {
    let found = concerned(gateway, concern).await?;
    let count = found.len();
    if count > 0 {
        let destroyed = gateway.store.write(move |tx| {
            found.iter().try_for_each(|(feed, number)| {
                let by = ("an erasure".to_owned(), REASON.to_owned());
                settle_within(tx, feed, *number, Some(by)).map(drop)
            })
        });
        destroyed.await.map_err(|error: StoreError| Error::from(error))?;
    }
    Ok(count + forget_files(gateway, concern).await?)
}

/// Removes files that folders have put away, and that are concerned. What is in them is filed, or waits, or was said not
/// to be taken: they are copies.
async fn forget_files(gateway: &Gateway, concern: &Concern) -> Result<usize> {
    let mut count = 0;
    for feed in &gateway.config.feeds {
        let FeedKind::Folder(settings) = &feed.kind else { continue };
        let path = settings.path.clone();
        let folder = Arc::new(blocking(move || Folder::open(&path)).await.map_err(Error::internal)?);
        for (into, name) in folder.put_away_files().map_err(Error::internal)? {
            let (from, at) = (folder.clone(), name.clone());
            let bytes = blocking(move || from.read_away(into, &at)).await.map_err(Error::internal)?;
            for (format, message) in messages(&name, bytes) {
                if is_of(gateway, concern, feed, format, message).await? {
                    folder.remove(into, &name).map_err(Error::internal)?;
                    count += 1;
                    break;
                }
            }
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_a_person_where_it_stands_alone_and_says_whom_it_is_about() {
        let concern = |value: &str| Concern {
            patient: "p".into(),
            numbers: BTreeSet::from([("urn:x".to_owned(), value.to_owned())]),
            scope: Scope::Everything {},
            ground: ErasureGround::Unlawful,
            erased: BTreeSet::new(),
        };
        for (number, text, named) in [
            ("4711", "MSH|^~\\&|\rPID|1||4711^^^A^MR", true),
            ("4711", "MSH#^~\\&#\nPID#1##4711^^^A^MR", true),
            ("4711", "MSH|^~\\&|\rPID|1||1~4711^^^A^PI", true),
            ("4711", "MSH|^~\\&|\rMRG|4711", true),
            ("urn:uuid:a-1", "MSH|^~\\&|\rPID|1||urn:uuid:a-1^^^A", true),
            ("4711", "MSH|^~\\&|\rPID|1||47110^^^A~A4711", false),
            ("1", "MSH|^~\\&|\rPID|1||2^^^A\rOBX|1|NM|1", false),
            ("4711", r#"<id root="1.2" extension="4711"/>"#, true),
            ("4711", r#"<id root="1.2" extension="14711"/>"#, false),
            ("4711", r#"{"identifier":[{"value":"4711"}"#, true),
            ("4711", "MSH", false),
            ("4711", "", false),
        ] {
            assert_eq!(concern(number).is_named_in(text.as_bytes()), named, "{number} in {text}");
        }
    }
}
