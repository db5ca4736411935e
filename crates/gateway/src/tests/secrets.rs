//! Two hundred secrets, planted wherever a request or a record can hold one, over all routes: none is found in a log
//! line of any thread, in a refusal, in a header of an answer, or among the numbers for operators.

use super::people::{self, CALLERS, Load, ROWS};
use super::world::{Answer, World};
use crate::PeerIdentity;
use crate::engine::fake::Fault;
use crate::testing::logs::Logs;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use salus_crypto::random;
use serde_json::json;
use std::sync::atomic::Ordering;
use tower::ServiceExt as _;

/// Secrets of each kind.
const EACH: usize = 40;
/// Names, ids, values, codes, and keys or tokens.
const KINDS: [&str; 5] = ["Name", "id", "Value", "CODE", "key"];

/// Everything planted.
struct Secrets(Vec<String>);

impl Secrets {
    fn new() -> Self {
        let secret = |kind: &str| format!("{kind}{}", hex::encode(random::bytes::<8>()));
        Self(KINDS.iter().flat_map(|kind| (0..EACH).map(|_| secret(kind))).collect())
    }

    fn of(&self, kind: usize, at: usize) -> &str {
        &self.0[kind * EACH + at % EACH]
    }

    /// Those that a text holds, however it is written.
    fn within(&self, text: &str) -> Vec<&String> {
        let text = text.to_lowercase();
        self.0.iter().filter(|secret| text.contains(&secret.to_lowercase())).collect()
    }
}

/// Patients with secret names, and records with secret values.
fn populate(world: &World, secrets: &Secrets) {
    for at in 0..EACH {
        let (name, id, value) = (secrets.of(0, at), secrets.of(1, at), secrets.of(2, at));
        let patient = json!({ "resourceType": "Patient", "id": id, "name": [{ "family": name }] });
        world.engine.keep(Some(id), patient);
        let record = json!({
            "resourceType": "Observation", "id": format!("o-{id}"), "valueString": value,
            "subject": { "reference": format!("Patient/{id}") },
        });
        world.engine.keep(Some(id), record);
    }
}

fn headers(answer: &HeaderMap) -> String {
    answer
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect()
}

/// What of an answer must hold no secret: all of a refusal, the head of a success.
fn public_part(answer: &Answer) -> String {
    let body = if answer.status.is_success() { "" } else { answer.body.as_str() };
    format!("{}{body}", headers(&answer.headers))
}

/// The requests to one route, with secrets in its path, its query, its headers and its body.
fn loaded(method: &str, path: &str, load: Load, secrets: &Secrets, at: usize) -> Vec<Request<Body>> {
    let (name, id, value, code, key) =
        (secrets.of(0, at), secrets.of(1, at), secrets.of(2, at), secrets.of(3, at), secrets.of(4, at));
    let bare = path.split('?').next().unwrap_or(path);
    let body = json!({
        "code": code, "session": key, "patient": id, "reason": name, "search": name, "locator": key,
        "name": name, "id": id, "role": code, "slots": [{ "kind": code, "sealed": value }], "credential": { "id": key },
    });
    let form = format!(
        "grant_type={code}&scope={name}&patient={id}&client_assertion={key}&token={key}&{value}={value}"
    );
    let plain = || people::request(method, path, load);
    let mut in_headers = plain();
    for (name, value) in [
        ("authorization", format!("Bearer {key}")),
        ("cookie", format!("salus_staff_hospital-a={key}; salus_account_hospital-a={code}")),
        ("x-salus-chart", code.to_owned()),
        ("last-event-id", id.to_owned()),
        ("x-request-id", name.to_owned()),
        ("user-agent", value.to_owned()),
    ] {
        in_headers.headers_mut().insert(name, value.parse().expect("value"));
    }
    let mut requests = vec![in_headers];
    for path in [
        format!("{bare}?search={name}&id={id}&{value}={code}"),
        format!("{bare}/{key}"),
        format!("/{id}{bare}"),
    ] {
        let mut request = plain();
        *request.uri_mut() = path.parse().expect("path");
        requests.push(request);
    }
    for (kind, text) in [
        ("application/json", body.to_string()),
        ("application/x-www-form-urlencoded", form),
        (crate::body::OCTETS, format!("{name}{key}")),
        ("text/plain", value.to_owned()),
    ] {
        let mut request = plain();
        request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().expect("kind"));
        *request.body_mut() = Body::from(text);
        requests.push(request);
    }
    requests
}

