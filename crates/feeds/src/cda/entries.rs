//! The entries of all sections, each by its template.

use super::xml::Element;
use super::{Making, medication, observations, problems, procedures};

/// What an entry stands in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    /// LOINC code of the section.
    pub(super) section: &'a str,
}

/// Every entry of every section, however deep.
pub(super) fn all<'a>(root: Element<'a>, making: &mut Making<'_>) {
    let Some(body) = root.at(&["component", "structuredBody"]) else { return };
    let sections = body.0.descendants().filter(|node| node.is_element()).map(Element);
    for section in sections.filter(|element| element.name() == "section") {
        let code = section.child("code").and_then(|code| code.attribute("code")).unwrap_or_default();
        for entry in section.all("entry") {
            for statement in entry.0.children().filter(|node| node.is_element()).map(Element) {
                one(statement, Place { section: code }, making);
            }
        }
    }
}

/// A clinical statement. What is planned, wished for or about somebody else is left out, but for orders of medicines.
fn one(statement: Element<'_>, place: Place<'_>, making: &mut Making<'_>) {
    // A statement about a relative is none about the patient.
    if statement.child("subject").is_some() {
        return;
    }
    match statement.name() {
        "substanceAdministration" if statement.follows("52") => medication::immunization(statement, making),
        "substanceAdministration" => medication::medication(statement, making),
        _ if statement.attribute("moodCode").is_some_and(|mood| mood != "EVN") => {}
        "act" if statement.follows("30") => problems::allergies(statement, making),
        "act" if statement.follows("3") || statement.follows("132") => {
            problems::concern(statement, place, making)
        }
        "observation" if statement.follows("7") => problems::allergy(statement, None, making),
        "observation" if statement.follows("4") => problems::problem(statement, None, place, making),
        "encounter" => {
            procedures::encounter(statement, making);
            within(statement, place, making);
        }
        "procedure" => procedures::procedure(statement, making),
        "act" | "observation" if statement.follows("12") || statement.follows("13") => {
            procedures::procedure(statement, making);
        }
        "organizer" => observations::organizer(statement, place, making),
        "observation" => _ = observations::observation(statement, place, None, making),
        "act" => within(statement, place, making),
        _ => {}
    }
}

/// The statements that one is made of.
pub(super) fn within(of: Element<'_>, place: Place<'_>, making: &mut Making<'_>) {
    for relation in of.all("entryRelationship") {
        for statement in relation.0.children().filter(|node| node.is_element()).map(Element) {
            one(statement, place, making);
        }
    }
}
