//! The work of an import: pieces of lines go to the engine as transactions, and line by line where one is refused.
//!
//! Up to where lines are written is on disk at every checkpoint, after what the access log says of them. A node that
//! stopped in between reads the lines after the last checkpoint once more, and writes none that is in the store word for
//! word: no record gets a second version by it.

use super::line::{Entry, Fault};
use super::rows::{By, Job, Letters};
use super::source::{self, May, Piece};
use super::{IMPORT_FILES, Progress, keep};
use crate::bulk::sealed::Folder;
use crate::erasure;
use crate::error::{Code, Error, Result};
use crate::fhir::FHIR_JSON;
use crate::fhir::ask::{Ask, What};
use crate::fhir::authorise::{Permit, authorise, permit_steward_import};
use crate::fhir::forward::{self, Forward};
use crate::fhir::json::Object;
use crate::fhir::principal::{Principal, System};
use crate::log::{Access, Kind, Who};
use crate::smart::{Interaction, Scopes};
use crate::staff;
use crate::state::Gateway;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use salus_crypto::random;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lines between checkpoints: as many are looked at again after a stop, and a patient has at most one entry in the access
/// log for so many.
const CHECKPOINT_LINES: u64 = 20_000;
/// Lines that are not taken, after which an import ends: it is not what it should be.
const REFUSED_MAX: u64 = 100_000;
/// Of how many of them an import's own row tells.
const FIRST_FAULTS: usize = 50;
/// Longest words of the engine in one dead letter.
const WORDS_BYTES_MAX: usize = 4 * 1024;
/// Entries that are handed to the access log before the work waits for it.
const ENTRIES_AT_ONCE: usize = 1_024;

/// What was written of a patient since the last checkpoint.
#[derive(Default)]
struct Tally {
    count: u32,
    kinds: BTreeSet<String>,
    /// Some of it had been erased.
    restored: bool,
}

/// An import at work.
pub(super) struct Work<'a> {
    gateway: &'a Gateway,
    job: Job,
    progress: &'a Arc<Progress>,
    folder: Folder,
    /// Lines up to this one may be in the store already.
    doubtful: u64,
    /// Lines since the last checkpoint.
    since: u64,
    tallies: BTreeMap<Option<String>, Tally>,
    letters: Vec<String>,
}

/// Works on a job to its end.
///
/// # Errors
/// [`Code::Conflict`] if it was stopped, [`Code::Away`] and [`Code::Timeout`] for what passes; all else ends the job.
pub(super) async fn go(gateway: &Gateway, job: Job, progress: &Arc<Progress>) -> Result<Job> {
    let folder = Folder::of(gateway, IMPORT_FILES, &job.id);
    let mut work = Work {
        gateway,
        job,
        progress,
        folder,
        doubtful: 0,
        since: 0,
        tallies: BTreeMap::new(),
        letters: Vec::new(),
    };
    let began = (work.job.done, work.job.attempts > 1);
    for number in began.0.sources..work.job.sources.len() {
        let resumed = began.1 && number == began.0.sources;
        work.doubtful = if resumed { began.0.lines + CHECKPOINT_LINES + 1_000 } else { 0 };
        work.source(number).await?;
    }
    Ok(work.job)
}

