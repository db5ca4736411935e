//! Medicines (RxNorm) with their dosage, in words and structured.

use super::{Code, quantity, rounded, system};
use serde_json::{Value, json};

/// A medicine as it is prescribed here.
#[derive(Debug)]
pub(crate) struct Drug {
    pub(crate) code: Code,
    /// The words of a note.
    pub(crate) name: &'static str,
    /// The words for the patient.
    pub(crate) sig: &'static str,
    route: Code,
    dose: (f64, u8, &'static str, &'static str),
    /// Times in a period, the period and its UCUM unit; `None` for one single dose.
    timing: Option<(u32, u32, &'static str)>,
    as_needed: bool,
    /// Dispensed at once: amount, the unit people read, UCUM.
    supply: (u32, &'static str, &'static str),
    pub(crate) supply_days: u32,
}

const ORAL: Code = Code::snomed("26643006", "Oral route");
const SUBLINGUAL: Code = Code::snomed("37839007", "Sublingual route");
const NASAL: Code = Code::snomed("46713006", "Nasal route");
const SUBCUTANEOUS: Code = Code::snomed("34206005", "Subcutaneous route");
const INTRAMUSCULAR: Code = Code::snomed("78421000", "Intramuscular route");
const INHALED: Code = Code::snomed("447694001", "Respiratory tract route");

impl Drug {
    /// FHIR `Dosage`.
    pub(crate) fn dosage(&self) -> Value {
        let (amount, decimals, unit, ucum) = self.dose;
        let mut dosage = json!({
            "text": self.sig,
            "asNeededBoolean": self.as_needed,
            "route": self.route.concept(),
            "doseAndRate": [{ "doseQuantity": quantity(rounded(amount, decimals), unit, ucum) }],
        });
        if let Some((frequency, period, unit)) = self.timing {
            dosage["timing"] =
                json!({ "repeat": { "frequency": frequency, "period": period, "periodUnit": unit } });
        }
        dosage
    }

    /// FHIR `Quantity` of one dispense.
    pub(crate) fn supply(&self) -> Value {
        quantity(json!(self.supply.0), self.supply.1, self.supply.2)
    }

    const fn through(self, route: Code) -> Self {
        Self { route, ..self }
    }

    const fn each(self, times: u32, period: u32, unit: &'static str) -> Self {
        Self { timing: Some((times, period, unit)), ..self }
    }

    const fn when_needed(self) -> Self {
        Self { as_needed: true, ..self }
    }

    const fn once(self) -> Self {
        Self { timing: None, as_needed: true, ..self }
    }

    const fn dosed(self, amount: f64, decimals: u8, unit: &'static str, ucum: &'static str) -> Self {
        Self { dose: (amount, decimals, unit, ucum), ..self }
    }

