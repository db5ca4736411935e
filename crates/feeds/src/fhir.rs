//! What another FHIR R4 server gives: a page of a search, as entries. Ids are made anew, for the other server's may be
//! anybody's here; references follow.

use crate::{Context, Entry, Mapped, Person, RESOURCES_PER_MESSAGE_MAX, Refusal, Rule, from_text};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Largest page, in bytes.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Types that are taken: those that are about one patient, and who and where.
pub const TYPES: &[&str] = &[
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Medication",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "Immunization",
    "Procedure",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "Observation",
    "DiagnosticReport",
    "DocumentReference",
    "Binary",
    "CarePlan",
    "CareTeam",
    "Goal",
    "ServiceRequest",
    "Specimen",
    "Device",
    "ImagingStudy",
    "FamilyMemberHistory",
    "Coverage",
];

/// Ids here of patients of the other server, by their ids there: those who were known here before.
pub type People = BTreeMap<String, String>;

/// A page of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What is on it.
    pub resources: Vec<Value>,
    /// URL of the next one.
    pub next: Option<String>,
    /// The newest `meta.lastUpdated` on it, as it is written.
    pub newest: Option<String>,
}

/// Reads a page; only resources of a type of `kind` that match the search are on it.
///
/// # Errors
/// [`Refusal`].
pub fn page(bytes: &[u8], kind: &str) -> Result<Page, Refusal> {
    if bytes.len() > PAGE_BYTES_MAX {
        return Err(Refusal::TooLarge("a page has too many bytes"));
    }
    let malformed = Refusal::Malformed("a page is no searchset");
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Charset)?;
    let bundle = from_text(text).ok_or(malformed.clone())?;
    if bundle["resourceType"] != "Bundle" {
        return Err(malformed);
    }
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.len() > RESOURCES_PER_MESSAGE_MAX {
        return Err(Refusal::TooLarge("a page has too many resources"));
    }
    let resources: Vec<Value> = entries
        .iter()
        .map(|entry| &entry["resource"])
        .filter(|one| one["resourceType"] == kind)
        .cloned()
        .collect();
    let links = bundle["link"].as_array().map(Vec::as_slice).unwrap_or_default();
    let next = links.iter().find(|link| link["relation"] == "next").and_then(|link| link["url"].as_str());
    // Times are compared as they are written: one server writes them in one way.
    let newest = resources.iter().filter_map(|one| one["meta"]["lastUpdated"].as_str()).max();
    let (next, newest) = (next.map(str::to_owned), newest.map(str::to_owned));
    Ok(Page { resources, next, newest })
}

/// What a resource becomes; `base` is the other server's URL, without a slash at the end.
///
/// # Errors
/// [`Refusal`].
pub fn map(resource: &Value, base: &str, people: &People, context: &Context) -> Result<Mapped, Refusal> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let kind = TYPES.iter().find(|known| **known == kind).ok_or(Refusal::Unsupported)?;
    let remote = resource["id"].as_str().ok_or(Refusal::Missing("the id of a resource"))?;
    let here = Here { base, people, context };
    let id = here.id(kind, remote);
    let mut fields: Map<String, Value> = resource.as_object().cloned().unwrap_or_default();
    // Texts are the other server's HTML, and profiles a promise that this one has not checked.
    for name in ["id", "resourceType", "meta", "text", "implicitRules"] {
        fields.remove(name);
    }
    let mut fields = Value::Object(fields);
    follow(&mut fields, &here);
    let Value::Object(fields) = fields else { return Err(Refusal::Malformed("a resource is no object")) };
    let people = if *kind == "Patient" { person(resource, &id) } else { None };
    let rule = if *kind == "Patient" { Rule::Merge } else { Rule::Replace };
    let entry = Entry { kind, id, rule, resource: fields, defaults: Map::new() };
    Ok(Mapped { kind: (*kind).to_owned(), people: people.into_iter().collect(), entries: vec![entry] })
}

/// Ids there of the patients that a resource mentions, itself if it is one.
pub fn patients(resource: &Value, base: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if resource["resourceType"] == "Patient" {
        found.extend(resource["id"].as_str().map(str::to_owned));
    }
    mentioned(resource, base, &mut found);
    found
}

fn mentioned(value: &Value, base: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(("Patient", remote)) =
                fields.get("reference").and_then(Value::as_str).and_then(|text| target(text, base))
            {
                found.insert(remote.to_owned());
            }
            fields.values().for_each(|value| mentioned(value, base, found));
        }
        Value::Array(items) => items.iter().for_each(|item| mentioned(item, base, found)),
        _ => {}
    }
}

