//! A child from birth: vaccines, growth, eczema, then asthma with a winter attack and better control.

use crate::demo_data::{
    directory::Role,
    story::{ALWAYS, Allergy, BLANK, Course, Level, Plan, Problem, Shot, Story, VISIT, Visit},
    terms::{
        Code,
        acts::{self, EMERGENCY, FOLLOW_UP, FOR_PROBLEM, WELL_CHILD},
        drugs::{ALBUTEROL, FLUTICASONE, PREDNISONE_CHILD},
        measures::*,
        problems::{ASTHMA, ASTHMA_ATTACK, ECZEMA},
        vaccines::{DTAP, HEPATITIS_A, HEPATITIS_B, HIB, MMR, PNEUMOCOCCAL_13, POLIO, ROTAVIRUS, VARICELLA},
    },
};

const BABY: &[&Measure] = &[&WEIGHT, &HEIGHT, &HEAD, &HEART_RATE];
const CHILD: &[&Measure] = &[&WEIGHT, &HEIGHT, &BMI, &HEART_RATE];
const BREATHING: &[&Measure] = &[&WEIGHT, &HEIGHT, &OXYGEN_SATURATION, &RESPIRATORY_RATE];
const BLOWING: &[&Measure] = &[&WEIGHT, &HEIGHT, &OXYGEN_SATURATION, &PEAK_FLOW];

const fn shot(vaccine: &'static Code, at: f64, dose: u32) -> Shot {
    Shot { vaccine, at, dose }
}

