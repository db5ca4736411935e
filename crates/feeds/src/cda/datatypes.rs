//! Data types of CDA as those of FHIR: II, CD, PQ, TS, EN, AD, TEL.

use super::xml::Element;
use crate::ids::{Authority, is_oid, is_uuid};
use crate::json::decimal;
use crate::resource::{code, list, object, plain};
use crate::{Context, codes, time, units};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Most repetitions of an element about a person.
pub(super) const REPEATS_MAX: usize = 32;

/// Elements that the narrative names, by their `ID`.
pub(super) type Narrative<'a> = HashMap<&'a str, Element<'a>>;

/// Who gave an II, and its value: as v2's CX, so that a patient is the same by both.
pub(super) fn instance(id: Element<'_>, context: &Context) -> Option<(String, String)> {
    let root = id.attribute("root")?;
    let Some(extension) = id.attribute("extension").and_then(plain) else {
        let urn = match () {
            () if is_uuid(root) => format!("urn:uuid:{}", root.to_ascii_lowercase()),
            () if is_oid(root) => format!("urn:oid:{root}"),
            () => return None,
        };
        return Some(("urn:ietf:rfc:3986".to_owned(), urn));
    };
    let kind = if is_uuid(root) { "UUID" } else { "ISO" };
    let authority =
        Authority { namespace: None, universal: Some(root.to_owned()), kind: Some(kind.to_owned()) };
    let system = match root {
        "2.16.840.1.113883.4.1" => "http://hl7.org/fhir/sid/us-ssn".to_owned(),
        "2.16.840.1.113883.4.6" => "http://hl7.org/fhir/sid/us-npi".to_owned(),
        _ => authority.system(&context.system),
    };
    Some((system, extension))
}

/// The identifiers of an element.
pub(super) fn identifiers(of: Element<'_>, context: &Context) -> Option<Value> {
    let ids = of.all("id").take(REPEATS_MAX).filter_map(|id| instance(id, context));
    list(ids.map(|(system, value)| json!({ "system": system, "value": value })))
}

/// A CD with its translations, and the words that it was meant as.
pub(super) fn concept(of: Option<Element<'_>>, narrative: &Narrative<'_>) -> Option<Value> {
    let of = of?;
    let coding = |element: Element<'_>| {
        object([
            (
                "system",
                Some(Value::from(codes::of_oid(element.attribute("codeSystem").filter(|oid| is_oid(oid))?))),
            ),
            ("code", Some(Value::from(code(element.attribute("code")?)?))),
            ("display", element.attribute("displayName").and_then(plain).map(Value::from)),
        ])
    };
    let codings = std::iter::once(of).chain(of.all("translation").take(REPEATS_MAX)).filter_map(coding);
    let text = of.child("originalText").and_then(|text| words(text, narrative));
    let text = text.or_else(|| of.attribute("displayName").and_then(plain));
    object([("coding", list(codings)), ("text", text.map(Value::from))])
}

/// A text, or what it refers to in the narrative.
pub(super) fn words(of: Element<'_>, narrative: &Narrative<'_>) -> Option<String> {
    of.words().or_else(|| {
        let target = of.child("reference")?.attribute("value")?.strip_prefix('#')?;
        narrative.get(target)?.words()
    })
}

/// A PQ.
pub(super) fn quantity(of: Element<'_>) -> Option<Value> {
    let value = decimal(of.attribute("value")?)?;
    let unit = of.attribute("unit").and_then(code).filter(|unit| unit != "1");
    object([
        ("value", Some(value)),
        ("unit", unit.clone().map(Value::from)),
        // What is not UCUM, which CDA asks for, stays as words.
        ("system", unit.as_ref().filter(|unit| units::is_unit(unit)).map(|_| Value::from(units::UCUM))),
        ("code", unit.filter(|unit| units::is_unit(unit)).map(Value::from)),
    ])
}

/// A TS.
pub(super) fn time_of(of: Option<Element<'_>>, context: &Context) -> Option<Value> {
    time::date_time(of?.attribute("value")?, &context.offset).map(Value::from)
}

