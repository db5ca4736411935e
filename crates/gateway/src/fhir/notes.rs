//! Tells the reader what is missing: sources whose records are shared no longer, or cannot be fetched now.
//! Local data answers all the same.
//!
//! Every answer has a header `x-salus-warning: SOURCE;CODE, ...`. A search's Bundle also has an entry with
//! `search.mode = outcome` (<https://hl7.org/fhir/R4/search.html#modes>): its OperationOutcome says it in words.

use super::ask::{Ask, What};
use super::json::Object;
use crate::error::{Error, Result, WARNING, issue};
use crate::shares::Note;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use salus_policy::Action;
use serde_json::json;

/// Largest Bundle that is read into memory to add the entry; a larger one has the header alone.
const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Adds the notes.
pub(crate) async fn add(mut answer: Response, ask: &Ask, notes: &[Note]) -> Result<Response> {
    if notes.is_empty() {
        return Ok(answer);
    }
    let list: Vec<String> =
        notes.iter().map(|note| format!("{};{}", note.source, note.code.row().1)).collect();
    if let Ok(value) = HeaderValue::from_str(&list.join(", ")) {
        answer.headers_mut().insert(WARNING, value);
    }
    // A document holds nothing but what it is about.
    let found = ask.what.action() == Action::Search && ask.what != What::Summary;
    if !found || answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (mut parts, body) = answer.into_parts();
    let bytes = to_bytes(body, BUNDLE_BYTES_MAX).await.map_err(Error::internal)?;
    let bytes = match std::str::from_utf8(&bytes).ok().and_then(|text| with_entry(text, notes)) {
        Some(text) => text.into_bytes().into(),
        None => bytes,
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::ETAG);
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// The Bundle with one more entry. `None` if it is no Bundle.
fn with_entry(bundle: &str, notes: &[Note]) -> Option<String> {
    let object = Object::parse(bundle)?;
    if object.text("resourceType")? != "Bundle" {
        return None;
    }
    let issues: Vec<_> = notes.iter().map(|note| issue("warning", note.code, &note.text)).collect();
    let outcome = json!({
        "search": { "mode": "outcome" },
        "resource": { "resourceType": "OperationOutcome", "issue": issues },
    });
    let mut out = String::with_capacity(bundle.len() + 512);
    out.push('{');
    for (name, value) in object.fields().filter(|(name, _)| *name != "entry") {
        super::json::write_string(&mut out, name);
        out.push(':');
        out.push_str(value);
        out.push(',');
    }
    out.push_str("\"entry\":[");
    let inner =
        object.raw("entry").and_then(|raw| raw.trim().strip_prefix('[')?.strip_suffix(']')).unwrap_or("");
    if !inner.trim().is_empty() {
        out.push_str(inner);
        out.push(',');
    }
    out.push_str(&outcome.to_string());
    out.push_str("]}");
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn the_entry_is_added_and_the_rest_stays_as_it_is() {
        let note = Note { source: "hospital-a".parse().expect("id"), code: Code::Away, text: "later".into() };
        for bundle in [
            r#"{"resourceType":"Bundle","total":1,"entry":[{"resource":{"v":1.10}}]}"#,
            r#"{"resourceType":"Bundle","total":0}"#,
            r#"{"resourceType":"Bundle","entry":[ ]}"#,
        ] {
            let with = with_entry(bundle, std::slice::from_ref(&note)).expect(bundle);
            let json: serde_json::Value = serde_json::from_str(&with).expect("json");
            let entries = json["entry"].as_array().expect("entries");
            let last = entries.last().expect("outcome");
            assert_eq!(last["search"]["mode"], "outcome");
            assert_eq!(last["resource"]["issue"][0]["code"], "transient");
            assert_eq!(with.contains("1.10"), bundle.contains("1.10"));
        }
        assert!(with_entry(r#"{"resourceType":"Patient"}"#, &[note]).is_none());
    }
}
