//! What `$validate` says of profiles and choices, besides what the handlers' validator finds.

use serde_json::{Value, json};

use crate::{query, rules};

/// Where FHIR's own definitions live; the validator has them all.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Where a parameter may hold the address of a profile: the operation says `uri`, many clients send the others.
const VALUES: &[&str] = &["valueUri", "valueCanonical", "valueUrl", "valueString"];

/// Adds to the OperationOutcome of `$validate` the profiles that were asked for and are not here: nobody is to take silence
/// about them for agreement.
pub(crate) fn say_absent(outcome: &mut Value, query: &str, body: &Value, has: impl Fn(&str) -> bool) {
    let Some(issues) = outcome.get_mut("issue").and_then(Value::as_array_mut) else { return };
    let mut asked = profiles(query, body);
    asked.retain(|one| !one.starts_with(CORE) && !has(one));
    issues.extend(asked.iter().map(|one| {
        let words = format!("this server does not have the profile {one}; nothing was checked against it");
        json!({ "severity": "error", "code": "not-supported", "diagnostics": words })
    }));
}

/// The profiles that a request names, in its address or in a Parameters of the operation.
fn profiles(query: &str, body: &Value) -> Vec<String> {
    let mut found = query::values(query, "profile");
    let parameters = body["parameter"].as_array().filter(|_| body["resourceType"] == "Parameters");
    let named = parameters.into_iter().flatten().filter(|one| one["name"] == "profile");
    let value = |one: &Value| VALUES.iter().find_map(|name| one[name].as_str().map(str::to_owned));
    found.extend(named.filter_map(value));
    found
}

/// Takes out of the OperationOutcome what the validator refuses for nothing:
///
/// * a choice of types (`performed[x]`) whose value is absent with a reason, of which only `_performedDateTime` is there
///   (<https://hl7.org/fhir/R4/json.html#primitive>);
/// * a reference `#id` to what its resource contains, where that resource lies in a Bundle or Parameters (`ref-1`).
pub(crate) fn excuse(outcome: &mut Value, body: &Value) {
    let Some(issues) = outcome.get_mut("issue").and_then(Value::as_array_mut) else { return };
    let resource = rules::validated(body);
    issues.retain(|issue| {
        let path = issue["expression"][0].as_str().unwrap_or_default();
        let text = issue["details"]["text"].as_str().unwrap_or_default();
        match issue["code"].as_str() {
            Some("required") => !is_absent_with_reason(resource, path),
            Some("invariant") if text.starts_with("FHIRPath constraint ref-1 ") => {
                !is_contained(resource, path)
            }
            _ => true,
        }
    });
}

fn is_absent_with_reason(resource: &Value, path: &str) -> bool {
    let Some((above, name)) = path.rsplit_once('.') else { return false };
    let of_type = |field: &str| {
        let kind = field.strip_prefix('_').and_then(|field| field.strip_prefix(name));
        kind.is_some_and(|kind| kind.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    let (_, element) = walk(resource, above);
    let mut fields = element.as_object().into_iter().flatten();
    fields.any(|(field, value)| of_type(field) && value["extension"].is_array())
}

fn is_contained(resource: &Value, path: &str) -> bool {
    let (owner, reference) = walk(resource, path);
    let Some(id) = reference["reference"].as_str().and_then(|text| text.strip_prefix('#')) else {
        return false;
    };
    owner["contained"].as_array().into_iter().flatten().any(|one| one["id"] == id)
}

/// The element at a path such as `Bundle.entry[1].resource.status`, and the resource to which it belongs; null where there
/// is none.
fn walk<'a>(resource: &'a Value, path: &str) -> (&'a Value, &'a Value) {
    let (mut owner, mut element) = (resource, resource);
    for step in path.split('.').skip(1) {
        let (field, index) = step.split_once('[').unwrap_or((step, ""));
        element = &element[field];
        if let Ok(index) = index.trim_end_matches(']').parse::<usize>() {
            element = &element[index];
        }
        if field == "resource" {
            owner = element;
        }
    }
    (owner, element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_absent_with_a_reason_is_not_missed() {
        let reason = json!({ "extension": [{ "url": "reason", "valueCode": "unknown" }] });
        let procedure = json!({ "resourceType": "Procedure", "_performedDateTime": reason });
        let bundle = json!({ "resourceType": "Bundle", "entry": [{}, { "resource": procedure }] });
        let handed = json!({ "resourceType": "Parameters", "parameter": [{ "name": "resource", "resource": procedure }] });
        for (body, path, stays) in [
            (procedure.clone(), "Procedure.performed", false),
            (handed, "Procedure.performed", false),
            (bundle.clone(), "Bundle.entry[1].resource.performed", false),
            (bundle, "Bundle.entry[0].resource.performed", true),
            (procedure.clone(), "Procedure.status", true),
            (procedure, "Procedure.perform", true),
            (json!({ "_performedDateTime": { "id": "a" } }), "Procedure.performed", true),
            (json!({ "_performedDateTime": null }), "Procedure.performed", true),
            (Value::Null, "Procedure.performed", true),
        ] {
            let mut outcome =
                json!({ "issue": [{ "code": "required", "expression": [path] }, { "code": "invalid" }] });
            excuse(&mut outcome, &body);
            assert_eq!(
                outcome["issue"].as_array().expect("issues").len(),
                1 + usize::from(stays),
                "{body} {path}"
            );
        }
    }

    #[test]
    fn a_reference_to_what_its_resource_contains_is_in_order_wherever_that_lies() {
        let issue = |path: &str| json!({ "code": "invariant", "expression": [path], "details": { "text": "FHIRPath constraint ref-1 error: SHALL" } });
        let coverage = json!({ "contained": [{ "id": "payer" }], "payor": [{ "reference": "#payer" }, { "reference": "#other" }] });
        let body = json!({ "resourceType": "Bundle", "entry": [{ "resource": coverage }, { "resource": { "payor": [{ "reference": "#payer" }] } }] });
        for (path, stays) in [
            ("Bundle.entry[0].resource.payor[0]", false),
            ("Bundle.entry[0].resource.payor[1]", true),
            ("Bundle.entry[1].resource.payor[0]", true),
            ("Bundle.entry[7].resource.payor[0]", true),
            ("", true),
        ] {
            let mut outcome = json!({ "issue": [issue(path)] });
            excuse(&mut outcome, &body);
            assert_eq!(outcome["issue"].as_array().expect("issues").is_empty(), !stays, "{path}");
        }
    }

    #[test]
    fn a_profile_that_is_asked_for_and_not_here_is_an_error() {
        let parameters = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "profile", "valueUri": "https://a.example/p" }, { "name": "profile", "valueCanonical": "https://a.example/q" },
            { "name": "profile" }, { "name": "mode", "valueCode": "create" }] });
        let core = format!("profile={CORE}Patient");
        for (query, body, errors) in [
            ("", Value::Null, 0),
            ("profile=https%3A%2F%2Fa.example%2Fp", Value::Null, 1),
            ("profile=https://a.example/here&profile=https://a.example/p", Value::Null, 1),
            (core.as_str(), Value::Null, 0),
            ("", parameters, 2),
        ] {
            let mut outcome = json!({ "issue": [] });
            say_absent(&mut outcome, query, &body, |profile| profile == "https://a.example/here");
            assert_eq!(outcome["issue"].as_array().expect("issues").len(), errors, "{query} {body}");
        }
    }
}