impl Work<'_> {
    async fn source(&mut self, number: usize) -> Result<()> {
        self.progress.at(number);
        let mut source = self.job.sources[number].clone();
        source::prepare(self.gateway, &self.folder, number, &mut source).await?;
        self.job.sources[number] = source.clone();
        self.save().await?;
        let may = may(self.gateway, &self.job.by)?;
        let mut pieces =
            source::read(self.gateway, &self.folder, (number, &source), self.job.done.lines, may)?;
        while let Some(piece) = pieces.recv().await {
            let piece = piece.map_err(|_| Error::new(Code::Invalid, "a source cannot be read to its end"))?;
            let stopped = self.progress.is_stopped();
            if !stopped {
                self.piece(piece).await?;
            }
            if stopped || self.since >= CHECKPOINT_LINES {
                self.checkpoint().await?;
            }
            if stopped {
                return Err(Error::new(Code::Conflict, "the import was stopped"));
            }
        }
        (self.job.done.sources, self.job.done.lines) = (number + 1, 0);
        self.checkpoint().await
    }

    async fn piece(&mut self, piece: Piece) -> Result<()> {
        for (line, fault) in &piece.faults {
            self.refuse(*line, *fault, "");
        }
        self.since += piece.last - self.job.done.lines;
        let entries = if self.job.done.lines < self.doubtful {
            self.without_same(piece.entries).await?
        } else {
            piece.entries
        };
        if !entries.is_empty() {
            self.write(entries).await?;
        }
        self.job.done.lines = piece.last;
        self.progress.of(&self.job.done);
        if self.job.done.refused > REFUSED_MAX {
            self.checkpoint().await?;
            return Err(Error::new(
                Code::Unprocessable,
                "more than 100,000 lines were not taken; the rest is left",
            ));
        }
        Ok(())
    }

    /// What of the entries is not in the store word for word.
    async fn without_same(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        let permit = self.permit().await?;
        let mut rest = Vec::new();
        for entry in entries {
            let path = format!("/fhir/{}/{}", entry.kind, entry.id);
            let (status, bytes) =
                forward::read(self.gateway, Forward::new(Method::GET, &path, &permit)).await?;
            if status == StatusCode::OK && is_same(&bytes, &entry.text) {
                self.count(&entry);
                self.job.done.same += 1;
            } else {
                rest.push(entry);
            }
        }
        Ok(rest)
    }

    /// Writes what was not erased here, or what a steward lets in again.
    async fn write(&mut self, entries: Vec<Entry>) -> Result<()> {
        let owner = self.gateway.clone();
        let _unerased = owner.erasures.write_under().await;
        let names = entries.iter().map(|entry| (entry.kind.as_str(), entry.id.as_str()));
        let marks: BTreeMap<(String, String), u64> = erasure::marked(&owner, names)?
            .into_iter()
            .map(|((kind, id), erased_ms)| ((kind.to_owned(), id.to_owned()), erased_ms))
            .collect();
        let (mut taken, mut restored) = (Vec::new(), Vec::new());
        for entry in entries {
            let name = (entry.kind.clone(), entry.id.clone());
            match marks.get(&name) {
                None => {}
                // What was erased after the steward's word is not meant by it.
                Some(erased_ms) if self.job.restoring.is_some() && *erased_ms <= self.job.begun_ms => {
                    self.tallies.entry(entry.patient.clone()).or_default().restored = true;
                    restored.push(name);
                }
                Some(_) => {
                    self.refuse(entry.line, Fault::Erased, "");
                    continue;
                }
            }
            taken.push(entry);
        }
        // First: a node that stops in between finds the record there, and would leave the mark.
        if !restored.is_empty() {
            erasure::unmark(&owner, &restored).await?;
        }
        match taken.is_empty() {
            true => Ok(()),
            false => self.put(taken).await,
        }
    }

    async fn put(&mut self, entries: Vec<Entry>) -> Result<()> {
        let permit = self.permit().await?;
        let (status, _) = post(self.gateway, &permit, "transaction", &entries).await?;
        if status.is_success() {
            entries.iter().for_each(|entry| self.written(entry));
            return Ok(());
        }
        let (status, answer) = post(self.gateway, &permit, "batch", &entries).await?;
        let each = if status.is_success() { outcomes(&answer) } else { Vec::new() };
        for (at, entry) in entries.iter().enumerate() {
            match each.get(at) {
                Some(None) => self.written(entry),
                Some(Some(words)) => self.refuse(entry.line, Fault::Refused, words),
                None => self.refuse(entry.line, Fault::Refused, ""),
            }
        }
        Ok(())
    }

    fn written(&mut self, entry: &Entry) {
        self.job.done.written += 1;
        self.count(entry);
    }

    fn count(&mut self, entry: &Entry) {
        let tally = self.tallies.entry(entry.patient.clone()).or_default();
        tally.count = tally.count.saturating_add(1);
        tally.kinds.insert(entry.kind.clone());
    }

    /// Writes a dead letter: where the line stands and why it was not taken; not what it says.
    fn refuse(&mut self, line: u64, fault: Fault, words: &str) {
        let number = self.job.done.sources;
        let source = self.job.sources.get(number).map(|source| source.from.name()).unwrap_or_default();
        let diagnostics = format!("{source}, line {line}: {}{words}", fault.words());
        let place = json!([
            { "url": "source", "valueString": source },
            { "url": "line", "valueDecimal": line },
        ]);
        let extension = json!([{ "url": "https://salus.network/fhir/import-line", "extension": place }]);
        let issue = json!({
            "severity": "error", "code": fault.issue(), "details": { "text": fault.words() },
            "diagnostics": diagnostics,
        });
        self.letters.push(
            json!({ "resourceType": "OperationOutcome", "extension": extension, "issue": [issue] })
                .to_string(),
        );
        self.job.done.refused += 1;
        *self.job.faults.entry(fault).or_default() += 1;
        if self.job.first_faults.len() < FIRST_FAULTS {
            self.job.first_faults.push((number, line, fault));
        }
    }

    /// Letters, access log, and then up to where it is done, each on disk before the next.
    async fn checkpoint(&mut self) -> Result<()> {
        self.put_letters().await?;
        self.note().await?;
        self.since = 0;
        self.save().await
    }

    async fn put_letters(&mut self) -> Result<()> {
        if self.letters.is_empty() {
            return Ok(());
        }
        let letters = std::mem::take(&mut self.letters);
        let (salt, folder) = (random::bytes(), self.folder.clone());
        let name = format!("letters-{}", self.job.letters.len());
        self.job.letters.push(Letters { name: name.clone(), count: letters.len() as u64, salt });
        let write = move || {
            folder.make()?;
            // One of a checkpoint that was not reached.
            folder.forget(&name)?;
            let mut writer = folder.write(&name, &salt)?;
            letters.iter().try_for_each(|letter| writer.line(letter))?;
            writer.finish()
        };
        tokio::task::spawn_blocking(write).await.map_err(Error::internal)?.map_err(Error::internal)
    }

    /// One entry for each patient, and one for what is about nobody.
    async fn note(&mut self) -> Result<()> {
        let who = who(self.gateway, &self.job.by)?;
        let mut last = None;
        for (at, (patient, tally)) in std::mem::take(&mut self.tallies).into_iter().enumerate() {
            last = Some(self.gateway.log.append(Access {
                who: who.clone(),
                kind: Kind::Write,
                patient,
                purpose: None,
                reason: match &self.job.restoring {
                    Some(why) if tally.restored => {
                        format!("read in from files, with records that were erased: {why}")
                    }
                    _ => "read in from files".into(),
                },
                types: tally.kinds.into_iter().collect(),
                count: Some(tally.count),
                grants: Vec::new(),
                events: Vec::new(),
            })?);
            if at % ENTRIES_AT_ONCE == ENTRIES_AT_ONCE - 1
                && let Some(receipt) = last.take()
            {
                receipt.durable().await?;
            }
        }
        match last {
            Some(receipt) => receipt.durable().await,
            None => Ok(()),
        }
    }

    async fn save(&self) -> Result<()> {
        match keep(self.gateway, &self.job).await? {
            true => Ok(()),
            false => Err(Error::new(Code::Conflict, "the import was removed")),
        }
    }

    /// With the right of this moment.
    async fn permit(&self) -> Result<Permit> {
        permit(self.gateway, &self.job.by).await
    }
}

