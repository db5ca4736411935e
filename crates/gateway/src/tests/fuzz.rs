//! Mutated bodies, queries and tokens for every route, and the decoders that only this crate sees.
//!
//! The routes are those of `people.rs` and of the FHIR table, which are compared with the router; so no route is left
//! out. An answer may refuse, but never with 500, and no handler may panic. The same inputs in every run.

use super::matrix;
use super::people::{self, CALLERS, Load};
use super::world::World;
use crate::PeerIdentity;
use crate::fhir::ask::Ask;
use crate::fhir::narrow::Narrowing;
use crate::log::Entry;
use crate::smart::app::AppScopes;
use crate::smart::{Scopes, testing};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jsonwebtoken::Algorithm;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use salus_types::vault::{PatientRequest, SealedEnvelope};
use tower::ServiceExt as _;

/// A resource that a scope for `a|b` does not show.
const OTHER_CATEGORY: &str = r#"{"resourceType":"Observation","category":[{"coding":[{"system":"s","code":"vital"}]},"x"],"value":[1.10]}"#;
/// Mutations of each body that each caller sends.
const BODIES_PER_CALLER: usize = 6;
/// Inputs of each decoder.
pub(crate) const INPUTS: usize = 20_000;

/// One change: from where, how far, what comes in place.
type Change = (Index, Index, Vec<u8>);

/// Mutations of a seed.
pub(crate) struct Mutations {
    runner: TestRunner,
    changes: BoxedStrategy<Vec<Change>>,
}

impl Mutations {
    pub(crate) fn new() -> Self {
        // Pieces that parsers stumble over, and single bytes.
        let pieces = [
            "",
            "\"",
            "{",
            "[",
            "}",
            "null",
            "-1",
            "1e999",
            "99999999999999999999",
            "\\ud800",
            "\u{0}",
            "%",
            "&",
            "=",
            ".",
            "..",
            "/",
            "$",
            "*",
            "é",
            "true",
            "[[[[[[[[",
            "\u{1F600}",
        ];
        let piece = prop::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec());
        let with = prop_oneof![3 => piece, 2 => vec(any::<u8>(), 0..3), 1 => vec(any::<u8>(), 0..40)];
        let change = (any::<Index>(), any::<Index>(), with);
        Self { runner: TestRunner::deterministic(), changes: vec(change, 1..5).boxed() }
    }

    pub(crate) fn of(&mut self, seed: &[u8]) -> Vec<u8> {
        let changes = self.changes.new_tree(&mut self.runner).expect("a value").current();
        let mut input = seed.to_vec();
        for (from, length, with) in changes {
            let from = from.index(input.len() + 1);
            let end = from + length.index(4).min(input.len() - from);
            input.splice(from..end, with);
        }
        input
    }
}

