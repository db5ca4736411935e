//! Procedures and encounters.

use super::Making;
use super::datatypes::{concept, identifiers, moment, period, somebody, words};
use super::xml::Element;
use crate::Rule;
use crate::resource::{list, named};
use serde_json::{Value, json};

pub(super) fn procedure(of: Element<'_>, making: &mut Making<'_>) {
    let context = making.context;
    let text = || {
        of.child("text").and_then(|text| words(text, &making.narrative)).map(|text| json!({ "text": text }))
    };
    let Some(code) = concept(of.child("code"), &making.narrative).or_else(text) else { return };
    let status = match (
        of.attribute("negationInd"),
        of.child("statusCode").and_then(|status| status.attribute("code")),
    ) {
        (Some("true"), _) => "not-done",
        (_, Some("active")) => "in-progress",
        (_, Some("aborted")) => "stopped",
        (_, Some("cancelled")) => "not-done",
        _ => "completed",
    };
    let sites = of
        .all("targetSiteCode")
        .filter_map(|site| concept(Some(site), &making.narrative))
        .collect::<Vec<_>>();
    let doers = of.all("performer").filter_map(|doer| somebody(doer.child("assignedEntity"), context));
    let doers = list(doers.map(|doer| json!({ "actor": doer })));
    let mut procedure = making.about("Procedure", "subject", of);
    procedure
        .set("identifier", identifiers(of, context))
        .set("status", json!(status))
        .set("code", code)
        .set("bodySite", list(sites))
        .set("performer", doers);
    let has_end = of.at(&["effectiveTime", "high"]).is_some_and(|high| high.attribute("value").is_some());
    match has_end {
        true => _ = procedure.set("performedPeriod", period(of.child("effectiveTime"), context)),
        false => _ = procedure.set("performedDateTime", moment(of.child("effectiveTime"), context)),
    }
    making.push(procedure, Rule::Replace);
}

pub(super) fn encounter(of: Element<'_>, making: &mut Making<'_>) {
    let context = making.context;
    let place = of
        .all("participant")
        .filter_map(|one| one.at(&["participantRole", "playingEntity", "name"]))
        .find_map(Element::words);
    let doers = of.all("performer").filter_map(|doer| somebody(doer.child("assignedEntity"), context));
    let doers = list(doers.map(|doer| json!({ "individual": doer })));
    let kind = concept(of.child("code"), &making.narrative);
    let mut visit = making.about("Encounter", "subject", of);
    visit
        .set("identifier", identifiers(of, context))
        .set("status", json!("finished"))
        .set(
            "class",
            json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class(of) }),
        )
        .set("type", kind.map(|kind| json!([kind])))
        .set("period", period(of.child("effectiveTime"), context))
        .set("participant", doers)
        .set("location", named(place).map(|place| json!([{ "location": place }])));
    making.push(visit, Rule::Merge);
}

/// The class stands among the translations of the code, if anywhere.
fn class(of: Element<'_>) -> Value {
    let codes =
        of.child("code").into_iter().flat_map(|code| std::iter::once(code).chain(code.all("translation")));
    let class = codes
        .filter(|code| code.attribute("codeSystem") == Some("2.16.840.1.113883.5.4"))
        .find_map(|code| code.attribute("code").and_then(crate::resource::code));
    class.map_or_else(|| json!("AMB"), Value::from)
}
