//! A message with its letters and digits covered: a steward sees how it is built, and nothing of whom it is about.

/// Longest text that is shown, in bytes of the message.
const SHOWN_BYTES_MAX: usize = 32 * 1024;

/// Names of segments that stay.
const SEGMENTS: &[&str] = &[
    "MSH", "EVN", "PID", "PD1", "NK1", "PV1", "PV2", "ORC", "OBR", "OBX", "NTE", "AL1", "DG1", "PR1", "MRG",
    "TXA", "RXA", "RXR", "SPM", "IN1", "GT1",
];

/// The message with everything covered but the names of segments, elements and attributes, and what separates.
pub(super) fn covered(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(SHOWN_BYTES_MAX)).unwrap_or(bytes));
    match text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        true => markup(&text),
        false => segments(&text),
    }
}

fn cover(character: char) -> char {
    match character {
        _ if character.is_ascii_digit() => '9',
        _ if character.is_alphanumeric() => 'x',
        _ => character,
    }
}

fn segments(text: &str) -> String {
    let line = |line: &str| {
        let open = if SEGMENTS.contains(&line.get(..3).unwrap_or_default()) { 3 } else { 0 };
        line.chars().enumerate().map(|(at, c)| if at < open { c } else { cover(c) }).collect::<String>()
    };
    text.split(['\r', '\n']).filter(|text| !text.is_empty()).map(line).collect::<Vec<_>>().join("\n")
}

fn markup(text: &str) -> String {
    let (mut in_tag, mut quote, mut out) = (false, None, String::with_capacity(text.len()));
    for character in text.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            None if in_tag && (character == '"' || character == '\'') => quote = Some(character),
            None if character == '<' => in_tag = true,
            None if character == '>' => in_tag = false,
            None if in_tag => {
                out.push(character);
                continue;
            }
            _ => {
                out.push(cover(character));
                continue;
            }
        }
        out.push(character);
    }
    // A comment is no tag, and may hold anything.
    if text.contains("<!") { out.chars().map(cover).collect() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_message_is_shown_but_how_it_is_built() {
        for (message, shown) in [
            (
                "MSH|^~\\&|LAB\rPID|1||4711^^^HOSP||Doe^Zo\u{eb}\r",
                "MSH|^~\\&|xxx\nPID|9||9999^^^xxxx||xxx^xxx",
            ),
            ("Doe Jane, born 1970", "xxx xxxx, xxxx 9999"),
            ("Doe", "xxx"),
            ("<a b=\"Doe\">Jane <c/></a>", "<a b=\"xxx\">xxxx <c/></a>"),
            ("<a><!-- Doe --></a>", "<x><!-- xxx --></x>"),
            ("{\"family\":\"Doe\"}", "{\"xxxxxx\":\"xxx\"}"),
        ] {
            assert_eq!(covered(message.as_bytes()), shown, "{message}");
        }
    }
}
