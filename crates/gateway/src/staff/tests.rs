use super::{Joining, NewMember, bootstrap_staff, rows};
use crate::chain::Chain as _;
use crate::envelope;
use crate::practitioner::Role;
use crate::testing::clinic::{CANARY_ID, CANARY_NAME};
use crate::testing::logs::Logs;
use crate::testing::passkey::SoftPasskey;
use crate::testing::{Answer, Browser, Node, node};
use crate::tests::race::{RACERS, race};
use axum::http::StatusCode;
use commonware_codec::Encode as _;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::random;
use salus_crypto::sign::SigningKey;
use salus_types::category::{Category, Purpose};
use salus_types::vault::{
    EnrolmentAnswer, EnrolmentRequest, PatientAsk, PatientRequest, PatientRequestBody, SealedEnvelope,
};
use salus_types::{Address, Signature, Text, decode_canonical, label, namespace};
use serde_json::{Value, json};
use std::sync::Arc;

async fn join(node: &Node, role: Role) -> Joining {
    let new = NewMember { id: format!("pr-{}", role.as_str()), name: format!("Dr. {role:?}"), role };
    bootstrap_staff(&node.gateway, &[new]).await.expect("joining").remove(0)
}

async fn begin(node: &Node, path: &str, body: Value) -> (String, Value) {
    let begun = Browser::default().post(node, path, body).await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    let begun = begun.json();
    (begun["session"].as_str().expect("session").to_owned(), begun["options"].clone())
}

async fn signed_in(node: &Node, role: Role) -> Browser {
    let code = join(node, role).await.code;
    let (session, options) = begin(node, "/staff/join/start", json!({ "code": code })).await;
    let body = json!({ "code": code, "session": session, "credential": SoftPasskey::new().create(&options) });
    let joined = Browser::default().post(node, "/staff/join/finish", body).await;
    assert_eq!(joined.status, StatusCode::NO_CONTENT, "{joined:?}");
    Browser::default().with(&joined)
}

async fn open_chart(node: &Node, browser: &Browser, patient: &str) -> Answer {
    let body = json!({ "patient": patient, "reason": "follow-up", "purpose": "treatment" });
    browser.post(node, "/staff/charts", body).await
}

#[tokio::test]
async fn staff_join_with_a_code_and_come_back_with_the_passkey() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    let code = join(&node, Role::Clinician).await.code;
    let (session, options) = begin(&node, "/staff/join/start", json!({ "code": code.to_lowercase() })).await;
    let body = json!({ "code": code, "session": session, "credential": passkey.create(&options) });
    assert_eq!(
        Browser::default().post(&node, "/staff/join/finish", body).await.status,
        StatusCode::NO_CONTENT
    );
    let (session, options) = begin(&node, "/staff/signin/start", json!({})).await;
    let body = json!({ "session": session, "credential": passkey.get(&options) });
    let back = Browser::default().post(&node, "/staff/signin/finish", body).await;
    let me = Browser::default().with(&back).get(&node, "/staff/me").await;
    let expected = json!({ "id": "pr-clinician", "name": "Dr. Clinician", "role": "clinician", "organisation": "hospital-a" });
    assert_eq!(me.json(), expected);
    assert_eq!(Browser::default().get(&node, "/staff/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bringing_the_same_staff_in_again_registers_nobody_twice() {
    let node = node().await;
    let (first, again) = (join(&node, Role::Steward).await, join(&node, Role::Steward).await);
    assert_eq!(first.practitioner, again.practitioner);
    assert_ne!(first.code, again.code);
    assert_eq!(node.gateway.chain().head().height, 1, "one transaction");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_uses_of_one_joining_code_exactly_one_wins() {
    let node = Arc::new(node().await);
    let code = join(&node, Role::Clinician).await.code;
    let mut bodies = Vec::new();
    for _ in 0..RACERS {
        let (session, options) = begin(&node, "/staff/join/start", json!({ "code": code })).await;
        let credential = SoftPasskey::new().create(&options);
        bodies.push(json!({ "code": code, "session": session, "credential": credential }));
    }
    let answers = race(RACERS, |at| {
        let (node, body) = (Arc::clone(&node), bodies[at].clone());
        async move { Browser::default().post(&node, "/staff/join/finish", body).await.status }
    })
    .await;
    check_one_winner(&answers, StatusCode::NO_CONTENT, StatusCode::GONE);
}

fn check_one_winner(answers: &[StatusCode], won: StatusCode, lost: StatusCode) {
    let count = |wanted| answers.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(won), count(lost)), (1, answers.len() - 1), "{answers:?}");
}

