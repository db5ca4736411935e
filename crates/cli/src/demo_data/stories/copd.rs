//! COPD in a smoker who stops after a stay in hospital; FEV1 falls, then falls more slowly.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ACT, ALWAYS, Act, BLANK, Course, Level, Plan, Problem, Shot, Story, VISIT, Visit},
    terms::{
        acts::{self, ADMISSION, CHECK_UP, FOLLOW_UP, SPECIALIST},
        drugs::*,
        measures::*,
        panels::{BLOOD_COUNT, INFLAMMATION, METABOLIC},
        problems::{COPD, COPD_FLARE, HYPERTENSION},
        vaccines::PNEUMOCOCCAL_23,
    },
};

const LUNGS: &[&Measure] =
    &[&BLOOD_PRESSURE, &HEART_RATE, &RESPIRATORY_RATE, &OXYGEN_SATURATION, &WEIGHT, &BMI];

pub(crate) static STORY: Story = Story {
    slug: "copd",
    title: "COPD, a flare-up in hospital, and a last cigarette",
    age_years: (59, 76),
    months: Some((66, 80)),
    bmi: (21.0, 26.0),
    weight: &[(0.0, 0.0), (30.0, -3.0), (34.0, -5.0), (60.0, -1.0)],
    smoking: &[(-1.0, &acts::DAILY_SMOKER), (32.0, &acts::EX_SMOKER)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&BLOOD_COUNT],
            said: &[
                "Coughs every morning, has to stop on the second floor.",
                "Walks the dog twice a day, slower than last year.",
            ],
            next: &["Inhaler technique checked. Flu vaccine every autumn."],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Pulmonology,
            at: &[3.0],
            every: Some((18.0, 12.0, ALWAYS)),
            why: Some(&COPD),
            measures: &[&HEART_RATE, &RESPIRATORY_RATE, &OXYGEN_SATURATION, &FEV1, &FEV1_FVC],
            said: &[
                "More breathless on hills. One course of antibiotics last winter.",
                "Uses the blue inhaler two or three times a week.",
            ],
            next: &["Continue both inhalers; lung function again in a year."],
            ..VISIT
        },
        Visit {
            kind: &ADMISSION,
            by: Role::Pulmonology,
            at: &[31.0],
            why: Some(&COPD_FLARE),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &RESPIRATORY_RATE, &TEMPERATURE, &OXYGEN_SATURATION],
            panels: &[&INFLAMMATION, &METABOLIC],
            readings: &[
                (&OXYGEN_SATURATION, 87.0),
                (&RESPIRATORY_RATE, 28.0),
                (&HEART_RATE, 112.0),
                (&TEMPERATURE, 38.1),
                (&CRP, 74.0),
                (&LEUKOCYTES, 13.8),
            ],
            said: &[
                "Three days of more cough, green phlegm and breathlessness at rest. Oxygen, nebulisers, prednisone and doxycycline; off oxygen on day three. Wants to stop smoking.",
            ],
            next: &["Home with prednisone; rehabilitation; visit in two weeks."],
            nights: 4,
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[32.0, 36.5],
            every: Some((42.0, 12.0, ALWAYS)),
            why: Some(&COPD),
            measures: LUNGS,
            said: &[
                "No cigarette since the hospital. Coughs less.",
                "Sleeps well, walks to the shop again without a stop.",
            ],
            next: &[
                "Keep the rehabilitation going.",
                "Well done for not smoking; call early with the next cold.",
            ],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[7.0, 21.0],
            why: Some(&COPD),
            measures: ROUTINE,
            said: &["Smokes a pack a day, not ready to stop."],
            next: &["Offer of nicotine patches stands."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &COPD, onset: -9.0, ends: None },
        Problem { what: &HYPERTENSION, onset: -50.0, ends: None },
        Problem { what: &COPD_FLARE, onset: 31.0, ends: Some((31.6, "resolved")) },
    ],
    courses: &[
        Course { drug: &ALBUTEROL, from: 0.0, stops: None, why: &COPD },
        Course { drug: &FLUTICASONE_SALMETEROL, from: 3.0, stops: None, why: &COPD },
        Course { drug: &AMLODIPINE, from: 0.0, stops: None, why: &HYPERTENSION },
        Course { drug: &PREDNISONE, from: 31.0, stops: Some((31.2, "course finished")), why: &COPD_FLARE },
        Course { drug: &DOXYCYCLINE, from: 31.0, stops: Some((31.3, "course finished")), why: &COPD_FLARE },
    ],
    levels: &[
        Level { of: &FEV1, curve: &[(0.0, 1.92), (30.0, 1.66), (34.0, 1.6), (90.0, 1.47)], spread: 0.15 },
        Level { of: &FEV1_FVC, curve: &[(0.0, 61.0), (30.0, 56.0), (90.0, 53.0)], spread: 2.0 },
        Level { of: &OXYGEN_SATURATION, curve: &[(0.0, 95.0), (30.0, 93.5), (90.0, 93.0)], spread: 0.5 },
        Level { of: &RESPIRATORY_RATE, curve: &[(0.0, 18.0), (90.0, 19.0)], spread: 1.0 },
        Level { of: &BLOOD_PRESSURE, curve: &[(0.0, 136.0), (90.0, 131.0)], spread: 4.0 },
        Level { of: &HEART_RATE, curve: &[(0.0, 84.0), (90.0, 78.0)], spread: 4.0 },
        Level { of: &HEMOGLOBIN, curve: &[(0.0, 15.8), (90.0, 15.1)], spread: 0.3 },
    ],
    procedures: &[
        Act { what: &acts::SPIROMETRY, at: 3.0, why: Some(&COPD), ..ACT },
        Act { what: &acts::SPIROMETRY, at: 18.0, every: Some((12.0, ALWAYS)), why: Some(&COPD), ..ACT },
        Act { what: &acts::SMOKING_EDUCATION, at: 7.0, why: Some(&COPD), ..ACT },
        Act {
            what: &acts::CHEST_RADIOGRAPH,
            at: 31.0,
            why: Some(&COPD_FLARE),
            report: Some((
                &acts::CHEST_REPORT,
                "Hyperinflated lungs, flat diaphragms, no infiltrate, heart of normal size.",
            )),
            ..ACT
        },
    ],
    shots: &[Shot { vaccine: &PNEUMOCOCCAL_23, at: 12.0, dose: 1 }],
    plans: &[Plan {
        category: &acts::COPD_PLAN,
        title: "Breathing better",
        why: &COPD,
        from: 32.0,
        until: None,
        activities: &[
            "Lung rehabilitation twice a week for eight weeks",
            "Stay away from cigarettes",
            "Call at the first sign of a flare-up",
        ],
    }],
    incidents: (0, 2),
    ..BLANK
};
