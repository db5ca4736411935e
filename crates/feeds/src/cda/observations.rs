//! Results, vital signs, social history, and every other observation that was made of the patient.

use super::Making;
use super::datatypes::{concept, identifiers, moment, period, quantity, somebody, time_of, words};
use super::entries::{Place, within};
use super::xml::Element;
use crate::Rule;
use crate::codes;
use crate::resource::{Resource, concept as fhir_concept, list, object, plain};
use serde_json::{Value, json};

/// A group: results become a DiagnosticReport with their Observations, others their Observations alone.
pub(super) fn organizer(of: Element<'_>, place: Place<'_>, making: &mut Making<'_>) {
    let mut results = Vec::new();
    for component in of.all("component") {
        for statement in component.0.children().filter(|node| node.is_element()).map(Element) {
            if statement.child("subject").is_some() {
                continue;
            }
            match statement.name() {
                "observation" => results.extend(observation(statement, place, Some(of), making)),
                "organizer" => organizer(statement, place, making),
                _ => {}
            }
        }
    }
    if of.follows("1") {
        report(of, results, making);
    }
}

fn report(of: Element<'_>, results: Vec<Value>, making: &mut Making<'_>) {
    let context = making.context;
    let Some(code) = concept(of.child("code"), &making.narrative) else { return };
    let when = of.child("effectiveTime").or_else(|| of.at(&["component", "observation", "effectiveTime"]));
    let mut report = making.about("DiagnosticReport", "subject", of);
    report
        .set("identifier", identifiers(of, context))
        .set("status", json!(status(of)))
        .set("category", json!([fhir_concept("v2-0074", "LAB")]))
        .set("code", code)
        .set("effectiveDateTime", moment(when, context))
        .set(
            "performer",
            list(of.all("performer").filter_map(|doer| somebody(doer.child("assignedEntity"), context))),
        )
        .set("result", list(results));
    making.push(report, Rule::Replace);
}

/// What was observed; `None` if it says nothing that can be filed.
pub(super) fn observation(
    of: Element<'_>,
    place: Place<'_>,
    group: Option<Element<'_>>,
    making: &mut Making<'_>,
) -> Option<Value> {
    // What is denied would be filed as if it were so.
    if of.attribute("negationInd") == Some("true")
        || of.attribute("moodCode").is_some_and(|mood| mood != "EVN")
    {
        return None;
    }
    let context = making.context;
    let code = concept(of.child("code"), &making.narrative)?;
    let value = of.all("value").find_map(|value| value_of(value, making));
    let parts = components(of, making);
    if value.is_none() && parts.is_empty() && !of.follows("2") {
        within(of, place, making);
        return None;
    }
    let when = of.child("effectiveTime").or_else(|| group?.child("effectiveTime"));
    let mut resource = making.about("Observation", "subject", of);
    resource
        .set("identifier", identifiers(of, context))
        .set("status", json!(status(of)))
        .set(
            "category",
            category(of, place).map(|category| json!([fhir_concept("observation-category", category)])),
        )
        .set("code", code)
        .set(
            "performer",
            list(of.all("author").chain(of.all("performer")).filter_map(|doer| {
                somebody(doer.child("assignedAuthor").or_else(|| doer.child("assignedEntity")), context)
            })),
        )
        .set(
            "interpretation",
            list(
                of.all("interpretationCode")
                    .filter_map(|code| concept(Some(code), &making.narrative))
                    .collect::<Vec<_>>(),
            ),
        )
        .set("method", concept(of.child("methodCode"), &making.narrative))
        .set("bodySite", concept(of.child("targetSiteCode"), &making.narrative))
        .set("referenceRange", list(ranges(of, making)))
        .set("component", list(parts));
    effective(&mut resource, when, making);
    match value {
        Some((name, value)) => _ = resource.set(name, value),
        None if !resource.has("component") => {
            _ = resource.set("dataAbsentReason", fhir_concept("data-absent-reason", "unknown"))
        }
        None => {}
    }
    let reference = resource.reference();
    making.push(resource, Rule::Replace);
    within(of, place, making);
    Some(reference)
}

fn effective(resource: &mut Resource, when: Option<Element<'_>>, making: &Making<'_>) {
    let ended =
        when.and_then(|when| when.child("high")).is_some_and(|high| high.attribute("value").is_some());
    match ended {
        true => _ = resource.set("effectivePeriod", period(when, making.context)),
        false => _ = resource.set("effectiveDateTime", moment(when, making.context)),
    }
}

