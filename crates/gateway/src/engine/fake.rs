//! A clinical engine for tests: an axum server on a Unix socket that keeps the contract of
//! `clinical/README.md` as far as the gateway can see it.

use super::{EngineAddress, EnginePrincipal, Reach};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// One resource, whose record it is, and by which grant it came.
#[derive(Clone)]
struct Kept {
    kind: String,
    id: String,
    patient: Option<String>,
    grant: Option<String>,
    version: u32,
    text: String,
}

/// How an engine may fail its contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not.
    #[default]
    None,
    /// Never answers.
    Silent,
    /// Answers with a page.
    Html,
    /// Sends the caller elsewhere.
    Redirect,
    /// Answers with half a resource.
    Malformed,
    /// Answers with a stack trace.
    Broken,
    /// Refuses, and says again what was asked for.
    Telling,
    /// Answers with more than anybody reads.
    Oversize,
}

/// Where a planted bug shows what must not be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leak {
    /// Nowhere.
    #[default]
    Nothing,
    /// Everything is answered to everybody.
    Everything,
    /// The total counts it.
    Totals,
    /// A link to a next page holds its text.
    Links,
    /// ETag and Last-Modified hold its id.
    Headers,
    /// What is refused is said with its text.
    Errors,
}

#[derive(Default)]
struct Inner {
    kept: Mutex<Vec<Kept>>,
    sets: Mutex<BTreeMap<String, (String, String)>>,
    asked: Mutex<Vec<EnginePrincipal>>,
    prefer: Mutex<Option<String>>,
    /// The query or form of the newest search.
    searched: Mutex<Option<String>>,
    fault: Mutex<Fault>,
    leak: Mutex<Leak>,
    /// The body of the newest write, with its content type.
    written: Mutex<Option<(String, String)>>,
    /// The outbox, and up to where its rows may go.
    outbox: Mutex<Vec<Value>>,
    acknowledged: AtomicU64,
    /// Ids of resources with a version that waits to be sealed.
    unsealed: Mutex<Vec<String>>,
    /// Transactions until the engine stops.
    transactions_left: Mutex<Option<usize>>,
    /// Type and id of what was deleted.
    deleted: Mutex<Vec<(String, String)>>,
    /// Told when a second page is asked for, and waited for before it is given.
    hold: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
}

/// The engine.
#[derive(Clone, Default)]
pub(crate) struct FakeEngine(Arc<Inner>);

impl FakeEngine {
    /// Listens on a socket in `folder`.
    pub(crate) fn start(&self, folder: &FilePath) -> EngineAddress {
        let path = folder.join("engine.sock");
        let listener = tokio::net::UnixListener::bind(&path).expect("socket");
        let router = Router::new()
            .route("/internal/erase", post(erase))
            .route("/internal/outbox", get(outbox))
            .route("/internal/outbox/ack", post(acknowledge))
            .route("/internal/shares", get(list))
            .route("/internal/shares/{grant}", put(import).delete(purge))
            .route("/fhir/metadata", get(metadata))
            .route("/fhir", any(fhir))
            .route("/fhir/", any(fhir))
            .route("/fhir/{*path}", any(fhir))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        EngineAddress::Socket(path)
    }

    /// Keeps an own resource.
    pub(crate) fn keep(&self, patient: Option<&str>, resource: Value) {
        let text = resource.to_string();
        self.0.kept.lock().expect("lock").push(kept(patient, None, &resource, text));
    }

    /// Keeps an own resource, and puts it into the outbox; the number of its row.
    pub(crate) fn commit(&self, patient: Option<&str>, resource: Value) -> u64 {
        self.put_out(patient, &resource, "1", false);
        self.keep(patient, resource);
        self.0.outbox.lock().expect("lock").len() as u64
    }

