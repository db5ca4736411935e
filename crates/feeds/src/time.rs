//! Times of HL7 (`YYYY[MM[DD[HHMM[SS[.S]]]]][+-ZZZZ]`, v2 and CDA alike) as FHIR writes them.

/// A date; what is finer is left out.
pub(crate) fn date(text: &str) -> Option<String> {
    let (digits, _) = split(text)?;
    let day = &digits[..digits.len().min(8)];
    let (year, month, day) = parts(day)?;
    Some(match (month, day) {
        (None, _) => format!("{year:04}"),
        (Some(month), None) => format!("{year:04}-{month:02}"),
        (Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
    })
}

/// A date, or a time with an offset: its own, or else `offset`.
pub(crate) fn date_time(text: &str, offset: &str) -> Option<String> {
    let (digits, own) = split(text)?;
    let day = date(text)?;
    if digits.len() < 12 {
        // An hour alone is no time in FHIR.
        return Some(day);
    }
    let number = |at: usize, max: u32| {
        let value: u32 = digits.get(at..at + 2)?.parse().ok()?;
        (value <= max).then_some(value)
    };
    let (hour, minute) = (number(8, 23)?, number(10, 59)?);
    let second = if digits.len() >= 14 { number(12, 60)?.min(59) } else { 0 };
    let offset = match own {
        Some(own) => written_offset(own)?,
        None => offset.to_owned(),
    };
    Some(format!("{day}T{hour:02}:{minute:02}:{second:02}{offset}"))
}

/// A time with an offset, or nothing.
pub(crate) fn instant(text: &str, offset: &str) -> Option<String> {
    date_time(text, offset).filter(|time| time.contains('T'))
}

/// A time of day: `HHMM[SS]`.
pub(crate) fn of_day(text: &str) -> Option<String> {
    let digits = text.split(['.', '+', '-']).next().unwrap_or_default();
    let number = |at: usize, max: u32| {
        let value: u32 = digits.get(at..at + 2)?.parse().ok()?;
        (value <= max).then_some(value)
    };
    let second = if digits.len() >= 6 { number(4, 59)? } else { 0 };
    Some(format!("{:02}:{:02}:{second:02}", number(0, 23)?, number(2, 59)?))
}

/// Whether a text is an offset as FHIR writes it.
pub fn is_offset(text: &str) -> bool {
    let plain: String = text.chars().filter(|character| *character != ':').collect();
    text == "Z" || (text.len() == 6 && written_offset(&plain).as_deref() == Some(text))
}

/// The digits before a fraction, and the offset.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim();
    let (time, offset) = match text.find(['+', '-']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let digits = time.split('.').next().unwrap_or_default();
    let fine = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    fine.then_some((digits, offset))
}

fn parts(digits: &str) -> Option<(u32, Option<u32>, Option<u32>)> {
    let number = |from: usize, to: usize| digits.get(from..to).map(|part| part.parse::<u32>().ok());
    let year = number(0, 4)??;
    let month = number(4, 6).map_or(Some(None), |month| month.map(Some))?;
    let day = number(6, 8).map_or(Some(None), |day| day.map(Some))?;
    let fits = year > 0
        && month.is_none_or(|month| (1..=12).contains(&month))
        && day.is_none_or(|day| (1..=days(year, month.unwrap_or(1))).contains(&day));
    fits.then_some((year, month, day))
}

fn days(year: u32, month: u32) -> u32 {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

fn written_offset(text: &str) -> Option<String> {
    let sign = text.chars().next().filter(|sign| ['+', '-'].contains(sign))?;
    let number = |from: usize| text.get(from..from + 2).and_then(|part| part.parse::<u32>().ok());
    let (hours, minutes) = (number(1)?, number(3)?);
    (text.len() == 5 && hours <= 14 && minutes <= 59).then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_fhir_writes_them() {
        for (text, expected) in [
            ("2024", Some("2024")),
            ("202402", Some("2024-02")),
            ("20240229", Some("2024-02-29")),
            ("20230229", None),
            ("20241301", None),
            ("2024022914", Some("2024-02-29")),
            ("202402291405", Some("2024-02-29T14:05:00+01:00")),
            ("20240229140530", Some("2024-02-29T14:05:30+01:00")),
            ("20240229140530.1234-0500", Some("2024-02-29T14:05:30-05:00")),
            ("202402292505", None),
            ("20240229140530+9900", None),
            ("0000", None),
            ("", None),
            ("yesterday", None),
            ("２０２４", None),
        ] {
            assert_eq!(date_time(text, "+01:00").as_deref(), expected, "{text}");
        }
        assert_eq!(date("202402291405").as_deref(), Some("2024-02-29"));
        assert_eq!(instant("20240229", "Z"), None);
        assert_eq!(of_day("1405").as_deref(), Some("14:05:00"));
        assert_eq!(of_day("2505"), None);
    }

    #[test]
    fn an_offset_is_what_fhir_takes() {
        for (text, fine) in [
            ("Z", true),
            ("+01:00", true),
            ("-05:30", true),
            ("+0100", false),
            ("+25:00", false),
            ("", false),
        ] {
            assert_eq!(is_offset(text), fine, "{text}");
        }
    }
}
