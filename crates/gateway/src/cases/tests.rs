//! Letters of a person, answers of a steward, and what a restriction keeps back: real routes, a fake engine.

use crate::PeerIdentity;
use crate::envelope;
use crate::staff::testing_enrolled;
use crate::state::Gateway;
use crate::tests::people::{self, Load};
use crate::tests::race::{RACERS, race};
use crate::tests::world::{Answer, OTHER, PATIENT, World};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use commonware_codec::Encode as _;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::random;
use salus_crypto::sign::SigningKey;
use salus_types::category::Purpose;
use salus_types::vault::{CaseLetter, SealedEnvelope};
use salus_types::{Address, Signature, Text, decode_canonical, label};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;

/// Somebody who is enrolled at Hospital A.
pub(crate) struct Person {
    pub(crate) key: SigningKey,
    pub(crate) kem: HpkePrivateKey,
}

impl Person {
    pub(crate) async fn enrolled(gateway: &Gateway, patient: &str) -> Self {
        let person = Self::stranger();
        testing_enrolled(gateway, &Address::of(&person.key.public()), patient).await;
        person
    }

    pub(crate) fn stranger() -> Self {
        Self { key: SigningKey::generate(), kem: HpkePrivateKey::generate() }
    }

    fn letter(&self, gateway: &Gateway, text: &Value, change: impl FnOnce(&mut CaseLetter)) -> CaseLetter {
        let mut letter = CaseLetter {
            network: gateway.network,
            organisation: gateway.config.organisation.clone(),
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
            time_ms: crate::clock::now_ms(),
            nonce: random::bytes(),
            text: Text::new(text.to_string()).expect("short"),
            mandate: None,
            signature: Signature([0; 64]),
        };
        change(&mut letter);
        letter.signed(&self.key)
    }

    fn seal(&self, gateway: &Gateway, letter: &CaseLetter) -> SealedEnvelope {
        let (to, network) = (gateway.ports.kem.public().0, &gateway.network);
        envelope::seal(&self.key, &to, label::HPKE_CASE_LETTER, network, &letter.encode()).expect("sealed")
    }

    async fn send(&self, world: &World, text: Value) -> Answer {
        let gateway = &world.gateway;
        send(world, self.seal(gateway, &self.letter(gateway, &text, |_| {})).encode().to_vec()).await
    }

    /// All cases, after a letter.
    pub(crate) async fn asks(&self, gateway: &Gateway, text: Value) -> Vec<Value> {
        let document = self.reads(gateway, text).await.expect("an answer");
        document["cases"].as_array().expect("cases").clone()
    }

    /// The whole answer to a letter.
    pub(crate) async fn reads(&self, gateway: &Gateway, text: Value) -> Result<Value, crate::Error> {
        let sealed = self.seal(gateway, &self.letter(gateway, &text, |_| {}));
        let answer = super::answer(gateway, sealed).await?;
        let plain = envelope::open(&answer, &self.kem, label::HPKE_CASE_ANSWER, &gateway.network);
        Ok(serde_json::from_slice(&plain.expect("opens")).expect("JSON"))
    }

    /// Asks for a restriction; its id.
    pub(crate) async fn restricts(&self, world: &World) -> String {
        let cases = self.asks(&world.gateway, json!({ "ask": "restrict", "reason": "I contest it" })).await;
        cases[0]["id"].as_str().expect("an id").to_owned()
    }
}

async fn send(world: &World, body: Vec<u8>) -> Answer {
    let mut request = people::request("POST", "/relay/hospital-a/case", Load::Octets);
    *request.body_mut() = Body::from(body);
    world.send(request).await
}

fn amendment() -> Value {
    let record = json!({ "type": "Observation", "id": "o1", "version": "1" });
    json!({ "ask": "amend", "record": record, "wrong": "it was the left arm", "right": "the right arm" })
}

pub(crate) async fn steward(world: &World, path: &str, body: &'static str) -> Answer {
    let load = if body.is_empty() { Load::Nothing } else { Load::Json(body) };
    let method = if body.is_empty() { "GET" } else { "POST" };
    people::ask(world, "steward", people::request(method, path, load)).await
}

const YES: &str = r#"{"accept":true,"words":"You are right."}"#;

