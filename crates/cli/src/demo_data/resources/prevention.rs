//! AllergyIntolerance and Immunization.

use super::{
    super::{
        calendar::Date,
        directory::{Place, PractitionerInfo},
        story::Allergy,
        terms::{Code, concept, quantity, system},
    },
    Setting,
};
use serde_json::{Value, json};

/// An allergy with the reaction that showed it.
pub(crate) fn allergy(setting: &Setting, allergy: &Allergy, onset: Date) -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": concept(system::ALLERGY_CLINICAL, "active", "Active"),
        "verificationStatus": concept(system::ALLERGY_VERIFICATION, "confirmed", "Confirmed"),
        "type": "allergy",
        "category": [allergy.category],
        "criticality": allergy.criticality,
        "code": allergy.code.concept(),
        "patient": setting.patient(),
        "encounter": setting.encounter(),
        "onsetDateTime": onset.iso(),
        "recordedDate": setting.time(10),
        "recorder": setting.clinician.reference(),
        "asserter": setting.patient(),
        "lastOccurrence": onset.iso(),
        "reaction": [{
            "manifestation": [allergy.manifestation.concept()],
            "onset": onset.iso(),
            "severity": allergy.severity,
        }],
    })
}

/// A vaccine given at a visit by a nurse.
pub(crate) fn immunization(
    setting: &Setting,
    vaccine: &Code,
    dose: u32,
    lot: &str,
    nurse: &PractitionerInfo,
) -> Value {
    let oral = vaccine.code == "119";
    let (code, display, millilitres) =
        if oral { ("PO", "Swallow, oral", 1.0) } else { ("IM", "Injection, intramuscular", 0.5) };
    json!({
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": vaccine.concept(),
        "patient": setting.patient(),
        "encounter": setting.encounter(),
        "occurrenceDateTime": setting.time(20),
        "recorded": setting.time(22),
        "primarySource": true,
        "location": setting.site.place(Place::Clinic),
        "lotNumber": lot,
        "route": concept(system::ROUTE, code, display),
        "doseQuantity": quantity(json!(millilitres), "mL", "mL"),
        "performer": [{ "actor": nurse.reference() }],
        "protocolApplied": [{ "doseNumberPositiveInt": dose }],
    })
}
