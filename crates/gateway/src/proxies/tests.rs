//! Requests with a mandate, letters between two people, the desk and parents, and those who try to cheat.

use super::guardian::until;
use crate::clock;
use crate::envelope;
use crate::error::Code;
use crate::testing::keeper::ward_key;
use crate::tests::people::{self, Load};
use crate::tests::world::{Answer, CANARY, OTHER, PATIENT, World};
use axum::body::Body;
use axum::http::StatusCode;
use commonware_codec::Encode as _;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::random;
use salus_crypto::sign::SigningKey;
use salus_types::codec::unsigned;
use salus_types::proxy::{PROXY_GRAIN_MS, PROXY_PERIOD_MS_MAX};
use salus_types::state::{AppointmentEntry, key};
use salus_types::vault::{
    CaseLetter, EnrolmentRequest, GuardianAnswer, Mandate, PatientAsk, ProxyRequest, ProxyRequestBody,
    SealedEnvelope, SignedMandate,
};
use salus_types::{
    Address, AppointmentId, CompartmentId, Digest, Signature, Text, decode_canonical, label, namespace,
};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// Maria, who acts for somebody.
struct Carer {
    key: SigningKey,
    kem: HpkePrivateKey,
}

impl Carer {
    fn new() -> Self {
        Self { key: SigningKey::generate(), kem: HpkePrivateKey::generate() }
    }

    fn mandate(&self, world: &World, owner: &SigningKey, change: impl FnOnce(&mut Mandate)) -> SignedMandate {
        let mut mandate = Mandate {
            network: world.gateway.network,
            appointment: AppointmentId(Digest([3; 32])),
            source: "hospital-a".parse().expect("id"),
            owner: Address::of(&owner.public()),
            proxy: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
            shares: true,
            asks: true,
            expiry_ms: 3_000 * PROXY_GRAIN_MS,
            compartments: vec![CompartmentId(Digest([4; 32]))].try_into().expect("one"),
            salt: [5; 32],
        };
        change(&mut mandate);
        mandate.sign(owner)
    }

    fn request(&self, mandate: SignedMandate, ask: PatientAsk) -> ProxyRequest {
        let body = ProxyRequestBody {
            audience: "hospital-a".parse().expect("id"),
            ask,
            mandate,
            act: None,
            time_ms: clock::now_ms(),
            nonce: random::bytes(),
            versions: Vec::new().try_into().expect("few"),
        };
        ProxyRequest::sign(body, &self.key)
    }

    /// Writes about the patient's rights.
    async fn writes(
        &self,
        world: &World,
        mandate: SignedMandate,
        text: Value,
        change: impl FnOnce(&mut CaseLetter),
    ) -> Result<Value, Code> {
        let mut letter = CaseLetter {
            network: world.gateway.network,
            organisation: world.gateway.config.organisation.clone(),
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
            time_ms: clock::now_ms(),
            nonce: random::bytes(),
            text: Text::new(text.to_string()).expect("short"),
            mandate: Some(mandate),
            signature: Signature([0; 64]),
        };
        change(&mut letter);
        let letter = letter.signed(&self.key);
        let (to, network) = (world.gateway.ports.kem.public().0, &world.gateway.network);
        let sealed = envelope::seal(&self.key, &to, label::HPKE_CASE_LETTER, network, &letter.encode());
        let answer = crate::cases::answer(&world.gateway, sealed.expect("sealed")).await;
        let answer = answer.map_err(|error| error.code())?;
        let plain = envelope::open(&answer, &self.kem, label::HPKE_CASE_ANSWER, network).expect("opens");
        Ok(serde_json::from_slice(&plain).expect("JSON"))
    }

    /// Shows a code of the desk.
    fn shows(&self, world: &World, code: &str, change: impl FnOnce(&mut EnrolmentRequest)) -> SealedEnvelope {
        let mut request = EnrolmentRequest {
            network: world.gateway.network,
            organisation: world.gateway.config.organisation.clone(),
            invite: Text::new(code).expect("short"),
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
            signature: Signature([0; 64]),
        };
        change(&mut request);
        request.signature = self.key.sign(namespace::ENROLMENT, &unsigned(&request));
        let (to, network) = (world.gateway.ports.kem.public().0, &world.gateway.network);
        let label = label::HPKE_GUARDIAN_REQUEST;
        envelope::seal(&self.key, &to, label, network, &request.encode()).expect("sealed")
    }

