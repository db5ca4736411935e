//! Assertions and tokens: what is refused, and that what may happen once happens once.

use super::testing::{assertion, claims, form, jwk, keys};
use crate::smart::NewClient;
use crate::tests::race::{RACERS, race};
use crate::tests::world::{Answer, PATIENT, World};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::sync::Arc;

async fn ask(world: &World, assertion: &str, scope: &str) -> Answer {
    world.ask(None, "POST", "/smart/token", &form(assertion, scope)).await
}

fn good(world: &World) -> Value {
    claims(&world.gateway.smart)
}

fn signed(claims: &Value) -> String {
    assertion(claims, Algorithm::ES384, "ec", &keys().es384)
}

fn b2b(mut claims: Value) -> Value {
    claims["extensions"] = json!({ "hl7-b2b": {
        "version": "1", "subject_id": "dr-bo", "organization_id": "hospital-a",
        "purpose_of_use": ["urn:oid:2.16.840.1.113883.5.8#TREAT"],
    }});
    claims["salus"] = json!({ "patient": PATIENT, "reason": "follow-up" });
    claims
}

#[tokio::test]
async fn both_algorithms_get_a_token_that_works() {
    let world = World::new().await;
    let rs = assertion(&good(&world), Algorithm::RS384, "rsa", &keys().rs384);
    for assertion in [signed(&good(&world)), rs] {
        let answer = ask(&world, &assertion, "system/Observation.rs").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let token = answer.json();
        assert_eq!(
            (token["scope"].as_str(), token["expires_in"].as_u64()),
            (Some("system/Observation.rs"), Some(300))
        );
        let token = token["access_token"].as_str().expect("token").to_owned();
        assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
        assert_eq!(world.get(&token, "/fhir/Patient/p1").await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_practitioner_s_token_is_bound_to_one_patient() {
    let world = World::new().await;
    let answer = ask(&world, &signed(&b2b(good(&world))), "user/*.rs").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["patient"], PATIENT);
    let token = answer.json()["access_token"].as_str().expect("token").to_owned();
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(world.get(&token, "/fhir/Observation/o2").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        world.ask(Some(&token), "PUT", "/fhir/Observation/o1", "{}").await.status,
        StatusCode::FORBIDDEN
    );
}

/// Changes to a good assertion, each of which makes it bad.
/// What is wrong, and how it is made so.
type BadClaim = (&'static str, fn(&mut Value));

fn bad_claims() -> Vec<BadClaim> {
    fn now() -> u64 {
        crate::clock::now_s()
    }
    vec![
        ("another audience", |claims| claims["aud"] = json!("https://elsewhere.example/token")),
        ("no audience", |claims| claims["aud"] = Value::Null),
        ("expired", |claims| claims["exp"] = json!(now() - 1)),
        ("dead in an hour", |claims| claims["exp"] = json!(now() + 3_600)),
        ("lives too long", |claims| {
            claims["iat"] = json!(now() - 200);
            claims["exp"] = json!(now() + 200);
        }),
        ("issued in the future", |claims| {
            claims["iat"] = json!(now() + 120);
            claims["exp"] = json!(now() + 200);
        }),
        ("not yet valid", |claims| claims["nbf"] = json!(now() + 120)),
        ("no end", |claims| drop(claims.as_object_mut().expect("claims").remove("exp"))),
        ("an end that overflows", |claims| claims["exp"] = json!(u64::MAX)),
        ("no jti", |claims| drop(claims.as_object_mut().expect("claims").remove("jti"))),
        ("an empty jti", |claims| claims["jti"] = json!("")),
        ("a huge jti", |claims| claims["jti"] = json!("x".repeat(10_000))),
        ("another subject", |claims| claims["sub"] = json!("lab")),
        ("another issuer", |claims| claims["iss"] = json!("lab")),
        ("an unknown client", |claims| (claims["iss"], claims["sub"]) = (json!("nobody"), json!("nobody"))),
    ]
}

#[tokio::test]
async fn every_bad_assertion_is_refused_and_uses_up_nothing() {
    let world = World::new().await;
    let mut claims = good(&world);
    for (name, change) in bad_claims() {
        let mut bad = claims.clone();
        change(&mut bad);
        let answer = ask(&world, &signed(&bad), "system/*.rs").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.body);
        assert_eq!(answer.json()["error"], "invalid_client", "{name}");
    }
    claims["exp"] = json!(crate::clock::now_s() + 200);
    assert_eq!(ask(&world, &signed(&claims), "system/*.rs").await.status, StatusCode::OK);
}

fn encode_part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn every_bad_signature_is_refused() {
    let world = World::new().await;
    let claims = good(&world);
    let public = jwk(&keys().rs384, Algorithm::RS384, "rsa");
    let secret = EncodingKey::from_secret(public["n"].as_str().expect("n").as_bytes());
    let none = format!("{}.{}.", encode_part(&json!({"alg": "none", "kid": "ec"})), encode_part(&claims));
    let none_of_case =
        format!("{}.{}.", encode_part(&json!({"alg": "nOnE", "kid": "ec"})), encode_part(&claims));
    let whole = signed(&claims);
    let cut = whole.rsplit_once('.').expect("parts").0.to_owned();
    let other = signed(&{
        let mut other = claims.clone();
        other["jti"] = json!("other");
        other
    });
    let swapped = format!("{cut}.{}", other.rsplit_once('.').expect("parts").1);
    let stranger = crate::smart::testing::stranger();
    for (name, assertion) in [
        ("none", none),
        ("nOnE", none_of_case),
        ("HS256 with the public key", assertion(&claims, Algorithm::HS256, "rsa", &secret)),
        ("HS384 with the public key", assertion(&claims, Algorithm::HS384, "rsa", &secret)),
        ("ES256", assertion(&claims, Algorithm::ES256, "ec", &keys().es256)),
        ("RS256", assertion(&claims, Algorithm::RS256, "rsa", &keys().rs384)),
        ("PS384", assertion(&claims, Algorithm::PS384, "rsa", &keys().rs384)),
        ("unknown kid", assertion(&claims, Algorithm::ES384, "nobody", &keys().es384)),
        ("kid of another kind of key", assertion(&claims, Algorithm::ES384, "rsa", &keys().es384)),
        ("a stranger's key", assertion(&claims, Algorithm::ES384, "ec", &stranger)),
        ("no signature", format!("{cut}.")),
        ("no third part", cut.clone()),
        ("another token's signature", swapped),
        ("nothing", String::new()),
        ("noise", "a.b.c".into()),
        ("too long", "x".repeat(20_000)),
    ] {
        let answer = ask(&world, &assertion, "system/*.rs").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.body);
    }
    assert_eq!(ask(&world, &whole, "system/*.rs").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_assertion_is_used_once_even_by_a_hundred_at_a_time_and_after_a_restart() {
    let world = Arc::new(World::new().await);
    let claims = good(&world);
    let assertion = signed(&claims);
    let statuses = race(RACERS, |_| {
        let (world, assertion) = (Arc::clone(&world), assertion.clone());
        async move { ask(&world, &assertion, "system/*.rs").await.status }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1);
    let world = Arc::into_inner(world).expect("no racer is left").restarted().await;
    let replayed = ask(&world, &assertion, "system/*.rs").await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED, "{}", replayed.body);
    assert!(replayed.body.contains("used before"), "for no other reason: {}", replayed.body);
    let mut fresh = claims;
    fresh["jti"] = json!("fresh");
    assert_eq!(ask(&world, &signed(&fresh), "system/*.rs").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_used_assertion_is_forgotten_no_sooner_than_it_is_dead() {
    let world = World::new().await;
    let used = super::replay::Assertions::new(world.gateway.store.clone());
    let (jti, until) = ("once", crate::clock::now_s() + 60);
    assert!(used.redeem("ehr", jti, until).await.expect("store"));
    assert!(used.redeem("lab", jti, until).await.expect("store"), "clients do not use up each other's");
    used.forget().await.expect("store");
    assert!(!used.redeem("ehr", jti, until).await.expect("store"), "what could be replayed is not forgotten");
}

#[tokio::test]
async fn what_a_client_may_not_ask_for_is_refused() {
    let world = World::new().await;
    let check = async |name: &str, claims: Value, scope: &str, code: &str| {
        let answer = ask(&world, &signed(&claims), scope).await;
        assert_eq!(answer.json()["error"], code, "{name}: {}", answer.body);
        assert!(!answer.status.is_success(), "{name}");
    };
    let with = |change: fn(&mut Value)| {
        let mut claims = b2b(good(&world));
        change(&mut claims);
        claims
    };
    check("user scopes without a practitioner", good(&world), "user/*.rs", "invalid_scope").await;
    check("system scopes with a practitioner", b2b(good(&world)), "system/*.rs", "invalid_scope").await;
    check("no scope", good(&world), "", "invalid_scope").await;
    check("version 1 scopes", good(&world), "system/*.read", "invalid_scope").await;
    check(
        "unknown practitioner",
        with(|c| c["extensions"]["hl7-b2b"]["subject_id"] = json!("x")),
        "user/*.rs",
        "invalid_grant",
    )
    .await;
    check(
        "another organisation",
        with(|c| c["extensions"]["hl7-b2b"]["organization_id"] = json!("x")),
        "user/*.rs",
        "invalid_grant",
    )
    .await;
    check(
        "no purpose",
        with(|c| c["extensions"]["hl7-b2b"]["purpose_of_use"] = json!([])),
        "user/*.rs",
        "invalid_grant",
    )
    .await;
    check(
        "two purposes",
        with(|c| c["extensions"]["hl7-b2b"]["purpose_of_use"] = json!(["TREAT", "HRESCH"])),
        "user/*.rs",
        "invalid_grant",
    )
    .await;
    check(
        "unknown purpose",
        with(|c| c["extensions"]["hl7-b2b"]["purpose_of_use"] = json!(["FUN"])),
        "user/*.rs",
        "invalid_grant",
    )
    .await;
    check("no patient", with(|c| c["salus"]["patient"] = Value::Null), "user/*.rs", "invalid_grant").await;
    check(
        "a patient that is no id",
        with(|c| c["salus"]["patient"] = json!("../x")),
        "user/*.rs",
        "invalid_grant",
    )
    .await;
    check("no reason", with(|c| c["salus"]["reason"] = json!("  ")), "user/*.rs", "invalid_grant").await;
    check(
        "a patient without who asks",
        with(|c| c["extensions"] = json!({})),
        "system/*.rs",
        "invalid_grant",
    )
    .await;
    let mut lab = b2b(good(&world));
    (lab["iss"], lab["sub"]) = (json!("lab"), json!("lab"));
    check("a client that may not vouch", lab, "user/*.rs", "unauthorized_client").await;
}

#[tokio::test]
async fn malformed_token_requests_are_refused() {
    let world = World::new().await;
    let assertion = signed(&good(&world));
    for (body, code) in [
        (String::new(), "unsupported_grant_type"),
        ("grant_type=password".into(), "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=system/*.rs".into(), "invalid_request"),
        (form(&assertion, "system/*.rs").replace("jwt-bearer", "saml2-bearer"), "invalid_request"),
    ] {
        let answer = world.ask(None, "POST", "/smart/token", &body).await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (StatusCode::BAD_REQUEST, Some(code)),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn assertions_of_one_caller_are_limited() {
    let world = World::changed(|config| {
        (config.limits.assertions_per_minute, config.limits.demo_callers) = (1, 3);
    })
    .await;
    let mut statuses = Vec::new();
    for path in ["/smart/token", "/smart/revoke", "/smart/introspect", "/smart/token"] {
        let answer = world.ask(None, "POST", path, "").await;
        statuses.push((answer.status.as_u16(), answer.headers.contains_key("retry-after")));
    }
    assert_eq!(statuses, [(400, false), (400, false), (400, false), (429, true)]);
}

#[tokio::test]
async fn a_revoked_token_is_dead_for_good_and_only_its_client_can_revoke_it() {
    let world = World::new().await;
    let answer = ask(&world, &signed(&good(&world)), "system/*.rs").await;
    let token = answer.json()["access_token"].as_str().expect("token").to_owned();
    let about = |client: &str| {
        let mut claims = good(&world);
        (claims["iss"], claims["sub"]) = (json!(client), json!(client));
        format!("{}&token={token}", form(&signed(&claims), ""))
    };
    let seen = world.ask(None, "POST", "/smart/introspect", &about("ehr")).await;
    assert_eq!(seen.json()["active"], true, "{}", seen.body);
    let unseen = world.ask(None, "POST", "/smart/introspect", &about("lab")).await;
    assert_eq!(unseen.json(), json!({ "active": false }));
    world.ask(None, "POST", "/smart/revoke", &about("lab")).await;
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(world.ask(None, "POST", "/smart/revoke", &about("ehr")).await.status, StatusCode::OK);
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let reopened =
        super::access::Tokens::open(world.gateway.store.clone(), &world.gateway.config).expect("tokens");
    assert!(reopened.check(&token).is_err(), "a restart does not forget it");
}

#[tokio::test]
async fn a_token_that_was_taken_before_is_looked_at_again_in_all_but_its_signature() {
    let world = World::new().await;
    let answer = ask(&world, &signed(&good(&world)), "system/*.rs").await;
    let token = answer.json()["access_token"].as_str().expect("token").to_owned();
    let read = async |token: &str| world.get(token, "/fhir/Observation/o1").await.status;
    for _ in 0..3 {
        assert_eq!(read(&token).await, StatusCode::OK);
    }
    let (signed, signature) = token.rsplit_once('.').expect("a JWT");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    for changed in [format!("{signed}.{other}{}", &signature[1..]), format!("{signed}."), signed.to_owned()] {
        assert_eq!(read(&changed).await, StatusCode::UNAUTHORIZED, "{changed}");
    }
    assert_eq!(read(&token).await, StatusCode::OK);
    world.gateway.smart.clients.remove("ehr").await.expect("removed");
    assert_eq!(read(&token).await, StatusCode::UNAUTHORIZED, "its client is gone");
}

#[tokio::test]
async fn an_assertion_or_a_foreign_token_is_no_access_token() {
    let world = World::new().await;
    let other = World::new().await;
    for token in [signed(&good(&world)), other.clinician(), other.system("system/*.cruds")] {
        assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn weak_or_unnamed_keys_are_not_registered() {
    let world = World::new().await;
    let without_kid = {
        let mut key = jwk(&keys().es384, Algorithm::ES384, "x");
        key.as_object_mut().expect("key").remove("kid");
        key
    };
    let wrong_algorithm = {
        let mut key = jwk(&keys().rs384, Algorithm::RS384, "x");
        key["alg"] = json!("RS256");
        key
    };
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "x" });
    for keys in [
        vec![without_kid],
        vec![wrong_algorithm],
        vec![symmetric],
        vec![jwk(&keys().es256, Algorithm::ES256, "x")],
        vec![],
    ] {
        let client = NewClient {
            id: "new".into(),
            name: "new".into(),
            jwks: json!({ "keys": keys }),
            scopes: "system/*.rs".into(),
            may_assert_users: false,
        };
        assert!(world.gateway.smart.clients.register(client).await.is_err());
    }
}

#[tokio::test]
async fn the_configuration_names_only_routes_that_exist() {
    let world = World::new().await;
    let document = world.ask(None, "GET", "/fhir/.well-known/smart-configuration", "").await.json();
    let paths = crate::tests::routes::paths(&crate::public_router(world.gateway.clone()));
    for (name, value) in document.as_object().expect("object") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path = value.as_str().expect("url").strip_prefix(crate::testing::ORIGIN).expect("own");
            assert!(paths.contains(path), "{name}");
        }
    }
}
