//! MedicationRequest: one prescription; a renewal refers to the one before.

use super::{
    super::{
        calendar::Date,
        story::Course,
        terms::{concept, labels::labelled, system},
    },
    Setting, link,
};
use serde_json::{Value, json};

/// What is particular to one prescription of a course.
pub(crate) struct Prescription<'a> {
    pub(crate) course: &'a Course,
    /// FHIR status.
    pub(crate) status: &'static str,
    /// Until when it may be dispensed.
    pub(crate) until: Date,
    /// Address of the Condition.
    pub(crate) reason: Option<&'a str>,
    /// Address of the prescription that this one renews.
    pub(crate) renews: Option<&'a str>,
    /// Taken for a while only.
    pub(crate) short: bool,
}

/// A prescription.
pub(crate) fn medication_request(setting: &Setting, prescription: &Prescription) -> Value {
    let Prescription { course, status, until, reason, renews, short } = prescription;
    let drug = course.drug;
    let therapy = if *short {
        ("acute", "Short course (acute) therapy")
    } else {
        ("continuous", "Continuous long term therapy")
    };
    let days = until.days_since(setting.day).max(0) as u32;
    let refills = if *short { 0 } else { (days / drug.supply_days.max(1)).saturating_sub(1).min(11) };
    let mut request = json!({
        "resourceType": "MedicationRequest",
        "status": status,
        "intent": "order",
        "category": [concept(system::REQUEST_CATEGORY, "outpatient", "Outpatient")],
        "medicationCodeableConcept": drug.code.concept(),
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "authoredOn": setting.time(18),
        "requester": setting.clinician.reference(),
        "reasonCode": [course.why.concept()],
        "courseOfTherapyType": concept(system::THERAPY_COURSE, therapy.0, therapy.1),
        "dosageInstruction": [drug.dosage()],
        "dispenseRequest": {
            "validityPeriod": { "start": setting.day.iso(), "end": until.iso() },
            "numberOfRepeatsAllowed": refills,
            "quantity": drug.supply(),
            "expectedSupplyDuration": {
                "value": drug.supply_days, "unit": "days", "system": system::UCUM, "code": "d",
            },
        },
    });
    if let Some(reason) = reason {
        request["reasonReference"] = json!([link(reason)]);
    }
    if let Some(renews) = renews {
        request["priorPrescription"] = link(renews);
    }
    if let ("stopped", Some((_, why))) = (*status, course.stops) {
        request["statusReason"] = json!({ "text": why });
    }
    labelled(request, course.why.label)
}
