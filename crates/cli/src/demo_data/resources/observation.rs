//! Observation: laboratory values, vital signs, scores, social history.

use super::{
    super::{
        body::Reading,
        terms::{
            Code, acts, concept,
            labels::labelled,
            measures::{BLOOD_PRESSURE, Category, Measure, OXYGEN_SATURATION},
            quantity, rounded, system,
        },
    },
    Setting,
};
use serde_json::{Value, json};

const SYSTOLIC: Code = Code::loinc("8480-6", "Systolic blood pressure");
const DIASTOLIC: Code = Code::loinc("8462-4", "Diastolic blood pressure");
const OXIMETRY: Code = Code::loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry");
const DETECTED: Code = Code::snomed("260373001", "Detected");
const NOT_DETECTED: Code = Code::snomed("260415000", "Not detected");

/// Minutes after the visit began at which vital signs and examinations are taken.
const MEASURED_AFTER: u32 = 5;
/// Minutes after the visit began at which blood and urine are taken.
pub(crate) const SAMPLED_AFTER: u32 = 15;
/// Minutes after the visit began at which the laboratory answers.
pub(crate) const ISSUED_AFTER: u32 = 360;

/// A reading of a measure.
pub(crate) fn observation(setting: &Setting, measure: &Measure, reading: Reading) -> Value {
    let laboratory = measure.category == Category::Laboratory;
    let mut observation = json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [category(measure.category)],
        "code": measure.code.concept_named(measure.code.display),
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "effectiveDateTime": setting.time(if laboratory { SAMPLED_AFTER } else { MEASURED_AFTER }),
        "issued": setting.time(if laboratory { ISSUED_AFTER } else { MEASURED_AFTER }),
        "performer": [if laboratory { setting.site.organization() } else { setting.clinician.reference() }],
    });
    if measure.code == OXYGEN_SATURATION.code {
        observation["code"]["coding"] = json!([measure.code.coding(), OXIMETRY.coding()]);
    }
    match reading {
        Reading::Pressure(systolic, diastolic) => {
            let part = |code: Code, value| {
                let value = quantity(rounded(value, 0), BLOOD_PRESSURE.unit, BLOOD_PRESSURE.ucum);
                json!({ "code": code.concept(), "valueQuantity": value })
            };
            observation["component"] = json!([part(SYSTOLIC, systolic), part(DIASTOLIC, diastolic)]);
        }
        Reading::Detected(detected) => {
            let value = if detected { DETECTED } else { NOT_DETECTED };
            observation["valueCodeableConcept"] = value.concept();
            let (code, display) = if detected { ("POS", "Positive") } else { ("NEG", "Negative") };
            observation["interpretation"] = json!([concept(system::INTERPRETATION, code, display)]);
        }
        Reading::Number(value) => number(&mut observation, measure, value),
    }
    labelled(observation, measure.label)
}

/// The value of a number, its reference range and how it lies in it.
fn number(observation: &mut Value, measure: &Measure, value: f64) {
    let limit = measure.detection_limit.filter(|limit| value < *limit);
    let shown = rounded(limit.unwrap_or(value), measure.decimals);
    observation["valueQuantity"] = quantity(shown, measure.unit, measure.ucum);
    if limit.is_some() {
        observation["valueQuantity"]["comparator"] = json!("<");
    }
    if measure.low.is_none() && measure.high.is_none() {
        return;
    }
    let mut range = json!({});
    for (side, bound) in [("low", measure.low), ("high", measure.high)] {
        if let Some(bound) = bound {
            range[side] = quantity(rounded(bound, measure.decimals), measure.unit, measure.ucum);
        }
    }
    observation["referenceRange"] = json!([range]);
    let (code, display) = interpretation(measure, value);
    observation["interpretation"] = json!([concept(system::INTERPRETATION, code, display)]);
}

/// `L`, `H` or `N` by the reference range.
pub(crate) fn interpretation(measure: &Measure, value: f64) -> (&'static str, &'static str) {
    if measure.low.is_some_and(|low| value < low) {
        ("L", "Low")
    } else if measure.high.is_some_and(|high| value > high) {
        ("H", "High")
    } else {
        ("N", "Normal")
    }
}

/// Whether the patient smokes, as said at a visit.
pub(crate) fn smoking_status(setting: &Setting, status: &Code) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [concept(system::OBSERVATION_CATEGORY, "social-history", "Social History")],
        "code": acts::SMOKING_STATUS.concept(),
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "effectiveDateTime": setting.time(MEASURED_AFTER),
        "issued": setting.time(MEASURED_AFTER),
        "performer": [setting.clinician.reference()],
        "valueCodeableConcept": status.concept(),
    })
}

fn category(category: Category) -> Value {
    let (code, display) = match category {
        Category::Laboratory => ("laboratory", "Laboratory"),
        Category::VitalSigns => ("vital-signs", "Vital Signs"),
        Category::Survey => ("survey", "Survey"),
        Category::Exam => ("exam", "Exam"),
    };
    concept(system::OBSERVATION_CATEGORY, code, display)
}
