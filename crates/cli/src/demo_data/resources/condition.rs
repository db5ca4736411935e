//! Condition: a diagnosis from its onset on.

use super::{
    super::{
        calendar::Date,
        terms::{concept, labels::labelled, problems::Diagnosis, system},
    },
    Setting,
};
use serde_json::{Value, json};

/// The diagnosis as recorded at a visit; `ended` is the day of abatement and the clinical status since.
pub(crate) fn condition(
    setting: &Setting,
    what: &Diagnosis,
    onset: Date,
    ended: Option<(Date, &str)>,
    lasting: bool,
) -> Value {
    let status = ended.map_or("active", |(_, status)| status);
    let category = if lasting {
        ("problem-list-item", "Problem List Item")
    } else {
        ("encounter-diagnosis", "Encounter Diagnosis")
    };
    let mut condition = json!({
        "resourceType": "Condition",
        "clinicalStatus": concept(system::CONDITION_CLINICAL, status, &capitalised(status)),
        "verificationStatus": concept(system::CONDITION_VERIFICATION, "confirmed", "Confirmed"),
        "category": [concept(system::CONDITION_CATEGORY, category.0, category.1)],
        "code": what.concept(),
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "onsetDateTime": onset.iso(),
        "recordedDate": setting.time(10),
        "recorder": setting.clinician.reference(),
        "asserter": setting.clinician.reference(),
    });
    if let Some((day, _)) = ended {
        condition["abatementDateTime"] = json!(day.iso());
    }
    labelled(condition, what.label)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
