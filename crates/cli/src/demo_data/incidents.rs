//! Minor illnesses that may befall anyone, at either hospital.

use super::{
    directory::Role,
    story::{Sex, VISIT, Visit},
    terms::{
        acts::{EMERGENCY, FOR_SYMPTOM},
        drugs::{ACETAMINOPHEN, DOXYCYCLINE, Drug, NITROFURANTOIN},
        measures::*,
        problems::{ANKLE_SPRAIN, BRONCHITIS, COLD, EAR_INFECTION, SINUSITIS, URINARY_INFECTION},
    },
};

/// An illness that passes: its visit, what is given, and when it is over.
#[derive(Debug)]
pub(crate) struct Incident {
    pub(crate) visit: Visit,
    pub(crate) drug: Option<&'static Drug>,
    /// Days from the visit until it is over.
    pub(crate) days: u32,
    pub(crate) winter: bool,
    /// Youngest and oldest age in years.
    pub(crate) ages: (u32, u32),
    pub(crate) sex: Option<Sex>,
}

const ILL: &[&Measure] = &[&TEMPERATURE, &HEART_RATE, &OXYGEN_SATURATION];

pub(crate) static INCIDENTS: &[Incident] = &[
    Incident {
        visit: Visit {
            kind: &FOR_SYMPTOM,
            why: Some(&COLD),
            measures: ILL,
            readings: &[(&TEMPERATURE, 37.9), (&HEART_RATE, 88.0)],
            said: &[
                "Runny nose and sore throat for three days. Eating and drinking.",
                "Cough and a blocked nose since the weekend, others at home have it too.",
            ],
            next: &["Fluids and rest. Come back if the fever lasts beyond three days."],
            ..VISIT
        },
        drug: None,
        days: 9,
        winter: true,
        ages: (0, 99),
        sex: None,
    },
    Incident {
        visit: Visit {
            kind: &FOR_SYMPTOM,
            why: Some(&BRONCHITIS),
            measures: ILL,
            readings: &[(&TEMPERATURE, 38.2), (&HEART_RATE, 92.0), (&OXYGEN_SATURATION, 96.0)],
            said: &[
                "Cough with yellow phlegm for ten days, worse at night. Coarse breath sounds, no wheeze.",
            ],
            next: &["Antibiotic as written. Review if short of breath."],
            ..VISIT
        },
        drug: Some(&DOXYCYCLINE),
        days: 16,
        winter: true,
        ages: (18, 99),
        sex: None,
    },
    Incident {
        visit: Visit {
            kind: &FOR_SYMPTOM,
            why: Some(&SINUSITIS),
            measures: ILL,
            readings: &[(&TEMPERATURE, 37.6)],
            said: &["Pressure over the cheeks and a blocked nose for a week. Tender over both sinuses."],
            next: &["Saline rinses, no antibiotic for now."],
            ..VISIT
        },
        drug: None,
        days: 14,
        winter: true,
        ages: (12, 99),
        sex: None,
    },
    Incident {
        visit: Visit {
            kind: &EMERGENCY,
            by: Role::Emergency,
            why: Some(&ANKLE_SPRAIN),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE],
            readings: &[(&HEART_RATE, 90.0)],
            said: &[
                "Twisted the right ankle on the stairs. Swollen on the outside, can put weight on it.",
                "Rolled the right ankle stepping off a kerb. No tenderness over the bone.",
            ],
            next: &["Elastic bandage, ice, raise the leg. No X-ray needed today."],
            ..VISIT
        },
        drug: Some(&ACETAMINOPHEN),
        days: 35,
        winter: false,
        ages: (14, 70),
        sex: None,
    },
    Incident {
        visit: Visit {
            kind: &FOR_SYMPTOM,
            why: Some(&URINARY_INFECTION),
            measures: &[&TEMPERATURE],
            readings: &[(&TEMPERATURE, 37.2)],
            said: &["Burning and frequent urination for two days. No flank pain, no fever at home."],
            next: &["Five days of antibiotic, plenty to drink."],
            ..VISIT
        },
        drug: Some(&NITROFURANTOIN),
        days: 8,
        winter: false,
        ages: (18, 60),
        sex: Some(Sex::Female),
    },
    Incident {
        visit: Visit {
            kind: &FOR_SYMPTOM,
            by: Role::Pediatrics,
            why: Some(&EAR_INFECTION),
            measures: ILL,
            readings: &[(&TEMPERATURE, 38.6), (&HEART_RATE, 112.0)],
            said: &["Fever and pulling at the left ear since last night. Ear drum red, no discharge."],
            next: &["Watchful waiting for two days, then review."],
            ..VISIT
        },
        drug: None,
        days: 10,
        winter: true,
        ages: (0, 9),
        sex: None,
    },
];