    const fn packed(self, count: u32, unit: &'static str, ucum: &'static str, days: u32) -> Self {
        Self { supply: (count, unit, ucum), supply_days: days, ..self }
    }
}

/// Tablets by mouth, `daily` times a day, in packs for 90 days.
const fn tablets(
    rxnorm: &'static str,
    display: &'static str,
    name: &'static str,
    daily: u32,
    sig: &'static str,
) -> Drug {
    Drug {
        code: Code { system: system::RXNORM, code: rxnorm, display },
        name,
        sig,
        route: ORAL,
        dose: (1.0, 0, "tablet", "{tablet}"),
        timing: Some((daily, 1, "d")),
        as_needed: false,
        supply: (90 * daily, "tablets", "{tablet}"),
        supply_days: 90,
    }
}

const fn inhaler(
    rxnorm: &'static str,
    display: &'static str,
    name: &'static str,
    puffs: f64,
    sig: &'static str,
) -> Drug {
    tablets(rxnorm, display, name, 2, sig).through(INHALED).dosed(puffs, 0, "puff", "{puff}").packed(
        1,
        "inhaler",
        "{inhaler}",
        30,
    )
}

pub(crate) static METFORMIN_500: Drug = tablets(
    "861007",
    "metformin hydrochloride 500 MG Oral Tablet",
    "metformin 500 mg",
    2,
    "Take 1 tablet by mouth twice a day with meals.",
);
pub(crate) static METFORMIN_1000: Drug = tablets(
    "861004",
    "metformin hydrochloride 1000 MG Oral Tablet",
    "metformin 1000 mg",
    2,
    "Take 1 tablet by mouth twice a day with meals.",
);
pub(crate) static SEMAGLUTIDE_START: Drug = tablets(
    "1991306",
    "0.25 MG, 0.5 MG Dose 1.5 ML semaglutide 1.34 MG/ML Pen Injector",
    "semaglutide 0.25 mg weekly, then 0.5 mg",
    1,
    "Inject 0.25 mg under the skin once a week for 4 weeks, then 0.5 mg once a week.",
)
.through(SUBCUTANEOUS)
.dosed(0.25, 2, "mg", "mg")
.each(1, 1, "wk")
.packed(2, "pens", "{pen}", 56);
pub(crate) static SEMAGLUTIDE: Drug = tablets(
    "2398841",
    "3 ML semaglutide 1.34 MG/ML Pen Injector",
    "semaglutide 1 mg weekly",
    1,
    "Inject 1 mg under the skin once a week, on the same day each week.",
)
.through(SUBCUTANEOUS)
.dosed(1.0, 0, "mg", "mg")
.each(1, 1, "wk")
.packed(3, "mL", "mL", 28);
pub(crate) static DAPAGLIFLOZIN: Drug = tablets(
    "1488569",
    "dapagliflozin 10 MG Oral Tablet",
    "dapagliflozin 10 mg",
    1,
    "Take 1 tablet by mouth every morning.",
);
pub(crate) static LISINOPRIL_10: Drug = tablets(
    "314076",
    "lisinopril 10 MG Oral Tablet",
    "lisinopril 10 mg",
    1,
    "Take 1 tablet by mouth once a day.",
);
pub(crate) static LISINOPRIL_20: Drug = tablets(
    "314077",
    "lisinopril 20 MG Oral Tablet",
    "lisinopril 20 mg",
    1,
    "Take 1 tablet by mouth once a day.",
);
pub(crate) static LOSARTAN: Drug = tablets(
    "979492",
    "losartan potassium 50 MG Oral Tablet",
    "losartan 50 mg",
    1,
    "Take 1 tablet by mouth once a day.",
);
pub(crate) static AMLODIPINE: Drug = tablets(
    "197361",
    "amlodipine 5 MG Oral Tablet",
    "amlodipine 5 mg",
    1,
    "Take 1 tablet by mouth once a day.",
);
pub(crate) static ATORVASTATIN_20: Drug = tablets(
    "617310",
    "atorvastatin 20 MG Oral Tablet",
    "atorvastatin 20 mg",
    1,
    "Take 1 tablet by mouth in the evening.",
);
pub(crate) static ATORVASTATIN_40: Drug = tablets(
    "617311",
    "atorvastatin 40 MG Oral Tablet",
    "atorvastatin 40 mg",
    1,
    "Take 1 tablet by mouth in the evening.",
);
pub(crate) static LEVOTHYROXINE_75: Drug = tablets(
    "966222",
    "levothyroxine sodium 0.075 MG Oral Tablet",
    "levothyroxine 75 mcg",
    1,
    "Take 1 tablet by mouth every morning, half an hour before breakfast.",
);
pub(crate) static LEVOTHYROXINE_100: Drug = tablets(
    "892246",
    "levothyroxine sodium 0.1 MG Oral Tablet",
    "levothyroxine 100 mcg",
    1,
    "Take 1 tablet by mouth every morning, half an hour before breakfast.",
);
pub(crate) static SERTRALINE_50: Drug = tablets(
    "312941",
    "sertraline 50 MG Oral Tablet",
    "sertraline 50 mg",
    1,
    "Take 1 tablet by mouth every morning.",
);
pub(crate) static SERTRALINE_100: Drug = tablets(
    "312938",
    "sertraline 100 MG Oral Tablet",
    "sertraline 100 mg",
    1,
    "Take 1 tablet by mouth every morning.",
);
pub(crate) static ANASTROZOLE: Drug = tablets(
    "199224",
    "anastrozole 1 MG Oral Tablet",
    "anastrozole 1 mg",
    1,
    "Take 1 tablet by mouth once a day.",
);
pub(crate) static BICTEGRAVIR: Drug = tablets(
    "1999667",
    "bictegravir 50 MG / emtricitabine 200 MG / tenofovir alafenamide 25 MG Oral Tablet",
    "bictegravir/emtricitabine/tenofovir",
    1,
    "Take 1 tablet by mouth once a day.",
);
pub(crate) static BUPRENORPHINE: Drug = tablets(
    "1010604",
    "buprenorphine 8 MG / naloxone 2 MG Sublingual Film",
    "buprenorphine/naloxone 8/2 mg film",
    2,
    "Let 1 film dissolve under the tongue twice a day.",
)
.through(SUBLINGUAL)
.dosed(1.0, 0, "film", "{film}")
.packed(56, "films", "{film}", 28);
pub(crate) static NALOXONE: Drug = tablets(
    "1725059",
    "naloxone hydrochloride 40 MG/ML Nasal Spray",
    "naloxone nasal spray",
    1,
    "In an overdose: one spray into one nostril and call 911; repeat after 3 minutes if there is no response.",
)
.through(NASAL)
.dosed(1.0, 0, "spray", "{spray}")
.once()
.packed(2, "sprays", "{spray}", 365);
pub(crate) static EPINEPHRINE: Drug = tablets(
    "1870230",
    "NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector",
    "epinephrine auto-injector 0.3 mg",
    1,
    "In a severe allergic reaction: inject into the outer thigh and call 911.",
)
.through(INTRAMUSCULAR)
.dosed(0.3, 1, "mg", "mg")
.once()
.packed(2, "auto-injectors", "{autoinjector}", 365);
pub(crate) static ALBUTEROL: Drug = inhaler(
    "745679",
    "200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler",
    "albuterol inhaler",
    2.0,
    "Inhale 2 puffs every 4 to 6 hours as needed for wheeze.",
)
.each(1, 4, "h")
.when_needed();
pub(crate) static FLUTICASONE: Drug = inhaler(
    "895994",
    "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler",
    "fluticasone 44 mcg inhaler",
    2.0,
    "Inhale 2 puffs twice a day through a spacer; rinse the mouth afterwards.",
);
pub(crate) static FLUTICASONE_SALMETEROL: Drug = inhaler(
    "896209",
    "60 ACTUAT Fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder Inhaler",
    "fluticasone/salmeterol 250/50",
    1.0,
    "Inhale 1 puff twice a day; rinse the mouth afterwards.",
);
pub(crate) static PREDNISONE: Drug = tablets(
    "312615",
    "prednisone 20 MG Oral Tablet",
    "prednisone 40 mg for 5 days",
    1,
    "Take 2 tablets by mouth every morning for 5 days.",
)
.dosed(2.0, 0, "tablet", "{tablet}")
.packed(10, "tablets", "{tablet}", 5);
/// For a child of 15 to 25 kg.
pub(crate) static PREDNISONE_CHILD: Drug = tablets(
    "312615",
    "prednisone 20 MG Oral Tablet",
    "prednisone 20 mg for 5 days",
    1,
    "Give 1 tablet, crushed in apple sauce, every morning for 5 days.",
)
.packed(5, "tablets", "{tablet}", 5);
pub(crate) static DOXYCYCLINE: Drug = tablets(
    "1649988",
    "doxycycline hyclate 100 MG Oral Capsule",
    "doxycycline 100 mg for 7 days",
    2,
    "Take 1 capsule by mouth twice a day for 7 days, with plenty of water.",
)
.dosed(1.0, 0, "capsule", "{capsule}")
.packed(14, "capsules", "{capsule}", 7);
pub(crate) static NITROFURANTOIN: Drug = tablets(
    "1648755",
    "nitrofurantoin, macrocrystals 25 MG / nitrofurantoin, monohydrate 75 MG Oral Capsule",
    "nitrofurantoin 100 mg for 5 days",
    2,
    "Take 1 capsule by mouth twice a day for 5 days with food.",
)
.dosed(1.0, 0, "capsule", "{capsule}")
.packed(10, "capsules", "{capsule}", 5);
pub(crate) static ACETAMINOPHEN: Drug = tablets(
    "313782",
    "Acetaminophen 325 MG Oral Tablet",
    "acetaminophen 650 mg as needed",
    4,
    "Take 2 tablets by mouth every 6 hours as needed for pain.",
)
.dosed(2.0, 0, "tablet", "{tablet}")
.each(1, 6, "h")
.when_needed()
.packed(40, "tablets", "{tablet}", 10);
pub(crate) static IRON: Drug = tablets(
    "310325",
    "ferrous sulfate 325 MG Oral Tablet",
    "ferrous sulfate 325 mg",
    1,
    "Take 1 tablet by mouth every other day on an empty stomach.",
)
.each(1, 2, "d")
.packed(45, "tablets", "{tablet}", 90);
pub(crate) static ENOXAPARIN: Drug = tablets(
    "854235",
    "0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe",
    "enoxaparin 40 mg for 28 days",
    1,
    "Inject 40 mg under the skin once a day for 28 days after the operation.",
)
.through(SUBCUTANEOUS)
.dosed(40.0, 0, "mg", "mg")
.packed(28, "syringes", "{syringe}", 28);
