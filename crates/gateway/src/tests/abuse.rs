//! Attacks on the FHIR and SMART routes, named after the OWASP API Security Top 10 (2023).

use super::world::{CANARY, OTHER, World};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

/// A request that must be refused, and show nothing of the other patient.
async fn refused(world: &World, token: Option<&str>, method: &str, path: &str, body: &str) {
    let answer = world.ask(token, method, path, body).await;
    assert!(!answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.body);
    assert!(!answer.status.is_server_error(), "{method} {path}: {} {}", answer.status, answer.body);
    assert!(
        !answer.body.contains(CANARY) && !answer.body.contains(OTHER),
        "{method} {path}: {}",
        answer.body
    );
}

/// A request that may be answered, but without anything of the other patient.
async fn shows_nothing(world: &World, token: &str, method: &str, path: &str, body: &str) {
    let answer = world.ask(Some(token), method, path, body).await;
    assert!(!answer.status.is_server_error(), "{method} {path}: {} {}", answer.status, answer.body);
    assert!(!answer.body.contains(CANARY), "{method} {path}: {}", answer.body);
}

#[tokio::test]
async fn api1_broken_object_level_authorisation() {
    let world = World::new().await;
    let token = world.clinician();
    for path in [
        format!("/fhir/Patient/{OTHER}"),
        "/fhir/Observation/o2".into(),
        "/fhir/Observation/o2/$proof".into(),
        "/fhir/Observation/o1%2F..%2Fo2".into(),
        "/fhir/Observation/o1/../o2".into(),
        "/fhir//Observation/o2".into(),
        "/fhir/Observation/o2/".into(),
        "/fhir/Observation/o2?_format=json".into(),
    ] {
        refused(&world, Some(&token), "GET", &path, "").await;
    }
    for path in ["/fhir/Observation", "/fhir/Patient", "/fhir/Patient?_id=p2-kanarienvogel"] {
        shows_nothing(&world, &token, "GET", path, "").await;
    }
    let search = format!("patient={OTHER}");
    shows_nothing(&world, &token, "POST", "/fhir/Observation/_search", &search).await;
}

#[tokio::test]
async fn api2_broken_authentication() {
    let world = World::new().await;
    let good = world.clinician();
    let unsigned = format!("{}.", good.rsplit_once('.').expect("parts").0);
    let other = if good.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{other}", &good[..good.len() - 1]);
    for token in [unsigned.as_str(), &forged, "", "x", "a.b.c", &good[1..]] {
        refused(&world, Some(token), "GET", "/fhir/Observation/o1", "").await;
    }
    for value in [format!("Basic {good}"), good.clone(), format!("Bearer {good} x"), "Bearer".into()] {
        let request = Request::get("/fhir/Observation/o1").header(header::AUTHORIZATION, value);
        let answer = world.send(request.body(Body::empty()).expect("request")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    // A token in the URL is no token.
    refused(&world, None, "GET", &format!("/fhir/Observation/o1?access_token={good}"), "").await;
}

#[tokio::test]
async fn api5_broken_function_level_authorisation() {
    let world = World::new().await;
    let system = world.system("system/*.cruds");
    for (method, path) in [
        ("GET", "/fhir/$export"),
        ("GET", "/fhir/Patient/$export"),
        ("POST", "/fhir/$reindex"),
        ("POST", "/fhir/$bulk-submit"),
        ("GET", "/fhir/../internal/status"),
        ("GET", "/fhir/internal/status"),
        ("GET", "/internal/status"),
        ("PUT", "/internal/shares/ab"),
        ("GET", "/admin/tenants"),
        ("GET", "/fhir/_user/settings"),
        ("TRACE", "/fhir/Observation/o1"),
        ("OPTIONS", "/fhir/Observation/o1"),
    ] {
        refused(&world, Some(&system), method, path, "").await;
    }
    assert_eq!(world.engine.asked(), 0, "nothing of it reached the engine");
}

#[tokio::test]
async fn api6_and_api3_a_narrow_reach_is_not_widened_by_search() {
    let world = World::new().await;
    let narrow = world.system("system/Patient.rs");
    for query in [
        "_revinclude=Observation:subject",
        "_revinclude:iterate=Observation:subject",
        "_has:Observation:subject:code=x",
        "_include=Patient:organization",
        "organization.name=x",
        "%5Finclude=Patient:organization",
        "_query=x",
    ] {
        refused(&world, Some(&narrow), "GET", &format!("/fhir/Patient?{query}"), "").await;
        refused(&world, Some(&narrow), "POST", "/fhir/Patient/_search", query).await;
    }
    refused(&world, Some(&narrow), "GET", "/fhir/Patient/p1/$everything", "").await;
    refused(&world, Some(&narrow), "POST", "/fhir", r#"{"resourceType":"Bundle","type":"batch"}"#).await;
}

#[tokio::test]
async fn api8_refusals_say_nothing_of_what_was_sent() {
    let world = World::new().await;
    for (path, body) in [
        ("/fhir/Observation/Kanarienvogel%00", ""),
        ("/fhir/Kanarienvogel", ""),
        ("/fhir/Observation?Kanarienvogel=Kanarienvogel", ""),
        ("/smart/token", "grant_type=Kanarienvogel&scope=Kanarienvogel"),
    ] {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let answer = world.ask(None, method, path, body).await;
        assert!(!answer.status.is_success());
        assert!(!answer.body.contains(CANARY), "{path}: {}", answer.body);
        assert!(!format!("{:?}", answer.headers).contains(CANARY));
    }
}

#[tokio::test]
async fn no_log_line_holds_a_path_a_query_a_body_or_a_token() {
    let (logs, _guard) = crate::testing::logs::Logs::listen();
    let world = World::new().await;
    let token = world.system("system/*.cruds");
    for (method, path) in [
        ("GET", "/fhir/Patient/p2-kanarienvogel"),
        ("GET", "/fhir/Observation?patient=p2-kanarienvogel&value-string=Kanarienvogel"),
        ("PUT", "/fhir/Observation/Kanarienvogel"),
        ("GET", "/fhir/Kanarienvogel/x"),
        ("GET", "/Kanarienvogel"),
        ("GET", "/fhir/Patient/p2-kanarienvogel/$proof"),
    ] {
        world.ask(Some(&token), method, path, r#"{"valueString":"Kanarienvogel"}"#).await;
    }
    let without_engine = World::with_engine(false).await;
    without_engine.get(&without_engine.system("system/*.cruds"), "/fhir/Patient/p2-kanarienvogel").await;
    let text = logs.own_text();
    assert!(text.contains("/fhir/{type}/{id}"), "the log has lines: {text}");
    for secret in [CANARY, OTHER, token.as_str(), "kanarienvogel"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    tracing::info!(target: "salus::http", "{CANARY}");
    assert!(logs.own_text().contains(CANARY), "a planted secret is found");
}
