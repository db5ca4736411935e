//! Lines, one resource each, and what is wrong with some of them.

use crate::bulk::subject;
use crate::fhir::is_id;
use crate::fhir::json::Object;
use crate::smart::is_type;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead};

/// Longest line: what fits into a request to the engine with room to spare.
pub(crate) const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Deepest JSON, as in the engine.
const DEPTH_MAX: usize = 64;

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// More than [`LINE_BYTES_MAX`].
    TooLong,
    /// No UTF-8, or no JSON object, or too deep.
    NotJson,
    /// No type or no id, or one of them twice.
    NoName,
    /// An id that only copies of other organisations' records have, or a type that nobody imports.
    Reserved,
    /// Whoever began the import may not write this type.
    NotAllowed,
    /// The clinical store refuses it.
    Refused,
    /// The record was erased here.
    Erased,
}

impl Fault {
    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::TooLong => "the line is longer than 8 MiB",
            Self::NotJson => "the line is not a resource in JSON",
            Self::NoName => "the resource has no type or no id, or has one of them twice",
            Self::Reserved => "the id or the type is kept for the server itself",
            Self::NotAllowed => "whoever began the import may not write this type",
            Self::Refused => "the clinical store refuses the resource",
            Self::Erased => "the record was erased here; a steward can let it in again",
        }
    }

    /// The issue type of an OperationOutcome.
    pub(crate) fn issue(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::NotJson => "structure",
            Self::NoName => "required",
            Self::Reserved | Self::NotAllowed => "forbidden",
            Self::Refused => "processing",
            Self::Erased => "business-rule",
        }
    }
}

/// A resource that can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its line, from 1.
    pub(crate) line: u64,
    pub(crate) kind: String,
    pub(crate) id: String,
    /// Whose record it is.
    pub(crate) patient: Option<String>,
    /// The exact text.
    pub(crate) text: String,
}

/// Understands a line.
pub(crate) fn entry(line: u64, text: &str, may: impl Fn(&str) -> bool) -> Result<Entry, Fault> {
    if depth(text.as_bytes()) > DEPTH_MAX {
        return Err(Fault::NotJson);
    }
    let object = Object::parse(text).ok_or(Fault::NotJson)?;
    let once = |name: &str| object.fields().filter(|(field, _)| *field == name).count() == 1;
    if !once("resourceType") || !once("id") {
        return Err(Fault::NoName);
    }
    let (kind, id) = object.text("resourceType").zip(object.text("id")).ok_or(Fault::NoName)?;
    if !is_type(&kind) || !is_id(&id) {
        return Err(Fault::NoName);
    }
    if id.starts_with("sx-") || kind == "SearchParameter" {
        return Err(Fault::Reserved);
    }
    if !may(&kind) {
        return Err(Fault::NotAllowed);
    }
    let patient = subject::patient_of(&kind, &id, text);
    Ok(Entry { line, patient, kind, id, text: text.to_owned() })
}

/// The deepest nesting, found without recursion; 0 for what is no JSON is as good as any number.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A line as it comes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Text(String),
    Bad(Fault),
    /// Nothing stands in it.
    Blank,
}

/// Reads the next line; `None` at the end. Whatever its length, it takes no more memory than the longest that is allowed.
pub(crate) fn next(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let (mut too_long, mut any) = (false, false);
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        any = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(piece.len());
        if line.len() + taken > LINE_BYTES_MAX {
            too_long = true;
            line.clear();
        } else if !too_long {
            line.extend_from_slice(&piece[..taken]);
        }
        reader.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            break;
        }
    }
    if !any {
        return Ok(None);
    }
    if too_long {
        return Ok(Some(Line::Bad(Fault::TooLong)));
    }
    Ok(Some(match String::from_utf8(line) {
        Err(_) => Line::Bad(Fault::NotJson),
        Ok(text) if text.trim().is_empty() => Line::Blank,
        Ok(text) => Line::Text(text),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn a_resource_with_one_type_and_one_id_is_an_entry_and_all_else_is_a_fault() {
        let deep = format!(r#"{{"resourceType":"Basic","id":"a","x":{}{}}}"#, "[".repeat(70), "]".repeat(70));
        for (text, expected) in [
            (r#"{"resourceType":"Patient","id":"p"}"#, Ok(())),
            (r#" {"id":"o","resourceType":"Observation","x":1.10} "#, Ok(())),
            ("", Err(Fault::NotJson)),
            ("rubbish", Err(Fault::NotJson)),
            ("[]", Err(Fault::NotJson)),
            (r#"{"resourceType":"Patient","id":"p"}}"#, Err(Fault::NotJson)),
            (
                r#"{"resourceType":"Patient","id":"p"},{"resourceType":"Patient","id":"q"}"#,
                Err(Fault::NotJson),
            ),
            (deep.as_str(), Err(Fault::NotJson)),
            (r#"{"resourceType":"Patient"}"#, Err(Fault::NoName)),
            (r#"{"id":"p"}"#, Err(Fault::NoName)),
            (r#"{"resourceType":"Patient","id":"p","id":"q"}"#, Err(Fault::NoName)),
            (r#"{"resourceType":"Patient","resourceType":"Observation","id":"p"}"#, Err(Fault::NoName)),
            (r#"{"resourceType":"Patient","id":"../x"}"#, Err(Fault::NoName)),
            (r#"{"resourceType":"Patient/x","id":"p"}"#, Err(Fault::NoName)),
            (r#"{"resourceType":"Patient","id":1}"#, Err(Fault::NoName)),
            (r#"{"resourceType":"Patient","id":"sx-1"}"#, Err(Fault::Reserved)),
            (r#"{"resourceType":"SearchParameter","id":"a"}"#, Err(Fault::Reserved)),
            (r#"{"resourceType":"Basic","id":"a"}"#, Err(Fault::NotAllowed)),
        ] {
            let may = |kind: &str| kind != "Basic";
            assert_eq!(entry(1, text, may).map(drop), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_read_whole_and_one_that_is_too_long_harms_no_other() {
        let mut bytes = b"a\r\n\n\xff\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', LINE_BYTES_MAX + 1));
        bytes.extend(b"\n");
        bytes.extend(std::iter::repeat_n(b'y', LINE_BYTES_MAX));
        bytes.extend(b"\nlast");
        let mut reader = BufReader::new(bytes.as_slice());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut reader).expect("line") {
            lines.push(match line {
                Line::Text(text) => text.trim().chars().take(4).collect(),
                other => format!("{other:?}"),
            });
        }
        assert_eq!(lines, ["a", "Blank", "Bad(NotJson)", "Bad(TooLong)", "yyyy", "last"]);
    }
}
