//! Apps: the whole way from registering to the last refusal, and everything that somebody may try on it.

mod attacks;
mod clients;

use super::scopes::AppScopes;
use crate::cases::tests::{Person, steward};
use crate::smart::testing::{assertion, jwks, keys};
use crate::testing::ORIGIN;
use crate::tests::people::{self, Load};
use crate::tests::race::{RACERS, race};
use crate::tests::world::{Answer, CANARY, OTHER, PATIENT, World};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use salus_crypto::hash::sha256;
use salus_types::category::Category;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

const BACK: &str = "https://diary.example/back";
const SCOPE: &str = "launch/patient patient/*.rs openid fhirUser offline_access";
const VERIFIER: &str = "0123456789abcdefghijklmnopqrstuvwxyz-._~ABCDEFG";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(sha256(VERIFIER.as_bytes()).0)
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Metadata of a public app.
fn metadata() -> Value {
    json!({
        "client_name": "My Diary", "redirect_uris": [BACK], "token_endpoint_auth_method": "none",
        "scope": SCOPE.to_owned() + " launch online_access user/*.cruds",
        "launch_url": "https://diary.example/launch",
    })
}

async fn register(world: &World, metadata: &Value) -> Answer {
    let mut request = people::request("POST", "/smart/register", Load::Json("{}"));
    *request.body_mut() = Body::from(metadata.to_string());
    world.send(request).await
}

/// Registers an app and has it approved; its id.
async fn app(world: &World, metadata: &Value) -> String {
    let answer = register(world, metadata).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let id = answer.json()["client_id"].as_str().expect("id").to_owned();
    let decided = decide(world, &id, "approve").await;
    assert_eq!(decided.status, StatusCode::NO_CONTENT, "{}", decided.body);
    id
}

async fn decide(world: &World, id: &str, step: &str) -> Answer {
    let path = format!("/staff/apps/{id}/{step}");
    people::ask(world, "steward", people::request("POST", &path, Load::Nothing)).await
}

/// An authorisation request that is in order, and what is to be changed in it; an empty value takes a field away.
fn asked<'a>(client: &'a str, change: &[(&'a str, &'a str)]) -> String {
    let (aud, challenge) = (format!("{ORIGIN}/fhir"), challenge());
    let mut fields: BTreeMap<&str, &str> = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", BACK),
        ("scope", SCOPE),
        ("state", "s1"),
        ("aud", &aud),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("nonce", "n1"),
    ]);
    fields.extend(change.iter().copied());
    form(&fields.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}

async fn authorize(world: &World, query: &str) -> Answer {
    world.ask(None, "GET", &format!("/smart/authorize?{query}"), "").await
}

fn location(answer: &Answer) -> Url {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.headers[header::LOCATION].to_str().expect("text").parse().expect("a URL")
}

fn pairs(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// Begins; the id of the request that the portal shows.
async fn begin(world: &World, client: &str, change: &[(&str, &str)]) -> String {
    let to = location(&authorize(world, &asked(client, change)).await);
    let page = if change.iter().any(|(field, _)| *field == "launch") { "/clinic/allow/" } else { "/allow/" };
    to.as_str().strip_prefix(&format!("{ORIGIN}{page}")).expect("the portal's page").to_owned()
}

async fn shown(world: &World, request: &str) -> Value {
    world.ask(None, "GET", &format!("/smart/requests/{request}"), "").await.json()
}

/// The letter that allows what a request asks.
async fn letter(world: &World, request: &str, categories: &[&str]) -> Value {
    let shown = shown(world, request).await;
    json!({
        "ask": "allow-app", "request": request, "client": shown["client"], "redirect": shown["redirect"],
        "challenge": shown["challenge"], "scope": shown["scope"], "categories": categories,
        "untilMs": crate::clock::now_ms() + 30 * 86_400_000,
    })
}

fn open_categories() -> Vec<&'static str> {
    Category::ALL.iter().filter(|one| !one.is_protected()).map(|one| one.as_str()).collect()
}

/// The code that the browser brings back.
async fn code(world: &World, person: &Person, client: &str, change: &[(&str, &str)]) -> String {
    let request = begin(world, client, change).await;
    let letter = letter(world, &request, &open_categories()).await;
    let answer = person.reads(&world.gateway, letter).await.expect("allowed");
    code_in(&answer)
}

fn code_in(answer: &Value) -> String {
    let to: Url = answer["redirect"].as_str().expect("a redirect").parse().expect("a URL");
    let pairs = pairs(&to);
    assert_eq!((pairs["state"].as_str(), pairs["iss"].as_str()), ("s1", ORIGIN));
    assert!(to.as_str().starts_with(BACK), "{to}");
    pairs["code"].clone()
}

async fn redeem(world: &World, client: &str, code: &str, change: &[(&str, &str)]) -> Answer {
    let mut fields = BTreeMap::from([
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ]);
    fields.extend(change.iter().copied());
    let body = form(&fields.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>());
    world.ask(None, "POST", "/smart/token", &body).await
}

