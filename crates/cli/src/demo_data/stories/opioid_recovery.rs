//! Opioid use disorder in recovery on buprenorphine. Protected: 42 CFR Part 2.

use super::{BRIEF, FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ALWAYS, BLANK, Course, Level, Plan, Problem, Story, VISIT, Visit},
    terms::{
        acts::{self, CHECK_UP, FOLLOW_UP, SPECIALIST},
        drugs::{BUPRENORPHINE, LISINOPRIL_10, NALOXONE},
        measures::*,
        panels::{BLOOD_COUNT, DRUG_SCREEN, LIVER},
        problems::{HYPERTENSION, OPIOID_USE},
    },
};

pub(crate) static STORY: Story = Story {
    slug: "opioid-recovery",
    title: "Opioid use disorder in recovery on buprenorphine (protected: 42 CFR Part 2)",
    age_years: (29, 54),
    months: Some((54, 66)),
    bmi: (20.0, 25.0),
    weight: &[(0.0, 0.0), (6.0, -1.0), (18.0, 4.0), (60.0, 6.0)],
    smoking: &[(-1.0, &acts::DAILY_SMOKER)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&BLOOD_COUNT],
            said: &["Works as a roofer, shoulders hurt. Smokes ten a day."],
            next: &["Blood pressure again next year, it is a little high."],
            later: &[(
                12.0,
                &[
                    "New flat, sleeps better. Smokes ten a day.",
                    "Works full time, shoulders hurt in the evening. Takes the pressure tablet daily.",
                ],
                &["Blood pressure again in half a year. Help to stop smoking stands."],
            )],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::AddictionMedicine,
            at: &[6.0, 6.5, 7.0, 8.0, 9.0, 10.5],
            why: Some(&OPIOID_USE),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE],
            panels: &[&DRUG_SCREEN],
            said: &[
                "Came on own wish after a friend's overdose. Pills after the back injury, then more. In withdrawal this morning, better after the first film.",
            ],
            next: &["Weekly visits, counselling on Wednesdays. Naloxone at home, family knows how."],
            later: &[(
                6.4,
                &[
                    "First weeks on the films go well. Cravings in the evening.",
                    "Sleeps again. One slip at the weekend and told us about it.",
                    "Counselling helps. Back at work three days a week.",
                ],
                &["Same dose. Next visit as planned, test each time."],
            )],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            by: Role::AddictionMedicine,
            every: Some((13.0, 4.0, ALWAYS)),
            why: Some(&OPIOID_USE),
            measures: BRIEF,
            panels: &[&DRUG_SCREEN],
            said: &[
                "No use since the last visit. Works full time again.",
                "Coaches the youth team. Cravings are rare.",
            ],
            next: &["Same dose; next visit in three months.", "Stays on the films as long as they help."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            at: &[18.5, 30.5, 42.5],
            why: Some(&HYPERTENSION),
            measures: ROUTINE,
            panels: &[&LIVER],
            said: &["Pressure at home around 130."],
            next: &["Continue."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &OPIOID_USE, onset: 4.0, ends: Some((30.0, "remission")) },
        Problem { what: &HYPERTENSION, onset: 12.0, ends: None },
    ],
    courses: &[
        Course { drug: &BUPRENORPHINE, from: 6.0, stops: None, why: &OPIOID_USE },
        Course { drug: &NALOXONE, from: 6.0, stops: None, why: &OPIOID_USE },
        Course { drug: &LISINOPRIL_10, from: 12.0, stops: None, why: &HYPERTENSION },
    ],
    levels: &[
        Level {
            of: &OPIATES,
            curve: &[(6.0, 1.0), (6.8, 1.0), (7.2, 0.0), (8.8, 0.0), (9.0, 1.0), (9.8, 0.0), (60.0, 0.0)],
            spread: 0.0,
        },
        Level {
            of: &BLOOD_PRESSURE,
            curve: &[(0.0, 137.0), (12.0, 143.0), (24.0, 131.0), (60.0, 127.0)],
            spread: 4.0,
        },
        Level { of: &HEART_RATE, curve: &[(0.0, 82.0), (6.0, 92.0), (18.0, 76.0)], spread: 4.0 },
        Level { of: &ALT, curve: &[(0.0, 52.0), (18.0, 41.0), (60.0, 29.0)], spread: 4.0 },
    ],
    plans: &[Plan {
        category: &acts::RECOVERY_PLAN,
        title: "Recovery",
        why: &OPIOID_USE,
        from: 6.0,
        until: None,
        activities: &[
            "Counselling group on Wednesdays",
            "Naloxone spray at home and in the car",
            "Call the clinic before, not after, a slip",
        ],
    }],
    incidents: (0, 2),
    ..BLANK
};
