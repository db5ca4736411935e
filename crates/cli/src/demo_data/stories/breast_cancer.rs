//! Breast cancer found by screening, treated, and years of good checks since.

use super::{BRIEF, FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ACT, ALWAYS, Act, BLANK, Course, Level, Plan, Problem, Sex, Shot, Story, VISIT, Visit},
    terms::{
        acts::{self, ADMISSION, CHECK_UP, FOLLOW_UP, SPECIALIST},
        drugs::{ANASTROZOLE, ATORVASTATIN_20},
        measures::*,
        panels::{BLOOD_COUNT, LIPIDS, LIVER, TUMOUR_MARKER, VITAMINS},
        problems::{BREAST_CANCER, HYPERLIPIDEMIA},
        vaccines::ZOSTER,
    },
};

const CLEAR: (&acts::VisitKind, &str) =
    (&SPECIALIST, "Scar without change, both sides without finding. BI-RADS 2.");

pub(crate) static STORY: Story = Story {
    slug: "breast-cancer",
    title: "Breast cancer survivor, found early by screening",
    sex: Some(Sex::Female),
    age_years: (56, 71),
    months: Some((78, 84)),
    bmi: (23.0, 28.0),
    weight: &[(0.0, 0.0), (14.0, 0.5), (20.0, -3.0), (40.0, 1.5), (90.0, 2.0)],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, ALWAYS)),
            measures: FULL,
            panels: &[&LIPIDS, &VITAMINS],
            said: &["Well. Goes to choir and to the gym."],
            next: &["Screening mammography at the next check."],
            later: &[
                (
                    12.0,
                    &["Well, no complaints. Screening was this morning."],
                    &["Call as soon as the mammography is read."],
                ),
                (
                    20.0,
                    &[
                        "Hot flushes, manageable. Knees ache in the morning.",
                        "Back in the choir, works again.",
                    ],
                    &["Bone density every two years. Screening as planned."],
                ),
            ],
            ..VISIT
        },
        Visit {
            kind: &SPECIALIST,
            by: Role::Oncology,
            at: &[13.5],
            why: Some(&BREAST_CANCER),
            measures: ROUTINE,
            panels: &[&BLOOD_COUNT, &LIVER, &TUMOUR_MARKER],
            said: &[
                "Screening showed 14 mm in the left breast; biopsy: hormone-receptor positive, HER2 negative. Came with her daughter.",
            ],
            next: &["Breast-conserving operation, then radiotherapy and five years of anastrozole."],
            ..VISIT
        },
        Visit {
            kind: &ADMISSION,
            by: Role::Oncology,
            at: &[14.3],
            why: Some(&BREAST_CANCER),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &TEMPERATURE, &OXYGEN_SATURATION],
            panels: &[&BLOOD_COUNT],
            said: &[
                "Lumpectomy left with sentinel node. Margins clear, node free. Wound dry, pain well controlled.",
            ],
            next: &["Home on the second day. Wound check in ten days, radiotherapy planning."],
            nights: 2,
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            by: Role::Oncology,
            at: &[16.0, 17.5],
            why: Some(&BREAST_CANCER),
            measures: ROUTINE,
            panels: &[&BLOOD_COUNT],
            said: &["Skin a little red after radiotherapy, tired in the afternoons."],
            next: &["Cream for the skin. Start anastrozole."],
            ..VISIT
        },
        Visit {
            kind: CLEAR.0,
            by: Role::Oncology,
            every: Some((21.0, 6.0, ALWAYS)),
            why: Some(&BREAST_CANCER),
            measures: BRIEF,
            panels: &[&TUMOUR_MARKER],
            said: &[
                "No new lumps, no bone pain. Stiff fingers in the morning.",
                "Feels strong, works again. Arm moves freely, no swelling.",
            ],
            next: &["No sign of recurrence. Next check in half a year."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &BREAST_CANCER, onset: 12.6, ends: Some((19.0, "remission")) },
        Problem { what: &HYPERLIPIDEMIA, onset: 36.0, ends: None },
    ],
    courses: &[
        Course {
            drug: &ANASTROZOLE,
            from: 17.5,
            stops: Some((77.5, "five years completed")),
            why: &BREAST_CANCER,
        },
        Course { drug: &ATORVASTATIN_20, from: 36.0, stops: None, why: &HYPERLIPIDEMIA },
    ],
    levels: &[
        Level {
            of: &CA15_3,
            curve: &[(0.0, 26.0), (13.5, 34.0), (16.0, 21.0), (27.0, 15.0), (90.0, 14.0)],
            spread: 2.0,
        },
        Level {
            of: &HEMOGLOBIN,
            curve: &[(0.0, 13.6), (14.3, 13.2), (16.0, 11.7), (20.0, 12.9), (90.0, 13.4)],
            spread: 0.2,
        },
        Level { of: &LEUKOCYTES, curve: &[(0.0, 6.4), (16.5, 3.8), (24.0, 5.8)], spread: 0.4 },
        Level { of: &CHOLESTEROL, curve: &[(0.0, 218.0), (36.0, 242.0), (48.0, 184.0)], spread: 8.0 },
    ],
    procedures: &[
        Act {
            what: &acts::MAMMOGRAPHY,
            at: 12.2,
            report: Some((
                &acts::MAMMOGRAM_REPORT,
                "Left breast, upper outer quadrant: spiculated mass of 14 mm. BI-RADS 5, biopsy advised.",
            )),
            ..ACT
        },
        Act {
            what: &acts::LUMPECTOMY,
            at: 14.3,
            why: Some(&BREAST_CANCER),
            site: Some(&acts::LEFT_BREAST),
            ..ACT
        },
        Act {
            what: &acts::RADIOTHERAPY,
            at: 16.0,
            why: Some(&BREAST_CANCER),
            site: Some(&acts::LEFT_BREAST),
            ..ACT
        },
        Act {
            what: &acts::MAMMOGRAPHY,
            at: 27.0,
            every: Some((12.0, ALWAYS)),
            why: Some(&BREAST_CANCER),
            report: Some((&acts::MAMMOGRAM_REPORT, CLEAR.1)),
            ..ACT
        },
    ],
    shots: &[Shot { vaccine: &ZOSTER, at: 48.0, dose: 1 }],
    plans: &[Plan {
        category: &acts::CANCER_PLAN,
        title: "After breast cancer",
        why: &BREAST_CANCER,
        from: 17.5,
        until: None,
        activities: &[
            "Oncology check every six months for five years",
            "Mammography once a year",
            "Bone density every two years while on anastrozole",
        ],
    }],
    incidents: (0, 2),
    ..BLANK
};
