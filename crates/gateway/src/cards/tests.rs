//! Health cards: what they say, that they verify with another library, and what a new key does.

use crate::cases::tests::Person;
use crate::tests::people::{self, Load};
use crate::tests::world::{OTHER, PATIENT, World};
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::DeflateDecoder;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};
use std::io::Read as _;

fn immunisation(at: usize, change: impl FnOnce(&mut Value)) -> Value {
    let mut made = json!({
        "resourceType": "Immunization", "id": format!("i{at}"), "status": "completed",
        "meta": { "versionId": "1" }, "text": { "status": "generated", "div": "<div>x</div>" },
        "vaccineCode": { "text": "words", "coding": [{ "system": "http://hl7.org/fhir/sid/cvx", "code": format!("{at}"), "display": "words" }] },
        "patient": { "reference": "Patient/p1", "display": "Own" },
        "occurrenceDateTime": format!("20{:02}-01-02T10:00:00Z", at % 100), "lotNumber": format!("LOT{at}"), "primarySource": true,
    });
    change(&mut made);
    made
}

async fn cards(world: &World, person: &Person) -> Vec<String> {
    let document = person.reads(&world.gateway, json!({ "ask": "health-cards" })).await.expect("an answer");
    serde_json::from_value(document["cards"].clone()).expect("cards")
}

async fn key(world: &World) -> Value {
    let answer = world.send(people::request("GET", "/.well-known/jwks.json", Load::Nothing)).await;
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let keys = answer.json()["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 1);
    keys[0].clone()
}

/// Whether a key signed a card, as `jsonwebtoken` sees it.
fn is_by(card: &str, key: &Value) -> bool {
    let (signed, signature) = card.rsplit_once('.').expect("three parts");
    let text = |name: &str| key[name].as_str().expect("text");
    let key = DecodingKey::from_ec_components(text("x"), text("y")).expect("a key");
    crypto::verify(signature, signed.as_bytes(), &key, Algorithm::ES256).expect("a signature")
}

fn parts(card: &str) -> (Value, Value) {
    let parts: Vec<&str> = card.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64");
    let mut payload = String::new();
    DeflateDecoder::new(decode(parts[1]).as_slice()).read_to_string(&mut payload).expect("raw deflate");
    (serde_json::from_slice(&decode(parts[0])).expect("json"), serde_json::from_str(&payload).expect("json"))
}

#[tokio::test]
async fn a_card_says_what_was_given_here_and_nothing_that_the_specification_leaves_out() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    for made in [
        immunisation(21, |_| ()),
        immunisation(22, |made| made["status"] = json!("not-done")),
        immunisation(23, |made| made["vaccineCode"] = json!({ "text": "some vaccine" })),
        immunisation(24, |made| made["occurrenceDateTime"] = Value::Null),
    ] {
        world.engine.keep(Some(PATIENT), made);
    }
    world.engine.keep(Some(OTHER), immunisation(25, |_| ()));
    let cards = cards(&world, &person).await;
    assert_eq!(cards.len(), 1);
    let key = key(&world).await;
    assert!(is_by(&cards[0], &key));
    let (head, payload) = parts(&cards[0]);
    assert_eq!(head, json!({ "zip": "DEF", "alg": "ES256", "kid": key["kid"] }));
    assert_eq!(payload["iss"], world.gateway.config.public_url);
    assert!(payload["nbf"].is_u64());
    let bundle = &payload["vc"]["credentialSubject"]["fhirBundle"];
    let entries = bundle["entry"].as_array().expect("entries");
    assert_eq!(entries.len(), 2, "{bundle}");
    assert_eq!(entries[0]["fullUrl"], "resource:0");
    assert_eq!(entries[0]["resource"]["resourceType"], "Patient");
    assert!(entries[0]["resource"]["id"].is_null());
    let organisation = entries[1]["resource"]["performer"][0]["actor"]["display"].clone();
    assert_eq!(
        entries[1]["resource"],
        json!({
            "resourceType": "Immunization", "status": "completed", "occurrenceDateTime": "2021-01-02T10:00:00Z",
            "lotNumber": "LOT21", "vaccineCode": { "coding": [{ "system": "http://hl7.org/fhir/sid/cvx", "code": "21" }] },
            "patient": { "reference": "resource:0" }, "performer": [{ "actor": { "display": organisation } }],
        })
    );
    let log = world.gateway.log.of_patient(PATIENT, crate::log::Page::default()).await.expect("a log");
    assert_eq!((log[0].access.kind, log[0].access.count), (crate::log::Kind::HealthCard, Some(1)));
}

#[tokio::test]
async fn many_immunisations_are_in_cards_that_each_fit_one_code() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    assert!(cards(&world, &person).await.is_empty(), "none was given");
    for at in 0..60 {
        world.engine.keep(Some(PATIENT), immunisation(at, |_| ()));
    }
    let cards = cards(&world, &person).await;
    assert!(cards.len() > 1 && cards.iter().all(|card| card.len() <= 1_100));
    let said = cards.iter().map(|card| {
        parts(card).1["vc"]["credentialSubject"]["fhirBundle"]["entry"].as_array().expect("entries").len() - 1
    });
    assert_eq!(said.sum::<usize>(), 60);
}

#[tokio::test]
async fn a_replaced_key_is_gone_and_no_longer_verifies() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    world.engine.keep(Some(PATIENT), immunisation(21, |_| ()));
    let (old_key, old) = (key(&world).await, cards(&world, &person).await.remove(0));
    let replaced =
        people::ask(&world, "steward", people::request("POST", "/staff/health-card-key", Load::Nothing))
            .await;
    assert_eq!(replaced.status, axum::http::StatusCode::NO_CONTENT);
    let (new_key, new) = (key(&world).await, cards(&world, &person).await.remove(0));
    assert_ne!(old_key["kid"], new_key["kid"]);
    assert!(is_by(&new, &new_key) && !is_by(&old, &new_key) && !is_by(&new, &old_key));
}
