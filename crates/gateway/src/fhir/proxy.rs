//! `/fhir/*`: authenticate, understand, decide, forward, log, answer.
//!
//! What the engine has not, this node answers itself ([`own`]): the access log, grants as consents, searches over several
//! types, summaries. Everything passes [`settle`].

use super::ask::{Ask, What};
use super::authorise::{Permit, authorise};
use super::forward::{self, Forward};
use super::json::subject_of;
use super::media::{self, Form};
use super::narrow::Narrowing;
use super::pages::{self, Binding, Paged, Place, Source};
use super::principal::Principal;
use super::terminology::{checked, in_sets};
use super::{FHIR_JSON, audit, audit_event, authenticate, binary, consent, notes, summary, system};
use crate::bulk;
use crate::error::{Code, Error, Result};
use crate::limits::SEARCH_FORM_BYTES_MAX;
use crate::state::Gateway;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use salus_policy::Action;

/// Largest single resource.
const RESOURCE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Every FHIR interaction.
pub(crate) async fn proxy(State(gateway): State<Gateway>, request: Request) -> Result<Response> {
    let principal = authenticate::principal(&gateway, request.headers()).await?;
    let path = request.uri().path().strip_prefix("/fhir").unwrap_or_default();
    let ask = Ask::parse(request.method(), path, request.uri().query())?;
    if matches!(ask.what, What::Export | What::Import) {
        return job(&gateway, principal, &ask, request).await;
    }
    let form = media::wanted(&ask, request.headers(), request.uri().query().unwrap_or_default())?;
    let (request, query) = with_form(&ask, request).await?;
    let (request, query) = with_codes(&gateway, &ask, request, query).await?;
    let ask = ask.with_patient_of(Some(&query));
    let answered = match own(&gateway, &principal, &ask, &query).await? {
        Some(answered) => answered,
        None => through(&gateway, &principal, ask, request, &query, form).await?,
    };
    settle(&gateway, &principal, answered).await
}

/// What goes on after the answer, and writes its own entries in the access log.
async fn job(gateway: &Gateway, principal: Principal, ask: &Ask, request: Request) -> Result<Response> {
    authorise(gateway, &principal, ask).await?;
    let Principal::System(system) = principal else {
        return Err(Error::new(Code::Forbidden, "only a registered system does that"));
    };
    match ask.what {
        What::Export => bulk::export::begin(gateway, system, ask, request).await,
        _ => bulk::import::begin(gateway, system, request).await,
    }
}

/// An answer, what it is about, and the permit by which it was made.
pub(crate) struct Answered {
    pub(crate) response: Response,
    /// Each is an entry of the access log.
    pub(crate) asks: Vec<Ask>,
    pub(crate) permit: Permit,
}

/// What is asked for: the query, or the form of a `_search`, which comes in the body.
async fn with_form(ask: &Ask, request: Request) -> Result<(Request, String)> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let searches = matches!(ask.what, What::Search | What::SystemSearch);
    if !searches || request.method() != Method::POST {
        return Ok((request, query));
    }
    let (parts, body) = request.into_parts();
    let form = to_bytes(body, SEARCH_FORM_BYTES_MAX)
        .await
        .map_err(|_| Error::new(Code::TooLarge, "the search form is larger than 64 KiB"))?;
    let text =
        std::str::from_utf8(&form).map_err(|_| Error::new(Code::Invalid, "the search form is not UTF-8"))?;
    let both = if query.is_empty() { text.to_owned() } else { format!("{query}&{text}") };
    Ok((Request::from_parts(parts, Body::from(form)), both))
}

/// The same with the codes of the value sets that it names.
async fn with_codes(
    gateway: &Gateway,
    ask: &Ask,
    request: Request,
    query: String,
) -> Result<(Request, String)> {
    if !matches!(ask.what, What::Search | What::CompartmentSearch | What::SystemSearch) {
        return Ok((request, query));
    }
    let Some(query) = in_sets::as_codes(gateway, &query).await? else { return Ok((request, query)) };
    let (mut parts, mut body) = request.into_parts();
    let path = parts.uri.path();
    let uri = if parts.method == Method::POST {
        body = Body::from(query.clone());
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    parts.uri = uri.parse().map_err(Error::internal)?;
    Ok((Request::from_parts(parts, body), query))
}

/// What this node answers itself. `None`: the engine does.
async fn own(gateway: &Gateway, principal: &Principal, ask: &Ask, query: &str) -> Result<Option<Answered>> {
    if ask.kind == "AuditEvent" {
        return audit_event::serve(gateway, principal, ask, query).await.map(Some);
    }
    match ask.what {
        What::SystemSearch => system::search(gateway, principal, query).await.map(Some),
        What::Summary => summary::serve(gateway, principal, ask, query).await.map(Some),
        _ if ask.kind == "Consent" => consent::serve(gateway, principal, ask, query).await,
        _ => Ok(None),
    }
}

/// What the engine answers.
async fn through(
    gateway: &Gateway,
    principal: &Principal,
    mut ask: Ask,
    request: Request,
    query: &str,
    form: Form,
) -> Result<Answered> {
    let permit = authorise(gateway, principal, &ask).await?;
    permit.check_query(query)?;
    let narrowing = permit.narrowing.as_ref().filter(|_| ask.what.action() != Action::Write);
    if let Some(narrowing) = narrowing
        && let Some(response) =
            in_pages(gateway, principal, &ask, (&permit, narrowing), request.uri().path(), query).await?
    {
        return Ok(Answered { response, asks: vec![ask], permit });
    }
    let (request, validated) = validated(gateway, &ask, request).await?;
    let request = prepared(gateway, principal, &ask, request).await?;
    let answer = pass_on(gateway, request, &ask, &permit).await?;
    if answer.status() == StatusCode::NOT_FOUND
        && ask.is_of_copy()
        && let Some(refusal) = why_not(gateway, principal, &ask).await?
    {
        return Err(refusal);
    }
    let mut answer = forward::clean(answer)?;
    if let Some(body) = validated {
        answer = checked::add(gateway, &body, answer).await?;
    }
    if let Some(narrowing) = narrowing {
        answer = narrowing.apply(gateway, &ask, &permit, answer).await?;
    }
    if matches!(principal, Principal::System(_)) && ask.patient.is_none() && reads_one(&ask, &answer) {
        (answer, ask.patient) = with_patient(answer).await?;
    }
    if form == Form::Raw {
        answer = binary::unpack(answer).await?;
    }
    Ok(Answered { response: answer, asks: vec![ask], permit })
}

/// Writes the log, without which nothing is answered, and says what is missing.
async fn settle(gateway: &Gateway, principal: &Principal, answered: Answered) -> Result<Response> {
    let Answered { response, asks, permit } = answered;
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        for ask in &asks {
            let receipt = audit::record(gateway, principal, ask, &permit, audit::kind(ask))?;
            if ask.what.writes() {
                receipt.durable().await?;
            }
        }
    }
    match asks.into_iter().next() {
        Some(ask) => notes::add(response, &ask, &permit.notes).await,
        None => Ok(response),
    }
}

