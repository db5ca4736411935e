//! Which category a FHIR R4 resource falls into: by its security labels and sensitive codes, else by its type and
//! category codes. Protected wins over general. What is unknown is `notes`.
//!
//! Sources: <https://terminology.hl7.org/CodeSystem-v3-ActCode.html> (sensitivity policies),
//! <https://hl7.org/fhir/R4/valueset-observation-category.html>,
//! <https://hl7.org/fhir/R4/valueset-diagnostic-service-sections.html>.

use salus_types::category::Category;
use serde::Deserialize;
use std::borrow::Cow;

/// Sensitivity codes of HL7 v3 ActCode.
const SENSITIVE: &[(&str, Category)] = &[
    ("HIV", Category::Hiv),
    ("ETH", Category::SubstanceUse),
    ("ETHUD", Category::SubstanceUse),
    ("SUD", Category::SubstanceUse),
    ("OPIOIDUD", Category::SubstanceUse),
    ("42CFRPart2", Category::SubstanceUse),
    ("PSY", Category::MentalHealth),
    ("MH", Category::MentalHealth),
    ("BH", Category::MentalHealth),
    ("PSYTHPN", Category::MentalHealth),
    ("DVD", Category::MentalHealth),
    ("SEX", Category::Reproductive),
    ("SDV", Category::Reproductive),
    ("STD", Category::Reproductive),
    ("PREGNANT", Category::Reproductive),
    ("REPROD", Category::Reproductive),
    ("GDIS", Category::Genetic),
];

/// Resource types and their category, where nothing else decides.
const TYPES: &[(&str, Category)] = &[
    ("Patient", Category::Demographics),
    ("RelatedPerson", Category::Demographics),
    ("Person", Category::Demographics),
    ("Coverage", Category::Demographics),
    ("Condition", Category::Problems),
    ("FamilyMemberHistory", Category::Problems),
    ("Medication", Category::Medications),
    ("MedicationAdministration", Category::Medications),
    ("MedicationDispense", Category::Medications),
    ("MedicationKnowledge", Category::Medications),
    ("MedicationRequest", Category::Medications),
    ("MedicationStatement", Category::Medications),
    ("AllergyIntolerance", Category::Allergies),
    ("AdverseEvent", Category::Allergies),
    ("Immunization", Category::Immunizations),
    ("ImmunizationEvaluation", Category::Immunizations),
    ("ImmunizationRecommendation", Category::Immunizations),
    ("Observation", Category::Vitals),
    ("DiagnosticReport", Category::Labs),
    ("Specimen", Category::Labs),
    ("MolecularSequence", Category::Genetic),
    ("ImagingStudy", Category::Imaging),
    ("Media", Category::Imaging),
    ("Procedure", Category::Procedures),
    ("Device", Category::Procedures),
    ("DeviceUseStatement", Category::Procedures),
    ("Claim", Category::Claims),
    ("ClaimResponse", Category::Claims),
    ("ExplanationOfBenefit", Category::Claims),
    ("PaymentNotice", Category::Claims),
    ("PaymentReconciliation", Category::Claims),
    ("Invoice", Category::Claims),
    ("Account", Category::Claims),
    ("ChargeItem", Category::Claims),
];

/// `category` codes that decide for an Observation or DiagnosticReport.
const SECTIONS: &[(&str, Category)] = &[
    ("laboratory", Category::Labs),
    ("LAB", Category::Labs),
    ("vital-signs", Category::Vitals),
    ("social-history", Category::Notes),
    ("imaging", Category::Imaging),
    ("RAD", Category::Imaging),
    ("CT", Category::Imaging),
    ("MR", Category::Imaging),
    ("NMR", Category::Imaging),
    ("NMS", Category::Imaging),
    ("RUS", Category::Imaging),
    ("OUS", Category::Imaging),
    ("VUS", Category::Imaging),
    ("XRC", Category::Imaging),
    ("CUS", Category::Imaging),
    ("RX", Category::Imaging),
    ("GE", Category::Genetic),
    ("procedure", Category::Procedures),
];

/// HL7 v3 ActCode.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Codes of FHIR's observation categories are in small letters, ...
const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// ... those of HL7 v2 table 0074 in capitals.
const SERVICE_SECTION: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
/// FHIR's resource types.
const RESOURCE_TYPE: &str = "http://hl7.org/fhir/resource-types";

