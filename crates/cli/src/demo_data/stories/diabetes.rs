//! Type 2 diabetes: HbA1c rises, falls with metformin, creeps up, falls again with weight on a GLP-1 agonist.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ACT, ALWAYS, Act, BLANK, Course, Level, Plan, Problem, Story, VISIT, Visit},
    terms::{
        acts::{self, CHECK_UP, FOLLOW_UP, SPECIALIST},
        drugs::*,
        measures::*,
        panels::{self, KIDNEY, LIPIDS},
        problems::{DIABETES, HYPERLIPIDEMIA, HYPERTENSION, OBESITY},
    },
};

pub(crate) static STORY: Story = Story {
    slug: "diabetes",
    title: "Type 2 diabetes, brought under control with metformin and semaglutide",
    age_years: (48, 69),
    months: Some((66, 75)),
    bmi: (31.0, 36.0),
    weight: &[(0.0, 0.0), (6.0, 1.5), (14.0, -2.0), (30.0, 0.5), (40.0, 1.0), (52.0, -8.5), (64.0, -12.0)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&panels::DIABETES, &LIPIDS, &KIDNEY],
            said: &[
                "Tired after lunch, otherwise well. Walks to work twice a week.",
                "No chest pain, no tingling in the feet. Eats late because of shifts.",
            ],
            next: &[
                "Same plan. Eye and foot check every year.",
                "Cut down sweet drinks; check sugar twice a week.",
            ],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[9.0, 15.0, 45.0],
            every: Some((6.0, 12.0, ALWAYS)),
            why: Some(&DIABETES),
            measures: ROUTINE,
            panels: &[&panels::DIABETES],
            said: &["Thirsty for weeks, up twice every night. Mother has diabetes."],
            next: &[
                "Type 2 diabetes explained. Metformin; learns to measure sugar. Blood test in three months.",
            ],
            later: &[
                (
                    8.0,
                    &[
                        "Sugars at home mostly between 120 and 160 before breakfast.",
                        "Forgets the evening tablet about once a week. No lows.",
                        "Walking more since the last visit.",
                    ],
                    &["Blood test again at the next visit.", "Keep going; next visit in half a year."],
                ),
                (
                    44.0,
                    &[
                        "Less hungry since the injections, no nausea any more.",
                        "Trousers are two sizes smaller. No lows.",
                    ],
                    &["Continue the weekly injection.", "Keep going; next visit in half a year."],
                ),
            ],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Endocrinology,
            at: &[39.0],
            why: Some(&DIABETES),
            measures: ROUTINE,
            panels: &[&panels::DIABETES],
            said: &[
                "Referred because HbA1c is rising again on full-dose metformin. Open to a weekly injection.",
            ],
            next: &["Start semaglutide, step up over eight weeks; dietitian; back to family doctor."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &OBESITY, onset: -40.0, ends: None },
        Problem { what: &DIABETES, onset: 6.0, ends: None },
        Problem { what: &HYPERTENSION, onset: -14.0, ends: None },
        Problem { what: &HYPERLIPIDEMIA, onset: 6.0, ends: None },
    ],
    courses: &[
        Course { drug: &LISINOPRIL_10, from: 0.0, stops: None, why: &HYPERTENSION },
        Course { drug: &METFORMIN_500, from: 6.0, stops: Some((12.0, "dose increased")), why: &DIABETES },
        Course { drug: &METFORMIN_1000, from: 12.0, stops: None, why: &DIABETES },
        Course { drug: &ATORVASTATIN_20, from: 12.0, stops: None, why: &HYPERLIPIDEMIA },
        Course {
            drug: &SEMAGLUTIDE_START,
            from: 39.0,
            stops: Some((45.0, "dose increased")),
            why: &DIABETES,
        },
        Course { drug: &SEMAGLUTIDE, from: 45.0, stops: None, why: &DIABETES },
    ],
    levels: &[
        Level {
            of: &HBA1C,
            curve: &[
                (0.0, 6.3),
                (6.0, 8.6),
                (12.0, 7.4),
                (18.0, 6.9),
                (27.0, 7.3),
                (39.0, 8.3),
                (46.0, 7.1),
                (56.0, 6.4),
            ],
            spread: 0.25,
        },
        Level {
            of: &GLUCOSE,
            curve: &[
                (0.0, 116.0),
                (6.0, 182.0),
                (12.0, 142.0),
                (18.0, 128.0),
                (39.0, 171.0),
                (46.0, 132.0),
                (56.0, 112.0),
            ],
            spread: 7.0,
        },
        Level {
            of: &BLOOD_PRESSURE,
            curve: &[(0.0, 146.0), (6.0, 137.0), (24.0, 133.0), (56.0, 126.0)],
            spread: 3.0,
        },
        Level {
            of: &CHOLESTEROL,
            curve: &[(0.0, 228.0), (12.0, 226.0), (20.0, 168.0), (70.0, 158.0)],
            spread: 10.0,
        },
        Level { of: &HDL, curve: &[(0.0, 39.0), (70.0, 45.0)], spread: 3.0 },
        Level { of: &TRIGLYCERIDES, curve: &[(0.0, 198.0), (24.0, 158.0), (60.0, 126.0)], spread: 15.0 },
        Level { of: &ALBUMINURIA, curve: &[(0.0, 22.0), (36.0, 41.0), (60.0, 27.0)], spread: 5.0 },
    ],
    procedures: &[
        Act {
            what: &acts::EYE_SCREENING,
            at: 12.0,
            every: Some((24.0, ALWAYS)),
            why: Some(&DIABETES),
            ..ACT
        },
        Act {
            what: &acts::FOOT_EXAMINATION,
            at: 12.0,
            every: Some((12.0, ALWAYS)),
            why: Some(&DIABETES),
            ..ACT
        },
    ],
    plans: &[Plan {
        category: &acts::DIABETES_PLAN,
        title: "Living well with diabetes",
        why: &DIABETES,
        from: 6.0,
        until: None,
        activities: &[
            "Check blood sugar before breakfast twice a week",
            "Walk 30 minutes on 5 days a week",
            "Eye and foot check once a year",
        ],
    }],
    ..BLANK
};
