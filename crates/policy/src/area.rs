//! Which FHIR types say who a person is, which say nothing about patients, and that all others are clinical.

/// What a FHIR type is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Who a person is.
    Demographics,
    /// Organisations, practitioners, calendars, terminology.
    Administrative,
    /// Everything else, and every type that is not known.
    Clinical,
}

impl Area {
    /// The name in the policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demographics => "demographics",
            Self::Administrative => "administrative",
            Self::Clinical => "clinical",
        }
    }
}

/// The area of a FHIR resource type.
pub fn area_of(kind: &str) -> Area {
    match kind {
        "Patient" | "RelatedPerson" | "Coverage" => Area::Demographics,
        "Organization"
        | "Practitioner"
        | "PractitionerRole"
        | "Location"
        | "HealthcareService"
        | "Endpoint"
        | "Schedule"
        | "Slot"
        | "CodeSystem"
        | "ValueSet"
        | "StructureDefinition"
        | "Medication"
        | "Questionnaire" => Area::Administrative,
        _ => Area::Clinical,
    }
}
