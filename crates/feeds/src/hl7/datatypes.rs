//! Data types of HL7 v2 as those of FHIR: CX, XPN, XAD, XTN, CWE, XCN, PL, NM, SN.

use super::message::Part;
use crate::codes;
use crate::ids::Authority;
use crate::json::decimal;
use crate::resource::{code, identifier, list, object};
use crate::{Context, time, units};
use serde_json::{Value, json};

/// HD in subcomponents, or EI in components from `from` on.
pub(super) fn authority(part: &Part<'_>) -> Authority {
    Authority {
        namespace: part.subcomponent(1).value(),
        universal: part.subcomponent(2).value(),
        kind: part.subcomponent(3).value(),
    }
}

/// EI: `value^namespace^universal^type`: who gave it, and the value.
pub(super) fn entity(part: &Part<'_>) -> Option<(Authority, String)> {
    let authority = Authority {
        namespace: part.component(2).value(),
        universal: part.component(3).value(),
        kind: part.component(4).value(),
    };
    Some((authority, part.component(1).value()?))
}

pub(super) fn entity_identifier(part: &Part<'_>, kind: Option<&str>, context: &Context) -> Option<Value> {
    entity(part).map(|(authority, value)| identifier(&context.system, &authority, &value, kind))
}

/// CX.
pub(super) fn numbered(part: &Part<'_>, context: &Context) -> Option<Value> {
    let value = part.component(1).value()?;
    let kind = part.component(5).value();
    Some(identifier(&context.system, &authority(&part.component(4)), &value, kind.as_deref()))
}

/// XPN.
pub(super) fn name(part: &Part<'_>) -> Option<Value> {
    let usage = match part.component(7).value().as_deref() {
        Some("L" | "C") => Some("official"),
        Some("D") => Some("usual"),
        Some("M") => Some("maiden"),
        Some("N") => Some("nickname"),
        Some("S") => Some("anonymous"),
        Some("BAD") => Some("old"),
        Some("TEMP") => Some("temp"),
        _ => None,
    };
    let given = [part.component(2).value(), part.component(3).value()];
    let suffix = [part.component(4).value(), part.component(6).value()];
    let fields = object([
        ("family", part.component(1).subcomponent(1).value().map(Value::from)),
        ("given", list(given.into_iter().flatten().map(Value::from))),
        ("prefix", list(part.component(5).value().map(Value::from))),
        ("suffix", list(suffix.into_iter().flatten().map(Value::from))),
    ])?;
    Some(with(fields, "use", usage.map(Value::from)))
}

fn with(mut fields: Value, key: &str, value: Option<Value>) -> Value {
    if let Some(value) = value {
        fields[key] = value;
    }
    fields
}

/// XAD.
pub(super) fn address(part: &Part<'_>) -> Option<Value> {
    let lines = [part.component(1).subcomponent(1).value(), part.component(2).value()];
    let usage = match part.component(7).value().as_deref() {
        Some("H" | "P") => Some("home"),
        Some("B" | "O") => Some("work"),
        Some("C") => Some("temp"),
        Some("BA") => Some("old"),
        _ => None,
    };
    let fields = object([
        ("line", list(lines.into_iter().flatten().map(Value::from))),
        ("city", part.component(3).value().map(Value::from)),
        ("district", part.component(9).value().map(Value::from)),
        ("state", part.component(4).value().map(Value::from)),
        ("postalCode", part.component(5).value().map(Value::from)),
        ("country", part.component(6).value().map(Value::from)),
    ])?;
    Some(with(fields, "use", usage.map(Value::from)))
}

/// XTN; `usual` is what the field is for.
pub(super) fn telecom(part: &Part<'_>, usual: &str) -> Option<Value> {
    let (system, value) = match part.component(4).value() {
        Some(address) => ("email", address),
        None => {
            let system = match part.component(3).value().as_deref() {
                Some("FX") => "fax",
                Some("BP") => "pager",
                Some("Internet" | "X.400") => "email",
                _ => "phone",
            };
            (
                system,
                part.component(12)
                    .value()
                    .or_else(|| part.component(1).value())
                    .or_else(|| in_parts(part))?,
            )
        }
    };
    let usage = match (part.component(2).value().as_deref(), part.component(3).value().as_deref()) {
        (_, Some("CP")) => "mobile",
        (Some("WPN"), _) => "work",
        (Some("PRN" | "ORN" | "VHN"), _) => "home",
        _ => usual,
    };
    Some(json!({ "system": system, "value": value, "use": usage }))
}

