//! The sections of an International Patient Summary, by their LOINC codes
//! (<https://hl7.org/fhir/uv/ips/StructureDefinition-Composition-uv-ips.html>), and what belongs into each.

use super::document::Found;
use serde_json::Value;

/// Types that are asked for; Patient and what these refer to come with them.
pub(super) const TYPES: [&str; 12] = [
    "Patient",
    "AllergyIntolerance",
    "CarePlan",
    "Condition",
    "Consent",
    "DeviceUseStatement",
    "DiagnosticReport",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
];

/// A section.
pub(super) struct Section {
    /// LOINC.
    pub(super) code: &'static str,
    /// Its display.
    pub(super) display: &'static str,
    /// What a reader sees.
    pub(super) title: &'static str,
    /// Whether it is there even without entries.
    pub(super) required: bool,
    /// Most entries, the newest.
    pub(super) most: usize,
    /// What belongs into it.
    pub(super) holds: fn(&str, &Value) -> bool,
}

/// In the order of the guide: what must be there, what should be, what may be.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        code: "11450-4",
        display: "Problem list - Reported",
        title: "Problems",
        required: true,
        most: 200,
        holds: |kind, found| kind == "Condition" && !is_over(found),
    },
    Section {
        code: "48765-2",
        display: "Allergies and adverse reactions Document",
        title: "Allergies and intolerances",
        required: true,
        most: 200,
        holds: |kind, found| kind == "AllergyIntolerance" && !is_over(found),
    },
    Section {
        code: "10160-0",
        display: "History of Medication use Narrative",
        title: "Medicines",
        required: true,
        most: 200,
        holds: |kind, found| matches!(kind, "MedicationRequest" | "MedicationStatement") && is_current(found),
    },
    Section {
        code: "11369-6",
        display: "History of Immunization Narrative",
        title: "Immunizations",
        required: false,
        most: 200,
        holds: |kind, found| kind == "Immunization" && found["status"] == "completed",
    },
    Section {
        code: "30954-2",
        display: "Relevant diagnostic tests/laboratory data Narrative",
        title: "Results",
        required: false,
        most: 200,
        holds: |kind, found| {
            kind == "DiagnosticReport" || kind == "Observation" && is_of(found, &["laboratory", "imaging"])
        },
    },
    Section {
        code: "47519-4",
        display: "History of Procedures Document",
        title: "Procedures",
        required: false,
        most: 200,
        holds: |kind, found| kind == "Procedure" && found["status"] != "not-done",
    },
    Section {
        code: "46264-8",
        display: "History of medical device use",
        title: "Medical devices",
        required: false,
        most: 100,
        holds: |kind, _| kind == "DeviceUseStatement",
    },
    Section {
        code: "42348-3",
        display: "Advance healthcare directives",
        title: "Advance directives",
        required: false,
        most: 50,
        holds: |kind, found| kind == "Consent" && found["status"] == "active",
    },
    Section {
        code: "11348-0",
        display: "History of Past illness Narrative",
        title: "Past illnesses",
        required: false,
        most: 200,
        holds: |kind, found| kind == "Condition" && is_over(found),
    },
    Section {
        code: "18776-5",
        display: "Plan of care note",
        title: "Plan of care",
        required: false,
        most: 50,
        holds: |kind, found| kind == "CarePlan" && found["status"] == "active",
    },
    Section {
        code: "29762-2",
        display: "Social history Narrative",
        title: "Social history",
        required: false,
        most: 50,
        holds: |kind, found| kind == "Observation" && is_of(found, &["social-history"]),
    },
    Section {
        code: "8716-3",
        display: "Vital signs",
        title: "Vital signs",
        required: false,
        most: 100,
        holds: |kind, found| kind == "Observation" && is_of(found, &["vital-signs"]),
    },
];

/// Whether it was recorded by mistake, or refuted: nobody wants that in a summary.
pub(super) fn is_wrong(found: &Found) -> bool {
    found.value["status"] == "entered-in-error"
        || codes(&found.value["verificationStatus"])
            .any(|code| matches!(code, "entered-in-error" | "refuted"))
}

fn codes(concept: &Value) -> impl Iterator<Item = &str> {
    concept["coding"].as_array().into_iter().flatten().filter_map(|coding| coding["code"].as_str())
}

fn is_over(found: &Value) -> bool {
    codes(&found["clinicalStatus"]).any(|code| matches!(code, "inactive" | "resolved" | "remission"))
}

fn is_current(found: &Value) -> bool {
    let gone = ["completed", "stopped", "cancelled", "draft", "not-taken"];
    !found["status"].as_str().is_some_and(|status| gone.contains(&status))
}

fn is_of(found: &Value, categories: &[&str]) -> bool {
    let concepts = found["category"].as_array().into_iter().flatten();
    concepts.flat_map(codes).any(|code| categories.contains(&code))
}
