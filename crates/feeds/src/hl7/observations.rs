//! OBX: observations, laboratory results and vital signs alike; and documents inside of them.

use super::datatypes::{concept, key, quantity, somebody, table, time_of};
use super::message::{Message, Segment};
use super::{Making, notes_after};
use crate::json::decimal;
use crate::resource::{Resource, binary, concept as fhir_concept, list, object};
use crate::{Rule, codes, time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the observations of one order have in common.
pub(super) struct Order<'a> {
    /// What their ids follow from.
    pub(super) parts: Vec<String>,
    /// When, if an observation does not say.
    pub(super) effective: Option<Value>,
    pub(super) issued: Option<String>,
    pub(super) performer: Option<Value>,
    pub(super) encounter: Option<&'a Value>,
    /// `laboratory`, `imaging`, ...
    pub(super) category: &'static str,
}

/// What became of the OBX of an order.
#[derive(Default)]
pub(super) struct Made {
    /// References to observations.
    pub(super) results: Vec<Value>,
    /// Attachments: type and Binary.
    pub(super) documents: Vec<Value>,
}

/// An OBX with the lines that follow it in the same text, and its notes.
struct Observed<'m> {
    obx: Segment<'m>,
    lines: Vec<String>,
    notes: Vec<String>,
}

/// The observations among the segments of an order.
pub(super) fn of_order(segments: &[Segment<'_>], order: &Order<'_>, making: &mut Making<'_>) -> Made {
    let mut made = Made::default();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for observed in gathered(segments) {
        if let Some((content_type, data)) = embedded(&observed.obx) {
            let document = binary(&making.context.ids, making.patient(), content_type, data);
            made.documents.push(attachment(content_type, &document, &observed.obx));
            making.push(document, Rule::Replace);
            continue;
        }
        let Some(named) = key(&observed.obx.field(3).first()) else { continue };
        let part = observed.obx.value(4).unwrap_or_default();
        let time = times.entry(format!("{named}\n{part}")).or_default();
        *time += 1;
        let mut parts: Vec<&str> = order.parts.iter().map(String::as_str).collect();
        let own = observed.obx.value(21).unwrap_or_default();
        let ordinal = time.to_string();
        parts.extend(["OBX", &named, &part, &own, &ordinal]);
        let mut resource = making.about("Observation", "subject", &parts);
        fill(&mut resource, &observed, order, making);
        made.results.push(resource.reference());
        making.push(resource, Rule::Replace);
    }
    made
}

/// OBX of a message that orders nothing: height and weight at an admission.
pub(super) fn beside(message: &Message, encounter: Option<&Value>, making: &mut Making<'_>) {
    let segments: Vec<Segment<'_>> = message.all("OBX").collect();
    let visit = encounter.map(Value::to_string).unwrap_or_else(|| making.control.clone());
    let order = Order {
        parts: vec!["ADT".to_owned(), visit],
        effective: None,
        issued: None,
        performer: None,
        encounter,
        category: "exam",
    };
    of_order(&segments, &order, making);
}

/// Lines of one text come as one OBX each, with the same code and part.
fn gathered<'m>(segments: &[Segment<'m>]) -> Vec<Observed<'m>> {
    let mut all: Vec<Observed<'m>> = Vec::new();
    for (at, obx) in segments.iter().enumerate().filter(|(_, segment)| segment.name == "OBX") {
        let notes = notes_after(segments[at + 1..].iter().copied());
        let text = |obx: &Segment<'_>| matches!(obx.value(2).as_deref(), Some("TX" | "FT"));
        let lines = || obx.field(5).lines().map(|line| line.value().unwrap_or_default()).collect::<Vec<_>>();
        match all.last_mut() {
            Some(last) if text(obx) && text(&last.obx) && same_text(&last.obx, obx) => {
                last.lines.extend(lines());
                last.notes.extend(notes);
            }
            _ => all.push(Observed { obx: *obx, lines: if text(obx) { lines() } else { Vec::new() }, notes }),
        }
    }
    all
}

