//! Building resources: what is absent or empty is left out, for FHIR has no empty values.

use crate::ids::{Authority, Ids};
use crate::{Entry, Rule};
use serde_json::{Map, Value, json};

/// Longest text of an element that is no document: FHIR allows 1 MiB.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A resource being made.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    kind: &'static str,
    id: String,
    fields: Map<String, Value>,
    defaults: Map<String, Value>,
}

impl Resource {
    pub(crate) fn new(kind: &'static str, id: String) -> Self {
        Self { kind, id, fields: Map::new(), defaults: Map::new() }
    }

    /// Sets an element, if there is something to set.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Option<Value>>) -> &mut Self {
        if let Some(value) = value.into().filter(|value| !is_empty(value)) {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// Sets an element that counts only where nothing is stored yet.
    pub(crate) fn default(&mut self, name: &str, value: Value) -> &mut Self {
        self.defaults.insert(name.to_owned(), value);
        self
    }

    /// Says that an element is to be removed, or not stated.
    pub(crate) fn remove(&mut self, name: &str) -> &mut Self {
        self.fields.insert(name.to_owned(), Value::Null);
        self
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(crate) fn reference(&self) -> Value {
        json!({ "reference": format!("{}/{}", self.kind, self.id) })
    }

    pub(crate) fn entry(self, rule: Rule) -> Entry {
        Entry { kind: self.kind, id: self.id, rule, resource: self.fields, defaults: self.defaults }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// An object of what is there.
pub(crate) fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let fields: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(name, value)| {
            value.filter(|value| !is_empty(value)).map(|value| (name.to_owned(), value))
        })
        .collect();
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// A list of what is there.
pub(crate) fn list(items: impl IntoIterator<Item = Value>) -> Option<Value> {
    let items: Vec<Value> = items.into_iter().filter(|item| !is_empty(item)).collect();
    (!items.is_empty()).then_some(Value::Array(items))
}

/// A text without control characters (line breaks and tabs aside) and spaces around it; `None` for an empty one.
pub(crate) fn plain(text: &str) -> Option<String> {
    let mut clean: String = text
        .chars()
        .filter(|c| !c.is_control() || ['\n', '\t'].contains(c))
        .collect::<String>()
        .trim()
        .to_owned();
    if clean.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        clean.truncate(end);
    }
    (!clean.is_empty()).then_some(clean)
}

/// A code as FHIR's type `code` and `Coding.code` take it: no spaces at the ends or doubled.
pub(crate) fn code(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    plain(&words.join(" "))
}

/// A reference to somebody or something that is only named.
pub(crate) fn named(display: Option<String>) -> Option<Value> {
    display.map(|display| json!({ "display": display }))
}

/// A coding of a code system of HL7's terminology.
pub(crate) fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

/// An identifier.
pub(crate) fn identifier(own: &str, authority: &Authority, value: &str, kind: Option<&str>) -> Value {
    let mut identifier = json!({ "system": authority.system(own), "value": value });
    if let Some(kind) = kind.and_then(code) {
        identifier["type"] = concept("v2-0203", &kind);
    }
    identifier
}

/// A Binary with the bytes of something, already in base64; its id follows from them and from whose it is.
pub(crate) fn binary(ids: &Ids, patient: &str, content_type: &str, data: String) -> Resource {
    let mut binary = Resource::new("Binary", ids.id("Binary", &[patient, content_type, &data]));
    binary
        .set("contentType", json!(content_type))
        .set("securityContext", json!({ "reference": format!("Patient/{patient}") }))
        .set("data", json!(data));
    binary
}
