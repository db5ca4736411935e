//! What a notification says, decided when it is made, by the same rules as a read by the subscription's owner: the
//! policies, the scopes, the choice of the patient, the engine's guard. What may not be read then is not told, and what was
//! told before keeps its number and says nothing more.

use super::resource::{Content, GUIDE, Terms};
use super::rows::{Change, Event, Owner, Progress, Subscription};
use crate::clock;
use crate::engine::EngineError;
use crate::error::{Error, Result};
use crate::fhir::ask::{Ask, What};
use crate::fhir::authorise::{Permit, authorise};
use crate::fhir::forward::{self, Forward};
use crate::fhir::principal::Principal;
use crate::fhir::{audit, is_id};
use crate::log::Kind;
use crate::smart::{Interaction, is_type};
use crate::state::Gateway;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

/// Largest resource in a notification.
const RESOURCE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A version that may be read.
struct Seen {
    ask: Ask,
    permit: Permit,
    text: String,
}

/// An event, and what may be told of it now.
pub(super) struct Told {
    event: Event,
    /// The text; `None`: nothing may be told.
    seen: Option<String>,
}

/// What may be told of events. What names records is in the access log before this returns.
pub(super) async fn of_events(
    gateway: &Gateway,
    principal: &Principal,
    events: Vec<Event>,
    content: Content,
) -> Result<Vec<Told>> {
    let mut told = Vec::with_capacity(events.len());
    for event in events {
        let seen = see(gateway, principal, &event.change).await?;
        if let Some(seen) = seen.as_ref().filter(|_| content != Content::Empty) {
            audit::record(gateway, principal, &seen.ask, &seen.permit, Kind::Read)?;
        }
        told.push(Told { event, seen: seen.map(|seen| seen.text) });
    }
    Ok(told)
}

/// Whether an owner may be told of a change.
pub(super) async fn may(gateway: &Gateway, principal: &Principal, change: &Change) -> Result<bool> {
    Ok(see(gateway, principal, change).await?.is_some())
}

/// Whether it could be that an owner may read records of a type of a patient: so that nothing is kept for who never may.
pub(super) fn could(owner: &Owner, of_patient: Option<&str>, change: &Change) -> bool {
    let patient = of_patient.is_none_or(|own| change.patient.as_deref().is_none_or(|patient| patient == own));
    patient && owner.scopes.allow(&change.kind, Interaction::Read)
}

/// Reads a version as the owner would; of a deletion the version before it.
async fn see(gateway: &Gateway, principal: &Principal, change: &Change) -> Result<Option<Seen>> {
    let version = match change.deleted {
        false => Some(change.version.clone()),
        true => change.version.parse::<u64>().ok().and_then(|v| v.checked_sub(1)).map(|v| v.to_string()),
    };
    let named = is_type(&change.kind) && is_id(&change.id);
    let Some(version) = version.filter(|version| named && is_id(version)) else { return Ok(None) };
    let mut ask = Ask::instance(What::Version, &change.kind, &change.id);
    ask.patient = change.patient.clone();
    let permit = match authorise(gateway, principal, &ask).await {
        Ok(permit) => permit,
        Err(refusal) if refusal.status().is_client_error() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let path = format!("/fhir/{}/{}/_history/{version}", change.kind, change.id);
    let request = Forward::new(Method::GET, &path, &permit).with(&HeaderMap::new(), Body::empty());
    let answer = forward::clean(forward::send(gateway, request).await?)?;
    if answer.status().is_client_error() {
        return Ok(None);
    }
    if answer.status() != StatusCode::OK {
        return Err(EngineError::Malformed.into());
    }
    let bytes = to_bytes(answer.into_body(), RESOURCE_BYTES_MAX).await.map_err(|_| EngineError::TooLarge)?;
    let text = String::from_utf8(bytes.into()).map_err(|_| EngineError::Malformed)?;
    let shown = permit.narrowing.as_ref().is_none_or(|narrowing| narrowing.shows(&text));
    Ok(shown.then_some(Seen { ask, permit, text }))
}

/// Kinds of notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Handshake,
    Heartbeat,
    Events,
    /// The answer to `$events`.
    Query,
}

