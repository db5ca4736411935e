//! C-CDA documents, release 1.1 to 4: the document itself as a DocumentReference with its bytes, and its entries as
//! resources. C-CDA is known by its templates; an entry of a template that is not known becomes nothing, but the
//! document that holds it is always there.

mod datatypes;
mod entries;
mod header;
mod medication;
mod observations;
mod problems;
mod procedures;
#[cfg(test)]
mod tests;
mod xml;

pub use xml::{ATTRIBUTES_PER_ELEMENT_MAX, DEPTH_MAX, ELEMENTS_MAX, NAMESPACES_MAX};

use crate::resource::Resource;
use crate::{Context, Entry, Mapped, Person, RESOURCES_PER_MESSAGE_MAX, Refusal, Rule};
use datatypes::{Narrative, instance};
use serde_json::json;
use std::collections::HashMap;
use xml::Element;

/// Largest document, in bytes: as base64 in a transaction it has to fit into what the engine takes.
pub const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a document becomes.
///
/// # Errors
/// [`Refusal`].
pub fn map(bytes: &[u8], context: &Context) -> Result<Mapped, Refusal> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Refusal::TooLarge("it has too many bytes"));
    }
    let text = xml::text(bytes)?;
    let parsed = xml::parse(&text)?;
    let root = Element(parsed.root_element());
    if root.name() != "ClinicalDocument" {
        return Err(Refusal::Malformed("it is no ClinicalDocument"));
    }
    let role = root
        .at(&["recordTarget", "patientRole"])
        .ok_or(Refusal::Missing("whom it is about (recordTarget)"))?;
    let person = header::person(role, context)?;
    let narrative = named(root);
    let mut making = Making {
        context,
        person,
        narrative,
        entries: Vec::new(),
        used: HashMap::new(),
        document: String::new(),
    };
    making.document = making.key(root.child("id")).ok_or(Refusal::Missing("its number (id)"))?;
    header::patient(role, &mut making);
    header::document(root, bytes, &mut making);
    entries::all(root, &mut making);
    if making.entries.len() > RESOURCES_PER_MESSAGE_MAX {
        return Err(Refusal::TooLarge("it would become more resources than one document may"));
    }
    Ok(Mapped { kind: "C-CDA".to_owned(), people: vec![making.person], entries: making.entries })
}

fn named<'a>(root: Element<'a>) -> Narrative<'a> {
    let elements = root.0.descendants().filter(|node| node.is_element()).map(Element);
    elements.filter_map(|element| Some((element.attribute("ID")?, element))).collect()
}

/// Resources being made of one document.
struct Making<'a> {
    context: &'a Context,
    person: Person,
    narrative: Narrative<'a>,
    entries: Vec<Entry>,
    /// How often ids were given: documents repeat the identifiers of entries that are not the same.
    used: HashMap<String, usize>,
    /// The document's number: tells apart entries without one.
    document: String,
}

impl Making<'_> {
    /// The identifier of an element, in one text.
    fn key(&self, id: Option<Element<'_>>) -> Option<String> {
        instance(id?, self.context).map(|(system, value)| format!("{system}|{value}"))
    }

    /// A resource about the patient, for an entry; `subject` is the element that says about whom.
    fn about(&mut self, kind: &'static str, subject: &str, entry: Element<'_>) -> Resource {
        let key = entry.all("id").find_map(|id| self.key(Some(id))).unwrap_or_else(|| self.document.clone());
        let times = self.used.entry(format!("{kind}|{key}")).or_default();
        *times += 1;
        let ordinal = times.to_string();
        let id = self.context.ids.id(kind, &[&self.person.id, "CDA", &key, &ordinal]);
        let mut resource = Resource::new(kind, id);
        resource.set(subject, json!({ "reference": format!("Patient/{}", self.person.id) }));
        resource
    }

    fn push(&mut self, resource: Resource, rule: Rule) {
        self.entries.push(resource.entry(rule));
    }
}
