//! The document: a Composition, the patient, who made it, and the entries of its sections, each in its exact text.

use super::sections::{SECTIONS, Section, is_wrong};
use super::words::{self, Words};
use crate::clock;
use crate::fhir::json::{Object, write_string};
use crate::state::Gateway;
use salus_crypto::hash::hash;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A resource that the caller may read.
pub(super) struct Found {
    kind: String,
    id: String,
    /// Its exact text.
    text: String,
    pub(super) value: Value,
}

impl Found {
    /// From an entry of a Bundle.
    pub(super) fn of_entry(entry: &str) -> Option<Self> {
        let text = Object::parse(entry)?.raw("resource")?.to_owned();
        let value: Value = serde_json::from_str(&text).ok()?;
        let field = |name: &str| value[name].as_str().map(str::to_owned);
        let (kind, id) = (field("resourceType")?, field("id")?);
        Some(Self { kind, id, text, value })
    }

    fn name(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    /// When it happened, as far as it says; newest first is by this text.
    fn when(&self) -> &str {
        let fields = [
            "effectiveDateTime",
            "performedDateTime",
            "occurrenceDateTime",
            "onsetDateTime",
            "recordedDate",
            "authoredOn",
            "issued",
        ];
        fields.iter().find_map(|field| self.value[*field].as_str()).unwrap_or_default()
    }

    /// What a reader would call it.
    fn words(&self, words: &Words) -> String {
        let concept = words::concept(&self.value);
        let looked_up = || words::codes(concept?).find_map(|code| words.get(&code)).map(String::as_str);
        let name = concept.and_then(words::own).or_else(looked_up).unwrap_or(&self.kind);
        let when = self.when().get(..10).unwrap_or(self.when());
        if when.is_empty() { name.to_owned() } else { format!("{name} ({when})") }
    }
}

/// A summary, not yet written.
pub(super) struct Document {
    patient: Found,
    /// With the places of their entries in `found`.
    sections: Vec<(&'static Section, Vec<usize>)>,
    found: Vec<Found>,
    /// Places of what the entries refer to.
    supporting: Vec<usize>,
    /// What codes without words say.
    words: Words,
    /// What it is, by its content.
    mark: [u8; 32],
}

impl Document {
    /// Chooses and orders. `None` if the patient is not among what was found.
    pub(super) fn of(gateway: &Gateway, patient: &str, mut found: Vec<Found>, words: Words) -> Option<Self> {
        found.retain(|one| !is_wrong(one));
        let at = found.iter().position(|one| one.kind == "Patient" && one.id == patient)?;
        let patient = found.swap_remove(at);
        // The order of what was found is the engine's business, and no part of the document.
        found.sort_by(|a, b| b.when().cmp(a.when()).then_with(|| a.name().cmp(&b.name())));
        let mut sections = Vec::new();
        for section in SECTIONS {
            let holds = |(_, one): &(usize, &Found)| (section.holds)(&one.kind, &one.value);
            let entries: Vec<usize> =
                found.iter().enumerate().filter(holds).map(|(at, _)| at).take(section.most).collect();
            if section.required || !entries.is_empty() {
                sections.push((section, entries));
            }
        }
        let named: BTreeSet<String> = sections
            .iter()
            .flat_map(|(_, entries)| entries)
            .flat_map(|at| references(&found[*at].value))
            .collect();
        let entries: BTreeSet<usize> =
            sections.iter().flat_map(|(_, entries)| entries.iter().copied()).collect();
        let supporting: Vec<usize> = (0..found.len())
            .filter(|at| !entries.contains(at) && named.contains(&found[*at].name()))
            .collect();
        let own = gateway.config.organisation.to_string();
        let mut parts: Vec<&[u8]> = vec![own.as_bytes(), patient.text.as_bytes()];
        for (section, entries) in &sections {
            parts.push(section.code.as_bytes());
            parts.extend(entries.iter().map(|at| found[*at].text.as_bytes()));
        }
        parts.extend(supporting.iter().map(|at| found[*at].text.as_bytes()));
        // The narrative is a part of the document.
        for ((system, code), display) in &words {
            parts.extend([system.as_bytes(), code.as_bytes(), display.as_bytes()]);
        }
        let mark = hash("salus/patient-summary/v1", &parts).0;
        Some(Self { patient, sections, found, supporting, words, mark })
    }

