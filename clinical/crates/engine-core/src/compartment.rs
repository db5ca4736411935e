//! Whose record a resource belongs to.
//!
//! One table, by resource type: the search parameter and the element that name the *subject* of the record,
//! from the FHIR R4 Patient CompartmentDefinition (<https://hl7.org/fhir/R4/compartmentdefinition-patient.html>).
//! The definition also counts a patient who merely recorded, performed or received something as a member;
//! here such a mention does not open another person's record, so only the subject's element is listed.

use serde_json::Value;

/// How one resource type names its patient.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// FHIR resource type.
    pub resource_type: &'static str,
    /// Search parameter whose value is the patient; empty where there is none: then only who reads everything searches.
    pub param: &'static str,
    /// Path of the reference element, below the resource.
    path: &'static str,
}

const fn owner(resource_type: &'static str, param: &'static str, path: &'static str) -> Owner {
    Owner { resource_type, param, path }
}

/// Types that belong to a patient, in the order of their names.
pub const OWNED: &[Owner] = &[
    owner("Account", "subject", "subject"),
    owner("AdverseEvent", "subject", "subject"),
    owner("AllergyIntolerance", "patient", "patient"),
    owner("Appointment", "actor", "participant.actor"),
    owner("AppointmentResponse", "actor", "actor"),
    owner("Basic", "subject", "subject"),
    owner("Binary", "", "securityContext"),
    owner("BodyStructure", "patient", "patient"),
    owner("CarePlan", "subject", "subject"),
    owner("CareTeam", "subject", "subject"),
    owner("ChargeItem", "subject", "subject"),
    owner("Claim", "patient", "patient"),
    owner("ClaimResponse", "patient", "patient"),
    owner("ClinicalImpression", "subject", "subject"),
    owner("Communication", "subject", "subject"),
    owner("CommunicationRequest", "subject", "subject"),
    owner("Composition", "subject", "subject"),
    owner("Condition", "subject", "subject"),
    owner("Consent", "patient", "patient"),
    owner("Coverage", "beneficiary", "beneficiary"),
    owner("CoverageEligibilityRequest", "patient", "patient"),
    owner("CoverageEligibilityResponse", "patient", "patient"),
    owner("DetectedIssue", "patient", "patient"),
    owner("Device", "patient", "patient"),
    owner("DeviceRequest", "subject", "subject"),
    owner("DeviceUseStatement", "subject", "subject"),
    owner("DiagnosticReport", "subject", "subject"),
    owner("DocumentManifest", "subject", "subject"),
    owner("DocumentReference", "subject", "subject"),
    owner("Encounter", "subject", "subject"),
    owner("EnrollmentRequest", "subject", "candidate"),
    owner("EpisodeOfCare", "patient", "patient"),
    owner("ExplanationOfBenefit", "patient", "patient"),
    owner("FamilyMemberHistory", "patient", "patient"),
    owner("Flag", "subject", "subject"),
    owner("Goal", "subject", "subject"),
    owner("GuidanceResponse", "subject", "subject"),
    owner("ImagingStudy", "subject", "subject"),
    owner("Immunization", "patient", "patient"),
    owner("ImmunizationEvaluation", "patient", "patient"),
    owner("ImmunizationRecommendation", "patient", "patient"),
    owner("Invoice", "subject", "subject"),
    owner("List", "subject", "subject"),
    owner("MeasureReport", "subject", "subject"),
    owner("Media", "subject", "subject"),
    owner("MedicationAdministration", "subject", "subject"),
    owner("MedicationDispense", "subject", "subject"),
    owner("MedicationRequest", "subject", "subject"),
    owner("MedicationStatement", "subject", "subject"),
    owner("MolecularSequence", "patient", "patient"),
    owner("NutritionOrder", "patient", "patient"),
    owner("Observation", "subject", "subject"),
    owner("Person", "link", "link.target"),
    owner("Procedure", "subject", "subject"),
    owner("Provenance", "target", "target"),
    owner("QuestionnaireResponse", "subject", "subject"),
    owner("RelatedPerson", "patient", "patient"),
    owner("RequestGroup", "subject", "subject"),
    owner("ResearchSubject", "individual", "individual"),
    owner("RiskAssessment", "subject", "subject"),
    owner("ServiceRequest", "subject", "subject"),
    owner("Specimen", "subject", "subject"),
    owner("SupplyDelivery", "patient", "patient"),
    owner("SupplyRequest", "subject", "deliverTo"),
    owner("Task", "subject", "for"),
    owner("VisionPrescription", "patient", "patient"),
];

