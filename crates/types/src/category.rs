//! What a person grants by: categories of data, and purposes of use.

use crate::codec::codec_enum;

codec_enum! {
    /// The unit of data that a person can understand and grant.
    pub enum Category {
        /// Name, contact, coverage: who the person is.
        Demographics = 1 => "demographics",
        /// Diagnoses and problems.
        Problems = 2 => "problems",
        /// Prescribed, dispensed and taken medicines.
        Medications = 3 => "medications",
        /// Allergies and intolerances.
        Allergies = 4 => "allergies",
        /// Immunizations.
        Immunizations = 5 => "immunizations",
        /// Laboratory results and reports.
        Labs = 6 => "labs",
        /// Vital signs and other measurements.
        Vitals = 7 => "vitals",
        /// Imaging studies and reports.
        Imaging = 8 => "imaging",
        /// Procedures and implanted devices.
        Procedures = 9 => "procedures",
        /// Visits, notes, plans and documents.
        Notes = 10 => "notes",
        /// Claims and explanations of benefit.
        Claims = 11 => "claims",
        /// Protected: mental health.
        MentalHealth = 12 => "mental-health",
        /// Protected: substance use (42 CFR Part 2).
        SubstanceUse = 13 => "substance-use",
        /// Protected: reproductive and sexual health.
        Reproductive = 14 => "reproductive",
        /// Protected: genetic data.
        Genetic = 15 => "genetic",
        /// Protected: HIV.
        Hiv = 16 => "hiv",
    }
}

impl Category {
    /// Whether the category is protected: granted only by name, never as part of "everything".
    pub fn is_protected(self) -> bool {
        matches!(
            self,
            Self::MentalHealth | Self::SubstanceUse | Self::Reproductive | Self::Genetic | Self::Hiv
        )
    }
}

codec_enum! {
    /// Why data is used (HL7 v3 PurposeOfUse in parentheses).
    pub enum Purpose {
        /// Care of the patient (TREAT).
        Treatment = 1 => "treatment",
        /// Payment for care (HPAYMT).
        Payment = 2 => "payment",
        /// Running and improving the organisation (HOPERAT).
        Operations = 3 => "operations",
        /// Research (HRESCH).
        Research = 4 => "research",
        /// Public health (PUBHLTH).
        PublicHealth = 5 => "public-health",
        /// The patient's own use (PATRQT).
        PatientRequest = 6 => "patient-request",
        /// Emergency care (ETREAT).
        Emergency = 7 => "emergency",
    }
}

impl Purpose {
    /// The code of HL7 v3 PurposeOfUse (`http://terminology.hl7.org/CodeSystem/v3-ActReason`).
    pub fn act_reason(self) -> &'static str {
        match self {
            Self::Treatment => "TREAT",
            Self::Payment => "HPAYMT",
            Self::Operations => "HOPERAT",
            Self::Research => "HRESCH",
            Self::PublicHealth => "PUBHLTH",
            Self::PatientRequest => "PATRQT",
            Self::Emergency => "ETREAT",
        }
    }
}
