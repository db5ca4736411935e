//! A clinical engine for tests: an axum server on a Unix socket that keeps the contract of
//! `clinical/README.md` as far as the gateway can see it.

use super::{EngineAddress, EnginePrincipal, Reach};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, put};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex};

/// One resource, whose record it is, and by which grant it came.
#[derive(Clone)]
struct Kept {
    kind: String,
    id: String,
    patient: Option<String>,
    grant: Option<String>,
    text: String,
}

#[derive(Default)]
struct Inner {
    kept: Mutex<Vec<Kept>>,
    sets: Mutex<BTreeMap<String, (String, String)>>,
    asked: Mutex<Vec<EnginePrincipal>>,
    prefer: Mutex<Option<String>>,
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

    /// What the gateway said of the newest request.
    pub(crate) fn last_principal(&self) -> Option<EnginePrincipal> {
        self.0.asked.lock().expect("lock").last().cloned()
    }

    /// How many FHIR requests came.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.lock().expect("lock").len()
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

async fn metadata() -> Response {
    Json(json!({
        "resourceType": "CapabilityStatement",
        "rest": [{ "mode": "server", "resource": [{ "type": "Patient" }] }],
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
        Reach::All => true,
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
    let path = request.uri().path().trim_start_matches("/fhir").to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if *request.method() != Method::GET && !path.ends_with("_search") {
        let status = match principal.write {
            Reach::None => StatusCode::FORBIDDEN,
            _ if request.method() == Method::POST => StatusCode::CREATED,
            _ => StatusCode::OK,
        };
        return status.into_response();
    }
    let all = engine.0.kept.lock().expect("lock").clone();
    let seen = all.into_iter().filter(|kept| sees(&principal, kept));
    let fhir_json = [(header::CONTENT_TYPE, "application/fhir+json"), (header::SERVER, "fake/1")];
    match segments.as_slice() {
        [kind, id] if *id != "_search" && *id != "_history" => {
            match seen.into_iter().find(|kept| kept.kind == *kind && kept.id == *id) {
                Some(kept) => (fhir_json, kept.text).into_response(),
                None => (StatusCode::NOT_FOUND, fhir_json, r#"{"resourceType":"OperationOutcome"}"#)
                    .into_response(),
            }
        }
        [kind, ..] => bundle(seen.filter(|kept| kept.kind == *kind)),
        [] => bundle(seen),
    }
}

fn bundle(seen: impl Iterator<Item = Kept>) -> Response {
    let entries: Vec<String> = seen.map(|kept| format!("{{\"resource\":{}}}", kept.text)).collect();
    let text = format!(
        r#"{{"resourceType":"Bundle","type":"searchset","total":{},"entry":[{}]}}"#,
        entries.len(),
        entries.join(",")
    );
    ([(header::CONTENT_TYPE, "application/fhir+json")], text).into_response()
}
