//! Into the clinical store: compared with what is there, and what is new written as one transaction, by the path of
//! every other client.

use super::Feeds;
use crate::engine::EngineError;
use crate::erasure;
use crate::error::{Code, Error, Result};
use crate::fhir::FHIR_JSON;
use crate::fhir::ask::Ask;
use crate::fhir::authorise::{Permit, authorise};
use crate::fhir::forward::{self, Forward};
use crate::fhir::principal::{Principal, System};
use crate::log::{Access, Kind, Who};
use crate::state::Gateway;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use salus_feeds::{Entry, Known, Mapped, Person, from_text, plan};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most resources that are asked for at once.
const READS_PER_BATCH_MAX: usize = 500;

const FORM: &str = "application/x-www-form-urlencoded";

/// What is said of a message with a record that was erased here.
pub(super) const ERASED: &str = "it holds records that were erased here, and would bring them back";

/// In whose name something is filed.
pub(super) struct Filing<'a> {
    /// Whose rights count, and who is said to have written it.
    pub(super) system: &'a System,
    /// `meta.source` of what is written.
    pub(super) source: String,
    /// Who lets records that were erased come back, and why.
    pub(super) restored_by: Option<(Who, String)>,
}

/// What was filed.
#[derive(Debug, Default)]
pub(super) struct Filed {
    /// Resources that were written.
    pub(super) written: usize,
    /// People who were known here before, under another id: that one, by the id that the feed gave.
    pub(super) known: BTreeMap<String, String>,
}

impl Feeds {
    /// The feed as who asks.
    pub(super) fn system(&self, feed: &str) -> System {
        System { client: format!("feed:{feed}"), scopes: self.scopes.clone() }
    }
}

/// Files what a message became. When this returns, it is durable, and so is its entry in the access log.
///
/// # Errors
/// The refusal of the policies or of the store; see [`is_passing`].
pub(super) async fn file(gateway: &Gateway, filing: &Filing<'_>, mut mapped: Mapped) -> Result<Filed> {
    let _alone = gateway.feeds.writing.lock().await;
    let _unerased = gateway.erasures.write_under().await;
    let ask = Ask::batch();
    let permit = authorise(gateway, &Principal::System(filing.system.clone()), &ask).await?.storing();
    let mut filed = Filed::default();
    for person in &mapped.people {
        if let Some(id) = known_as(gateway, &permit, person).await? {
            filed.known.insert(person.id.clone(), id);
        }
    }
    rename(&mut mapped, &filed.known);
    let names = mapped.entries.iter().map(|entry| (entry.kind, entry.id.as_str()));
    let erased = erasure::marked(gateway, names)?;
    let erased: Vec<_> = erased.into_keys().map(|(kind, id)| (kind.to_owned(), id.to_owned())).collect();
    if !erased.is_empty() && filing.restored_by.is_none() {
        return Err(Error::new(Code::Unprocessable, ERASED));
    }
    let stored = stored(gateway, &permit, &mapped.entries).await?;
    if let Some(transaction) = plan(&mapped.entries, &stored, &filing.source) {
        filed.written = transaction.matches("\"method\":\"PUT\"").count();
        let body = Body::from(transaction);
        send(gateway, Forward::new(Method::POST, "/fhir", &permit).with(&headers(FHIR_JSON), body)).await?;
    }
    record(gateway, filing, &mapped, filed.written).await?;
    if !erased.is_empty() {
        erasure::unmark(gateway, &erased).await?;
    }
    Ok(filed)
}

/// Whether an error may pass by itself, so that the sender should send again.
pub(super) fn is_passing(error: &Error) -> bool {
    error.status().is_server_error() || error.code() == Code::Throttled
}

/// The id of a person who is here already under a number, if it is another than the feed's.
async fn known_as(gateway: &Gateway, permit: &Permit, person: &Person) -> Result<Option<String>> {
    let (system, value) = &person.identifier;
    let escaped =
        |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(',', "\\,").replace('$', "\\$");
    let token = format!("{}|{}", escaped(system), escaped(value));
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("identifier", &token)
        .append_pair("_count", "3")
        .finish();
    // As a form: a number of somebody stands in no URL.
    let forward = Forward::new(Method::POST, "/fhir/Patient/_search", permit);
    let found = send(gateway, forward.with(&headers(FORM), Body::from(form))).await?;
    let ids: BTreeSet<&str> = resources(&found)
        .filter(|resource| resource["resourceType"] == "Patient")
        .filter_map(|resource| resource["id"].as_str())
        .collect();
    if ids.contains(person.id.as_str()) {
        return Ok(None);
    }
    let mut ids = ids.into_iter();
    match (ids.next(), ids.next()) {
        (found, None) => Ok(found.map(str::to_owned)),
        _ => Err(Error::new(
            Code::Unprocessable,
            "several patients here have the number that this message is about",
        )),
    }
}

