//! A healthy adult with a yearly check: what an unremarkable record looks like.

use super::FULL;
use crate::demo_data::{
    story::{ALWAYS, BLANK, Level, Shot, Story, VISIT, Visit},
    terms::{
        acts::CHECK_UP,
        measures::BLOOD_PRESSURE,
        panels::{BLOOD_COUNT, DIABETES, LIPIDS, METABOLIC, VITAMINS},
        vaccines::TDAP,
    },
};

pub(crate) static STORY: Story = Story {
    slug: "healthy",
    title: "Healthy adult with a yearly check",
    age_years: (26, 49),
    months: Some((60, 84)),
    bmi: (20.5, 25.5),
    weight: &[(0.0, 0.0), (84.0, 3.0)],
    visits: &[Visit {
        kind: &CHECK_UP,
        every: Some((0.0, 12.0, ALWAYS)),
        measures: FULL,
        panels: &[&BLOOD_COUNT, &METABOLIC, &LIPIDS, &DIABETES, &VITAMINS],
        said: &[
            "Feels well. Sport twice a week, no medicine.",
            "No complaints; here because the employer pays for it.",
            "Back to running after the winter. Sleeps well.",
        ],
        next: &["All well. See again in a year.", "Nothing to treat; vitamin D in winter is fine."],
        ..VISIT
    }],
    levels: &[Level { of: &BLOOD_PRESSURE, curve: &[(0.0, 116.0), (84.0, 120.0)], spread: 5.0 }],
    shots: &[Shot { vaccine: &TDAP, at: 24.0, dose: 1 }],
    incidents: (2, 4),
    ..BLANK
};
