//! JSON that says one thing only: UTF-8, and no field twice in an object. Parsers differ in which of two they take, so one
//! that checks and one that stores could see different resources.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Malformed,
    Twice,
}

/// Of an error that this module made itself; it never reaches a client.
const TWICE: &str = "salus: a field twice";

/// Checks a text whose nesting is bounded already.
pub(crate) fn check(text: &[u8]) -> Result<(), Wrong> {
    let text = std::str::from_utf8(text).map_err(|_| Wrong::Malformed)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Strict.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    read.map_err(|error| if error.to_string().starts_with(TWICE) { Wrong::Twice } else { Wrong::Malformed })
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Strict)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            if !seen.insert(name) {
                return Err(A::Error::custom(TWICE));
            }
            fields.next_value_seed(Strict)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_one_thing() {
        for (text, expected) in [
            (br#"{"a":[1,-2,1.10,1e4,"x",null,true,{"a":1}],"b":{"a":1}}"#.as_slice(), Ok(())),
            (br#"{"a":1,"a":1}"#, Err(Wrong::Twice)),
            (br#"[{"b":{"a":1,"\u0061":2}}]"#, Err(Wrong::Twice)),
            (br#"{"a":1"#, Err(Wrong::Malformed)),
            (br#"{"a":1} {"#, Err(Wrong::Malformed)),
            (b"{\"a\":\"\xff\"}", Err(Wrong::Malformed)),
            (b"", Err(Wrong::Malformed)),
        ] {
            assert_eq!(check(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
