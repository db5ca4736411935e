//! The Subscription resource, as R4 and the Subscriptions R5 Backport Implementation Guide 1.1.0 have it
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/>): read from a client, and written for it.

use super::rows::{Progress, Subscription};
use super::topic::{Filter, Topic, filters};
use crate::clock;
use crate::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where the guide's extensions and profiles are.
pub(super) const GUIDE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
/// Largest resource.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most headers, and longest one.
const HEADERS_MAX: usize = 8;
const HEADER_BYTES_MAX: usize = 2_048;
/// Shortest time between two signs of life, in seconds.
const HEARTBEAT_MIN_S: u64 = 10;
const HEARTBEAT_MAX_S: u64 = 7 * 24 * 3_600;
/// Most events in one notification.
pub(super) const EVENTS_PER_NOTIFICATION_MAX: u64 = 50;

/// How much a notification tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Content {
    /// That there is something.
    Empty,
    /// Which resource it is.
    IdOnly,
    /// The resource.
    FullResource,
}

/// How notifications get to the receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Channel {
    /// POSTed to an address.
    Hook(String),
    /// By a socket that the receiver opened.
    Socket,
}

/// What a subscription wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    /// The topic's canonical URL.
    pub(super) topic: String,
    pub(super) filters: Vec<Filter>,
    pub(super) channel: Channel,
    pub(super) content: Content,
    /// A sign of life is sent after so many seconds without anything else.
    pub(super) heartbeat_s: Option<u64>,
    /// Most events in one notification.
    pub(super) events_max: u64,
    /// When it ends, in milliseconds since 1970.
    pub(super) end_ms: Option<u64>,
}

/// What a client wants to have kept.
pub(super) struct Draft {
    /// The resource without headers and without what this node says of it.
    pub(super) text: String,
    pub(super) terms: Terms,
    /// Name and value.
    pub(super) headers: Vec<(String, String)>,
    /// It is to be kept, and nothing sent.
    pub(super) off: bool,
}

fn refuse(why: &'static str) -> Error {
    Error::new(Code::Unprocessable, why)
}

/// Reads a resource. The endpoint is checked by who calls.
///
/// # Errors
/// [`Code::Invalid`] or [`Code::Unprocessable`].
pub(super) fn read(text: &str) -> Result<Draft> {
    let mut resource: Value =
        serde_json::from_str(text).map_err(|_| Error::new(Code::Invalid, "the body is not JSON"))?;
    if resource["resourceType"] != "Subscription" {
        return Err(Error::new(Code::Invalid, "the body is no Subscription"));
    }
    if resource.get("modifierExtension").is_some() || resource["channel"].get("modifierExtension").is_some() {
        return Err(refuse("modifier extensions are not understood"));
    }
    let off = match resource["status"].as_str() {
        Some("requested" | "active") => false,
        Some("off") => true,
        _ => return Err(refuse("the status is `requested` or `off`; the rest is this node's to say")),
    };
    let headers = headers(&resource["channel"]["header"])?;
    let terms = terms(&resource)?;
    if let Some(object) = resource.as_object_mut() {
        object.retain(|name, _| !matches!(name.as_str(), "id" | "meta" | "status" | "error"));
    }
    if let Some(channel) = resource["channel"].as_object_mut() {
        channel.remove("header");
    }
    Ok(Draft { text: resource.to_string(), terms, headers, off })
}

