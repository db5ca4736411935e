//! The work of an export: reads what the client may read now, page by page, as any request of it would, and writes the
//! sealed files. Before they can be fetched, the access log has an entry for each patient.

use super::ask::Level;
use super::rows::{Job, Part};
use super::sink::{Sink, Tally, next_of};
use super::{EXPORT_FILES, Progress};
use crate::bulk::sealed::Folder;
use crate::bulk::subject;
use crate::cases;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::fhir::ask::{Ask, What};
use crate::fhir::authorise::authorise;
use crate::fhir::forward::{self, Forward};
use crate::fhir::json::Object;
use crate::fhir::metadata;
use crate::fhir::principal::{Principal, System};
use crate::log::{Access, Kind, Who};
use crate::smart::Interaction;
use crate::state::Gateway;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Records in a page of the engine: the most that it gives.
const PAGE_RECORDS: usize = 1_000;
/// The same of types whose records may hold whole documents, so that a page fits into memory.
const LARGE: [&str; 4] = ["Binary", "DocumentReference", "Media", "Communication"];
const PAGE_LARGE: usize = 10;
/// Patients in one search: their names fill half of what a path may have.
const PATIENTS_PER_SEARCH: usize = 50;
/// Entries that are handed to the access log before the work waits for it, so that reads find room beside them.
const ENTRIES_AT_ONCE: usize = 1_024;
/// How often the engine is asked for a page that does not come, and the pause between: a minute in all.
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);
/// How much earlier than the begin of the work its transaction time is: a write may get its time, and be there a moment
/// later.
const SETTLED_MS: u64 = 5_000;

/// Who the client is now: still registered, and with no more than it was registered for.
pub(super) fn client_now(gateway: &Gateway, job: &Job) -> Result<Principal> {
    let client = gateway.smart.clients.find(&job.client)?.filter(|client| client.app.is_none());
    let client = client.ok_or_else(|| Error::new(Code::Forbidden, "the client is registered no longer"))?;
    let scopes = job.scopes.intersection(&client.scopes);
    Ok(Principal::System(System { client: client.id, scopes }))
}

/// Makes the files anew; returns them.
///
/// # Errors
/// Why there are none. [`Code::Conflict`]: what was read may be used no longer, and the work begins again.
pub(super) async fn make(gateway: &Gateway, job: &Job, progress: &Arc<Progress>) -> Result<Vec<Part>> {
    let folder = Folder::of(gateway, EXPORT_FILES, &job.id);
    folder.make_empty().map_err(Error::internal)?;
    let sink = Sink::new(folder, gateway.config.bulk.export_bytes_max, &job.hidden);
    let mut work = Work { gateway, job, progress, sink: Some(sink) };
    work.choose().await?;
    for kind in work.kinds().await? {
        work.of_kind(&kind).await?;
    }
    let mut sink = work.take_sink()?;
    let sink =
        tokio::task::spawn_blocking(move || sink.end().map(|()| sink)).await.map_err(Error::internal)??;
    progress.check()?;
    let restricted = cases::restricted(gateway)?;
    if restricted.iter().any(|patient| !job.hidden.contains(patient)) {
        return Err(again());
    }
    note(gateway, job, &sink).await?;
    Ok(sink.parts)
}

pub(super) fn again() -> Error {
    Error::new(Code::Conflict, "records were withdrawn while they were exported")
}

/// When the work begins, as the client is told.
pub(super) fn transaction_ms() -> u64 {
    clock::now_ms().saturating_sub(SETTLED_MS)
}

struct Work<'a> {
    gateway: &'a Gateway,
    job: &'a Job,
    progress: &'a Arc<Progress>,
    /// Elsewhere while a page is written.
    sink: Option<Sink>,
}

