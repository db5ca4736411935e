//! Medicines that are taken (MedicationStatement) or ordered (MedicationRequest), and immunizations.

use super::Making;
use super::datatypes::{concept, identifiers, moment, period, quantity, somebody, time_of, words};
use super::header::{author, recorded};
use super::problems::related;
use super::xml::Element;
use crate::Rule;
use crate::resource::{concept as fhir_concept, list, named, object, plain};
use serde_json::{Value, json};

const MATERIAL: [&str; 3] = ["consumable", "manufacturedProduct", "manufacturedMaterial"];

pub(super) fn medication(of: Element<'_>, making: &mut Making<'_>) {
    let context = making.context;
    let Some(code) = concept(of.at(&[MATERIAL[0], MATERIAL[1], MATERIAL[2], "code"]), &making.narrative)
    else {
        return;
    };
    let ordered = match of.attribute("moodCode") {
        None | Some("EVN") => false,
        Some("INT" | "RQO" | "PRMS" | "PRP") => true,
        Some(_) => return,
    };
    let negated = of.attribute("negationInd") == Some("true");
    let status = of.child("statusCode").and_then(|status| status.attribute("code"));
    let taken =
        of.all("effectiveTime").find(|time| time.child("low").is_some() || time.attribute("value").is_some());
    let reasons = related(of, "19")
        .filter_map(|reason| concept(reason.child("value"), &making.narrative))
        .collect::<Vec<_>>();
    let dosage = dosage(of, making);
    let mut medicine = if ordered {
        let mut request = making.about("MedicationRequest", "subject", of);
        request
            .set("intent", json!("plan"))
            .set("doNotPerform", negated.then(|| json!(true)))
            .set("status", json!(request_status(status)))
            .set("authoredOn", recorded(of, context))
            .set("requester", author(of, context))
            .set("dosageInstruction", list(dosage));
        request
    } else {
        let mut statement = making.about("MedicationStatement", "subject", of);
        statement
            .set("status", json!(if negated { "not-taken" } else { statement_status(status) }))
            .set("effectivePeriod", period(taken, context))
            .set("dateAsserted", recorded(of, context))
            .set("informationSource", author(of, context))
            .set("dosage", list(dosage));
        statement
    };
    medicine
        .set("identifier", identifiers(of, context))
        .set("medicationCodeableConcept", code)
        .set("reasonCode", list(reasons));
    making.push(medicine, Rule::Replace);
}

fn request_status(status: Option<&str>) -> &'static str {
    match status {
        Some("completed") => "completed",
        Some("aborted") => "stopped",
        Some("cancelled") => "cancelled",
        Some("suspended" | "held") => "on-hold",
        Some("active" | "new") | None => "active",
        _ => "unknown",
    }
}

fn statement_status(status: Option<&str>) -> &'static str {
    match status {
        Some("completed") => "completed",
        Some("aborted" | "cancelled") => "stopped",
        Some("suspended" | "held") => "on-hold",
        Some("active" | "new") | None => "active",
        _ => "unknown",
    }
}

fn dosage(of: Element<'_>, making: &Making<'_>) -> Option<Value> {
    let rate = of.child("rateQuantity").and_then(quantity);
    let dose =
        object([("doseQuantity", of.child("doseQuantity").and_then(quantity)), ("rateQuantity", rate)]);
    let condition =
        of.at(&["precondition", "criterion", "text"]).and_then(|text| words(text, &making.narrative));
    object([
        ("text", of.child("text").and_then(|text| words(text, &making.narrative)).map(Value::from)),
        ("patientInstruction", condition.map(Value::from)),
        ("timing", timing(of)),
        ("site", concept(of.child("approachSiteCode"), &making.narrative)),
        ("route", concept(of.child("routeCode"), &making.narrative)),
        ("doseAndRate", dose.map(|dose| json!([dose]))),
    ])
}

/// A PIVL_TS: every so many hours.
fn timing(of: Element<'_>) -> Option<Value> {
    let every = of.all("effectiveTime").find_map(|time| time.child("period"))?;
    let unit =
        every.attribute("unit").filter(|unit| ["s", "min", "h", "d", "wk", "mo", "a"].contains(unit))?;
    let value = crate::json::decimal(every.attribute("value")?)?;
    Some(json!({ "repeat": { "frequency": 1, "period": value, "periodUnit": unit } }))
}

pub(super) fn immunization(of: Element<'_>, making: &mut Making<'_>) {
    if of.attribute("moodCode").is_some_and(|mood| mood != "EVN") {
        return;
    }
    let context = making.context;
    let Some(material) = of.at(&MATERIAL) else { return };
    let Some(code) = concept(material.child("code"), &making.narrative) else { return };
    let refused = of.attribute("negationInd") == Some("true");
    let done = of.child("statusCode").and_then(|status| status.attribute("code")) != Some("aborted");
    let maker =
        of.at(&[MATERIAL[0], MATERIAL[1], "manufacturerOrganization", "name"]).and_then(Element::words);
    let reason = related(of, "53").find_map(|reason| concept(reason.child("code"), &making.narrative));
    let doer = somebody(of.at(&["performer", "assignedEntity"]), context);
    let mut immunization = making.about("Immunization", "patient", of);
    immunization
        .set("identifier", identifiers(of, context))
        .set("status", json!(if refused || !done { "not-done" } else { "completed" }))
        .set("statusReason", reason.filter(|_| refused))
        .set("vaccineCode", code)
        .set("lotNumber", material.child("lotNumberText").and_then(Element::words).map(Value::from))
        .set("manufacturer", named(maker))
        .set("doseQuantity", of.child("doseQuantity").and_then(quantity))
        .set("route", concept(of.child("routeCode"), &making.narrative))
        .set("site", concept(of.child("approachSiteCode"), &making.narrative))
        .set("performer", doer.map(|doer| json!([{ "actor": doer }])))
        .set(
            "reaction",
            list(related(of, "9").filter_map(|reaction| {
                object([("date", time_of(reaction.at(&["effectiveTime", "low"]), context))])
            })),
        );
    match moment(of.child("effectiveTime"), context) {
        Some(time) => _ = immunization.set("occurrenceDateTime", time),
        None => _ = immunization.set("occurrenceString", json!("unknown")),
    }
    if refused && !immunization.has("statusReason") {
        let text =
            of.child("text").and_then(|text| words(text, &making.narrative)).and_then(|text| plain(&text));
        immunization.set(
            "statusReason",
            text.map_or_else(|| fhir_concept("v3-ActReason", "PATOBJ"), |text| json!({ "text": text })),
        );
    }
    making.push(immunization, Rule::Replace);
}
