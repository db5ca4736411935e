//! The routes of an import: begin, ask how far it is, read the dead letters, stop; for clients and for stewards.

use super::rows::{By, Done, From, IMPORTS, Job, Source, State};
use super::{IMPORT_FILES, fetch, jobs, remove, stop};
use crate::body::Json as Body;
use crate::bulk::export::{http_prefers, parameters_of};
use crate::bulk::sealed::Folder;
use crate::clock;
use crate::erasure;
use crate::error::{Code, Error, Result};
use crate::fhir::ask::{Ask, What};
use crate::fhir::authenticate;
use crate::fhir::authorise::authorise;
use crate::fhir::principal::{Principal, System};
use crate::limits::EXPORT_BODY_BYTES_MAX;
use crate::log::{Access, Kind, Who};
use crate::staff;
use crate::state::Gateway;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use salus_crypto::random;
use salus_policy::Action;
use serde::Deserialize;
use serde_json::{Value, json};

/// How far an import is, in words.
const PROGRESS: HeaderName = HeaderName::from_static("x-progress");
/// When to ask again.
const ASK_AGAIN_S: u32 = 5;
/// Sources of one import.
const SOURCES_MAX: usize = 64;
/// Imports that wait or are worked on.
const WAITING_MAX: usize = 8;
/// Longest reason for letting in what was erased, in characters.
const REASON_CHARS_MAX: usize = 500;
/// Imports that a steward's page shows.
const SHOWN_MAX: usize = 50;

/// `POST $import`, after the policies let it through.
///
/// # Errors
/// What is wrong with what is asked, or [`Code::Throttled`].
pub(crate) async fn begin(gateway: &Gateway, system: System, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    if !http_prefers(&parts.headers, "respond-async") {
        return Err(Error::new(Code::Invalid, "an import needs the header `Prefer: respond-async`"));
    }
    let body = to_bytes(body, EXPORT_BODY_BYTES_MAX)
        .await
        .map_err(|_| Error::new(Code::TooLarge, "the parameters are larger than 1 MiB"))?;
    let sources = parameters_of(&body)?.into_iter().map(|(name, value)| match name.as_str() {
        "file" => Ok(From::File(value)),
        "url" => Ok(From::Url(value)),
        _ => Err(Error::new(Code::Invalid, "an import takes the parameters `file` and `url`")),
    });
    let sources = sources.collect::<Result<Vec<_>>>()?;
    let who = Who::System { id: system.client.clone() };
    let by = By::Client { id: system.client, scopes: system.scopes };
    let id = begin_as(gateway, by, who, sources, None).await?;
    let location = format!("{}/$import/{id}", gateway.config.fhir_url());
    let location = HeaderValue::from_str(&location).map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_LOCATION, location)]).into_response())
}

async fn begin_as(
    gateway: &Gateway,
    by: By,
    who: Who,
    sources: Vec<From>,
    restoring: Option<String>,
) -> Result<String> {
    if sources.is_empty() || sources.len() > SOURCES_MAX {
        return Err(Error::new(Code::Invalid, "an import has 1 to 64 sources"));
    }
    sources.iter().try_for_each(|from| fetch::check(&gateway.config.bulk, from))?;
    let job = Job {
        id: hex::encode(random::bytes::<16>()),
        by,
        sources: sources.into_iter().map(|from| Source { from, seen: None, fetched: None }).collect(),
        restoring,
        begun_ms: clock::now_ms(),
        attempts: 0,
        state: State::Waiting,
        done: Done::default(),
        letters: Vec::new(),
        faults: Default::default(),
        first_faults: Vec::new(),
    };
    let id = job.id.clone();
    let words = match &job.restoring {
        Some(why) => {
            format!("reading in from files was begun; records that were erased may come back: {why}")
        }
        None => "reading in from files was begun".to_owned(),
    };
    note(gateway, who, &words).await?;
    gateway
        .store
        .write(move |tx| {
            let all = IMPORTS.scan_last_mut(tx, "", usize::MAX)?;
            if all.iter().filter(|(_, other)| other.state == State::Waiting).count() >= WAITING_MAX {
                let words = "too many imports wait here; let one end first";
                return Err(Error::new(Code::Throttled, words).retry_after(60));
            }
            Ok(IMPORTS.put(tx, &job.id, &job)?)
        })
        .await?;
    gateway.bulk.imports.news.notify_one();
    Ok(id)
}