    /// Deletes an own resource, of which its first version stays.
    pub(crate) fn delete(&self, id: &str) {
        let kept =
            self.0.kept.lock().expect("lock").iter().find(|kept| kept.id == id).cloned().expect("kept");
        let resource: Value = serde_json::from_str(&kept.text).expect("json");
        self.put_out(kept.patient.as_deref(), &resource, "2", true);
    }

    fn put_out(&self, patient: Option<&str>, resource: &Value, version: &str, deleted: bool) {
        let mut outbox = self.0.outbox.lock().expect("lock");
        let row = json!({
            "seq": outbox.len() + 1, "type": resource["resourceType"], "id": resource["id"],
            "version": version, "deleted": deleted, "lastUpdated": "2026-01-01T00:00:00.000Z",
            "patient": patient, "resource": resource.to_string(),
        });
        outbox.push(row);
    }

    /// Removes an own resource with all its versions.
    pub(crate) fn erase(&self, id: &str) {
        self.0.kept.lock().expect("lock").retain(|kept| kept.id != id);
    }

    /// Up to where rows of the outbox may go.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.0.acknowledged.load(Ordering::Relaxed)
    }

    /// Makes a new version of a resource.
    pub(crate) fn revise(&self, id: &str) {
        let mut all = self.0.kept.lock().expect("lock");
        all.iter_mut().filter(|kept| kept.id == id).for_each(|kept| kept.version += 1);
    }

    /// Somebody was born on a date.
    pub(crate) fn born(&self, patient: &str, date: &str) {
        let mut all = self.0.kept.lock().expect("lock");
        for kept in all.iter_mut().filter(|kept| kept.kind == "Patient" && kept.id == patient) {
            let mut resource: Value = serde_json::from_str(&kept.text).expect("json");
            resource["birthDate"] = json!(date);
            kept.text = resource.to_string();
        }
    }

    /// Leaks from now on: the planted bug that every test of who sees what must report.
    pub(crate) fn leak(&self, leak: Leak) {
        *self.0.leak.lock().expect("lock") = leak;
    }

    /// The body of the newest write, with its content type.
    pub(crate) fn written(&self) -> Option<(String, String)> {
        self.0.written.lock().expect("lock").clone()
    }

    /// These have a version that waits to be sealed.
    pub(crate) fn unsealed(&self, ids: &[&str]) {
        *self.0.unsealed.lock().expect("lock") = ids.iter().map(|id| (*id).to_owned()).collect();
    }

    /// Whether it has an own resource.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.kept.lock().expect("lock").iter().any(|kept| kept.id == id)
    }

    /// Takes so many transactions more, and then stops; `None`: takes all.
    pub(crate) fn stop_after(&self, transactions: Option<usize>) {
        *self.0.transactions_left.lock().expect("lock") = transactions;
    }

    /// The version of a resource; `None` if there is none.
    pub(crate) fn version(&self, id: &str) -> Option<u32> {
        self.0.kept.lock().expect("lock").iter().find(|kept| kept.id == id).map(|kept| kept.version)
    }

    /// A resource was deleted, by which history alone knows it.
    pub(crate) fn deleted(&self, kind: &str, id: &str) {
        self.0.deleted.lock().expect("lock").push((kind.to_owned(), id.to_owned()));
    }

    /// Stops before the next second page of an export: the receiver hears of it, and the sender lets it go on.
    pub(crate) fn hold(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, hears), (go, waits)) = (oneshot::channel(), oneshot::channel());
        *self.0.hold.lock().expect("lock") = Some((reached, waits));
        (hears, go)
    }

    /// Fails its contract from now on.
    pub(crate) fn fail(&self, fault: Fault) {
        *self.0.fault.lock().expect("lock") = fault;
    }

    /// What the gateway said of the newest request.
    pub(crate) fn last_principal(&self) -> Option<EnginePrincipal> {
        self.0.asked.lock().expect("lock").last().cloned()
    }

    /// How many FHIR requests came.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.lock().expect("lock").len()
    }

    /// The query, and the form after `&`, of the newest search.
    pub(crate) fn last_search(&self) -> Option<String> {
        self.0.searched.lock().expect("lock").clone()
    }

    /// The `prefer` of the newest request.
    pub(crate) fn last_prefer(&self) -> Option<String> {
        self.0.prefer.lock().expect("lock").clone()
    }

    /// Copies of a grant.
    pub(crate) fn copies(&self, grant: &str) -> Vec<Value> {
        let kept = self.0.kept.lock().expect("lock");
        let copies = kept.iter().filter(|kept| kept.grant.as_deref() == Some(grant));
        copies.map(|kept| serde_json::from_str(&kept.text).expect("json")).collect()
    }

    /// The exact text of a copy.
    pub(crate) fn text(&self, id: &str) -> Option<String> {
        self.0.kept.lock().expect("lock").iter().find(|kept| kept.id == id).map(|kept| kept.text.clone())
    }
}

