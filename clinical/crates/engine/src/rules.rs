//! Rules of FHIR R4 that the handlers' validator passes over, for `$validate`: ids, sizes of attachments, systems of codes,
//! and what holds a Bundle together. Found by the cases of HL7's own validator (`docs/interop.md`).

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

/// Longest id, in characters (<https://hl7.org/fhir/R4/datatypes.html#id>).
const ID_CHARS_MAX: usize = 64;

/// A rule that is broken, and where.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    at: String,
    words: &'static str,
}

/// Adds what is broken in a resource to the OperationOutcome of `$validate`.
pub(crate) fn add(outcome: &mut Value, body: &Value) {
    let Some(issues) = outcome.get_mut("issue").and_then(Value::as_array_mut) else { return };
    let found = broken(validated(body));
    issues.extend(found.into_iter().map(|Broken { at, words }| {
        json!({ "severity": "error", "code": "invariant", "diagnostics": words, "expression": [at] })
    }));
}

/// The resource that a body asks about: itself, or `resource` of a Parameters of the operation.
pub(crate) fn validated(body: &Value) -> &Value {
    let parameters = body["parameter"].as_array().filter(|_| body["resourceType"] == "Parameters");
    let named = parameters.and_then(|all| all.iter().find(|one| one["name"] == "resource"));
    named.and_then(|one| one.get("resource")).unwrap_or(body)
}

fn broken(resource: &Value) -> Vec<Broken> {
    let mut found = Vec::new();
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    visit(resource, kind, &mut found);
    found
}

fn visit(value: &Value, at: &str, found: &mut Vec<Broken>) {
    match value {
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(n, value)| visit(value, &format!("{at}[{n}]"), found));
        }
        Value::Object(fields) => {
            if fields.contains_key("resourceType") {
                check_resource(value, at, found);
            }
            check_element(value, at, found);
            fields.iter().for_each(|(name, value)| visit(value, &format!("{at}.{name}"), found));
        }
        _ => (),
    }
}

fn check_resource(resource: &Value, at: &str, found: &mut Vec<Broken>) {
    let mut refuse = |words| found.push(Broken { at: at.to_owned(), words });
    if resource["id"].as_str().is_some_and(|id| !is_id(id)) {
        refuse("an id has 1 to 64 letters, digits, hyphens and dots");
    }
    if resource["resourceType"] == "Bundle" {
        check_bundle(resource, &mut refuse);
    }
    if resource["resourceType"] == "Parameters" {
        check_parameters(resource, &mut refuse);
    }
}

