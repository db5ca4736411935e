//! High blood pressure that needs two medicines, with a family history of strokes.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    story::{ALWAYS, BLANK, Course, Level, Plan, Problem, Shot, Story, VISIT, Visit},
    terms::{
        acts::{self, CHECK_UP, FOLLOW_UP},
        drugs::*,
        measures::*,
        panels::{LIPIDS, METABOLIC},
        problems::{HYPERLIPIDEMIA, HYPERTENSION},
        vaccines::ZOSTER,
    },
};

pub(crate) static STORY: Story = Story {
    slug: "hypertension",
    title: "High blood pressure, step by step to target",
    age_years: (52, 74),
    months: Some((66, 90)),
    bmi: (26.0, 31.0),
    weight: &[(0.0, 0.0), (24.0, 1.8), (48.0, -1.5), (90.0, -0.5)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&METABOLIC, &LIPIDS],
            said: &[
                "Feels fine. Father had a stroke at 66, so asks about the risk.",
                "No headaches, no chest pain. Sleeps well, snores a little.",
            ],
            next: &["Less salt, home readings for two weeks before the next visit."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[2.0, 4.0, 8.0],
            every: Some((18.0, 12.0, ALWAYS)),
            why: Some(&HYPERTENSION),
            measures: ROUTINE,
            said: &["Home readings brought along, mostly above 150 in the morning."],
            next: &["Start of a tablet; the target is below 130 over 80 at home."],
            later: &[
                (
                    3.5,
                    &[
                        "Home readings brought along, mornings higher than evenings.",
                        "No dizziness on standing up. Takes the tablet with breakfast.",
                    ],
                    &["Not at target yet; readings again for two weeks."],
                ),
                (
                    18.0,
                    &["A dry cough since the tablets were increased, more bothersome now."],
                    &["Second medicine added or changed as written."],
                ),
                (
                    36.0,
                    &[
                        "No cough any more. Home readings around 125.",
                        "No dizziness, no swelling of the ankles.",
                    ],
                    &["Continue; kidney values once a year."],
                ),
            ],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &HYPERTENSION, onset: 0.0, ends: None },
        Problem { what: &HYPERLIPIDEMIA, onset: 24.0, ends: None },
    ],
    courses: &[
        Course { drug: &LISINOPRIL_10, from: 2.0, stops: Some((8.0, "dose increased")), why: &HYPERTENSION },
        Course { drug: &LISINOPRIL_20, from: 8.0, stops: Some((30.0, "dry cough")), why: &HYPERTENSION },
        Course { drug: &LOSARTAN, from: 30.0, stops: None, why: &HYPERTENSION },
        Course { drug: &AMLODIPINE, from: 18.0, stops: None, why: &HYPERTENSION },
        Course { drug: &ATORVASTATIN_20, from: 24.0, stops: None, why: &HYPERLIPIDEMIA },
    ],
    levels: &[
        Level {
            of: &BLOOD_PRESSURE,
            curve: &[
                (0.0, 158.0),
                (2.0, 155.0),
                (8.0, 146.0),
                (18.0, 141.0),
                (24.0, 130.0),
                (48.0, 127.0),
                (90.0, 129.0),
            ],
            spread: 4.0,
        },
        Level {
            of: &CHOLESTEROL,
            curve: &[(0.0, 221.0), (24.0, 232.0), (36.0, 172.0), (90.0, 168.0)],
            spread: 9.0,
        },
        Level { of: &POTASSIUM, curve: &[(0.0, 4.1), (24.0, 4.5), (90.0, 4.5)], spread: 0.1 },
    ],
    shots: &[Shot { vaccine: &ZOSTER, at: 24.0, dose: 1 }, Shot { vaccine: &ZOSTER, at: 30.0, dose: 2 }],
    plans: &[Plan {
        category: &acts::HYPERTENSION_PLAN,
        title: "Blood pressure at home and at the table",
        why: &HYPERTENSION,
        from: 2.0,
        until: None,
        activities: &["Measure twice a day in the week before each visit", "Less than 2 g of sodium a day"],
    }],
    ..BLANK
};
