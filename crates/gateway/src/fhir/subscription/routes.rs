//! The routes: subscriptions of the caller's own, and of nobody else's; topics, for everybody.

use super::resource::{self, Draft, TEXT_BYTES_MAX};
use super::rows::{self, Owner, Progress, Subscription};
use super::tell::{self, Notice};
use super::topic::{TOPICS, Topic};
use super::{seal_headers, socket};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::fhir::ask::{Ask, What};
use crate::fhir::authenticate;
use crate::fhir::authorise::authorise;
use crate::fhir::principal::Principal;
use crate::state::Gateway;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use salus_crypto::random;
use serde_json::{Value, json};

/// Most events in an answer to `$events`.
const EVENTS_PER_ANSWER_MAX: usize = 100;

fn fhir(status: StatusCode, body: impl Into<Body>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8")];
    (status, kind, body.into()).into_response()
}

/// A Bundle of what was found.
fn searchset(entries: Vec<Value>) -> Response {
    let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "total": entries.len() });
    if !entries.is_empty() {
        bundle["entry"] = Value::from(entries);
    }
    fhir(StatusCode::OK, bundle.to_string())
}

fn nothing() -> Error {
    Error::new(Code::NotFound, "there is no such subscription, or not of this caller")
}

/// Who asks, if this is theirs to do: a system by its scopes for `Subscription`, an app by being let read at all.
async fn owner(gateway: &Gateway, headers: &HeaderMap, what: What) -> Result<(Principal, Owner)> {
    let (principal, owner) = authenticate::holder(gateway, headers)?;
    if matches!(principal, Principal::System(_)) {
        let mut ask = Ask::instance(what, "Subscription", "x");
        ask.id = None;
        authorise(gateway, &principal, &ask).await?;
    }
    Ok((principal, owner))
}

/// The caller's own subscription.
fn own(gateway: &Gateway, owner: &Owner, id: &str) -> Result<(Subscription, Progress)> {
    let found = rows::find(&gateway.store, id)?.filter(|(found, _)| found.owner.is(owner));
    found.ok_or_else(nothing)
}

fn shown(gateway: &Gateway, of: &Subscription, progress: &Progress) -> Result<Value> {
    let text = rows::text(&gateway.store, &of.id)?.ok_or_else(nothing)?;
    resource::shown(of, progress, &text)
}

/// The resource as an answer, with its version.
fn resource_of(
    gateway: &Gateway,
    status: StatusCode,
    of: &Subscription,
    progress: &Progress,
) -> Result<Response> {
    let mut answer = fhir(status, shown(gateway, of, progress)?.to_string());
    set(&mut answer, header::ETAG, &format!("W/\"{}\"", of.version))?;
    Ok(answer)
}

/// The resource in a body, with its endpoint checked, as a row.
async fn draft(gateway: &Gateway, owner: Owner, id: String, body: Body) -> Result<(Subscription, Draft)> {
    gateway.subscriptions.changes_allowed.check(owner.client.clone())?;
    let bytes = to_bytes(body, TEXT_BYTES_MAX)
        .await
        .map_err(|_| Error::new(Code::TooLarge, "a subscription is at most 64 KiB"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::new(Code::Invalid, "the body is not UTF-8"))?;
    let draft = resource::read(text)?;
    if let resource::Channel::Hook(endpoint) = &draft.terms.channel {
        gateway.subscriptions.hooks.check(endpoint)?;
    }
    let headers = seal_headers(gateway, &id, &draft.headers)?;
    let terms = draft.terms.clone();
    let new = Subscription { id, version: 1, updated_ms: clock::now_ms(), owner, terms, headers };
    Ok((new, draft))
}

/// `POST /fhir/Subscription`
pub(super) async fn create(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Create).await?;
    let id = hex::encode(random::bytes::<16>());
    let (new, draft) = draft(&gateway, owner, id.clone(), body).await?;
    rows::create(&gateway.store, new, draft.text, draft.off).await?;
    gateway.subscriptions.wake();
    let (of, progress) = rows::find(&gateway.store, &id)?.ok_or_else(nothing)?;
    let place = format!("{}/Subscription/{id}/_history/{}", gateway.config.fhir_url(), of.version);
    let mut answer = resource_of(&gateway, StatusCode::CREATED, &of, &progress)?;
    set(&mut answer, header::LOCATION, &place)?;
    Ok(answer)
}

