//! DocumentReference: a note as plain text.

use super::{
    super::terms::{Code, concept, labels::labelled, system},
    Setting, link,
};
use serde_json::{Value, json};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A note of a visit.
pub(crate) fn note(setting: &Setting, kind: &Code, text: &str, minutes: u32) -> Value {
    let written = setting.time(minutes + 12);
    let document = json!({
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": kind.concept(),
        "category": [concept(system::NOTE_CATEGORY, "clinical-note", "Clinical Note")],
        "subject": setting.patient(),
        "date": written,
        "author": [setting.clinician.reference()],
        "custodian": setting.site.organization(),
        "content": [{ "attachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": "en-US",
            "data": base64(text.as_bytes()),
            "title": kind.display,
            "creation": written,
        } }],
        "context": {
            "encounter": [link(setting.encounter)],
            "period": { "start": setting.time(0), "end": setting.time(minutes) },
        },
    });
    labelled(document, setting.label)
}

/// RFC 4648, section 4; here rather than from a crate, so that the generator needs only JSON and chance.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
