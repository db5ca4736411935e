//! Acknowledgements, original mode: HL7 v2.9, chapter 2.9.2.

use super::Message;

/// How a message ended here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `AA`: what it says is stored, durably.
    Stored,
    /// `AE`: it is kept, durably, for a person to look at; sending it again changes nothing.
    Kept,
    /// `AR`: it is not here; it may be sent again, unless its kind is not taken.
    Refused,
}

impl Verdict {
    fn code(self) -> &'static str {
        match self {
            Self::Stored => "AA",
            Self::Kept => "AE",
            Self::Refused => "AR",
        }
    }
}

/// The answer to a message, as bytes of ASCII. `reason` holds nothing of the message.
///
/// Without a message, because it could not be read, the answer names none.
pub fn ack(message: Option<&Message>, verdict: Verdict, reason: &str) -> Vec<u8> {
    let (separator, encoding, [application, facility, to_application, to_facility]) =
        message.map_or(('|', "^~\\&", [""; 4]), Message::addresses);
    let head = message.map(Message::head);
    let (control, version, processing, trigger) = head
        .map_or_else(Default::default, |head| (head.control, head.version, head.processing, head.trigger));
    let s = separator;
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    let control = raw(&control, separator, encoding);
    let mut segments = vec![
        format!(
            "MSH{s}{encoding}{s}{to_application}{s}{to_facility}{s}{application}{s}{facility}{s}{s}{s}ACK{}{}{s}{control}{s}{}{s}{}",
            encoding.chars().next().unwrap_or('^'),
            raw(&trigger, separator, encoding),
            or(raw(&processing, separator, encoding), "P"),
            or(raw(&version, separator, encoding), "2.5.1"),
        ),
        format!("MSA{s}{}{s}{control}", verdict.code()),
    ];
    if verdict != Verdict::Stored {
        let severity = if verdict == Verdict::Kept { "E" } else { "F" };
        segments
            .push(format!("ERR{s}{s}{s}207{s}{severity}{s}{s}{s}{s}{}", raw(reason, separator, encoding)));
    }
    let mut text = segments.join("\r");
    text.push('\r');
    text.chars()
        .map(|c| if c.is_ascii() && (c == '\r' || !c.is_ascii_control()) { c as u8 } else { b'?' })
        .collect()
}

/// A text that separates nothing.
fn raw(text: &str, separator: char, encoding: &str) -> String {
    text.chars().filter(|c| *c != separator && !encoding.contains(*c) && !c.is_control()).collect()
}