async fn refresh(world: &World, client: &str, token: &str, scope: &str) -> Answer {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    if !client.is_empty() {
        fields.push(("client_id", client));
    }
    if !scope.is_empty() {
        fields.push(("scope", scope));
    }
    world.ask(None, "POST", "/smart/token", &form(&fields)).await
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// An access token of an app that a patient lets read all that is not protected.
pub(crate) async fn app_of(world: &World, patient: &str) -> String {
    let (_, _, tokens) = connected(world, patient).await;
    text(&tokens, "access_token")
}

/// An access token of an app that a patient lets read everything, what is protected by name.
pub(crate) async fn app_of_everything(world: &World, patient: &str) -> String {
    let person = Person::enrolled(&world.gateway, patient).await;
    let client = app(world, &metadata()).await;
    let request = begin(world, &client, &[]).await;
    let all: Vec<&str> = Category::ALL.iter().map(|one| one.as_str()).collect();
    let letter = letter(world, &request, &all).await;
    let code = code_in(&person.reads(&world.gateway, letter).await.expect("allowed"));
    text(&redeem(world, &client, &code, &[]).await.json(), "access_token")
}

/// A person, the client id of an app that they let read, and its tokens.
pub(crate) async fn connected(world: &World, patient: &str) -> (Person, String, Value) {
    let person = Person::enrolled(&world.gateway, patient).await;
    let client = app(world, &metadata()).await;
    let code = code(world, &person, &client, &[]).await;
    let answer = redeem(world, &client, &code, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    (person, client, answer.json())
}

#[tokio::test]
async fn an_app_is_registered_approved_allowed_reads_and_is_stopped() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    assert_eq!((&tokens["patient"], &tokens["token_type"]), (&json!(PATIENT), &json!("Bearer")));
    assert_eq!(text(&tokens, "scope"), "fhirUser launch/patient offline_access openid patient/*.rs");
    let token = text(&tokens, "access_token");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps")["apps"].clone();
    assert_eq!((&apps[0]["name"], &apps[0]["state"]), (&json!("My Diary"), &json!("allowed")));
    assert!(apps[0]["usedMs"].is_u64() && apps[0]["client"] == json!(client), "{apps}");
    let stop = json!({ "ask": "stop-app", "app": apps[0]["id"] });
    let after = person.reads(&world.gateway, stop).await.expect("stopped");
    assert_eq!(
        (&after["apps"][0]["state"], &after["apps"][0]["ended"]["why"]),
        (&json!("ended"), &json!("stopped"))
    );
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let again = refresh(&world, &client, &text(&tokens, "refresh_token"), "").await;
    assert_eq!(again.json()["error"], "invalid_grant");
    let log = world.gateway.log.of_patient(PATIENT, crate::log::Page::default()).await.expect("log");
    let reasons: Vec<&str> = log.iter().map(|entry| entry.access.reason.as_str()).collect();
    assert_eq!(reasons[0], "stopped by the patient");
    assert_eq!(reasons[1], "", "the read itself");
    assert!(reasons[2].starts_with("allowed until ") && reasons[2].contains("labs"), "{reasons:?}");
}

#[tokio::test]
async fn an_app_sees_its_patient_and_what_was_chosen_and_nothing_else() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let labs = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
    for (id, code) in [("lab1", "laboratory"), ("vital1", "vital-signs")] {
        let system = "http://terminology.hl7.org/CodeSystem/observation-category";
        world.engine.keep(
            Some(PATIENT),
            json!({ "resourceType": "Observation", "id": id, "valueString": code,
                "category": [{ "coding": [{ "system": system, "code": code }] }],
                "subject": { "reference": format!("Patient/{PATIENT}") } }),
        );
    }
    world.engine.keep(
        Some(PATIENT),
        json!({ "resourceType": "Observation", "id": "hiv1", "meta": { "security": [{ "code": "HIV" }] },
            "category": [{ "coding": [{ "code": "laboratory" }] }],
            "subject": { "reference": format!("Patient/{PATIENT}") } }),
    );
    let granular = format!("patient/Observation.rs?category={labs}");
    for (name, scope, categories, seen) in [
        ("labs alone", "patient/*.rs", vec!["labs"], vec!["lab1"]),
        (
            "vitals alone",
            "patient/Observation.rs",
            vec!["vitals"],
            vec!["o1", "anchored", "sealed", "vital1"],
        ),
        ("what is protected, by name", "patient/*.rs", vec!["hiv"], vec!["hiv1"]),
        ("both choices, one scope", granular.as_str(), vec!["labs", "vitals"], vec!["lab1"]),
        ("nothing that the scope reaches", granular.as_str(), vec!["vitals"], vec![]),
        ("another type", "patient/Condition.rs openid", vec!["labs"], vec![]),
    ] {
        let metadata = json!({ "client_name": "Other", "redirect_uris": [BACK], "token_endpoint_auth_method": "none",
            "scope": scope });
        let client = app(&world, &metadata).await;
        let request = begin(&world, &client, &[("scope", scope)]).await;
        let letter = letter(&world, &request, &categories).await;
        let code = code_in(&person.reads(&world.gateway, letter).await.expect(name));
        let tokens = redeem(&world, &client, &code, &[]).await.json();
        let token = text(&tokens, "access_token");
        assert!(tokens.get("refresh_token").is_none(), "{name}: nobody asked to stay");
        let answer = world.get(&token, "/fhir/Observation?patient=p1").await;
        for id in ["o1", "anchored", "sealed", "lab1", "vital1", "hiv1"] {
            let listed = answer.body.contains(&format!("\"id\":\"{id}\""));
            assert_eq!(listed, seen.contains(&id), "{name} {id}: {}", answer.body);
            let read = world.get(&token, &format!("/fhir/Observation/{id}")).await.status == StatusCode::OK;
            assert_eq!(read, seen.contains(&id), "{name} {id}");
        }
        if answer.status.is_success() {
            assert_eq!(answer.json()["total"], json!(seen.len()), "{name}: no total tells of more");
        }
        for path in [
            "/fhir/Observation/o2",
            &format!("/fhir/Patient/{OTHER}"),
            "/fhir/Observation?patient=p2-kanarienvogel",
        ] {
            let answer = world.get(&token, path).await;
            assert!(!answer.body.contains(CANARY), "{name} {path}: {}", answer.body);
        }
    }
    let token = {
        let request = begin(&world, &client, &[]).await;
        let letter = letter(&world, &request, &["labs"]).await;
        let code = code_in(&person.reads(&world.gateway, letter).await.expect("allowed"));
        text(&redeem(&world, &client, &code, &[]).await.json(), "access_token")
    };
    for query in [
        "_elements=id",
        "_summary=true",
        "_has:Observation:patient:code=1",
        "subject.name=x",
        "_include=Observation:subject",
        "_revinclude:iterate=a:b",
        "_filter=code",
        "_security=HIV",
        "_total=accurate",
    ] {
        let answer = world.get(&token, &format!("/fhir/Observation?{query}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{query}: {}", answer.body);
        let answer = world.ask(Some(&token), "POST", "/fhir/Observation/_search", query).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{query} as a form: {}", answer.body);
    }
}

#[tokio::test]
async fn a_newer_choice_takes_the_place_of_the_older_and_another_patient_s_app_is_not_there() {
    let world = World::new().await;
    let (person, client, first) = connected(&world, PATIENT).await;
    let again = code(&world, &person, &client, &[]).await;
    assert_eq!(
        world.get(&text(&first, "access_token"), "/fhir/Observation/o1").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(redeem(&world, &client, &again, &[]).await.status, StatusCode::OK);
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps")["apps"].clone();
    assert_eq!((&apps[0]["state"], &apps[1]["ended"]["why"]), (&json!("allowed"), &json!("replaced")));
    let other = Person::enrolled(&world.gateway, OTHER).await;
    assert_eq!(other.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps")["apps"], json!([]));
    assert!(other.reads(&world.gateway, json!({ "ask": "stop-app", "app": apps[0]["id"] })).await.is_err());
}

#[tokio::test]
async fn a_restricted_record_is_read_by_no_app() {
    let world = World::new().await;
    let (person, _, tokens) = connected(&world, PATIENT).await;
    let cases = person.asks(&world.gateway, json!({ "ask": "restrict", "reason": "I contest it" })).await;
    let path = format!("/staff/cases/{}/answer", text(&cases[0], "id"));
    steward(&world, &path, r#"{"accept":true,"words":"yes"}"#).await;
    let answer = world.get(&text(&tokens, "access_token"), "/fhir/Observation/o1").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
}

#[test]
fn scopes_are_read_and_compared_as_sets() {
    let of = |text: &str| AppScopes::of(text).expect("short");
    for (all, some, contained) in [
        ("patient/*.rs openid", "patient/Observation.r", true),
        ("patient/*.rs openid", "patient/Observation.r openid", true),
        ("patient/*.rs", "openid", false),
        ("patient/*.r", "patient/*.rs", false),
        ("patient/Observation.rs?category=a", "patient/Observation.rs", false),
        ("patient/Observation.rs", "patient/Observation.rs?category=a", true),
        ("patient/*.rs", "user/*.rs", false),
        ("patient/*.rs patient/Observation.r", "patient/*.rs", true),
        ("patient/Observation.r patient/Observation.s", "patient/Observation.rs", true),
    ] {
        assert_eq!(of(all).contains(&of(some)), contained, "{all} {some}");
    }
    assert_eq!(of("profile patient/*.read patient/*.rs nonsense openid").to_string(), "openid patient/*.rs");
    assert!(AppScopes::of(&"patient/*.rs ".repeat(65)).is_err());
    assert!(AppScopes::of(&"x".repeat(5_000)).is_err());
}
