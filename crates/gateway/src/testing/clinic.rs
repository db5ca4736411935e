//! A clinical engine with two patients, as far as these tests look at it.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The name of patient `p1`: found in no log and no refusal.
pub(crate) const CANARY_NAME: &str = "Zebrafinch";
/// The id of that patient.
pub(crate) const CANARY_ID: &str = "p1-canary-7f3a";

/// Starts one with these patients; returns where. A search finds them all, and it keeps what is written.
pub(crate) async fn start_with(patients: Vec<Value>) -> String {
    let kept = Arc::new(Mutex::new(patients));
    let (read, written) = (kept.clone(), kept.clone());
    let read = async move |Path(id): Path<String>| {
        let kept = read.lock().expect("lock");
        let found = kept.iter().find(|patient| patient["id"] == id.as_str()).cloned();
        found.map(axum::Json).ok_or(StatusCode::NOT_FOUND)
    };
    let write = async move |Path(id): Path<String>, axum::Json(new): axum::Json<Value>| {
        let mut kept = written.lock().expect("lock");
        let old = kept.iter_mut().find(|patient| patient["id"] == id.as_str());
        old.map(|old| *old = new).ok_or(StatusCode::NOT_FOUND)
    };
    let search = async move || {
        let kept = kept.lock().expect("lock");
        let found: Vec<_> = kept.iter().map(|patient| json!({ "resource": patient })).collect();
        axum::Json(json!({ "resourceType": "Bundle", "entry": found }))
    };
    let router = Router::new()
        .route("/fhir/Patient/_search", post(search))
        .route("/fhir/Patient/{id}", get(read).put(write));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Starts it; returns where.
pub(crate) async fn start() -> String {
    let router =
        Router::new().route("/fhir/Patient/_search", post(search)).route("/fhir/Patient/{id}", get(read));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn patient(id: &str) -> Option<Value> {
    let (family, sex) = match id {
        CANARY_ID => (CANARY_NAME, "female"),
        "p2" => ("Able", "male"),
        _ => return None,
    };
    Some(json!({
        "resourceType": "Patient", "id": id, "gender": sex, "birthDate": "1970-01-02",
        "name": [{ "use": "official", "family": family, "given": ["Una"] }],
        "address": [{ "line": ["never shown"] }],
        "telecom": [{ "system": "phone", "value": "1" }, { "system": "email", "value": "una@example.org" }],
    }))
}

async fn search(uri: Uri, headers: HeaderMap) -> Result<axum::Json<Value>, StatusCode> {
    assert_eq!(uri.query(), None, "what is searched for stands in no URL");
    headers.get("x-salus-principal").ok_or(StatusCode::FORBIDDEN)?;
    let entries: Vec<_> =
        [CANARY_ID, "p2"].into_iter().filter_map(patient).map(|p| json!({ "resource": p })).collect();
    Ok(axum::Json(json!({ "resourceType": "Bundle", "entry": entries })))
}

async fn read(headers: HeaderMap, Path(id): Path<String>) -> Result<axum::Json<Value>, StatusCode> {
    headers.get("x-salus-principal").ok_or(StatusCode::FORBIDDEN)?;
    patient(&id).map(axum::Json).ok_or(StatusCode::NOT_FOUND)
}