fn set(answer: &mut Response, name: HeaderName, value: &str) -> Result<()> {
    let value: HeaderValue = value.parse().map_err(Error::internal)?;
    answer.headers_mut().insert(name, value);
    Ok(())
}

/// `PUT /fhir/Subscription/{id}`
pub(super) async fn update(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Update).await?;
    own(&gateway, &owner, &id)?;
    let (new, draft) = draft(&gateway, owner, id.clone(), body).await?;
    let of = rows::replace(&gateway.store, new, draft.text, draft.off).await?.ok_or_else(nothing)?;
    gateway.subscriptions.wake();
    let (_, progress) = rows::find(&gateway.store, &id)?.ok_or_else(nothing)?;
    resource_of(&gateway, StatusCode::OK, &of, &progress)
}

/// `GET /fhir/Subscription/{id}`
pub(super) async fn read(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Read).await?;
    let (of, progress) = own(&gateway, &owner, &id)?;
    resource_of(&gateway, StatusCode::OK, &of, &progress)
}

/// `DELETE /fhir/Subscription/{id}`
pub(super) async fn delete(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let (_, owner) = owner(&gateway, &headers, What::Delete).await?;
    match rows::delete(&gateway.store, &id, &owner).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(nothing()),
    }
}

/// `GET /fhir/Subscription?...`: by `_id`, `status`, `criteria` and `url`.
pub(super) async fn search(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Search).await?;
    let query: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let mut entries = Vec::new();
    for (of, progress) in rows::all(&gateway.store)? {
        if of.owner.is(&owner) && fits_all(&of, &progress, &query)? {
            let address = format!("{}/Subscription/{}", gateway.config.fhir_url(), of.id);
            let resource = shown(&gateway, &of, &progress)?;
            entries.push(json!({ "fullUrl": address, "resource": resource, "search": { "mode": "match" } }));
        }
    }
    Ok(searchset(entries))
}

/// Whether a subscription is what a whole query asks for.
fn fits_all(of: &Subscription, progress: &Progress, query: &[(String, String)]) -> Result<bool> {
    for parameter in query {
        if !fits(of, progress, parameter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fits(of: &Subscription, progress: &Progress, (name, value): &(String, String)) -> Result<bool> {
    let any = |is: &dyn Fn(&str) -> bool| value.split(',').any(is);
    match name.as_str() {
        "_id" => Ok(any(&|one| one == of.id)),
        "status" => Ok(any(&|one| one == progress.status.as_str())),
        "criteria" => Ok(any(&|one| one == of.terms.topic)),
        "url" => Ok(any(&|one| of.terms.channel == resource::Channel::Hook(one.to_owned()))),
        "_format" | "_count" => Ok(true),
        _ => Err(Error::new(
            Code::Invalid,
            "subscriptions are searched by `_id`, `status`, `criteria` and `url`",
        )),
    }
}

/// `$status` of one.
pub(super) async fn status(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Read).await?;
    Ok(statuses(&gateway, vec![own(&gateway, &owner, &id)?]))
}

/// `$status` of those that `id` names, or of all.
pub(super) async fn all_status(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Search).await?;
    let query = query.unwrap_or_default();
    let ids: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "id")
        .flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut all = rows::all(&gateway.store)?;
    all.retain(|(one, _)| one.owner.is(&owner) && (ids.is_empty() || ids.contains(&one.id)));
    Ok(statuses(&gateway, all))
}

