//! HL7 v2 messages, version 2.3 to 2.9: `ADT^A01`, `A03`, `A04`, `A08`, `A40`, `ORU^R01`, `MDM^T02`, `VXU^V04`.
//!
//! [`mllp`] takes messages out of a stream of bytes, [`read`] reads them, [`map`] makes resources of them, [`ack`]
//! answers.

mod ack;
mod adt;
mod datatypes;
mod mdm;
mod message;
pub mod mllp;
mod observations;
mod oru;
mod patient;
#[cfg(test)]
pub(crate) mod tests;
mod visit;
mod vxu;

pub use ack::{Verdict, ack};
pub use message::{Head, Message};

use crate::resource::Resource;
use crate::{Context, Entry, Mapped, Person, RESOURCES_PER_MESSAGE_MAX, Refusal, Rule};
use message::Segment;

/// Largest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads a message.
///
/// # Errors
/// [`Refusal`].
pub fn read(bytes: &[u8], charset: &str) -> Result<Message, Refusal> {
    Message::parse(bytes, charset)
}

/// What a message becomes.
///
/// # Errors
/// [`Refusal`].
pub fn map(message: &Message, context: &Context) -> Result<Mapped, Refusal> {
    let head = message.head();
    let mut making = Making::new(message, context)?;
    match (head.code.as_str(), head.trigger.as_str()) {
        ("ADT", "A40") => adt::merge(message, &mut making)?,
        ("ADT", "A01" | "A03" | "A04" | "A08") => adt::map(message, &head.trigger, &mut making)?,
        ("ORU", "R01") => oru::map(message, &mut making)?,
        ("MDM", "T02") => mdm::map(message, &mut making)?,
        ("VXU", "V04") => vxu::map(message, &mut making)?,
        _ => return Err(Refusal::Unsupported),
    }
    if making.entries.len() > RESOURCES_PER_MESSAGE_MAX {
        return Err(Refusal::TooLarge("it would become more resources than one message may"));
    }
    Ok(Mapped {
        kind: format!("{}^{}", head.code, head.trigger),
        people: making.people,
        entries: making.entries,
    })
}

/// Resources being made of one message.
struct Making<'a> {
    context: &'a Context,
    people: Vec<Person>,
    entries: Vec<Entry>,
    /// MSH-10: tells apart what has no number of its own.
    control: String,
}

impl<'a> Making<'a> {
    /// Begins with the person of the first PID.
    fn new(message: &Message, context: &'a Context) -> Result<Self, Refusal> {
        let head = message.head();
        if !is_taken(&head) {
            return Err(Refusal::Unsupported);
        }
        let pid = message.first("PID").ok_or(Refusal::Missing("whom it is about (PID)"))?;
        let person = patient::person(&pid.field(3), context)
            .ok_or(Refusal::Missing("the number of the patient (PID-3)"))?;
        let mut making = Self { context, people: vec![person], entries: Vec::new(), control: head.control };
        let mut resource = patient::patient(&pid, making.patient(), context);
        resource.set("contact", patient::contacts(message));
        // Only ADT is about the person; the others mention who it is.
        making.push(resource, if head.code == "ADT" { Rule::Merge } else { Rule::IfAbsent });
        Ok(making)
    }

    /// The id of whom it is about.
    fn patient(&self) -> &str {
        self.people.first().map(|person| person.id.as_str()).unwrap_or_default()
    }

    fn id(&self, kind: &str, parts: &[&str]) -> String {
        let mut all = vec![self.patient()];
        all.extend(parts);
        self.context.ids.id(kind, &all)
    }

    /// A resource about the patient, by the name of the element that says so.
    fn about(&self, kind: &'static str, subject: &str, parts: &[&str]) -> Resource {
        let mut resource = Resource::new(kind, self.id(kind, parts));
        resource.set(subject, serde_json::json!({ "reference": format!("Patient/{}", self.patient()) }));
        resource
    }

    fn push(&mut self, resource: Resource, rule: Rule) {
        self.entries.push(resource.entry(rule));
    }
}

fn is_taken(head: &Head) -> bool {
    matches!(
        (head.code.as_str(), head.trigger.as_str()),
        ("ADT", "A01" | "A03" | "A04" | "A08" | "A40") | ("ORU", "R01") | ("MDM", "T02") | ("VXU", "V04")
    )
}

/// The notes that follow a segment, until another kind of segment comes.
fn notes_after<'m>(following: impl Iterator<Item = Segment<'m>>) -> Vec<String> {
    following
        .take_while(|segment| segment.name == "NTE")
        .flat_map(|note| note.field(3).repeats().filter_map(|part| part.value()).collect::<Vec<_>>())
        .collect()
}
