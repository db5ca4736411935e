//! The emergency summary of a patient: one FHIR Bundle of what saves a life, made from the clinical store.
//!
//! What a patient grants by name alone (mental health, substance use, reproductive health, genetics, HIV) is left out.

use crate::engine::Reach;
use crate::error::Error;
use crate::merge;
use crate::staff::patients;
use crate::state::Gateway;
use axum::http::Method;
use salus_vault::category::category;
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Most resources of one type.
const PER_TYPE: usize = 200;
/// Longest summary in bytes; what does not fit is left out from the end.
const BYTES_MAX: usize = 400 * 1024;

type Part = (&'static str, fn(&Value) -> bool);

/// What belongs into it: type, and which of what is found counts.
const PARTS: &[Part] = &[
    ("AllergyIntolerance", is_active),
    ("MedicationRequest", is_current),
    ("MedicationStatement", is_current),
    ("Condition", is_active),
    ("Device", is_current),
    ("Consent", is_directive),
    ("DocumentReference", is_directive),
    ("Immunization", |found| found["status"] == "completed"),
];

/// Security labels of what is confidential beyond its category (HL7 v3 Confidentiality and ActCode).
const CONFIDENTIAL: &[&str] = &["SEXUAL", "R", "V"];

/// The summary; `None` if there is no such patient.
///
/// # Errors
/// The clinical store does not answer.
pub(super) async fn make(gateway: &Gateway, patient: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let at = format!("/fhir/Patient/{patient}");
    let Some(who) = patients::fetch(gateway, "emergency", Method::GET, &at, String::new()).await? else {
        return Ok(None);
    };
    let mut entries = vec![json!({ "resource": identity(&who) })];
    let mut bytes = 0;
    for (kind, counts) in PARTS {
        let mut all = Vec::new();
        for one in merge::group(gateway, patient)? {
            all.extend(search(gateway, kind, &one).await?);
        }
        for found in all {
            let text = found.to_string();
            if !counts(&found) || is_protected(kind, &text, &found) {
                continue;
            }
            bytes += text.len();
            if bytes < BYTES_MAX {
                entries.push(json!({ "resource": found }));
            }
        }
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    Ok(Some(Zeroizing::new(bundle.to_string().into_bytes())))
}

/// Name, birth date and sex: that it is the right person shows on the summary itself.
fn identity(patient: &Value) -> Value {
    let mut shown = json!({ "resourceType": "Patient" });
    for name in ["id", "name", "birthDate", "gender"] {
        if !patient[name].is_null() {
            shown[name] = patient[name].clone();
        }
    }
    shown
}

async fn search(gateway: &Gateway, kind: &str, patient: &str) -> Result<Vec<Value>, Error> {
    let form = form_of(patient);
    let path = format!("/fhir/{kind}/_search");
    // The store itself keeps to this one patient, whatever the search finds.
    let asker = ("emergency", Reach::Patient(patient.to_owned()));
    let bundle = patients::fetch_within(gateway, asker, Method::POST, &path, form).await?;
    let entries = bundle.as_ref().and_then(|bundle| bundle["entry"].as_array()).cloned().unwrap_or_default();
    let mut found: Vec<_> = entries.into_iter().map(|mut entry| entry["resource"].take()).collect();
    found.retain(|found| found["resourceType"] == kind);
    found.iter_mut().for_each(|found| {
        // The narrative repeats what is there in fields, and makes up most of the size.
        found.as_object_mut().map(|fields| fields.remove("text"));
    });
    Ok(found)
}

fn form_of(patient: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("patient", &format!("Patient/{patient}"));
    form.append_pair("_count", &PER_TYPE.to_string());
    form.finish()
}

fn codes(concept: &Value) -> impl Iterator<Item = &str> {
    concept["coding"].as_array().into_iter().flatten().filter_map(|coding| coding["code"].as_str())
}

/// An allergy or a problem that stands. One without a status is taken seriously.
fn is_active(found: &Value) -> bool {
    let gone = ["inactive", "resolved", "remission"];
    let wrong = ["entered-in-error", "refuted"];
    !codes(&found["clinicalStatus"]).any(|code| gone.contains(&code))
        && !codes(&found["verificationStatus"]).any(|code| wrong.contains(&code))
}

/// A medicine or an implant of now.
fn is_current(found: &Value) -> bool {
    let gone = ["completed", "entered-in-error", "stopped", "cancelled", "draft", "not-taken", "inactive"];
    !found["status"].as_str().is_some_and(|status| gone.contains(&status))
}

/// An advance directive, by the codes of HL7 and LOINC.
fn is_directive(found: &Value) -> bool {
    let known = ["acd", "dnr", "polst", "hcd", "42348-3", "81334-5", "64298-3", "75320-2", "86533-7"];
    let in_force = matches!(found["status"].as_str(), Some("active" | "current"));
    let categories = found["category"].as_array().into_iter().flatten();
    let mut named = categories.chain([&found["type"], &found["scope"]]).flat_map(codes);
    in_force && named.any(|code| known.contains(&code) || code == "adr")
}

/// Whether it falls into a category that is granted by name alone, as it does when it is sealed, or is confidential.
fn is_protected(kind: &str, text: &str, found: &Value) -> bool {
    let labels = found["meta"]["security"].as_array().into_iter().flatten();
    category(kind, text).is_protected()
        || labels.filter_map(|label| label["code"].as_str()).any(|code| CONFIDENTIAL.contains(&code))
}