fn same_text(left: &Segment<'_>, right: &Segment<'_>) -> bool {
    key(&left.field(3).first()) == key(&right.field(3).first()) && left.value(4) == right.value(4)
}

fn fill(resource: &mut Resource, observed: &Observed<'_>, order: &Order<'_>, making: &Making<'_>) {
    let (obx, context) = (&observed.obx, making.context);
    let loinc = obx.field(3).first().component(1).value().unwrap_or_default();
    let category = if codes::is_vital_sign(&loinc) { "vital-signs" } else { order.category };
    resource
        .set("status", json!(status(obx.value(11).as_deref())))
        .set("category", json!([fhir_concept("observation-category", category)]))
        .set("code", concept(&obx.field(3).first(), context))
        .set("encounter", order.encounter.cloned())
        .set(
            "effectiveDateTime",
            time_of(&obx.field(14).first(), context).or_else(|| order.effective.clone()),
        )
        .set("issued", order.issued.clone().map(Value::from))
        .set(
            "performer",
            list(
                obx.field(16)
                    .repeats()
                    .filter_map(|part| somebody(&part, context))
                    .chain(order.performer.clone()),
            ),
        )
        .set(
            "interpretation",
            list(obx.field(8).repeats().filter_map(|part| interpretation(&part.component(1).value()?))),
        )
        .set("note", list(observed.notes.iter().map(|text| json!({ "text": text }))))
        .set("method", concept(&obx.field(17).first(), context))
        .set("referenceRange", obx.value(7).map(|text| json!([{ "text": text }])));
    match value(observed, making) {
        Some((name, value)) => _ = resource.set(name, value),
        None => _ = resource.set("dataAbsentReason", fhir_concept("data-absent-reason", "unknown")),
    }
}

/// OBX-11 as the status of an Observation.
pub(super) fn status(code: Option<&str>) -> &'static str {
    match code.unwrap_or("F") {
        "F" | "U" | "V" => "final",
        "C" => "corrected",
        "P" | "R" | "S" | "B" => "preliminary",
        "I" | "O" => "registered",
        "X" | "N" => "cancelled",
        "D" | "W" => "entered-in-error",
        _ => "unknown",
    }
}

fn interpretation(code: &str) -> Option<Value> {
    let code = crate::resource::code(code)?;
    Some(fhir_concept("v3-ObservationInterpretation", &code))
}

fn value(observed: &Observed<'_>, making: &Making<'_>) -> Option<(&'static str, Value)> {
    let (obx, context) = (&observed.obx, making.context);
    let field = obx.field(5);
    let first = field.first();
    let text = || field.first().component(1).value();
    match obx.value(2).as_deref().unwrap_or("ST") {
        "NM" => number(&text()?, obx),
        "SN" => structured(obx),
        "CE" | "CWE" | "CNE" | "CF" => Some(("valueCodeableConcept", concept(&first, context)?)),
        "IS" | "ID" => Some(("valueCodeableConcept", json!({ "text": text()? }))),
        "DT" | "TS" | "DTM" => Some(("valueDateTime", time_of(&first, context)?)),
        "TM" => Some(("valueTime", json!(time::of_day(&text()?)?))),
        "TX" | "FT" => {
            let text = crate::resource::plain(&observed.lines.join("\n"))?;
            Some(("valueString", json!(text)))
        }
        _ => {
            let parts = field.lines().filter_map(|part| part.value()).collect::<Vec<_>>().join("\n");
            Some(("valueString", json!(crate::resource::plain(&parts)?)))
        }
    }
}

/// A number; laboratories write `<5` into numbers, too.
fn number(text: &str, obx: &Segment<'_>) -> Option<(&'static str, Value)> {
    let comparator = ["<=", ">=", "<", ">"].into_iter().find(|sign| text.starts_with(sign));
    let digits = &text[comparator.map_or(0, str::len)..];
    match quantity(digits, &obx.field(6).first(), comparator) {
        Some(quantity) => Some(("valueQuantity", quantity)),
        None => Some(("valueString", json!(text))),
    }
}

