//! The CapabilityStatement, made once and trimmed to what the engine really offers.

use bytes::Bytes;
use serde_json::{Value, json};

/// Operations that the gate lets through.
const OPERATIONS: &[&str] = &["everything", "validate"];

/// Interactions with the whole system that work.
const SYSTEM_INTERACTIONS: &[&str] = &["transaction", "batch", "history-system"];

/// A type of the handlers' own, which FHIR R4 does not have.
const FOREIGN_TYPE: &str = "ViewDefinition";

/// Interactions that write.
const WRITES: &[&str] = &["create", "update", "patch", "delete"];

/// Types that the guard keeps from clients' writing.
const READ_ONLY: &[&str] = &["SearchParameter", "AuditEvent", "Subscription"];

/// Rewrites the handlers' own statement. `None` when it is not one.
pub(crate) fn truthful(statement: &[u8]) -> Option<Bytes> {
    let mut statement: Value = serde_json::from_slice(statement).ok()?;
    if statement.get("resourceType")?.as_str()? != "CapabilityStatement" {
        return None;
    }
    statement["software"]["name"] = json!("Salus clinical engine");
    for rest in statement.get_mut("rest")?.as_array_mut()? {
        keep(rest, "interaction", "code", SYSTEM_INTERACTIONS);
        keep(rest, "operation", "name", OPERATIONS);
        if let Some(rest) = rest.as_object_mut() {
            rest.remove("security");
        }
        if let Some(resources) = rest.get_mut("resource").and_then(Value::as_array_mut) {
            resources.retain(|resource| resource["type"] != FOREIGN_TYPE);
            resources.iter_mut().for_each(trim);
        }
    }
    serde_json::to_vec(&statement).ok().map(Bytes::from)
}

fn trim(resource: &mut Value) {
    keep(resource, "operation", "name", OPERATIONS);
    if READ_ONLY.contains(&resource["type"].as_str().unwrap_or_default())
        && let Some(interactions) = resource.get_mut("interaction").and_then(Value::as_array_mut)
    {
        interactions.retain(|i| !WRITES.contains(&i["code"].as_str().unwrap_or_default()));
    }
}

/// Keeps the items of `value[list]` whose `field` is one of `allowed`, without a leading `$`.
fn keep(value: &mut Value, list: &str, field: &str, allowed: &[&str]) {
    let Some(items) = value.get_mut(list).and_then(Value::as_array_mut) else { return };
    items.retain(|item| allowed.contains(&item[field].as_str().unwrap_or_default().trim_start_matches('$')));
    if items.is_empty()
        && let Some(value) = value.as_object_mut()
    {
        value.remove(list);
    }
}