impl Work<'_> {
    fn take_sink(&mut self) -> Result<Sink> {
        self.sink.take().ok_or_else(|| Error::internal("an export lost its files"))
    }

    /// Says whose records go in.
    async fn choose(&mut self) -> Result<()> {
        let members = match &self.job.order.level {
            Level::System => return Ok(()),
            Level::Patients(named) if named.is_empty() => None,
            Level::Patients(named) => Some(named.iter().cloned().collect()),
            Level::Group(id) => Some(members(self.gateway, self.job, id).await?),
        };
        if let Some(sink) = &mut self.sink {
            (sink.members, sink.everybody) = (members, false);
        }
        Ok(())
    }

    /// The types that are asked for and that the client may read.
    async fn kinds(&self) -> Result<Vec<String>> {
        let Principal::System(system) = client_now(self.gateway, self.job)? else { return Ok(Vec::new()) };
        let known = metadata::types(self.gateway).await?;
        let may = |kind: &String| {
            let scopes = &system.scopes;
            scopes.allow(kind, Interaction::Read) && scopes.allow(kind, Interaction::Search)
        };
        Ok(known.into_iter().filter(|kind| self.job.order.wants(kind) && may(kind)).collect())
    }

    async fn of_kind(&mut self, kind: &str) -> Result<()> {
        let queries = self.job.order.queries(kind);
        let chunks = self.chunks(kind);
        self.change(kind, queries.len() > 1)?;
        for query in &queries {
            for chunk in &chunks {
                self.search(kind, query, &search_path(self.job, kind, query, chunk.as_deref())).await?;
            }
        }
        if let (Some(since), Level::System, "") = (&self.job.order.since, &self.job.order.level, queries[0]) {
            self.change(kind, true)?;
            let path = history_path(kind, since);
            self.pages(kind, "", path, Sink::take_deleted).await?;
        }
        Ok(())
    }

    /// The patients of each search as its parameter names them; `None`: no search by patients.
    fn chunks(&self, kind: &str) -> Vec<Option<String>> {
        let members = self.sink.as_ref().and_then(|sink| sink.members.as_ref());
        let Some(members) = members else { return vec![None] };
        let mut members: Vec<&String> = members.iter().collect();
        members.sort_unstable();
        let prefix = if kind == "Patient" { "" } else { "Patient/" };
        let join =
            |some: &[&String]| some.iter().map(|id| format!("{prefix}{id}")).collect::<Vec<_>>().join(",");
        members.chunks(PATIENTS_PER_SEARCH).map(|some| Some(join(some))).collect()
    }

    fn change(&mut self, kind: &str, repeats: bool) -> Result<()> {
        self.progress.at(kind);
        match &mut self.sink {
            Some(sink) => sink.begin(kind, repeats),
            None => Ok(()),
        }
    }

    async fn search(&mut self, kind: &str, query: &str, path: &str) -> Result<()> {
        self.pages(kind, query, path.to_owned(), Sink::take).await
    }

    /// Reads pages to the last; the next is fetched while one is written.
    async fn pages(
        &mut self,
        kind: &str,
        query: &str,
        path: String,
        take: fn(&mut Sink, &str) -> Result<()>,
    ) -> Result<()> {
        let mut page = Some(fetch(self.gateway, self.job, kind, query, &path).await?);
        while let Some(text) = page.take() {
            self.progress.check()?;
            let next = next_of(&text)?;
            let mut sink = self.take_sink()?;
            let written = tokio::task::spawn_blocking(move || take(&mut sink, &text).map(|()| sink));
            let (written, following) = match next {
                Some(path) => {
                    let following = fetch(self.gateway, self.job, kind, query, &path);
                    let (written, following) = tokio::join!(written, following);
                    (written, Some(following?))
                }
                None => (written.await, None),
            };
            let sink = written.map_err(Error::internal)??;
            self.progress.records(sink.records);
            self.sink = Some(sink);
            page = following;
        }
        Ok(())
    }
}