/// A telephone number in pieces: country, area, number, extension.
fn in_parts(part: &Part<'_>) -> Option<String> {
    let local = part.component(7).value()?;
    let country = part.component(5).value().map(|country| format!("+{} ", country.trim_start_matches('+')));
    let area = part.component(6).value().map(|area| format!("{area} "));
    let extension = part.component(8).value().map(|extension| format!(" ext. {extension}"));
    let or = Option::unwrap_or_default;
    Some(format!("{}{}{local}{}", or(country), or(area), or(extension)))
}

/// CWE, CE, CNE: two codings and a text.
pub(super) fn concept(part: &Part<'_>, context: &Context) -> Option<Value> {
    let coding = |first: usize| {
        let system = part.component(first + 2).value();
        let value = part.component(first).value().and_then(|value| code(&value))?;
        object([
            (
                "system",
                Some(Value::from(codes::of_v2(system.as_deref().unwrap_or_default(), &context.system))),
            ),
            ("code", Some(Value::from(value))),
            ("display", part.component(first + 1).value().map(Value::from)),
        ])
    };
    let text =
        part.component(9).value().or_else(|| part.component(2).value()).or_else(|| part.component(5).value());
    object([("coding", list([coding(1), coding(4)].into_iter().flatten())), ("text", text.map(Value::from))])
}

/// A coded element whose codes are those of one table of HL7.
pub(super) fn table(part: &Part<'_>, number: &str) -> Option<Value> {
    let value = part.component(1).value().and_then(|value| code(&value))?;
    let system = format!("http://terminology.hl7.org/CodeSystem/v2-{number}");
    let coding = object([
        ("system", Some(Value::from(system))),
        ("code", Some(Value::from(value))),
        ("display", part.component(2).value().map(Value::from)),
    ]);
    object([("coding", list(coding)), ("text", part.component(2).value().map(Value::from))])
}

/// A coded element's first code, for ids and for telling what it is.
pub(super) fn key(part: &Part<'_>) -> Option<String> {
    let [code, text, system] = [1, 2, 3].map(|number| part.component(number).value());
    let first = code.or(text)?;
    Some(format!("{first}^{}", system.unwrap_or_default()))
}

/// XCN: somebody who is named, with a number; no resource of its own.
pub(super) fn somebody(part: &Part<'_>, context: &Context) -> Option<Value> {
    let words = [6, 3, 2, 5].map(|number| match number {
        2 => part.component(2).subcomponent(1).value(),
        _ => part.component(number).value(),
    });
    let display: Vec<String> = words.into_iter().flatten().collect();
    let number = part.component(1).value();
    let number =
        number.map(|value| identifier(&context.system, &authority(&part.component(9)), &value, None));
    object([
        ("identifier", number),
        ("display", Some(display.join(" ")).filter(|text| !text.is_empty()).map(Value::from)),
    ])
}

/// PL: a place that is named.
pub(super) fn place(part: &Part<'_>) -> Option<Value> {
    let names = [4, 1, 2, 3].map(|number| part.component(number).subcomponent(1).value());
    let names: Vec<String> = names.into_iter().flatten().collect();
    Some(names.join(", ")).filter(|text| !text.is_empty()).map(|display| json!({ "display": display }))
}

/// A time of a field.
pub(super) fn time_of(part: &Part<'_>, context: &Context) -> Option<Value> {
    time::date_time(&part.component(1).value()?, &context.offset).map(Value::from)
}

/// A quantity; the unit is a CWE.
pub(super) fn quantity(value: &str, unit: &Part<'_>, comparator: Option<&str>) -> Option<Value> {
    let name = unit.component(2).value().or_else(|| unit.component(1).value());
    let is_ucum = unit.component(3).value().is_some_and(|system| system.eq_ignore_ascii_case("UCUM"));
    // What claims to be UCUM and is not stays as words.
    let unit_code = unit.component(1).value().filter(|code| is_ucum && units::is_unit(code));
    object([
        ("value", Some(decimal(value)?)),
        ("comparator", comparator.map(Value::from)),
        ("unit", name.map(Value::from)),
        ("system", unit_code.as_ref().map(|_| Value::from(units::UCUM))),
        ("code", unit_code.map(Value::from)),
    ])
}
