//! How long a record is to be kept, by its category: no I/O.
//!
//! What the law obliges to keep is not erased at a patient's wish (GDPR 17(3)(b)); the ground is shown. Each organisation
//! sets its own rules; the first that names the category counts. A record of which nobody knows when it was made is kept.

use salus_types::category::Category;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, Month, OffsetDateTime};

/// A rule of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// For which categories; none means all.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// Years after the last date that the record names.
    pub years: u16,
    /// The law, in words for the patient.
    pub ground: String,
}

/// The rules where an organisation sets none.
pub fn usual_rules() -> Vec<RetentionRule> {
    vec![
        RetentionRule {
            categories: vec![Category::Claims],
            years: 10,
            ground: "Accounts and claims are to be kept for ten years by tax and commercial law.".into(),
        },
        RetentionRule {
            categories: Vec::new(),
            years: 10,
            ground: "Medical records are to be kept for ten years after treatment.".into(),
        },
    ]
}

/// Whether a record may be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing obliges to keep it.
    Due,
    /// It is to be kept until then (milliseconds since 1970-01-01 UTC; `None`: nobody knows), by this law.
    Kept { until_ms: Option<u64>, ground: String },
}

/// Judges a record by its category and the last date that its versions name.
pub(super) fn judge(
    rules: &[RetentionRule],
    category: Category,
    date: Option<OffsetDateTime>,
    now_ms: u64,
) -> Judgement {
    let rule = rules.iter().find(|rule| rule.categories.is_empty() || rule.categories.contains(&category));
    let Some(rule) = rule else { return Judgement::Due };
    let until_ms = date.and_then(|date| end(date, rule.years));
    match until_ms {
        Some(until_ms) if until_ms <= now_ms => Judgement::Due,
        until_ms => Judgement::Kept { until_ms, ground: rule.ground.clone() },
    }
}

fn end(date: OffsetDateTime, years: u16) -> Option<u64> {
    let year = date.year().checked_add(i32::from(years))?;
    // The 29th of February becomes the 1st of March.
    let day = Date::from_calendar_date(year, date.month(), date.day())
        .or_else(|_| Date::from_calendar_date(year, Month::March, 1))
        .ok()?;
    u64::try_from(date.replace_date(day).unix_timestamp()).ok()?.checked_mul(1_000)
}

/// Where R4 resources name the time of what they are about; the latest counts.
const DATES: &[&str] = &[
    "/effectiveDateTime",
    "/effectivePeriod/end",
    "/effectivePeriod/start",
    "/performedDateTime",
    "/performedPeriod/end",
    "/performedPeriod/start",
    "/occurrenceDateTime",
    "/onsetDateTime",
    "/abatementDateTime",
    "/period/end",
    "/period/start",
    "/billablePeriod/end",
    "/servicedDate",
    "/recordedDate",
    "/authoredOn",
    "/issued",
    "/date",
    "/created",
];

/// The latest date that a version names, or when it was stored, if it names none.
pub(super) fn date_of(resource: &Value) -> Option<OffsetDateTime> {
    let named = DATES.iter().filter_map(|at| instant(resource.pointer(at)?.as_str()?)).max();
    named.or_else(|| instant(resource.pointer("/meta/lastUpdated")?.as_str()?))
}

/// The end of what a FHIR date or dateTime names.
fn instant(text: &str) -> Option<OffsetDateTime> {
    if let Ok(instant) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(instant);
    }
    let day = match text.len() {
        4 => format!("{text}-12-31"),
        // Every month has a 28th; three days matter to no law.
        7 => format!("{text}-28"),
        _ => text.to_owned(),
    };
    let date = Date::parse(&day, &Iso8601::DATE).ok()?;
    Some(date.with_hms(23, 59, 59).ok()?.assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> OffsetDateTime {
        instant(text).expect("a date")
    }

    fn ms(text: &str) -> u64 {
        u64::try_from(at(text).unix_timestamp()).expect("later") * 1_000
    }

    #[test]
    fn a_record_is_kept_by_the_first_rule_that_names_its_category() {
        let rules = [
            RetentionRule { categories: vec![Category::Imaging], years: 30, ground: "rays".into() },
            RetentionRule { categories: vec![Category::Vitals], years: 0, ground: "none".into() },
            RetentionRule { categories: vec![], years: 10, ground: "all".into() },
        ];
        let kept = |until: &str, ground: &str| Judgement::Kept {
            until_ms: Some(ms(until)),
            ground: ground.to_owned(),
        };
        for (category, date, now, expected) in [
            (Category::Labs, "2015-05-06", "2025-05-05", kept("2025-05-06", "all")),
            (Category::Labs, "2015-05-06", "2025-05-07", Judgement::Due),
            (Category::Imaging, "2015-05-06", "2025-05-07", kept("2045-05-06", "rays")),
            (Category::Vitals, "2025-05-06", "2025-05-07", Judgement::Due),
            (Category::Labs, "2016-02-29", "2026-02-28", kept("2026-03-01", "all")),
        ] {
            let judged = judge(&rules, category, Some(at(date)), ms(now));
            assert_eq!(judged, expected, "{category} of {date} on {now}");
        }
        let unknown = judge(&rules, Category::Labs, None, ms("2099-01-01"));
        assert_eq!(unknown, Judgement::Kept { until_ms: None, ground: "all".into() });
        assert_eq!(judge(&[], Category::Labs, None, 0), Judgement::Due, "no rule, no duty");
    }

    #[test]
    fn the_latest_date_that_a_record_names_counts() {
        for (resource, expected) in [
            (
                json!({ "effectiveDateTime": "2014", "issued": "2015-03-01T10:00:00Z" }),
                "2015-03-01T10:00:00Z",
            ),
            (json!({ "effectivePeriod": { "start": "2014-01-01", "end": "2014-02" } }), "2014-02-28"),
            (
                json!({ "meta": { "lastUpdated": "2020-01-01T00:00:00.5+01:00" } }),
                "2020-01-01T00:00:00.5+01:00",
            ),
            (
                json!({ "date": "2011-01-02", "meta": { "lastUpdated": "2020-01-01T00:00:00Z" } }),
                "2011-01-02",
            ),
        ] {
            assert_eq!(date_of(&resource), Some(at(expected)), "{resource}");
        }
        for resource in
            [json!({}), json!({ "date": "soon" }), json!({ "date": 7 }), json!({ "date": "2014-13" })]
        {
            assert_eq!(date_of(&resource), None, "{resource}");
        }
    }
}
