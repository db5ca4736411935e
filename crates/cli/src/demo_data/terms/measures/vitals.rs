//! Vital signs (FHIR R4 vital-signs profile codes), examinations and questionnaires.

use super::{Category, Label, Measure, Source};

const fn vital(
    code: &'static str,
    display: &'static str,
    name: &'static str,
    unit: &'static str,
    decimals: u8,
) -> Measure {
    Measure::new(code, display, name, unit, decimals).of(Category::VitalSigns)
}

/// Systolic; the diastolic component follows from it.
pub(crate) static BLOOD_PRESSURE: Measure =
    vital("85354-9", "Blood pressure panel with all children optional", "BP", "mm[Hg]", 0)
        .shown("mmHg")
        .from(Source::BloodPressure)
        .usually(118.0, 6.0, 4.5)
        .in_winter(2.5);
pub(crate) static HEART_RATE: Measure =
    vital("8867-4", "Heart rate", "pulse", "/min", 0).usually(72.0, 6.0, 3.5);
pub(crate) static RESPIRATORY_RATE: Measure =
    vital("9279-1", "Respiratory rate", "breathing rate", "/min", 0).usually(15.0, 1.0, 1.0);
pub(crate) static TEMPERATURE: Measure =
    vital("8310-5", "Body temperature", "temperature", "Cel", 1).shown("°C").usually(36.7, 0.1, 0.15);
pub(crate) static OXYGEN_SATURATION: Measure =
    vital("2708-6", "Oxygen saturation in Arterial blood", "SpO2", "%", 0).usually(98.0, 0.3, 0.5);
pub(crate) static WEIGHT: Measure = vital("29463-7", "Body weight", "weight", "kg", 1).from(Source::Weight);
pub(crate) static HEIGHT: Measure = vital("8302-2", "Body height", "height", "cm", 1).from(Source::Height);
pub(crate) static BMI: Measure =
    vital("39156-5", "Body mass index (BMI) [Ratio]", "BMI", "kg/m2", 1).shown("kg/m²").from(Source::Bmi);
pub(crate) static HEAD: Measure =
    vital("9843-4", "Head Occipital-frontal circumference", "head circumference", "cm", 1).from(Source::Head);

pub(crate) static PEAK_FLOW: Measure = Measure::new(
    "33452-4",
    "Maximum expiratory gas flow Respiratory system airway by Peak flow meter",
    "peak flow",
    "L/min",
    0,
)
.of(Category::Exam)
.usually(420.0, 30.0, 12.0)
.in_winter(-12.0);
pub(crate) static FEV1: Measure =
    Measure::new("20150-9", "FEV1", "FEV1", "L", 2).of(Category::Exam).usually(3.1, 0.2, 0.05);
pub(crate) static FEV1_FVC: Measure = Measure::new("19926-5", "FEV1/FVC", "FEV1/FVC", "%", 0)
    .of(Category::Exam)
    .above(70.0)
    .usually(80.0, 2.0, 1.0);

pub(crate) static PHQ9: Measure = Measure::new(
    "44261-6",
    "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]",
    "PHQ-9",
    "{score}",
    0,
)
.of(Category::Survey)
.below(4.0)
.usually(2.0, 0.8, 1.0)
.labelled(Label::MentalHealth);
pub(crate) static GAD7: Measure = Measure::new(
    "70274-6",
    "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]",
    "GAD-7",
    "{score}",
    0,
)
.of(Category::Survey)
.below(4.0)
.usually(2.0, 0.8, 1.0)
.labelled(Label::MentalHealth);

/// Weeks, by the story's curve and without noise.
pub(crate) static GESTATIONAL_AGE: Measure = Measure::new(
    "11885-1",
    "Gestational age Estimated from last menstrual period",
    "gestational age",
    "wk",
    0,
)
.of(Category::Exam)
.shown("weeks")
.labelled(Label::Reproductive);
pub(crate) static FUNDAL_HEIGHT: Measure =
    Measure::new("11881-0", "Uterus Fundal height Tape measure", "fundal height", "cm", 0)
        .of(Category::Exam)
        .usually(0.0, 0.0, 0.6)
        .labelled(Label::Reproductive);
pub(crate) static FETAL_HEART_RATE: Measure =
    Measure::new("55283-6", "Fetal Heart rate", "fetal heart rate", "/min", 0)
        .of(Category::Exam)
        .range(110.0, 160.0)
        .usually(146.0, 2.0, 5.0)
        .labelled(Label::Reproductive);
