//! Letters of people with two registrations at Hospital A; real letters, a clinic that keeps what is written.

use super::{MERGES, group};
use crate::cases;
use crate::cases::tests::Person;
use crate::envelope;
use crate::error::Code;
use crate::log::{Kind, Page};
use crate::staff;
use crate::testing::{Browser, Node, clinic, node_with};
use axum::http::StatusCode;
use commonware_codec::Encode as _;
use salus_crypto::random;
use salus_types::vault::{PatientAsk, PatientRequest, PatientRequestBody};
use salus_types::{Bounded, label, namespace};
use serde_json::{Value, json};

impl Person {
    async fn writes(&self, node: &Node, text: Value) -> Result<Value, Code> {
        self.reads(&node.gateway, text).await.map_err(|error| error.code())
    }

    async fn merges(&self, node: &Node, code: &str) -> Result<Vec<String>, Code> {
        let answer = self.writes(node, json!({ "ask": "merge-registration", "code": code })).await?;
        Ok(ids(&answer))
    }

    async fn offers(&self, node: &Node) -> String {
        let answer = self.writes(node, json!({ "ask": "offer-registration" })).await.expect("an offer");
        answer["offer"]["code"].as_str().expect("a code").to_owned()
    }

    /// The list of who looked.
    async fn log(&self, node: &Node) -> Value {
        let body = PatientRequestBody {
            network: node.gateway.network,
            audience: node.gateway.config.organisation.clone(),
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
            ask: PatientAsk::AccessLog,
            time_ms: crate::clock::now_ms(),
            nonce: random::bytes(),
            versions: Bounded::default(),
        };
        let signature = self.key.sign(namespace::PATIENT_REQUEST, &body.encode());
        let answer =
            staff::access_log(&node.gateway, &PatientRequest { body, signature }).await.expect("a list");
        let plain = envelope::open(&answer, &self.kem, label::HPKE_ACCESS_LOG, &node.gateway.network);
        serde_json::from_slice(&plain.expect("opens")).expect("JSON")
    }
}

fn ids(answer: &Value) -> Vec<String> {
    let registrations = answer["registrations"].as_array().expect("registrations");
    registrations.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "meta": { "versionId": "1" }, "name": [{ "family": "Lind", "given": ["Kai"] }] })
}

async fn hospital() -> Node {
    let patients = ["p1", "p2", "p3"].map(patient).to_vec();
    let engine = clinic::start_with(patients).await;
    node_with(|config| config.engine = crate::engine::EngineAddress::Tcp(engine)).await
}

async fn desk_code(node: &Node, patient: &str) -> String {
    staff::issue_invite(&node.gateway, patient.to_owned()).await.expect("a code").code
}

async fn read(node: &Node, id: &str) -> Value {
    let at = format!("/fhir/Patient/{id}");
    let found =
        staff::patients::fetch(&node.gateway, "test", axum::http::Method::GET, &at, String::new()).await;
    found.expect("read").expect("there")
}

fn calls(node: &Node) -> Vec<&'static str> {
    node.keeper.calls.lock().expect("lock").iter().map(|(_, call)| *call).collect()
}

