//! What becomes of a message: filed, kept for a person, or refused.

use super::rows::{self, change, keep, settle, tried};
use super::write::{Filing, file, is_passing};
use super::{FeedConfig, find};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::fhir::principal::System;
use crate::log::Who;
use crate::state::Gateway;
use salus_feeds::hl7::{self, Message};
use salus_feeds::{Context, Mapped, Refusal, cda, fhir};

/// The kind of every document.
const DOCUMENT: &str = "C-CDA";

/// How bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// HL7 v2.
    Message,
    /// C-CDA.
    Document,
    /// A FHIR resource of another server.
    Resource,
}

/// How it ended. Each is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Filed.
    Stored {
        /// Resources that were new.
        written: usize,
    },
    /// Kept for a person.
    Kept(String),
    /// Not here: its kind is not taken, or something is away for the moment.
    Refused {
        /// Why.
        reason: String,
        /// Whether it should be sent again.
        again: bool,
    },
}

/// How a feed's messages are to be understood.
pub(super) fn context(gateway: &Gateway, feed: &FeedConfig) -> Context {
    Context {
        ids: gateway.feeds.ids.clone(),
        system: feed.system.clone(),
        offset: feed.offset.clone(),
        charset: feed.charset.clone(),
    }
}

/// `meta.source` of what a feed writes.
pub(super) fn source(feed: &FeedConfig) -> String {
    format!("urn:salus:feed:{}", feed.name)
}

/// Understands bytes, on a thread that may compute.
pub(super) async fn understand(
    gateway: &Gateway,
    feed: &FeedConfig,
    format: Format,
    bytes: Vec<u8>,
) -> Result<(String, std::result::Result<Mapped, Refusal>)> {
    let context = context(gateway, feed);
    let base = match &feed.kind {
        super::FeedKind::Fhir(settings) => super::pull::base(settings),
        _ => String::new(),
    };
    let resource = match format {
        Format::Resource => std::str::from_utf8(&bytes).ok().and_then(salus_feeds::from_text),
        Format::Message | Format::Document => None,
    };
    let people = match &resource {
        Some(resource) => super::pull::people(gateway, &feed.name, resource, &base)?,
        None => fhir::People::new(),
    };
    let mapping = move || match format {
        Format::Message => match hl7::read(&bytes, &context.charset) {
            Ok(message) => (kind_of(&message), hl7::map(&message, &context)),
            Err(refusal) => ("unreadable message".to_owned(), Err(refusal)),
        },
        Format::Document => (DOCUMENT.to_owned(), cda::map(&bytes, &context)),
        Format::Resource => {
            let mapped = resource.ok_or(Refusal::Malformed("it is no JSON"));
            ("FHIR".to_owned(), mapped.and_then(|resource| fhir::map(&resource, &base, &people, &context)))
        }
    };
    let _place = gateway.feeds.reading.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(mapping).await.map_err(Error::internal)
}

/// `ORU^R01`; anything may stand in MSH-9, so what is no such name is not repeated.
fn kind_of(message: &Message) -> String {
    let head = message.head();
    let plain = |text: &str| {
        (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    match plain(&head.code) && plain(&head.trigger) {
        true => format!("{}^{}", head.code, head.trigger),
        false => "unknown kind".to_owned(),
    }
}

/// Takes a message of a feed, in the name of a system.
///
/// # Errors
/// If this node's own tables do not take it: then nothing is known, and it has to be sent again.
pub(super) async fn take(
    gateway: &Gateway,
    feed: &FeedConfig,
    system: &System,
    format: Format,
    bytes: Vec<u8>,
) -> Result<Ended> {
    let (kind, mapped) = understand(gateway, feed, format, bytes.clone()).await?;
    let ended = match mapped {
        Err(Refusal::Unsupported) => {
            Ended::Refused { reason: Refusal::Unsupported.to_string(), again: false }
        }
        Err(refusal) => kept(gateway, feed, &kind, refusal.to_string(), &bytes).await?,
        Ok(mapped) => {
            match file(gateway, &Filing { system, source: source(feed), restored_by: None }, mapped).await {
                Ok(filed) => {
                    super::pull::remember(gateway, feed, format, &bytes, &filed).await?;
                    Ended::Stored { written: filed.written }
                }
                Err(error) if is_passing(&error) => {
                    Ended::Refused { reason: error.message().to_owned(), again: true }
                }
                Err(error) => kept(gateway, feed, &kind, error.message().to_owned(), &bytes).await?,
            }
        }
    };
    count(gateway, feed, kind, &ended).await?;
    Ok(ended)
}

async fn kept(
    gateway: &Gateway,
    feed: &FeedConfig,
    kind: &str,
    reason: String,
    bytes: &[u8],
) -> Result<Ended> {
    match keep(gateway, &feed.name, kind, reason.clone(), bytes).await {
        Ok(()) => Ok(Ended::Kept(reason)),
        Err(error) if error.code() == Code::Throttled => {
            Ok(Ended::Refused { reason: error.message().to_owned(), again: true })
        }
        Err(error) => Err(error),
    }
}

async fn count(gateway: &Gateway, feed: &FeedConfig, kind: String, ended: &Ended) -> Result<()> {
    let (stored, unchanged) = match ended {
        Ended::Stored { written } => (true, *written == 0),
        _ => (false, false),
    };
    let refused = matches!(ended, Ended::Refused { .. });
    change(gateway, &feed.name, move |state| {
        state.received += 1;
        state.filed += u64::from(stored);
        state.unchanged += u64::from(unchanged);
        state.refused += u64::from(refused);
        state.last_ms = Some(clock::now_ms());
        state.last_kind = Some(kind);
    })
    .await
}

/// How what waits in a feed is to be read.
pub(super) fn format_of(feed: &FeedConfig, kind: &str) -> Format {
    match &feed.kind {
        super::FeedKind::Mllp(_) => Format::Message,
        super::FeedKind::Documents => Format::Document,
        super::FeedKind::Fhir(_) => Format::Resource,
        super::FeedKind::Folder(_) if kind == DOCUMENT => Format::Document,
        super::FeedKind::Folder(_) => Format::Message,
    }
}

/// Tries a message that waits once more; says whether it is filed now, or else why not. With `restored_by`, records that
/// were erased come back by it.
///
/// # Errors
/// [`Code::NotFound`].
pub(super) async fn again(
    gateway: &Gateway,
    name: &str,
    number: u64,
    restored_by: Option<(Who, String)>,
) -> Result<std::result::Result<(), String>> {
    let feed = find(gateway, name).ok_or(Error::new(Code::NotFound, "there is no such feed"))?;
    let (letter, bytes) = rows::open(gateway, name, number)?;
    let format = format_of(feed, &letter.kind);
    let (_, mapped) = understand(gateway, feed, format, bytes.clone()).await?;
    let outcome = match mapped {
        Err(refusal) => Err(refusal.to_string()),
        Ok(mapped) => {
            let filing = Filing { system: &gateway.feeds.system(name), source: source(feed), restored_by };
            file(gateway, &filing, mapped).await.map_err(|error| error.message().to_owned())
        }
    };
    match outcome {
        Ok(filed) => {
            super::pull::remember(gateway, feed, format, &bytes, &filed).await?;
            settle(gateway, name, number, None).await?;
            Ok(Ok(()))
        }
        Err(reason) => {
            tried(gateway, name, number, reason.clone()).await?;
            Ok(Err(reason))
        }
    }
}
