//! A severe reaction to penicillin: what a hospital must know before it treats.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ALWAYS, Allergy, BLANK, Course, Level, Problem, Story, VISIT, Visit},
    terms::{
        acts::{self, CHECK_UP, EMERGENCY, FOLLOW_UP},
        drugs::{AMLODIPINE, EPINEPHRINE},
        measures::*,
        panels::{BLOOD_COUNT, LIPIDS},
        problems::{ANAPHYLAXIS, HYPERTENSION},
    },
};

pub(crate) static STORY: Story = Story {
    slug: "penicillin-allergy",
    title: "Anaphylaxis after penicillin, an allergy that every hospital must know",
    age_years: (33, 66),
    months: Some((60, 78)),
    bmi: (22.0, 28.0),
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&BLOOD_COUNT, &LIPIDS],
            said: &["Well, no medicine. Teaches at a primary school."],
            next: &["See again in a year."],
            later: &[(
                11.0,
                &["Well. Carries the allergy card and both pens.", "No reaction in the past year."],
                &["Pens renewed every year. No penicillins, ever."],
            )],
            ..VISIT
        },
        Visit {
            kind: &EMERGENCY,
            by: Role::Emergency,
            at: &[8.0],
            why: Some(&ANAPHYLAXIS),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &RESPIRATORY_RATE, &TEMPERATURE, &OXYGEN_SATURATION],
            readings: &[
                (&BLOOD_PRESSURE, 78.0),
                (&HEART_RATE, 128.0),
                (&RESPIRATORY_RATE, 27.0),
                (&OXYGEN_SATURATION, 90.0),
            ],
            said: &[
                "Ten minutes after the first penicillin tablet for a sore throat: hives, swollen lips, wheeze, nearly fainted. Epinephrine into the thigh twice, fluids, oxygen. Well after one hour, watched for eight.",
            ],
            next: &["Penicillin allergy recorded, card and two pens given. Never again a penicillin."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[8.8, 20.0],
            every: Some((30.0, 12.0, ALWAYS)),
            measures: ROUTINE,
            said: &["Still frightened. Shown how to use the pen, can do it blindfolded."],
            next: &["Tell every doctor and dentist about the allergy."],
            later: &[(
                20.0,
                &[
                    "No reaction since. Home readings of the pressure brought along.",
                    "Well, pens are in date.",
                ],
                &["Tell every doctor and dentist about the allergy."],
            )],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &ANAPHYLAXIS, onset: 8.0, ends: Some((8.1, "resolved")) },
        Problem { what: &HYPERTENSION, onset: 24.0, ends: None },
    ],
    courses: &[
        Course { drug: &EPINEPHRINE, from: 8.0, stops: None, why: &ANAPHYLAXIS },
        Course { drug: &AMLODIPINE, from: 24.0, stops: None, why: &HYPERTENSION },
    ],
    levels: &[Level {
        of: &BLOOD_PRESSURE,
        curve: &[(0.0, 132.0), (24.0, 144.0), (36.0, 129.0), (80.0, 127.0)],
        spread: 4.0,
    }],
    allergies: &[
        Allergy {
            code: &acts::PENICILLIN_ALLERGY,
            category: "medication",
            criticality: "high",
            manifestation: &acts::ANAPHYLAXIS,
            severity: "severe",
            onset: 8.0,
        },
        Allergy {
            code: &acts::LATEX_ALLERGY,
            category: "environment",
            criticality: "low",
            manifestation: &acts::RASH,
            severity: "mild",
            onset: -60.0,
        },
    ],
    incidents: (2, 4),
    ..BLANK
};
