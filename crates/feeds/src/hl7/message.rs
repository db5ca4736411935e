//! Segments, fields, repetitions, components: HL7 v2.9, chapter 2. Parts are slices of the text and split only when
//! somebody looks, so that a message of nothing but separators costs no more than its bytes.

use crate::Refusal;
use crate::charset;
use crate::resource::plain;

/// Most segments of a message.
const SEGMENTS_PER_MESSAGE_MAX: usize = 20_000;

/// Most repetitions of a field, but for the lines of a text: each becomes many times its bytes.
const REPEATS_MAX: usize = 64;

/// The characters that separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    field: char,
    component: char,
    repetition: char,
    escape: char,
    subcomponent: char,
}

/// What a message says about itself: MSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// MSH-9.1, such as `ORU`.
    pub code: String,
    /// MSH-9.2, such as `R01`.
    pub trigger: String,
    /// MSH-10.
    pub control: String,
    /// MSH-11.1: `P`, `T`, `D`.
    pub processing: String,
    /// MSH-12.1.
    pub version: String,
}

/// A message, in text.
#[derive(Clone, Debug)]
pub struct Message {
    text: String,
    marks: Marks,
}

/// A segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'m> {
    pub(crate) name: &'m str,
    rest: &'m str,
    marks: Marks,
}

/// A field, or a part of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'m> {
    text: &'m str,
    marks: Marks,
}

impl Message {
    /// Reads it in the character set of MSH-18, or else `charset`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn parse(bytes: &[u8], charset: &str) -> Result<Self, Refusal> {
        if bytes.len() > super::MESSAGE_BYTES_MAX {
            return Err(Refusal::TooLarge("it has too many bytes"));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = charset::text(bytes, charset_of(bytes, charset)?)?;
        let marks = Marks::of(&text)?;
        let message = Self { text, marks };
        if message.segments().nth(SEGMENTS_PER_MESSAGE_MAX).is_some() {
            return Err(Refusal::TooLarge("it has too many segments"));
        }
        let named = |segment: Segment<'_>| {
            segment.name.len() == 3 && segment.name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !message.segments().all(named) {
            return Err(Refusal::Malformed("a segment does not begin with its name"));
        }
        let head = message.head();
        if head.code.is_empty() || head.control.is_empty() {
            return Err(Refusal::Missing("what it is, or its number (MSH-9, MSH-10)"));
        }
        Ok(message)
    }

    /// What it says about itself.
    pub fn head(&self) -> Head {
        let text = |part: Part<'_>| part.value().unwrap_or_default();
        let Some(msh) = self.first("MSH") else {
            return Head {
                code: String::new(),
                trigger: String::new(),
                control: String::new(),
                processing: String::new(),
                version: String::new(),
            };
        };
        Head {
            code: text(msh.field(9).component(1)),
            trigger: text(msh.field(9).component(2)),
            control: text(msh.field(10)),
            processing: text(msh.field(11).component(1)),
            version: text(msh.field(12).component(1)),
        }
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> + Clone {
        let marks = self.marks;
        // `\n` alone, or after `\r`, is against the standard, and common.
        let lines = self.text.split(['\r', '\n']).filter(|line| !line.trim().is_empty());
        lines.map(move |line| {
            let (name, rest) = line.split_once(marks.field).unwrap_or((line, ""));
            Segment { name, rest, marks }
        })
    }

    pub(crate) fn first(&self, name: &str) -> Option<Segment<'_>> {
        self.segments().find(|segment| segment.name == name)
    }

    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = Segment<'_>> {
        self.segments().filter(move |segment| segment.name == name)
    }

    /// MSH-3 to 6 as they stand, and the field separator with the encoding characters: for the answer.
    pub(super) fn addresses(&self) -> (char, &str, [&str; 4]) {
        let Some(msh) = self.first("MSH") else { return ('|', "^~\\&", [""; 4]) };
        let (encoding, _) = msh.rest.split_once(self.marks.field).unwrap_or((msh.rest, ""));
        (self.marks.field, encoding, [3, 4, 5, 6].map(|number| msh.field(number).text))
    }
}

impl Marks {
    fn of(text: &str) -> Result<Self, Refusal> {
        let malformed = Refusal::Malformed("it does not begin with MSH and its separators");
        let mut characters = text.strip_prefix("MSH").ok_or(malformed.clone())?.chars();
        let mut next = || characters.next().filter(|c| c.is_ascii_graphic() && !c.is_ascii_alphanumeric());
        let marks = match (next(), next(), next(), next(), next()) {
            (Some(field), Some(component), Some(repetition), Some(escape), Some(subcomponent)) => {
                Self { field, component, repetition, escape, subcomponent }
            }
            _ => return Err(malformed),
        };
        let all = [marks.field, marks.component, marks.repetition, marks.escape, marks.subcomponent];
        let distinct = all.iter().enumerate().all(|(at, mark)| !all[..at].contains(mark));
        if distinct { Ok(marks) } else { Err(Refusal::Malformed("two of its separators are the same")) }
    }
}