/// Codes from elsewhere: code, where it comes from, and what it says, if FHIR R4 does not publish it.
const FROM_ELSEWHERE: &[(&str, &str, Option<&str>)] = &[
    // In editions of ActCode after R4's.
    ("PREGNANT", ACT_CODE, Some("pregnancy information sensitivity")),
    // In no published code system: a label that asks for protection gets it.
    ("REPROD", "https://salus.network/fhir/sensitivity", Some("reproductive health")),
    // DICOM's modality, which record systems send as a section.
    ("MR", "http://dicom.nema.org/resources/ontology/DCM", None),
];

/// A code that decides on a category, and the code system that publishes it. Records are judged by the code alone, so that a
/// label from another edition or a system's own list protects, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// The code system.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// What it says, where FHIR R4's definitions do not tell.
    pub display: Option<&'static str>,
    /// What it decides.
    pub category: Category,
}

/// Every code that decides.
pub fn deciding() -> impl Iterator<Item = Deciding> {
    let sensitive = SENSITIVE.iter().map(|(code, category)| (ACT_CODE, *code, *category));
    let types = TYPES.iter().map(|(code, category)| (RESOURCE_TYPE, *code, *category));
    let sections = SECTIONS.iter().map(|(code, category)| {
        let small = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        (if small { OBSERVATION_CATEGORY } else { SERVICE_SECTION }, *code, *category)
    });
    sensitive.chain(types).chain(sections).map(|(system, code, category)| {
        let elsewhere = FROM_ELSEWHERE.iter().find(|(known, ..)| *known == code);
        let (system, display) = elsewhere.map_or((system, None), |(_, system, display)| (*system, *display));
        Deciding { system, code, display, category }
    })
}

/// The few fields that decide. Everything else of the text is skipped.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(borrow)]
    meta: Meta<'a>,
    #[serde(borrow)]
    category: Lenient<'a>,
    #[serde(borrow)]
    code: Lenient<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta<'a> {
    #[serde(borrow)]
    security: Lenient<'a>,
}

/// All `code`s (and nothing else) anywhere below a field, whatever its shape: one concept, many, or plain codes.
#[derive(Default)]
struct Lenient<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        let mut codes = Vec::new();
        if let Ok(value) = serde_json::from_str(raw.get()) {
            collect(&value, &mut codes);
        }
        Ok(Self(codes.into_iter().map(Cow::Owned).collect()))
    }
}

/// Most codes of one field that are looked at.
const CODES_MAX: usize = 256;

fn collect(value: &serde_json::Value, codes: &mut Vec<String>) {
    match value {
        serde_json::Value::String(code) if codes.len() < CODES_MAX => codes.push(code.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, codes)),
        serde_json::Value::Object(fields) => {
            for name in ["code", "coding"] {
                if let Some(value) = fields.get(name) {
                    collect(value, codes);
                }
            }
        }
        _ => {}
    }
}

fn find(table: &[(&str, Category)], code: &str) -> Option<Category> {
    table.iter().find(|(known, _)| *known == code).map(|(_, category)| *category)
}

/// The category of a resource, from its exact text. Text that is no JSON object is judged by its type alone.
pub fn category(resource_type: &str, text: &str) -> Category {
    let shape: Shape<'_> = serde_json::from_str(text).unwrap_or_default();
    protected(&shape)
        .or_else(|| by_section(resource_type, &shape))
        .or_else(|| find(TYPES, resource_type))
        .unwrap_or(Category::Notes)
}

fn protected(shape: &Shape<'_>) -> Option<Category> {
    let codes = [&shape.meta.security, &shape.category, &shape.code];
    codes.iter().flat_map(|codes| &codes.0).find_map(|code| find(SENSITIVE, code))
}

fn by_section(resource_type: &str, shape: &Shape<'_>) -> Option<Category> {
    if !matches!(resource_type, "Observation" | "DiagnosticReport") {
        return None;
    }
    shape.category.0.iter().find_map(|code| find(SECTIONS, code))
}

#[cfg(test)]
#[path = "category_tests.rs"]
mod tests;