/// FHIR requests about the secret patients, good and bad.
fn fhir(secrets: &Secrets, at: usize) -> Vec<(&'static str, String, String)> {
    let (name, id, value, key) = (secrets.of(0, at), secrets.of(1, at), secrets.of(2, at), secrets.of(4, at));
    let record = json!({ "resourceType": "Observation", "valueString": value, "note": [{ "text": name }] })
        .to_string();
    vec![
        ("GET", format!("/fhir/Patient/{id}"), String::new()),
        ("GET", format!("/fhir/Patient?name={name}"), String::new()),
        ("POST", "/fhir/Patient/_search".into(), format!("name={name}&identifier={key}")),
        ("GET", format!("/fhir/Patient/{id}/$everything"), String::new()),
        ("GET", format!("/fhir/Observation/o-{id}/$proof"), String::new()),
        ("GET", format!("/fhir/Observation?subject={id}&value-string={value}&_has:{name}"), String::new()),
        ("PUT", format!("/fhir/Observation/{key}"), record.clone()),
        ("POST", "/fhir/Observation".into(), record),
        ("GET", format!("/fhir/{name}/{id}"), String::new()),
        ("GET", format!("/fhir/Observation/{value}%00"), String::new()),
        ("DELETE", format!("/fhir/Observation?identifier={key}"), String::new()),
        ("GET", format!("/fhir/{id}/${key}"), String::new()),
    ]
}

async fn metrics(world: &World) -> String {
    let router = crate::edge::wrap(crate::peer_router(world.gateway.clone()), &world.gateway.config);
    let mut request = Request::get("/metrics").body(Body::empty()).expect("request");
    request.extensions_mut().insert(PeerIdentity("hospital-a".parse().expect("id")));
    let answer = router.oneshot(request).await.expect("answer");
    assert!(answer.status().is_success());
    let head = headers(answer.headers());
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("body");
    format!("{head}{}", String::from_utf8_lossy(&body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_two_hundred_secrets_is_in_a_log_a_refusal_a_header_or_a_number() {
    let logs = Logs::everywhere();
    let world = World::changed(|config| config.limits.demo_callers = 100_000).await;
    let secrets = Secrets::new();
    assert_eq!(secrets.0.len(), 200);
    populate(&world, &secrets);
    let mut wrong = Vec::new();
    let mut look = |case: String, text: &str| {
        let found = secrets.within(text);
        if !found.is_empty() {
            wrong.push(format!("{case}: {found:?} in {text}"));
        }
    };
    let mut at = 0;
    for (method, path, load, _) in ROWS.iter().filter(|(_, path, ..)| *path != "/ledger/events") {
        for caller in CALLERS {
            let proof = people::proof_of(&world, caller).await;
            for request in loaded(method, path, *load, &secrets, at) {
                let case = format!("{method} {} {caller}", request.uri());
                look(case, &public_part(&people::ask_with(&world, proof.clone(), request).await));
            }
            at += 1;
        }
    }
    let tokens = [
        None,
        Some(world.clinician()),
        Some(world.system("system/*.cruds")),
        Some(world.system("system/Patient.rs")),
    ];
    for fault in [Fault::None, Fault::Broken, Fault::Redirect, Fault::Html] {
        world.engine.fail(fault);
        for at in 0..EACH {
            let token = tokens[at % tokens.len()].as_deref();
            for (method, path, body) in fhir(&secrets, at) {
                let answer = world.ask(token, method, &path, &body).await;
                look(format!("{method} {path} {fault:?}"), &public_part(&answer));
            }
        }
    }
    world.engine.fail(Fault::None);
    world.vault.away.store(true, Ordering::Relaxed);
    look("/metrics".into(), &metrics(&world).await);
    let issued: Vec<String> = tokens.into_iter().flatten().collect();
    let lines = logs.own_text();
    look("the log".into(), &lines);
    assert!(issued.iter().all(|token| !lines.contains(token)), "a token is in the log");
    assert!(lines.lines().count() > 2_000, "the log has lines: {}", lines.lines().count());
    assert!(wrong.is_empty(), "{} findings: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn a_planted_secret_is_found_on_every_thread_and_in_every_spelling() {
    let (logs, secrets) = (Logs::everywhere(), Secrets::new());
    let planted = secrets.of(2, 7).to_owned();
    let said = planted.clone();
    std::thread::spawn(move || tracing::info!(target: "salus::test", "{said}")).join().expect("thread");
    assert_eq!(secrets.within(&logs.own_text()), [&planted]);
    let answer = Answer {
        status: axum::http::StatusCode::FORBIDDEN,
        headers: [(header::LOCATION, format!("/x/{}", secrets.of(1, 3)).parse().expect("value"))]
            .into_iter()
            .collect(),
        body: format!("no {}", secrets.of(0, 5).to_uppercase()),
    };
    assert_eq!(secrets.within(&public_part(&answer)), [secrets.of(0, 5), secrets.of(1, 3)]);
}
