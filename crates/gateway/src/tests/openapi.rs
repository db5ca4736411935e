//! The API definition is complete and true: it is compared with the routers, and with every answer that the tests of this
//! crate get (`conforms`, which their browsers call).

use super::routes::routes;
use super::world::World;
use crate::openapi::DOCUMENT;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static DEFINITION: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DOCUMENT).expect("json"));
/// What `fault` understands, and what says nothing about values that it could check.
const KEYWORDS: &[&str] = &[
    "type",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "oneOf",
    "$ref",
    "minimum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
    "description",
];

/// The schema that a reference names.
fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(place) => DEFINITION.pointer(place.trim_start_matches('#')).expect(place),
        None => schema,
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("`{other}` is no type here"),
    }
}

/// Why a value is not what a schema says.
fn fault(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let schema = resolved(schema);
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
        return Some(format!("{at} is not of type {kinds:?}: {value}"));
    }
    let allowed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    if !allowed || !constant {
        return Some(format!("{at} is none of the values that are named: {value}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().filter(|choice| fault(choice, value, at).is_none()).count();
        return (fitting != 1).then(|| format!("{at} fits {fitting} of its forms: {value}"));
    }
    fault_within(schema, value, at)
}

fn fault_within(schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(values) = value.as_array() {
        return values
            .iter()
            .enumerate()
            .find_map(|(n, value)| fault(&schema["items"], value, &format!("{at}/{n}")));
    }
    let fields = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !fields.contains_key(*name)) {
        return Some(format!("{at} lacks `{missing}`: {value}"));
    }
    fields.iter().find_map(|(name, value)| {
        let schema = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        schema.and_then(|schema| fault(schema, value, &format!("{at}/{name}")))
    })
}

/// Whether a path is one of a template's.
fn fits(template: &str, path: &str) -> bool {
    let (parts, found): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let same = |(part, found): (&&str, &&str)| part == found || (part.starts_with('{') && !found.is_empty());
    parts.len() == found.len() && parts.iter().zip(&found).all(same)
}

/// The operation that answers a request; where several templates fit, the one with fewest gaps.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or(path);
    let paths = DEFINITION["paths"].as_object().expect("paths").iter();
    let fitting = paths.filter(|(template, _)| fits(template, path));
    let (_, found) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    found.get(method.to_lowercase())
}

/// Fails if an answer is not what the definition says. What it does not define (FHIR, the portal's files) is not looked at.
pub(crate) fn conforms(method: &str, path: &str, status: u16, body: &[u8]) {
    let Some(operation) = operation(method, path) else { return };
    let responses = &operation["responses"];
    let success = status < 400;
    let said = responses.get(status.to_string()).or_else(|| responses.get("default").filter(|_| !success));
    let said =
        resolved(said.unwrap_or_else(|| panic!("{method} {path} answers {status}, which is not defined")));
    for kind in ["application/json", "application/fhir+json"] {
        let Some(schema) = said["content"][kind].get("schema") else { continue };
        // Layers before the routes answer some refusals in other forms.
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            assert!(!success, "{method} {path} answers no JSON");
            continue;
        };
        if success {
            assert_eq!(fault(schema, &value, "answer"), None, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_but_those_of_fhir_is_defined_and_nothing_else_is() {
    let world = World::new().await;
    let mut offered = routes(&crate::public_router(world.gateway.clone())).await;
    offered.extend(routes(&crate::peer_router(world.gateway.clone())).await);
    offered.retain(|(_, path)| !crate::fhir::is_fhir(path) || path.contains(".well-known"));
    let mut defined = BTreeSet::new();
    for (path, operations) in DEFINITION["paths"].as_object().expect("paths") {
        let methods = operations.as_object().expect("operations").keys();
        defined.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    let missing: Vec<_> = offered.difference(&defined).collect();
    let idle: Vec<_> = defined.difference(&offered).collect();
    assert!(missing.is_empty() && idle.is_empty(), "not in openapi.json: {missing:?}; no route: {idle:?}");
}

/// Every schema below a value of the document.
fn schemas(value: &'static Value, found: &mut Vec<&'static Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| schemas(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "schema" || name == "items" {
                    found.push(value);
                }
                if matches!(name.as_str(), "properties" | "schemas") {
                    found.extend(value.as_object().expect("named schemas").values());
                }
                schemas(value, found);
            }
        }
        _ => (),
    }
}

#[test]
fn every_schema_uses_what_is_checked_and_every_reference_names_something() {
    let mut found = Vec::new();
    schemas(&DEFINITION, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for schema in found {
        let unknown =
            schema.as_object().expect("schema").keys().find(|name| !KEYWORDS.contains(&name.as_str()));
        assert_eq!(unknown, None, "{schema}");
        resolved(schema);
    }
}

#[test]
fn every_example_is_what_its_schema_says() {
    let mut seen = 0;
    for (path, operations) in DEFINITION["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            for content in operation["requestBody"]["content"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, content)| content)
            {
                if let Some(example) = content.get("example") {
                    assert_eq!(fault(&content["schema"], example, "example"), None, "{method} {path}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn an_answer_that_is_not_as_defined_is_found() {
    let head = |text: &str| {
        std::panic::catch_unwind(|| conforms("GET", "/ledger/head", 200, text.as_bytes())).is_err()
    };
    let digest = "0".repeat(64);
    assert!(!head(&format!(r#"{{"height":1,"timeMs":1,"digest":"{digest}"}}"#)));
    assert!(head(&format!(r#"{{"height":"1","timeMs":1,"digest":"{digest}"}}"#)));
    assert!(head(r#"{"height":1,"timeMs":1}"#));
    assert!(head("no"));
    assert!(std::panic::catch_unwind(|| conforms("GET", "/ledger/head", 204, b"")).is_err());
}
