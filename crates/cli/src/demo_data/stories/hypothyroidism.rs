//! Underactive thyroid: TSH falls to the range as the dose is found.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    story::{ALWAYS, BLANK, Course, Level, Problem, Story, VISIT, Visit},
    terms::{
        acts::{CHECK_UP, FOLLOW_UP, FOR_PROBLEM},
        drugs::{LEVOTHYROXINE_75, LEVOTHYROXINE_100},
        measures::*,
        panels::{BLOOD_COUNT, LIPIDS, THYROID, VITAMINS},
        problems::{HYPOTHYROIDISM, VITAMIN_D_DEFICIENCY},
    },
};

pub(crate) static STORY: Story = Story {
    slug: "hypothyroidism",
    title: "Underactive thyroid: finding the dose",
    sex: Some(crate::demo_data::story::Sex::Female),
    age_years: (34, 62),
    months: Some((64, 84)),
    bmi: (23.0, 28.0),
    weight: &[(0.0, 0.0), (5.0, 4.5), (14.0, 1.0), (80.0, 2.0)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&BLOOD_COUNT, &LIPIDS, &VITAMINS],
            said: &[
                "Well, works full time, swims on Sundays.",
                "No complaints beyond stiff shoulders from the desk.",
            ],
            next: &["Thyroid values once a year once they are stable."],
            ..VISIT
        },
        Visit {
            kind: &FOR_PROBLEM,
            at: &[5.0],
            why: Some(&HYPOTHYROIDISM),
            measures: ROUTINE,
            panels: &[&THYROID],
            said: &[
                "Cold, tired and slow since the spring, hair is falling out. Gained weight without eating more.",
            ],
            next: &["Start levothyroxine, blood test in eight weeks."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[7.0, 9.0, 13.5],
            every: Some((18.0, 12.0, ALWAYS)),
            why: Some(&HYPOTHYROIDISM),
            measures: ROUTINE,
            panels: &[&THYROID],
            said: &["A little more energy, still cold in the evening."],
            next: &["Dose as written; blood test in eight weeks."],
            later: &[(
                13.0,
                &[
                    "More energy, no longer cold.",
                    "Takes the tablet at six, breakfast at seven.",
                    "No palpitations, sleeps well.",
                ],
                &["Same dose."],
            )],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &HYPOTHYROIDISM, onset: 4.0, ends: None },
        Problem { what: &VITAMIN_D_DEFICIENCY, onset: 24.0, ends: Some((38.0, "resolved")) },
    ],
    courses: &[
        Course {
            drug: &LEVOTHYROXINE_75,
            from: 5.0,
            stops: Some((9.0, "dose increased")),
            why: &HYPOTHYROIDISM,
        },
        Course { drug: &LEVOTHYROXINE_100, from: 9.0, stops: None, why: &HYPOTHYROIDISM },
    ],
    levels: &[
        Level {
            of: &TSH,
            curve: &[(0.0, 4.8), (5.0, 12.4), (7.0, 7.1), (9.0, 5.4), (13.5, 2.4), (40.0, 1.9), (80.0, 2.3)],
            spread: 0.3,
        },
        Level {
            of: &FREE_T4,
            curve: &[(0.0, 0.9), (5.0, 0.68), (9.0, 0.92), (13.5, 1.24), (80.0, 1.26)],
            spread: 0.04,
        },
        Level {
            of: &HEART_RATE,
            curve: &[(0.0, 64.0), (5.0, 57.0), (14.0, 68.0), (80.0, 70.0)],
            spread: 3.0,
        },
        Level { of: &CHOLESTEROL, curve: &[(0.0, 226.0), (13.0, 198.0), (80.0, 190.0)], spread: 10.0 },
        Level {
            of: &VITAMIN_D,
            curve: &[(0.0, 24.0), (24.0, 18.0), (38.0, 33.0), (80.0, 31.0)],
            spread: 2.0,
        },
    ],
    ..BLANK
};