fn kept(patient: Option<&str>, grant: Option<&str>, resource: &Value, text: String) -> Kept {
    let field = |name: &str| resource[name].as_str().expect(name).to_owned();
    Kept {
        kind: field("resourceType"),
        id: field("id"),
        patient: patient.map(str::to_owned),
        grant: grant.map(str::to_owned),
        version: 1,
        text,
    }
}

fn is_internal(headers: &HeaderMap) -> bool {
    headers.get("x-salus-internal").is_some_and(|value| value == "1")
}

async fn list(State(engine): State<FakeEngine>, headers: HeaderMap) -> Response {
    if !is_internal(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let sets = engine.0.sets.lock().expect("lock").clone();
    let list: Vec<Value> = sets
        .into_iter()
        .map(|(grant, (patient, expires))| {
            json!({ "grant": grant, "patient": patient, "expires": expires, "count": engine.copies(&grant).len() })
        })
        .collect();
    Json(list).into_response()
}

async fn import(
    State(engine): State<FakeEngine>,
    Path(grant): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if !is_internal(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let set: super::ShareSet = serde_json::from_str(&body).expect("set");
    let mut all = engine.0.kept.lock().expect("lock");
    for text in &set.resources {
        let resource: Value = serde_json::from_str(text.get()).expect("json");
        let id = resource["id"].as_str().expect("id");
        assert!(id.starts_with("sx-") && id.len() <= 64, "{id}");
        all.retain(|kept| kept.id != id);
        all.push(kept(Some(&set.patient), Some(&grant), &resource, text.get().to_owned()));
    }
    engine.0.sets.lock().expect("lock").insert(grant.clone(), (set.patient, set.expires));
    Json(json!({ "grant": grant, "count": set.resources.len(), "written": set.resources.len() }))
        .into_response()
}

async fn purge(State(engine): State<FakeEngine>, Path(grant): Path<String>, headers: HeaderMap) -> Response {
    if !is_internal(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut all = engine.0.kept.lock().expect("lock");
    let before = all.len();
    all.retain(|kept| kept.grant.as_ref() != Some(&grant));
    engine.0.sets.lock().expect("lock").remove(&grant);
    Json(json!({ "count": before - all.len(), "scrubbed": true })).into_response()
}

async fn erase(State(engine): State<FakeEngine>, headers: HeaderMap, body: String) -> Response {
    if !is_internal(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let named: Vec<crate::erasure::Named> = serde_json::from_str(&body).expect("a list");
    let waits = engine.0.unsealed.lock().expect("lock").clone();
    let mut all = engine.0.kept.lock().expect("lock");
    let is_named = |kept: &Kept| named.iter().any(|one| one.kind == kept.kind && one.id == kept.id);
    let waiting = all.iter().filter(|kept| is_named(kept) && waits.contains(&kept.id)).count();
    all.retain(|kept| !is_named(kept) || waits.contains(&kept.id));
    Json(json!({ "erased": 0, "waiting": waiting, "scrubbed": true })).into_response()
}

async fn outbox(State(engine): State<FakeEngine>, headers: HeaderMap, request: Request) -> Response {
    if !is_internal(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let after = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after");
    let after: u64 = after.expect("after").1.parse().expect("a number");
    let rows = engine.0.outbox.lock().expect("lock").clone();
    Json(rows.into_iter().skip(after as usize).collect::<Vec<_>>()).into_response()
}

async fn acknowledge(State(engine): State<FakeEngine>, headers: HeaderMap, body: String) -> Response {
    if !is_internal(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let body: Value = serde_json::from_str(&body).expect("json");
    engine.0.acknowledged.store(body["upTo"].as_u64().expect("a number"), Ordering::Relaxed);
    StatusCode::NO_CONTENT.into_response()
}

/// The engine claims the same of every type.
async fn metadata() -> Response {
    let codes = [
        "read",
        "vread",
        "update",
        "patch",
        "delete",
        "history-instance",
        "history-type",
        "create",
        "search-type",
    ];
    let interactions: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
    let kinds = [
        "Patient",
        "Observation",
        "Binary",
        "Group",
        "Consent",
        "Organization",
        "AuditEvent",
        "Subscription",
        "SearchParameter",
    ];
    let types: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "type": kind, "interaction": interactions, "conditionalDelete": "single" }))
        .collect();
    let system: Vec<Value> =
        ["transaction", "batch", "history-system"].iter().map(|code| json!({ "code": code })).collect();
    Json(json!({
        "resourceType": "CapabilityStatement",
        "rest": [{ "mode": "server", "resource": types, "interaction": system, "operation": [{ "name": "export" }] }],
    }))
    .into_response()
}

fn principal(headers: &HeaderMap) -> Option<EnginePrincipal> {
    let value = headers.get(super::PRINCIPAL_HEADER)?.as_bytes();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()
}

fn sees(principal: &EnginePrincipal, kept: &Kept) -> bool {
    let own = match &principal.read {
        Reach::None => false,
        Reach::All => kept.patient.as_ref().is_none_or(|own| !principal.hidden.contains(own)),
        Reach::Patient(patient) => kept.patient.as_ref().is_none_or(|own| own == patient),
    };
    own && kept.grant.as_ref().is_none_or(|grant| principal.shares.contains(grant))
}

async fn fhir(State(engine): State<FakeEngine>, request: Request) -> Response {
    let Some(principal) = principal(request.headers()) else { return StatusCode::FORBIDDEN.into_response() };
    engine.0.asked.lock().expect("lock").push(principal.clone());
    let prefer = request.headers().get("prefer").map(|value| value.to_str().expect("text").to_owned());
    *engine.0.prefer.lock().expect("lock") = prefer;
    assert!(!request.headers().contains_key(header::AUTHORIZATION), "a token reached the engine");
    assert!(!request.headers().contains_key(header::COOKIE), "a cookie reached the engine");
    let fault = *engine.0.fault.lock().expect("lock");
    if let Some(answer) = faulty(fault).await {
        return answer;
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path().trim_start_matches("/fhir").to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let leak = *engine.0.leak.lock().expect("lock");
    let all = engine.0.kept.lock().expect("lock").clone();
    let (seen, hidden): (Vec<Kept>, Vec<Kept>) =
        all.into_iter().partition(|kept| leak == Leak::Everything || sees(&principal, kept));
    let secret: String = hidden.iter().map(|kept| kept.text.as_str()).collect();
    if head.method == Method::POST && segments.is_empty() {
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("body");
        return batch(&engine, &principal, &seen, &bytes);
    }
    if head.method != Method::GET && !path.ends_with("_search") {
        let kind = head.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().expect("text").to_owned());
        match axum::body::to_bytes(body, 64 << 20).await {
            Ok(body) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                *engine.0.written.lock().expect("lock") = Some((kind.unwrap_or_default(), body));
            }
            Err(_) => return refusal(StatusCode::BAD_REQUEST),
        }
        // What the guard keeps from everybody.
        if segments.first() == Some(&"SearchParameter") && segments.last() != Some(&"$validate") {
            return refusal(StatusCode::FORBIDDEN);
        }
        return match principal.write {
            Reach::None => refusal(StatusCode::FORBIDDEN),
            _ if segments.last() == Some(&"$validate") => validated(),
            _ if head.method == Method::POST => StatusCode::CREATED.into_response(),
            _ => StatusCode::OK.into_response(),
        };
    }
    let mut query = head.uri.query().unwrap_or_default().to_owned();
    if let ([kind], true) = (segments.as_slice(), query.contains("_sort=_lastUpdated")) {
        let found: Vec<&Kept> = seen.iter().filter(|kept| kept.kind == *kind).collect();
        return page(&engine, kind, &query, &found).await;
    }
    if let ([kind, "_history"], true) = (segments.as_slice(), query.contains("_since=")) {
        return deletions(&engine, kind);
    }
    if head.method == Method::POST {
        let form = axum::body::to_bytes(body, 1 << 20).await.expect("body");
        query = format!("{query}&{}", String::from_utf8_lossy(&form));
    }
    *engine.0.searched.lock().expect("lock") = Some(query.clone());
    let of = |kind: &str| seen.iter().filter(move |kept| kept.kind == kind).collect::<Vec<_>>();
    let bundle = |found: &[&Kept]| paged(head.uri.path(), &query, found, (leak, hidden.len(), &secret));
    match segments.as_slice() {
        [] | ["_history"] => bundle(&seen.iter().collect::<Vec<_>>()),
        [kind] if query.contains("_include") || query.contains("_revinclude") => {
            let patients: Vec<_> = of(kind).iter().filter_map(|kept| kept.patient.clone()).collect();
            let with = |kept: &&Kept| {
                kept.kind == *kind || kept.patient.as_ref().is_some_and(|patient| patients.contains(patient))
            };
            bundle(&seen.iter().filter(with).collect::<Vec<_>>())
        }
        [kind] | [kind, "_search" | "_history"] => bundle(&of(kind)),
        ["Patient", patient, inner] if *inner != "_history" => {
            let within = |kept: &&Kept| {
                kept.patient.as_deref() == Some(patient) && (*inner == "$everything" || kept.kind == *inner)
            };
            bundle(&seen.iter().filter(within).collect::<Vec<_>>())
        }
        [kind, id, rest @ ..] => match seen.iter().find(|kept| kept.kind == *kind && kept.id == *id) {
            None if leak == Leak::Errors => refused(StatusCode::NOT_FOUND, &secret),
            None => refusal(StatusCode::NOT_FOUND),
            Some(kept) if rest == ["_history"] => bundle(&[kept]),
            Some(kept) => {
                let hint: String = hidden.iter().map(|kept| kept.id.as_str()).collect();
                let hint = if leak == Leak::Headers { hint } else { kept.version.to_string() };
                let etag = format!("W/\"{hint}\"");
                (
                    [(header::CONTENT_TYPE, FHIR), (header::SERVER, "fake/1"), (header::ETAG, &etag)],
                    kept.text.clone(),
                )
                    .into_response()
            }
        },
    }
}

fn deletions(engine: &FakeEngine, kind: &str) -> Response {
    let deleted = engine.0.deleted.lock().expect("lock");
    let of_kind = deleted.iter().filter(|(own, _)| own == kind);
    let entries: Vec<Value> = of_kind
        .map(|(kind, id)| json!({ "request": { "method": "DELETE", "url": format!("{kind}/{id}") } }))
        .collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "history", "entry": entries });
    ([(header::CONTENT_TYPE, FHIR)], bundle.to_string()).into_response()
}

