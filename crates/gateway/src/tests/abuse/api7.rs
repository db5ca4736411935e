//! API7:2023, server side request forgery: URLs in requests, none of which this node follows.

use super::{Ask, Attack, Clinician, Nobody, check, own_record, usual};
use crate::smart::NewClient;
use crate::smart::testing::{assertion, claims, form, jwks, keys, stranger};
use crate::tests::world::World;
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::json;
use std::net::TcpListener;

/// `evil` is where somebody listens.
pub(super) fn attacks(evil: &str) -> Vec<Attack> {
    let url = format!("http://{evil}/x");
    let token = || Ask::made("/smart/token", |world| form(&good(world), "system/*.rs"));
    let organisations = || Ask::get(Nobody, "/ledger/organisations");
    let create = |text: String| Ask::fhir(Clinician, "/fhir/Observation", text);
    let subscription =
        format!(r#"{{"resourceType":"Subscription","channel":{{"type":"rest-hook","endpoint":"{url}"}}}}"#);
    let reference = format!(r#"{{"resourceType":"Observation","subject":{{"reference":"{url}"}}}}"#);
    let relay = format!("/relay/{}/patient", url.replace(':', "%3A").replace('/', "%2F"));
    let client = (401, "invalid_client");
    vec![
        (
            "an assertion names a key set by URL",
            Ask::made("/smart/token", |world| by_url(world, |header| header.jku = Some(url_of(world)))),
            client,
            token(),
        ),
        (
            "an assertion names a certificate by URL",
            Ask::made("/smart/token", |world| by_url(world, |header| header.x5u = Some(url_of(world)))),
            client,
            token(),
        ),
        ("an assertion's issuer is a URL", Ask::made("/smart/token", by_issuer), client, token()),
        (
            "a subscription names an endpoint",
            Ask::fhir(Clinician, "/fhir/Subscription", subscription),
            (403, "forbidden"),
            create("{}".into()),
        ),
        ("a reference is a URL", create(reference), (201, ""), create("{}".into())),
        ("an organisation is a URL", Ask::octets(&relay, "x"), (404, "not-found"), organisations()),
        (
            "an organisation is an address",
            Ask::octets(&format!("/relay/{evil}/patient"), "x"),
            (404, "not-found"),
            organisations(),
        ),
        (
            "a request line with another host",
            Ask::get(Clinician, format!("http://{evil}/fhir/Observation/o1")),
            (200, ""),
            own_record(),
        ),
        (
            "another host in the head",
            own_record().with("host", evil).with("x-forwarded-host", evil),
            (200, ""),
            own_record(),
        ),
        (
            "a profile to check by is a URL",
            Ask::fhir(Clinician, &format!("/fhir/Observation/$validate?profile={url}"), "{}"),
            (200, ""),
            create("{}".into()),
        ),
    ]
}

thread_local! {
    static EVIL: std::cell::RefCell<String> = std::cell::RefCell::new("127.0.0.1:1".into());
}

fn url_of(_: &World) -> String {
    EVIL.with_borrow(|evil| format!("http://{evil}/keys"))
}

fn good(world: &World) -> String {
    assertion(&claims(&world.gateway.smart), Algorithm::ES384, "ec", &keys().es384)
}

/// Signed by a key that only the URL has.
fn by_url(world: &World, name: impl FnOnce(&mut Header)) -> String {
    let mut header = Header::new(Algorithm::ES384);
    header.kid = Some("ec".into());
    name(&mut header);
    form(&encode(&header, &claims(&world.gateway.smart), &stranger()).expect("assertion"), "system/*.rs")
}

fn by_issuer(world: &World) -> String {
    let mut claims = claims(&world.gateway.smart);
    (claims["iss"], claims["sub"]) = (json!(url_of(world)), json!(url_of(world)));
    form(&assertion(&claims, Algorithm::ES384, "ec", &stranger()), "system/*.rs")
}

#[tokio::test]
async fn every_attack_fails_its_twin_succeeds_and_nobody_is_called() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    listener.set_nonblocking(true).expect("listener");
    let evil = listener.local_addr().expect("address").to_string();
    EVIL.set(evil.clone());
    check(attacks(&evil), usual).await;
    let called = |listener: &TcpListener| listener.accept().is_ok();
    assert!(!called(&listener), "somebody followed a URL");
    let _caller = std::net::TcpStream::connect(&evil).expect("connected");
    assert!(called(&listener), "a planted call is found");
}

#[tokio::test]
async fn a_client_that_names_its_keys_by_url_is_not_registered() {
    let world = World::new().await;
    for (case, jwks, taken) in
        [("by URL", json!({ "jwks_uri": "http://127.0.0.1:1/keys" }), false), ("by value", jwks(), true)]
    {
        let client = NewClient {
            id: "new".into(),
            name: "new".into(),
            jwks,
            scopes: "system/*.rs".into(),
            may_assert_users: false,
        };
        assert_eq!(world.gateway.smart.clients.register(client).await.is_ok(), taken, "{case}");
    }
}