    async fn redeems(&self, world: &World, code: &str) -> Result<GuardianAnswer, Code> {
        let answer = super::redeem(&world.gateway, self.shows(world, code, |_| {})).await;
        let answer = answer.map_err(|error| error.code())?;
        let network = &world.gateway.network;
        let plain = envelope::open(&answer, &self.kem, label::HPKE_GUARDIAN_ANSWER, network).expect("opens");
        Ok(decode_canonical(&plain).expect("an answer"))
    }
}

async fn enrolled(world: &World, patient: &str) -> SigningKey {
    let owner = SigningKey::generate();
    let address = Address::of(&owner.public());
    crate::staff::testing_enrolled(&world.gateway, &address, patient).await;
    owner
}

async fn post(world: &World, path: &str, body: Vec<u8>) -> Answer {
    let mut request = people::request("POST", path, Load::Octets);
    *request.body_mut() = Body::from(body);
    world.send(request).await
}

async fn actions(world: &World, patient: &str) -> Vec<String> {
    let entries = world.gateway.log.of_patient(patient, Default::default()).await.expect("a log");
    entries.iter().map(|entry| crate::staff::action(entry.access.kind).to_owned()).collect()
}

#[tokio::test]
async fn that_somebody_got_keys_is_in_the_patients_log_and_nothing_else_of_it_is() {
    let world = World::new().await;
    let (owner, carer) = (enrolled(&world, PATIENT).await, Carer::new());
    let mandate = carer.mandate(&world, &owner, |_| {});
    for (ask, logged) in [(PatientAsk::Versions, 0), (PatientAsk::Directory, 1), (PatientAsk::Release, 1)] {
        let request = carer.request(mandate.clone(), ask);
        let answer = post(&world, "/relay/hospital-a/proxy", request.encode().to_vec()).await;
        assert_eq!(answer.status, StatusCode::OK, "{ask}: {}", answer.body);
        assert_eq!(actions(&world, PATIENT).await, vec!["proxy-read"; logged], "{ask}");
    }
    let mut forged = carer.request(mandate, PatientAsk::Directory);
    forged.body.nonce[0] ^= 1;
    let answer = post(&world, "/relay/hospital-a/proxy", forged.encode().to_vec()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(actions(&world, PATIENT).await.len(), 1);
}

fn amendment() -> Value {
    let record = json!({ "type": "Observation", "id": "o1", "version": "1" });
    json!({ "ask": "amend", "record": record, "wrong": "the left arm", "right": "the right arm" })
}

#[tokio::test]
async fn who_may_ask_asks_for_the_patient_and_sees_what_it_asked_alone() {
    let world = World::new().await;
    let (owner, carer, other) = (enrolled(&world, PATIENT).await, Carer::new(), Carer::new());
    let mandate = carer.mandate(&world, &owner, |_| {});
    let asked = carer.writes(&world, mandate.clone(), amendment(), |_| {}).await.expect("taken");
    assert_eq!(asked["cases"][0]["by"], json!(mandate.mandate.appointment));
    let another = other.mandate(&world, &owner, |m| m.appointment = AppointmentId(Digest([9; 32])));
    let seen = other.writes(&world, another, json!({ "ask": "list" }), |_| {}).await.expect("a list");
    assert_eq!(seen, json!({ "cases": [] }), "another who acts for the patient sees nothing of it");
    assert_eq!(actions(&world, PATIENT).await, ["case"]);
}

#[tokio::test]
async fn nobody_asks_beyond_the_mandate_after_its_end_or_for_somebody_else() {
    let world = World::new().await;
    let (owner, carer, thief) = (enrolled(&world, PATIENT).await, Carer::new(), Carer::new());
    let mandate = || carer.mandate(&world, &owner, |_| {});
    let own = || amendment();
    for text in [
        json!({ "ask": "erase", "scope": { "of": "everything" }, "reason": "all of it" }),
        json!({ "ask": "lift", "case": "x" }),
        json!({ "ask": "withdraw", "case": "x" }),
        json!({ "ask": "dossier", "case": "x" }),
        json!({ "ask": "disagree", "case": "x", "statement": "no" }),
    ] {
        let answer = carer.writes(&world, mandate(), text.clone(), |_| {}).await;
        assert_eq!(answer.expect_err("the patient's alone"), Code::Forbidden, "{text}");
    }
    let only_sees = carer.mandate(&world, &owner, |m| m.asks = false);
    assert_eq!(carer.writes(&world, only_sees, own(), |_| {}).await.expect_err("no"), Code::Forbidden);
    let elsewhere = carer.mandate(&world, &owner, |m| m.source = "hospital-b".parse().expect("id"));
    assert_eq!(carer.writes(&world, elsewhere, own(), |_| {}).await.expect_err("no"), Code::Forbidden);
    let self_made = carer.mandate(&world, &carer.key, |m| m.owner = Address::of(&owner.public()));
    assert_eq!(carer.writes(&world, self_made, own(), |_| {}).await.expect_err("no"), Code::Forbidden);
    assert_eq!(thief.writes(&world, mandate(), own(), |_| {}).await.expect_err("no"), Code::SignIn);
    let stale = |letter: &mut CaseLetter| letter.time_ms -= 6 * 60_000;
    assert_eq!(carer.writes(&world, mandate(), own(), stale).await.expect_err("no"), Code::Invalid);
    world.keeper.ended.store(true, Ordering::Relaxed);
    assert_eq!(carer.writes(&world, mandate(), own(), |_| {}).await.expect_err("no"), Code::Forbidden);
    assert_eq!(actions(&world, PATIENT).await, Vec::<String>::new());
}

async fn letter(world: &World, path: &str, body: &Value) -> Answer {
    let mut request = people::request("POST", path, Load::Json("{}"));
    *request.body_mut() = Body::from(body.to_string());
    people::ask(world, "patient", request).await
}

#[tokio::test]
async fn a_letter_is_left_once_and_read_by_its_name_for_a_fortnight() {
    let world = World::changed(|config| config.limits.demo_callers = 1_000).await;
    let name = "07".repeat(32);
    let left = json!({ "locator": name, "sealed": "AQEB" });
    let read = json!({ "locator": name });
    assert_eq!(letter(&world, "/account/letters/read", &read).await.json(), json!({ "sealed": null }));
    for _ in 0..2 {
        assert_eq!(letter(&world, "/account/letters", &left).await.status, StatusCode::NO_CONTENT);
    }
    let other = json!({ "locator": name, "sealed": "AgIC" });
    assert_eq!(letter(&world, "/account/letters", &other).await.status, StatusCode::CONFLICT);
    assert_eq!(letter(&world, "/account/letters/read", &read).await.json(), json!({ "sealed": "AQEB" }));
    for bad in ["", "zz", &"07".repeat(31)] {
        let answer = letter(&world, "/account/letters/read", &json!({ "locator": bad })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    clock::advance(14 * 24 * 3_600_000);
    assert_eq!(letter(&world, "/account/letters/read", &read).await.json(), json!({ "sealed": null }));
    assert_eq!(letter(&world, "/account/letters", &other).await.status, StatusCode::NO_CONTENT);
}

#[test]
fn coming_of_age_ends_an_appointment_and_never_a_day_later() {
    let now_ms = 1_800_000_000_000; // 15 January 2027
    for (born, expected) in [
        ("2020-05-17", Ok(now_ms + PROXY_PERIOD_MS_MAX)),
        ("2009-05-17", Ok(1_810_512_000_000)), // 17 May 2027
        ("2009-01-16", Err(Code::Conflict)),   // of age tomorrow
        ("2009-01-15", Err(Code::Conflict)),
        ("1970-01-01", Err(Code::Conflict)),
        ("unknown", Err(Code::Conflict)),
    ] {
        let found = until(Some(born), 18, now_ms).map_err(|error| error.code());
        match (found, expected) {
            (Ok(until_ms), Ok(latest)) => {
                assert!(until_ms <= latest && until_ms + PROXY_GRAIN_MS > latest, "{born}");
                assert_eq!(until_ms % PROXY_GRAIN_MS, 0);
            }
            (found, expected) => assert_eq!(found, expected, "{born}"),
        }
    }
    assert!(until(None, 18, now_ms).is_err());
    // Where people come of age earlier or later, it ends earlier or later.
    for (years, expected) in
        [(16, Err(Code::Conflict)), (19, Ok(1_812_600_000_000)), (21, Ok(1_875_600_000_000))]
    {
        let found = until(Some("2008-06-10"), years, now_ms).map_err(|error| error.code());
        match (found, expected) {
            (Ok(until_ms), Ok(latest)) => assert!(until_ms <= latest, "{years}: {until_ms}"),
            (found, expected) => assert_eq!(found, expected, "{years}"),
        }
    }
}

/// The desk's code for a child that is ten years old.
async fn code(world: &World) -> String {
    world.engine.born(PATIENT, &clock::instant(clock::now_ms() - 10 * 366 * 24 * 3_600_000)[..10]);
    let request = people::request("POST", "/staff/guardians", Load::Json(r#"{"patient":"p1"}"#));
    let answer = people::ask(world, "clerk", request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["code"].as_str().expect("a code").to_owned()
}

async fn entry(world: &World, answer: &GuardianAnswer) -> AppointmentEntry {
    let at = key::appointment(&answer.mandate.mandate.appointment);
    let state = world.gateway.chain().state(at).await.expect("a ledger").expect("an entry");
    decode_canonical(&state).expect("an entry")
}

#[tokio::test]
async fn a_parent_with_a_code_is_appointed_on_the_ledger_until_the_child_is_of_age() {
    let world = World::new().await;
    let (code, parent) = (code(&world).await, Carer::new());
    let answer = parent.redeems(&world, &code).await.expect("appointed");
    let mandate = &answer.mandate.mandate;
    assert_eq!((mandate.proxy, mandate.owner), (parent.key.public(), Address::of(&ward_key().public())));
    let found = entry(&world, &answer).await;
    assert_eq!((found.mandate, found.expiry_ms), (mandate.commitment(), mandate.expiry_ms));
    assert!(mandate.expiry_ms <= clock::now_ms() + PROXY_PERIOD_MS_MAX);
    assert!(
        parent.redeems(&world, &code).await.expect("once more") == answer,
        "a lost answer is given again"
    );
    assert_eq!(Carer::new().redeems(&world, &code).await.expect_err("used"), Code::Gone);
    assert_eq!(world.keeper.count("appoint for ward"), 1);
    assert_eq!(
        actions(&world, PATIENT).await,
        ["appointment", "appointment"],
        "the desk's step, and the parent's"
    );
    let end = people::request("POST", "/staff/guardians/end", Load::Json(r#"{"patient":"p1"}"#));
    assert_eq!(people::ask(&world, "steward", end).await.status, StatusCode::NO_CONTENT);
    assert!(entry(&world, &answer).await.ended.is_some());
}

#[tokio::test]
async fn codes_that_are_unknown_old_or_forged_appoint_nobody_and_so_does_no_adult() {
    let world = World::new().await;
    let (code, parent) = (code(&world).await, Carer::new());
    assert_eq!(parent.redeems(&world, "hospital-a.0000000000000000").await.expect_err("unknown"), Code::Gone);
    let network = salus_types::NetworkId(Digest::ZERO);
    let elsewhere = parent.shows(&world, &code, |request| request.network = network);
    assert_eq!(super::redeem(&world.gateway, elsewhere).await.expect_err("no").code(), Code::Invalid);
    let other = SigningKey::generate().public();
    let forged = parent.shows(&world, &code, |request| request.patient = other);
    assert_eq!(super::redeem(&world.gateway, forged).await.expect_err("no").code(), Code::Invalid);
    // An invitation of the desk is no such code, and the other way round.
    let issued = crate::staff::issue_invite(&world.gateway, PATIENT.into()).await.expect("an invite");
    assert_eq!(parent.redeems(&world, &issued.code).await.expect_err("no"), Code::Gone);
    // The child has keys of its own meanwhile.
    world.keeper.refuses.store(true, Ordering::Relaxed);
    assert_eq!(parent.redeems(&world, &code).await.expect_err("no ward"), Code::Forbidden);
    world.keeper.refuses.store(false, Ordering::Relaxed);
    world.engine.born(PATIENT, "1980-05-17");
    assert_eq!(parent.redeems(&world, &code).await.expect_err("of age"), Code::Conflict);
    clock::advance(7 * 24 * 3_600_000);
    assert_eq!(parent.redeems(&world, &code).await.expect_err("too old"), Code::Gone);
    assert_eq!(world.keeper.count("appoint for ward"), 0);
    let request =
        people::request("POST", "/staff/guardians", Load::Json(r#"{"patient":"p2-kanarienvogel"}"#));
    let answer = people::ask(&world, "clerk", request).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "nobody's date of birth is guessed");
    assert!(!answer.body.contains(CANARY) && !answer.body.contains(OTHER));
}
