//! The time of day, in the unit of the ledger.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> anyhow::Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// A time as people read it, to the minute: `2026-03-01 14:05 UTC`.
pub(crate) fn words(time_ms: u64) -> String {
    let seconds = time_ms / 1_000;
    let days = i32::try_from(seconds / 86_400).unwrap_or(i32::MAX);
    let day = crate::demo_data::Date::ymd(1970, 1, 1).plus_days(days).iso();
    format!("{day} {:02}:{:02} UTC", seconds / 3_600 % 24, seconds / 60 % 60)
}
