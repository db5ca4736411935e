//! A person by what everybody knows of them: names, birth date, sex.

use crate::error::{Code, Error};
use salus_types::Text;
use salus_types::vault::EmergencyFind;
use serde_json::Value;

/// Letters and digits alone, in lower case: how people type a name is no difference.
pub(super) fn normal(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How another organisation is asked for a patient of this one.
///
/// # Errors
/// [`Code::Unprocessable`] if too little is known of the person.
pub(super) fn of(patient: &Value) -> Result<EmergencyFind, Error> {
    let too_little = || {
        let words = "other organisations are asked by family name, first name, birth date and sex; something is missing";
        Error::new(Code::Unprocessable, words)
    };
    let (family, given) = names(patient).into_iter().next().ok_or_else(too_little)?;
    let text = |name: &str| patient[name].as_str().unwrap_or_default();
    let (birth_date, sex) = (text("birthDate"), text("gender"));
    if family.is_empty() || given.is_empty() || birth_date.len() != 10 || sex.is_empty() {
        return Err(too_little());
    }
    Ok(EmergencyFind {
        family: Text::new(family).map_err(|_| too_little())?,
        given: Text::new(given).map_err(|_| too_little())?,
        birth_date: Text::new(birth_date).map_err(|_| too_little())?,
        sex: Text::new(sex).map_err(|_| too_little())?,
    })
}

/// Whether a FHIR Patient is this person.
pub(super) fn is(patient: &Value, person: &EmergencyFind) -> bool {
    let named = names(patient)
        .iter()
        .any(|(family, given)| family == person.family.as_str() && given == person.given.as_str());
    patient["resourceType"] == "Patient"
        && patient["active"] != false
        && named
        && patient["birthDate"] == person.birth_date.as_str()
        && patient["gender"] == person.sex.as_str()
}

/// Family and first given names, the official one first.
fn names(patient: &Value) -> Vec<(String, String)> {
    let mut names: Vec<_> = patient["name"].as_array().into_iter().flatten().collect();
    names.sort_by_key(|name| name["use"] != "official");
    let text = |value: &Value| normal(value.as_str().unwrap_or_default());
    names.into_iter().map(|name| (text(&name["family"]), text(&name["given"][0]))).collect()
}