fn terms(resource: &Value) -> Result<Terms> {
    let topic = resource["criteria"].as_str().and_then(Topic::find);
    let topic = topic.ok_or_else(|| {
        refuse("`criteria` is the canonical URL of a topic that this node offers; see `/fhir/metadata`")
    })?;
    let texts: Vec<&str> =
        extensions(&resource["_criteria"], "backport-filter-criteria").filter_map(Value::as_str).collect();
    let channel = &resource["channel"];
    let content = content(channel)?;
    let number =
        |name: &str| extensions(channel, name).next().map(|value| value.as_u64().unwrap_or_default());
    let heartbeat_s = number("backport-heartbeat-period");
    if heartbeat_s.is_some_and(|s| !(HEARTBEAT_MIN_S..=HEARTBEAT_MAX_S).contains(&s)) {
        return Err(refuse("a heartbeat period is from ten seconds to seven days"));
    }
    let events_max = number("backport-max-count").unwrap_or(EVENTS_PER_NOTIFICATION_MAX);
    if events_max == 0 {
        return Err(refuse("a notification has at least one event"));
    }
    let end_ms = resource.get("end").map(end).transpose()?;
    Ok(Terms {
        topic: topic.url(),
        filters: filters(topic, &texts)?,
        channel: channel_of(channel)?,
        content,
        heartbeat_s,
        events_max: events_max.min(EVENTS_PER_NOTIFICATION_MAX),
        end_ms,
    })
}

fn channel_of(channel: &Value) -> Result<Channel> {
    match (channel["type"].as_str(), channel["endpoint"].as_str()) {
        (Some("rest-hook"), Some(endpoint)) => Ok(Channel::Hook(endpoint.to_owned())),
        (Some("rest-hook"), None) => Err(refuse("a rest-hook needs an endpoint")),
        (Some("websocket"), None) => Ok(Channel::Socket),
        (Some("websocket"), Some(_)) => Err(refuse("a websocket has no endpoint: the receiver opens it")),
        _ => Err(refuse("the channel is `rest-hook` or `websocket`")),
    }
}

fn content(channel: &Value) -> Result<Content> {
    let content = match extensions(&channel["_payload"], "backport-payload-content").next() {
        Some(content) => serde_json::from_value(content.clone())
            .map_err(|_| refuse("the payload content is `empty`, `id-only` or `full-resource`"))?,
        None => Content::Empty,
    };
    match channel["payload"].as_str() {
        Some("application/fhir+json" | "application/json") => Ok(content),
        None if content == Content::Empty => Ok(content),
        _ => Err(refuse("the payload is `application/fhir+json`")),
    }
}

/// Values of an element's extensions of one name.
fn extensions<'a>(element: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = element["extension"].as_array().into_iter().flatten();
    let named =
        all.filter(move |one| one["url"].as_str().and_then(|url| url.strip_prefix(GUIDE)) == Some(name));
    named.filter_map(|one| {
        one.as_object()?.iter().find(|(name, _)| name.starts_with("value")).map(|(_, value)| value)
    })
}

fn headers(given: &Value) -> Result<Vec<(String, String)>> {
    if given.is_null() {
        return Ok(Vec::new());
    }
    let wrong =
        || refuse("at most eight headers of 2,048 bytes, each `Authorization: VALUE` or `X-NAME: VALUE`");
    let lines = given.as_array().filter(|lines| lines.len() <= HEADERS_MAX).ok_or_else(wrong)?;
    let header = |line: &Value| {
        let line = line.as_str().filter(|line| line.len() <= HEADER_BYTES_MAX)?;
        let (name, value) = line.split_once(':')?;
        let name = name.trim().to_ascii_lowercase();
        let may = name == "authorization" || name.starts_with("x-");
        let valid = axum::http::HeaderName::try_from(&name).is_ok()
            && axum::http::HeaderValue::from_str(value.trim()).is_ok();
        (may && valid).then(|| (name, value.trim().to_owned()))
    };
    lines.iter().map(|line| header(line).ok_or_else(wrong)).collect()
}

fn end(value: &Value) -> Result<u64> {
    let instant = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let ms = instant.and_then(|instant| u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).ok());
    ms.filter(|ms| *ms > clock::now_ms()).ok_or_else(|| refuse("`end` is an instant to come"))
}

/// The resource as its owner sees it: without the headers, which are secrets.
pub(super) fn shown(of: &Subscription, progress: &Progress, text: &str) -> Result<Value> {
    let mut resource: Value = serde_json::from_str(text).map_err(Error::internal)?;
    resource["id"] = json!(of.id);
    resource["meta"] = json!({
        "versionId": of.version.to_string(),
        "lastUpdated": clock::instant(of.updated_ms),
        "profile": [format!("{GUIDE}backport-subscription")],
    });
    resource["status"] = json!(progress.status.as_str());
    if let Some(why) = &progress.why {
        resource["error"] = json!(why);
    }
    Ok(resource)
}