/// A search of somebody who sees a part of the record, in pages of what is shown, where they name a `_count`.
async fn in_pages(
    gateway: &Gateway,
    principal: &Principal,
    ask: &Ask,
    (permit, narrowing): (&Permit, &Narrowing),
    path: &str,
    query: &str,
) -> Result<Option<Response>> {
    if !matches!(ask.what, What::Search | What::CompartmentSearch) {
        return Ok(None);
    }
    let path = path.trim_end_matches('/').trim_end_matches("/_search");
    let binding = Binding::of(principal, path);
    let (from, count) = match pages::token_of(query) {
        Some(token) => {
            let place = binding.open(gateway, &token)?;
            let count = place.count;
            (place, count)
        }
        None => match pages::count_of(query)? {
            Some(count) => (Place { count, ..Place::default() }, count),
            None => return Ok(None),
        },
    };
    let first = format!("{path}?{}", pages::without(query, &["_count", pages::PAGE]));
    let sources = vec![Source::Engine(permit, first)];
    let paged = Paged { sources, count: Some(count), from, narrowing: Some(narrowing) };
    let page = paged.fill(gateway).await?;
    let response = pages::answer(page.bundle(gateway, &binding, path, count == 0)?);
    Ok(Some(response))
}

/// The request with a body that the engine understands, of what may be written.
async fn prepared(gateway: &Gateway, principal: &Principal, ask: &Ask, request: Request) -> Result<Request> {
    let (mut parts, mut body) = request.into_parts();
    if binary::is_raw_upload(ask, &parts.headers) {
        body = binary::wrap(ask, principal, &parts.headers, body).await?;
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    } else if ask.kind == "Consent" && ask.what.writes() {
        body = consent::checked(body, gateway.config.limits.fhir_bytes_max).await?;
    }
    Ok(Request::from_parts(parts, body))
}

/// The body of a `$validate`, which is looked at twice.
async fn validated(gateway: &Gateway, ask: &Ask, request: Request) -> Result<(Request, Option<Bytes>)> {
    if ask.what != What::Validate {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, gateway.config.limits.fhir_bytes_max).await;
    let body = body.map_err(|_| Error::new(Code::TooLarge, "the resource is larger than this node takes"))?;
    Ok((Request::from_parts(parts, Body::from(body.clone())), Some(body)))
}

fn reads_one(ask: &Ask, answer: &Response) -> bool {
    matches!(ask.what, What::Read | What::Version) && answer.status() == StatusCode::OK
}

/// Whose record a system reads stands in the record alone; the patient shall find it in the log.
async fn with_patient(answer: Response) -> Result<(Response, Option<String>)> {
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, RESOURCE_BYTES_MAX).await.map_err(Error::internal)?;
    let patient = std::str::from_utf8(&bytes).ok().and_then(subject_of);
    Ok((Response::from_parts(parts, Body::from(bytes)), patient))
}

async fn pass_on(gateway: &Gateway, request: Request, ask: &Ask, permit: &Permit) -> Result<Response> {
    let (parts, mut body) = request.into_parts();
    let mut path = parts.uri.path_and_query().map_or("/fhir", |path| path.as_str()).to_owned();
    if permit.narrowing.is_some() && ask.what == What::Search && parts.method == Method::POST {
        let form = to_bytes(body, SEARCH_FORM_BYTES_MAX).await.map_err(Error::internal)?;
        body = Body::from(Narrowing::widened(std::str::from_utf8(&form).map_err(Error::internal)?));
    } else if permit.narrowing.is_some() && parts.method == Method::GET && gives_pages(ask) {
        path = format!("{}?{}", parts.uri.path(), Narrowing::widened(parts.uri.query().unwrap_or_default()));
    }
    forward::send(gateway, Forward::new(parts.method.clone(), &path, permit).with(&parts.headers, body)).await
}

fn gives_pages(ask: &Ask) -> bool {
    !matches!(ask.what, What::Read | What::Version)
}

async fn why_not(gateway: &Gateway, principal: &Principal, ask: &Ask) -> Result<Option<Error>> {
    match (principal, &ask.id) {
        (Principal::Practitioner(who), Some(id)) => gateway.shares.why_not(gateway, who, id).await,
        _ => Ok(None),
    }
}
