//! Whose record a resource is, from its own text: the engine's table (`clinical/crates/engine-core/src/compartment.rs`), which
//! a test compares with this one. The engine decides by it what a principal sees; here it says in whose log an export
//! stands, and which records are of a group's members.

use serde_json::Value;

/// Types that belong to a patient, sorted: the type, the search parameter and the path of the reference to the patient.
const OWNED: &[(&str, &str, &str)] = &[
    ("Account", "subject", "subject"),
    ("AdverseEvent", "subject", "subject"),
    ("AllergyIntolerance", "patient", "patient"),
    ("Appointment", "actor", "participant.actor"),
    ("AppointmentResponse", "actor", "actor"),
    ("Basic", "subject", "subject"),
    ("Binary", "", "securityContext"),
    ("BodyStructure", "patient", "patient"),
    ("CarePlan", "subject", "subject"),
    ("CareTeam", "subject", "subject"),
    ("ChargeItem", "subject", "subject"),
    ("Claim", "patient", "patient"),
    ("ClaimResponse", "patient", "patient"),
    ("ClinicalImpression", "subject", "subject"),
    ("Communication", "subject", "subject"),
    ("CommunicationRequest", "subject", "subject"),
    ("Composition", "subject", "subject"),
    ("Condition", "subject", "subject"),
    ("Consent", "patient", "patient"),
    ("Coverage", "beneficiary", "beneficiary"),
    ("CoverageEligibilityRequest", "patient", "patient"),
    ("CoverageEligibilityResponse", "patient", "patient"),
    ("DetectedIssue", "patient", "patient"),
    ("Device", "patient", "patient"),
    ("DeviceRequest", "subject", "subject"),
    ("DeviceUseStatement", "subject", "subject"),
    ("DiagnosticReport", "subject", "subject"),
    ("DocumentManifest", "subject", "subject"),
    ("DocumentReference", "subject", "subject"),
    ("Encounter", "subject", "subject"),
    ("EnrollmentRequest", "subject", "candidate"),
    ("EpisodeOfCare", "patient", "patient"),
    ("ExplanationOfBenefit", "patient", "patient"),
    ("FamilyMemberHistory", "patient", "patient"),
    ("Flag", "subject", "subject"),
    ("Goal", "subject", "subject"),
    ("GuidanceResponse", "subject", "subject"),
    ("ImagingStudy", "subject", "subject"),
    ("Immunization", "patient", "patient"),
    ("ImmunizationEvaluation", "patient", "patient"),
    ("ImmunizationRecommendation", "patient", "patient"),
    ("Invoice", "subject", "subject"),
    ("List", "subject", "subject"),
    ("MeasureReport", "subject", "subject"),
    ("Media", "subject", "subject"),
    ("MedicationAdministration", "subject", "subject"),
    ("MedicationDispense", "subject", "subject"),
    ("MedicationRequest", "subject", "subject"),
    ("MedicationStatement", "subject", "subject"),
    ("MolecularSequence", "patient", "patient"),
    ("NutritionOrder", "patient", "patient"),
    ("Observation", "subject", "subject"),
    ("Person", "link", "link.target"),
    ("Procedure", "subject", "subject"),
    ("Provenance", "target", "target"),
    ("QuestionnaireResponse", "subject", "subject"),
    ("RelatedPerson", "patient", "patient"),
    ("RequestGroup", "subject", "subject"),
    ("ResearchSubject", "individual", "individual"),
    ("RiskAssessment", "subject", "subject"),
    ("ServiceRequest", "subject", "subject"),
    ("Specimen", "subject", "subject"),
    ("SupplyDelivery", "patient", "patient"),
    ("SupplyRequest", "subject", "deliverTo"),
    ("Task", "subject", "for"),
    ("VisionPrescription", "patient", "patient"),
];

/// The search parameter by which records of a type are found by patient; `None` if they belong to none, or cannot be
/// searched for so.
pub(crate) fn parameter_of(kind: &str) -> Option<&'static str> {
    if kind == "Patient" {
        return Some("_id");
    }
    row(kind).map(|(_, parameter, _)| *parameter).filter(|parameter| !parameter.is_empty())
}

/// The one patient that a resource is about; `None` if it names none, or several.
pub(crate) fn patient_of(kind: &str, id: &str, text: &str) -> Option<String> {
    if kind == "Patient" {
        return Some(id.to_owned());
    }
    let (_, _, path) = row(kind)?;
    // The first step is taken without reading the rest of the resource.
    let (field, rest) = path.split_once('.').unwrap_or((path, ""));
    let object = crate::fhir::json::Object::parse(text)?;
    let value: Value = serde_json::from_str(object.raw(field)?).ok()?;
    let mut found = Vec::new();
    collect(&value, rest, &mut found);
    match found.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

fn row(kind: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    OWNED.binary_search_by_key(&kind, |(owned, ..)| owned).ok().map(|at| &OWNED[at])
}

fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::Object(_) if path.is_empty() => {
            let id = value.get("reference").and_then(Value::as_str).and_then(local_patient);
            if let Some(id) = id.filter(|id| !found.contains(id)) {
                found.push(id);
            }
        }
        Value::Object(fields) => {
            let (field, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(inner) = fields.get(field) {
                collect(inner, rest, found);
            }
        }
        _ => {}
    }
}

/// The id in a reference to a patient of this node.
pub(crate) fn local_patient(reference: &str) -> Option<&str> {
    let id = reference.strip_prefix("Patient/")?;
    let id = id.split_once("/_history/").map_or(id, |(id, _)| id);
    crate::fhir::is_id(id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_engine_s() {
        let engine = include_str!("../../../../clinical/crates/engine-core/src/compartment.rs");
        let rows: Vec<String> =
            OWNED.iter().map(|(a, b, c)| format!("    owner(\"{a}\", \"{b}\", \"{c}\"),")).collect();
        let theirs: Vec<&str> = engine.lines().filter(|line| line.starts_with("    owner(\"")).collect();
        assert_eq!(theirs, rows);
        assert!(OWNED.is_sorted());
    }

    #[test]
    fn a_record_is_about_the_one_patient_that_it_names() {
        for (kind, text, patient) in [
            ("Observation", r#"{"subject":{"reference":"Patient/a"}}"#, Some("a")),
            ("Observation", r#"{"subject":{"reference":"Patient/a/_history/2"}}"#, Some("a")),
            ("Observation", r#"{"subject":{"reference":"https://x.example/Patient/a"}}"#, None),
            ("Observation", r#"{"subject":{"reference":"Group/a"}}"#, None),
            ("Observation", r#"{"performer":[{"reference":"Patient/a"}]}"#, None),
            ("Observation", "[]", None),
            ("Appointment", r#"{"participant":[{"actor":{"reference":"Patient/a"}}]}"#, Some("a")),
            (
                "Appointment",
                r#"{"participant":[{"actor":{"reference":"Patient/a"}},{"actor":{"reference":"Patient/b"}}]}"#,
                None,
            ),
            ("Patient", "{}", Some("own")),
            ("Organization", r#"{"subject":{"reference":"Patient/a"}}"#, None),
        ] {
            assert_eq!(patient_of(kind, "own", text).as_deref(), patient, "{kind} {text}");
        }
    }
}
