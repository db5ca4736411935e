//! `ORU^R01`: each OBR becomes a DiagnosticReport, each of its OBX an Observation.

use super::datatypes::{concept, entity_identifier, key, somebody, time_of};
use super::message::{Message, Segment};
use super::observations::{Order, category, laboratory, of_order, section};
use super::visit::{Stage, visit};
use super::{Making, notes_after};
use crate::resource::{list, object};
use crate::{Refusal, Rule, time};
use serde_json::{Value, json};

pub(super) fn map(message: &Message, making: &mut Making<'_>) -> Result<(), Refusal> {
    let groups = groups(message);
    if groups.is_empty() {
        return Err(Refusal::Missing("which order it answers (OBR)"));
    }
    let encounter = visit(message, Stage::Unsaid, making);
    for (number, group) in groups.iter().enumerate() {
        report(group, number, encounter.as_ref(), making);
    }
    Ok(())
}

/// Each OBR with what follows it, and the ORC before it.
fn groups(message: &Message) -> Vec<Vec<Segment<'_>>> {
    let mut groups: Vec<Vec<Segment<'_>>> = Vec::new();
    let mut order = None;
    for segment in message.segments() {
        match segment.name {
            "ORC" => order = Some(segment),
            "OBR" => groups.push([segment].into_iter().chain(order.take()).collect()),
            _ => {
                if let Some(group) = groups.last_mut().filter(|_| order.is_none()) {
                    group.push(segment);
                }
            }
        }
    }
    groups
}

fn report(group: &[Segment<'_>], number: usize, encounter: Option<&Value>, making: &mut Making<'_>) {
    let Some(obr) = group.first() else { return };
    let context = making.context;
    let orc = group.iter().find(|segment| segment.name == "ORC");
    // ORC-2 and -3 repeat OBR-2 and -3, which some senders leave out.
    let numbered = |field: usize| {
        [Some(obr), orc]
            .into_iter()
            .flatten()
            .map(|s| s.field(field).first())
            .find(|part| part.component(1).value().is_some())
    };
    let (filler, placer) = (numbered(3), numbered(2));
    let what = key(&obr.field(4).first()).unwrap_or_default();
    let parts = match filler.or(placer).map(|part| part.component(1).value().unwrap_or_default()) {
        Some(order) => vec!["OBR".to_owned(), order, what],
        None => vec!["OBR".to_owned(), making.control.clone(), number.to_string(), what],
    };
    let first = group.iter().find(|segment| segment.name == "OBX");
    let issued = obr.value(22).and_then(|text| time::instant(&text, &context.offset));
    let order = Order {
        parts,
        effective: time_of(&obr.field(7).first(), context),
        issued: issued.clone(),
        performer: first.and_then(laboratory),
        encounter,
        category: category(obr.value(24).as_deref()),
    };
    let refs: Vec<&str> = order.parts.iter().map(String::as_str).collect();
    let mut report = making.about("DiagnosticReport", "subject", &refs);
    let made = of_order(group, &order, making);
    let notes = notes_after(group.iter().skip_while(|s| s.name != "NTE" && s.name != "OBX").copied());
    report
        .set(
            "identifier",
            list(
                [(filler, "FILL"), (placer, "PLAC")]
                    .into_iter()
                    .filter_map(|(part, kind)| entity_identifier(&part?, Some(kind), context)),
            ),
        )
        .set("status", json!(status(obr.value(25).as_deref())))
        .set("category", section(obr, 24).map(|section| json!([section])))
        .set("code", concept(&obr.field(4).first(), context).unwrap_or_else(|| json!({ "text": "report" })))
        .set("encounter", encounter.cloned())
        .set("effectiveDateTime", order.effective.clone())
        .set("issued", issued.map(Value::from))
        .set("performer", list(order.performer.clone()))
        .set("resultsInterpreter", list(somebody_of_32(obr, making)))
        .set("result", list(made.results))
        .set("presentedForm", list(made.documents))
        .set("conclusion", Some(notes.join("\n")).filter(|text| !text.is_empty()).map(Value::from));
    making.push(report, Rule::Replace);
}

/// OBR-32 is NDL, whose first component is a person with the number first.
fn somebody_of_32(obr: &Segment<'_>, making: &Making<'_>) -> Option<Value> {
    let part = obr.field(32).first();
    let person = part.component(1);
    let words = [6, 3, 2].map(|number| person.subcomponent(number).value());
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        return somebody(&part, making.context);
    }
    object([("display", Some(Value::from(words.join(" "))))])
}

/// OBR-25 as the status of a DiagnosticReport.
fn status(code: Option<&str>) -> &'static str {
    match code.unwrap_or("F") {
        "F" => "final",
        "C" => "corrected",
        "P" => "preliminary",
        "A" | "R" => "partial",
        "I" | "O" | "S" => "registered",
        "X" => "cancelled",
        _ => "unknown",
    }
}