/// What whoever began an import may do now.
pub(super) async fn permit(gateway: &Gateway, by: &By) -> Result<Permit> {
    match by {
        By::Client { id, scopes } => {
            let system = client_now(gateway, id, scopes)?;
            let ask = Ask { what: What::Import, kind: "Bundle".into(), id: None, patient: None };
            authorise(gateway, &Principal::System(system), &ask).await
        }
        By::Steward { id } => permit_steward_import(gateway, id),
    }
}

fn client_now(gateway: &Gateway, id: &str, scopes: &Scopes) -> Result<System> {
    let client = gateway.smart.clients.find(id)?.filter(|client| client.app.is_none());
    let client = client.ok_or_else(|| Error::new(Code::Forbidden, "the client is registered no longer"))?;
    Ok(System { client: client.id, scopes: scopes.intersection(&client.scopes) })
}

/// Which types may be written; asked anew for every source.
fn may(gateway: &Gateway, by: &By) -> Result<May> {
    Ok(match by {
        By::Steward { .. } => Box::new(|_| true),
        By::Client { id, scopes } => {
            let scopes = client_now(gateway, id, scopes)?.scopes;
            Box::new(move |kind| {
                scopes.allow(kind, Interaction::Create) && scopes.allow(kind, Interaction::Update)
            })
        }
    })
}

fn who(gateway: &Gateway, by: &By) -> Result<Who> {
    Ok(match by {
        By::Client { id, .. } => Who::System { id: id.clone() },
        By::Steward { id } => match gateway.practitioners.find(id)? {
            Some(member) => staff::who(&member),
            None => Who::Node,
        },
    })
}