/// An IVL_TS as a period.
pub(super) fn period(of: Option<Element<'_>>, context: &Context) -> Option<Value> {
    let of = of?;
    let start = time_of(of.child("low"), context).or_else(|| time_of(Some(of), context));
    object([("start", start), ("end", time_of(of.child("high"), context))])
}

/// The one time of an IVL_TS: itself, or its beginning, or its middle.
pub(super) fn moment(of: Option<Element<'_>>, context: &Context) -> Option<Value> {
    let of = of?;
    time_of(Some(of), context)
        .or_else(|| time_of(of.child("low"), context))
        .or_else(|| time_of(of.child("center"), context))
        .or_else(|| time_of(of.child("high"), context))
}

/// An EN.
pub(super) fn name(of: Element<'_>) -> Option<Value> {
    if of.is_null() {
        return None;
    }
    let parts =
        |name: &'static str| list(of.all(name).take(REPEATS_MAX).filter_map(Element::words).map(Value::from));
    let family = of.child("family").and_then(Element::words);
    let text = if family.is_none() { of.words() } else { None };
    let usage = match of.attribute("use") {
        Some("L" | "C") => Some("official"),
        Some("P" | "A") => Some("nickname"),
        _ => None,
    };
    let mut fields = object([
        ("text", text.map(Value::from)),
        ("family", family.map(Value::from)),
        ("given", parts("given")),
        ("prefix", parts("prefix")),
        ("suffix", parts("suffix")),
    ])?;
    if let Some(usage) = usage {
        fields["use"] = json!(usage);
    }
    Some(fields)
}

/// An AD.
pub(super) fn address(of: Element<'_>) -> Option<Value> {
    let one = |name: &'static str| of.child(name).and_then(Element::words).map(Value::from);
    let lines = of.all("streetAddressLine").take(REPEATS_MAX).filter_map(Element::words).map(Value::from);
    let usage = match of.attribute("use") {
        Some(text) if text.starts_with('H') => Some("home"),
        Some("WP" | "DIR" | "PUB") => Some("work"),
        Some("TMP") => Some("temp"),
        _ => None,
    };
    let mut fields = object([
        ("line", list(lines)),
        ("city", one("city")),
        ("district", one("county")),
        ("state", one("state")),
        ("postalCode", one("postalCode")),
        ("country", one("country")),
    ])?;
    if let Some(usage) = usage {
        fields["use"] = json!(usage);
    }
    Some(fields)
}

/// A TEL.
pub(super) fn telecom(of: Element<'_>) -> Option<Value> {
    let value = of.attribute("value")?;
    let (system, rest) = match value.split_once(':') {
        Some(("tel", rest)) => ("phone", rest),
        Some(("fax" | "x-text-fax", rest)) => ("fax", rest),
        Some(("mailto", rest)) => ("email", rest),
        Some(("http" | "https", _)) => ("url", value),
        Some(_) => ("other", value),
        None => ("phone", value),
    };
    let usage = match of.attribute("use") {
        Some("WP") => Some("work"),
        Some("MC") => Some("mobile"),
        Some("HP" | "H" | "HV") => Some("home"),
        _ => None,
    };
    object([
        ("system", Some(Value::from(system))),
        ("value", plain(rest).map(Value::from)),
        ("use", usage.map(Value::from)),
    ])
}

/// Somebody's or an organisation's name, as a reference that names only.
pub(super) fn somebody(assigned: Option<Element<'_>>, context: &Context) -> Option<Value> {
    let assigned = assigned?;
    let person = assigned.at(&["assignedPerson", "name"]).and_then(Element::words);
    let device = || assigned.at(&["assignedAuthoringDevice", "softwareName"]).and_then(Element::words);
    let organisation = || assigned.at(&["representedOrganization", "name"]).and_then(Element::words);
    let number = assigned.child("id").and_then(|id| instance(id, context));
    object([
        ("identifier", number.map(|(system, value)| json!({ "system": system, "value": value }))),
        ("display", person.or_else(device).or_else(organisation).map(Value::from)),
    ])
}