/// SN: `comparator^number^separator^number`.
fn structured(obx: &Segment<'_>) -> Option<(&'static str, Value)> {
    let part = obx.field(5).first();
    let [sign, low, separator, high] = [1, 2, 3, 4].map(|number| part.component(number).value());
    let (unit, low) = (obx.field(6).first(), low?);
    match (separator.as_deref(), high) {
        (Some("-"), Some(high)) => {
            let range =
                object([("low", quantity(&low, &unit, None)), ("high", quantity(&high, &unit, None))]);
            Some(("valueRange", range?))
        }
        (Some(":" | "/"), Some(high)) => {
            let ratio = json!({ "numerator": { "value": decimal(&low)? }, "denominator": { "value": decimal(&high)? } });
            Some(("valueRatio", ratio))
        }
        (Some("+"), _) => Some(("valueString", json!(format!("{low}+")))),
        _ => {
            let sign = sign.filter(|sign| ["<", "<=", ">", ">="].contains(&sign.as_str()));
            Some(("valueQuantity", quantity(&low, &unit, sign.as_deref())?))
        }
    }
}

/// ED: `application^type^subtype^encoding^data`; its type and its bytes in base64.
pub(super) fn embedded(obx: &Segment<'_>) -> Option<(&'static str, String)> {
    if obx.value(2).as_deref() != Some("ED") {
        return None;
    }
    let part = obx.field(5).first();
    let [main, sub, encoding] =
        [2, 3, 4].map(|number| part.component(number).value().unwrap_or_default().to_ascii_lowercase());
    let data = part.component(5).value()?;
    let bytes = match encoding.as_str() {
        "base64" => STANDARD.decode(data.split_whitespace().collect::<String>()).ok()?,
        "hex" => hex::decode(data.trim()).ok()?,
        _ => data.into_bytes(),
    };
    Some((content_type(&main, &sub), STANDARD.encode(bytes)))
}

/// Types that documents have; what is not known is bytes.
pub(super) fn content_type(main: &str, sub: &str) -> &'static str {
    match (main, sub) {
        (_, "pdf") | ("pdf", _) => "application/pdf",
        (_, "rtf" | "richtext") => "text/rtf",
        (_, "html") => "text/html",
        (_, "jpeg" | "jpg" | "jpe") => "image/jpeg",
        (_, "png") => "image/png",
        (_, "tiff" | "tif") => "image/tiff",
        (_, "dicom" | "dcm") => "application/dicom",
        (_, "x-hl7-cda-level-one" | "xml" | "cda+xml") => "application/xml",
        ("text" | "txt" | "tx" | "ft", _) => "text/plain",
        _ => "application/octet-stream",
    }
}

pub(super) fn attachment(content_type: &str, document: &Resource, obx: &Segment<'_>) -> Value {
    let mut attachment = json!({ "contentType": content_type, "url": document.reference()["reference"] });
    if let Some(title) = obx.field(3).first().component(2).value() {
        attachment["title"] = json!(title);
    }
    attachment
}

/// Who reported: the laboratory of OBX-23, by name.
pub(super) fn laboratory(obx: &Segment<'_>) -> Option<Value> {
    crate::resource::named(obx.field(23).first().component(1).value())
}

/// OBR-24 as a category of observations.
pub(super) fn category(section: Option<&str>) -> &'static str {
    match section.unwrap_or("LAB") {
        "RAD" | "RUS" | "CT" | "NMR" | "NMS" | "IMG" | "CUS" | "XRC" | "VUS" => "imaging",
        "EC" | "EN" | "CTH" | "CG" | "PF" => "procedure",
        "PHR" | "RX" => "therapy",
        _ => "laboratory",
    }
}

/// A coded element of a table, for reports.
pub(super) fn section(segment: &Segment<'_>, number: usize) -> Option<Value> {
    table(&segment.field(number).first(), "0074")
}
