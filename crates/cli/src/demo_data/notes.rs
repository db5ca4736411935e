//! Clinical notes in plain words, made only from the facts of the visit.

use super::{
    body::Reading,
    directory::PractitionerInfo,
    resources::interpretation,
    story::Sex,
    terms::{drugs::Drug, labels::Label, measures::Measure, problems::Diagnosis},
};
use std::fmt::Write;

/// What is known when the note is written.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) said: &'static str,
    pub(crate) next: &'static str,
    pub(crate) reason: Option<&'static Diagnosis>,
    /// Reading, and the number of the time before.
    pub(crate) measured: Vec<(&'static Measure, Reading, Option<f64>)>,
    pub(crate) diagnosed: Vec<&'static Diagnosis>,
    pub(crate) started: Vec<(&'static Drug, Option<Label>)>,
    pub(crate) stopped: Vec<(&'static Drug, &'static str, Option<Label>)>,
    pub(crate) done: Vec<(String, Option<Label>)>,
}

/// The note. Facts with another label than the visit's are left out, so that a note can be shared as labelled.
pub(crate) fn text(
    facts: &Facts,
    age_years: u32,
    sex: Sex,
    by: &PractitionerInfo,
    label: Option<Label>,
) -> String {
    let may_tell = |of: Option<Label>| of.is_none() || of == label;
    let mut note = match facts.reason {
        Some(reason) => format!("{}, seen for {}.\n", who(age_years, sex), reason.name),
        None => format!("{}, seen for a check.\n", who(age_years, sex)),
    };
    let _ = writeln!(note, "{}\n", facts.said);
    let readings: Vec<String> =
        facts.measured.iter().filter(|(measure, ..)| may_tell(measure.label)).map(reading).collect();
    if !readings.is_empty() {
        let _ = writeln!(note, "Findings: {}.\n", readings.join("; "));
    }
    for what in facts.diagnosed.iter().filter(|what| may_tell(what.label)) {
        let _ = writeln!(note, "New on the problem list: {}.", what.name);
    }
    for (what, _) in facts.done.iter().filter(|(_, label)| may_tell(*label)) {
        let _ = writeln!(note, "Done: {what}.");
    }
    for (drug, _) in facts.started.iter().filter(|(_, label)| may_tell(*label)) {
        let _ = writeln!(note, "Started {}. {}", drug.name, drug.sig);
    }
    for (drug, why, _) in facts.stopped.iter().filter(|(_, _, label)| may_tell(*label)) {
        let _ = writeln!(note, "Stopped {}: {why}.", drug.name);
    }
    let _ = write!(note, "Plan: {}\n\n{}, {}\n", facts.next, by.name, by.specialty);
    note
}

fn who(age_years: u32, sex: Sex) -> String {
    match (age_years, sex) {
        (0, Sex::Female) => "Baby girl".to_owned(),
        (0, Sex::Male) => "Baby boy".to_owned(),
        (1..=17, Sex::Female) => format!("{age_years}-year-old girl"),
        (1..=17, Sex::Male) => format!("{age_years}-year-old boy"),
        (_, Sex::Female) => format!("{age_years}-year-old woman"),
        (_, Sex::Male) => format!("{age_years}-year-old man"),
    }
}

fn reading((measure, reading, before): &(&'static Measure, Reading, Option<f64>)) -> String {
    match reading {
        Reading::Pressure(systolic, diastolic) => format!("{} {systolic}/{diastolic}", measure.name),
        Reading::Detected(true) => format!("{} positive", measure.name),
        Reading::Detected(false) => format!("{} negative", measure.name),
        Reading::Number(value) => {
            let decimals = usize::from(measure.decimals);
            let below = measure.detection_limit.filter(|limit| value < limit);
            let shown =
                below.map_or_else(|| format!("{value:.decimals$}"), |limit| format!("<{limit:.decimals$}"));
            let unit = if measure.unit.starts_with('{') || measure.unit.starts_with('/') {
                ""
            } else {
                measure.unit
            };
            let flag = match interpretation(measure, *value).0 {
                "H" => "high",
                "L" => "low",
                _ => "",
            };
            let before = before
                .filter(|before| (before - value).abs() > f64::EPSILON && below.is_none())
                .map(|before| format!("was {before:.decimals$}"))
                .unwrap_or_default();
            let aside: Vec<&str> = [flag, &before].into_iter().filter(|words| !words.is_empty()).collect();
            let aside = if aside.is_empty() { String::new() } else { format!(" ({})", aside.join(", ")) };
            format!("{} {shown} {unit}", measure.name).trim_end().to_owned() + &aside
        }
    }
}

/// The conclusion of a laboratory report.
pub(crate) fn conclusion(results: &[(&'static Measure, Reading)]) -> String {
    let remark = |(measure, reading): &(&'static Measure, Reading)| match reading {
        Reading::Number(value) => match interpretation(measure, *value).0 {
            "H" => Some(format!("{} above the reference range", measure.name)),
            "L" => Some(format!("{} below the reference range", measure.name)),
            _ => None,
        },
        Reading::Detected(true) => Some(format!("{} positive", measure.name)),
        Reading::Detected(false) | Reading::Pressure(..) => None,
    };
    let remarks: Vec<String> = results.iter().filter_map(remark).collect();
    if remarks.is_empty() { "No abnormal result.".to_owned() } else { format!("{}.", remarks.join("; ")) }
}
