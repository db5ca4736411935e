//! ADT: who is here, with which diagnoses, allergies and procedures; and which two patients are one (A40).

use super::Making;
use super::datatypes::{concept, key, somebody, table, time_of};
use super::message::Message;
use super::observations;
use super::patient;
use super::visit::{Stage, visit};
use crate::resource::{Resource, list, object};
use crate::{Refusal, Rule};
use serde_json::{Value, json};

/// A01, A03, A04, A08.
pub(super) fn map(message: &Message, trigger: &str, making: &mut Making<'_>) -> Result<(), Refusal> {
    let stage = match trigger {
        "A01" | "A04" => Stage::Begun,
        "A03" => Stage::Ended,
        _ => Stage::Unsaid,
    };
    let encounter = visit(message, stage, making);
    if encounter.is_none() && stage != Stage::Unsaid {
        return Err(Refusal::Missing("which visit it is about (PV1-19, or PV1-44)"));
    }
    diagnoses(message, encounter.as_ref(), making);
    allergies(message, making);
    procedures(message, encounter.as_ref(), making);
    observations::beside(message, encounter.as_ref(), making);
    Ok(())
}

/// A40: the person of MRG is the person of PID. Records stay where they are; both say that they are one.
pub(super) fn merge(message: &Message, making: &mut Making<'_>) -> Result<(), Refusal> {
    let mrg = message.first("MRG").ok_or(Refusal::Missing("which patient is merged (MRG)"))?;
    let prior = patient::person(&mrg.field(1), making.context)
        .ok_or(Refusal::Missing("the number of the merged patient (MRG-1)"))?;
    let kept = making.patient().to_owned();
    if prior.id == kept {
        return Err(Refusal::Malformed("a patient would be merged with itself"));
    }
    let link =
        |id: &str, kind: &str| json!([{ "other": { "reference": format!("Patient/{id}") }, "type": kind }]);
    let mut gone = Resource::new("Patient", prior.id.clone());
    let (system, value) = &prior.identifier;
    gone.set("identifier", json!([{ "system": system, "value": value }]))
        .set("active", json!(false))
        .set("link", link(&kept, "replaced-by"));
    let mut stays = Resource::new("Patient", kept);
    stays.set("link", link(&prior.id, "replaces"));
    making.push(gone, Rule::Merge);
    making.push(stays, Rule::Merge);
    making.people.push(prior);
    Ok(())
}

fn diagnoses(message: &Message, encounter: Option<&Value>, making: &mut Making<'_>) {
    let context = making.context;
    let visit = encounter.map(Value::to_string).unwrap_or_default();
    for dg1 in message.all("DG1") {
        let (Some(code), Some(named)) = (concept(&dg1.field(3).first(), context), key(&dg1.field(3).first()))
        else {
            continue;
        };
        let mut condition = making.about("Condition", "subject", &["DG1", &visit, &named]);
        condition
            .set("category", json!([crate::resource::concept("condition-category", "encounter-diagnosis")]))
            .set("clinicalStatus", crate::resource::concept("condition-clinical", "active"))
            .set("verificationStatus", crate::resource::concept("condition-ver-status", verification(&dg1)))
            .set("code", code)
            .set("encounter", encounter.cloned())
            .set("recordedDate", time_of(&dg1.field(5).first(), context))
            .set("asserter", somebody(&dg1.field(16).first(), context));
        making.push(condition, Rule::Merge);
    }
}

fn verification(dg1: &super::message::Segment<'_>) -> &'static str {
    match dg1.value(6).as_deref() {
        Some("A" | "W") => "provisional",
        _ => "confirmed",
    }
}

fn allergies(message: &Message, making: &mut Making<'_>) {
    let context = making.context;
    for al1 in message.all("AL1") {
        let (Some(code), Some(named)) = (concept(&al1.field(3).first(), context), key(&al1.field(3).first()))
        else {
            continue;
        };
        let category = match al1.value(2).as_deref() {
            Some("DA") => Some("medication"),
            Some("FA") => Some("food"),
            Some("EA" | "AA" | "PA" | "LA") => Some("environment"),
            _ => None,
        };
        let criticality = match al1.value(4).as_deref() {
            Some("SV") => Some("high"),
            Some("MO" | "MI") => Some("low"),
            Some("U") => Some("unable-to-assess"),
            _ => None,
        };
        let reactions = al1.field(5).repeats().filter_map(|part| part.component(1).value());
        let reactions = reactions.map(|text| json!({ "manifestation": [{ "text": text }] }));
        let mut allergy = making.about("AllergyIntolerance", "patient", &["AL1", &named]);
        allergy
            .set("clinicalStatus", crate::resource::concept("allergyintolerance-clinical", "active"))
            .set("code", code)
            .set("category", category.map(|category| json!([category])))
            .set("criticality", criticality.map(Value::from))
            .set("onsetDateTime", time_of(&al1.field(6).first(), context))
            .set("reaction", list(reactions));
        making.push(allergy, Rule::Merge);
    }
}

fn procedures(message: &Message, encounter: Option<&Value>, making: &mut Making<'_>) {
    let context = making.context;
    let visit = encounter.map(Value::to_string).unwrap_or_default();
    for pr1 in message.all("PR1") {
        let (Some(code), Some(named)) = (concept(&pr1.field(3).first(), context), key(&pr1.field(3).first()))
        else {
            continue;
        };
        let when = pr1.value(5).unwrap_or_default();
        let mut procedure = making.about("Procedure", "subject", &["PR1", &visit, &named, &when]);
        let doer = somebody(&pr1.field(11).first(), context);
        procedure
            .set("status", json!("completed"))
            .set("code", code)
            .set("category", table(&pr1.field(6).first(), "0230"))
            .set("encounter", encounter.cloned())
            .set("performedDateTime", time_of(&pr1.field(5).first(), context))
            .set("performer", list(doer.and_then(|doer| object([("actor", Some(doer))]))));
        making.push(procedure, Rule::Merge);
    }
}
