//! What a message says beyond what is stored.

use crate::json::same;
use crate::{Entry, Rule, to_text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What is stored: by type and id.
pub type Known = BTreeMap<(String, String), Map<String, Value>>;

/// The transaction that brings what is stored to what the message says, as JSON text; `None` if nothing would change.
/// `source` becomes `meta.source` of what is written.
pub fn plan(entries: &[Entry], known: &Known, source: &str) -> Option<String> {
    let mut writes: BTreeMap<(&str, &str), Value> = BTreeMap::new();
    let mut order = Vec::new();
    for entry in entries {
        let key = (entry.kind, entry.id.as_str());
        // A resource that is mentioned twice becomes what both say.
        let before = match writes.get(&key) {
            Some(Value::Object(earlier)) => Some(earlier.clone()),
            _ => known.get(&(entry.kind.to_owned(), entry.id.clone())).cloned(),
        };
        if let Some(mut changed) = changed(entry, before) {
            changed.insert("meta".to_owned(), meta(changed.get("meta"), source));
            if writes.insert(key, Value::Object(changed)).is_none() {
                order.push(key);
            }
        }
    }
    if order.is_empty() {
        return None;
    }
    let entries = order.into_iter().filter_map(|(kind, id)| {
        let resource = writes.remove(&(kind, id))?;
        Some(json!({ "resource": resource, "request": { "method": "PUT", "url": format!("{kind}/{id}") } }))
    });
    let entries: Vec<Value> = entries.collect();
    Some(to_text(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })))
}

/// What would be stored, if it is not what is.
fn changed(entry: &Entry, known: Option<Map<String, Value>>) -> Option<Map<String, Value>> {
    let after = match (&known, entry.rule) {
        (Some(_), Rule::IfAbsent) => return None,
        (Some(before), Rule::Merge) => {
            let mut after = before.clone();
            merge(&mut after, &entry.resource);
            after
        }
        (None, _) | (_, Rule::Replace) => {
            let mut after = entry.defaults.clone();
            merge(&mut after, &entry.resource);
            after
        }
    };
    let mut after = after;
    after.insert("resourceType".to_owned(), json!(entry.kind));
    after.insert("id".to_owned(), json!(entry.id));
    let unchanged = known.is_some_and(|before| {
        let without_meta = |fields: &Map<String, Value>| {
            // The node's validator may add a text and tags of its own.
            let fields = fields.iter().filter(|(name, _)| *name != "meta");
            Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
        };
        same(&without_meta(&before), &without_meta(&after))
    });
    (!unchanged).then_some(after)
}

/// RFC 7396, but that identifiers and links are added to those that are there.
fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (into.get_mut(name), value) {
            (_, Value::Null) => {
                into.remove(name);
            }
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new))
                if ["identifier", "link"].contains(&name.as_str()) =>
            {
                add(old, new);
            }
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

fn add(old: &mut Vec<Value>, new: &[Value]) {
    for item in new {
        let is_it = |other: &Value| match (&item["value"], &other["value"]) {
            (Value::Null, _) => same(item, other),
            (value, of_other) => value == of_other && item["system"] == other["system"],
        };
        if !old.iter().any(is_it) {
            old.push(item.clone());
        }
    }
}

/// Labels stay; versions are the store's, and what its validator says is new every time.
fn meta(before: Option<&Value>, source: &str) -> Value {
    let mut meta = match before {
        Some(Value::Object(before)) => before.clone(),
        _ => Map::new(),
    };
    for name in ["versionId", "lastUpdated", "tag"] {
        meta.remove(name);
    }
    meta.insert("source".to_owned(), json!(source));
    Value::Object(meta)
}

#[cfg(test)]
mod tests;