async fn post(
    gateway: &Gateway,
    permit: &Permit,
    kind: &str,
    entries: &[Entry],
) -> Result<(StatusCode, bytes::Bytes)> {
    let body = bundle(kind, entries);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    headers.insert("prefer", HeaderValue::from_static("return=minimal"));
    let forward = Forward::new(Method::POST, "/fhir", permit).with(&headers, Body::from(body));
    forward::read(gateway, forward).await
}

/// A bundle of updates under the resources' own ids. Their texts were parsed whole, and stand in it as they are.
fn bundle(kind: &str, entries: &[Entry]) -> String {
    let mut out = String::with_capacity(entries.iter().map(|entry| entry.text.len() + 128).sum());
    out.push_str(&format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":["));
    for (at, Entry { kind, id, text, .. }) in entries.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        out.push_str(&format!(
            "{comma}{{\"resource\":{text},\"request\":{{\"method\":\"PUT\",\"url\":\"{kind}/{id}\"}}}}"
        ));
    }
    out.push_str("]}");
    out
}

/// Of each entry of a batch's answer: nothing if it was written, else the engine's words.
fn outcomes(answer: &[u8]) -> Vec<Option<String>> {
    let text = std::str::from_utf8(answer).unwrap_or_default();
    let entries = Object::parse(text).and_then(|bundle| bundle.raw("entry"));
    let entries: Vec<&RawValue> =
        entries.and_then(|entries| serde_json::from_str(entries).ok()).unwrap_or_default();
    entries.into_iter().map(|entry| outcome(&serde_json::from_str(entry.get()).unwrap_or_default())).collect()
}

fn outcome(entry: &Value) -> Option<String> {
    let response = &entry["response"];
    if response["status"].as_str().is_some_and(|status| status.starts_with('2')) {
        return None;
    }
    let issues = response["outcome"]["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut words = String::new();
    for issue in issues {
        let text = issue["diagnostics"].as_str().or_else(|| issue["details"]["text"].as_str());
        words.push_str(": ");
        words.extend(
            text.unwrap_or("refused").chars().take(WORDS_BYTES_MAX - words.len().min(WORDS_BYTES_MAX)),
        );
    }
    Some(words)
}

/// Whether a stored resource is the same as a line, but for what the store adds.
fn is_same(stored: &[u8], line: &str) -> bool {
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).map(bare).ok();
    matches!((parse(stored), parse(line.as_bytes())), (Some(stored), Some(line)) if stored == line)
}

fn bare(mut resource: Value) -> Value {
    if let Some(meta) = resource["meta"].as_object_mut() {
        for added in ["versionId", "lastUpdated"] {
            meta.remove(added);
        }
        let tags = meta.get_mut("tag").and_then(Value::as_array_mut);
        if let Some(tags) = tags {
            tags.retain(|tag| tag["system"] != "https://salus.network/fhir/validation");
            if tags.is_empty() {
                meta.remove("tag");
            }
        }
    }
    if let Some(fields) = resource.as_object_mut()
        && fields.get("meta").is_some_and(|meta| meta.is_null() || *meta == json!({}))
    {
        fields.remove("meta");
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_adds_makes_no_other_record() {
        let line = r#"{"resourceType":"Basic","id":"a","text":{"x":[1]}}"#;
        for (stored, same) in [
            (
                r#"{"id":"a","resourceType":"Basic","text":{"x":[1]},"meta":{"versionId":"3","lastUpdated":"x"}}"#,
                true,
            ),
            (
                r#"{"id":"a","resourceType":"Basic","text":{"x":[1]},"meta":{"tag":[{"system":"https://salus.network/fhir/validation","code":"flagged"}]}}"#,
                true,
            ),
            (r#"{"id":"a","resourceType":"Basic","text":{"x":[1]},"meta":{"profile":["p"]}}"#, false),
            (r#"{"id":"a","resourceType":"Basic","text":{"x":[2]}}"#, false),
            ("rubbish", false),
        ] {
            assert_eq!(is_same(stored.as_bytes(), line), same, "{stored}");
        }
    }

    #[test]
    fn an_answer_tells_of_each_line() {
        let answer = br#"{"resourceType":"Bundle","entry":[{"response":{"status":"201 Created"}},
            {"response":{"status":"422","outcome":{"issue":[{"diagnostics":"no status"}]}}},{"response":{}}]}"#;
        assert_eq!(outcomes(answer), [None, Some(": no status".to_owned()), Some(String::new())]);
        assert_eq!(outcomes(b"rubbish"), [] as [Option<String>; 0]);
    }
}
