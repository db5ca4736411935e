//! Arthritis of the hip, a new joint, and walking again.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ACT, ALWAYS, Act, BLANK, Course, Implant, Level, Problem, Shot, Story, VISIT, Visit},
    terms::{
        acts::{self, ADMISSION, CHECK_UP, FOLLOW_UP, SPECIALIST},
        drugs::*,
        measures::*,
        panels::{BLOOD_COUNT, INFLAMMATION, METABOLIC, STOOL},
        problems::{HIP_ARTHRITIS, HYPERTENSION},
        vaccines::ZOSTER,
    },
};

static PROSTHESIS: Implant = Implant {
    kind: &acts::HIP_PROSTHESIS,
    manufacturer: "Exemplar Orthopedics (fictional)",
    model: "Stride cementless hip, ceramic head 36 mm",
};

pub(crate) static STORY: Story = Story {
    slug: "hip-replacement",
    title: "Hip replacement with an implant, and walking again",
    age_years: (63, 80),
    months: Some((62, 76)),
    bmi: (25.0, 30.0),
    weight: &[(0.0, 0.0), (30.0, 4.0), (34.0, 1.0), (50.0, -1.5), (84.0, -1.0)],
    smoking: &[(-1.0, &acts::EX_SMOKER)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&METABOLIC, &STOOL],
            said: &[
                "Groin hurts on stairs and when putting on socks.",
                "Walks less because of the hip; sleeps badly on the right side.",
            ],
            next: &["Stay active; next check in a year."],
            later: &[(
                36.0,
                &["Gardens again, sleeps on the side without pain.", "Walks every day, hip is forgotten."],
                &["Next check in a year."],
            )],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Orthopedics,
            at: &[9.0, 21.0, 29.0],
            why: Some(&HIP_ARTHRITIS),
            measures: ROUTINE,
            said: &[
                "Walks half a mile with a cane, pain at night. Exercises and tablets help less than before.",
            ],
            next: &["X-ray shows bone on bone. Patient decides for a new joint."],
            ..VISIT
        },
        Visit {
            kind: &ADMISSION,
            by: Role::Orthopedics,
            at: &[31.0],
            why: Some(&HIP_ARTHRITIS),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &TEMPERATURE, &OXYGEN_SATURATION],
            panels: &[&BLOOD_COUNT, &INFLAMMATION],
            readings: &[(&CRP, 68.0), (&LEUKOCYTES, 11.8), (&TEMPERATURE, 37.4), (&HEMOGLOBIN, 10.9)],
            said: &[
                "Total hip replacement right under spinal anaesthesia, 75 minutes, no complication. Stood up on the first day, stairs on the third.",
            ],
            next: &["Home with crutches for six weeks, injections against clots for 28 days, physiotherapy."],
            nights: 4,
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            by: Role::Orthopedics,
            at: &[32.5, 34.0, 37.0, 43.5, 55.5],
            why: Some(&HIP_ARTHRITIS),
            measures: ROUTINE,
            panels: &[&INFLAMMATION],
            said: &["Walks without crutches, scar calm.", "Two miles without pain. Would do it again."],
            next: &["Implant sits well. Next check as planned."],
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            every: Some((6.0, 12.0, ALWAYS)),
            why: Some(&HYPERTENSION),
            measures: ROUTINE,
            said: &["Pressure at home around 130 over 75."],
            next: &["Continue."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &HYPERTENSION, onset: -70.0, ends: None },
        Problem { what: &HIP_ARTHRITIS, onset: -6.0, ends: Some((31.0, "resolved")) },
    ],
    courses: &[
        Course { drug: &LOSARTAN, from: 0.0, stops: None, why: &HYPERTENSION },
        Course {
            drug: &ACETAMINOPHEN,
            from: 0.0,
            stops: Some((34.0, "no pain after the operation")),
            why: &HIP_ARTHRITIS,
        },
        Course { drug: &ENOXAPARIN, from: 31.0, stops: Some((32.0, "course finished")), why: &HIP_ARTHRITIS },
    ],
    levels: &[
        Level { of: &BLOOD_PRESSURE, curve: &[(0.0, 138.0), (30.0, 134.0), (80.0, 130.0)], spread: 4.0 },
        Level {
            of: &CRP,
            curve: &[(0.0, 3.0), (31.0, 60.0), (32.4, 12.0), (34.0, 3.5), (80.0, 2.0)],
            spread: 0.3,
        },
        Level { of: &HEMOGLOBIN, curve: &[(0.0, 14.1), (31.0, 11.0), (37.0, 13.6)], spread: 0.2 },
    ],
    procedures: &[
        Act {
            what: &acts::HIP_REPLACEMENT,
            at: 31.0,
            why: Some(&HIP_ARTHRITIS),
            site: Some(&acts::RIGHT_HIP),
            implant: Some(&PROSTHESIS),
            ..ACT
        },
        Act {
            what: &acts::PHYSICAL_THERAPY,
            at: 32.5,
            every: Some((1.5, 37.0)),
            why: Some(&HIP_ARTHRITIS),
            ..ACT
        },
        Act { what: &acts::COLONOSCOPY, at: 48.0, ..ACT },
    ],
    shots: &[Shot { vaccine: &ZOSTER, at: 12.0, dose: 1 }, Shot { vaccine: &ZOSTER, at: 18.0, dose: 2 }],
    incidents: (0, 2),
    ..BLANK
};
