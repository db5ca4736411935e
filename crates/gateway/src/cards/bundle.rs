//! What a health card says, minified as the specification asks: no ids, texts, displays or metadata, references by
//! `resource:N`.

use crate::engine::Reach;
use crate::error::Error;
use crate::staff::patients;
use crate::state::Gateway;
use axum::http::Method;
use serde_json::{Map, Value, json};

/// Most immunisations.
const COUNT_MAX: usize = 200;

/// The patient and the immunisations.
pub(super) struct Record {
    pub(super) patient: Value,
    /// The newest first.
    pub(super) immunisations: Vec<Value>,
}

/// What this organisation recorded; `None` if there is nothing that a card could say.
///
/// # Errors
/// The clinical store does not answer.
pub(super) async fn read(gateway: &Gateway, patient: &str) -> Result<Option<Record>, Error> {
    // The store keeps to this patient, and to what was recorded here: no share set is named.
    let within = || ("health-card", Reach::Patient(patient.to_owned()));
    let at = format!("/fhir/Patient/{patient}");
    let who = patients::fetch_within(gateway, within(), Method::GET, &at, String::new()).await?;
    let Some(who) = who else { return Ok(None) };
    let path = "/fhir/Immunization/_search";
    let bundle = patients::fetch_within(gateway, within(), Method::POST, path, form_of(patient)).await?;
    let entries = bundle.as_ref().and_then(|bundle| bundle["entry"].as_array());
    let member = gateway.membership();
    let name = member.as_ref().map_or("", |own| own.organisation.name.as_str());
    let found = entries.into_iter().flatten().map(|entry| &entry["resource"]);
    let mut immunisations: Vec<Value> = found.filter_map(|found| immunisation(found, name)).collect();
    immunisations.sort_by(|a, b| when(b).cmp(when(a)));
    immunisations.truncate(COUNT_MAX);
    Ok((!immunisations.is_empty()).then(|| Record { patient: identity(&who), immunisations }))
}

/// Apart, because the serialiser may not be held while others wait.
fn form_of(patient: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("patient", &format!("Patient/{patient}"));
    form.append_pair("_count", &COUNT_MAX.to_string());
    form.finish()
}

fn when(immunisation: &Value) -> &str {
    immunisation["occurrenceDateTime"].as_str().unwrap_or_default()
}

/// Name and birth date: what a card is compared with, and no more.
fn identity(patient: &Value) -> Value {
    let mut shown = json!({ "resourceType": "Patient" });
    if let Some(name) = patient["name"].get(0) {
        shown["name"] = json!([picked(name, &["family", "given"])]);
    }
    if !patient["birthDate"].is_null() {
        shown["birthDate"] = patient["birthDate"].clone();
    }
    shown
}

/// One that was given, and says what and when.
fn immunisation(found: &Value, organisation: &str) -> Option<Value> {
    let codings = found["vaccineCode"]["coding"].as_array()?;
    let codings: Vec<Value> = codings
        .iter()
        .filter(|coding| coding["code"].is_string() && coding["system"].is_string())
        .map(|coding| picked(coding, &["system", "code"]))
        .collect();
    let given = found["resourceType"] == "Immunization" && found["status"] == "completed";
    if !given || codings.is_empty() || !found["occurrenceDateTime"].is_string() {
        return None;
    }
    let mut shown = picked(found, &["resourceType", "status", "occurrenceDateTime", "lotNumber"]);
    shown["vaccineCode"] = json!({ "coding": codings });
    shown["patient"] = json!({ "reference": "resource:0" });
    shown["performer"] = json!([{ "actor": { "display": organisation } }]);
    Some(shown)
}

fn picked(of: &Value, fields: &[&str]) -> Value {
    let there = fields.iter().filter(|field| !of[**field].is_null());
    Value::Object(there.map(|field| ((*field).to_owned(), of[*field].clone())).collect::<Map<_, _>>())
}
