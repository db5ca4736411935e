//! The routes of an export: begin, ask how far it is, fetch files, delete.

use super::ask::{self, Level, Order};
use super::rows::{EXPORTS, Job, Part, State};
use super::work;
use super::{EXPORT_FILES, end, expiry_ms, is_expired, is_restricted_since, remove};
use crate::bulk::sealed::Folder;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::fhir::ask::{Ask, What};
use crate::fhir::authenticate;
use crate::fhir::authorise::authorise;
use crate::fhir::principal::{Principal, System};
use crate::limits::EXPORT_BODY_BYTES_MAX;
use crate::log::{Access, Kind, Who};
use crate::smart::Interaction;
use crate::state::Gateway;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use salus_crypto::random;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// How far an export is, in words.
const PROGRESS: HeaderName = HeaderName::from_static("x-progress");
/// When to ask again.
const ASK_AGAIN_S: u32 = 5;
/// Exports of one client that wait or are worked on.
const WAITING_PER_CLIENT_MAX: usize = 4;
/// Exports of one client, ended ones with them.
const PER_CLIENT_MAX: usize = 32;

/// `GET`, `POST` of `$export`, after the policies let it through.
///
/// # Errors
/// What is wrong with what is asked, or [`Code::Throttled`].
pub(crate) async fn begin(
    gateway: &Gateway,
    system: System,
    ask: &Ask,
    request: Request,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    if !ask::prefers(&parts.headers, "respond-async") {
        return Err(Error::new(Code::Invalid, "an export needs the header `Prefer: respond-async`"));
    }
    let lenient = ask::prefers(&parts.headers, "handling=lenient");
    let mut parameters: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    if parts.method == Method::POST {
        let body = to_bytes(body, EXPORT_BODY_BYTES_MAX)
            .await
            .map_err(|_| Error::new(Code::TooLarge, "the parameters are larger than 1 MiB"))?;
        if !body.is_empty() {
            parameters.extend(ask::of_body(&body)?);
        }
    }
    let order = ask::parse(gateway, ask, &parameters, lenient).await?;
    check_types(&system, &order)?;
    let path = parts.uri.path_and_query().map_or("/fhir/$export", |path| path.as_str());
    let job = Job {
        id: hex::encode(random::bytes::<16>()),
        client: system.client,
        scopes: system.scopes,
        request: format!("{}{path}", gateway.config.public_url),
        order,
        transaction_ms: clock::now_ms(),
        attempts: 0,
        hidden: Vec::new(),
        state: State::Waiting,
    };
    try_searches(gateway, &job).await?;
    gateway.log.append(entry(&job, Vec::new(), None, "an export was begun"))?.durable().await?;
    keep_new(gateway, &job).await?;
    gateway.bulk.exports.news.notify_one();
    let location = HeaderValue::from_str(&url(gateway, &job)).map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_LOCATION, location)]).into_response())
}

/// Types that are asked for by name must be within reach; others are left out.
fn check_types(system: &System, order: &Order) -> Result<()> {
    let may = |kind: &String| {
        system.scopes.allow(kind, Interaction::Read) && system.scopes.allow(kind, Interaction::Search)
    };
    let named = order.types.iter().chain(order.filters.iter().map(|filter| &filter.kind));
    match named.into_iter().all(may) {
        true => Ok(()),
        false => Err(Error::new(Code::Scope, "the token's scopes do not reach a type that is asked for")),
    }
}

/// A search that the engine refuses, or a group that is not there, is said at once.
async fn try_searches(gateway: &Gateway, job: &Job) -> Result<()> {
    if let Level::Group(id) = &job.order.level {
        work::members(gateway, job, id).await?;
    }
    for filter in &job.order.filters {
        let path = work::search_path(job, &filter.kind, &filter.query, None);
        let page = work::fetch_once(gateway, job, &filter.kind, &filter.query, &path).await?;
        if !work::is_bundle(&page) {
            return Err(crate::engine::EngineError::Malformed.into());
        }
    }
    Ok(())
}

async fn keep_new(gateway: &Gateway, job: &Job) -> Result<()> {
    let job = job.clone();
    gateway
        .store
        .write(move |tx| {
            let all = EXPORTS.scan_last_mut(tx, "", usize::MAX)?;
            let own: Vec<&Job> =
                all.iter().map(|(_, other)| other).filter(|other| other.client == job.client).collect();
            let waiting = own.iter().filter(|other| matches!(other.state, State::Waiting)).count();
            if waiting >= WAITING_PER_CLIENT_MAX || own.len() >= PER_CLIENT_MAX {
                return Err(Error::new(
                    Code::Throttled,
                    "this client has too many exports here; wait for one to end, or delete some",
                )
                .retry_after(60));
            }
            Ok(EXPORTS.put(tx, &job.id, &job)?)
        })
        .await
}