async fn note(gateway: &Gateway, who: Who, reason: &str) -> Result<()> {
    let access = Access {
        who,
        kind: Kind::Write,
        patient: None,
        purpose: None,
        reason: reason.to_owned(),
        types: Vec::new(),
        count: None,
        grants: Vec::new(),
        events: Vec::new(),
    };
    gateway.log.append(access)?.durable().await
}

/// The client's own job: of another's, or a steward's, it is not even said that it is there.
async fn own_job(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<Job> {
    let principal = authenticate::principal(gateway, headers).await?;
    let ask = Ask { what: What::Import, kind: "Bundle".into(), id: None, patient: None };
    authorise(gateway, &principal, &ask).await?;
    let none = || Error::new(Code::NotFound, "there is no such import, or not for this caller");
    let Principal::System(system) = principal else { return Err(none()) };
    let own = |job: &Job| matches!(&job.by, By::Client { id, .. } if *id == system.client);
    gateway.store.read(|tx| IMPORTS.get(tx, id))?.filter(own).ok_or_else(none)
}

/// How far a job is, from disk or from the work.
fn done(gateway: &Gateway, job: &Job) -> Done {
    gateway.bulk.imports.progress(&job.id).map_or(job.done, |progress| progress.done())
}

/// `GET /fhir/$import/{job}`
pub(crate) async fn status(
    Shared(gateway): Shared<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = own_job(&gateway, &headers, &id).await?;
    let done = done(&gateway, &job);
    match &job.state {
        State::Waiting => {
            let words = format!("{} records written, {} lines not taken", done.written, done.refused);
            let words = HeaderValue::from_str(&words).map_err(Error::internal)?;
            let headers = [(PROGRESS, words), (header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_S))];
            Ok((StatusCode::ACCEPTED, headers).into_response())
        }
        State::Failed { why, .. } => Err(Error::new(Code::Unprocessable, why.clone())),
        State::Complete { .. } | State::Stopped { .. } => {
            let url = format!("{}/$import/{}/errors", gateway.config.fhir_url(), job.id);
            let letters = json!([{ "type": "OperationOutcome", "url": url, "count": done.refused }]);
            Ok(Json(json!({
                "transactionTime": clock::instant(job.begun_ms),
                "requiresAccessToken": true,
                "stopped": matches!(job.state, State::Stopped { .. }),
                "written": done.written,
                "unchanged": done.same,
                "error": if done.refused > 0 { letters } else { json!([]) },
            }))
            .into_response())
        }
    }
}

/// `GET /fhir/$import/{job}/errors`: an OperationOutcome for each line that was not taken.
pub(crate) async fn errors(
    Shared(gateway): Shared<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = own_job(&gateway, &headers, &id).await?;
    let folder = Folder::of(&gateway, IMPORT_FILES, &job.id);
    let files = job.letters.iter().map(|file| folder.read(&file.name, &file.salt));
    let files = files.collect::<std::io::Result<Vec<_>>>().map_err(Error::internal)?;
    let body = stream::iter(files.into_iter().map(axum::body::Body::into_data_stream)).flatten();
    let kind = HeaderValue::from_static("application/fhir+ndjson");
    Ok(([(header::CONTENT_TYPE, kind)], axum::body::Body::from_stream(body)).into_response())
}

/// `DELETE /fhir/$import/{job}`: stops it, or forgets it with its dead letters once it has ended.
pub(crate) async fn delete(
    Shared(gateway): Shared<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let job = own_job(&gateway, &headers, &id).await?;
    match job.state {
        State::Waiting => stop(&gateway, &job.id).await?,
        _ => remove(&gateway, &job.id).await?,
    }
    Ok(StatusCode::ACCEPTED)
}

