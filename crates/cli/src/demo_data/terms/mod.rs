//! The words of the record: codes of LOINC, SNOMED CT, RxNorm, CVX and ICD-10-CM with their displays.
//!
//! Every code here was checked against a published value set (VSAC sets for the US quality measures, the FHIR
//! R4 definitions) or is in everyday use. Add one only with its published display.

pub(crate) mod acts;
pub(crate) mod drugs;
pub(crate) mod labels;
pub(crate) mod measures;
pub(crate) mod panels;
pub(crate) mod problems;
pub(crate) mod vaccines;

use serde_json::{Value, json};

/// The code system addresses.
pub(crate) mod system {
    pub(crate) const LOINC: &str = "http://loinc.org";
    pub(crate) const SNOMED: &str = "http://snomed.info/sct";
    pub(crate) const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
    pub(crate) const CVX: &str = "http://hl7.org/fhir/sid/cvx";
    pub(crate) const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
    pub(crate) const NUCC: &str = "http://nucc.org/provider-taxonomy";
    pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
    pub(crate) const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    pub(crate) const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    pub(crate) const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
    pub(crate) const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    pub(crate) const INTERPRETATION: &str =
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
    pub(crate) const ROUTE: &str = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration";
    pub(crate) const OBSERVATION_CATEGORY: &str =
        "http://terminology.hl7.org/CodeSystem/observation-category";
    pub(crate) const CONDITION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
    pub(crate) const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    pub(crate) const CONDITION_VERIFICATION: &str =
        "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    pub(crate) const ALLERGY_CLINICAL: &str =
        "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    pub(crate) const ALLERGY_VERIFICATION: &str =
        "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
    pub(crate) const REQUEST_CATEGORY: &str =
        "http://terminology.hl7.org/CodeSystem/medicationrequest-category";
    pub(crate) const THERAPY_COURSE: &str =
        "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy";
    pub(crate) const DIAGNOSTIC_SERVICE: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
    pub(crate) const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
    pub(crate) const ORGANIZATION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/organization-type";
    pub(crate) const MARITAL: &str = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";
    pub(crate) const CONTACT: &str = "http://terminology.hl7.org/CodeSystem/v2-0131";
    pub(crate) const NOTE_CATEGORY: &str =
        "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category";
    pub(crate) const DEVICE_ACTION: &str = "http://hl7.org/fhir/device-action";
}

/// One code with its published display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) system: &'static str,
    pub(crate) code: &'static str,
    pub(crate) display: &'static str,
}

impl Code {
    /// A SNOMED CT concept.
    pub(crate) const fn snomed(code: &'static str, display: &'static str) -> Self {
        Self { system: system::SNOMED, code, display }
    }

    /// A LOINC term.
    pub(crate) const fn loinc(code: &'static str, display: &'static str) -> Self {
        Self { system: system::LOINC, code, display }
    }

    /// FHIR `Coding`.
    pub(crate) fn coding(&self) -> Value {
        coding(self.system, self.code, self.display)
    }

    /// FHIR `CodeableConcept` with the display as its text.
    pub(crate) fn concept(&self) -> Value {
        self.concept_named(self.display)
    }

    /// FHIR `CodeableConcept` with a text of its own.
    pub(crate) fn concept_named(&self, text: &str) -> Value {
        json!({ "coding": [self.coding()], "text": text })
    }
}

/// FHIR `Coding`.
pub(crate) fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

/// FHIR `CodeableConcept` of one coding.
pub(crate) fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [coding(system, code, display)] })
}

/// FHIR `Quantity` in UCUM; `shown` is the unit that people read.
pub(crate) fn quantity(value: Value, shown: &str, ucum: &str) -> Value {
    json!({ "value": value, "unit": shown, "system": system::UCUM, "code": ucum })
}

/// A number rounded to decimals, whole where there are none.
pub(crate) fn rounded(value: f64, decimals: u8) -> Value {
    let scale = f64::from(10_u32.pow(u32::from(decimals)));
    let scaled = (value * scale).round();
    if decimals == 0 { json!(scaled as i64) } else { json!(scaled / scale) }
}
