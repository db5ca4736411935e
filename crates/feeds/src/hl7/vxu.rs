//! `VXU^V04`: each RXA becomes an Immunization.

use super::datatypes::{concept, entity_identifier, key, quantity, somebody, time_of};
use super::message::{Message, Segment};
use super::{Making, notes_after};
use crate::resource::{concept as fhir_concept, list, named};
use crate::{Refusal, Rule, time};
use serde_json::{Value, json};

pub(super) fn map(message: &Message, making: &mut Making<'_>) -> Result<(), Refusal> {
    let mut order = None;
    let segments: Vec<Segment<'_>> = message.segments().collect();
    let mut found = false;
    for (at, segment) in segments.iter().enumerate() {
        match segment.name {
            "ORC" => order = Some(*segment),
            "RXA" => {
                // 998: no vaccine was given.
                if segment.field(5).first().component(1).value().as_deref() != Some("998") {
                    given(segment, order.take(), &segments[at + 1..], making);
                }
                found = true;
            }
            _ => {}
        }
    }
    if found { Ok(()) } else { Err(Refusal::Missing("which vaccine it is about (RXA)")) }
}

fn given(rxa: &Segment<'_>, orc: Option<Segment<'_>>, following: &[Segment<'_>], making: &mut Making<'_>) {
    let context = making.context;
    let number = orc.map(|orc| orc.field(3).first());
    let what = key(&rxa.field(5).first()).unwrap_or_default();
    let when = rxa.value(3).unwrap_or_default();
    let order = number.and_then(|number| number.component(1).value());
    let parts = match &order {
        Some(order) => vec!["RXA", order.as_str(), what.as_str()],
        None => vec!["RXA", "", what.as_str(), when.as_str()],
    };
    let mut immunization = making.about("Immunization", "patient", &parts);
    let own: Vec<Segment<'_>> =
        following.iter().take_while(|s| !["RXA", "ORC"].contains(&s.name)).copied().collect();
    let route = own.iter().find(|segment| segment.name == "RXR");
    let dose = rxa.value(6).filter(|amount| !amount.trim_start_matches('9').is_empty());
    immunization
        .set("identifier", list(number.and_then(|number| entity_identifier(&number, None, context))))
        .set("status", json!(status(rxa)))
        .set("statusReason", reason(rxa, making))
        .set(
            "vaccineCode",
            concept(&rxa.field(5).first(), context).unwrap_or_else(|| json!({ "text": "unknown" })),
        )
        .set("doseQuantity", dose.and_then(|dose| quantity(&dose, &rxa.field(7).first(), None)))
        .set("lotNumber", rxa.value(15).map(Value::from))
        .set("expirationDate", rxa.value(16).and_then(|text| time::date(&text)).map(Value::from))
        .set("manufacturer", named(rxa.field(17).first().component(2).value().or_else(|| rxa.value(17))))
        .set(
            "performer",
            list(
                rxa.field(10)
                    .repeats()
                    .filter_map(|part| Some(json!({ "actor": somebody(&part, context)? }))),
            ),
        )
        .set("primarySource", primary(rxa).map(Value::from))
        .set("site", route.and_then(|rxr| concept(&rxr.field(2).first(), context)))
        .set("route", route.and_then(|rxr| concept(&rxr.field(1).first(), context)))
        .set(
            "note",
            list(
                notes_after(own.iter().skip_while(|s| s.name != "NTE").copied())
                    .into_iter()
                    .map(|text| json!({ "text": text })),
            ),
        );
    match time_of(&rxa.field(3).first(), context) {
        Some(time) => _ = immunization.set("occurrenceDateTime", time),
        None => _ = immunization.set("occurrenceString", json!("unknown")),
    }
    making.push(immunization, Rule::Replace);
}

/// RXA-20 and RXA-21.
fn status(rxa: &Segment<'_>) -> &'static str {
    match (rxa.value(21).as_deref(), rxa.value(20).as_deref()) {
        (Some("D"), _) => "entered-in-error",
        (_, Some("RE" | "NA")) => "not-done",
        _ => "completed",
    }
}

/// RXA-18, or that it was refused.
fn reason(rxa: &Segment<'_>, making: &Making<'_>) -> Option<Value> {
    let refused = rxa.value(20).as_deref() == Some("RE");
    concept(&rxa.field(18).first(), making.context)
        .or_else(|| refused.then(|| fhir_concept("v3-ActReason", "PATOBJ")))
}

/// RXA-9: whether who gave it reports it. 00 is a new record; anything else is history.
fn primary(rxa: &Segment<'_>) -> Option<bool> {
    rxa.value(9).map(|source| source == "00")
}