impl Notice {
    fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Heartbeat => "heartbeat",
            Self::Events => "event-notification",
            Self::Query => "query-event",
        }
    }
}

/// The SubscriptionStatus as R4 has it: Parameters.
pub(super) fn status(
    base: &str,
    of: &Subscription,
    progress: &Progress,
    kind: &str,
    events: &[Value],
) -> Value {
    let mut parameters = vec![
        json!({ "name": "subscription", "valueReference": { "reference": format!("{base}/Subscription/{}", of.id) } }),
        json!({ "name": "topic", "valueCanonical": of.terms.topic }),
        json!({ "name": "status", "valueCode": progress.status.as_str() }),
        json!({ "name": "type", "valueCode": kind }),
        json!({ "name": "events-since-subscription-start", "valueString": progress.told.to_string() }),
    ];
    if let Some(why) = &progress.why {
        parameters.push(json!({ "name": "error", "valueCodeableConcept": { "text": why } }));
    }
    parameters.extend(events.iter().cloned());
    json!({
        "resourceType": "Parameters",
        "meta": { "profile": [format!("{GUIDE}backport-subscription-status-r4")] },
        "parameter": parameters,
    })
}

/// A notification: a history Bundle whose first entry is the status.
pub(super) fn bundle(
    base: &str,
    (of, progress): (&Subscription, &Progress),
    notice: Notice,
    told: &[Told],
    content: Content,
) -> String {
    let events: Vec<Value> = told.iter().map(|told| told.parameter(base, content)).collect();
    let address = format!("{base}/Subscription/{}/$status", of.id);
    let first = json!({
        "fullUrl": format!("urn:uuid:{}", uuid::Uuid::new_v4()),
        "resource": status(base, of, progress, notice.as_str(), &events),
        "request": { "method": "GET", "url": address },
        "response": { "status": "200" },
    });
    let mut entries = vec![first.to_string()];
    if content != Content::Empty {
        entries.extend(told.iter().filter_map(|told| told.entry(base, content)));
    }
    format!(
        r#"{{"resourceType":"Bundle","id":"{}","meta":{{"profile":["{GUIDE}backport-subscription-notification-r4"]}},"type":"history","timestamp":"{}","entry":[{}]}}"#,
        uuid::Uuid::new_v4(),
        clock::instant(clock::now_ms()),
        entries.join(",")
    )
}

impl Told {
    fn parameter(&self, base: &str, content: Content) -> Value {
        let Event { number, change } = &self.event;
        let mut parts = vec![
            json!({ "name": "event-number", "valueString": number.to_string() }),
            json!({ "name": "timestamp", "valueInstant": change.written }),
        ];
        if self.seen.is_some() && content != Content::Empty {
            let reference = format!("{base}/{}/{}", change.kind, change.id);
            parts.push(json!({ "name": "focus", "valueReference": { "reference": reference } }));
        }
        json!({ "name": "notification-event", "part": parts })
    }

    /// The entry of a change; its resource stays the text that it is.
    fn entry(&self, base: &str, content: Content) -> Option<String> {
        let text = self.seen.as_ref()?;
        let Change { kind, id, version, deleted, written, .. } = &self.event.change;
        let (request, status) = match (deleted, version.as_str()) {
            (true, _) => (json!({ "method": "DELETE", "url": format!("{kind}/{id}") }), "204"),
            (false, "1") => (json!({ "method": "POST", "url": kind }), "201"),
            (false, _) => (json!({ "method": "PUT", "url": format!("{kind}/{id}") }), "200"),
        };
        let response =
            json!({ "status": status, "etag": format!("W/\"{version}\""), "lastModified": written });
        let full = json!(format!("{base}/{kind}/{id}"));
        let resource = match content == Content::FullResource && !deleted {
            true => format!(r#""resource":{text},"#),
            false => String::new(),
        };
        Some(format!(r#"{{"fullUrl":{full},{resource}"request":{request},"response":{response}}}"#))
    }
}

/// The most that one notification of these terms tells.
pub(super) fn most(terms: &Terms) -> usize {
    terms.events_max as usize
}

/// Whether an owner is gone, as opposed to a part of this node.
pub(super) fn is_gone(error: &Error) -> bool {
    error.code() == crate::error::Code::SignIn
}
