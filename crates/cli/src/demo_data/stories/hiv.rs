//! HIV, undetectable for years on one tablet a day. Protected: HIV.

use super::{BRIEF, FULL};
use crate::demo_data::{
    directory::Role,
    story::{ALWAYS, BLANK, Course, Level, Problem, Shot, Story, VISIT, Visit},
    terms::{
        acts::{CHECK_UP, FOLLOW_UP, SPECIALIST},
        drugs::{ATORVASTATIN_20, BICTEGRAVIR},
        measures::*,
        panels::{self, LIPIDS, LIVER, METABOLIC},
        problems::{self, HYPERLIPIDEMIA},
        vaccines::PNEUMOCOCCAL_23,
    },
};

pub(crate) static STORY: Story = Story {
    slug: "hiv",
    title: "HIV, undetectable for years (protected: HIV)",
    age_years: (30, 62),
    months: Some((62, 74)),
    bmi: (21.0, 26.0),
    weight: &[(0.0, 0.0), (4.0, -2.0), (16.0, 2.5), (80.0, 4.0)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&METABOLIC, &LIPIDS],
            said: &[
                "Well, cycles to work. Sleeps seven hours.",
                "No complaints. Asks about cholesterol because of an uncle.",
            ],
            next: &["Next check in a year."],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::InfectiousDisease,
            at: &[4.0, 5.2, 7.5, 10.5],
            why: Some(&problems::HIV),
            measures: BRIEF,
            panels: &[&panels::HIV, &LIVER],
            said: &[
                "Tested after a partner's diagnosis, no symptoms. Shaken, but well supported. Wants to start treatment today.",
            ],
            next: &["One tablet a day from today. Viral load in five weeks."],
            later: &[(
                5.0,
                &[
                    "Takes the tablet with breakfast, none missed. No side effects.",
                    "Doing well with the diagnosis, partner knows.",
                ],
                &["Viral load falls as hoped. Undetectable means not transmittable."],
            )],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            by: Role::InfectiousDisease,
            every: Some((15.0, 6.0, ALWAYS)),
            why: Some(&problems::HIV),
            measures: BRIEF,
            panels: &[&panels::HIV],
            said: &[
                "No missed tablets. Travelled without trouble.",
                "Feels healthy. One cold in the winter.",
            ],
            next: &["Continue. Viral load every six months."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &problems::HIV, onset: 3.5, ends: None },
        Problem { what: &HYPERLIPIDEMIA, onset: 36.0, ends: None },
    ],
    courses: &[
        Course { drug: &BICTEGRAVIR, from: 4.0, stops: None, why: &problems::HIV },
        Course { drug: &ATORVASTATIN_20, from: 36.0, stops: None, why: &HYPERLIPIDEMIA },
    ],
    levels: &[
        Level {
            of: &VIRAL_LOAD,
            curve: &[
                (0.0, 64000.0),
                (4.2, 58400.0),
                (5.2, 830.0),
                (6.5, 60.0),
                (8.0, 5.0),
                (39.0, 5.0),
                (45.0, 28.0),
                (50.0, 4.0),
            ],
            spread: 0.0,
        },
        Level {
            of: &CD4,
            curve: &[(0.0, 372.0), (4.0, 348.0), (10.0, 505.0), (24.0, 640.0), (80.0, 760.0)],
            spread: 30.0,
        },
        Level { of: &CHOLESTEROL, curve: &[(0.0, 178.0), (36.0, 226.0), (48.0, 172.0)], spread: 8.0 },
    ],
    shots: &[Shot { vaccine: &PNEUMOCOCCAL_23, at: 12.0, dose: 1 }],
    ..BLANK
};
