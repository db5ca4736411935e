//! Where an export's records go: into sealed files by type, and, by patient, into what the access log will say.

use super::rows::Part;
use crate::bulk::sealed::{Folder, Writer};
use crate::bulk::subject;
use crate::error::{Code, Error, Result};
use crate::fhir::json::Object;
use crate::fhir::pages;
use salus_crypto::random;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};

/// Lines of one file.
const LINES_MAX: u64 = 250_000;

/// How many records of a patient, and of which types (by number, in the order of the work).
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u32,
    pub(super) kinds: Vec<u16>,
}

/// What goes in, and what came of it.
pub(super) struct Sink {
    folder: Folder,
    /// Most bytes of the whole export.
    bytes_max: u64,
    hidden: HashSet<String>,
    /// Only records of these; `None`: of everybody.
    pub(super) members: Option<HashSet<String>>,
    /// Whether records that are about nobody go in.
    pub(super) everybody: bool,
    pub(super) kinds: Vec<String>,
    current: Option<(Writer, Part)>,
    /// Ids of the type at hand, where several searches may find the same record.
    seen: Option<HashSet<String>>,
    pub(super) parts: Vec<Part>,
    pub(super) patients: BTreeMap<String, Tally>,
    /// Records about nobody.
    pub(super) others: Tally,
    pub(super) records: u64,
    bytes: u64,
}

/// A page of the engine: its entries, and the path of the next one.
pub(super) fn next_of(page: &str) -> Result<Option<String>> {
    let bundle = Object::parse(page).ok_or(crate::engine::EngineError::Malformed)?;
    Ok(bundle.raw("link").map(pages::next_of).transpose()?.flatten())
}

impl Sink {
    pub(super) fn new(folder: Folder, bytes_max: u64, hidden: &[String]) -> Self {
        Self {
            folder,
            bytes_max,
            hidden: hidden.iter().cloned().collect(),
            members: None,
            everybody: true,
            kinds: Vec::new(),
            current: None,
            seen: None,
            parts: Vec::new(),
            patients: BTreeMap::new(),
            others: Tally::default(),
            records: 0,
            bytes: 0,
        }
    }

    /// From now on records of this type come; `repeats`: perhaps some of them twice.
    pub(super) fn begin(&mut self, kind: &str, repeats: bool) -> Result<()> {
        self.end()?;
        self.kinds.push(kind.to_owned());
        self.seen = repeats.then(HashSet::new);
        Ok(())
    }

    /// Takes a page of a search.
    pub(super) fn take(&mut self, page: &str) -> Result<()> {
        for entry in entries(page)? {
            let Some(entry) = Object::parse(entry.get()) else { return Err(malformed()) };
            if let Some(resource) = entry.raw("resource") {
                self.record(resource)?;
            }
        }
        Ok(())
    }

    /// Takes one record, if it is to be in.
    fn record(&mut self, text: &str) -> Result<()> {
        let object = Object::parse(text).ok_or_else(malformed)?;
        let kind = self.kinds.last().cloned().unwrap_or_default();
        // An outcome among the entries says something about the search.
        if object.text("resourceType").as_deref() != Some(kind.as_str()) {
            return Ok(());
        }
        let id = object.text("id").ok_or_else(malformed)?;
        let patient = subject::patient_of(&kind, &id, text);
        // The engine has done all this; what others shared, and what is restricted, is kept back twice.
        let of_member = match (&patient, &self.members) {
            (Some(patient), Some(members)) => members.contains(patient),
            (Some(_), None) => true,
            (None, _) => self.everybody,
        };
        let hidden = patient.as_ref().is_some_and(|patient| self.hidden.contains(patient));
        let again = self.seen.as_mut().is_some_and(|seen| !seen.insert(id.clone()));
        if id.starts_with("sx-") || hidden || !of_member || again {
            return Ok(());
        }
        self.write(&kind, text, false)?;
        let number = u16::try_from(self.kinds.len()).unwrap_or(u16::MAX);
        let tally = match patient {
            Some(patient) => self.patients.entry(patient).or_default(),
            None => &mut self.others,
        };
        tally.count = tally.count.saturating_add(1);
        if tally.kinds.last() != Some(&number) {
            tally.kinds.push(number);
        }
        Ok(())
    }

    /// Takes the newest history of a type, newest first, of which it keeps what was deleted.
    pub(super) fn take_deleted(&mut self, page: &str) -> Result<()> {
        let kind = self.kinds.last().cloned().unwrap_or_default();
        for entry in entries(page)? {
            let entry = Object::parse(entry.get()).ok_or_else(malformed)?;
            let request = entry.raw("request").and_then(Object::parse).ok_or_else(malformed)?;
            let url = request.text("url").ok_or_else(malformed)?;
            let Some(id) = id_in(&url, &kind) else { continue };
            let newest = self.seen.as_mut().is_some_and(|seen| seen.insert(id.to_owned()));
            if newest && request.text("method").as_deref() == Some("DELETE") && !id.starts_with("sx-") {
                let line = serde_json::json!({
                    "resourceType": "Bundle", "type": "transaction",
                    "entry": [{ "request": { "method": "DELETE", "url": format!("{kind}/{id}") } }],
                });
                self.write(&kind, &line.to_string(), true)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, kind: &str, line: &str, deleted: bool) -> Result<()> {
        self.bytes += line.len() as u64 + 1;
        if self.bytes > self.bytes_max {
            return Err(Error::new(Code::TooLarge, "the export is larger than this node's operator allows"));
        }
        if self.current.as_ref().is_some_and(|(_, part)| part.count >= LINES_MAX) {
            self.end()?;
        }
        if self.current.is_none() {
            let what = if deleted { "-deleted" } else { "" };
            let (name, salt) = (format!("{kind}{what}-{}.ndjson", self.parts.len() + 1), random::bytes());
            let writer = self.folder.write(&name, &salt).map_err(Error::internal)?;
            self.current = Some((writer, Part { name, kind: kind.to_owned(), count: 0, deleted, salt }));
        }
        if let Some((writer, part)) = &mut self.current {
            writer.line(line).map_err(Error::internal)?;
            part.count += 1;
        }
        self.records += 1;
        Ok(())
    }

    /// Ends the file at hand.
    pub(super) fn end(&mut self) -> Result<()> {
        if let Some((writer, part)) = self.current.take() {
            writer.finish().map_err(Error::internal)?;
            self.parts.push(part);
        }
        Ok(())
    }

    /// Names of types by their numbers.
    pub(super) fn names(&self, tally: &Tally) -> Vec<String> {
        tally.kinds.iter().filter_map(|number| self.kinds.get(usize::from(*number) - 1)).cloned().collect()
    }
}

fn malformed() -> Error {
    crate::engine::EngineError::Malformed.into()
}

fn entries(page: &str) -> Result<Vec<&RawValue>> {
    let bundle = Object::parse(page).ok_or_else(malformed)?;
    match bundle.raw("entry") {
        Some(raw) => serde_json::from_str(raw).map_err(|_| malformed()),
        None => Ok(Vec::new()),
    }
}

fn id_in<'a>(url: &'a str, kind: &str) -> Option<&'a str> {
    let rest = url.rsplit_once(&format!("{kind}/")).map(|(_, rest)| rest)?;
    let id = rest.split('/').next().unwrap_or_default();
    crate::fhir::is_id(id).then_some(id)
}
