//! Depression with anxiety: PHQ-9 falls on sertraline and talking therapy. Protected: mental health.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ALWAYS, BLANK, Course, Level, Plan, Problem, Story, VISIT, Visit},
    terms::{
        acts::{self, CHECK_UP, FOLLOW_UP, FOR_PROBLEM, SPECIALIST},
        drugs::{SERTRALINE_50, SERTRALINE_100},
        measures::*,
        panels::{BLOOD_COUNT, LIPIDS, THYROID, VITAMINS},
        problems::{ANXIETY, DEPRESSION},
    },
};

pub(crate) static STORY: Story = Story {
    slug: "depression",
    title: "Depression, better with sertraline and therapy (protected: mental health)",
    age_years: (24, 52),
    months: Some((60, 72)),
    bmi: (21.0, 27.0),
    weight: &[(0.0, 0.0), (12.0, -3.5), (20.0, 0.0), (60.0, 2.5)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&BLOOD_COUNT, &LIPIDS, &VITAMINS],
            said: &["No physical complaints. Runs now and then.", "Well. Swims in summer, walks in winter."],
            next: &["Next check in a year."],
            ..VISIT
        },
        Visit {
            kind: &FOR_PROBLEM,
            at: &[10.5],
            why: Some(&DEPRESSION),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &WEIGHT, &BMI, &PHQ9, &GAD7],
            panels: &[&THYROID],
            said: &[
                "Low for two months since the separation, wakes at four, no appetite, cannot concentrate at work. No thoughts of suicide.",
            ],
            next: &[
                "Start sertraline, refer to psychiatry, sick note for two weeks. Safety plan talked through.",
            ],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Psychiatry,
            at: &[11.5, 13.0, 15.0, 17.5],
            every: Some((21.0, 4.0, 46.0)),
            why: Some(&DEPRESSION),
            measures: &[&PHQ9, &GAD7, &HEART_RATE, &WEIGHT],
            said: &[
                "Sleeps until six now. Sees friends again on Fridays.",
                "Worries in the evening, uses what was learned in therapy.",
                "Back to work at half time. A bad week after the court date.",
            ],
            next: &["Same dose, therapy weekly.", "Stable. Talk about tapering next year."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            every: Some((51.0, 6.0, ALWAYS)),
            why: Some(&DEPRESSION),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &WEIGHT, &PHQ9],
            said: &["Good mood for more than a year. Knows the early signs."],
            next: &["Continue at the lower dose through the winter."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[30.5],
            measures: ROUTINE,
            said: &["Back pain after moving house, no red flags."],
            next: &["Exercises shown, heat; no imaging needed."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &DEPRESSION, onset: 8.5, ends: Some((50.0, "remission")) },
        Problem { what: &ANXIETY, onset: 10.5, ends: Some((40.0, "resolved")) },
    ],
    courses: &[
        Course { drug: &SERTRALINE_50, from: 10.5, stops: Some((13.0, "dose increased")), why: &DEPRESSION },
        Course {
            drug: &SERTRALINE_100,
            from: 13.0,
            stops: Some((51.0, "dose reduced, in remission")),
            why: &DEPRESSION,
        },
        Course { drug: &SERTRALINE_50, from: 51.0, stops: None, why: &DEPRESSION },
    ],
    levels: &[
        Level {
            of: &PHQ9,
            curve: &[
                (0.0, 3.0),
                (10.5, 17.0),
                (13.0, 13.0),
                (17.5, 8.0),
                (25.0, 5.0),
                (33.0, 7.0),
                (42.0, 3.0),
                (60.0, 2.0),
            ],
            spread: 0.8,
        },
        Level {
            of: &GAD7,
            curve: &[(0.0, 3.0), (10.5, 13.0), (15.0, 9.0), (25.0, 6.0), (45.0, 3.0)],
            spread: 0.8,
        },
        Level { of: &HEART_RATE, curve: &[(0.0, 68.0), (10.5, 80.0), (25.0, 70.0)], spread: 4.0 },
    ],
    plans: &[Plan {
        category: &acts::MENTAL_HEALTH_PLAN,
        title: "Staying well",
        why: &DEPRESSION,
        from: 11.5,
        until: None,
        activities: &[
            "Talking therapy once a week",
            "Walk in daylight every morning",
            "Call the clinic when sleep is bad for a week",
        ],
    }],
    ..BLANK
};
