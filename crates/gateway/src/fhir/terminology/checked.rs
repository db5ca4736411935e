//! What `$validate` says of codes beside the engine: units that are not UCUM, codes that their code system has not, and
//! displays that say something else than the published ones.
//!
//! All are warnings, and no write is refused for them: records come from software of others, with the codes that it has. Only
//! what is known here is judged; no other server is asked.

use crate::error::{Error, Result};
use crate::state::Gateway;
use crate::terminology::Tables;
use axum::body::{Body, to_bytes};
use axum::http::header;
use axum::response::Response;
use salus_feeds::units::{UCUM, is_unit};
use serde_json::{Value, json};

/// Most warnings that are added.
const WARNINGS_MAX: usize = 100;
/// Largest outcome of the engine that is added to.
const OUTCOME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Adds to the engine's outcome what is said of the codes of the body that was validated.
///
/// # Errors
/// [`crate::error::Code::Internal`] if the engine's answer breaks off.
pub(crate) async fn add(gateway: &Gateway, body: &[u8], answer: Response) -> Result<Response> {
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Ok(answer) };
    let mut found = Vec::new();
    let resource = validated(&body);
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let tables = gateway.terminology.tables().await;
    visit(&tables, resource, kind, &mut found);
    if found.is_empty() {
        return Ok(answer);
    }
    let (mut parts, said) = answer.into_parts();
    let said = to_bytes(said, OUTCOME_BYTES_MAX).await.map_err(Error::internal)?;
    let mut outcome: Value = serde_json::from_slice(&said).map_err(Error::internal)?;
    if let Some(issues) = outcome["issue"].as_array_mut() {
        issues.extend(found);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(outcome.to_string())))
}

/// The resource that a body asks about: itself, or `resource` of a Parameters of the operation.
fn validated(body: &Value) -> &Value {
    let parameters = body["parameter"].as_array().filter(|_| body["resourceType"] == "Parameters");
    let named = parameters.and_then(|all| all.iter().find(|one| one["name"] == "resource"));
    named.and_then(|one| one.get("resource")).unwrap_or(body)
}

fn visit(tables: &Tables, value: &Value, at: &str, found: &mut Vec<Value>) {
    if found.len() >= WARNINGS_MAX {
        return;
    }
    match value {
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                visit(tables, value, &format!("{at}[{place}]"), found);
            }
        }
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            if let (Some(system), Some(code)) = (text("system"), text("code"))
                && let Some(words) = wrong(tables, system, code, text("display"))
            {
                found.push(json!({
                    "severity": "warning", "code": "code-invalid", "diagnostics": words, "expression": [at],
                }));
            }
            for (name, value) in fields {
                visit(tables, value, &format!("{at}.{name}"), found);
            }
        }
        _ => (),
    }
}

fn wrong(tables: &Tables, system: &str, code: &str, display: Option<&str>) -> Option<&'static str> {
    if system == UCUM {
        return (!is_unit(code)).then_some("the unit is not a code of UCUM");
    }
    let known = tables.systems.get(system)?;
    let Some(concept) = known.find(code) else {
        return known.whole.then_some("the code system, as FHIR R4 publishes it, has no such code");
    };
    let other = display
        .zip(concept.display.as_deref())
        .is_some_and(|(said, published)| !super::says_the_same(said, published));
    other.then_some("the display is another than the published one")
}