    /// The Bundle.
    pub(super) fn text(&self, gateway: &Gateway) -> String {
        let base = gateway.config.fhir_url();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.mark[..16]);
        let uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        let now = clock::instant(clock::now_ms());
        let mut out = String::from("{\"resourceType\":\"Bundle\",\"identifier\":");
        out.push_str(
            &json!({ "system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{uuid}") }).to_string(),
        );
        out.push_str(&format!(",\"type\":\"document\",\"timestamp\":\"{now}\",\"entry\":["));
        let (author, organisation) = author(gateway);
        let composition = self.composition(&uuid.to_string(), &author, &now).to_string();
        entry(&mut out, &format!("{base}/Composition/{uuid}"), &composition);
        out.push(',');
        entry(&mut out, &format!("{base}/{}", self.patient.name()), &self.patient.text);
        out.push(',');
        entry(&mut out, &format!("{base}/{author}"), &organisation);
        let mut written = BTreeSet::new();
        let entries = self.sections.iter().flat_map(|(_, entries)| entries).chain(&self.supporting);
        for at in entries.copied().filter(|at| written.insert(*at)) {
            out.push(',');
            entry(&mut out, &format!("{base}/{}", self.found[at].name()), &self.found[at].text);
        }
        out.push_str("]}");
        out
    }

    fn composition(&self, id: &str, author: &str, now: &str) -> Value {
        let sections: Vec<Value> =
            self.sections.iter().map(|(section, entries)| self.section(section, entries)).collect();
        json!({
            "resourceType": "Composition",
            "id": id,
            "status": "final",
            "type": { "coding": [{ "system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document" }] },
            "subject": { "reference": self.patient.name() },
            "date": now,
            "author": [{ "reference": author }],
            "title": "Patient summary",
            "section": sections,
        })
    }

    fn section(&self, section: &Section, entries: &[usize]) -> Value {
        let mut shown = json!({
            "title": section.title,
            "code": { "coding": [{ "system": "http://loinc.org", "code": section.code, "display": section.display }] },
        });
        if entries.is_empty() {
            let words = "This organisation has no such record that the reader may see.";
            shown["text"] = narrative(&[words.to_owned()]);
            shown["emptyReason"] = json!({ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "unavailable", "display": "Unavailable",
            }], "text": words });
            return shown;
        }
        let words: Vec<String> = entries.iter().map(|at| self.found[*at].words(&self.words)).collect();
        let references = entries.iter().map(|at| json!({ "reference": self.found[*at].name() }));
        shown["text"] = narrative(&words);
        shown["entry"] = references.collect();
        shown
    }
}

/// The organisation that answers, as reference and resource.
fn author(gateway: &Gateway) -> (String, String) {
    let own = &gateway.config.organisation;
    let network = gateway.chain().network();
    let name =
        network.organisation(own).map_or_else(|| own.to_string(), |member| member.name.as_str().to_owned());
    let id = format!("salus-{own}");
    let resource = json!({
        "resourceType": "Organization",
        "id": id,
        "identifier": [{ "system": "https://salus.network/organisation", "value": own.to_string() }],
        "name": name,
    });
    (format!("Organization/{id}"), resource.to_string())
}

fn entry(out: &mut String, url: &str, resource: &str) {
    out.push_str("{\"fullUrl\":");
    write_string(out, url);
    out.push_str(",\"resource\":");
    out.push_str(resource);
    out.push('}');
}

/// Every relative reference in a resource.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(fields) => {
            let own = fields.get("reference").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        _ => Vec::new(),
    }
}

/// Lines as XHTML; what they hold is text and nothing else.
fn narrative(lines: &[String]) -> Value {
    let items: String = lines.iter().map(|line| format!("<li>{}</li>", escaped(line))).collect();
    json!({
        "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><ul>{items}</ul></div>"),
    })
}

fn escaped(text: &str) -> String {
    let plain = text.chars().filter(|sign| !sign.is_control());
    plain
        .map(|sign| match sign {
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '&' => "&amp;".to_owned(),
            '"' => "&quot;".to_owned(),
            sign => sign.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrative_holds_text_and_no_mark_up_of_others() {
        let shown = narrative(&["<script>alert(1)</script>&\"".to_owned()]);
        let div = shown["div"].as_str().expect("text");
        assert!(!div.contains("<script") && div.contains("&lt;script&gt;"), "{div}");
    }
}