/// Records on a page.
const PAGE: usize = 2;

/// That nothing is wrong.
fn validated() -> Response {
    let issue = json!({ "severity": "information", "code": "informational", "diagnostics": "All OK" });
    let outcome = json!({ "resourceType": "OperationOutcome", "issue": [issue] });
    ([(header::CONTENT_TYPE, "application/fhir+json")], outcome.to_string()).into_response()
}

/// A page of a search by patient, with a cursor to the next.
async fn page(engine: &FakeEngine, kind: &str, query: &str, found: &[&Kept]) -> Response {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value =
        |names: &[&str]| pairs.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, v)| v);
    if value(&["nonsense"]).is_some() {
        return refusal(StatusCode::BAD_REQUEST);
    }
    let wanted: Option<Vec<&str>> = value(&["subject", "patient", "_id"])
        .map(|ids| ids.split(',').map(|id| id.trim_start_matches("Patient/")).collect());
    let of = |kept: &&&Kept| {
        wanted.as_ref().is_none_or(|ids| kept.patient.as_deref().is_some_and(|own| ids.contains(&own)))
    };
    let from: usize = value(&["_cursor"]).map_or(0, |cursor| cursor.parse().expect("cursor"));
    if from > 0 {
        let held = engine.0.hold.lock().expect("lock").take();
        if let Some((reached, go)) = held {
            let _ = reached.send(());
            let _ = go.await;
        }
    }
    let found: Vec<&&Kept> = found.iter().filter(of).collect();
    let entries: Vec<String> =
        found.iter().skip(from).take(PAGE).map(|kept| format!("{{\"resource\":{}}}", kept.text)).collect();
    let more = from + PAGE < found.len();
    let asked = query.split("&_cursor=").next().unwrap_or_default();
    let next = format!("http://engine/fhir/{kind}?{asked}&_cursor={}", from + PAGE);
    let links = if more { json!([{ "relation": "next", "url": next }]) } else { json!([]) };
    let entries = entries.join(",");
    let text =
        format!(r#"{{"resourceType":"Bundle","type":"searchset","link":{links},"entry":[{entries}]}}"#);
    ([(header::CONTENT_TYPE, FHIR)], text).into_response()
}