#[cfg(test)]
mod tests {
    use super::super::topic::TOPICS;
    use super::*;

    /// What is wrong, and how a subscription becomes so.
    type Change = (&'static str, fn(&mut Value));

    fn subscription(change: impl FnOnce(&mut Value)) -> Value {
        let mut resource = json!({
            "resourceType": "Subscription", "status": "requested", "reason": "care",
            "criteria": TOPICS[0].url(),
            "_criteria": { "extension": [
                { "url": format!("{GUIDE}backport-filter-criteria"), "valueString": "Observation?patient=Patient/p1" },
            ] },
            "channel": {
                "extension": [
                    { "url": format!("{GUIDE}backport-heartbeat-period"), "valueUnsignedInt": 60 },
                    { "url": format!("{GUIDE}backport-max-count"), "valuePositiveInt": 5 },
                ],
                "type": "rest-hook", "endpoint": "https://ehr.example/hook",
                "header": ["Authorization: Bearer secret", "X-Tenant: 7"],
                "payload": "application/fhir+json",
                "_payload": { "extension": [
                    { "url": format!("{GUIDE}backport-payload-content"), "valueCode": "id-only" },
                ] },
            },
        });
        change(&mut resource);
        resource
    }

    #[test]
    fn a_subscription_is_understood_and_its_headers_are_kept_apart() {
        let draft = read(&subscription(|_| {}).to_string()).expect("draft");
        let Terms { content, heartbeat_s, events_max, channel, .. } = draft.terms;
        assert_eq!((content, heartbeat_s, events_max), (Content::IdOnly, Some(60), 5));
        assert_eq!(channel, Channel::Hook("https://ehr.example/hook".into()));
        let headers = [("authorization", "Bearer secret"), ("x-tenant", "7")];
        assert_eq!(draft.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(!draft.text.contains("secret") && draft.text.contains("backport-max-count"));
        assert!(!draft.off);
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        let changes: [Change; 17] = [
            ("another type", |r| r["resourceType"] = json!("Patient")),
            ("a status of ours", |r| r["status"] = json!("error")),
            ("no status", |r| r["status"] = Value::Null),
            ("a query as criteria", |r| r["criteria"] = json!("Observation?code=x")),
            ("a filter that is none", |r| {
                r["_criteria"]["extension"][0]["valueString"] = json!("Observation?code=x")
            }),
            ("e-mail", |r| r["channel"]["type"] = json!("email")),
            ("no endpoint", |r| r["channel"]["endpoint"] = Value::Null),
            ("a socket with an endpoint", |r| r["channel"]["type"] = json!("websocket")),
            ("XML", |r| r["channel"]["payload"] = json!("application/fhir+xml")),
            ("content without a payload", |r| r["channel"]["payload"] = Value::Null),
            ("content of another kind", |r| {
                r["channel"]["_payload"]["extension"][0]["valueCode"] = json!("all")
            }),
            ("a heartbeat each second", |r| r["channel"]["extension"][0]["valueUnsignedInt"] = json!(1)),
            ("no events at all", |r| r["channel"]["extension"][1]["valuePositiveInt"] = json!(0)),
            ("a header of HTTP's own", |r| r["channel"]["header"] = json!(["Host: a.example"])),
            ("a header within a header", |r| r["channel"]["header"] = json!(["X-A: b\r\nHost: c"])),
            ("an end that is over", |r| r["end"] = json!("2020-01-01T00:00:00Z")),
            ("a modifier", |r| r["modifierExtension"] = json!([{ "url": "x" }])),
        ];
        for (case, change) in changes {
            assert!(read(&subscription(change).to_string()).is_err(), "{case}");
        }
        for text in ["", "[]", "{}", "null", "\"x\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
