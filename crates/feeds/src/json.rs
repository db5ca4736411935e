//! JSON whose decimals keep their digits: `1.50` stays `1.50`, for its zero says how exact it is.
//!
//! `serde_json` reads a number as a float. So a decimal is kept as a string with a mark before it, which no text of a
//! message holds ([`crate::resource::plain`] takes control characters out), and the mark is taken away on writing.

use serde_json::Value;

/// Stands before the digits of a decimal.
const MARK: char = '\u{1}';
/// Longest decimal; FHIR asks for 18 digits.
const DECIMAL_BYTES_MAX: usize = 40;

/// A decimal as it is written; `None` for what JSON would not take for a number.
pub(crate) fn decimal(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let digits = if digits.starts_with('.') { format!("0{digits}") } else { digits.to_owned() };
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole_trimmed = whole.trim_start_matches('0');
    let whole_written = if whole_trimmed.is_empty() { "0" } else { whole_trimmed };
    if !all_digits(whole) || !all_digits(fraction) || digits.len() > DECIMAL_BYTES_MAX {
        return None;
    }
    let rest = digits.split_once('.').map(|(_, fraction)| format!(".{fraction}")).unwrap_or_default();
    Some(Value::String(format!("{MARK}{sign}{whole_written}{rest}")))
}

/// Reads JSON; every number keeps its digits.
///
/// `None` if it is no JSON, or holds the control character of the mark, which no FHIR text may hold.
pub fn from_text(text: &str) -> Option<Value> {
    if text.contains("\\u0001") {
        return None;
    }
    serde_json::from_str(&mark_numbers(text)).ok()
}

/// Puts every number of a JSON text between quotes, after the mark.
fn mark_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let (mut in_text, mut escaped, mut in_number) = (false, false, false);
    for character in text.chars() {
        let numeric = character.is_ascii_digit() || "+-.eE".contains(character);
        if in_number && !numeric {
            out.push('"');
            in_number = false;
        }
        if in_text {
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character == '"' {
            in_text = true;
        } else if !in_number && (character.is_ascii_digit() || character == '-') {
            out.push_str("\"\\u0001");
            in_number = true;
        }
        out.push(character);
    }
    if in_number {
        out.push('"');
    }
    out
}

/// Writes JSON; decimals as they were.
pub fn to_text(value: &Value) -> String {
    let marked = value.to_string();
    let mut out = String::with_capacity(marked.len());
    let mut rest = marked.as_str();
    while let Some((before, after)) = rest.split_once("\"\\u0001") {
        let (number, after) = after.split_once('"').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(number);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether two values say the same; decimals by their value.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(one, other)| same(one, other))
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.total_cmp(&right).is_eq(),
            _ => left == right,
        },
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.strip_prefix(MARK)?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits_and_what_is_none_is_refused() {
        for (text, written) in [
            ("1.50", Some("1.50")),
            ("-0.10", Some("-0.10")),
            (" +7 ", Some("7")),
            (".5", Some("0.5")),
            ("007", Some("7")),
            ("0", Some("0")),
            ("1.", None),
            ("1e5", None),
            ("1,5", None),
            ("", None),
            ("-", None),
            ("<5", None),
        ] {
            assert_eq!(decimal(text).map(|value| to_text(&value)).as_deref(), written, "{text}");
        }
    }

    #[test]
    fn json_is_written_as_it_was_read() {
        for text in [
            r#"{"a":1.50,"b":[-1,2.0e5,"3",true,null],"c":"say \"1.50\" \\"}"#,
            r#"{"value":0.10}"#,
            "[]",
            "1.0",
        ] {
            assert_eq!(to_text(&from_text(text).expect(text)), text);
        }
    }

    #[test]
    fn decimals_are_compared_by_value() {
        let of = |text| from_text(text).expect("json");
        assert!(same(&of(r#"{"a":[1.50]}"#), &serde_json::json!({ "a": [1.5] })));
        assert!(!same(&of(r#"{"a":1.50}"#), &serde_json::json!({ "a": "1.5" })));
    }
}
