//! Who a patient is: drawn once, and the same at both hospitals.

use super::{
    calendar::Date,
    draw::{Draw, Purpose},
    names::{CULTURES, STREETS, TOWNS},
    story::{Sex, Story},
};
use serde_json::{Value, json};

/// A person who does not exist.
pub(crate) struct Person {
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) sex: Sex,
    pub(crate) birth_date: Date,
    language: (&'static str, &'static str),
    phone: String,
    email: String,
    address: Value,
    married: bool,
    /// A parent for a child, someone close for an adult.
    contact: Value,
}

impl Person {
    /// Draws the person of a story.
    pub(crate) fn draw(seed: u64, index: u32, story: &Story, today: Date) -> Self {
        let mut draw = Draw::new(seed, index, Purpose::Person);
        let sex = story.sex.unwrap_or(if draw.chance(0.5) { Sex::Female } else { Sex::Male });
        // One culture after another, and one given name after another within it, so that neighbours differ.
        let count = CULTURES.len() as u32;
        let culture =
            &CULTURES[((seed % u64::from(count)) as u32).wrapping_add(index) as usize % CULTURES.len()];
        let names = culture.given(sex);
        let given = names[(index / count) as usize % (names.len() - 1)];
        let family = draw.word(culture.families);
        let (year, month, day) = today.parts();
        let age = draw.within(story.age_years) as i32;
        let birth_date = Date::ymd(year - age, month, day.min(28)).plus_days(-(draw.below(360) as i32) - 3);
        let (town, postal_code) = TOWNS[draw.below(TOWNS.len() as u32) as usize];
        let street = format!("{} {}", 2 + draw.below(240), draw.word(STREETS));
        let contact_sex = if draw.chance(0.6) { Sex::Female } else { Sex::Male };
        let relation = if story.months.is_none() { ("N", "Next-of-Kin") } else { ("C", "Emergency Contact") };
        let contact = json!({
            "relationship": [{ "coding": [{
                "system": super::terms::system::CONTACT, "code": relation.0, "display": relation.1,
            }] }],
            "name": { "family": family, "given": [draw.word(culture.given(contact_sex))] },
            "telecom": [{ "system": "phone", "value": phone(&mut draw), "use": "mobile" }],
        });
        Self {
            given,
            family,
            sex,
            birth_date,
            language: culture.language,
            phone: phone(&mut draw),
            email: format!("person{index:05}@example.org"),
            address: json!({
                "use": "home", "line": [street], "city": town, "postalCode": postal_code, "country": "US",
            }),
            married: age > 27 && draw.chance(0.55),
            contact,
        }
    }

    /// Given and family name.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// FHIR `Patient` without identifier and organisation, which each hospital adds.
    pub(crate) fn patient(&self) -> Value {
        let marital = if self.married { ("M", "Married") } else { ("S", "Never Married") };
        let (tag, language) = self.language;
        json!({
            "resourceType": "Patient",
            "active": true,
            "name": [{ "use": "official", "family": self.family, "given": [self.given] }],
            "telecom": [
                { "system": "phone", "value": self.phone, "use": "mobile" },
                { "system": "email", "value": self.email },
            ],
            "gender": self.sex.code(),
            "birthDate": self.birth_date.iso(),
            "address": [self.address],
            "maritalStatus": super::terms::concept(super::terms::system::MARITAL, marital.0, marital.1),
            "contact": [self.contact],
            "communication": [{ "language": {
                "coding": [{ "system": "urn:ietf:bcp:47", "code": tag, "display": language }],
                "text": language,
            } }],
        })
    }
}

/// A number of the range that is kept for fiction.
fn phone(draw: &mut Draw) -> String {
    format!("+1-555-555-01{:02}", draw.below(100))
}
