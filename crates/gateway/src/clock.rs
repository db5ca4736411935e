//! The wall clock, in one place.

use std::time::{SystemTime, UNIX_EPOCH};
use time::Date;
use time::format_description::well_known::Iso8601;

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> u64 {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64);
    #[cfg(test)]
    let now_ms = now_ms + AHEAD_MS.with(std::cell::Cell::get);
    now_ms
}

#[cfg(test)]
thread_local! {
    static AHEAD_MS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Lets time pass on this thread, and thereby for a test that runs on one.
#[cfg(test)]
pub(crate) fn advance(by_ms: u64) {
    AHEAD_MS.with(|ahead| ahead.set(ahead.get() + by_ms));
}

/// Seconds since 1970-01-01 UTC.
pub(crate) fn now_s() -> u64 {
    now_ms() / 1_000
}

/// A FHIR instant (<https://hl7.org/fhir/R4/datatypes.html#instant>) in UTC.
pub(crate) fn instant(time_ms: u64) -> String {
    let (days, ms) = (time_ms / 86_400_000, time_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Year, month, day of a day number (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The earliest moment at which somebody born on a FHIR date may have reached an age in years, in milliseconds since
/// 1970-01-01 UTC. Where only the year or the month is known, the first of it counts.
pub(crate) fn birthday_ms(born: &str, years: u16) -> Option<u64> {
    let day = match born.len() {
        4 => format!("{born}-01-01"),
        7 => format!("{born}-01"),
        _ => born.to_owned(),
    };
    let born = Date::parse(&day, &Iso8601::DATE).ok()?;
    let year = born.year().checked_add(i32::from(years))?;
    // Who was born on 29 February has the birthday a day earlier in other years.
    let birthday = match born.replace_year(year) {
        Ok(birthday) => birthday,
        Err(_) => born.previous_day()?.replace_year(year).ok()?,
    };
    let seconds = birthday.midnight().assume_utc().unix_timestamp();
    u64::try_from(seconds).ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_of_age_later_than_the_date_says() {
        for (born, expected) in [
            ("2010-05-17", Some("2028-05-17T00:00:00.000Z")),
            ("2012-02-29", Some("2030-02-28T00:00:00.000Z")),
            ("2010-05", Some("2028-05-01T00:00:00.000Z")),
            ("2010", Some("2028-01-01T00:00:00.000Z")),
            ("1910-05-17", None),
            ("17 May 2010", None),
            ("", None),
        ] {
            assert_eq!(birthday_ms(born, 18).map(instant).as_deref(), expected, "{born}");
        }
    }

    #[test]
    fn instants_are_the_calendars() {
        for (time_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_102_444_800_001, "2100-01-01T00:00:00.001Z"),
        ] {
            assert_eq!(instant(time_ms), text);
        }
    }
}