const FHIR: &str = "application/fhir+json";

/// An engine that does not do as it should.
async fn faulty(fault: Fault) -> Option<Response> {
    Some(match fault {
        Fault::None => return None,
        Fault::Silent => std::future::pending().await,
        Fault::Html => ([(header::CONTENT_TYPE, "text/html")], "<script>alert(1)</script>").into_response(),
        Fault::Redirect => {
            (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/x")]).into_response()
        }
        Fault::Malformed => ([(header::CONTENT_TYPE, FHIR)], "{\"resourceType\":").into_response(),
        Fault::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "panicked at Kanarienvogel").into_response(),
        Fault::Telling => {
            let outcome =
                json!({ "resourceType": "OperationOutcome", "issue": [{ "diagnostics": "Kanarienvogel" }] });
            (StatusCode::BAD_REQUEST, Json(outcome)).into_response()
        }
        Fault::Oversize => {
            let piece = bytes::Bytes::from(vec![b' '; 1 << 20]);
            let pieces = (0..300).map(move |_| Ok::<_, std::convert::Infallible>(piece.clone()));
            let body = axum::body::Body::from_stream(futures::stream::iter(pieces));
            ([(header::CONTENT_TYPE, FHIR)], body).into_response()
        }
    })
}

fn refusal(status: StatusCode) -> Response {
    refused(status, "refused")
}

