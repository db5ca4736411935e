//! What hospitals run already, as FHIR R4: HL7 v2 messages ([`hl7`]), C-CDA documents ([`cda`]), and what another FHIR
//! server gives ([`fhir`]).
//!
//! A message becomes a list of [`Entry`]s, one a resource, whose ids follow from the identifiers of the source
//! ([`Ids`]), so that the same message always becomes the same resources. [`plan`] compares them with what is stored
//! and leaves what says something new.
//!
//! Sources: HL7's *v2-to-FHIR* (<https://hl7.org/fhir/uv/v2mappings/>) and *C-CDA on FHIR*
//! (<https://hl7.org/fhir/us/ccda/>). What is lost on the way is in `docs/feeds.md`.
//!
//! Architecture invariants: no I/O, no clock, no randomness: the same bytes under the same [`Context`] give the same
//! resources. No error quotes anything of a message but names of segments, elements and types.

pub mod cda;
mod charset;
mod codes;
pub mod fhir;
pub mod hl7;
mod ids;
mod json;
mod plan;
mod resource;
mod time;
pub mod units;

pub use charset::is_charset;
pub use ids::{Authority, Ids};
pub use json::{from_text, to_text};
pub use plan::{Known, plan};
pub use time::is_offset;

use serde_json::{Map, Value};

/// Most resources that one message or document may become.
pub const RESOURCES_PER_MESSAGE_MAX: usize = 5_000;

/// What an operator says about a source.
#[derive(Clone)]
pub struct Context {
    /// Makes ids.
    pub ids: Ids,
    /// URL or URN of the source's own identifiers: those whose authority has no name of its own in the world.
    pub system: String,
    /// What a time without an offset is meant in: `+01:00`.
    pub offset: String,
    /// IANA name of the character set of messages that name none.
    pub charset: String,
}

/// What becomes of a resource that is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The new one takes its place.
    Replace,
    /// What the new one says is changed (RFC 7396: `null` removes); identifiers are added; the rest stays.
    Merge,
    /// The stored one stays: the message mentions it, and is not about it.
    IfAbsent,
}

/// A resource to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The FHIR type.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What becomes of the stored one.
    pub rule: Rule,
    /// What it says.
    pub resource: Map<String, Value>,
    /// What it says besides, if nothing is stored yet.
    pub defaults: Map<String, Value>,
}

/// The person that a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The id that [`Ids`] gives.
    pub id: String,
    /// System and value of the identifier that it follows from.
    pub identifier: (String, String),
}

/// A message, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// What it is, such as `ORU^R01` or `C-CDA`.
    pub kind: String,
    /// Everybody it is about; the first is whom its records are about.
    pub people: Vec<Person>,
    /// What it becomes.
    pub entries: Vec<Entry>,
}

/// Why a message becomes nothing. No text of the message is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not written as the format says.
    #[error("{0}")]
    Malformed(&'static str),
    /// Its bytes are not in the character set that it names, or that is expected.
    #[error("the text is not in the character set that it should be in")]
    Charset,
    /// A character set that is not known here.
    #[error("the message names a character set that this node does not read")]
    CharsetUnknown,
    /// A limit.
    #[error("the message is too large: {0}")]
    TooLarge(&'static str),
    /// Well written, and of a kind that no feed takes.
    #[error("messages of this kind are not taken")]
    Unsupported,
    /// Something is not there without which nothing can be filed.
    #[error("the message does not say {0}")]
    Missing(&'static str),
}

/// Maps twice, and says so if the answers differ.
#[cfg(test)]
pub(crate) fn mapped_twice_is_the_same(map: impl Fn() -> Result<Mapped, Refusal>) -> Result<Mapped, Refusal> {
    let (one, other) = (map(), map());
    assert_eq!(one, other);
    one
}
