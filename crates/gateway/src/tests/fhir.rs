//! The FHIR routes beyond who may what.

use super::world::{PATIENT, World};
use crate::engine::{Mode, Reach};
use crate::log::{Kind, Page};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_engine_is_told_exactly_how_far_a_caller_reaches() {
    let world = World::new().await;
    world.get(&world.system("system/*.cruds"), "/fhir/Observation/o1").await;
    let system = world.engine.last_principal().expect("principal");
    assert_eq!((system.read, system.write, system.mode), (Reach::All, Reach::None, Mode::Feed));
    let clinician = world.clinician();
    world.ask(Some(&clinician), "POST", "/fhir/Observation", "{}").await;
    let practitioner = world.engine.last_principal().expect("principal");
    let own = Reach::Patient(PATIENT.into());
    assert_eq!(
        (practitioner.read, practitioner.write, practitioner.mode),
        (own.clone(), own, Mode::Interactive)
    );
    assert_eq!(world.engine.last_prefer().as_deref(), Some("handling=strict"));
}

#[tokio::test]
async fn a_principal_header_of_the_caller_is_ignored() {
    let world = World::new().await;
    let request = Request::get("/fhir/Observation/o2")
        .header(header::AUTHORIZATION, format!("Bearer {}", world.clinician()))
        .header(
            "x-salus-principal",
            "eyJpZCI6IngiLCJyZWFkIjoiYWxsIiwid3JpdGUiOiJhbGwiLCJzaGFyZXMiOltdLCJtb2RlIjoiZmVlZCJ9",
        )
        .header("x-salus-internal", "1")
        .body(Body::empty())
        .expect("request");
    assert_eq!(world.send(request).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_the_engine_every_fhir_route_says_so() {
    let world = World::with_engine(false).await;
    let answer = world.get(&world.clinician(), "/fhir/Observation/o1").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "temporarily-unavailable");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    let metadata = world.ask(None, "GET", "/fhir/metadata", "").await;
    assert_eq!(metadata.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn answers_carry_no_header_of_the_engine_and_all_of_the_edge() {
    let world = World::new().await;
    let answer = world.get(&world.clinician(), "/fhir/Observation/o1").await;
    assert!(!answer.headers.contains_key(header::SERVER));
    for name in ["content-security-policy", "x-content-type-options", "x-request-id", "referrer-policy"] {
        assert!(answer.headers.contains_key(name), "{name}");
    }
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/fhir+json");
}

#[tokio::test]
async fn every_answered_request_is_in_the_log_and_no_refused_one() {
    let world = World::new().await;
    let token = world.clinician();
    world.get(&token, "/fhir/Observation/o1").await;
    world.get(&token, "/fhir/Observation?patient=p1").await;
    world.get(&token, "/fhir/Observation/o2").await;
    world.ask(Some(&token), "PUT", "/fhir/Observation/o1", "{}").await;
    let entries = world.gateway.log.of_patient(PATIENT, Page::default()).await.expect("log");
    let kinds: Vec<_> = entries.iter().rev().map(|entry| entry.access.kind).collect();
    assert_eq!(kinds, [Kind::Read, Kind::Search, Kind::Write]);
    assert!(entries.iter().all(|entry| entry.access.reason == "follow-up of blood pressure"));
    assert_eq!(world.gateway.log.verify().expect("chain"), 3);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let world = World::new().await;
    let body = "x".repeat(world.gateway.config.limits.fhir_bytes_max + 1);
    let request = Request::post("/fhir/Observation")
        .header(header::AUTHORIZATION, format!("Bearer {}", world.clinician()))
        .header(header::CONTENT_LENGTH, body.len())
        .body(Body::from(body))
        .expect("request");
    assert_eq!(world.send(request).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_removed_client_or_practitioner_has_no_access_from_then_on() {
    let world = World::new().await;
    let token = world.system("system/*.cruds");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    world.gateway.smart.clients.remove("lab").await.expect("removed");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_patient_finds_what_a_system_read_by_the_record_s_id_alone() {
    let world = World::new().await;
    world.get(&world.system("system/*.cruds"), "/fhir/Observation/o1").await;
    let entries = world.gateway.log.of_patient(PATIENT, Page::default()).await.expect("log");
    assert_eq!(entries.len(), 1);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_costs_less_than_a_millisecond_over_the_engine() {
    let world = World::new().await;
    let (clinician, system) = (world.clinician(), world.system("system/*.cruds"));
    let router = crate::edge::wrap(crate::public_router(world.gateway.clone()), &world.gateway.config);
    let mut direct = Vec::new();
    let mut through = [Vec::new(), Vec::new(), Vec::new()];
    let principal = crate::engine::EnginePrincipal {
        id: "x".into(),
        read: Reach::All,
        write: Reach::None,
        shares: Vec::new(),
        mode: Mode::Feed,
    };
    for _ in 0..300 {
        let began = Instant::now();
        let request = Request::get("/fhir/Observation/o1").header("x-salus-principal", principal.header());
        let answer =
            world.gateway.engine.send(request.body(Body::empty()).expect("request")).await.expect("answer");
        crate::engine::read_whole(answer.into_body()).await.expect("body");
        direct.push(began.elapsed());
        for (at, (token, path)) in [
            (&clinician, "/fhir/Observation/o1"),
            (&system, "/fhir/Observation/o1"),
            (&system, "/fhir/metadata"),
        ]
        .into_iter()
        .enumerate()
        {
            let began = Instant::now();
            let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
            let request = request.body(Body::empty()).expect("request");
            let answer = tower::ServiceExt::oneshot(router.clone(), request).await.expect("answer");
            axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("body");
            through[at].push(began.elapsed());
        }
    }
    let direct = median(direct);
    let [clinician, system, metadata] = through.map(median);
    println!(
        "engine {direct:?}; through the gateway: clinician {clinician:?}, system {system:?}; metadata {metadata:?}"
    );
    assert!(clinician.saturating_sub(direct) < Duration::from_millis(1), "{clinician:?} against {direct:?}");
    assert!(metadata < Duration::from_millis(2), "{metadata:?}");
}