/// Tries, by the names of `crates/fuzz/tests/decoders.rs`: "gateway::Scopes from text", "gateway::Scopes from serde",
/// "gateway::smart/scope::parse", "gateway::smart/scope::parse_letters", "gateway::log/query::parse",
/// "gateway::body::decode", "gateway::fhir/ask::parse", "gateway::fhir/json::parse", "gateway::Object from serde".
#[test]
fn every_decoder_refuses_or_reads_what_it_writes() {
    let mut mutations = Mutations::new();
    let entry = br#"{"number":1,"own_number":1,"patient_number":1,"time_ms":1,"previous":"0000000000000000000000000000000000000000000000000000000000000000","blind":"0000000000000000000000000000000000000000000000000000000000000000","access":{"who":{"system":{"id":"lab"}},"kind":"read","patient":"p1","purpose":null,"reason":"","types":["Patient"],"count":1,"grants":[],"events":[]}}"#;
    let resource = r#"{"resourceType":"Observation","subject":{"reference":"Patient/p1"},"value":[1.10,{"a":"\u00e4"}]}"#;
    for _ in 0..INPUTS {
        let input = mutations
            .of(b"system/Observation.cruds user/*.rs patient/Patient.r patient/Condition.rs?category=a|b");
        let text = String::from_utf8_lossy(&input);
        if let Ok(scopes) = text.parse::<Scopes>() {
            let written = scopes.to_string();
            assert_eq!(written.parse::<Scopes>().expect("what was written"), scopes, "{text}");
            let words: Vec<_> = text.split_ascii_whitespace().collect();
            assert_eq!(written, words.join(" "), "one text for each scope");
            let _ = scopes.intersection(&scopes);
        }
        let _ = serde_json::from_slice::<Scopes>(&input);
        if let Ok(scopes) = AppScopes::of(&text) {
            assert_eq!(AppScopes::of(&scopes.to_string()).expect("what was written"), scopes, "{text}");
            assert!(scopes.contains(&scopes), "{text}");
        }
        if let Ok(read) = serde_json::from_slice::<Entry>(&mutations.of(entry)) {
            let written = serde_json::to_vec(&read).expect("it is written");
            assert_eq!(serde_json::from_slice::<Entry>(&written).expect("what was written"), read);
        }
        let granular = "patient/Observation.rs?category=a|b".parse().expect("a scope");
        let narrowing = Narrowing::of(granular, None).expect("narrow");
        let bent = String::from_utf8_lossy(&mutations.of(OTHER_CATEGORY.as_bytes())).into_owned();
        let wanted = bent.contains("\"a\"") || bent.contains("\\u");
        assert!(!narrowing.shows(&bent) || wanted, "{bent}");
        let _ = crate::fhir::json::subject_of(&String::from_utf8_lossy(&mutations.of(resource.as_bytes())));
        let ask = String::from_utf8_lossy(&mutations.of(b"/Patient/p1/Observation?_include=x:y&_count=1"))
            .into_owned();
        let (path, query) = ask.split_once('?').map_or((&*ask, None), |(path, query)| (path, Some(query)));
        let _ = Ask::parse(&Method::GET, path, query);
        let _ = crate::body::decode::<PatientRequest>(&input);
        let _ = crate::body::decode::<SealedEnvelope>(&input);
    }
}

/// Bodies from which mutations of an octet route begin.
fn octets() -> Vec<Vec<u8>> {
    vec![Vec::new(), vec![0; 300], vec![1; 2_000]]
}

fn seeds(load: Load) -> (&'static str, Vec<Vec<u8>>) {
    match load {
        Load::Octets => (crate::body::OCTETS, octets()),
        Load::Nothing => {
            ("application/x-www-form-urlencoded", vec![b"grant_type=client_credentials&scope=x".to_vec()])
        }
        Load::Json(text) => ("application/json", vec![text.as_bytes().to_vec()]),
        Load::Credential => {
            let body = r#"{"code":"x","session":"x","slots":[],"credential":{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"attestationObject":"AAAA","clientDataJSON":"e30"}}}"#;
            ("application/json", vec![body.as_bytes().to_vec()])
        }
    }
}

fn request(method: &str, path: &str, kind: &str, body: Vec<u8>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
    request.header(header::ORIGIN, crate::testing::ORIGIN).body(Body::from(body)).expect("request")
}

async fn generous() -> World {
    World::changed(|config| config.limits.demo_callers = 1_000_000).await
}

