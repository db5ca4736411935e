//! A first pregnancy with iron deficiency and a birth at term. The last period begins in month 10.

use super::{FULL, ROUTINE};
use crate::demo_data::{
    directory::Role,
    story::{ACT, ALWAYS, Act, BLANK, Course, Level, Plan, Problem, Sex, Shot, Story, VISIT, Visit},
    terms::{
        acts::{self, ADMISSION, CHECK_UP, FIRST_PRENATAL, FOLLOW_UP, PRENATAL},
        drugs::IRON,
        measures::*,
        panels::{self, BLOOD_COUNT, BOOKING, GLUCOSE_TEST, VITAMINS},
        problems::{IRON_DEFICIENCY, PREGNANCY},
        vaccines::TDAP,
    },
};

const PRENATAL_MEASURES: &[&Measure] =
    &[&BLOOD_PRESSURE, &WEIGHT, &GESTATIONAL_AGE, &FUNDAL_HEIGHT, &FETAL_HEART_RATE];

pub(crate) static STORY: Story = Story {
    slug: "pregnancy",
    title: "First pregnancy, from the test to the check after birth",
    sex: Some(Sex::Female),
    age_years: (27, 36),
    months: Some((36, 48)),
    bmi: (20.5, 25.5),
    weight: &[
        (0.0, 0.0),
        (11.0, 0.0),
        (13.0, 1.0),
        (16.0, 6.0),
        (19.0, 13.0),
        (19.3, 13.4),
        (19.5, 7.5),
        (21.0, 4.5),
        (30.0, 1.0),
    ],
    visits: &[
        Visit {
            kind: &CHECK_UP,
            every: Some((0.0, 12.0, 1.0)),
            measures: FULL,
            panels: &[&BLOOD_COUNT, &VITAMINS],
            said: &["Well. Planning a family next year, asks what to take."],
            next: &["Folic acid from now on."],
            ..VISIT
        },
        Visit {
            kind: &FIRST_PRENATAL,
            by: Role::Obstetrics,
            at: &[11.8],
            why: Some(&PREGNANCY),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &WEIGHT, &HEIGHT, &BMI, &GESTATIONAL_AGE],
            panels: &[&panels::PREGNANCY, &BOOKING],
            said: &[
                "Test at home positive, periods were regular. Queasy in the mornings. First pregnancy, planned.",
            ],
            next: &["Dating by last period. Blood tests today, ultrasound at 20 weeks."],
            ..VISIT
        },
        Visit {
            kind: &PRENATAL,
            by: Role::Obstetrics,
            at: &[12.9, 13.8],
            why: Some(&PREGNANCY),
            measures: &[&BLOOD_PRESSURE, &WEIGHT, &GESTATIONAL_AGE, &FETAL_HEART_RATE],
            said: &["Less queasy, eats well again. No bleeding."],
            next: &["Ultrasound at 20 weeks."],
            ..VISIT
        },
        Visit {
            kind: &PRENATAL,
            by: Role::Obstetrics,
            at: &[14.7, 16.1, 16.9, 17.4, 17.9, 18.3, 18.6, 18.85, 19.05],
            why: Some(&PREGNANCY),
            measures: PRENATAL_MEASURES,
            said: &[
                "Feels the baby move every day. No bleeding, no pain.",
                "Heartburn at night, otherwise well. No headaches.",
                "Some swelling of the feet in the evening. Sleeps on the side.",
            ],
            next: &["Next visit as planned; call if bleeding, fluid or fewer movements."],
            ..VISIT
        },
        Visit {
            kind: &PRENATAL,
            by: Role::Obstetrics,
            at: &[15.6],
            why: Some(&PREGNANCY),
            measures: PRENATAL_MEASURES,
            panels: &[&GLUCOSE_TEST],
            said: &["Short of breath on stairs. Baby moves a lot."],
            next: &["Iron every other day; sugar test is fine."],
            ..VISIT
        },
        Visit {
            kind: &ADMISSION,
            by: Role::Obstetrics,
            at: &[19.25],
            why: Some(&PREGNANCY),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &TEMPERATURE, &GESTATIONAL_AGE, &FETAL_HEART_RATE],
            panels: &[&BLOOD_COUNT],
            said: &[
                "Contractions since the night, waters broke at six. Birth in the afternoon after nine hours, healthy baby, small tear sutured.",
            ],
            next: &["Home after two nights. Midwife visits, check after six weeks."],
            nights: 2,
            ..VISIT
        },
        Visit {
            kind: &FOLLOW_UP,
            by: Role::Obstetrics,
            at: &[20.9],
            why: Some(&PREGNANCY),
            measures: &[&BLOOD_PRESSURE, &HEART_RATE, &WEIGHT, &BMI, &PHQ9],
            panels: &[&panels::IRON],
            said: &["Breastfeeding works. Tired, but in good spirits. No bleeding any more."],
            next: &["Pelvic floor exercises. Back to the family doctor."],
            ..VISIT
        },
        Visit {
            kind: &CHECK_UP,
            every: Some((26.0, 12.0, ALWAYS)),
            measures: ROUTINE,
            panels: &[&panels::IRON, &VITAMINS],
            said: &["Back at work three days a week. Sleep still short."],
            next: &["Iron can stop once ferritin stays above 30."],
            ..VISIT
        },
    ],
    problems: &[
        Problem { what: &PREGNANCY, onset: 10.0, ends: Some((19.3, "resolved")) },
        Problem { what: &IRON_DEFICIENCY, onset: 15.6, ends: Some((27.0, "resolved")) },
    ],
    courses: &[Course {
        drug: &IRON,
        from: 15.6,
        stops: Some((26.0, "stores are full again")),
        why: &IRON_DEFICIENCY,
    }],
    levels: &[
        // Half a week less, so that rounding gives completed weeks.
        Level { of: &GESTATIONAL_AGE, curve: &[(10.0, -0.5), (20.0, 42.98)], spread: 0.0 },
        Level { of: &FUNDAL_HEIGHT, curve: &[(14.6, 20.0), (18.6, 36.5), (19.2, 37.5)], spread: 0.5 },
        Level {
            of: &BLOOD_PRESSURE,
            curve: &[(0.0, 114.0), (12.0, 110.0), (15.0, 106.0), (19.0, 118.0), (21.0, 113.0)],
            spread: 3.0,
        },
        Level {
            of: &HEMOGLOBIN,
            curve: &[(0.0, 13.1), (12.0, 12.6), (15.6, 10.6), (19.2, 11.6), (21.0, 12.1), (27.0, 13.2)],
            spread: 0.2,
        },
        Level { of: &FERRITIN, curve: &[(0.0, 34.0), (15.6, 10.0), (21.0, 24.0), (27.0, 42.0)], spread: 3.0 },
        Level { of: &PREGNANCY_TEST, curve: &[(0.0, 1.0)], spread: 0.0 },
        Level { of: &PHQ9, curve: &[(0.0, 4.0)], spread: 1.0 },
    ],
    procedures: &[
        Act {
            what: &acts::ULTRASOUND,
            at: 14.7,
            why: Some(&PREGNANCY),
            report: Some((
                &acts::FETAL_ULTRASOUND_REPORT,
                "Single fetus, growth as expected for 20 weeks, placenta clear of the cervix, anatomy without finding.",
            )),
            ..ACT
        },
        Act { what: &acts::NORMAL_DELIVERY, at: 19.25, why: Some(&PREGNANCY), ..ACT },
    ],
    shots: &[Shot { vaccine: &TDAP, at: 16.9, dose: 1 }],
    plans: &[Plan {
        category: &acts::PREGNANCY_PLAN,
        title: "Prenatal care",
        why: &PREGNANCY,
        from: 11.8,
        until: Some(19.3),
        activities: &[
            "Visits every four weeks until week 28, then every two, then weekly",
            "Birth plan talked through by week 34",
        ],
    }],
    ..BLANK
};
