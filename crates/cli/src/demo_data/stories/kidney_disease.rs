//! Diabetic kidney disease from stage 3a to 4, slowed by medicines.

use super::{BRIEF, FULL};
use crate::demo_data::{
    directory::Role,
    story::{ALWAYS, BLANK, Course, Level, Problem, Story, VISIT, Visit},
    terms::{
        acts::{CHECK_UP, SPECIALIST},
        drugs::*,
        measures::*,
        panels::{KIDNEY, KIDNEY_MINERALS, METABOLIC},
        problems::*,
    },
};

pub(crate) static STORY: Story = Story {
    slug: "kidney-disease",
    title: "Kidney disease from stage 3a to 4, followed by eGFR",
    age_years: (62, 79),
    months: Some((72, 80)),
    bmi: (26.0, 31.0),
    weight: &[(0.0, 0.0), (40.0, -2.0), (84.0, -4.0)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&METABOLIC],
            said: &[
                "Manages the house alone. Ankles swell in summer.",
                "No itching, no cramps. Avoids ibuprofen as told.",
            ],
            next: &["No anti-inflammatory painkillers. Kidney clinic goes on."],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Nephrology,
            at: &[3.0],
            every: Some((9.0, 6.0, 44.0)),
            why: Some(&KIDNEY_3A),
            measures: BRIEF,
            panels: &[&KIDNEY],
            said: &[
                "Home pressure around 135. Foamy urine at times.",
                "Drinks about a litre and a half. Appetite is good.",
            ],
            next: &["Protect the kidneys: pressure below 130, no salt added."],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Nephrology,
            every: Some((45.0, 6.0, 66.0)),
            why: Some(&KIDNEY_3B),
            measures: BRIEF,
            panels: &[&KIDNEY, &KIDNEY_MINERALS],
            said: &[
                "More tired than last year. No nausea.",
                "Sleeps badly because of cramps. Keeps to the diet.",
            ],
            next: &["Anemia and phosphate are watched. Spare the veins of the left arm."],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Nephrology,
            every: Some((69.0, 4.0, ALWAYS)),
            why: Some(&KIDNEY_4),
            measures: BRIEF,
            panels: &[&KIDNEY, &KIDNEY_MINERALS],
            said: &["Talked about what comes if the kidneys get worse. Daughter came along."],
            next: &["Information day about dialysis and transplant. Blood test every three months."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &DIABETES, onset: -110.0, ends: None },
        Problem { what: &HYPERTENSION, onset: -90.0, ends: None },
        Problem { what: &KIDNEY_3A, onset: 0.5, ends: Some((33.0, "inactive")) },
        Problem { what: &KIDNEY_3B, onset: 33.0, ends: Some((69.0, "inactive")) },
        Problem { what: &KIDNEY_4, onset: 69.0, ends: None },
    ],
    courses: &[
        Course { drug: &LISINOPRIL_20, from: 0.0, stops: None, why: &HYPERTENSION },
        Course { drug: &METFORMIN_500, from: 0.0, stops: Some((69.0, "eGFR below 30")), why: &DIABETES },
        Course { drug: &ATORVASTATIN_40, from: 0.0, stops: None, why: &DIABETES },
        Course { drug: &DAPAGLIFLOZIN, from: 33.0, stops: None, why: &KIDNEY_3B },
    ],
    levels: &[
        Level {
            of: &CREATININE,
            curve: &[(0.0, 1.25), (15.0, 1.36), (33.0, 1.62), (48.0, 1.84), (69.0, 2.25), (84.0, 2.42)],
            spread: 0.05,
        },
        Level {
            of: &ALBUMINURIA,
            curve: &[(0.0, 145.0), (33.0, 330.0), (40.0, 240.0), (84.0, 310.0)],
            spread: 25.0,
        },
        Level { of: &POTASSIUM, curve: &[(0.0, 4.5), (84.0, 5.1)], spread: 0.1 },
        Level { of: &BICARBONATE, curve: &[(0.0, 24.5), (84.0, 21.0)], spread: 0.6 },
        Level { of: &UREA, curve: &[(0.0, 24.0), (84.0, 46.0)], spread: 2.0 },
        Level { of: &HEMOGLOBIN, curve: &[(0.0, 13.0), (48.0, 12.1), (84.0, 10.9)], spread: 0.3 },
        Level { of: &PHOSPHATE, curve: &[(0.0, 3.6), (84.0, 4.7)], spread: 0.15 },
        Level { of: &PARATHYRIN, curve: &[(0.0, 52.0), (48.0, 74.0), (84.0, 128.0)], spread: 8.0 },
        Level { of: &BLOOD_PRESSURE, curve: &[(0.0, 144.0), (20.0, 134.0), (84.0, 131.0)], spread: 4.0 },
    ],
    incidents: (0, 1),
    ..BLANK
};