#[tokio::test]
async fn mutated_bodies_are_refused_on_every_route_whoever_sends_them() {
    let (world, mut mutations, mut wrong) = (generous().await, Mutations::new(), Vec::new());
    for (method, path, load, _) in people::ROWS.iter().filter(|row| row.0 != "GET") {
        let (kind, seeds) = seeds(*load);
        for caller in CALLERS {
            let proof = people::proof_of(&world, caller).await;
            for at in 0..BODIES_PER_CALLER {
                let body = mutations.of(&seeds[at % seeds.len()]);
                let shown = String::from_utf8_lossy(&body).into_owned();
                let answer = people::ask_with(&world, proof.clone(), request(method, path, kind, body)).await;
                if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
                    wrong.push(format!("{method} {path} {caller}: {shown}: {}", answer.body));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tries also "gateway::ledger/read::parse".
#[tokio::test]
async fn mutated_paths_are_refused_whoever_asks() {
    let (world, mut mutations, mut wrong) = (generous().await, Mutations::new(), Vec::new());
    for (_, path, ..) in people::ROWS.iter().filter(|row| row.0 == "GET") {
        for caller in ["nobody", "steward"] {
            let proof = people::proof_of(&world, caller).await;
            for _ in 0..3 * BODIES_PER_CALLER {
                let bent =
                    form_urlencoded::byte_serialize(&mutations.of(&path.as_bytes()[1..])).collect::<String>();
                let uri = format!("/{}", bent.replace("%2F", "/").replace("%3F", "?").replace("%3D", "="));
                let answer =
                    people::ask_with(&world, proof.clone(), request("GET", &uri, "", Vec::new())).await;
                if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
                    wrong.push(format!("{uri} {caller}: {}", answer.body));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn mutated_fhir_requests_are_refused_or_forwarded() {
    let (world, mut mutations, mut wrong) = (generous().await, Mutations::new(), Vec::new());
    let (clinician, system) = (world.clinician(), world.system("system/*.cruds"));
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"Patient/p1"}}]}"#;
    for (method, path) in matrix::fhir_rows() {
        let (place, query) = path.split_once('?').unwrap_or((path, ""));
        for at in 0..4 * BODIES_PER_CALLER {
            let encoded = |bytes: &[u8]| form_urlencoded::byte_serialize(bytes).collect::<String>();
            let uri = match at % 3 {
                0 => path.to_owned(),
                1 => format!("{place}?{}", encoded(&mutations.of(query.as_bytes())).replace("%3D", "=")),
                _ => format!("/fhir/{}", encoded(&mutations.of(&place.as_bytes()[1..])).replace("%2F", "/")),
            };
            let token = if at % 2 == 0 { &clinician } else { &system };
            let mut request = request(method, &uri, "application/fhir+json", mutations.of(bundle.as_bytes()));
            let shown = format!("Bearer {token}").parse().expect("value");
            request.headers_mut().insert(header::AUTHORIZATION, shown);
            let answer = world.send(request).await;
            if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
                wrong.push(format!("{method} {uri}: {}", answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn mutated_bodies_of_members_reach_no_panic() {
    let (world, mut mutations, mut wrong) = (generous().await, Mutations::new(), Vec::new());
    let router = crate::edge::wrap(crate::peer_router(world.gateway.clone()), &world.gateway.config);
    for (method, path, load, _) in people::PEERS.iter().filter(|row| row.0 != "GET") {
        let (kind, seeds) = seeds(*load);
        for at in 0..40 {
            let mut request = request(method, path, kind, mutations.of(&seeds[at % seeds.len()]));
            request.extensions_mut().insert(PeerIdentity("hospital-b".parse().expect("id")));
            let answer = router.clone().oneshot(request).await.expect("answer");
            if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
                wrong.push(format!("{method} {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn mutated_tokens_and_assertions_are_nobodys() {
    let (world, mut mutations) = (generous().await, Mutations::new());
    let (smart, keys) = (&world.gateway.smart, testing::keys());
    let good = testing::assertion(&testing::claims(smart), Algorithm::ES384, "ec", &keys.es384);
    let token = world.clinician();
    for _ in 0..1_000 {
        let bent = String::from_utf8_lossy(&mutations.of(good.as_bytes())).into_owned();
        if bent != good {
            let answer = world.ask(None, "POST", "/smart/token", &testing::form(&bent, "system/*.rs")).await;
            assert!(answer.status.is_client_error(), "{bent}: {}", answer.status);
        }
        let bent: String =
            mutations.of(token.as_bytes()).into_iter().filter(u8::is_ascii_graphic).map(char::from).collect();
        if bent != token {
            let answer = world.ask(Some(&bent), "GET", "/fhir/Observation/o1", "").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{bent}");
        }
    }
}

/// Claims that are signed by the client's own key: what is in them is not believed for that.
#[tokio::test]
async fn mutated_claims_of_a_known_client_are_refused_or_right() {
    let (world, mut mutations) = (generous().await, Mutations::new());
    let (smart, keys) = (&world.gateway.smart, testing::keys());
    for _ in 0..500 {
        let mut claims = testing::claims(smart);
        claims["extensions"] = serde_json::json!({ "hl7-b2b": { "version": "1", "subject_id": "dr-bo",
            "organization_id": "hospital-a", "purpose_of_use": ["TREAT"] } });
        claims["salus"] = serde_json::json!({ "patient": "p1", "reason": "follow-up" });
        let text = mutations.of(claims.to_string().as_bytes());
        let Ok(claims) = serde_json::from_slice(&text) else { continue };
        let assertion = testing::assertion(&claims, Algorithm::ES384, "ec", &keys.es384);
        let answer = world.ask(None, "POST", "/smart/token", &testing::form(&assertion, "user/*.rs")).await;
        assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{claims}");
    }
}