/// Types that say nothing about a patient, and may be seen by whoever may see any patient.
pub const OPEN: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "DeviceDefinition",
    "Endpoint",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "MessageDefinition",
    "NamingSystem",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "SearchParameter",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Substance",
    "TerminologyCapabilities",
    "ValueSet",
];

/// How `resource_type` names its patient, if it does.
pub fn owner_of_type(resource_type: &str) -> Option<&'static Owner> {
    OWNED.binary_search_by_key(&resource_type, |o| o.resource_type).ok().map(|at| &OWNED[at])
}

/// Whether resources of this type say nothing about any patient.
pub fn is_open(resource_type: &str) -> bool {
    OPEN.binary_search(&resource_type).is_ok()
}

/// The logical id of the one patient that `resource` is about: its own id for a Patient.
/// `None` when it names none, or several.
pub fn patient_of<'a>(resource_type: &str, id: &'a str, resource: &'a Value) -> Option<&'a str> {
    if resource_type == "Patient" {
        return Some(id);
    }
    let mut found = Vec::new();
    collect(resource, owner_of_type(resource_type)?.path, &mut found);
    found.dedup();
    match found.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// Gathers the local patient ids at a dotted path, descending into arrays.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::Object(_) if path.is_empty() => {
            let reference = value.get("reference").and_then(Value::as_str);
            if let Some(id) = reference.and_then(local_patient_id)
                && !found.contains(&id)
            {
                found.push(id);
            }
        }
        Value::Object(fields) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(inner) = fields.get(name) {
                collect(inner, rest, found);
            }
        }
        _ => {}
    }
}

/// `Patient/p1` and `Patient/p1/_history/3` name `p1`; an absolute address names nobody here.
fn local_patient_id(reference: &str) -> Option<&str> {
    let id = reference.strip_prefix("Patient/")?;
    let id = id.split_once("/_history/").map_or(id, |(id, _)| id);
    crate::principal::is_logical_id(id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_tables_are_sorted_and_disjoint() {
        assert!(OWNED.is_sorted_by_key(|o| o.resource_type));
        assert!(OPEN.is_sorted());
        assert!(OPEN.iter().all(|t| owner_of_type(t).is_none()));
    }

    #[test]
    fn every_parameter_of_the_table_is_part_of_the_patient_compartment() {
        for owner in OWNED {
            let params = helios_fhir::get_compartment_params(
                helios_fhir::FhirVersion::R4,
                "Patient",
                owner.resource_type,
            );
            // Types that the definition leaves out (Device, Task) belong to their subject here all the same.
            let named = params.is_empty() || params.contains(&owner.param) || params.contains(&"patient");
            assert!(named, "{owner:?} {params:?}");
        }
    }

    #[test]
    fn a_resource_belongs_to_its_subject() {
        let check = |resource_type: &str, resource: Value, expected: Option<&str>| {
            assert_eq!(patient_of(resource_type, "own", &resource), expected, "{resource_type} {resource}");
        };
        check("Patient", json!({}), Some("own"));
        check("Observation", json!({"subject": {"reference": "Patient/p1"}}), Some("p1"));
        check("Observation", json!({"subject": {"reference": "Patient/p1/_history/2"}}), Some("p1"));
        check("Observation", json!({"subject": {"reference": "https://x/fhir/Patient/p1"}}), None);
        check("Observation", json!({"subject": {"reference": "Group/g1"}}), None);
        check("Observation", json!({"performer": [{"reference": "Patient/p1"}]}), None);
        check("Binary", json!({"securityContext": {"reference": "Patient/p1"}}), Some("p1"));
        check("Binary", json!({"securityContext": {"reference": "DocumentReference/d1"}}), None);
        check("Binary", json!({}), None);
        check("Task", json!({"for": {"reference": "Patient/p1"}}), Some("p1"));
        check("Coverage", json!({"beneficiary": {"reference": "Patient/p1"}}), Some("p1"));
        check(
            "Provenance",
            json!({"target": [{"reference": "Patient/p1"}, {"reference": "Condition/c"}, {"reference": "Patient/p1"}]}),
            Some("p1"),
        );
        check(
            "Appointment",
            json!({"participant": [{"actor": {"reference": "Patient/p1"}}, {"actor": {"reference": "Patient/p2"}}]}),
            None,
        );
        check("Organization", json!({}), None);
    }
}