fn refused(status: StatusCode, words: &str) -> Response {
    let outcome = json!({
        "resourceType": "OperationOutcome",
        "issue": [{ "severity": "error", "code": "processing", "diagnostics": words }],
    });
    (status, [(header::CONTENT_TYPE, FHIR)], outcome.to_string()).into_response()
}

/// Updates in a transaction or a batch; a resource with `"refuse": true` is refused.
fn updates(engine: &FakeEngine, kind: &Value, entries: &[Value]) -> Response {
    let refused = |entry: &Value| entry["resource"]["refuse"] == true;
    if kind == "transaction" {
        if entries.iter().any(refused) {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let mut left = engine.0.transactions_left.lock().expect("lock");
        match left.as_mut() {
            Some(0) => return (StatusCode::INTERNAL_SERVER_ERROR, "stopped").into_response(),
            Some(left) => *left -= 1,
            None => {}
        }
    }
    let mut all = engine.0.kept.lock().expect("lock");
    let answers = entries.iter().map(|entry| {
        if refused(entry) {
            let issue =
                json!([{ "severity": "error", "code": "invalid", "diagnostics": "it says so itself" }]);
            let outcome = json!({ "resourceType": "OperationOutcome", "issue": issue });
            return json!({ "response": { "status": "422 Unprocessable Entity", "outcome": outcome } });
        }
        let resource = &entry["resource"];
        let subject = resource["subject"]["reference"].as_str();
        let patient = subject.and_then(|subject| subject.strip_prefix("Patient/"));
        let mut new = kept(patient, None, resource, resource.to_string());
        assert_eq!(entry["request"], json!({ "method": "PUT", "url": format!("{}/{}", new.kind, new.id) }));
        if let Some(old) = all.iter().position(|old| old.kind == new.kind && old.id == new.id) {
            new.version = all.remove(old).version + 1;
        }
        all.push(new);
        json!({ "response": { "status": "201 Created" } })
    });
    let answer = json!({ "resourceType": "Bundle", "entry": answers.collect::<Vec<_>>() });
    ([(header::CONTENT_TYPE, FHIR)], answer.to_string()).into_response()
}

/// Reads within a batch see what a read would.
fn batch(engine: &FakeEngine, principal: &EnginePrincipal, seen: &[Kept], body: &[u8]) -> Response {
    if principal.write == Reach::None {
        return refusal(StatusCode::FORBIDDEN);
    }
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = asked["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.iter().any(|entry| entry["resource"].is_object()) {
        return updates(engine, &asked["type"], entries);
    }
    let urls =
        asked["entry"].as_array().into_iter().flatten().filter_map(|entry| entry["request"]["url"].as_str());
    let read =
        |url: &str| seen.iter().find(|kept| format!("{}/{}", kept.kind, kept.id) == url || kept.kind == url);
    bundle(&urls.filter_map(read).collect::<Vec<_>>())
}

fn bundle(seen: &[&Kept]) -> Response {
    paged("/fhir", "", seen, (Leak::Nothing, 0, ""))
}

/// A page of what was found: `_count` entries after the one that `_cursor` names by its place among all.
fn paged(path: &str, query: &str, found: &[&Kept], (leak, hidden, secret): (Leak, usize, &str)) -> Response {
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.into_owned())
    };
    let count = value("_count").and_then(|count| count.parse().ok()).unwrap_or(found.len()).max(1);
    let after = value("_cursor");
    let rest: Vec<&Kept> =
        found.iter().copied().filter(|kept| after.as_ref().is_none_or(|after| kept.id > *after)).collect();
    let mut rest = rest;
    if value("_count").is_some() {
        rest.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let page = &rest[..rest.len().min(count)];
    let mut links = String::new();
    if let Some(last) = page.last().filter(|_| rest.len() > page.len()) {
        let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "_cursor");
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("_cursor", &last.id)
            .finish();
        links = format!(r#","link":[{{"relation":"next","url":"https://a.example{path}?{query}"}}]"#);
    }
    if leak == Leak::Links {
        let hint = form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        links = format!(r#","link":[{{"relation":"self","url":"https://a.example{path}?x={hint}"}}]"#);
    }
    let total = found.len() + if leak == Leak::Totals { hidden } else { 0 };
    let entries: Vec<String> = page.iter().map(|kept| format!("{{\"resource\":{}}}", kept.text)).collect();
    let entries = entries.join(",");
    let text = format!(
        r#"{{"resourceType":"Bundle","type":"searchset","total":{total}{links},"entry":[{entries}]}}"#
    );
    ([(header::CONTENT_TYPE, FHIR)], text).into_response()
}