/// Resources that are handed over together refer to each other; to others of a type of which some are there, they do not.
fn check_parameters(parameters: &Value, refuse: &mut impl FnMut(&'static str)) {
    let handed = parameters["parameter"].as_array().into_iter().flatten().map(|one| &one["resource"]);
    let handed: Vec<&Value> = handed.filter(|resource| resource.is_object()).collect();
    let mut names: HashMap<&str, HashSet<&str>> = HashMap::new();
    for resource in &handed {
        if let (Some(kind), Some(id)) = (resource["resourceType"].as_str(), resource["id"].as_str()) {
            names.entry(kind).or_default().insert(id);
        }
    }
    let absent = |to: &str| {
        let (kind, id) = to.split_once('/').unwrap_or_default();
        names.get(kind).is_some_and(|ids| !ids.contains(id))
    };
    if handed.iter().any(|resource| refers(resource, &absent)) {
        refuse("a reference names no resource of these parameters, which have others of its type");
    }
}

fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn check_element(element: &Value, at: &str, found: &mut Vec<Broken>) {
    let mut refuse = |words| found.push(Broken { at: at.to_owned(), words });
    if let (Some(data), Some(size)) = (element["data"].as_str(), element["size"].as_u64())
        && bytes(data) != size
    {
        refuse("the size is not that of the data");
    }
    let codings = element["coding"].as_array().into_iter().flatten().chain(element.get("valueCoding"));
    let mut systems = codings.filter_map(|coding| coding["system"].as_str());
    if systems.any(|system| !system.contains(':')) {
        refuse("the system of a code is an absolute address");
    }
}

/// How many bytes a base64 text stands for.
fn bytes(base64: &str) -> u64 {
    let digits = base64.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count();
    (digits as u64) * 3 / 4
}

fn check_bundle(bundle: &Value, refuse: &mut impl FnMut(&'static str)) {
    let entries: Vec<&Value> = bundle["entry"].as_array().into_iter().flatten().collect();
    let mut relations = HashSet::new();
    let links = bundle["link"].as_array().into_iter().flatten().filter_map(|link| link["relation"].as_str());
    if links.into_iter().any(|relation| !relations.insert(relation)) {
        refuse("each relation of a link stands once in a bundle");
    }
    match bundle["type"].as_str().unwrap_or_default() {
        "searchset" => entries.iter().for_each(|entry| check_result(entry, refuse)),
        "document" | "message" | "transaction" => {
            let names: HashSet<&str> = entries.iter().filter_map(|entry| entry["fullUrl"].as_str()).collect();
            let absent = |to: &str| to.starts_with("urn:uuid:") && !names.contains(to);
            if entries.iter().any(|entry| refers(entry, &absent)) {
                refuse("a reference by `urn:uuid:` names no entry of the bundle");
            }
        }
        _ => (),
    }
}

fn check_result(entry: &Value, refuse: &mut impl FnMut(&'static str)) {
    let resource = &entry["resource"];
    let outcome = resource["resourceType"] == "OperationOutcome";
    match entry["search"]["mode"].as_str() {
        Some("outcome") if !outcome => refuse("an outcome of a search is an OperationOutcome"),
        Some("outcome") => (),
        _ if resource.is_object() && resource["id"].is_null() => refuse("what a search finds has an id"),
        _ => (),
    }
}

/// Whether some reference in a value is as asked.
fn refers(value: &Value, asked: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(values) => values.iter().any(|value| refers(value, asked)),
        Value::Object(fields) => fields.iter().any(|(name, value)| match value.as_str() {
            Some(to) if name == "reference" => asked(to),
            _ => refers(value, asked),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(resource: Value) -> Vec<&'static str> {
        broken(&resource).into_iter().map(|broken| broken.words).collect()
    }

    #[test]
    fn what_is_in_order_is_passed() {
        for resource in [
            json!({ "resourceType": "Patient", "id": "a-1.B" }),
            json!({ "resourceType": "Media", "content": { "data": "aGVsbG8=", "size": 5 } }),
            json!({ "resourceType": "Flag", "code": { "coding": [{ "system": "urn:oid:1.2", "code": "x" }] } }),
            json!({ "resourceType": "Parameters", "parameter": [
                { "name": "who", "resource": { "resourceType": "Patient", "id": "1" } }, { "name": "text", "valueString": "a" },
                { "name": "what", "resource": { "resourceType": "Flag", "subject": { "reference": "Patient/1" },
                    "author": { "reference": "Practitioner/9" } } }] }),
            json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
                { "fullUrl": "urn:uuid:1", "resource": { "resourceType": "Patient" } },
                { "resource": { "resourceType": "Flag", "subject": { "reference": "urn:uuid:1" } } }] }),
            json!({ "resourceType": "Bundle", "type": "searchset", "link": [{ "relation": "self" }, { "relation": "next" }],
                "entry": [{ "resource": { "resourceType": "Patient", "id": "1" }, "search": { "mode": "match" } },
                    { "resource": { "resourceType": "OperationOutcome" }, "search": { "mode": "outcome" } }] }),
        ] {
            assert_eq!(words(resource.clone()), [""; 0], "{resource}");
        }
    }

    #[test]
    fn each_rule_finds_what_breaks_it_alone() {
        let long = "x".repeat(65);
        let bundle =
            |kind: &str, entry: Value| json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
        let found = json!({ "resource": { "resourceType": "Patient" }, "search": { "mode": "match" } });
        let outcome =
            json!({ "resource": { "resourceType": "Patient", "id": "1" }, "search": { "mode": "outcome" } });
        let lost =
            json!({ "resource": { "resourceType": "Flag", "subject": { "reference": "urn:uuid:2" } } });
        for (resource, start) in [
            (json!({ "resourceType": "Patient", "id": "a_1" }), "an id"),
            (
                json!({ "resourceType": "Parameters", "parameter": [
                    { "name": "who", "resource": { "resourceType": "Patient", "id": "1" } },
                    { "name": "what", "resource": { "resourceType": "Flag", "subject": { "reference": "Patient/2" } } }] }),
                "a reference names no resource of these parameters",
            ),
            (json!({ "resourceType": "Patient", "id": "" }), "an id"),
            (
                json!({ "resourceType": "Flag", "contained": [{ "resourceType": "Patient", "id": long }] }),
                "an id",
            ),
            (json!({ "resourceType": "Media", "content": { "data": "aGVsbG8=", "size": 100 } }), "the size"),
            (
                json!({ "resourceType": "Flag", "code": { "coding": [{ "system": "measure-type" }] } }),
                "the system",
            ),
            (
                json!({ "resourceType": "Bundle", "link": [{ "relation": "self" }, { "relation": "self" }] }),
                "each relation",
            ),
            (bundle("searchset", found), "what a search"),
            (bundle("searchset", outcome), "an outcome"),
            (bundle("document", lost), "a reference"),
        ] {
            let words = words(resource.clone());
            assert!(words.len() == 1 && words[0].starts_with(start), "{resource}: {words:?}");
        }
    }

    #[test]
    fn the_resource_of_the_operations_parameters_is_looked_at_and_the_outcome_keeps_what_it_said() {
        let body = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "resource", "resource": { "resourceType": "Patient", "id": "a_1" } }] });
        let mut outcome =
            json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "information" }] });
        add(&mut outcome, &body);
        let issues = outcome["issue"].as_array().expect("issues");
        assert_eq!((issues.len(), issues[1]["expression"][0].as_str()), (2, Some("Patient")));
    }
}
