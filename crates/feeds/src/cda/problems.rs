//! Concerns: problems as Condition, allergies as AllergyIntolerance.

use super::Making;
use super::datatypes::{concept, identifiers, moment, time_of, words};
use super::entries::Place;
use super::header::{author, recorded};
use super::xml::Element;
use crate::Rule;
use crate::resource::{Resource, concept as fhir_concept, list, object};
use serde_json::{Value, json};

/// An allergy concern: each of its observations.
pub(super) fn allergies(act: Element<'_>, making: &mut Making<'_>) {
    let status = act.child("statusCode").and_then(|status| status.attribute("code"));
    for relation in act.all("entryRelationship") {
        for observation in relation.all("observation").filter(|observation| observation.follows("7")) {
            allergy(observation, status, making);
        }
    }
}

pub(super) fn allergy(of: Element<'_>, concern: Option<&str>, making: &mut Making<'_>) {
    let context = making.context;
    let agent = of.at(&["participant", "participantRole", "playingEntity"]);
    let substance = agent.and_then(|agent| {
        let name = || agent.child("name").and_then(Element::words).map(|name| json!({ "text": name }));
        concept(agent.child("code"), &making.narrative).or_else(name)
    });
    let negated = of.attribute("negationInd") == Some("true");
    let (code, verification) = match (substance, negated) {
        (Some(code), false) => (code, "confirmed"),
        (Some(code), true) => (code, "refuted"),
        // «No known allergies»: the kind of allergy is denied, with no substance.
        (None, true) => (none_known(of), "confirmed"),
        (None, false) => match concept(of.child("value"), &making.narrative) {
            Some(code) => (code, "confirmed"),
            None => return,
        },
    };
    let mut allergy = making.about("AllergyIntolerance", "patient", of);
    if verification != "refuted" {
        allergy.set("clinicalStatus", fhir_concept("allergyintolerance-clinical", state(of, concern)));
    }
    let kind = of.child("value").and_then(|value| value.attribute("code")).unwrap_or_default();
    allergy
        .set("identifier", identifiers(of, context))
        .set("verificationStatus", fhir_concept("allergyintolerance-verification", verification))
        .set("type", intolerance(kind).map(Value::from))
        .set("category", category(kind).map(|category| json!([category])))
        .set("criticality", criticality(of).map(Value::from))
        .set("code", code)
        .set("onsetDateTime", moment(of.child("effectiveTime"), context))
        .set("recordedDate", recorded(of, context))
        .set("recorder", author(of, context))
        .set(
            "reaction",
            list(related(of, "9").filter_map(|reaction| of_reaction(reaction, making)).collect::<Vec<_>>()),
        );
    making.push(allergy, Rule::Replace);
}

fn none_known(of: Element<'_>) -> Value {
    let (code, display) = match of.child("value").and_then(|value| value.attribute("code")) {
        Some("416098002" | "419511003" | "59037007") => ("409137002", "No known drug allergy"),
        Some("414285001" | "418471000" | "235719002") => ("429625007", "No known food allergy"),
        Some("426232007") => ("428607008", "No known environmental allergy"),
        _ => ("716186003", "No known allergy"),
    };
    json!({ "coding": [{ "system": "http://snomed.info/sct", "code": code, "display": display }] })
}

fn intolerance(kind: &str) -> Option<&'static str> {
    match kind {
        "414285001" | "416098002" | "419199007" | "426232007" => Some("allergy"),
        "235719002" | "59037007" | "418038007" => Some("intolerance"),
        _ => None,
    }
}

fn category(kind: &str) -> Option<&'static str> {
    match kind {
        "414285001" | "235719002" | "418471000" => Some("food"),
        "416098002" | "59037007" | "419511003" => Some("medication"),
        "426232007" | "232347008" => Some("environment"),
        _ => None,
    }
}

fn criticality(of: Element<'_>) -> Option<&'static str> {
    match related(of, "145").find_map(|found| found.child("value")?.attribute("code"))? {
        "CRITL" => Some("low"),
        "CRITH" => Some("high"),
        _ => Some("unable-to-assess"),
    }
}

fn of_reaction(of: Element<'_>, making: &Making<'_>) -> Option<Value> {
    let severity = related(of, "8").find_map(|found| found.child("value")?.attribute("code"));
    let severity = match severity {
        Some("255604002") => Some("mild"),
        Some("6736007") => Some("moderate"),
        Some("24484000" | "399166001") => Some("severe"),
        _ => None,
    };
    object([
        ("manifestation", Some(json!([concept(of.child("value"), &making.narrative)?]))),
        ("onset", moment(of.child("effectiveTime"), making.context)),
        ("severity", severity.map(Value::from)),
    ])
}

/// The statements of a template that one is related to.
pub(super) fn related<'a>(of: Element<'a>, template: &'static str) -> impl Iterator<Item = Element<'a>> {
    of.all("entryRelationship")
        .flat_map(|relation| relation.0.children().filter(|node| node.is_element()).map(Element))
        .filter(move |statement| statement.follows(template))
}

/// Whether it still is: it has no end, and nobody has closed the concern.
fn state(of: Element<'_>, concern: Option<&str>) -> &'static str {
    let ended = of.at(&["effectiveTime", "high"]).is_some_and(|high| high.attribute("value").is_some());
    match concern {
        _ if ended => "resolved",
        Some("completed" | "aborted") => "inactive",
        _ => "active",
    }
}

/// A problem concern, or a health concern: each of its problems.
pub(super) fn concern(act: Element<'_>, place: Place<'_>, making: &mut Making<'_>) {
    let status = act.child("statusCode").and_then(|status| status.attribute("code"));
    for relation in act.all("entryRelationship") {
        for observation in relation.all("observation").filter(|observation| observation.follows("4")) {
            problem(observation, status, place, making);
        }
    }
}

pub(super) fn problem(of: Element<'_>, concern: Option<&str>, place: Place<'_>, making: &mut Making<'_>) {
    let context = making.context;
    let named = concept(of.child("value"), &making.narrative).or_else(|| {
        of.child("text").and_then(|text| words(text, &making.narrative)).map(|text| json!({ "text": text }))
    });
    let Some(code) = named else { return };
    let negated = of.attribute("negationInd") == Some("true");
    let mut condition = making.about("Condition", "subject", of);
    category_of(&mut condition, place);
    if !negated {
        condition.set("clinicalStatus", fhir_concept("condition-clinical", state(of, concern)));
    }
    condition
        .set("identifier", identifiers(of, context))
        .set(
            "verificationStatus",
            fhir_concept("condition-ver-status", if negated { "refuted" } else { "confirmed" }),
        )
        .set("code", code)
        .set(
            "onsetDateTime",
            moment(of.child("effectiveTime").and_then(|time| time.child("low")), context)
                .or_else(|| time_of(of.child("effectiveTime"), context)),
        )
        .set("abatementDateTime", time_of(of.at(&["effectiveTime", "high"]), context))
        .set("recordedDate", recorded(of, context))
        .set("recorder", author(of, context));
    making.push(condition, Rule::Replace);
}

fn category_of(condition: &mut Resource, place: Place<'_>) {
    let category = match place.section {
        "46240-8" | "11535-2" | "42347-5" | "10219-4" | "10218-6" => {
            fhir_concept("condition-category", "encounter-diagnosis")
        }
        "75310-3" => {
            json!({ "coding": [{ "system": "http://hl7.org/fhir/us/core/CodeSystem/condition-category", "code": "health-concern" }] })
        }
        _ => fhir_concept("condition-category", "problem-list-item"),
    };
    condition.set("category", json!([category]));
}