pub(crate) static STORY: Story = Story {
    slug: "asthma-child",
    title: "Child with asthma: growth, vaccines and a winter attack",
    age_years: (8, 10),
    months: None,
    home: Role::Pediatrics,
    visits: &[
        Visit {
            kind: &WELL_CHILD,
            by: Role::Pediatrics,
            at: &[0.5, 2.0, 4.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0],
            measures: BABY,
            said: &[
                "Feeding well, wakes twice a night. Parents have no worries.",
                "Babbles, laughs, reaches for things. Dry skin on the cheeks.",
                "Sleeps through most nights. Eats what the family eats.",
            ],
            next: &["Growth follows its line. Next well-child visit as scheduled."],
            ..VISIT
        },
        Visit {
            kind: &WELL_CHILD,
            by: Role::Pediatrics,
            every: Some((36.0, 12.0, ALWAYS)),
            measures: CHILD,
            said: &[
                "Likes school, plays football. Coughs after running in cold air.",
                "Speaks well, many friends. Sees the dentist.",
            ],
            next: &["Growth follows its line. See again in a year."],
            ..VISIT
        },
        Visit {
            kind: &FOR_PROBLEM,
            by: Role::Pediatrics,
            at: &[44.0],
            why: Some(&ASTHMA),
            measures: BREATHING,
            readings: &[(&OXYGEN_SATURATION, 96.0), (&RESPIRATORY_RATE, 26.0)],
            said: &[
                "Third wheezy cough this winter, wakes at night. Better within minutes after the inhaler.",
            ],
            next: &["Treat as asthma. Inhaler and spacer shown, parents can do it."],
            ..VISIT
        },
        Visit {
            kind: &EMERGENCY,
            by: Role::Emergency,
            at: &[57.0],
            why: Some(&ASTHMA_ATTACK),
            measures: &[&TEMPERATURE, &HEART_RATE, &RESPIRATORY_RATE, &OXYGEN_SATURATION],
            readings: &[
                (&OXYGEN_SATURATION, 91.0),
                (&RESPIRATORY_RATE, 36.0),
                (&HEART_RATE, 138.0),
                (&TEMPERATURE, 37.8),
            ],
            said: &[
                "Short of breath since the evening after two days of a cold. Speaks in short sentences, wheeze on both sides. Three rounds of albuterol, clear improvement.",
            ],
            next: &[
                "Home with prednisone for five days. Start a daily inhaler; see the pediatrician this week.",
            ],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            by: Role::Pediatrics,
            at: &[57.7, 63.0],
            every: Some((66.0, 6.0, ALWAYS)),
            why: Some(&ASTHMA),
            measures: BLOWING,
            said: &[
                "Needs the blue inhaler about once a week. Sleeps through.",
                "No attack since the last visit. Forgets the daily puffs on weekends.",
            ],
            next: &["Continue the daily inhaler through the winter.", "Action plan gone through again."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &ECZEMA, onset: 3.5, ends: Some((40.0, "resolved")) },
        Problem { what: &ASTHMA, onset: 43.0, ends: None },
        Problem { what: &ASTHMA_ATTACK, onset: 57.0, ends: Some((57.4, "resolved")) },
    ],
    courses: &[
        Course { drug: &ALBUTEROL, from: 44.0, stops: None, why: &ASTHMA },
        Course {
            drug: &PREDNISONE_CHILD,
            from: 57.0,
            stops: Some((57.2, "course finished")),
            why: &ASTHMA_ATTACK,
        },
        Course { drug: &FLUTICASONE, from: 57.7, stops: None, why: &ASTHMA },
    ],
    levels: &[
        Level {
            of: &PEAK_FLOW,
            curve: &[(57.0, 118.0), (66.0, 150.0), (84.0, 190.0), (100.0, 225.0), (120.0, 262.0)],
            spread: 8.0,
        },
        Level {
            of: &HEART_RATE,
            curve: &[(0.0, 142.0), (12.0, 122.0), (36.0, 104.0), (72.0, 92.0), (120.0, 84.0)],
            spread: 4.0,
        },
        Level {
            of: &RESPIRATORY_RATE,
            curve: &[(0.0, 38.0), (24.0, 28.0), (60.0, 22.0), (120.0, 19.0)],
            spread: 1.0,
        },
    ],
    shots: &[
        shot(&HEPATITIS_B, 0.5, 1),
        shot(&HEPATITIS_B, 2.0, 2),
        shot(&ROTAVIRUS, 2.0, 1),
        shot(&DTAP, 2.0, 1),
        shot(&HIB, 2.0, 1),
        shot(&PNEUMOCOCCAL_13, 2.0, 1),
        shot(&POLIO, 2.0, 1),
        shot(&ROTAVIRUS, 4.0, 2),
        shot(&DTAP, 4.0, 2),
        shot(&HIB, 4.0, 2),
        shot(&PNEUMOCOCCAL_13, 4.0, 2),
        shot(&POLIO, 4.0, 2),
        shot(&HEPATITIS_B, 6.0, 3),
        shot(&DTAP, 6.0, 3),
        shot(&PNEUMOCOCCAL_13, 6.0, 3),
        shot(&POLIO, 9.0, 3),
        shot(&HIB, 12.4, 3),
        shot(&PNEUMOCOCCAL_13, 12.4, 4),
        shot(&MMR, 12.4, 1),
        shot(&VARICELLA, 12.4, 1),
        shot(&HEPATITIS_A, 12.4, 1),
        shot(&DTAP, 15.4, 4),
        shot(&HEPATITIS_A, 18.4, 2),
        shot(&DTAP, 48.4, 5),
        shot(&POLIO, 48.4, 4),
        shot(&MMR, 48.4, 2),
        shot(&VARICELLA, 48.4, 2),
    ],
    allergies: &[Allergy {
        code: &acts::PEANUT_ALLERGY,
        category: "food",
        criticality: "low",
        manifestation: &acts::WHEALS,
        severity: "mild",
        onset: 17.0,
    }],
    plans: &[Plan {
        category: &acts::ASTHMA_PLAN,
        title: "Asthma action plan",
        why: &ASTHMA,
        from: 57.7,
        until: None,
        activities: &[
            "Daily inhaler with the spacer, morning and evening",
            "Blue inhaler before sports and when wheezing",
            "Yellow zone: peak flow under 80 % of the best",
        ],
    }],
    incidents: (2, 4),
    ..BLANK
};
