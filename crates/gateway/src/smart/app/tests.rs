//! Apps: the whole way from registering to the last refusal, and everything that somebody may try on it.

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
    let answer = person.reads(world, letter).await.expect("allowed");
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
    let mut fields = vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
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

async fn connected(world: &World, patient: &str) -> (Person, String, Value) {
    let person = Person::enrolled(world, patient).await;
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
    let apps = person.reads(&world, json!({ "ask": "apps" })).await.expect("apps")["apps"].clone();
    assert_eq!((&apps[0]["name"], &apps[0]["state"]), (&json!("My Diary"), &json!("allowed")));
    assert!(apps[0]["usedMs"].is_u64() && apps[0]["client"] == json!(client), "{apps}");
    let stop = json!({ "ask": "stop-app", "app": apps[0]["id"] });
    let after = person.reads(&world, stop).await.expect("stopped");
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
    let person = Person::enrolled(&world, PATIENT).await;
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
        ("both choices, one scope", &granular, vec!["labs", "vitals"], vec!["lab1"]),
        ("nothing that the scope reaches", &granular, vec!["vitals"], vec![]),
        ("another type", "patient/Condition.rs openid", vec!["labs"], vec![]),
    ] {
        let metadata = json!({ "client_name": "Other", "redirect_uris": [BACK], "token_endpoint_auth_method": "none",
            "scope": scope });
        let client = app(&world, &metadata).await;
        let request = begin(&world, &client, &[("scope", scope)]).await;
        let letter = letter(&world, &request, &categories).await;
        let code = code_in(&person.reads(&world, letter).await.expect(name));
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
        let code = code_in(&person.reads(&world, letter).await.expect("allowed"));
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
async fn nobody_is_sent_anywhere_that_is_not_registered_letter_by_letter() {
    let world = World::new().await;
    let client = app(&world, &metadata()).await;
    let waiting = register(&world, &metadata()).await.json();
    let waiting = text(&waiting, "client_id");
    for (name, client, redirect) in [
        ("an app that waits", waiting.as_str(), BACK),
        ("an unknown app", "app-x", BACK),
        ("a system that is no app", "lab", BACK),
        ("no app", "", BACK),
        ("no address", &client, ""),
        ("a prefix", &client, "https://diary.example/"),
        ("a longer path", &client, "https://diary.example/back/x"),
        ("with a query", &client, "https://diary.example/back?x=1"),
        ("another port", &client, "https://diary.example:8443/back"),
        ("the usual port said", &client, "https://diary.example:443/back"),
        ("a fragment", &client, "https://diary.example/back#x"),
        ("dots", &client, "https://diary.example/x/../back"),
        ("encoded dots", &client, "https://diary.example/%2e/back"),
        ("another case", &client, "https://diary.example/Back"),
        ("another host", &client, "https://diary.example.evil.example/back"),
        ("a user", &client, "https://diary.example@evil.example/back"),
        ("plain HTTP", &client, "http://diary.example/back"),
        ("a script", &client, "javascript:alert(1)"),
    ] {
        for more in [vec![], vec![("response_type", "token")], vec![("scope", "nonsense")]] {
            let change: Vec<_> =
                [("client_id", client), ("redirect_uri", redirect)].into_iter().chain(more).collect();
            let answer = authorize(&world, &asked("", &change)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
            assert!(!answer.headers.contains_key(header::LOCATION), "{name}");
            assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY", "{name}");
            let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
            assert!(policy.contains("frame-ancestors 'none'"), "{name}");
        }
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", asked(&client, &[]));
    assert_eq!(authorize(&world, &twice).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_wrong_goes_back_to_the_app_with_its_state_and_who_says_it() {
    let world = World::new().await;
    let client = app(&world, &metadata()).await;
    let long = "x".repeat(5_000);
    for (name, change, error) in [
        ("another kind of answer", vec![("response_type", "token")], "unsupported_response_type"),
        ("another server", vec![("aud", "https://evil.example/fhir")], "invalid_request"),
        ("no server", vec![("aud", "")], "invalid_request"),
        (
            "plain PKCE",
            vec![("code_challenge_method", "plain"), ("code_challenge", VERIFIER)],
            "invalid_request",
        ),
        ("no method", vec![("code_challenge_method", "")], "invalid_request"),
        ("no challenge", vec![("code_challenge", "")], "invalid_request"),
        ("a short challenge", vec![("code_challenge", "abc")], "invalid_request"),
        ("no scope", vec![("scope", "")], "invalid_scope"),
        ("scopes of a system", vec![("scope", "system/*.rs")], "invalid_scope"),
        ("writing as a patient", vec![("scope", "patient/*.cud")], "invalid_scope"),
        ("version 1 scopes", vec![("scope", "patient/*.read")], "invalid_scope"),
        ("an unknown launch", vec![("launch", "x"), ("scope", "launch user/*.rs")], "invalid_request"),
        ("a launch without its scope", vec![("launch", "x")], "invalid_request"),
        ("a long nonce", vec![("nonce", &long[..300])], "invalid_request"),
    ] {
        let state = "a b&c=<script>'\"\r\nx: y";
        let mut change: Vec<(&str, &str)> = change;
        change.push(("state", state));
        let to = location(&authorize(&world, &asked(&client, &change)).await);
        let found = pairs(&to);
        assert!(to.as_str().starts_with(&format!("{BACK}?")), "{name}: {to}");
        assert_eq!((found["error"].as_str(), found["state"].as_str()), (error, state), "{name}");
        assert_eq!(found["iss"], ORIGIN, "{name}: an app that knows two servers can tell them apart");
        assert!(to.fragment().is_none() && !found.contains_key("code"), "{name}");
    }
    let to = location(&authorize(&world, &asked(&client, &[("state", "")])).await);
    assert_eq!(pairs(&to)["error"], "invalid_request", "no state");
    let to = location(&authorize(&world, &asked(&client, &[("state", &long[..1_500])])).await);
    assert!(!pairs(&to).contains_key("state"), "a state that is too long is not repeated");
}

#[tokio::test]
async fn a_code_is_for_its_app_its_address_its_verifier_its_minute_and_one_use() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let (client, other) = (app(&world, &metadata()).await, app(&world, &metadata()).await);
    let wrong = VERIFIER.replace('0', "1");
    let challenge = challenge();
    for (name, change) in [
        ("another app", vec![("client_id", other.as_str())]),
        ("another address", vec![("redirect_uri", "https://diary.example/")]),
        ("a wrong verifier", vec![("code_verifier", wrong.as_str())]),
        ("the challenge itself", vec![("code_verifier", challenge.as_str())]),
        ("a short verifier", vec![("code_verifier", "x")]),
        ("another code", vec![("code", "00")]),
    ] {
        let code = code(&world, &person, &client, &[]).await;
        let refused = redeem(&world, &client, &code, &change).await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{name}: {}", refused.body);
        let after = redeem(&world, &client, &code, &[]).await;
        assert_eq!(after.status.is_success(), name == "another code", "{name}: a code is good for one try");
    }
    for missing in ["code", "redirect_uri", "code_verifier"] {
        let refused = redeem(&world, &client, "x", &[(missing, "")]).await;
        assert_eq!(refused.json()["error"], "invalid_request", "{missing}");
    }
    assert_eq!(redeem(&world, "nobody", "x", &[]).await.json()["error"], "invalid_client");
    assert_eq!(
        redeem(&world, "lab", "x", &[]).await.json()["error"],
        "invalid_client",
        "who has keys shows them"
    );
    let late = code(&world, &person, &client, &[]).await;
    crate::clock::advance(61_000);
    assert_eq!(redeem(&world, &client, &late, &[]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_that_is_used_again_ends_what_it_gave() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let code = code(&world, &person, &client, &[]).await;
    let tokens = redeem(&world, &client, &code, &[]).await.json();
    let token = text(&tokens, "access_token");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(redeem(&world, &client, &code, &[]).await.json()["error"], "invalid_grant");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let apps = person.reads(&world, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"][0]["ended"]["why"], "used-twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_bring_one_code_exactly_one_gets_tokens() {
    let world = Arc::new(World::new().await);
    let person = Person::enrolled(&world, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let code = code(&world, &person, &client, &[]).await;
    let statuses = race(RACERS, |_| {
        let (world, client, code) = (Arc::clone(&world), client.clone(), code.clone());
        async move { redeem(&world, &client, &code, &[]).await.status }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| status.is_success()).count(), 1);
}

#[tokio::test]
async fn refresh_tokens_rotate_give_no_more_than_before_and_a_used_one_ends_all() {
    let world = World::new().await;
    let (person, client, first) = connected(&world, PATIENT).await;
    let first = text(&first, "refresh_token");
    let wider = refresh(&world, &client, &first, "patient/*.rs user/*.rs").await;
    assert_eq!(wider.json()["error"], "invalid_scope", "{}", wider.body);
    let writes = refresh(&world, &client, &first, "patient/*.cruds").await;
    assert_eq!(writes.json()["error"], "invalid_scope", "{}", writes.body);
    let narrower = refresh(&world, &client, &first, "patient/Condition.rs").await.json();
    assert_eq!(text(&narrower, "scope"), "patient/Condition.rs");
    let narrow = text(&narrower, "access_token");
    assert_eq!(world.get(&narrow, "/fhir/Observation/o1").await.status, StatusCode::FORBIDDEN);
    let second = text(&narrower, "refresh_token");
    let full = refresh(&world, &client, &second, "").await.json();
    assert_eq!(text(&full, "scope"), "fhirUser launch/patient offline_access openid patient/*.rs");
    let (token, third) = (text(&full, "access_token"), text(&full, "refresh_token"));
    let other = app(&world, &metadata()).await;
    assert_eq!(refresh(&world, &other, &third, "").await.json()["error"], "invalid_grant", "of another app");
    assert_eq!(
        world.get(&third, "/fhir/Observation/o1").await.status,
        StatusCode::UNAUTHORIZED,
        "no access token"
    );
    assert_eq!(
        refresh(&world, &client, &token, "").await.json()["error"],
        "invalid_grant",
        "no refresh token"
    );
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(refresh(&world, &client, &first, "").await.json()["error"], "invalid_grant", "used before");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refresh(&world, &client, &third, "").await.json()["error"],
        "invalid_grant",
        "the newest ended too"
    );
    let apps = person.reads(&world, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"][0]["ended"]["why"], "used-twice");
}

#[tokio::test]
async fn a_session_without_the_device_s_signature_allows_nothing() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let request = begin(&world, &client, &[]).await;
    for caller in people::CALLERS {
        for path in [format!("/smart/requests/{request}/allow"), format!("/staff/launches/{request}/allow")] {
            let answer = people::ask(&world, caller, people::request("POST", &path, Load::Nothing)).await;
            assert!(answer.status.is_client_error() && !answer.body.contains("code="), "{caller} {path}");
        }
    }
    let good = letter(&world, &request, &["labs"]).await;
    let stranger = Person::stranger();
    assert!(stranger.reads(&world, good.clone()).await.is_err(), "nobody is enrolled with that key");
    for (name, field, value) in [
        ("another app", "client", json!("app-x")),
        ("another address", "redirect", json!("https://evil.example/")),
        ("another challenge", "challenge", json!("x".repeat(43))),
        ("more scopes", "scope", json!("patient/*.rs user/*.cruds")),
        ("another request", "request", json!("00")),
        ("an end that is over", "untilMs", json!(1)),
    ] {
        let mut bent = good.clone();
        bent[field] = value;
        assert!(person.reads(&world, bent).await.is_err(), "{name}");
    }
    for (name, bent) in [("an unknown category", json!(["everything"])), ("no list", json!("labs"))] {
        let mut letter = good.clone();
        letter["categories"] = bent;
        assert!(person.reads(&world, letter).await.is_err(), "{name}");
    }
    let allowed = person.reads(&world, good.clone()).await.expect("allowed");
    assert!(allowed["redirect"].is_string());
    assert!(person.reads(&world, good).await.is_err(), "a request is answered once");
}

#[tokio::test]
async fn no_app_gets_more_time_than_was_chosen_or_than_there_is() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let hour = 3_600_000;
    for (name, scope, chosen_ms, dead_after_ms) in [
        ("as chosen", SCOPE, 2 * hour, 2 * hour),
        ("a sitting", "patient/*.rs online_access", 48 * hour, 8 * hour),
        ("a year", SCOPE, 24 * 3_000 * hour, 24 * 366 * hour),
    ] {
        let request = begin(&world, &client, &[("scope", scope)]).await;
        let mut letter = letter(&world, &request, &["vitals"]).await;
        letter["untilMs"] = json!(crate::clock::now_ms() + chosen_ms);
        let code = code_in(&person.reads(&world, letter).await.expect(name));
        let tokens = redeem(&world, &client, &code, &[]).await.json();
        crate::clock::advance(dead_after_ms - 60_000);
        let again = refresh(&world, &client, &text(&tokens, "refresh_token"), "").await.json();
        assert!(again["expires_in"].as_u64().expect("seconds") <= 60, "{name}: {again}");
        let (token, last) = (text(&again, "access_token"), text(&again, "refresh_token"));
        assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK, "{name}");
        crate::clock::advance(61_000);
        assert_eq!(
            world.get(&token, "/fhir/Observation/o1").await.status,
            StatusCode::UNAUTHORIZED,
            "{name}"
        );
        assert_eq!(refresh(&world, &client, &last, "").await.json()["error"], "invalid_grant", "{name}");
    }
}

#[tokio::test]
async fn refusing_tells_the_app_and_leaves_nothing() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let request = begin(&world, &client, &[]).await;
    let letter = letter(&world, &request, &["labs"]).await;
    let path = format!("/smart/requests/{request}/refuse");
    let foreign = Request::post(&path).header(header::ORIGIN, "https://evil.example").body(Body::empty());
    assert_eq!(world.send(foreign.expect("request")).await.status, StatusCode::FORBIDDEN);
    let refused = world.send(people::request("POST", &path, Load::Nothing)).await;
    let to: Url = text(&refused.json(), "redirect").parse().expect("a URL");
    assert_eq!((pairs(&to)["error"].as_str(), pairs(&to)["state"].as_str()), ("access_denied", "s1"));
    assert!(person.reads(&world, letter).await.is_err(), "the request is over");
    assert_eq!(person.reads(&world, json!({ "ask": "apps" })).await.expect("apps")["apps"], json!([]));
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
    let apps = person.reads(&world, json!({ "ask": "apps" })).await.expect("apps")["apps"].clone();
    assert_eq!((&apps[0]["state"], &apps[1]["ended"]["why"]), (&json!("allowed"), &json!("replaced")));
    let other = Person::enrolled(&world, OTHER).await;
    assert_eq!(other.reads(&world, json!({ "ask": "apps" })).await.expect("apps")["apps"], json!([]));
    assert!(other.reads(&world, json!({ "ask": "stop-app", "app": apps[0]["id"] })).await.is_err());
}

#[tokio::test]
async fn an_app_that_ends_or_whose_patient_s_keys_are_replaced_reads_no_more() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    let token = text(&tokens, "access_token");
    super::end_all(&world.gateway, PATIENT).await.expect("ended");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let code = code(&world, &person, &client, &[]).await;
    let tokens = redeem(&world, &client, &code, &[]).await.json();
    let token = text(&tokens, "access_token");
    assert_eq!(decide(&world, &client, "end").await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refresh(&world, &client, &text(&tokens, "refresh_token"), "").await.json()["error"],
        "invalid_client"
    );
    assert_eq!(authorize(&world, &asked(&client, &[])).await.status, StatusCode::BAD_REQUEST);
    for step in ["approve", "refuse", "end"] {
        assert_eq!(
            decide(&world, &client, step).await.status,
            StatusCode::CONFLICT,
            "{step}: decided already"
        );
    }
}

#[tokio::test]
async fn registering_takes_what_is_safe_and_says_what_is_not() {
    let world = World::new().await;
    let change = |field: &str, value: Value| {
        let mut metadata = metadata();
        metadata[field] = value;
        metadata
    };
    for uri in ["http://localhost:9000/back", "http://127.0.0.1/", "org.example.diary:/back"] {
        let answer = register(&world, &change("redirect_uris", json!([uri]))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{uri}: {}", answer.body);
    }
    for (field, value, error) in [
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["http://diary.example/back"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["javascript:alert(1)"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["data:text/html,x"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["diary:/back"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://diary.example/#x"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://diary.example/a/../b"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://u@diary.example/"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://*.example/"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(vec![BACK; 9]), "invalid_redirect_uri"),
        ("client_name", json!(""), "invalid_client_metadata"),
        ("client_name", json!("x".repeat(61)), "invalid_client_metadata"),
        ("client_name", json!("a\u{202e}b"), "invalid_client_metadata"),
        ("client_name", json!("<b>"), "invalid_client_metadata"),
        ("token_endpoint_auth_method", json!("client_secret_basic"), "invalid_client_metadata"),
        ("token_endpoint_auth_method", json!("private_key_jwt"), "invalid_client_metadata"),
        ("jwks_uri", json!("https://diary.example/jwks"), "invalid_client_metadata"),
        ("grant_types", json!(["client_credentials"]), "invalid_client_metadata"),
        ("response_types", json!(["token"]), "invalid_client_metadata"),
        ("launch_url", json!("http://diary.example/"), "invalid_client_metadata"),
        ("scope", json!("system/*.rs"), "invalid_client_metadata"),
        ("scope", Value::Null, "invalid_client_metadata"),
    ] {
        let answer = register(&world, &change(field, value.clone())).await;
        assert_eq!(answer.json()["error"], error, "{field} {value}: {}", answer.body);
    }
    let list = steward(&world, "/staff/apps", "").await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(3));
    assert!(list.as_array().expect("a list").iter().all(|one| one["state"] == "waiting"), "{list}");
    let id = text(&list[0], "id");
    assert_eq!(decide(&world, &id, "refuse").await.status, StatusCode::NO_CONTENT);
    assert_eq!(authorize(&world, &asked(&id, &[])).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn registrations_of_one_caller_and_those_that_wait_are_limited() {
    let world = World::changed(|config| config.limits.demo_callers = 1).await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(register(&world, &metadata()).await.status.as_u16());
    }
    assert_eq!((statuses[9], statuses[10]), (201, 429));
    let world = World::changed(|config| config.limits.demo_callers = 1_000).await;
    for _ in 0..100 {
        register(&world, &metadata()).await;
    }
    assert_eq!(register(&world, &metadata()).await.status, StatusCode::TOO_MANY_REQUESTS);
}

/// Metadata of an app with keys.
fn confidential() -> Value {
    let mut metadata = metadata();
    metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
    metadata["jwks"] = jwks();
    metadata
}

fn assertion_of(world: &World, client: &str) -> String {
    let mut claims = crate::smart::testing::claims(&world.gateway.smart);
    (claims["iss"], claims["sub"]) = (json!(client), json!(client));
    assertion(&claims, Algorithm::ES384, "ec", &keys().es384)
}

#[tokio::test]
async fn an_app_with_keys_shows_them_and_never_reads_by_its_own_right() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let client = app(&world, &confidential()).await;
    let kind = crate::smart::assertion::ASSERTION_TYPE;
    let first = code(&world, &person, &client, &[]).await;
    assert_eq!(redeem(&world, &client, &first, &[]).await.json()["error"], "invalid_client", "without a key");
    let assertion = assertion_of(&world, &client);
    let shows = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
    let answer = redeem(&world, &client, &first, &shows).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        redeem(&world, &client, &first, &shows).await.json()["error"],
        "invalid_client",
        "used before"
    );
    let other = app(&world, &confidential()).await;
    let assertion = assertion_of(&world, &other);
    let shows = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
    assert_eq!(
        redeem(&world, &client, &first, &shows).await.json()["error"],
        "invalid_client",
        "of another app"
    );
    let own = crate::smart::testing::form(&assertion_of(&world, &client), "patient/*.rs");
    assert_eq!(world.ask(None, "POST", "/smart/token", &own).await.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn introspection_and_revocation_are_for_the_own_tokens() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    let other = app(&world, &metadata()).await;
    let (access, again) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let about = async |path: &str, client: &str, token: &str| {
        world.ask(None, "POST", path, &form(&[("client_id", client), ("token", token)])).await
    };
    for token in [&access, &again] {
        assert_eq!(about("/smart/introspect", &client, token).await.json()["active"], true);
        assert_eq!(about("/smart/introspect", &other, token).await.json(), json!({ "active": false }));
        assert_eq!(about("/smart/revoke", &other, token).await.status, StatusCode::OK);
        assert_eq!(
            about("/smart/introspect", &client, token).await.json()["active"],
            true,
            "another's is left"
        );
    }
    assert_eq!(about("/smart/introspect", "lab", &access).await.json()["error"], "invalid_client");
    about("/smart/revoke", &client, &access).await;
    assert_eq!(world.get(&access, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let fresh = refresh(&world, &client, &again, "").await.json();
    let (access, again) = (text(&fresh, "access_token"), text(&fresh, "refresh_token"));
    about("/smart/revoke", &client, &again).await;
    assert_eq!(about("/smart/introspect", &client, &access).await.json(), json!({ "active": false }));
    assert_eq!(world.get(&access, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let apps = person.reads(&world, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"][0]["ended"]["why"], "given-back");
}

#[tokio::test]
async fn an_id_token_says_who_it_is_to_this_app_alone_and_the_published_key_checks_it() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    let set = world.ask(None, "GET", "/smart/jwks", "").await.json();
    let read = |token: &str, client: &str| {
        let key =
            set["keys"].as_array().expect("keys").iter().find(|key| key["alg"] == "RS256").expect("a key");
        let key = DecodingKey::from_jwk(&serde_json::from_value(key.clone()).expect("a JWK")).expect("a key");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[client]);
        validation.set_issuer(&[ORIGIN]);
        decode::<Value>(token, &key, &validation).map(|token| token.claims)
    };
    let id = text(&tokens, "id_token");
    let claims = read(&id, &client).expect("a good token");
    assert_eq!(claims["fhirUser"], json!(format!("{ORIGIN}/fhir/Patient/{PATIENT}")));
    assert_eq!(claims["nonce"], "n1");
    assert!(read(&id, "another").is_err());
    assert_eq!(
        world.get(&id, "/fhir/Observation/o1").await.status,
        StatusCode::UNAUTHORIZED,
        "no access token"
    );
    let other = app(&world, &metadata()).await;
    let code = code(&world, &person, &other, &[("nonce", "")]).await;
    let second = redeem(&world, &other, &code, &[]).await.json();
    let second = read(&text(&second, "id_token"), &other).expect("a good token");
    assert_ne!(second["sub"], claims["sub"], "two apps do not find out that it is one person");
    assert!(second.get("nonce").is_none());
}

async fn clinic(world: &World, method: &str, path: &str, body: Value) -> Answer {
    let mut request = people::request(method, path, Load::Json("{}"));
    *request.body_mut() = Body::from(body.to_string());
    people::ask(world, "clinician", request).await
}

#[tokio::test]
async fn a_clinician_opens_an_app_in_a_chart_once_and_while_it_is_open() {
    let world = World::new().await;
    let client = app(&world, &metadata()).await;
    let other = app(&world, &metadata()).await;
    let open = json!({ "patient": PATIENT, "reason": "follow-up", "purpose": "treatment" });
    let chart = text(&clinic(&world, "POST", "/staff/charts", open).await.json(), "chart");
    let apps = clinic(&world, "GET", "/staff/launches", json!({})).await.json();
    assert!(apps.as_array().expect("a list").iter().any(|one| one["id"] == json!(client)), "{apps}");
    let launched = clinic(&world, "POST", "/staff/launches", json!({ "chart": chart, "app": client })).await;
    let url: Url = text(&launched.json(), "url").parse().expect("a URL");
    let (iss, launch) = (pairs(&url)["iss"].clone(), pairs(&url)["launch"].clone());
    assert_eq!(iss, format!("{ORIGIN}/fhir"));
    let scope = "launch user/Observation.rs openid fhirUser online_access";
    let to = location(&authorize(&world, &asked(&other, &[("launch", &launch), ("scope", scope)])).await);
    assert_eq!(pairs(&to)["error"], "invalid_request", "a launch of another app");
    let request = begin(&world, &client, &[("launch", &launch), ("scope", scope)]).await;
    let to = location(&authorize(&world, &asked(&client, &[("launch", &launch), ("scope", scope)])).await);
    assert_eq!(pairs(&to)["error"], "invalid_request", "used before");
    let person = Person::enrolled(&world, PATIENT).await;
    let letter = letter(&world, &request, &["labs"]).await;
    assert!(person.reads(&world, letter).await.is_err(), "a patient's letter answers no clinician's request");
    let path = format!("/staff/launches/{request}/allow");
    let cy = (header::COOKIE, world.gateway.staff.testing_session("dr-cy").await);
    let foreign = people::ask_with(&world, Some(cy), people::request("POST", &path, Load::Nothing)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "begun by somebody else");
    let allowed = clinic(&world, "POST", &path, json!({})).await;
    let code = code_in(&allowed.json());
    let tokens = redeem(&world, &client, &code, &[]).await.json();
    assert_eq!((&tokens["patient"], &tokens["need_patient_banner"]), (&json!(PATIENT), &json!(true)));
    let token = text(&tokens, "access_token");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(world.get(&token, "/fhir/Observation/o2").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&token, "/fhir/Patient/p1").await.status, StatusCode::FORBIDDEN, "not in the scope");
    let log = world.gateway.log.of_patient(PATIENT, crate::log::Page::default()).await.expect("log");
    assert_eq!(log[0].access.reason, "follow-up (with the app My Diary)");
    let apps = person.reads(&world, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"], json!([]), "what clinicians use is in the log, not among the patient's choices");
    crate::clock::advance(12 * 3_600_000 + 1_000);
    let again = refresh(&world, &client, &text(&tokens, "refresh_token"), "").await;
    assert_eq!(again.json()["error"], "invalid_grant", "the chart is closed");
}

#[tokio::test]
async fn pages_of_registered_apps_and_no_others_may_call() {
    let world = World::new().await;
    let (_, _, tokens) = connected(&world, PATIENT).await;
    let token = text(&tokens, "access_token");
    let ask = async |method: &str, path: &str, origin: &str, preflight: bool| {
        let mut request = Request::builder().method(method).uri(path).header(header::ORIGIN, origin);
        if preflight {
            request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
        } else {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        world.send(request.body(Body::empty()).expect("request")).await
    };
    let (own, foreign) = ("https://diary.example", "https://evil.example");
    for (name, method, path, origin, preflight, allowed) in [
        ("reading", "GET", "/fhir/Observation/o1", own, false, Some(own)),
        ("asking first", "OPTIONS", "/fhir/Observation/o1", own, true, Some(own)),
        ("asking first for tokens", "OPTIONS", "/smart/token", own, true, Some(own)),
        ("reading from elsewhere", "GET", "/fhir/Observation/o1", foreign, false, None),
        ("asking first from elsewhere", "OPTIONS", "/fhir/Observation/o1", foreign, true, None),
        ("a longer name", "GET", "/fhir/Observation/o1", "https://diary.example.evil.example", false, None),
        ("no origin", "GET", "/fhir/Observation/o1", "null", false, None),
        ("what is public", "GET", "/fhir/.well-known/smart-configuration", foreign, false, Some("*")),
        ("the portal's own routes", "OPTIONS", "/smart/requests/x", own, true, None),
        ("the staff's routes", "OPTIONS", "/staff/apps", own, true, None),
    ] {
        let answer = ask(method, path, origin, preflight).await;
        let found = answer
            .headers
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .map(|value| value.to_str().expect("text"));
        assert_eq!(found, allowed, "{name}");
        assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "{name}");
    }
}

#[tokio::test]
async fn a_restricted_record_is_read_by_no_app() {
    let world = World::new().await;
    let (person, _, tokens) = connected(&world, PATIENT).await;
    let cases = person.asks(&world, json!({ "ask": "restrict", "reason": "I contest it" })).await;
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