#[tokio::test]
async fn a_correction_is_asked_for_answered_disagreed_with_and_every_step_is_seen() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let cases = person.asks(&world.gateway, amendment()).await;
    assert_eq!(
        (cases.len(), &cases[0]["state"], &cases[0]["kind"]),
        (1, &json!("open"), &json!("amendment"))
    );
    let id = cases[0]["id"].as_str().expect("an id").to_owned();
    let queue = steward(&world, "/staff/cases", "").await.json();
    assert_eq!((&queue["cases"][0]["id"], &queue["cases"][0]["name"]), (&json!(id), &json!("Own")));
    let bare =
        steward(&world, &format!("/staff/cases/{id}/answer"), r#"{"accept":false,"words":"no"}"#).await;
    assert_eq!(bare.status, StatusCode::BAD_REQUEST, "a refusal needs a ground of the law");
    let more =
        steward(&world, &format!("/staff/cases/{id}/extend"), r#"{"why":"we ask the laboratory"}"#).await;
    assert_eq!(more.status, StatusCode::NO_CONTENT, "{}", more.body);
    let refused = r#"{"accept":false,"ground":"accurate","words":"We looked again; it is as noted."}"#;
    let answered = steward(&world, &format!("/staff/cases/{id}/answer"), refused).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "{}", answered.body);
    let twice = steward(&world, &format!("/staff/cases/{id}/answer"), YES).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    let disagree = json!({ "ask": "disagree", "case": id, "statement": "I remember it well" });
    let cases = person.asks(&world.gateway, disagree).await;
    assert_eq!(cases[0]["state"], "refused");
    assert_eq!(cases[0]["answer"]["ground"], "accurate");
    assert_eq!(cases[0]["disagreement"], "I remember it well");
    assert_eq!(cases[0]["extended"], "we ask the laboratory");
    let page = crate::log::Page { limit: 10, ..crate::log::Page::default() };
    let log = world.gateway.log.of_patient(PATIENT, page).await.expect("a log");
    let mut steps: Vec<_> = log.iter().map(|entry| entry.access.reason.as_str()).collect();
    steps.reverse();
    let expected = ["received", "put off", "refused", "statement of disagreement"];
    assert_eq!(steps, expected.map(|step| format!("{step}: correction")));
}

