//! Encounter: one visit or one stay.

use super::{
    super::{
        directory::Place,
        story::Visit,
        terms::{acts, coding, concept, labels::labelled, system},
    },
    Setting, link,
};
use serde_json::{Value, json};

/// The visit; `reason` is the address of the Condition it was for, once that is on record.
pub(crate) fn encounter(setting: &Setting, visit: &Visit, reason: Option<&str>) -> Value {
    let (class, display, place) = match visit.kind.setting {
        acts::Setting::Ambulatory => ("AMB", "ambulatory", Place::Clinic),
        acts::Setting::Emergency => ("EMER", "emergency", Place::EmergencyDepartment),
        acts::Setting::Inpatient => ("IMP", "inpatient encounter", Place::Ward),
    };
    let minutes = visit.kind.minutes * visit.nights.max(1);
    let mut encounter = json!({
        "resourceType": "Encounter",
        "status": "finished",
        "class": coding(system::ACT, class, display),
        "type": [visit.kind.code.concept()],
        "subject": setting.patient(),
        "participant": [{
            "type": [concept(system::PARTICIPATION, "PPRF", "primary performer")],
            "individual": setting.clinician.reference(),
        }],
        "period": { "start": setting.time(0), "end": setting.time(minutes) },
        "location": [{ "location": setting.site.place(place) }],
        "serviceProvider": setting.site.organization(),
    });
    if let Some(why) = visit.why {
        encounter["reasonCode"] = json!([why.concept()]);
    }
    if let Some(reason) = reason {
        encounter["reasonReference"] = json!([link(reason)]);
    }
    labelled(encounter, setting.label)
}
