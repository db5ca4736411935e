//! JSON objects whose values stay the text that they are: order, decimals and all.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A JSON object, fields in order.
pub(crate) struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Parses an object. `None` if the text is none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Names and texts of all fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&String, &'a str)> {
        self.0.iter().map(|(name, value)| (name, value.get()))
    }

    /// The text of a field's value.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.get())
    }

    /// A field's value, if it is a string.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The patient whom a resource is about, where it says so at its top: `subject`, `patient`, `beneficiary`, and
/// `securityContext` of a Binary.
pub(crate) fn subject_of(resource: &str) -> Option<String> {
    let object = Object::parse(resource)?;
    ["subject", "patient", "beneficiary", "securityContext"].iter().find_map(|field| {
        let reference = Object::parse(object.raw(field)?)?.text("reference")?;
        reference.strip_prefix("Patient/").map(str::to_owned)
    })
}

/// Writes a JSON string.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_the_text_they_are() {
        let object = Object::parse(r#"{ "b": 1.10, "a": {"x": [1e2]}, "t": "ä\n" }"#).expect("object");
        assert_eq!(object.raw("b"), Some("1.10"));
        assert_eq!(object.raw("a"), Some(r#"{"x": [1e2]}"#));
        assert_eq!(object.text("t").as_deref(), Some("ä\n"));
        assert_eq!(object.fields().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a", "t"]);
        assert!(Object::parse("[1]").is_none());
    }
}