fn status(of: Element<'_>) -> &'static str {
    match of.child("statusCode").and_then(|status| status.attribute("code")) {
        Some("active") => "preliminary",
        Some("aborted" | "cancelled") => "cancelled",
        Some("held" | "suspended") => "registered",
        _ => "final",
    }
}

fn category(of: Element<'_>, place: Place<'_>) -> Option<&'static str> {
    let code = of.child("code").and_then(|code| code.attribute("code")).unwrap_or_default();
    Some(match place.section {
        _ if of.follows("27") || codes::is_vital_sign(code) => "vital-signs",
        _ if of.follows("2") => "laboratory",
        "29762-2" => "social-history",
        "30954-2" => "laboratory",
        "8716-3" => "vital-signs",
        "29545-1" => "exam",
        "47420-5" | "10190-7" | "51848-0" => "survey",
        _ if of.follows("78") || of.follows("38") || of.follows("85") => "social-history",
        _ if of.follows("69") || of.follows("67") || of.follows("74") => "survey",
        _ => return None,
    })
}

/// The items of a scale, such as those of the Glasgow coma scale.
fn components(of: Element<'_>, making: &Making<'_>) -> Vec<Value> {
    let items = super::problems::related(of, "86");
    items
        .filter_map(|item| {
            let (name, value) = item.all("value").find_map(|value| value_of(value, making))?;
            let mut component = json!({ "code": concept(item.child("code"), &making.narrative)? });
            component[name] = value;
            Some(component)
        })
        .collect()
}

/// A value by its `xsi:type`.
fn value_of(value: Element<'_>, making: &Making<'_>) -> Option<(&'static str, Value)> {
    if value.is_null() && value.child("originalText").is_none() && value.child("translation").is_none() {
        return None;
    }
    let kind = value.attribute("type").unwrap_or("ST");
    match kind.rsplit(':').next().unwrap_or(kind) {
        "PQ" => Some(("valueQuantity", quantity(value)?)),
        "REAL" => Some(("valueQuantity", quantity(value)?)),
        "INT" => match value.attribute("value")?.parse::<i32>() {
            Ok(number) => Some(("valueInteger", json!(number))),
            Err(_) => None,
        },
        "CD" | "CE" | "CV" | "CO" => Some(("valueCodeableConcept", concept(Some(value), &making.narrative)?)),
        "BL" => Some(("valueBoolean", json!(value.attribute("value")? == "true"))),
        "TS" => Some(("valueDateTime", time_of(Some(value), making.context)?)),
        "IVL_TS" => Some(("valuePeriod", period(Some(value), making.context)?)),
        "IVL_PQ" => interval(value),
        "RTO" | "RTO_PQ_PQ" => ratio(value),
        "ED" | "ST" | "SC" => Some(("valueString", json!(words(value, &making.narrative)?))),
        _ => None,
    }
}

/// `<5 mg`: only one end; else a range.
fn interval(value: Element<'_>) -> Option<(&'static str, Value)> {
    let (low, high) = (value.child("low"), value.child("high"));
    let bound = |end: Element<'_>, open: &str, closed: &str| {
        let mut quantity = quantity(end)?;
        quantity["comparator"] =
            json!(if end.attribute("inclusive") == Some("false") { open } else { closed });
        Some(("valueQuantity", quantity))
    };
    let usable = |end: &Option<Element<'_>>| end.is_some_and(|end| end.attribute("value").is_some());
    match (usable(&low), usable(&high)) {
        (true, true) => Some((
            "valueRange",
            object([("low", low.and_then(quantity)), ("high", high.and_then(quantity))])?,
        )),
        (true, false) => bound(low?, ">", ">="),
        (false, true) => bound(high?, "<", "<="),
        (false, false) => None,
    }
}

fn ratio(value: Element<'_>) -> Option<(&'static str, Value)> {
    let ends = object([
        ("numerator", value.child("numerator").and_then(quantity)),
        ("denominator", value.child("denominator").and_then(quantity)),
    ])?;
    Some(("valueRatio", ends))
}

fn ranges(of: Element<'_>, making: &Making<'_>) -> Vec<Value> {
    let ranges = of.all("referenceRange").filter_map(|range| range.child("observationRange"));
    ranges
        .filter_map(|range| {
            let value = range.child("value");
            let text = range.child("text").and_then(|text| words(text, &making.narrative));
            object([
                ("low", value.and_then(|value| quantity(value.child("low")?))),
                ("high", value.and_then(|value| quantity(value.child("high")?))),
                ("text", text.and_then(|text| plain(&text)).map(Value::from)),
            ])
        })
        .collect()
}