/// Asks the engine for a page as the client may now; tries again while the engine is away.
pub(super) async fn fetch(
    gateway: &Gateway,
    job: &Job,
    kind: &str,
    query: &str,
    path: &str,
) -> Result<String> {
    let mut tries = 1;
    loop {
        match fetch_once(gateway, job, kind, query, path).await {
            Err(error) if matches!(error.code(), Code::Away | Code::Timeout) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// The same, once.
pub(super) async fn fetch_once(
    gateway: &Gateway,
    job: &Job,
    kind: &str,
    query: &str,
    path: &str,
) -> Result<String> {
    let what = if path.contains("/_history?") { What::TypeHistory } else { What::Search };
    let ask = Ask { what, kind: kind.to_owned(), id: None, patient: None };
    let bytes = ask_engine(gateway, job, &ask, query, path).await?;
    String::from_utf8(bytes.into()).map_err(|_| crate::engine::EngineError::Malformed.into())
}

async fn ask_engine(gateway: &Gateway, job: &Job, ask: &Ask, query: &str, path: &str) -> Result<Bytes> {
    let permit = authorise(gateway, &client_now(gateway, job)?, ask).await?;
    permit.check_query(query)?;
    let (status, body) = forward::read(gateway, Forward::new(Method::GET, path, &permit)).await?;
    match status {
        StatusCode::OK => Ok(body),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Error::new(Code::NotFound, "there is no such group")),
        _ => Err(Error::new(Code::Invalid, format!("the clinical store refuses the search of {}", ask.kind))),
    }
}

/// The patients in a group. Nested groups, and members who are no longer in it, do not count.
pub(super) async fn members(gateway: &Gateway, job: &Job, group: &str) -> Result<HashSet<String>> {
    let ask = Ask::instance(What::Read, "Group", group);
    let bytes = ask_engine(gateway, job, &ask, "", &format!("/fhir/Group/{group}")).await?;
    let malformed = || Error::from(crate::engine::EngineError::Malformed);
    let group: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    let members = group["member"].as_array().map(Vec::as_slice).unwrap_or_default();
    let active = members.iter().filter(|member| member["inactive"] != true);
    let named = active.filter_map(|member| member["entity"]["reference"].as_str());
    Ok(named.filter_map(subject::local_patient).map(str::to_owned).collect())
}

/// The first page of a search: oldest change first, so that what changes meanwhile comes at the end and nothing is missed.
pub(super) fn search_path(job: &Job, kind: &str, query: &str, patients: Option<&str>) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(form_urlencoded::parse(query.as_bytes()));
    if let Some(since) = &job.order.since {
        pairs.append_pair("_lastUpdated", &format!("ge{since}"));
    }
    if let (Some(patients), Some(parameter)) = (patients, subject::parameter_of(kind)) {
        pairs.append_pair(parameter, patients);
    }
    let count = page_records(kind).to_string();
    pairs.append_pair("_sort", "_lastUpdated").append_pair("_count", &count).append_pair("_total", "none");
    format!("/fhir/{kind}?{}", pairs.finish())
}

fn page_records(kind: &str) -> usize {
    if LARGE.contains(&kind) { PAGE_LARGE } else { PAGE_RECORDS }
}

fn history_path(kind: &str, since: &str) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("_since", since).append_pair("_count", &page_records(kind).to_string());
    format!("/fhir/{kind}/_history?{}", pairs.finish())
}

/// One entry for each patient, and one for what is about nobody, on disk before anything can be fetched.
async fn note(gateway: &Gateway, job: &Job, sink: &Sink) -> Result<()> {
    let entry = |patient: Option<&String>, tally: &Tally| Access {
        who: Who::System { id: job.client.clone() },
        kind: Kind::Export,
        patient: patient.cloned(),
        purpose: None,
        reason: String::new(),
        types: sink.names(tally),
        count: Some(tally.count),
        grants: Vec::new(),
        events: Vec::new(),
    };
    let others = (sink.others.count > 0).then_some((None, &sink.others));
    let all = sink.patients.iter().map(|(patient, tally)| (Some(patient), tally)).chain(others);
    let mut last = None;
    for (at, (patient, tally)) in all.enumerate() {
        last = Some(gateway.log.append(entry(patient, tally))?);
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

/// Whether an engine's page holds anything; for a filter that is tried before it is accepted.
pub(super) fn is_bundle(page: &str) -> bool {
    Object::parse(page).and_then(|bundle| bundle.text("resourceType")).as_deref() == Some("Bundle")
}