#[tokio::test]
async fn a_registration_without_a_key_is_merged_with_a_code_of_the_desk_and_parted_again() {
    let node = hospital().await;
    let person = Person::enrolled(&node.gateway, "p1").await;
    let before = (read(&node, "p1").await, read(&node, "p2").await);
    let code = desk_code(&node, "p2").await;
    assert_eq!(person.merges(&node, &code).await.expect("merged"), ["p1", "p2"]);
    let (stays, gave_way) = (read(&node, "p1").await, read(&node, "p2").await);
    assert_eq!(stays["link"], json!([{ "other": { "reference": "Patient/p2" }, "type": "replaces" }]));
    assert_eq!(gave_way["link"], json!([{ "other": { "reference": "Patient/p1" }, "type": "replaced-by" }]));
    assert_eq!((&stays["active"], &gave_way["active"]), (&Value::Null, &json!(false)));
    // The answer was lost: the same code and key do the same, and no more.
    assert_eq!(person.merges(&node, &code).await.expect("once more"), ["p1", "p2"]);
    assert_eq!(calls(&node), ["merge by the desk"]);
    // Both lists of who looked are the person's.
    let log = person.log(&node).await;
    let noted = |entries: &Value| {
        entries.as_array().expect("entries").iter().filter(|one| one["action"] == "registration").count()
    };
    assert_eq!((noted(&log["entries"]), noted(&log["merged"][0]["entries"])), (1, 1));
    assert_eq!(log["merged"][0]["registration"], "p2");
    let part = json!({ "ask": "part-registration", "registration": "p2" });
    assert_eq!(ids(&person.writes(&node, part.clone()).await.expect("parted")), ["p1"]);
    let same = |mut patient: Value| {
        patient.as_object_mut().expect("fields").remove("meta");
        patient
    };
    assert_eq!(
        (same(read(&node, "p1").await), same(read(&node, "p2").await)),
        (same(before.0), same(before.1))
    );
    assert_eq!(person.writes(&node, part).await, Err(Code::NotFound));
    assert_eq!(person.log(&node).await["merged"], json!([]));
}

#[tokio::test]
async fn of_two_devices_the_other_one_gives_the_code_and_gets_its_registration_back() {
    let node = hospital().await;
    let (person, other) =
        (Person::enrolled(&node.gateway, "p1").await, Person::enrolled(&node.gateway, "p2").await);
    // A code of the desk alone takes nobody's registration.
    assert_eq!(person.merges(&node, &desk_code(&node, "p2").await).await, Err(Code::Conflict));
    let code = other.offers(&node).await;
    assert_eq!(person.merges(&node, &code).await.expect("merged"), ["p1", "p2"]);
    assert_eq!(calls(&node), ["merge by both keys"]);
    assert_eq!(other.writes(&node, json!({ "ask": "registrations" })).await, Err(Code::NotFound));
    person.writes(&node, json!({ "ask": "part-registration", "registration": "p2" })).await.expect("parted");
    assert_eq!(ids(&other.writes(&node, json!({ "ask": "registrations" })).await.expect("back")), ["p2"]);
}

#[tokio::test]
async fn nobody_else_merges() {
    let node = hospital().await;
    let (person, other) =
        (Person::enrolled(&node.gateway, "p1").await, Person::enrolled(&node.gateway, "p2").await);
    let stranger = Person::enrolled(&node.gateway, "p3").await;
    for code in ["hospital-a.0000000000000000", "", "x"] {
        assert_eq!(stranger.merges(&node, code).await, Err(Code::Gone), "{code}");
    }
    // Nobody who is not enrolled, and nobody into themselves.
    assert_eq!(Person::stranger().merges(&node, &other.offers(&node).await).await, Err(Code::NotFound));
    assert_eq!(other.merges(&node, &other.offers(&node).await).await, Err(Code::Conflict));
    // A code counts once, for whoever came first.
    let code = other.offers(&node).await;
    person.merges(&node, &code).await.expect("merged");
    assert_eq!(stranger.merges(&node, &code).await, Err(Code::Gone));
    // Nobody parts what is another's, and what was merged is not merged again, nor does it take anything.
    let part = json!({ "ask": "part-registration", "registration": "p2" });
    assert_eq!(stranger.writes(&node, part).await, Err(Code::NotFound));
    assert_eq!(stranger.merges(&node, &desk_code(&node, "p2").await).await, Err(Code::Conflict));
    assert_eq!(stranger.merges(&node, &person.offers(&node).await).await, Err(Code::Conflict));
    assert_eq!(group(&node.gateway, "p2").expect("read"), ["p1", "p2"]);
}

