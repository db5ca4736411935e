//! Units of measure in the Unified Code for Units of Measure (<https://ucum.org/ucum>): whether a code is one.
//!
//! Architecture invariant: nothing is converted here. The library's conversion is wrong for some units that hospitals use
//! (`g/(24.h)`, temperatures), and no unit tells the molar mass that lies between `mmol/L` and `mg/dL`. The portal converts
//! between the few units of its own table, which a test holds against this library (`tests/portal_units.rs`).

use octofhir_ucum as ucum;

/// UCUM's code system.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// Longest unit in bytes; the longest of HL7's list of common ones has 29.
const UNIT_BYTES_MAX: usize = 96;
/// Deepest parentheses: the library's parser is recursive.
const DEPTH_MAX: usize = 4;
/// Longest number in digits: what 32 bits hold.
const DIGITS_MAX: usize = 9;

/// Whether a text is a valid UCUM code, in UCUM's case-sensitive form.
pub fn is_unit(code: &str) -> bool {
    is_plain(code)
        && without_words(code).is_some_and(|code| atoms_are_known(&code) && ucum::validate(&code).is_ok())
}

/// What the parser may be given: printable ASCII as UCUM has it, short, and not deeper than people write.
fn is_plain(code: &str) -> bool {
    let (mut depth, mut digits, mut in_words) = (0_usize, 0_usize, false);
    for byte in code.bytes() {
        if !(byte.is_ascii_graphic() || byte == b' ' && in_words) {
            return false;
        }
        match byte {
            b'{' => in_words = true,
            b'}' => in_words = false,
            b'(' if !in_words => depth += 1,
            b')' if !in_words => depth = depth.saturating_sub(1),
            _ => {}
        }
        digits = if byte.is_ascii_digit() && !in_words { digits + 1 } else { 0 };
        if depth > DEPTH_MAX || digits > DIGITS_MAX {
            return false;
        }
    }
    (1..=UNIT_BYTES_MAX).contains(&code.len())
}

/// A code without its annotations, which mean nothing: `{beats}/min` is `/min`, `mg/g{creat}` is `mg/g`, and where nothing else
/// is left, `1` (UCUM, 6 and 12). The library knows them behind a unit alone. `None`: braces do not fit.
pub fn without_words(code: &str) -> Option<String> {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, words) = rest.split_at(at);
        let (words, after) = words.strip_prefix('{')?.split_once('}')?;
        if words.contains('{') {
            return None;
        }
        out.push_str(before);
        let stands_alone = out.is_empty() || out.ends_with(['/', '.', '(']);
        if stands_alone && !(out.is_empty() && after.starts_with('/')) {
            out.push('1');
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Whether a code without annotations is made of units of UCUM's list, with one prefix at most, of numbers and exponents, and
/// of an operator between two. The library takes any word in square brackets for a unit, `mcg` for one with two prefixes, and
/// `mg/` for a whole code.
fn atoms_are_known(code: &str) -> bool {
    let (mut start, mut in_brackets) = (0, false);
    for (at, sign) in code.char_indices() {
        match sign {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '.' | '/' | '(' | ')' if !in_brackets => {
                let before = &code[start..at];
                // Nothing stands before the first division, an opening parenthesis, or after a closing one.
                let may_be_empty = sign == '(' || code[..at].ends_with(')') || (sign == '/' && at == 0);
                if !(before.is_empty() && may_be_empty || is_atom(before)) {
                    return false;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = &code[start..];
    !in_brackets && (is_atom(last) || last.is_empty() && code.ends_with(')'))
}

/// A number, or a unit with its prefix and exponent.
fn is_atom(text: &str) -> bool {
    let bare = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    if bare.is_empty() {
        return !text.is_empty();
    }
    let bare = if bare.len() < text.len() { bare.strip_suffix(['-', '+']).unwrap_or(bare) } else { bare };
    let is_listed = |unit: &str| ucum::find_unit(unit).is_some_and(|found| found.code == unit);
    // Prefixes have one letter or two.
    let with_prefix = |letters: usize| {
        bare.is_char_boundary(letters)
            && letters < bare.len()
            && ucum::find_prefix(&bare[..letters]).is_some()
            && is_listed(&bare[letters..])
    };
    matches!(bare, "10*" | "10^") || is_listed(bare) || with_prefix(1) || with_prefix(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_hospitals_use_are_valid_and_their_misspellings_are_not() {
        let wrong = |codes: &[&str], expected: bool| -> Vec<String> {
            codes.iter().filter(|code| is_unit(code) != expected).map(|code| (*code).to_owned()).collect()
        };
        let valid = [
            "mg/dL",
            "mmol/L",
            "%",
            "mm[Hg]",
            "cm[H2O]",
            "Cel",
            "[degF]",
            "kg",
            "[lb_av]",
            "[in_i]",
            "cm",
            "/min",
            "{beats}/min",
            "{score}",
            "{#}/uL",
            "10*3/uL",
            "10*9/L",
            "10*-3",
            "[IU]/L",
            "m[IU]/mL",
            "U/L",
            "g/dL",
            "meq/L",
            "umol/L",
            "fL",
            "pg",
            "mg/g{creat}",
            "mL/min/{1.73_m2}",
            "[pH]",
            "1",
            "kg/m2",
            "mosm/kg",
            "g/(24.h)",
            "/[HPF]",
            "a",
            "mo",
            "wk",
            "%{WBC}",
            "[ppm]",
            "ug/mL{FEU}",
            "mm/h",
            "[oz_av]",
            "K/uL",
        ];
        assert_eq!(wrong(&valid, true), Vec::<String>::new(), "valid");
        let not = [
            "",
            " ",
            "bpm",
            "mmHg",
            "degC",
            "mg/dl ",
            "lbs",
            "µg",
            "mg..g",
            "mg.",
            "ratio",
            "[",
            "{a",
            "mcg",
            "mg/dL/",
            "[foo]",
            "x[Hg]",
            "mg\n",
            "\u{0}",
            "10^3/uL x",
        ];
        assert_eq!(wrong(&not, false), Vec::<String>::new(), "not valid");
    }

    #[test]
    fn words_in_braces_are_left_out() {
        for (code, expected) in [
            ("{beats}/min", Some("/min")),
            ("{score}", Some("1")),
            ("mg/g{creat}", Some("mg/g")),
            ("mL/min/{1.73_m2}", Some("mL/min/1")),
            ("%{WBC}", Some("%")),
            ("{a}.{b}", Some("1.1")),
            ("kg", Some("kg")),
            ("{a", None),
            ("a}", None),
            ("{a{b}", None),
        ] {
            assert_eq!(without_words(code).as_deref(), expected, "{code}");
        }
    }

    #[test]
    fn a_hostile_unit_is_refused_without_being_parsed() {
        for code in [
            "(".repeat(50_000),
            format!("{}m{}", "(".repeat(40), ")".repeat(40)),
            "m.".repeat(50_000),
            format!("m{}", "9".repeat(60)),
            "🦀".repeat(9),
            "[".repeat(90),
        ] {
            assert!(!is_unit(&code));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_judged(
            text in ".{0,40}",
            code in r"[a-zA-Z0-9*^/.(){}\[\]_%'+ -]{0,40}",
        ) {
            let _ = (is_unit(&text), is_unit(&code));
        }
    }
}
