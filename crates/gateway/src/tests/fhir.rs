//! The FHIR routes beyond who may what.

use super::world::{PATIENT, World};
use crate::engine::{Mode, Reach};
use crate::log::{Kind, Page};
use crate::testing::chain;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use salus_types::proof::{CertifiedHeader, Handover};
use salus_verifier::ProofFile;
use std::convert::Infallible;
use std::sync::atomic::Ordering;

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

#[tokio::test]
async fn a_proof_is_of_the_version_that_is_read_and_of_none_before_it() {
    let world = World::new().await;
    let token = world.clinician();
    let path = "/fhir/Observation/anchored/$proof";
    let proof = world.get(&token, path).await;
    assert_eq!((proof.status, proof.headers["x-salus-state"].as_bytes()), (StatusCode::OK, &b"anchored"[..]));
    world.engine.revise("anchored");
    for (sealed, state) in [(false, "stored"), (true, "sealed")] {
        world.vault.newest_sealed.store(sealed, std::sync::atomic::Ordering::Relaxed);
        let answer = world.get(&token, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{state}: {}", answer.body);
        assert_eq!(answer.headers["x-salus-state"], state);
        assert!(!answer.body.contains("ciphertextDigest"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_proof_brings_the_changes_of_the_validators_before_its_block() {
    let world = World::new().await;
    let token = world.clinician();
    let handover = |epoch: u64| Handover {
        block: CertifiedHeader {
            headers: vec![chain::header(world.gateway.network, epoch)].try_into().expect("one"),
            certificate: Vec::new().try_into().expect("none"),
        },
        validators: Vec::new().try_into().expect("none"),
    };
    *world.chain.handovers.lock().expect("lock") = vec![handover(1), handover(4)];
    for (epoch, brought) in [(0, 0), (1, 0), (2, 1), (4, 1), (5, 2)] {
        world.vault.epoch.store(epoch, Ordering::Relaxed);
        let proof = world.get(&token, "/fhir/Observation/anchored/$proof").await.json();
        let file = ProofFile::parse(&proof.to_string()).expect("a proof");
        let handovers = file.handovers().expect("handovers");
        assert_eq!(handovers, [handover(1), handover(4)][..brought], "epoch {epoch}");
    }
}

fn chunked(bytes: usize) -> Body {
    let piece = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let pieces = (0..bytes.div_ceil(piece.len())).map(move |_| Ok::<_, Infallible>(piece.clone()));
    Body::from_stream(futures::stream::iter(pieces))
}

#[tokio::test]
async fn every_refusal_under_fhir_is_an_outcome_with_a_code_and_diagnostics() {
    let world = World::new().await;
    let token = world.clinician();
    let large = world.gateway.config.limits.fhir_bytes_max + 1;
    let narrow = World::changed(|config| config.limits.requests_max = 0).await;
    let hasty = World::changed(|config| config.limits.answer_timeout = std::time::Duration::ZERO).await;
    let impatient = World::changed(|config| config.limits.body_timeout = std::time::Duration::ZERO).await;
    let pending = || Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, Infallible>>());
    let table = [
        ("no token", &world, "GET", "/fhir/Observation/o1", None, Body::empty(), 401),
        ("another patient", &world, "GET", "/fhir/Observation/o2", Some(&token), Body::empty(), 404),
        (
            "an empty segment in front",
            &world,
            "GET",
            "/fhir//Observation/1",
            Some(&token),
            Body::empty(),
            404,
        ),
        ("an empty segment within", &world, "GET", "/fhir/Observation//1", Some(&token), Body::empty(), 404),
        ("a slash at the end", &world, "GET", "/fhir/X/1/", Some(&token), Body::empty(), 404),
        ("no such operation", &world, "GET", "/fhir/$reindex", Some(&token), Body::empty(), 404),
        ("a method that metadata has not", &world, "POST", "/fhir/metadata", None, Body::empty(), 405),
        (
            "a method that a proof has not",
            &world,
            "PUT",
            "/fhir/Observation/o1/$proof",
            None,
            Body::empty(),
            405,
        ),
        (
            "a method that the configuration has not",
            &world,
            "PUT",
            "/fhir/.well-known/smart-configuration",
            None,
            Body::empty(),
            405,
        ),
        ("a large body", &world, "POST", "/fhir/Observation", Some(&token), vec![b'x'; large].into(), 413),
        ("a large body in chunks", &world, "POST", "/fhir/Observation", Some(&token), chunked(large), 413),
        ("a large form", &world, "POST", "/fhir/Observation/_search", Some(&token), chunked(2 << 20), 413),
        (
            "a body that never comes",
            &impatient,
            "POST",
            "/fhir/Observation",
            Some(&impatient.clinician()),
            pending(),
            408,
        ),
        ("no place", &narrow, "GET", "/fhir/metadata", None, Body::empty(), 503),
        // A body that never comes, so that no answer can be quicker than no time at all.
        ("no time", &hasty, "POST", "/fhir/Observation", Some(&hasty.clinician()), pending(), 504),
        (
            "a library's refusal",
            &world,
            "GET",
            "/fhir/Observation/o1/_history/%FF",
            Some(&token),
            Body::empty(),
            404,
        ),
    ];
    for (case, world, method, path, token, body, status) in table {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).expect("request");
        let answer = world.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{case}: {}", answer.body);
        assert!(super::world::is_outcome(&answer), "{case}: {:?} {}", answer.headers, answer.body);
    }
}