/// Lets everything be about whom it is about here.
fn rename(mapped: &mut Mapped, known: &BTreeMap<String, String>) {
    if known.is_empty() {
        return;
    }
    for person in &mut mapped.people {
        if let Some(id) = known.get(&person.id) {
            person.id.clone_from(id);
        }
    }
    for entry in &mut mapped.entries {
        if let Some(id) = known.get(&entry.id).filter(|_| entry.kind == "Patient") {
            entry.id.clone_from(id);
        }
        entry.resource.values_mut().for_each(|value| follow(value, known));
    }
}

fn follow(value: &mut Value, known: &BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("reference")
                && let Some(id) = reference.strip_prefix("Patient/").and_then(|id| known.get(id))
            {
                *reference = format!("Patient/{id}");
            }
            fields.values_mut().for_each(|value| follow(value, known));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| follow(item, known)),
        _ => {}
    }
}

/// What is stored under the ids of some entries.
async fn stored(gateway: &Gateway, permit: &Permit, entries: &[Entry]) -> Result<Known> {
    let mut known = Known::new();
    let names: BTreeSet<(&str, &str)> = entries.iter().map(|entry| (entry.kind, entry.id.as_str())).collect();
    let names: Vec<_> = names.into_iter().collect();
    for some in names.chunks(READS_PER_BATCH_MAX) {
        let entries: Vec<Value> = some
            .iter()
            .map(|(kind, id)| json!({ "request": { "method": "GET", "url": format!("{kind}/{id}") } }))
            .collect();
        let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }).to_string();
        let forward =
            Forward::new(Method::POST, "/fhir", permit).with(&headers(FHIR_JSON), Body::from(batch));
        let found = send(gateway, forward).await?;
        // What could not be read is not absent: it would be written over.
        let entries = found["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        let failed = |entry: &Value| {
            entry["response"]["status"].as_str().is_some_and(|status| status.starts_with('5'))
        };
        if entries.iter().any(failed) {
            return Err(EngineError::Away.into());
        }
        for resource in resources(&found) {
            let name = |field: &str| resource[field].as_str().unwrap_or_default();
            let asked = some.contains(&(name("resourceType"), name("id")));
            if let Some(fields) = resource.as_object().filter(|_| asked) {
                known.insert((name("resourceType").to_owned(), name("id").to_owned()), fields.clone());
            }
        }
    }
    Ok(known)
}

fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(|entry| &entry["resource"])
}

fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

/// Sends to the store, and reads the whole answer. What the store says of a refusal may quote the record: it is not
/// passed on.
async fn send(gateway: &Gateway, forward: Forward<'_>) -> Result<Value> {
    let (status, bytes) = forward::read(gateway, forward).await?;
    if !status.is_success() {
        let status = status.as_u16();
        return Err(Error::new(
            Code::Unprocessable,
            format!("the clinical store refused it (status {status})"),
        ));
    }
    let malformed = || Error::new(Code::Away, "the clinical store gave a malformed answer");
    std::str::from_utf8(&bytes).ok().and_then(from_text).ok_or_else(malformed)
}

/// An entry for everybody whom the message is about; one for nobody, if it is about no patient.
async fn record(gateway: &Gateway, filing: &Filing<'_>, mapped: &Mapped, written: usize) -> Result<()> {
    let (who, reason) = match &filing.restored_by {
        Some((who, reason)) => (who.clone(), format!("records that were erased are let in again: {reason}")),
        None => (Who::System { id: filing.system.client.clone() }, String::new()),
    };
    let types: BTreeSet<&str> = mapped.entries.iter().map(|entry| entry.kind).collect();
    let subjects = mapped.entries.iter().filter_map(subject);
    let people: BTreeSet<&str> =
        mapped.people.iter().map(|person| person.id.as_str()).chain(subjects).collect();
    let people: Vec<Option<&str>> =
        if people.is_empty() { vec![None] } else { people.into_iter().map(Some).collect() };
    for patient in people {
        let receipt = gateway.log.append(Access {
            who: who.clone(),
            kind: Kind::Write,
            patient: patient.map(str::to_owned),
            purpose: None,
            reason: reason.clone(),
            types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            count: u32::try_from(written).ok(),
            grants: Vec::new(),
            events: Vec::new(),
        })?;
        receipt.durable().await?;
    }
    Ok(())
}

/// Whom a resource is about.
pub(super) fn subject(entry: &Entry) -> Option<&str> {
    let named = ["subject", "patient", "beneficiary"].into_iter().find_map(|name| entry.resource.get(name));
    named?["reference"].as_str()?.strip_prefix("Patient/")
}
