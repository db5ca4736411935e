//! Laboratory panels: one DiagnosticReport each, with its measures in the order in which they derive.

use super::{Code, measures::*};

/// A set of measures that is ordered and reported together.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) code: Code,
    pub(crate) measures: &'static [&'static Measure],
}

const fn panel(code: &'static str, display: &'static str, measures: &'static [&'static Measure]) -> Panel {
    Panel { code: Code::loinc(code, display), measures }
}

/// For a set that has no panel code of its own.
const LABORATORY_REPORT: (&str, &str) = ("11502-2", "Laboratory report");

const fn report(measures: &'static [&'static Measure]) -> Panel {
    panel(LABORATORY_REPORT.0, LABORATORY_REPORT.1, measures)
}

pub(crate) static LIPIDS: Panel =
    panel("24331-1", "Lipid 1996 panel - Serum or Plasma", &[&CHOLESTEROL, &HDL, &TRIGLYCERIDES, &LDL]);
pub(crate) static METABOLIC: Panel = panel(
    "24321-2",
    "Basic metabolic 2000 panel - Serum or Plasma",
    &[&SODIUM, &POTASSIUM, &BICARBONATE, &UREA, &CREATININE, &EGFR],
);
pub(crate) static BLOOD_COUNT: Panel = panel(
    "58410-2",
    "CBC panel - Blood by Automated count",
    &[&HEMOGLOBIN, &HEMATOCRIT, &LEUKOCYTES, &PLATELETS],
);
pub(crate) static DIABETES: Panel = report(&[&HBA1C, &GLUCOSE]);
pub(crate) static KIDNEY: Panel = report(&[&CREATININE, &EGFR, &ALBUMINURIA]);
pub(crate) static KIDNEY_MINERALS: Panel = report(&[&CALCIUM, &PHOSPHATE, &PARATHYRIN, &HEMOGLOBIN]);
pub(crate) static LIVER: Panel = report(&[&ALT, &AST, &ALBUMIN]);
pub(crate) static THYROID: Panel = report(&[&TSH, &FREE_T4]);
pub(crate) static IRON: Panel = report(&[&HEMOGLOBIN, &FERRITIN]);
pub(crate) static VITAMINS: Panel = report(&[&VITAMIN_D]);
pub(crate) static INFLAMMATION: Panel = report(&[&CRP, &LEUKOCYTES]);
pub(crate) static TUMOUR_MARKER: Panel = report(&[&CA15_3]);
pub(crate) static STOOL: Panel = report(&[&OCCULT_BLOOD]);
pub(crate) static HIV: Panel = report(&[&VIRAL_LOAD, &CD4]);
pub(crate) static DRUG_SCREEN: Panel = report(&[&OPIATES, &COCAINE]);
pub(crate) static PREGNANCY: Panel = report(&[&PREGNANCY_TEST]);
pub(crate) static BOOKING: Panel = report(&[&HEMOGLOBIN, &HEPATITIS_B, &URINE_PROTEIN]);
pub(crate) static GLUCOSE_TEST: Panel = report(&[&GLUCOSE_CHALLENGE, &HEMOGLOBIN]);