#[tokio::test]
async fn a_letter_counts_if_it_is_fresh_signed_for_this_organisation_and_new() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    type Change = fn(&mut CaseLetter);
    let rows: [(&str, Change, u16); 4] = [
        ("old", |letter| letter.time_ms -= 301_000, 400),
        ("early", |letter| letter.time_ms += 301_000, 400),
        ("for another organisation", |letter| letter.organisation = "hospital-b".parse().expect("id"), 400),
        ("of another network", |letter| letter.network.0.0[0] ^= 1, 400),
    ];
    for (what, change, status) in rows {
        let letter = person.letter(&world.gateway, &amendment(), change);
        let answer = send(&world, person.seal(&world.gateway, &letter).encode().to_vec()).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
    }
    // In another's name: the envelope's sender, or the signature within, is not the person.
    let thief = Person::stranger();
    let letter = person.letter(&world.gateway, &amendment(), |_| {});
    let answer = send(&world, thief.seal(&world.gateway, &letter).encode().to_vec()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let mut forged = thief.letter(&world.gateway, &amendment(), |_| {});
    forged.patient = person.key.public();
    let answer = send(&world, person.seal(&world.gateway, &forged).encode().to_vec()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(thief.send(&world, amendment()).await.status, StatusCode::NOT_FOUND, "nobody here");
    // Damaged, cut, or no letter at all.
    let sealed = person.seal(&world.gateway, &letter).encode().to_vec();
    for position in (0..sealed.len()).step_by(97) {
        let mut damaged = sealed.clone();
        damaged[position] ^= 1;
        assert!(!send(&world, damaged).await.status.is_success(), "{position}");
    }
    assert_eq!(send(&world, sealed[..sealed.len() - 1].to_vec()).await.status, StatusCode::BAD_REQUEST);
    for text in [json!({}), json!({ "ask": "everything" }), json!({ "ask": "list", "of": "p2" }), json!(7)] {
        assert_eq!(person.send(&world, text.clone()).await.status, StatusCode::BAD_REQUEST, "{text}");
    }
    let nameless = json!({ "ask": "amend", "record": { "type": "observation", "id": "../x", "version": "1" }, "wrong": "a", "right": "b" });
    assert_eq!(person.send(&world, nameless).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        person.asks(&world.gateway, json!({ "ask": "list" })).await.len(),
        0,
        "nothing of that was kept"
    );
    // The good one counts, once.
    assert_eq!(send(&world, sealed.clone()).await.status, StatusCode::OK);
    assert_eq!(send(&world, sealed).await.status, StatusCode::CONFLICT);
    assert_eq!(person.asks(&world.gateway, json!({ "ask": "list" })).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_copies_of_a_letter_exactly_one_counts() {
    let world = Arc::new(World::changed(|config| config.limits.demo_callers = 100_000).await);
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let sealed = person.seal(&world.gateway, &person.letter(&world.gateway, &amendment(), |_| {}));
    let answers = race(RACERS, |_| {
        let (world, sealed) = (world.clone(), sealed.clone());
        async move { super::answer(&world.gateway, sealed).await.is_ok() }
    })
    .await;
    assert_eq!(answers.into_iter().filter(|counted| *counted).count(), 1);
    assert_eq!(person.asks(&world.gateway, json!({ "ask": "list" })).await.len(), 1);
}

#[tokio::test]
async fn nobody_reads_or_changes_another_persons_cases() {
    let world = World::new().await;
    let (ann, bob) =
        (Person::enrolled(&world.gateway, PATIENT).await, Person::enrolled(&world.gateway, OTHER).await);
    let id = ann.restricts(&world).await;
    assert_eq!(bob.asks(&world.gateway, json!({ "ask": "list" })).await.len(), 0);
    for ask in ["withdraw", "lift", "disagree"] {
        let mut text = json!({ "ask": ask, "case": id });
        if ask == "disagree" {
            text["statement"] = json!("no");
        }
        assert_eq!(bob.send(&world, text).await.status, StatusCode::NOT_FOUND, "{ask}");
    }
    // What is answered is sealed to who asked, and says nothing in clear.
    let answer = ann.send(&world, json!({ "ask": "list" })).await;
    assert!(answer.status.is_success() && !answer.body.contains("contest"));
}

#[tokio::test]
async fn twenty_open_requests_are_enough_and_a_second_restriction_is_none() {
    let world = World::changed(|config| config.limits.demo_callers = 1_000).await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    person.restricts(&world).await;
    let again = person.send(&world, json!({ "ask": "restrict", "reason": "again" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    for _ in 1..super::OPEN_PER_PATIENT_MAX {
        assert_eq!(person.send(&world, amendment()).await.status, StatusCode::OK);
    }
    assert_eq!(person.send(&world, amendment()).await.status, StatusCode::CONFLICT);
    assert_eq!(
        person.asks(&world.gateway, json!({ "ask": "list" })).await.len(),
        super::OPEN_PER_PATIENT_MAX
    );
}

/// Method, path and body of what reads `PATIENT`'s observation `o1`.
const READS: [(&str, &str, &str); 11] = [
    ("GET", "/fhir/Patient/p1", ""),
    ("GET", "/fhir/Observation/o1", ""),
    ("GET", "/fhir/Observation/o1/_history", ""),
    ("GET", "/fhir/Observation/o1/_history/1", ""),
    ("GET", "/fhir/Observation/_history", ""),
    ("GET", "/fhir/_history", ""),
    ("GET", "/fhir/Observation?patient=p1", ""),
    ("POST", "/fhir/Observation/_search", "patient=p1"),
    ("GET", "/fhir/Patient/p1/Observation", ""),
    ("GET", "/fhir/Patient/p1/$everything", ""),
    (
        "POST",
        "/fhir",
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Observation/o1"}}]}"#,
    ),
];

/// In every record of the person whose record is restricted.
const SECRET: &str = "Verschlusssache";

#[tokio::test]
async fn what_is_restricted_is_used_in_an_emergency_alone_and_goes_on_being_stored() {
    let world = World::changed(|config| config.limits.demo_callers = 100_000).await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let observation = json!({
        "resourceType": "Observation", "id": "o1", "valueString": SECRET,
        "subject": { "reference": "Patient/p1" },
    });
    world.engine.keep(Some(PATIENT), observation.clone());
    let patient = json!({ "resourceType": "Patient", "id": PATIENT, "name": [{ "family": SECRET }] });
    world.engine.keep(Some(PATIENT), patient);
    let id = person.restricts(&world).await;
    let system = world.system("system/*.cruds");
    for (restricted, step) in [(false, "asked for"), (true, "accepted"), (false, "lifted")] {
        match step {
            "accepted" => {
                let answered = steward(&world, &format!("/staff/cases/{id}/answer"), YES).await;
                assert_eq!(answered.status, StatusCode::NO_CONTENT);
            }
            "lifted" => {
                let cases = person.asks(&world.gateway, json!({ "ask": "lift", "case": id })).await;
                assert_eq!(cases[0]["state"], "lifted");
            }
            _ => {}
        }
        for (caller, token) in [
            ("clinician", world.clinician()),
            ("system", system.clone()),
            ("emergency", world.on_behalf("dr-bo", PATIENT, Purpose::Emergency)),
        ] {
            let kept_back = restricted && caller != "emergency";
            for (method, path, body) in READS {
                let answer = world.ask(Some(&token), method, path, body).await;
                let shows = answer.body.contains(SECRET);
                assert!(!(kept_back && shows), "{step}, {caller}: {method} {path} shows it");
                let named = path.contains("p1") || body.contains("p1");
                if kept_back && (caller == "clinician" || named) && !path.is_empty() && body.is_empty() {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{step}, {caller}: {method} {path}");
                    assert!(answer.body.contains("restricted at the patient's request"), "{}", answer.body);
                }
            }
            let read = world.ask(Some(&token), "GET", "/fhir/Observation/o1", "").await;
            assert_eq!(read.status.is_success(), !kept_back, "{step}, {caller}");
        }
        let written = world.ask(Some(&system), "PUT", "/fhir/Observation/o1", &observation.to_string()).await;
        assert!(written.status.is_success(), "{step}: storing goes on: {}", written.body);
    }
}

#[tokio::test]
async fn a_chart_of_a_restricted_record_opens_in_an_emergency_alone_and_an_open_one_shows_nothing_more() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let proof = people::proof_of(&world, "clinician").await;
    const TREATMENT: &str = r#"{"patient":"p1","reason":"follow-up","purpose":"treatment"}"#;
    const EMERGENCY: &str = r#"{"patient":"p1","reason":"unconscious","purpose":"emergency"}"#;
    let open = async |body| {
        let request = people::request("POST", "/staff/charts", Load::Json(body));
        people::ask_with(&world, proof.clone(), request).await
    };
    let before = open(TREATMENT).await.json()["chart"].as_str().expect("a chart").to_owned();
    let id = person.restricts(&world).await;
    assert_eq!(open(TREATMENT).await.status, StatusCode::OK, "asking alone restricts nothing");
    steward(&world, &format!("/staff/cases/{id}/answer"), YES).await;
    assert_eq!(open(TREATMENT).await.status, StatusCode::FORBIDDEN);
    let emergency = open(EMERGENCY).await;
    assert_eq!(emergency.status, StatusCode::OK, "{}", emergency.body);
    let emergency = emergency.json()["chart"].as_str().expect("a chart").to_owned();
    for (chart, status) in [(&before, StatusCode::FORBIDDEN), (&emergency, StatusCode::OK)] {
        let read = Request::get("/fhir/Observation/o1").header("x-salus-chart", chart.as_str());
        let read = read.header(header::ORIGIN, crate::testing::ORIGIN).body(Body::empty()).expect("request");
        assert_eq!(people::ask_with(&world, proof.clone(), read).await.status, status);
        let path = format!("/staff/charts/{chart}/shared");
        let shared =
            people::ask_with(&world, proof.clone(), people::request("POST", &path, Load::Nothing)).await;
        assert_eq!(shared.status, status, "{}", shared.body);
    }
}

#[tokio::test]
async fn a_letter_comes_through_another_organisations_node_as_well() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let sealed = person.seal(&world.gateway, &person.letter(&world.gateway, &amendment(), |_| {}));
    let router = crate::edge::wrap(crate::peer_router(world.gateway.clone()), &world.gateway.config);
    let mut request = people::request("POST", "/peer/case", Load::Octets);
    *request.body_mut() = Body::from(sealed.encode().to_vec());
    request.extensions_mut().insert(PeerIdentity("hospital-b".parse().expect("id")));
    let answer = router.oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    let sealed: SealedEnvelope = decode_canonical(&bytes).expect("an envelope");
    envelope::open(&sealed, &person.kem, label::HPKE_CASE_ANSWER, &world.gateway.network).expect("opens");
}
