//! Names of code systems: HL7's table 0396 and OIDs, as FHIR's URIs.

use crate::ids::is_oid;

/// v2's short names, OIDs, and URIs of the systems that are met every day.
const SYSTEMS: &[(&[&str], &str, &str)] = &[
    (&["LN", "LNC", "LOINC"], "2.16.840.1.113883.6.1", "http://loinc.org"),
    (&["SCT", "SNM", "SNOMED", "SNOMED-CT"], "2.16.840.1.113883.6.96", "http://snomed.info/sct"),
    (&["RXNORM", "RXNORM-CODES"], "2.16.840.1.113883.6.88", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    (&["I10", "I10C"], "2.16.840.1.113883.6.90", "http://hl7.org/fhir/sid/icd-10-cm"),
    (&["I9", "I9C", "I9CDX"], "2.16.840.1.113883.6.103", "http://hl7.org/fhir/sid/icd-9-cm"),
    (&["I10P"], "2.16.840.1.113883.6.4", "http://www.cms.gov/Medicare/Coding/ICD10"),
    (&["C4", "CPT", "CPTM"], "2.16.840.1.113883.6.12", "http://www.ama-assn.org/go/cpt"),
    (&["HPC", "HCPCS"], "2.16.840.1.113883.6.285", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"),
    (&["CVX"], "2.16.840.1.113883.12.292", "http://hl7.org/fhir/sid/cvx"),
    (&["MVX"], "2.16.840.1.113883.12.227", "http://hl7.org/fhir/sid/mvx"),
    (&["NDC"], "2.16.840.1.113883.6.69", "http://hl7.org/fhir/sid/ndc"),
    (&["UCUM"], "2.16.840.1.113883.6.8", "http://unitsofmeasure.org"),
    (&["UNII"], "2.16.840.1.113883.4.9", "http://fdasis.nlm.nih.gov"),
    (&["NDFRT", "NDF-RT"], "2.16.840.1.113883.3.26.1.5", "http://hl7.org/fhir/ndfrt"),
    (&["NCI"], "2.16.840.1.113883.3.26.1.1", "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"),
    (&["CDCREC", "CDCRECS"], "2.16.840.1.113883.6.238", "urn:oid:2.16.840.1.113883.6.238"),
];

/// The OIDs under which HL7 keeps its own code systems, and what stands before their names.
const HL7_SYSTEMS: &[(&str, &str)] = &[
    ("2.16.840.1.113883.5.4", "v3-ActCode"),
    ("2.16.840.1.113883.5.83", "v3-ObservationInterpretation"),
    ("2.16.840.1.113883.5.1", "v3-AdministrativeGender"),
    ("2.16.840.1.113883.5.2", "v3-MaritalStatus"),
    ("2.16.840.1.113883.5.111", "v3-RoleCode"),
    ("2.16.840.1.113883.5.1008", "v3-NullFlavor"),
    ("2.16.840.1.113883.5.25", "v3-Confidentiality"),
    ("2.16.840.1.113883.5.8", "v3-ActReason"),
];

/// A system as a v2 message names it; names of the source are below its own system.
pub(crate) fn of_v2(name: &str, own: &str) -> String {
    let short = name.trim().to_ascii_uppercase();
    if let Some((_, _, uri)) = SYSTEMS.iter().find(|(names, _, _)| names.contains(&short.as_str())) {
        return (*uri).to_owned();
    }
    let table = short
        .strip_prefix("HL7")
        .filter(|digits| (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(table) = table {
        return format!("http://terminology.hl7.org/CodeSystem/v2-{table:0>4}");
    }
    if is_oid(&short) {
        return of_oid(&short);
    }
    let local: String = short.chars().filter(char::is_ascii_alphanumeric).collect();
    if local.is_empty() { format!("{own}/codes") } else { format!("{own}/codes/{local}") }
}

/// A system by its OID.
pub(crate) fn of_oid(oid: &str) -> String {
    if let Some((_, _, uri)) = SYSTEMS.iter().find(|(_, known, _)| *known == oid) {
        return (*uri).to_owned();
    }
    if let Some((_, name)) = HL7_SYSTEMS.iter().find(|(known, _)| *known == oid) {
        return format!("http://terminology.hl7.org/CodeSystem/{name}");
    }
    match oid.strip_prefix("2.16.840.1.113883.12.") {
        Some(table) if !table.is_empty() && !table.contains('.') && table.len() <= 4 => {
            format!("http://terminology.hl7.org/CodeSystem/v2-{table:0>4}")
        }
        _ => format!("urn:oid:{oid}"),
    }
}

/// Vital signs by LOINC code: FHIR's profiles of vital signs, and US Core's.
const VITAL_SIGNS: &[&str] = &[
    "85353-1", "9279-1", "8867-4", "2708-6", "59408-5", "8310-5", "8302-2", "8306-3", "9843-4", "8287-5",
    "29463-7", "3141-9", "39156-5", "85354-9", "8480-6", "8462-4", "8289-1", "59576-9", "77606-2", "3140-1",
    "8478-0",
];

/// Whether a LOINC code is a vital sign.
pub(crate) fn is_vital_sign(code: &str) -> bool {
    VITAL_SIGNS.contains(&code)
}