/// A clinician with a passkey, and the answer to a sign-in's challenge.
async fn sign_in_body(node: &Node) -> Value {
    let mut passkey = SoftPasskey::new();
    let code = join(node, Role::Clinician).await.code;
    let (session, options) = begin(node, "/staff/join/start", json!({ "code": code })).await;
    let body = json!({ "code": code, "session": session, "credential": passkey.create(&options) });
    assert_eq!(
        Browser::default().post(node, "/staff/join/finish", body).await.status,
        StatusCode::NO_CONTENT
    );
    let (session, options) = begin(node, "/staff/signin/start", json!({})).await;
    json!({ "session": session, "credential": passkey.get(&options) })
}

#[tokio::test]
async fn a_staff_sign_in_is_answered_once() {
    let node = node().await;
    let body = sign_in_body(&node).await;
    for (case, status) in [("the first", StatusCode::NO_CONTENT), ("a replay", StatusCode::GONE)] {
        let answer = Browser::default().post(&node, "/staff/signin/finish", body.clone()).await;
        assert_eq!((answer.status, answer.cookie.is_some()), (status, status.is_success()), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_staff_sign_ins_by_one_challenge_exactly_one_wins() {
    let node = Arc::new(node().await);
    let body = sign_in_body(&node).await;
    let answers = race(RACERS, |_| {
        let (node, body) = (Arc::clone(&node), body.clone());
        async move { Browser::default().post(&node, "/staff/signin/finish", body).await.status }
    })
    .await;
    check_one_winner(&answers, StatusCode::NO_CONTENT, StatusCode::GONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_copies_of_one_request_for_the_log_exactly_one_is_answered() {
    let (node, person) = (Arc::new(node().await), Person::new());
    person.enrol(&node, &invite(&node, "p2").await).await;
    let body = person.asks(&node, |_| {});
    let answers = race(RACERS, |_| {
        let (node, body) = (Arc::clone(&node), body.clone());
        async move { Browser::default().post_octets(&node, "/relay/hospital-a/patient", body).await.status }
    })
    .await;
    check_one_winner(&answers, StatusCode::OK, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_ceremony_for_one_code_does_not_use_another() {
    let node = node().await;
    let (clinician, steward) =
        (join(&node, Role::Clinician).await.code, join(&node, Role::Steward).await.code);
    let (session, options) = begin(&node, "/staff/join/start", json!({ "code": clinician })).await;
    let body =
        json!({ "code": steward, "session": session, "credential": SoftPasskey::new().create(&options) });
    assert_eq!(
        Browser::default().post(&node, "/staff/join/finish", body).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_patients_session_is_no_staff_session() {
    let node = node().await;
    let (session, options) = begin(&node, "/account/register/start", json!({})).await;
    let body = json!({ "session": session, "credential": SoftPasskey::new().create(&options), "slots": [] });
    let made = Browser::default().post(&node, "/account/register/finish", body).await;
    let cookie = made.cookie.expect("cookie").replace("salus_account", "salus_staff");
    let browser = Browser { cookie: Some(cookie), ..Browser::default() };
    assert_eq!(browser.get(&node, "/staff/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_role_reaches_its_own_routes_alone() {
    let node = node().await;
    let chart = json!({ "patient": "p2", "reason": "follow-up", "purpose": "treatment" });
    let ask = json!({ "patient": "p2", "categories": ["labs"], "reason": "follow-up", "days": 30 });
    let add = json!({ "id": "new", "name": "New", "role": "clerk" });
    let invite = json!({ "patient": "p2" });
    let search = json!({ "search": "una" });
    // Route, body, then the answers to nobody, clinician, clerk, steward.
    let table: [(&str, Option<&Value>, [u16; 4]); 10] = [
        ("/staff/me", None, [401, 200, 200, 200]),
        ("/staff/patients/search", Some(&search), [401, 200, 200, 200]),
        ("/staff/charts", Some(&chart), [401, 200, 403, 403]),
        ("/staff/requests", Some(&ask), [401, 202, 403, 403]),
        ("/staff/invites", Some(&invite), [401, 200, 200, 200]),
        ("/staff/members", Some(&add), [401, 403, 403, 200]),
        ("/staff/network", None, [401, 403, 403, 200]),
        ("/staff/blocks?from=0&count=5", None, [401, 403, 403, 200]),
        ("/staff/access-events", None, [401, 403, 403, 200]),
        ("/staff/log", None, [401, 403, 403, 200]),
    ];
    let browsers = [
        Browser::default(),
        signed_in(&node, Role::Clinician).await,
        signed_in(&node, Role::Clerk).await,
        signed_in(&node, Role::Steward).await,
    ];
    for (path, body, expected) in table {
        let mut found = Vec::new();
        for browser in &browsers {
            let answer = match body {
                Some(body) => browser.post(&node, path, body.clone()).await,
                None => browser.get(&node, path).await,
            };
            found.push(answer.status.as_u16());
        }
        assert_eq!(found, expected, "{path}");
    }
}

#[tokio::test]
async fn the_list_of_patients_says_who_they_are_and_nothing_more() {
    let node = node().await;
    let rows = signed_in(&node, Role::Clerk).await.post(&node, "/staff/patients/search", json!({})).await;
    let expected = json!([
        { "id": "p2", "name": "Una Able", "birthDate": "1970-01-02", "sex": "male", "shared": false },
        { "id": CANARY_ID, "name": "Una Zebrafinch", "birthDate": "1970-01-02", "sex": "female", "shared": false },
    ]);
    assert_eq!(rows.json(), expected);
}

#[tokio::test]
async fn a_chart_needs_a_reason_a_purpose_of_care_and_a_patient() {
    let node = node().await;
    let browser = signed_in(&node, Role::Clinician).await;
    let long = "x".repeat(501);
    for (patient, reason, purpose, status) in [
        ("p2", "follow-up", "treatment", 200),
        ("p2", "  ", "treatment", 403),
        ("p2", long.as_str(), "treatment", 400),
        ("p2", "follow-up", "research", 403),
        ("p2", "follow-up", "curiosity", 400),
        ("p9", "follow-up", "treatment", 404),
        ("../p2", "follow-up", "treatment", 400),
    ] {
        let body = json!({ "patient": patient, "reason": reason, "purpose": purpose });
        let answer = browser.post(&node, "/staff/charts", body).await;
        assert_eq!(answer.status.as_u16(), status, "{patient} {reason} {purpose}: {answer:?}");
    }
    let last = browser.post(&node, "/staff/patients/search", json!({ "search": "", "page": 0 })).await.json();
    assert!(last[0]["lastOpened"].is_string() && last[1]["lastOpened"].is_null());
}

#[tokio::test]
async fn a_chart_is_of_one_practitioner_one_patient_and_one_day() {
    let node = node().await;
    let doctor = signed_in(&node, Role::Clinician).await;
    let chart = open_chart(&node, &doctor, "p2").await.json()["chart"].as_str().expect("chart").to_owned();
    let session = async |browser: &Browser, chart: &str| {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("cookie", browser.cookie.clone().expect("cookie").parse().expect("value"));
        headers.insert("x-salus-chart", chart.parse().expect("value"));
        node.gateway.staff.session(&node.gateway, &headers).await
    };
    let open = session(&doctor, &chart).await.expect("open").expect("somebody");
    assert_eq!((open.patient.as_deref(), open.reason.as_str()), (Some("p2"), "follow-up"));

    let clerk = signed_in(&node, Role::Clerk).await;
    assert!(session(&clerk, &chart).await.is_err(), "another's chart");
    assert!(session(&doctor, "00").await.is_err(), "no such chart");
    let stranger = Browser { cookie: Some("salus_staff_hospital-a=00".into()), ..Browser::default() };
    assert!(session(&stranger, &chart).await.is_err(), "no session");
    let (gateway, key) = (node.gateway.clone(), chart.clone());
    gateway
        .store
        .write(move |tx| {
            let mut row = rows::CHARTS.take(tx, &key)?.expect("chart");
            row.expires_ms = 0;
            rows::CHARTS.put(tx, &key, &row)
        })
        .await
        .expect("write");
    assert!(session(&doctor, &chart).await.is_err(), "over");
}

struct Person {
    key: SigningKey,
    kem: HpkePrivateKey,
}

impl Person {
    fn new() -> Self {
        Self { key: SigningKey::generate(), kem: HpkePrivateKey::generate() }
    }

    fn enrolment(&self, node: &Node, invite: &str) -> EnrolmentRequest {
        let mut request = EnrolmentRequest {
            network: node.gateway.network,
            organisation: node.party.id.clone(),
            invite: Text::new(invite).expect("short"),
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("key"),
            signature: Signature([0; 64]),
        };
        let bytes = request.encode();
        request.signature = self.key.sign(namespace::ENROLMENT, &bytes[..bytes.len() - 64]);
        request
    }

    fn sealed(&self, node: &Node, request: &EnrolmentRequest) -> SealedEnvelope {
        let to = node.party.kem.public().0;
        let network = &node.gateway.network;
        envelope::seal(&self.key, &to, label::HPKE_ENROLMENT_REQUEST, network, &request.encode())
            .expect("sealed")
    }

    async fn enrol(&self, node: &Node, invite: &str) -> Answer {
        let sealed = self.sealed(node, &self.enrolment(node, invite));
        Browser::default().post_octets(node, "/relay/hospital-a/enrol", sealed.encode().to_vec()).await
    }

    fn asks(&self, node: &Node, change: impl FnOnce(&mut PatientRequestBody)) -> Vec<u8> {
        let mut body = PatientRequestBody {
            network: node.gateway.network,
            audience: node.party.id.clone(),
            ask: PatientAsk::AccessLog,
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("key"),
            time_ms: crate::clock::now_ms(),
            nonce: random::bytes(),
            versions: Vec::new().try_into().expect("few"),
        };
        change(&mut body);
        let signature = self.key.sign(namespace::PATIENT_REQUEST, &body.encode());
        PatientRequest { body, signature }.encode().to_vec()
    }
}

async fn invite(node: &Node, patient: &str) -> String {
    super::issue_invite(&node.gateway, patient.to_owned()).await.expect("invite").code
}

#[tokio::test]
async fn an_invite_ties_a_persons_device_to_the_patient_here() {
    let (node, person) = (node().await, Person::new());
    let clerk = signed_in(&node, Role::Clerk).await;
    let invited = clerk.post(&node, "/staff/invites", json!({ "patient": CANARY_ID })).await.json();
    let code = invited["code"].as_str().expect("code");
    assert!(code.starts_with("hospital-a.") && code.len() == "hospital-a.".len() + rows::CODE_CHARS);
    assert_eq!(invited["link"], format!("{}/join#{code}", crate::testing::ORIGIN));

    let answer = person.enrol(&node, code).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(node.chain.has_patient(&Address::of(&person.key.public())));
    let sealed: SealedEnvelope = decode_canonical(&answer.body).expect("envelope");
    assert_eq!(sealed.sender, node.party.key.public());
    let network = &node.gateway.network;
    let plain = envelope::open(&sealed, &person.kem, label::HPKE_ENROLMENT_ANSWER, network).expect("open");
    let answer: EnrolmentAnswer = decode_canonical(&plain).expect("answer");
    assert_eq!((answer.patient.as_str(), answer.name.as_str()), (CANARY_ID, "Una Zebrafinch"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_uses_of_one_invite_exactly_one_wins_and_may_ask_again() {
    let node = Arc::new(node().await);
    let code = invite(&node, "p2").await;
    let people: Vec<_> = (0..RACERS).map(|_| Arc::new(Person::new())).collect();
    let answers = race(RACERS, |at| {
        let (node, person, code) = (Arc::clone(&node), Arc::clone(&people[at]), code.clone());
        async move { person.enrol(&node, &code).await.status }
    })
    .await;
    check_one_winner(&answers, StatusCode::OK, StatusCode::GONE);
    assert_eq!(node.keeper.count("enrol"), 1);
    // The answer was lost: the same key gets it again, no other does.
    let won = answers.iter().position(|status| *status == StatusCode::OK).expect("a winner");
    assert_eq!(people[won].enrol(&node, &code).await.status, StatusCode::OK);
    assert_eq!(Person::new().enrol(&node, &code).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn an_invite_comes_back_when_the_vault_refuses() {
    let (node, first, second) = (node().await, Person::new(), Person::new());
    let code = invite(&node, "p2").await;
    node.keeper.refuses.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(first.enrol(&node, &code).await.status, StatusCode::FORBIDDEN);
    node.keeper.refuses.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(second.enrol(&node, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_enrolment_that_is_bent_anywhere_is_refused_and_leaves_the_invite() {
    let (node, person, other) = (node().await, Person::new(), Person::new());
    let code = invite(&node, "p2").await;
    let right = person.enrolment(&node, &code);
    let bent = |change: fn(&mut EnrolmentRequest)| {
        let mut request = right.clone();
        change(&mut request);
        person.sealed(&node, &request).encode().to_vec()
    };
    let sealed = person.sealed(&node, &right).encode().to_vec();
    let mut flipped = sealed.clone();
    flipped[1_500] ^= 1;
    for (case, body) in [
        ("another network", bent(|request| request.network.0.0[0] ^= 1)),
        ("another organisation", bent(|request| request.organisation = "hospital-b".parse().expect("id"))),
        ("a bent signature", bent(|request| request.signature.0[0] ^= 1)),
        ("sealed by another key", other.sealed(&node, &right).encode().to_vec()),
        ("a flipped bit", flipped),
        ("cut short", sealed[..sealed.len() - 1].to_vec()),
        ("one byte more", [&sealed[..], &[0]].concat()),
        ("nothing", Vec::new()),
    ] {
        let answer = Browser::default().post_octets(&node, "/relay/hospital-a/enrol", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{case}: {answer:?}");
    }
    for wrong in ["", "nonsense", "hospital-a.0000000000000000", "hospital-a.ILOU"] {
        assert_eq!(person.enrol(&node, wrong).await.status, StatusCode::GONE, "{wrong}");
    }
    assert_eq!(person.enrol(&node, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_patient_learns_who_looked_and_who_asks() {
    let (node, person) = (node().await, Person::new());
    person.enrol(&node, &invite(&node, CANARY_ID).await).await;
    let doctor = signed_in(&node, Role::Clinician).await;
    assert_eq!(open_chart(&node, &doctor, CANARY_ID).await.status, StatusCode::OK);
    let ask =
        json!({ "patient": CANARY_ID, "categories": ["labs", "labs"], "reason": "second view", "days": 30 });
    assert_eq!(doctor.post(&node, "/staff/requests", ask).await.status, StatusCode::ACCEPTED);

    let body = person.asks(&node, |_| {});
    let answer = Browser::default().post_octets(&node, "/relay/hospital-a/patient", body).await;
    let sealed: SealedEnvelope = decode_canonical(&answer.body).expect("envelope");
    let plain =
        envelope::open(&sealed, &person.kem, label::HPKE_ACCESS_LOG, &node.gateway.network).expect("open");
    let document: Value = serde_json::from_slice(&plain).expect("json");
    let (entry, request) = (&document["entries"][0], &document["requests"][0]);
    assert_eq!((&entry["action"], &entry["reason"]), (&json!("chart-opened"), &json!("follow-up")));
    assert_eq!((&entry["name"], &entry["role"]), (&json!("Dr. Clinician"), &json!("clinician")));
    assert_eq!((&request["categories"], &request["days"]), (&json!(["labs"]), &json!(30)));
    let credential = hex::decode(entry["credential"].as_str().expect("credential")).expect("hex");
    let credential: salus_types::PractitionerCredential = decode_canonical(&credential).expect("credential");
    let key = salus_types::state::key::practitioner(&credential.commitment());
    assert!(node.gateway.chain().state(key).await.expect("state").is_some(), "it opens what the ledger has");
}

#[tokio::test]
async fn an_access_log_is_for_who_signs_freshly_and_once() {
    let (node, person) = (node().await, Person::new());
    person.enrol(&node, &invite(&node, "p2").await).await;
    let right = person.asks(&node, |_| {});
    let mut forged = right.clone();
    *forged.last_mut().expect("bytes") ^= 1;
    let old = |body: &mut PatientRequestBody| body.time_ms -= 301_000;
    let early = |body: &mut PatientRequestBody| body.time_ms += 301_000;
    let elsewhere = |body: &mut PatientRequestBody| body.audience = "hospital-b".parse().expect("id");
    for (case, body, status) in [
        ("forged", forged, 401),
        ("old", person.asks(&node, old), 400),
        ("from the future", person.asks(&node, early), 400),
        ("meant for another", person.asks(&node, elsewhere), 400),
        ("a stranger", Person::new().asks(&node, |_| {}), 404),
        ("right", right.clone(), 200),
        ("replayed", right, 409),
    ] {
        let answer = Browser::default().post_octets(&node, "/relay/hospital-a/patient", body).await;
        assert_eq!(answer.status.as_u16(), status, "{case}: {answer:?}");
    }
}

#[tokio::test]
async fn a_patient_sees_the_newest_requests_and_nobody_pushes_out_all_others() {
    let (node, person) = (node().await, Person::new());
    person.enrol(&node, &invite(&node, "p2").await).await;
    let doctor = signed_in(&node, Role::Clinician).await;
    let ask = |reason: &str| json!({ "patient": "p2", "categories": ["labs"], "reason": reason, "days": 30 });
    // A hundred of others, older than what comes now.
    let now_ms = crate::clock::now_ms();
    node.gateway
        .store
        .write(move |tx| {
            for at in 0..100_u64 {
                let row = rows::AccessRequest {
                    id: format!("old-{at}"),
                    practitioner: format!("other-{at}"),
                    time_ms: now_ms - 1_000 + at,
                    categories: vec![Category::Labs],
                    reason: format!("old {at}"),
                    days: 1,
                    purpose: Purpose::Treatment,
                };
                rows::REQUESTS.put(tx, &format!("p2/{:016x}/{}", row.time_ms, row.id), &row)?;
            }
            Ok::<_, crate::Error>(())
        })
        .await
        .expect("rows");
    for at in 0..12 {
        // Two of one millisecond would have no order.
        crate::clock::advance(1);
        let status = doctor.post(&node, "/staff/requests", ask(&format!("new {at}"))).await.status.as_u16();
        assert_eq!(status, if at < 10 { 202 } else { 409 }, "{at}");
    }
    let shown = super::requests::of_patient(&node.gateway, "p2").expect("requests");
    let reasons: Vec<_> = shown.iter().map(|request| request["reason"].as_str().expect("reason")).collect();
    assert_eq!((reasons.len(), reasons[0], reasons[9]), (100, "new 9", "new 0"));
    assert_eq!((reasons[10], reasons[99]), ("old 99", "old 10"), "the oldest made room");
}

#[tokio::test]
async fn a_request_for_the_log_is_answered_once_though_the_node_starts_again() {
    let (node, person) = (node().await, Person::new());
    let again = super::access_log::Nonces::new(&node.gateway.store);
    let (key, other, now_ms) = (person.key.public(), Person::new().key.public(), crate::clock::now_ms());
    node.gateway.staff.nonces.take(&key, [7; 16], now_ms).await.expect("the first");
    let answered = again.take(&key, [7; 16], now_ms).await.expect_err("a replay");
    assert_eq!(answered.code(), crate::error::Code::Conflict);
    again.take(&other, [7; 16], now_ms).await.expect("keys do not use up each other's");
    again.prune().await.expect("prune");
    assert!(again.take(&key, [7; 16], now_ms).await.is_err(), "what is fresh is not forgotten");
    crate::clock::advance(10 * 60 * 1_000);
    assert_eq!(again.prune().await.expect("prune"), 2, "what is not, is");
}

#[tokio::test]
async fn a_steward_sees_every_access_event_however_old_and_each_once() {
    let node = node().await;
    let steward = signed_in(&node, Role::Steward).await;
    let access = |at: u64| salus_types::action::Access {
        grant: salus_types::GrantId(salus_types::Digest([1; 32])),
        scope_salt: [0; 32],
        purpose: Purpose::Treatment,
        versions_root: salus_types::Digest([u8::try_from(at % 251).expect("small"); 32]),
        count: 1,
        practitioner: salus_types::Digest([u8::try_from(at / 251).expect("small"); 32]),
        nonce: [0; 16],
    };
    let add = |at: u64| {
        let signed = salus_types::transaction::Transaction::sign(
            node.gateway.network,
            &node.party.key,
            1_000,
            access(at),
        );
        node.chain.submit(signed).expect("submitted");
    };
    let index = async || crate::steward::events::catch_up(&node.gateway).await.expect("index");
    let page = async |query: &str| {
        steward
            .get(&node, &format!("/staff/access-events{query}"))
            .await
            .json()
            .as_array()
            .expect("rows")
            .clone()
    };
    add(0);
    for _ in 0..6_000 {
        node.chain.append(Vec::new(), Vec::new());
    }
    index().await;
    assert_eq!(page("").await.len(), 1, "older than five thousand blocks");
    (1..=250).for_each(add);
    // Who read stays known when it has left.
    node.chain.change_network(|network| network.members.clear());
    index().await;
    index().await;
    let (newest, rest) = (page("").await, page("?before=51").await);
    let numbers =
        |rows: &[Value]| rows.iter().map(|row| row["number"].as_u64().expect("number")).collect::<Vec<_>>();
    assert_eq!(numbers(&newest), (51..=250).rev().collect::<Vec<_>>());
    assert_eq!(numbers(&rest), (0..=50).rev().collect::<Vec<_>>());
    assert_eq!((&rest[50]["organisation"], rest[50]["height"].as_u64()), (&json!("hospital-a"), Some(2)));
}

#[tokio::test]
async fn no_log_line_names_a_patient_a_key_or_a_code() {
    let (logs, guard) = Logs::listen();
    let (node, person) = (node().await, Person::new());
    let doctor = signed_in(&node, Role::Clinician).await;
    open_chart(&node, &doctor, CANARY_ID).await;
    doctor.post(&node, "/staff/patients/search", json!({ "search": CANARY_NAME })).await;
    let code = invite(&node, CANARY_ID).await;
    person.enrol(&node, &code).await;
    person.enrol(&node, "hospital-a.0000000000000000").await;
    Browser::default().post_octets(&node, "/relay/hospital-a/patient", person.asks(&node, |_| {})).await;
    let clean = logs.own_text();
    tracing::info!("{CANARY_NAME}");
    assert!(logs.own_text().contains(CANARY_NAME), "a planted name is found");
    drop(guard);
    let (text, key) = (clean, person.key.public());
    let cookie = doctor.cookie.clone().expect("cookie");
    let secrets = [
        CANARY_ID,
        CANARY_NAME,
        &code["hospital-a.".len()..],
        &cookie["salus_staff_hospital-a=".len()..],
        &key.to_string(),
        &Address::of(&key).to_string(),
    ]
    .map(str::to_owned);
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn an_invitation_of_the_desk_that_replaces_a_key_makes_the_old_one_nobodys() {
    let (node, lost, new) = (node().await, Person::new(), Person::new());
    let clerk = signed_in(&node, Role::Clerk).await;
    let first = invite(&node, CANARY_ID).await;
    assert_eq!(lost.enrol(&node, &first).await.status, StatusCode::OK);
    let body = json!({ "patient": CANARY_ID, "replaces": true });
    let code =
        clerk.post(&node, "/staff/invites", body).await.json()["code"].as_str().expect("code").to_owned();
    for _ in 0..2 {
        // The answer may be lost; the same key comes again.
        assert_eq!(new.enrol(&node, &code).await.status, StatusCode::OK);
    }
    assert_eq!(Person::new().enrol(&node, &code).await.status, StatusCode::GONE, "and no other");
    let asks = async |person: &Person| {
        let body = person.asks(&node, |_| {});
        Browser::default().post_octets(&node, "/relay/hospital-a/patient", body).await.status
    };
    assert_eq!(asks(&lost).await, StatusCode::NOT_FOUND);
    assert_eq!(asks(&new).await, StatusCode::OK);
    let clinician = signed_in(&node, Role::Clinician).await;
    let refused =
        clinician.post(&node, "/staff/invites", json!({ "patient": CANARY_ID, "replaces": true })).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "only the desk, which looks at identity cards");
}