#[tokio::test]
async fn a_restriction_of_either_holds_over_the_whole() {
    let node = hospital().await;
    let person = Person::enrolled(&node.gateway, "p1").await;
    cases::testing_restrict(&node.gateway, "p2").await;
    person.merges(&node, &desk_code(&node, "p2").await).await.expect("merged");
    for one in ["p1", "p2"] {
        assert!(cases::is_restricted(&node.gateway, one).expect("read"), "{one}");
    }
    assert!(!cases::is_restricted(&node.gateway, "p3").expect("read"));
    assert_eq!(cases::restricted(&node.gateway).expect("read"), ["p1", "p2"]);
    person.writes(&node, json!({ "ask": "part-registration", "registration": "p2" })).await.expect("parted");
    assert!(!cases::is_restricted(&node.gateway, "p1").expect("read"));
}

#[tokio::test]
async fn nothing_is_merged_while_records_are_to_be_erased_and_an_erasure_of_everything_is_of_both() {
    let node = hospital().await;
    let (person, other) =
        (Person::enrolled(&node.gateway, "p1").await, Person::enrolled(&node.gateway, "p2").await);
    let code = other.offers(&node).await;
    let erase = json!({ "ask": "erase", "scope": { "of": "everything" }, "reason": "I want it gone" });
    let case = other.writes(&node, erase.clone()).await.expect("asked")["cases"][0]["id"].clone();
    assert_eq!(person.merges(&node, &code).await, Err(Code::Conflict));
    assert!(calls(&node).is_empty());
    other.writes(&node, json!({ "ask": "withdraw", "case": case })).await.expect("withdrawn");
    person.merges(&node, &code).await.expect("merged");
    let cases = person.writes(&node, erase).await.expect("asked")["cases"].clone();
    let open = cases.as_array().expect("cases").iter().filter(|case| case["state"] == "open");
    assert_eq!(open.count(), 2, "a case for each registration");
    let part = json!({ "ask": "part-registration", "registration": "p2" });
    assert_eq!(person.writes(&node, part).await, Err(Code::Conflict));
}

#[tokio::test]
async fn after_thirty_days_a_merge_stays() {
    let node = hospital().await;
    let person = Person::enrolled(&node.gateway, "p1").await;
    person.merges(&node, &desk_code(&node, "p2").await).await.expect("merged");
    let aged = |tx: &crate::store::WriteTransaction| {
        let mut merge = MERGES.get_mut(tx, "p2")?.expect("there");
        merge.time_ms -= super::UNDO_MS;
        MERGES.put(tx, "p2", &merge)
    };
    node.gateway.store.write(aged).await.expect("written");
    let part = json!({ "ask": "part-registration", "registration": "p2" });
    assert_eq!(person.writes(&node, part).await, Err(Code::Gone));
}

#[tokio::test]
async fn an_offered_code_enrols_nobody_and_a_chart_of_one_opens_all() {
    let node = hospital().await;
    let (person, other) =
        (Person::enrolled(&node.gateway, "p1").await, Person::enrolled(&node.gateway, "p2").await);
    let code = other.offers(&node).await;
    assert_eq!(staff::testing_claim(&node.gateway, &code, &person.key.public()).await, Some(Code::Gone));
    person.merges(&node, &code).await.expect("merged");
    let own = node.gateway.config.organisation.clone();
    let register =
        node.gateway.practitioners.register(&own, "dr-bo", "Dr. Bo", crate::practitioner::Role::Clinician);
    register.await.expect("registered");
    let browser =
        Browser { cookie: Some(node.gateway.staff.testing_session("dr-bo").await), ..Browser::default() };
    let chart = json!({ "patient": "p1", "reason": "follow-up", "purpose": "treatment" });
    let opened = browser.post(&node, "/staff/charts", chart).await;
    assert_eq!(opened.status, StatusCode::OK);
    assert_eq!(opened.json()["also"][0]["patient"], "p2");
    let there = node.gateway.log.of_patient("p2", Page::default()).await.expect("entries");
    assert!(there.iter().any(|entry| entry.access.kind == Kind::ChartOpened));
}