fn url(gateway: &Gateway, job: &Job) -> String {
    format!("{}/$export/{}", gateway.config.fhir_url(), job.id)
}

/// The client's own job: of another's it is not even said that it is there.
async fn own_job(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<(System, Job)> {
    let principal = authenticate::principal(gateway, headers).await?;
    let ask = Ask { what: What::Export, kind: "Bundle".into(), id: None, patient: None };
    authorise(gateway, &principal, &ask).await?;
    let none = || Error::new(Code::NotFound, "there is no such export, or not for this caller");
    let Principal::System(system) = principal else { return Err(none()) };
    let job = gateway.store.read(|tx| EXPORTS.get(tx, id))?;
    let own = |job: &Job| job.client == system.client && !is_expired(gateway, job);
    let job = job.filter(own).ok_or_else(none)?;
    if matches!(job.state, State::Complete { .. }) && is_restricted_since(gateway, &job)? {
        end(gateway, job).await?;
        return Err(withdrawn());
    }
    Ok((system, job))
}

fn withdrawn() -> Error {
    Error::new(Code::Gone, "records in this export may be used no longer; begin a new one")
}

/// `GET /fhir/$export/{job}`
pub(crate) async fn status(
    Shared(gateway): Shared<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (_, job) = own_job(&gateway, &headers, &id).await?;
    match &job.state {
        State::Waiting => {
            let words = gateway.bulk.exports.progress(&job.id).map_or("waiting".into(), |at| at.words());
            let words = HeaderValue::from_str(&words).map_err(Error::internal)?;
            let headers = [(PROGRESS, words), (header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_S))];
            Ok((StatusCode::ACCEPTED, headers).into_response())
        }
        State::Failed { why, .. } => Err(Error::new(Code::Internal, why.clone())),
        State::Withdrawn { .. } => Err(withdrawn()),
        State::Complete { ended_ms, files } => {
            let expires = http_date(expiry_ms(&gateway, *ended_ms))?;
            Ok(([(header::EXPIRES, expires)], Json(manifest(&gateway, &job, files))).into_response())
        }
    }
}

fn manifest(gateway: &Gateway, job: &Job, files: &[Part]) -> Value {
    let list = |deleted: bool| {
        let files = files.iter().filter(|file| file.deleted == deleted);
        let shown = files.map(|file| {
            let url = format!("{}/{}", url(gateway, job), file.name);
            let kind = if deleted { "Bundle" } else { file.kind.as_str() };
            json!({ "type": kind, "url": url, "count": file.count })
        });
        shown.collect::<Vec<_>>()
    };
    json!({
        "transactionTime": clock::instant(job.transaction_ms),
        "request": job.request,
        "requiresAccessToken": true,
        "output": list(false),
        "deleted": list(true),
        "error": [],
    })
}

fn http_date(time_ms: u64) -> Result<HeaderValue> {
    let seconds = i64::try_from(time_ms / 1_000).map_err(Error::internal)?;
    let at = OffsetDateTime::from_unix_timestamp(seconds).map_err(Error::internal)?;
    let text = at.format(&Rfc2822).map_err(Error::internal)?.replace("+0000", "GMT");
    HeaderValue::from_str(&text).map_err(Error::internal)
}

/// `GET /fhir/$export/{job}/{file}`
pub(crate) async fn file(
    Shared(gateway): Shared<Gateway>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let (system, job) = own_job(&gateway, &headers, &id).await?;
    let none = || Error::new(Code::NotFound, "there is no such file");
    let file = job.files().iter().find(|file| file.name == name).ok_or_else(none)?;
    if !system.scopes.allow(&file.kind, Interaction::Read) {
        return Err(Error::new(Code::Scope, "the token's scopes do not reach this file"));
    }
    let body = Folder::of(&gateway, EXPORT_FILES, &job.id).read(&file.name, &file.salt);
    let body = body.map_err(Error::internal)?;
    let count = u32::try_from(file.count).unwrap_or(u32::MAX);
    gateway.log.append(entry(
        &job,
        vec![file.kind.clone()],
        Some(count),
        "a file of an export was fetched",
    ))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/fhir+ndjson"))], body).into_response())
}

/// `DELETE /fhir/$export/{job}`
pub(crate) async fn delete(
    Shared(gateway): Shared<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let (_, job) = own_job(&gateway, &headers, &id).await?;
    remove(&gateway, &job.id).await?;
    Ok(StatusCode::ACCEPTED)
}

fn entry(job: &Job, types: Vec<String>, count: Option<u32>, reason: &str) -> Access {
    Access {
        who: Who::System { id: job.client.clone() },
        kind: Kind::Export,
        patient: None,
        purpose: None,
        reason: reason.to_owned(),
        types,
        count,
        grants: Vec::new(),
        events: Vec::new(),
    }
}