/// `GET /staff/imports`: what may be read in, and what was.
pub(crate) async fn staff_list(Shared(gateway): Shared<Gateway>, headers: HeaderMap) -> Result<Body<Value>> {
    gateway.staff.allowed(&gateway, &headers, Action::Import)?;
    let mut jobs = jobs(&gateway)?;
    jobs.sort_by_key(|job| std::cmp::Reverse(job.begun_ms));
    let files = fetch::files(&gateway.config.bulk);
    let files: Vec<Value> =
        files.into_iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes })).collect();
    Ok(Body(json!({
        "files": files,
        "urls": gateway.config.bulk.import_urls,
        "imports": jobs.iter().take(SHOWN_MAX).map(|job| shown(&gateway, job)).collect::<Vec<_>>(),
    })))
}

fn shown(gateway: &Gateway, job: &Job) -> Value {
    let done = done(gateway, job);
    let name = |source: usize| job.sources.get(source).map(|source| source.from.name());
    let (state, why) = match &job.state {
        State::Waiting if gateway.bulk.imports.progress(&job.id).is_some() => ("running", None),
        State::Waiting => ("waiting", None),
        State::Complete { .. } => ("complete", None),
        State::Stopped { .. } => ("stopped", None),
        State::Failed { why, .. } => ("failed", Some(why)),
    };
    let first = job
        .first_faults
        .iter()
        .map(|(source, line, fault)| json!({ "source": name(*source), "line": line, "why": fault }));
    json!({
        "id": job.id,
        "begunMs": job.begun_ms,
        "endedMs": job.ended_ms(),
        "by": match &job.by { By::Client { id, .. } | By::Steward { id } => id },
        "state": state,
        "why": why,
        "sources": job.sources.iter().map(|source| source.from.name()).collect::<Vec<_>>(),
        "sourcesDone": done.sources,
        "source": name(done.sources),
        "lines": done.lines,
        "written": done.written,
        "unchanged": done.same,
        "refused": done.refused,
        "faults": job.faults.iter().map(|(fault, count)| json!({ "why": fault, "count": count })).collect::<Vec<_>>(),
        "first": first.collect::<Vec<_>>(),
    })
}

/// What a steward asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    urls: Vec<String>,
    /// Why records that were erased are to come back; without it they do not.
    restoring: Option<String>,
}

/// `POST /staff/imports`
pub(crate) async fn staff_begin(
    Shared(gateway): Shared<Gateway>,
    headers: HeaderMap,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Body<Value>)> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::Import)?;
    let files = wanted.files.into_iter().map(From::File);
    let sources: Vec<From> = files.chain(wanted.urls.into_iter().map(From::Url)).collect();
    let who = staff::who(&member);
    let restoring = wanted.restoring.map(|why| why.trim().to_owned());
    if let Some(why) = &restoring {
        if why.is_empty() || why.chars().count() > REASON_CHARS_MAX {
            return Err(Error::new(Code::Invalid, "say why, in at most 500 characters"));
        }
        erasure::none_under_way(&gateway).await?;
    }
    let id = begin_as(&gateway, By::Steward { id: member.id }, who, sources, restoring).await?;
    Ok((StatusCode::CREATED, Body(json!({ "id": id }))))
}

/// `POST /staff/imports/{id}/stop`
pub(crate) async fn staff_stop(
    Shared(gateway): Shared<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::Import)?;
    let job = gateway.store.read(|tx| IMPORTS.get(tx, &id))?;
    let job = job.ok_or_else(|| Error::new(Code::NotFound, "there is no such import"))?;
    if job.state != State::Waiting {
        return Err(Error::new(Code::Conflict, "the import has ended already"));
    }
    note(&gateway, staff::who(&member), "reading in from files was stopped").await?;
    stop(&gateway, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
