//! XML from outside: looked over before it is parsed, so that nothing in it can cost more than its bytes.
//!
//! No document type, so no entities of its own; no more depth, elements, attributes and namespaces than documents have.
//! The parser itself keeps nothing on a stack.

use crate::resource::plain;
use crate::{Refusal, charset};
use roxmltree::{Document, Node, ParsingOptions};

/// Deepest nesting; C-CDA's own examples stay below 30.
pub const DEPTH_MAX: usize = 100;
/// Most elements.
pub const ELEMENTS_MAX: usize = 200_000;
/// Most attributes of one element.
pub const ATTRIBUTES_PER_ELEMENT_MAX: usize = 64;
/// Most namespaces that are declared, in the whole document.
pub const NAMESPACES_MAX: usize = 256;
/// How far the declaration's `encoding` may be away.
const DECLARATION_BYTES_MAX: usize = 200;

/// The text of a document, in the character set that it names.
///
/// # Errors
/// [`Refusal::Charset`], [`Refusal::CharsetUnknown`].
pub(crate) fn text(bytes: &[u8]) -> Result<String, Refusal> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => charset::text(rest, "utf-8"),
        [0xff, 0xfe, rest @ ..] => charset::text(rest, "utf-16le"),
        [0xfe, 0xff, rest @ ..] => charset::text(rest, "utf-16be"),
        _ => charset::text(bytes, declared(bytes).as_deref().unwrap_or("utf-8")),
    }
}

fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(DECLARATION_BYTES_MAX))?;
    let head: String = head.iter().map(|byte| *byte as char).collect();
    let declaration = head.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    Some(value.get(1..)?.split_once(quote)?.0.to_owned())
}

/// Parses what [`text`] gave.
///
/// # Errors
/// [`Refusal::Malformed`], [`Refusal::TooLarge`].
pub(crate) fn parse(text: &str) -> Result<Document<'_>, Refusal> {
    look_over(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: u32::try_from(4 * ELEMENTS_MAX).unwrap_or(u32::MAX),
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|_| Refusal::Malformed("it is no well-formed XML"))
}

/// Counts depth, elements, attributes and namespaces; refuses a document type. What is malformed is the parser's to say.
fn look_over(text: &str) -> Result<(), Refusal> {
    let (mut rest, mut depth, mut elements, mut namespaces) = (text, 0_usize, 0_usize, 0_usize);
    while let Some((_, after)) = rest.split_once('<') {
        rest = match after.as_bytes().first() {
            Some(b'!') if after.starts_with("!--") => past(after, "-->"),
            Some(b'!') if after.starts_with("![CDATA[") => past(after, "]]>"),
            Some(b'!') => return Err(Refusal::Malformed("it declares a document type")),
            Some(b'?') => past(after, "?>"),
            Some(b'/') => {
                depth = depth.saturating_sub(1);
                past(after, ">")
            }
            _ => {
                let tag = tag(after)?;
                elements += 1;
                namespaces += tag.text.matches("xmlns").count();
                depth += usize::from(!tag.text.ends_with('/'));
                tag.rest
            }
        };
        if depth > DEPTH_MAX || elements > ELEMENTS_MAX || namespaces > NAMESPACES_MAX {
            return Err(Refusal::TooLarge("it has too many elements, or too deep ones"));
        }
    }
    Ok(())
}

fn past<'t>(text: &'t str, end: &str) -> &'t str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

struct Tag<'t> {
    text: &'t str,
    rest: &'t str,
}

/// A start tag up to its `>`, which may also stand in the value of an attribute.
fn tag(text: &str) -> Result<Tag<'_>, Refusal> {
    let (mut quote, mut attributes) = (None, 0);
    for (at, character) in text.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if character == '=' => attributes += 1,
            None if character == '>' => return Ok(Tag { text: &text[..at], rest: &text[at + 1..] }),
            None => {}
        }
        if attributes > ATTRIBUTES_PER_ELEMENT_MAX {
            return Err(Refusal::TooLarge("an element has too many attributes"));
        }
    }
    Ok(Tag { text, rest: "" })
}

/// An element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a>(pub(crate) Node<'a, 'a>);

impl<'a> Element<'a> {
    pub(crate) fn name(self) -> &'a str {
        self.0.tag_name().name()
    }

    /// The children with a name, whatever their namespace: HL7's own extensions have theirs.
    pub(crate) fn all(self, name: &'static str) -> impl Iterator<Item = Element<'a>> {
        self.0
            .children()
            .filter(move |child| child.is_element() && child.tag_name().name() == name)
            .map(Element)
    }

    pub(crate) fn child(self, name: &'static str) -> Option<Element<'a>> {
        self.all(name).next()
    }

    /// The first one at the end of a path.
    pub(crate) fn at(self, path: &[&'static str]) -> Option<Element<'a>> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    pub(crate) fn attribute(self, name: &str) -> Option<&'a str> {
        let found = self.0.attributes().find(|attribute| attribute.name() == name)?;
        Some(found.value()).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_null(self) -> bool {
        self.attribute("nullFlavor").is_some()
    }

    /// All its text, in one line.
    pub(crate) fn words(self) -> Option<String> {
        let texts = self.0.descendants().filter(Node::is_text).filter_map(|node| node.text());
        let joined: Vec<&str> = texts.flat_map(str::split_whitespace).collect();
        plain(&joined.join(" "))
    }

    /// Whether it follows a template of C-CDA, by the last part of the template's OID below `2.16.840.1.113883.10.20.22.4`.
    pub(crate) fn follows(self, template: &str) -> bool {
        self.all("templateId")
            .filter_map(|id| id.attribute("root"))
            .any(|root| root.strip_prefix("2.16.840.1.113883.10.20.22.4.").unwrap_or(root) == template)
    }
}
