//! What is measured: laboratory analytes, vital signs, questionnaires, with units, reference ranges and what is
//! usual in a healthy adult. A story overrides the usual with a curve over time.

use super::{Code, labels::Label};

/// FHIR `Observation.category`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Laboratory,
    VitalSigns,
    Survey,
    Exam,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The story's curve, else what is usual; with the person's own offset and noise.
    Usual,
    /// Systolic from its curve, diastolic from it: a panel with two components.
    BloodPressure,
    /// From growth (children) or build and the story's weight curve.
    Weight,
    /// From growth, or constant.
    Height,
    /// From growth.
    Head,
    /// From the weight and height of the same visit.
    Bmi,
    /// CKD-EPI 2021 from the creatinine of the same visit, age and sex.
    Egfr,
    /// Friedewald from the cholesterol, HDL and triglycerides of the same visit.
    Ldl,
    /// About three times the haemoglobin of the same visit.
    Hematocrit,
    /// `Detected` where the curve is above one half.
    Presence,
}

/// One thing that is measured.
#[derive(Debug)]
pub(crate) struct Measure {
    pub(crate) code: Code,
    /// Short name for notes.
    pub(crate) name: &'static str,
    /// UCUM code.
    pub(crate) ucum: &'static str,
    /// The unit that people read.
    pub(crate) unit: &'static str,
    pub(crate) decimals: u8,
    pub(crate) category: Category,
    pub(crate) source: Source,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// Mean of healthy adults, and how much persons differ (standard deviation).
    pub(crate) usual: (f64, f64),
    /// Change from visit to visit in one person (standard deviation).
    pub(crate) noise: f64,
    /// Added in mid-winter, taken away in mid-summer.
    pub(crate) winter: f64,
    /// Below this it reads `<`.
    pub(crate) detection_limit: Option<f64>,
    pub(crate) label: Option<Label>,
}

impl Measure {
    const fn new(
        code: &'static str,
        display: &'static str,
        name: &'static str,
        unit: &'static str,
        decimals: u8,
    ) -> Self {
        Self {
            code: Code::loinc(code, display),
            name,
            ucum: unit,
            unit,
            decimals,
            category: Category::Laboratory,
            source: Source::Usual,
            low: None,
            high: None,
            usual: (0.0, 0.0),
            noise: 0.0,
            winter: 0.0,
            detection_limit: None,
            label: None,
        }
    }

    const fn presence(code: &'static str, display: &'static str, name: &'static str) -> Self {
        Self::new(code, display, name, "", 0).from(Source::Presence)
    }

    const fn from(self, source: Source) -> Self {
        Self { source, ..self }
    }

    const fn of(self, category: Category) -> Self {
        Self { category, ..self }
    }

    const fn shown(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn range(self, low: f64, high: f64) -> Self {
        Self { low: Some(low), high: Some(high), ..self }
    }

    const fn below(self, high: f64) -> Self {
        Self { high: Some(high), ..self }
    }

    const fn above(self, low: f64) -> Self {
        Self { low: Some(low), ..self }
    }

    const fn usually(self, mean: f64, between_persons: f64, noise: f64) -> Self {
        Self { usual: (mean, between_persons), noise, ..self }
    }

    const fn in_winter(self, winter: f64) -> Self {
        Self { winter, ..self }
    }

    const fn detected_from(self, limit: f64) -> Self {
        Self { detection_limit: Some(limit), ..self }
    }

    const fn labelled(self, label: Label) -> Self {
        Self { label: Some(label), ..self }
    }
}

mod laboratory;
mod vitals;

pub(crate) use laboratory::*;
pub(crate) use vitals::*;