/// Type and id of what a reference points to at the other server.
fn target<'t>(reference: &'t str, base: &str) -> Option<(&'t str, &'t str)> {
    let relative = reference.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')).unwrap_or(reference);
    let mut parts = relative.split('/');
    let (kind, remote) = (parts.next()?, parts.next()?);
    let fits = parts.next().is_none_or(|history| history == "_history");
    (fits && TYPES.contains(&kind) && !remote.is_empty()).then_some((kind, remote))
}

fn person(resource: &Value, id: &str) -> Option<Person> {
    let identifiers = resource["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = identifiers
        .iter()
        .find_map(|one| Some((one["system"].as_str()?.to_owned(), one["value"].as_str()?.to_owned())));
    Some(Person { id: id.to_owned(), identifier: number? })
}

struct Here<'a> {
    base: &'a str,
    people: &'a People,
    context: &'a Context,
}

impl Here<'_> {
    fn id(&self, kind: &str, remote: &str) -> String {
        let known = self.people.get(remote).filter(|_| kind == "Patient");
        known.cloned().unwrap_or_else(|| self.context.ids.id(kind, &["FHIR", self.base, remote]))
    }

    /// A reference as it is here; what points elsewhere stays.
    fn reference(&self, reference: &str) -> Option<String> {
        let (kind, remote) = target(reference, self.base)?;
        Some(format!("{kind}/{}", self.id(kind, remote)))
    }
}

/// References, and URLs of attachments, at any depth: JSON that was read has at most 128 levels.
fn follow(value: &mut Value, here: &Here<'_>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if name == "reference" || name == "url" => {
                        if let Some(new) = here.reference(text) {
                            *text = new;
                        }
                    }
                    _ => follow(value, here),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| follow(item, here)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::tests::context;
    use serde_json::json;

    const BASE: &str = "https://ehr.example/fhir";

    #[test]
    fn a_page_gives_its_own_type_its_next_and_its_newest() {
        let bundle = json!({
            "resourceType": "Bundle", "type": "searchset",
            "link": [{ "relation": "self", "url": "x" }, { "relation": "next", "url": "https://ehr.example/fhir?p=2" }],
            "entry": [
                { "resource": { "resourceType": "Patient", "id": "1", "meta": { "lastUpdated": "2024-01-02T00:00:00Z" } } },
                { "resource": { "resourceType": "Patient", "id": "2", "meta": { "lastUpdated": "2024-01-01T00:00:00Z" } } },
                { "resource": { "resourceType": "OperationOutcome" } },
            ],
        });
        let page = page(bundle.to_string().as_bytes(), "Patient").expect("page");
        assert_eq!((page.resources.len(), page.newest.as_deref()), (2, Some("2024-01-02T00:00:00Z")));
        assert_eq!(page.next.as_deref(), Some("https://ehr.example/fhir?p=2"));
        assert!(super::page(b"{}", "Patient").is_err());
        assert!(super::page(b"\xff", "Patient").is_err());
    }

    #[test]
    fn references_follow_the_new_ids_and_nothing_else_changes() {
        let observation = json!({
            "resourceType": "Observation", "id": "o", "meta": { "versionId": "7" }, "status": "final",
            "subject": { "reference": "Patient/p" }, "encounter": { "reference": format!("{BASE}/Encounter/e/_history/2") },
            "performer": [{ "reference": "https://elsewhere.example/Practitioner/x" }, { "reference": "#own" }],
        });
        let people = People::from([("p".to_owned(), "known-here".to_owned())]);
        let mapped = map(&observation, BASE, &people, &context()).expect("mapped");
        let fields = &mapped.entries[0].resource;
        assert_eq!(fields["subject"]["reference"], "Patient/known-here");
        assert!(
            fields["encounter"]["reference"].as_str().is_some_and(|text| text.starts_with("Encounter/fd-"))
        );
        assert_eq!(fields["performer"][0]["reference"], "https://elsewhere.example/Practitioner/x");
        assert_eq!(fields["performer"][1]["reference"], "#own");
        assert!(!fields.contains_key("meta"));
        assert!(mapped.entries[0].id.starts_with("fd-"));
    }

    #[test]
    fn what_is_no_record_of_a_patient_is_not_taken() {
        for kind in ["Subscription", "SearchParameter", "AuditEvent", "Bundle", ""] {
            let resource = json!({ "resourceType": kind, "id": "1" });
            assert_eq!(map(&resource, BASE, &People::new(), &context()), Err(Refusal::Unsupported), "{kind}");
        }
    }
}
