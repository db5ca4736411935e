//! PID, PD1 and NK1: who it is.

use super::datatypes::{address, authority, concept, name, numbered, table, telecom};
use super::message::{Message, Part, Segment};
use crate::resource::{Resource, list, object};
use crate::{Context, Person, time};
use serde_json::{Value, json};

/// Most repetitions of a field about a person.
const REPEATS_MAX: usize = 32;

/// The person of a list of numbers: by the medical record number, or else the first.
pub(super) fn person(numbers: &Part<'_>, context: &Context) -> Option<Person> {
    let usable = |part: &Part<'_>| part.component(1).value().is_some();
    let of_kind = |kind: &str| {
        numbers.repeats().find(|part| usable(part) && part.component(5).value().as_deref() == Some(kind))
    };
    let number = of_kind("MR").or_else(|| of_kind("PI")).or_else(|| numbers.repeats().find(usable))?;
    let value = number.component(1).value()?;
    let system = authority(&number.component(4)).system(&context.system);
    Some(Person { id: context.ids.id("Patient", &[&system, &value]), identifier: (system, value) })
}

/// What PID says.
pub(super) fn patient(pid: &Segment<'_>, id: &str, context: &Context) -> Resource {
    let mut patient = Resource::new("Patient", id.to_owned());
    let numbers = pid.field(3).repeats().take(REPEATS_MAX).filter_map(|part| numbered(&part, context));
    let social =
        pid.value(19).map(|value| json!({ "system": "http://hl7.org/fhir/sid/us-ssn", "value": value }));
    patient.set("identifier", list(numbers.chain(social)));
    set(&mut patient, pid, 5, "name", |part| name(&part));
    if let Some(sex) = gender(pid.value(8).as_deref()) {
        patient.set("gender", json!(sex));
    }
    patient.set("birthDate", pid.value(7).and_then(|text| time::date(&text)).map(Value::from));
    set(&mut patient, pid, 11, "address", |part| address(&part));
    telecoms(&mut patient, pid);
    if pid.field(16).is_null() {
        patient.remove("maritalStatus");
    }
    patient.set("maritalStatus", table(&pid.field(16).first(), "0002"));
    patient.set(
        "communication",
        concept(&pid.field(15).first(), context).map(|language| json!([{ "language": language }])),
    );
    let died = pid.value(29).and_then(|text| time::date_time(&text, &context.offset));
    match (died, pid.value(30).as_deref()) {
        (Some(time), _) => _ = patient.set("deceasedDateTime", json!(time)),
        (None, Some("Y")) => _ = patient.set("deceasedBoolean", json!(true)),
        _ => {}
    }
    patient.set("extension", list(background(pid)));
    patient.default("active", json!(true));
    patient
}

fn set(
    patient: &mut Resource,
    pid: &Segment<'_>,
    number: usize,
    element: &str,
    make: fn(Part<'_>) -> Option<Value>,
) {
    let field = pid.field(number);
    if field.is_null() {
        patient.remove(element);
    }
    patient.set(element, list(field.repeats().take(REPEATS_MAX).filter_map(make)));
}

fn telecoms(patient: &mut Resource, pid: &Segment<'_>) {
    let (home, work) = (pid.field(13), pid.field(14));
    if home.is_null() && (work.is_null() || work.is_empty()) {
        patient.remove("telecom");
    }
    let of = |field: Part<'_>, usual: &'static str| {
        field.repeats().take(REPEATS_MAX).filter_map(|part| telecom(&part, usual)).collect::<Vec<_>>()
    };
    patient.set("telecom", list(of(home, "home").into_iter().chain(of(work, "work"))));
}

fn gender(code: Option<&str>) -> Option<&'static str> {
    match code? {
        "M" => Some("male"),
        "F" => Some("female"),
        "A" | "O" | "N" => Some("other"),
        "U" => Some("unknown"),
        _ => None,
    }
}

/// Race and ethnicity by the CDC's codes, as US Core has them.
fn background(pid: &Segment<'_>) -> Vec<Value> {
    let of = |number: usize, url: &str| {
        let field = pid.field(number).first();
        let code = field.component(1).value().filter(|code| is_cdc(code))?;
        let text = field.component(2).value().unwrap_or_else(|| code.clone());
        Some(json!({
            "url": format!("http://hl7.org/fhir/us/core/StructureDefinition/{url}"),
            "extension": [
                { "url": "ombCategory", "valueCoding": { "system": "urn:oid:2.16.840.1.113883.6.238", "code": code } },
                { "url": "text", "valueString": text },
            ],
        }))
    };
    [of(10, "us-core-race"), of(22, "us-core-ethnicity")].into_iter().flatten().collect()
}

/// The categories of the Office of Management and Budget; other codes of the CDC are more detailed than it takes.
fn is_cdc(code: &str) -> bool {
    ["1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1", "2135-2", "2186-5"].contains(&code)
}

/// NK1: whom to call.
pub(super) fn contacts(message: &Message) -> Option<Value> {
    list(message.all("NK1").take(REPEATS_MAX).filter_map(|next| {
        let phone = [(5, "home"), (6, "work")].into_iter().flat_map(|(number, usual)| {
            next.field(number).repeats().filter_map(move |part| telecom(&part, usual)).collect::<Vec<_>>()
        });
        object([
            ("relationship", table(&next.field(3).first(), "0063").map(|kind| json!([kind]))),
            ("name", name(&next.field(2).first())),
            ("telecom", list(phone.take(REPEATS_MAX))),
            ("address", address(&next.field(4).first())),
        ])
    }))
}
