//! PV1 and PV2: the stay or the visit.

use super::Making;
use super::datatypes::{authority, concept, numbered, place, somebody, table, time_of};
use super::message::{Message, Segment};
use crate::Rule;
use crate::resource::{Resource, list, object};
use serde_json::{Value, json};

/// What a message says about the state of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has begun.
    Begun,
    /// It has ended.
    Ended,
    /// Nothing that PV1-45 does not say.
    Unsaid,
}

/// The visit of a message, if it has a number or a time; `Encounter/[id]`.
pub(super) fn visit(message: &Message, stage: Stage, making: &mut Making<'_>) -> Option<Value> {
    let pv1 = message.first("PV1")?;
    let number = pv1.field(19).first();
    let parts = match number.component(1).value() {
        Some(value) => [authority(&number.component(4)).system(&making.context.system), value],
        None => ["time".to_owned(), pv1.value(44)?],
    };
    let mut visit = making.about("Encounter", "subject", &[&parts[0], &parts[1]]);
    visit.set("identifier", numbered(&number, making.context).map(|number| json!([number])));
    fill(&mut visit, &pv1, stage, making);
    let reason = message.first("PV2").and_then(|pv2| concept(&pv2.field(3).first(), making.context));
    visit.set("reasonCode", reason.map(|reason| json!([reason])));
    let reference = visit.reference();
    making.push(visit, Rule::Merge);
    Some(reference)
}

fn fill(visit: &mut Resource, pv1: &Segment<'_>, stage: Stage, making: &Making<'_>) {
    let context = making.context;
    let class = match pv1.value(2).as_deref() {
        Some("I" | "B") => Some("IMP"),
        Some("E") => Some("EMER"),
        Some("P") => Some("PRENC"),
        Some("O" | "R") => Some("AMB"),
        _ => None,
    };
    match class {
        Some(class) => _ = visit.set("class", act(class)),
        None => _ = visit.default("class", act("AMB")),
    }
    let (start, end) = (time_of(&pv1.field(44).first(), context), time_of(&pv1.field(45).first(), context));
    match stage {
        Stage::Ended => _ = visit.set("status", json!("finished")),
        Stage::Unsaid if end.is_some() => _ = visit.set("status", json!("finished")),
        Stage::Begun => _ = visit.set("status", json!("in-progress")),
        Stage::Unsaid => _ = visit.default("status", json!("in-progress")),
    }
    visit.set("period", object([("start", start), ("end", end)]));
    visit.set("serviceType", table(&pv1.field(10).first(), "0069"));
    visit.set("location", place(&pv1.field(3).first()).map(|place| json!([{ "location": place }])));
    let roles = [(7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM")];
    let people = roles.into_iter().flat_map(|(field, role)| {
        let people = pv1.field(field).repeats().filter_map(|part| somebody(&part, context));
        people.map(|person| json!({ "type": [crate::resource::concept("v3-ParticipationType", role)], "individual": person }))
            .collect::<Vec<_>>()
    });
    visit.set("participant", list(people.take(64)));
    visit.set(
        "hospitalization",
        object([
            ("admitSource", table(&pv1.field(14).first(), "0023")),
            ("dischargeDisposition", table(&pv1.field(36).first(), "0112")),
        ]),
    );
}

fn act(code: &str) -> Value {
    json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code })
}
