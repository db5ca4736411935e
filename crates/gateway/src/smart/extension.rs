//! On whose behalf a client acts: the `hl7-b2b` extension (HL7 UDAP Security IG, B2B authorization extension
//! object) and Salus's own `salus` claim.

use crate::error::{Code, Error};
use salus_types::category::Purpose;
use serde::Deserialize;

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 500;
/// HL7 v3 PurposeOfUse codes carry this code system (v3-ActReason) as an OID.
const ACT_REASON: &str = "urn:oid:2.16.840.1.113883.5.8#";

/// `extensions` of an assertion.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Extensions {
    #[serde(rename = "hl7-b2b")]
    b2b: Option<B2b>,
}

#[derive(Clone, Debug, Deserialize)]
struct B2b {
    version: String,
    subject_id: Option<String>,
    #[serde(default)]
    purpose_of_use: Vec<String>,
    organization_id: String,
}

/// `salus` of an assertion.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct SalusClaim {
    patient: Option<String>,
    reason: Option<String>,
}

/// A practitioner at work, as a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnBehalf {
    pub(crate) practitioner: String,
    pub(crate) patient: String,
    pub(crate) purpose: Purpose,
    pub(crate) reason: String,
}

/// Reads the extension. `None`: the client acts by its own right.
pub(crate) fn on_behalf(
    organisation: &str,
    extensions: Extensions,
    salus: SalusClaim,
    form_patient: Option<String>,
) -> Result<Option<OnBehalf>, Error> {
    let refuse = |why: &'static str| Error::new(Code::OAuthGrant, why);
    let Some(b2b) = extensions.b2b else {
        if salus.patient.is_some() || form_patient.is_some() {
            return Err(refuse("a patient needs the `hl7-b2b` extension: who asks, and for which purpose"));
        }
        return Ok(None);
    };
    if b2b.version != "1" {
        return Err(refuse("`hl7-b2b.version` must be \"1\""));
    }
    if b2b.organization_id != organisation {
        return Err(refuse("`hl7-b2b.organization_id` is not this organisation"));
    }
    let practitioner = b2b.subject_id.ok_or_else(|| refuse("`hl7-b2b.subject_id` is missing"))?;
    let patient = match (salus.patient, form_patient) {
        (Some(a), Some(b)) if a != b => return Err(refuse("the claim and the form name different patients")),
        (Some(patient), _) | (None, Some(patient)) => patient,
        (None, None) => return Err(refuse("`salus.patient` is missing: the patient's FHIR id here")),
    };
    let patient = patient.strip_prefix("Patient/").unwrap_or(&patient).to_owned();
    if !crate::fhir::is_id(&patient) {
        return Err(refuse("`salus.patient` is no FHIR id"));
    }
    let reason = salus.reason.unwrap_or_default().trim().to_owned();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(refuse("`salus.reason` is missing or too long: the patient reads it"));
    }
    let purpose = purpose(&b2b.purpose_of_use).ok_or_else(|| {
        refuse("`hl7-b2b.purpose_of_use` must hold exactly one known code of HL7 v3 PurposeOfUse")
    })?;
    Ok(Some(OnBehalf { practitioner, patient, purpose, reason }))
}

fn purpose(codes: &[String]) -> Option<Purpose> {
    let [code] = codes else { return None };
    let code = code.strip_prefix(ACT_REASON).unwrap_or(code);
    Purpose::ALL.iter().copied().find(|purpose| purpose.act_reason() == code)
}
