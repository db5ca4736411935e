//! Laboratory analytes.

use super::{Label, Measure, Source};

const fn lab(
    code: &'static str,
    display: &'static str,
    name: &'static str,
    unit: &'static str,
    decimals: u8,
) -> Measure {
    Measure::new(code, display, name, unit, decimals)
}

// Sugar and fats.
pub(crate) static HBA1C: Measure = lab("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "HbA1c", "%", 1)
    .range(4.0, 5.6)
    .usually(5.3, 0.15, 0.08);
pub(crate) static GLUCOSE: Measure =
    lab("1558-6", "Fasting glucose [Mass/volume] in Serum or Plasma", "fasting glucose", "mg/dL", 0)
        .range(70.0, 99.0)
        .usually(89.0, 4.0, 4.0);
pub(crate) static GLUCOSE_CHALLENGE: Measure = lab(
    "1504-0",
    "Glucose [Mass/volume] in Serum or Plasma --1 hour post 50 g glucose PO",
    "1-h glucose",
    "mg/dL",
    0,
)
.below(139.0)
.usually(112.0, 8.0, 6.0)
.labelled(Label::Reproductive);
pub(crate) static CHOLESTEROL: Measure =
    lab("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "total cholesterol", "mg/dL", 0)
        .below(199.0)
        .usually(182.0, 14.0, 6.0)
        .in_winter(3.0);
pub(crate) static HDL: Measure =
    lab("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "HDL", "mg/dL", 0)
        .above(40.0)
        .usually(54.0, 6.0, 2.0);
pub(crate) static TRIGLYCERIDES: Measure =
    lab("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "triglycerides", "mg/dL", 0)
        .below(149.0)
        .usually(108.0, 15.0, 12.0);
pub(crate) static LDL: Measure =
    lab("13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "LDL", "mg/dL", 0)
        .below(129.0)
        .from(Source::Ldl);

// Kidney and salts.
pub(crate) static CREATININE: Measure =
    lab("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "creatinine", "mg/dL", 2)
        .range(0.5, 1.2)
        .usually(0.84, 0.07, 0.03);
pub(crate) static EGFR: Measure = lab(
    "98979-8",
    "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)",
    "eGFR",
    "mL/min/{1.73_m2}",
    0,
)
.shown("mL/min/1.73 m²")
.above(60.0)
.from(Source::Egfr);
pub(crate) static UREA: Measure =
    lab("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "BUN", "mg/dL", 0)
        .range(7.0, 20.0)
        .usually(13.5, 1.5, 1.5);
pub(crate) static SODIUM: Measure =
    lab("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "sodium", "mmol/L", 0)
        .range(135.0, 145.0)
        .usually(140.0, 0.8, 1.1);
pub(crate) static POTASSIUM: Measure =
    lab("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "potassium", "mmol/L", 1)
        .range(3.5, 5.1)
        .usually(4.2, 0.12, 0.15);
pub(crate) static BICARBONATE: Measure =
    lab("2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma", "bicarbonate", "mmol/L", 0)
        .range(22.0, 29.0)
        .usually(25.5, 0.7, 0.8);
pub(crate) static CALCIUM: Measure =
    lab("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "calcium", "mg/dL", 1)
        .range(8.5, 10.5)
        .usually(9.4, 0.15, 0.15);
pub(crate) static PHOSPHATE: Measure =
    lab("2777-1", "Phosphate [Mass/volume] in Serum or Plasma", "phosphate", "mg/dL", 1)
        .range(2.5, 4.5)
        .usually(3.5, 0.2, 0.2);
pub(crate) static ALBUMINURIA: Measure =
    lab("14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine", "urine albumin/creatinine", "mg/g", 0)
        .below(30.0)
        .usually(9.0, 2.0, 2.0);
pub(crate) static PARATHYRIN: Measure =
    lab("2731-8", "Parathyrin.intact [Mass/volume] in Serum or Plasma", "PTH", "pg/mL", 0)
        .range(15.0, 65.0)
        .usually(40.0, 5.0, 4.0);

// Blood count.
pub(crate) static HEMOGLOBIN: Measure =
    lab("718-7", "Hemoglobin [Mass/volume] in Blood", "hemoglobin", "g/dL", 1)
        .range(12.0, 17.5)
        .usually(14.0, 0.4, 0.25);
pub(crate) static HEMATOCRIT: Measure =
    lab("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "hematocrit", "%", 1)
        .range(36.0, 50.0)
        .from(Source::Hematocrit);
pub(crate) static LEUKOCYTES: Measure =
    lab("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "white cells", "10*3/uL", 1)
        .range(4.0, 11.0)
        .usually(6.6, 0.6, 0.5);
pub(crate) static PLATELETS: Measure =
    lab("777-3", "Platelets [#/volume] in Blood by Automated count", "platelets", "10*3/uL", 0)
        .range(150.0, 400.0)
        .usually(248.0, 25.0, 15.0);
pub(crate) static FERRITIN: Measure =
    lab("2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ferritin", "ng/mL", 0)
        .range(15.0, 200.0)
        .usually(62.0, 12.0, 6.0);

// Liver, thyroid, vitamins, markers.
pub(crate) static ALT: Measure =
    lab("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "ALT", "U/L", 0)
        .range(7.0, 45.0)
        .usually(23.0, 4.0, 3.0);
pub(crate) static AST: Measure = lab(
    "1920-8",
    "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
    "AST",
    "U/L",
    0,
)
.range(8.0, 40.0)
.usually(22.0, 3.0, 2.5);
pub(crate) static ALBUMIN: Measure =
    lab("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "albumin", "g/dL", 1)
        .range(3.5, 5.0)
        .usually(4.3, 0.12, 0.1);
pub(crate) static TSH: Measure =
    lab("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "TSH", "m[IU]/L", 2)
        .shown("mIU/L")
        .range(0.4, 4.5)
        .usually(1.8, 0.3, 0.2)
        .in_winter(0.15);
pub(crate) static FREE_T4: Measure =
    lab("3024-7", "Thyroxine (T4) free [Mass/volume] in Serum or Plasma", "free T4", "ng/dL", 2)
        .range(0.8, 1.8)
        .usually(1.22, 0.06, 0.05);
pub(crate) static VITAMIN_D: Measure =
    lab("1989-3", "25-hydroxyvitamin D3 [Mass/volume] in Serum or Plasma", "vitamin D", "ng/mL", 0)
        .above(20.0)
        .usually(31.0, 3.0, 1.5)
        .in_winter(-7.0);
pub(crate) static CRP: Measure =
    lab("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "CRP", "mg/L", 1)
        .below(5.0)
        .usually(1.6, 0.3, 0.3);
pub(crate) static CA15_3: Measure =
    lab("6875-9", "Cancer Ag 15-3 [Units/volume] in Serum or Plasma", "CA 15-3", "U/mL", 1)
        .below(30.0)
        .usually(14.0, 2.0, 1.2);

// Protected ones.
pub(crate) static VIRAL_LOAD: Measure = lab(
    "20447-9",
    "HIV 1 RNA [#/volume] (viral load) in Serum or Plasma by NAA with probe detection",
    "viral load",
    "{copies}/mL",
    0,
)
.shown("copies/mL")
.detected_from(20.0)
.usually(0.0, 0.0, 1.0)
.labelled(Label::Hiv);
pub(crate) static CD4: Measure =
    lab("24467-3", "CD3+CD4+ (T4 helper) cells [#/volume] in Blood", "CD4", "/uL", 0)
        .shown("cells/µL")
        .range(500.0, 1500.0)
        .usually(850.0, 60.0, 40.0)
        .labelled(Label::Hiv);
pub(crate) static PREGNANCY_TEST: Measure =
    Measure::presence("2106-3", "Choriogonadotropin (pregnancy test) [Presence] in Urine", "pregnancy test")
        .labelled(Label::Reproductive);
pub(crate) static URINE_PROTEIN: Measure =
    Measure::presence("20454-5", "Protein [Presence] in Urine by Test strip", "urine protein");
pub(crate) static HEPATITIS_B: Measure = Measure::presence(
    "5196-1",
    "Hepatitis B virus surface Ag [Presence] in Serum or Plasma by Immunoassay",
    "HBsAg",
);
pub(crate) static OPIATES: Measure =
    Measure::presence("3879-4", "Opiates [Presence] in Urine", "urine opiates").labelled(Label::SubstanceUse);
pub(crate) static COCAINE: Measure =
    Measure::presence("3397-7", "Cocaine [Presence] in Urine", "urine cocaine").labelled(Label::SubstanceUse);
pub(crate) static OCCULT_BLOOD: Measure = Measure::presence(
    "29771-3",
    "Hemoglobin.gastrointestinal.lower [Presence] in Stool by Immunoassay",
    "stool blood test",
);