fn statuses(gateway: &Gateway, all: Vec<(Subscription, Progress)>) -> Response {
    let base = gateway.config.fhir_url();
    let entry = |(of, progress): &(Subscription, Progress)| {
        json!({
            "fullUrl": format!("urn:uuid:{}", uuid::Uuid::new_v4()),
            "resource": tell::status(&base, of, progress, "query-status", &[]),
            "search": { "mode": "match" },
        })
    };
    let entries: Vec<Value> = all.iter().map(entry).collect();
    searchset(entries)
}

/// `$events`: `eventsSinceNumber` to `eventsUntilNumber`, both included; what may be read now of what was told.
pub(super) async fn events(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let (principal, owner) = owner(&gateway, &headers, What::Read).await?;
    let (of, progress) = own(&gateway, &owner, &id)?;
    let (mut from, mut to, mut content) = (rows::oldest(progress.told), progress.told, of.terms.content);
    let wrong = || {
        Error::new(Code::Invalid, "`$events` takes `eventsSinceNumber`, `eventsUntilNumber` and `content`")
    };
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "eventsSinceNumber" => from = from.max(value.parse().map_err(|_| wrong())?),
            "eventsUntilNumber" => to = to.min(value.parse().map_err(|_| wrong())?),
            "content" => content = serde_json::from_value(Value::from(&*value)).map_err(|_| wrong())?,
            "_format" => (),
            _ => return Err(wrong()),
        }
    }
    let found = rows::events(&gateway.store, &id, (from, to), EVENTS_PER_ANSWER_MAX)?;
    let told = tell::of_events(&gateway, &principal, found, content).await?;
    let base = gateway.config.fhir_url();
    Ok(fhir(StatusCode::OK, tell::bundle(&base, (&of, &progress), Notice::Query, &told, content)))
}

/// `$get-ws-binding-token` of one.
pub(super) async fn token(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (_, owner) = owner(&gateway, &headers, What::Read).await?;
    let (of, progress) = own(&gateway, &owner, &id)?;
    if of.terms.channel != resource::Channel::Socket || progress.status == rows::Status::Off {
        return Err(Error::new(Code::Unprocessable, "this subscription has no websocket, or has ended"));
    }
    let (token, until_ms) = gateway.subscriptions.tokens.issue(vec![id.clone()])?;
    let (scheme, rest) = gateway.config.public_url.split_once("://").unwrap_or_default();
    let scheme = if scheme == "https" { "wss" } else { "ws" };
    let parameters = json!({
        "resourceType": "Parameters",
        "parameter": [
            { "name": "token", "valueString": token },
            { "name": "expiration", "valueDateTime": clock::instant(until_ms) },
            { "name": "subscription", "valueString": id },
            { "name": "websocket-url", "valueUrl": format!("{scheme}://{rest}/fhir/ws") },
        ],
    });
    Ok(fhir(StatusCode::OK, parameters.to_string()))
}

/// `GET /fhir/SubscriptionTopic/{id}`
pub(super) async fn topic(Path(id): Path<String>) -> Result<Response> {
    let topic = TOPICS.iter().find(|topic| topic.id == id).map(Topic::definition);
    let topic = topic.ok_or_else(|| Error::new(Code::NotFound, "there is no such topic"))?;
    Ok(fhir(StatusCode::OK, topic.to_string()))
}

/// `GET /fhir/SubscriptionTopic`
pub(super) async fn topics(State(gateway): State<Gateway>) -> Response {
    let base = gateway.config.fhir_url();
    let entry = |topic: &Topic| {
        let address = format!("{base}/SubscriptionTopic/{}", topic.id);
        json!({ "fullUrl": address, "resource": topic.definition(), "search": { "mode": "match" } })
    };
    searchset(TOPICS.iter().map(entry).collect())
}

/// `GET /fhir/ws`
pub(super) use socket::open as ws;