/// The character set that MSH-18 names. The segment's other fields may be in it, so only what stands there is read.
fn charset_of<'c>(bytes: &[u8], charset: &'c str) -> Result<&'c str, Refusal> {
    let line = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let Some(separator) = line.get(3) else { return Ok(charset) };
    let field = line.split(|byte| byte == separator).nth(17).unwrap_or_default();
    let repetition = line.get(5).copied().unwrap_or(b'~');
    let first = field.split(|byte| *byte == repetition).next().unwrap_or_default();
    if first.trim_ascii().is_empty() {
        return Ok(charset);
    }
    let name = std::str::from_utf8(first).map_err(|_| Refusal::CharsetUnknown)?;
    charset::of_table_0211(name).ok_or(Refusal::CharsetUnknown)
}

impl<'m> Segment<'m> {
    /// A field by HL7's number; an absent one is empty.
    pub(crate) fn field(&self, number: usize) -> Part<'m> {
        // In MSH, the separator itself is field 1.
        let skipped = if self.name == "MSH" { 2 } else { 1 };
        let at = number.checked_sub(skipped);
        let text = at.and_then(|at| self.rest.split(self.marks.field).nth(at)).unwrap_or_default();
        Part { text, marks: self.marks }
    }

    /// The text of a field.
    pub(crate) fn value(&self, number: usize) -> Option<String> {
        self.field(number).first().component(1).value()
    }
}

impl<'m> Part<'m> {
    /// The repetitions that are not empty, at most 64.
    pub(crate) fn repeats(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        self.lines().filter(|part| !part.is_empty()).take(REPEATS_MAX)
    }

    /// The repetitions as lines of a text, empty ones too.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let marks = self.marks;
        self.text.split(marks.repetition).map(move |text| Part { text, marks })
    }

    /// The first repetition.
    pub(crate) fn first(&self) -> Part<'m> {
        self.of(self.text.split(self.marks.repetition).next())
    }

    /// A component by HL7's number.
    pub(crate) fn component(&self, number: usize) -> Part<'m> {
        self.of(self.text.split(self.marks.component).nth(number.saturating_sub(1)))
    }

    /// A subcomponent by HL7's number.
    pub(crate) fn subcomponent(&self, number: usize) -> Part<'m> {
        self.of(self.text.split(self.marks.subcomponent).nth(number.saturating_sub(1)))
    }

    fn of(&self, text: Option<&'m str>) -> Part<'m> {
        Part { text: text.unwrap_or_default(), marks: self.marks }
    }

    /// Whether it says «nothing»: `""`, the order to remove.
    pub(crate) fn is_null(&self) -> bool {
        self.text == "\"\""
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Its text without escapes; `None` if it is empty or [`Self::is_null`].
    pub(crate) fn value(&self) -> Option<String> {
        if self.is_null() { None } else { plain(&unescaped(self.text, &self.marks)) }
    }
}

/// Takes escapes away: chapter 2.7.
fn unescaped(text: &str, marks: &Marks) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(marks.escape) {
        out.push_str(before);
        let Some((sequence, after)) = after.split_once(marks.escape) else {
            // One alone is a character like any other.
            out.push(marks.escape);
            rest = after;
            continue;
        };
        match meaning(sequence, marks) {
            Some(meaning) => {
                out.push_str(&meaning);
                rest = after;
            }
            None => {
                out.push(marks.escape);
                rest = rest.get(before.len() + marks.escape.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// `None`: no escape sequence.
fn meaning(sequence: &str, marks: &Marks) -> Option<String> {
    Some(match sequence {
        "F" => marks.field.to_string(),
        "S" => marks.component.to_string(),
        "T" => marks.subcomponent.to_string(),
        "R" => marks.repetition.to_string(),
        "E" => marks.escape.to_string(),
        "H" | "N" => String::new(),
        ".br" => "\n".to_owned(),
        _ => match sequence.strip_prefix('X') {
            Some(digits) => String::from_utf8(hex::decode(digits).ok()?).ok()?,
            None if sequence.starts_with('.') && sequence.len() <= 8 => "\n".to_owned(),
            None => return None,
        },
    })
}
