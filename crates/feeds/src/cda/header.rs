//! The header: whom it is about, and what document it is.

use super::Making;
use super::datatypes::{
    REPEATS_MAX, address, concept, identifiers, instance, moment, name, period, somebody, telecom, time_of,
    words,
};
use super::xml::Element;
use crate::resource::{Resource, binary, concept as fhir_concept, list, object, plain};
use crate::{Context, Person, Refusal, Rule, time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The patient by the first identifier that is a number of somebody's; social security numbers are the last choice.
pub(super) fn person(role: Element<'_>, context: &Context) -> Result<Person, Refusal> {
    let numbers =
        || role.all("id").take(REPEATS_MAX).filter(|id| !id.is_null()).filter_map(|id| instance(id, context));
    let social = |(system, _): &(String, String)| system == "http://hl7.org/fhir/sid/us-ssn";
    let identifier = numbers().find(|number| !social(number)).or_else(|| numbers().next());
    let identifier = identifier.ok_or(Refusal::Missing("the number of the patient (patientRole/id)"))?;
    Ok(Person { id: context.ids.id("Patient", &[&identifier.0, &identifier.1]), identifier })
}

pub(super) fn patient(role: Element<'_>, making: &mut Making<'_>) {
    let mut patient = Resource::new("Patient", making.person.id.clone());
    patient
        .set("identifier", identifiers(role, making.context))
        .set("address", list(role.all("addr").take(REPEATS_MAX).filter_map(address)))
        .set("telecom", list(role.all("telecom").take(REPEATS_MAX).filter_map(telecom)))
        .default("active", json!(true));
    if let Some(of) = role.child("patient") {
        about(&mut patient, of, making);
    }
    making.push(patient, Rule::Merge);
}

fn about(patient: &mut Resource, of: Element<'_>, making: &Making<'_>) {
    let gender = match of.child("administrativeGenderCode").and_then(|code| code.attribute("code")) {
        Some("M") => Some("male"),
        Some("F") => Some("female"),
        Some("UN") => Some("other"),
        _ => None,
    };
    let value = |name: &'static str| of.child(name).and_then(|element| element.attribute("value"));
    patient
        .set("name", list(of.all("name").take(REPEATS_MAX).filter_map(name)))
        .set("gender", gender.map(Value::from))
        .set("birthDate", value("birthTime").and_then(time::date).map(Value::from))
        .set("maritalStatus", concept(of.child("maritalStatusCode"), &making.narrative))
        .set("communication", languages(of))
        .set("extension", list(background(of)));
    match (
        value("deceasedTime").and_then(|text| time::date_time(text, &making.context.offset)),
        value("deceasedInd"),
    ) {
        (Some(time), _) => _ = patient.set("deceasedDateTime", json!(time)),
        (None, Some("true")) => _ = patient.set("deceasedBoolean", json!(true)),
        _ => {}
    }
}

fn languages(of: Element<'_>) -> Option<Value> {
    let codes = of
        .all("languageCommunication")
        .take(REPEATS_MAX)
        .filter_map(|one| one.child("languageCode")?.attribute("code"));
    list(
        codes
            .filter_map(crate::resource::code)
            .map(|code| json!({ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": code }] } })),
    )
}

/// Race and ethnicity by the CDC's codes, as US Core has them.
fn background(of: Element<'_>) -> Vec<Value> {
    let one = |name: &'static str, url: &str| {
        let code =
            of.child(name).filter(|code| code.attribute("codeSystem") == Some("2.16.840.1.113883.6.238"))?;
        let (value, text) = (code.attribute("code")?, code.attribute("displayName").unwrap_or("as coded"));
        Some(json!({
            "url": format!("http://hl7.org/fhir/us/core/StructureDefinition/{url}"),
            "extension": [
                { "url": "ombCategory", "valueCoding": { "system": "urn:oid:2.16.840.1.113883.6.238", "code": plain(value)? } },
                { "url": "text", "valueString": plain(text)? },
            ],
        }))
    };
    [one("raceCode", "us-core-race"), one("ethnicGroupCode", "us-core-ethnicity")]
        .into_iter()
        .flatten()
        .collect()
}

/// The document as it came, and what it is.
pub(super) fn document(root: Element<'_>, bytes: &[u8], making: &mut Making<'_>) {
    let context = making.context;
    let visit = visit(root, making);
    let original = binary(&context.ids, &making.person.id, "application/xml", STANDARD.encode(bytes));
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut contents = vec![json!({
        "attachment": { "contentType": "application/xml", "url": original.reference()["reference"], "size": size },
        "format": { "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "code": "urn:hl7-org:sdwg:ccda-structuredBody:2.1" },
    })];
    making.push(original, Rule::Replace);
    contents.extend(body_file(root, making));
    let master = root.child("id").and_then(|id| instance(id, context));
    let mut document = making.about("DocumentReference", "subject", root);
    let authors = root
        .all("author")
        .take(REPEATS_MAX)
        .filter_map(|author| somebody(author.child("assignedAuthor"), context));
    let custodian = root
        .at(&["custodian", "assignedCustodian", "representedCustodianOrganization", "name"])
        .and_then(Element::words);
    let signed = root.at(&["legalAuthenticator", "assignedEntity"]);
    let kind = concept(root.child("code"), &making.narrative);
    document
        .set("masterIdentifier", master.map(|(system, value)| json!({ "system": system, "value": value })))
        .set("status", json!("current"))
        .set("docStatus", signed.map(|_| json!("final")))
        .set("type", kind)
        .set("category", json!([fhir_category()]))
        .set("date", date(root, context))
        .set("author", list(authors))
        .set("authenticator", somebody(signed, context))
        .set("custodian", crate::resource::named(custodian))
        .set(
            "description",
            root.child("title").and_then(|title| words(title, &making.narrative)).map(Value::from),
        )
        .set("content", list(contents))
        .set(
            "context",
            object([
                ("encounter", visit.map(|visit| json!([visit]))),
                ("period", period(root.at(&["documentationOf", "serviceEvent", "effectiveTime"]), context)),
            ]),
        );
    making.push(document, Rule::Replace);
}

fn fhir_category() -> Value {
    json!({ "coding": [{
        "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "code": "clinical-note",
    }] })
}

fn date(root: Element<'_>, context: &Context) -> Option<Value> {
    time::instant(root.child("effectiveTime")?.attribute("value")?, &context.offset).map(Value::from)
}

/// A body that is no XML: a PDF, a picture.
fn body_file(root: Element<'_>, making: &mut Making<'_>) -> Option<Value> {
    let text = root.at(&["component", "nonXMLBody", "text"])?;
    let kind =
        text.attribute("mediaType").and_then(plain).unwrap_or_else(|| "application/octet-stream".to_owned());
    let bytes = match text.attribute("representation") {
        Some("B64") => {
            let packed: String = text.0.text()?.split_whitespace().collect();
            STANDARD.decode(packed).ok()?
        }
        _ => text.words()?.into_bytes(),
    };
    let file = binary(&making.context.ids, &making.person.id, &kind, STANDARD.encode(bytes));
    let attachment = json!({ "attachment": { "contentType": kind, "url": file.reference()["reference"] } });
    making.push(file, Rule::Replace);
    Some(attachment)
}

/// The visit that the document is about.
fn visit(root: Element<'_>, making: &mut Making<'_>) -> Option<Value> {
    let of = root.at(&["componentOf", "encompassingEncounter"])?;
    of.all("id").find_map(|id| making.key(Some(id)))?;
    let context = making.context;
    let mut visit = making.about("Encounter", "subject", of);
    let place = of.at(&["location", "healthCareFacility", "location", "name"]).and_then(Element::words);
    let doer = of.at(&["responsibleParty", "assignedEntity"]);
    let ended = of.at(&["effectiveTime", "high"]).is_some_and(|high| high.attribute("value").is_some());
    visit
        .set("identifier", identifiers(of, context))
        .set("status", json!(if ended { "finished" } else { "unknown" }))
        .default(
            "class",
            json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" }),
        )
        .set("type", concept(of.child("code"), &making.narrative).map(|kind| json!([kind])))
        .set("period", period(of.child("effectiveTime"), context))
        .set(
            "participant",
            somebody(doer, context).map(|doer| {
                json!([{
                    "type": [fhir_concept("v3-ParticipationType", "ATND")], "individual": doer,
                }])
            }),
        )
        .set("location", crate::resource::named(place).map(|place| json!([{ "location": place }])));
    let reference = visit.reference();
    making.push(visit, Rule::Merge);
    Some(reference)
}

/// When an entry's author wrote it.
pub(super) fn recorded(entry: Element<'_>, context: &Context) -> Option<Value> {
    time_of(entry.at(&["author", "time"]), context).or_else(|| moment(entry.at(&["author", "time"]), context))
}

/// Who wrote an entry.
pub(super) fn author(entry: Element<'_>, context: &Context) -> Option<Value> {
    somebody(entry.at(&["author", "assignedAuthor"]), context)
}
