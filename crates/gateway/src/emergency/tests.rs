use super::begin::{Known, break_all, shown};
use super::rows::{EMERGENCIES, Emergency};
use super::{EmergencyUse, find, queue, summary, told};
use crate::error::Code;
use crate::log::{Kind, Page, Who};
use crate::mail;
use crate::practitioner::{Practitioner, Role};
use crate::testing::emergencies::COMPARTMENT;
use crate::testing::{Browser, Node, node, node_with};
use crate::{MailConfig, MailSecurity};
use axum::http::{Method, StatusCode};
use salus_types::action::Action;
use salus_types::emergency::{EmergencyGround, emergency_target, words_commitment};
use salus_types::state::{EmergencyEntry, ReviewEntry, key};
use salus_types::vault::{EmergencyAsk, EmergencyFind, EmergencyFound, EmergencyNotice};
use salus_types::{EmergencyId, OrganisationId, Text, decode_canonical};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const WORDS: &str = "found unconscious on the street";

fn org(name: &str) -> OrganisationId {
    name.parse().expect("a name")
}

async fn member(node: &Node, id: &str, role: Role) -> Practitioner {
    let own = &node.gateway.config.organisation;
    node.gateway.practitioners.register(own, id, &format!("Name of {id}"), role).await.expect("registered")
}

async fn ask(node: &Node, who: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let cookie = Some(node.gateway.staff.testing_session(who).await);
    let browser = Browser { cookie, ..Browser::default() };
    let answer = match method {
        Method::GET => browser.get(node, path).await,
        _ => browser.post(node, path, body).await,
    };
    (answer.status, answer.json())
}

fn emergency(practitioner: &Practitioner) -> Emergency {
    Emergency {
        practitioner: practitioner.id.clone(),
        patient: "p2".into(),
        chart: "chart".into(),
        ground: EmergencyGround::Unconscious,
        words: WORDS.into(),
        salt: [6; 32],
        time_ms: crate::clock::now_ms(),
        until_ms: crate::clock::now_ms() + 1_000_000,
        events: Vec::new(),
        review: None,
    }
}

fn known() -> Known {
    let holders = vec![org("hospital-a")].try_into().expect("one");
    Known::Yes(EmergencyFound { compartment: COMPARTMENT, holders, threshold: 2 })
}

fn person(family: &str, given: &str, birth_date: &str, sex: &str) -> EmergencyFind {
    EmergencyFind {
        family: Text::new(family).expect("short"),
        given: Text::new(given).expect("short"),
        birth_date: Text::new(birth_date).expect("short"),
        sex: Text::new(sex).expect("short"),
    }
}

#[tokio::test]
async fn exactly_one_person_is_found_by_providers_alone_and_each_yes_is_in_the_log() {
    let node = node().await;
    let able = person("able", "una", "1970-01-02", "male");
    let rows = [
        (able.clone(), true),
        (person("abel", "una", "1970-01-02", "male"), false),
        (person("able", "una", "1970-01-03", "male"), false),
        (person("able", "una", "1970-01-02", "female"), false),
        (person("able", "", "1970-01-02", "male"), false),
    ];
    for (person, expected) in rows {
        let found = find(&node.gateway, &org("hospital-b"), &person).await.expect("an answer");
        assert_eq!(found.is_some(), expected);
    }
    for stranger in ["insurer", "regulator", "nobody"] {
        let refused = find(&node.gateway, &org(stranger), &able).await.expect_err("refused");
        assert_eq!(refused.code(), Code::Forbidden, "{stranger}");
    }
    let log = node.gateway.log.newest(Page::default()).await.expect("a log");
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].access.kind, log[0].access.patient.as_deref()), (Kind::EmergencyFound, Some("p2")));
}

#[tokio::test]
async fn who_asks_for_many_people_is_stopped() {
    let node = node().await;
    let nobody = person("nobody", "none", "1970-01-02", "male");
    let mut stopped = false;
    for _ in 0..60 {
        let answer = find(&node.gateway, &org("hospital-b"), &nobody).await;
        stopped |= answer.is_err_and(|error| error.code() == Code::Throttled);
    }
    assert!(stopped);
}

#[tokio::test]
async fn the_event_is_final_and_the_source_told_before_any_holder_is_asked() {
    let node = node().await;
    let bo = member(&node, "dr-bo", Role::Clinician).await;
    let asked = [(org("hospital-b"), known()), (org("hospital-c"), Known::Silent), (org("x"), Known::No)];
    let kept = break_all(&node.gateway, &bo, "id", emergency(&bo), &asked).await.expect("broken");
    assert!(node.emergencies.opened.lock().expect("lock").is_empty(), "nothing is opened yet");
    let answer = shown(&node.gateway, "id", &kept).await.expect("shown");
    assert_eq!(answer["sources"][0]["state"], "opened", "{answer}");
    assert_eq!(answer["sources"][0]["summary"]["resourceType"], "Bundle");
    let opened = node.emergencies.opened.lock().expect("lock").clone();
    let told: Vec<EmergencyNotice> = node.emergencies.told.lock().expect("lock").clone();
    assert_eq!((opened.len(), told.len()), (1, 1));
    let EmergencyAsk { event, salt, source, compartment } = &opened[0];
    let entry = node.gateway.ports.chain.state(key::emergency(event)).await.expect("state").expect("final");
    let entry: EmergencyEntry = decode_canonical(&entry).expect("an entry");
    assert_eq!(entry.target, emergency_target(salt, source, compartment));
    assert_eq!((entry.practitioner, entry.began_ms), (bo.commitment, None));
    assert_eq!(entry.statement, words_commitment(&[6; 32], WORDS));
    let account = told[0].account.as_ref().expect("an account");
    assert_eq!(account.credential.commitment(), entry.practitioner);
    assert_eq!(words_commitment(&account.salt, account.words.as_str()), entry.statement);

    let again = shown(&node.gateway, "id", &kept).await.expect("shown");
    assert_eq!(again["sources"][0]["state"], "opened");
    assert_eq!(node.emergencies.opened.lock().expect("lock").len(), 1, "from memory");
    let log = node.gateway.log.newest(Page::default()).await.expect("a log");
    let reads = log.iter().filter(|entry| entry.access.kind == Kind::EmergencyRead).count();
    assert_eq!(reads, 2, "and each reading is in the log");
}

#[tokio::test]
async fn only_who_began_reads_again_and_only_for_four_hours() {
    let node = node().await;
    let bo = member(&node, "dr-bo", Role::Clinician).await;
    member(&node, "dr-al", Role::Clinician).await;
    let asked = [(org("hospital-b"), known())];
    let mut kept = break_all(&node.gateway, &bo, "id", emergency(&bo), &asked).await.expect("broken");
    let path = "/staff/emergency/id";
    assert_eq!(ask(&node, "dr-bo", Method::GET, path, json!({})).await.0, StatusCode::OK);
    assert_eq!(ask(&node, "dr-al", Method::GET, path, json!({})).await.0, StatusCode::FORBIDDEN);
    kept.until_ms = crate::clock::now_ms();
    node.gateway.store.write(move |tx| EMERGENCIES.put(tx, "id", &kept)).await.expect("stored");
    assert_eq!(ask(&node, "dr-bo", Method::GET, path, json!({})).await.0, StatusCode::GONE);
}

#[tokio::test]
async fn an_emergency_is_reviewed_once_by_somebody_else_and_nothing_of_it_shows_on_the_ledger() {
    let node = node().await;
    member(&node, "dr-bo", Role::Clinician).await;
    let steward = member(&node, "root", Role::Steward).await;
    let body = json!({ "patient": "p2", "ground": "unconscious", "reason": WORDS });
    let (status, begun) = ask(&node, "dr-bo", Method::POST, "/staff/emergency", body).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    let (_, list) = ask(&node, "root", Method::GET, "/staff/emergencies", json!({})).await;
    let own = &list["own"][0];
    assert_eq!(
        (&own["state"], &own["reason"], &own["mayReview"]),
        (&json!("open"), &json!(WORDS), &json!(true))
    );
    assert!(
        !list.to_string().contains("p2") && !list.to_string().contains("Able"),
        "not whose record: {list}"
    );
    assert_eq!(list["network"][0]["state"], "open");
    let path = format!("/staff/emergencies/{}/review", own["id"].as_str().expect("an id"));
    let decision = json!({ "justified": true, "words": "as it should be" });
    let no_words = json!({ "justified": true, "words": " " });
    assert_eq!(ask(&node, "root", Method::POST, &path, no_words).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&node, "dr-bo", Method::POST, &path, decision.clone()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&node, "root", Method::POST, &path, decision.clone()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(&node, "root", Method::POST, &path, decision).await.0, StatusCode::CONFLICT);
    let event: EmergencyId = list["network"][0]["event"].as_str().expect("an id").parse().expect("an id");
    let review = node.gateway.ports.chain.state(key::review(&event)).await.expect("state").expect("final");
    let review: ReviewEntry = decode_canonical(&review).expect("an entry");
    assert_eq!((review.justified, review.reviewer), (true, steward.commitment));
    let (_, list) = ask(&node, "root", Method::GET, "/staff/emergencies", json!({})).await;
    assert_eq!(
        (&list["own"][0]["state"], &list["network"][0]["state"]),
        (&json!("reviewed"), &json!("reviewed"))
    );
    for height in 0..=node.gateway.chain().head().height {
        let block = node.gateway.chain().block(height).await.expect("a block");
        let shown = format!("{:?}", block.block.transactions);
        assert!(!shown.contains("unconscious on") && !shown.contains("Able") && !shown.contains("p2"));
    }
}

#[tokio::test]
async fn while_the_ledger_stands_still_the_chart_here_opens_and_the_signed_event_follows() {
    let node = node().await;
    let bo = member(&node, "dr-bo", Role::Clinician).await;
    node.chain.stalled.store(true, Ordering::Relaxed);
    let body = json!({ "patient": "p2", "ground": "other", "reason": WORDS });
    let (status, begun) = ask(&node, "dr-bo", Method::POST, "/staff/emergency", body).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    assert!(begun["chart"].is_string() && begun["sources"].as_array().is_some_and(Vec::is_empty));
    let id = begun["id"].as_str().expect("an id").to_owned();
    let row = node.gateway.store.read(|tx| EMERGENCIES.get(tx, &id)).expect("a store").expect("a row");
    let action = row.events[0].action().expect("an action");
    let signature = hex::decode(row.events[0].signature.as_ref().expect("signed")).expect("hex");
    let signature = salus_types::Signature(signature.try_into().expect("64 bytes"));
    let message = commonware_codec::Encode::encode(&action);
    let own = node.gateway.key.public();
    own.verify(salus_types::namespace::LOCAL_EMERGENCY, &message, &signature).expect("by this organisation");
    assert_eq!((action.practitioner, action.began_ms), (bo.commitment, Some(row.time_ms)));
    member(&node, "root", Role::Steward).await;
    let (_, list) = ask(&node, "root", Method::GET, "/staff/emergencies", json!({})).await;
    assert_eq!(list["own"][0]["state"], "waiting");
    node.chain.stalled.store(false, Ordering::Relaxed);
    queue::hand_in(&node.gateway).await.expect("handed in");
    let entry = told::on_ledger(&node.gateway, &action.id()).await.expect("an answer");
    assert!(entry.is_some_and(|(entry, _)| entry.began_ms == Some(row.time_ms)));
    let height = node.gateway.chain().head().height;
    queue::hand_in(&node.gateway).await.expect("nothing left");
    assert_eq!(node.gateway.chain().head().height, height, "once");
    let (_, list) = ask(&node, "root", Method::GET, "/staff/emergencies", json!({})).await;
    assert_eq!(list["own"][0]["state"], "open", "the same review");
}

#[tokio::test]
async fn a_use_of_a_summary_is_in_the_log_with_its_event_for_the_patient() {
    let node = node().await;
    let bo = member(&node, "dr-bo", Role::Clinician).await;
    let asked = [(org("hospital-b"), known())];
    let kept = break_all(&node.gateway, &bo, "id", emergency(&bo), &asked).await.expect("broken");
    shown(&node.gateway, "id", &kept).await.expect("shown");
    let notice = node.emergencies.told.lock().expect("lock")[0].clone();
    let event = notice.ask.event;
    let (entry, _) = told::on_ledger(&node.gateway, &event).await.expect("an answer").expect("an event");
    let one = EmergencyUse { patient: "p2".into(), entry, notice };
    node.emergencies.uses.lock().expect("lock").push(one);
    told::note_uses(&node.gateway).await.expect("noted");
    let log = node.gateway.log.newest(Page::default()).await.expect("a log");
    let access = &log[0].access;
    assert_eq!((access.kind, access.patient.as_deref()), (Kind::EmergencyOpened, Some("p2")));
    assert_eq!(access.reason, WORDS);
    let Who::Elsewhere { name, event: of, .. } = &access.who else { panic!("{access:?}") };
    assert_eq!((name.as_str(), *of), ("Name of dr-bo", Some(event)));
    let shown = told::shown_to_patient(&node.gateway, &event).expect("shown");
    assert_eq!(shown["words"]["text"], WORDS);
    assert!(shown["credential"].is_string() && shown["salt"].is_string());
}

#[tokio::test]
async fn nobody_but_clinicians_with_a_reason_begins() {
    let node = node().await;
    member(&node, "dr-bo", Role::Clinician).await;
    member(&node, "root", Role::Steward).await;
    member(&node, "desk", Role::Clerk).await;
    let body = |reason: &str| json!({ "patient": "p2", "ground": "unconscious", "reason": reason });
    for (who, reason, expected) in [
        ("root", WORDS, StatusCode::FORBIDDEN),
        ("desk", WORDS, StatusCode::FORBIDDEN),
        ("dr-bo", "  ", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(
            ask(&node, who, Method::POST, "/staff/emergency", body(reason)).await.0,
            expected,
            "{who}"
        );
    }
    let unknown = json!({ "patient": "nobody", "ground": "unconscious", "reason": WORDS });
    assert_eq!(ask(&node, "dr-bo", Method::POST, "/staff/emergency", unknown).await.0, StatusCode::NOT_FOUND);
    let head = node.gateway.chain().head().height;
    for height in 0..=head {
        let block = node.gateway.chain().block(height).await.expect("a block");
        let broken = block.block.transactions.iter().any(|one| matches!(one.action, Action::BreakGlass(_)));
        assert!(!broken, "nothing was begun");
    }
}

/// A server that takes one message, and gives it back as it came.
async fn smtp_sink() -> (u16, tokio::task::JoinHandle<String>) {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let taken = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 sink\r\n").await.expect("written");
        let (mut message, mut in_message) = (String::new(), false);
        while let Ok(Some(line)) = lines.next_line().await {
            message.push_str(&format!("{line}\n"));
            let answer: &[u8] = match (in_message, line.as_str()) {
                (true, ".") => {
                    write.write_all(b"250 taken\r\n").await.expect("written");
                    break;
                }
                (true, _) => continue,
                (false, "DATA") => {
                    in_message = true;
                    b"354 go on\r\n"
                }
                (false, _) => b"250 yes\r\n",
            };
            write.write_all(answer).await.expect("written");
        }
        message
    });
    (port, taken)
}

#[tokio::test]
async fn the_patient_is_told_by_e_mail_once_and_in_words_that_tell_nobody_else_anything() {
    let (port, taken) = smtp_sink().await;
    let config = MailConfig {
        server: "127.0.0.1".into(),
        port,
        security: MailSecurity::None,
        login: None,
        from: "Hospital A <notices@hospital-a.example>".into(),
    };
    let node = node_with(|to| to.mail = Some(config.clone())).await;
    let bo = member(&node, "dr-bo", Role::Clinician).await;
    let asked = [(org("hospital-b"), known())];
    let kept = break_all(&node.gateway, &bo, "id", emergency(&bo), &asked).await.expect("broken");
    shown(&node.gateway, "id", &kept).await.expect("shown");
    let notice = node.emergencies.told.lock().expect("lock")[0].clone();
    let (entry, _) =
        told::on_ledger(&node.gateway, &notice.ask.event).await.expect("an answer").expect("an event");
    // First a holder tells, then who opened it.
    for account in [None, notice.account.clone()] {
        let notice = EmergencyNotice { ask: notice.ask.clone(), account };
        let one = EmergencyUse { patient: "p2".into(), entry: entry.clone(), notice };
        node.emergencies.uses.lock().expect("lock").push(one);
        told::note_uses(&node.gateway).await.expect("noted");
    }
    mail::send_all(&node.gateway, &config).await.expect("sent");
    let message = taken.await.expect("taken");
    assert!(message.contains("RCPT TO:<una@example.org>"), "{message}");
    assert!(message.contains("Subject: Your emergency summary was opened"));
    for secret in ["Able", "Una", WORDS, "dr-bo", "Name of", "p2", "unconscious"] {
        assert!(!message.replace("una@example.org", "").contains(secret), "{secret}: {message}");
    }
    mail::send_all(&node.gateway, &config).await.expect("nothing more to send, and nobody to take it");
}

#[tokio::test]
async fn a_summary_holds_what_saves_this_persons_life_and_nothing_that_is_granted_by_name_alone() {
    let world = crate::tests::world::World::new().await;
    let (p1, p2) = (crate::tests::world::PATIENT, crate::tests::world::OTHER);
    let coded = |code: &str| json!({ "coding": [{ "code": code }] });
    let kept = [
        (p1, "in", json!({ "resourceType": "AllergyIntolerance", "clinicalStatus": coded("active") })),
        (p1, "in", json!({ "resourceType": "AllergyIntolerance", "text": { "div": "narrative" } })),
        (p1, "in", json!({ "resourceType": "MedicationRequest", "status": "active" })),
        (p1, "in", json!({ "resourceType": "Condition", "clinicalStatus": coded("recurrence") })),
        (p1, "in", json!({ "resourceType": "Device", "status": "active" })),
        (p1, "in", json!({ "resourceType": "Consent", "status": "active", "category": [coded("dnr")] })),
        (
            p1,
            "in",
            json!({ "resourceType": "DocumentReference", "status": "current", "type": coded("42348-3") }),
        ),
        (p1, "in", json!({ "resourceType": "Immunization", "status": "completed" })),
        (p1, "out", json!({ "resourceType": "AllergyIntolerance", "verificationStatus": coded("refuted") })),
        (p1, "out", json!({ "resourceType": "Condition", "clinicalStatus": coded("resolved") })),
        (p1, "out", json!({ "resourceType": "MedicationRequest", "status": "stopped" })),
        (
            p1,
            "out",
            json!({ "resourceType": "Consent", "status": "active", "category": [coded("research")] }),
        ),
        (p1, "out", json!({ "resourceType": "DocumentReference", "status": "current", "type": coded("x") })),
        (p1, "out", json!({ "resourceType": "Condition", "meta": { "security": [{ "code": "HIV" }] } })),
        (
            p1,
            "out",
            json!({ "resourceType": "MedicationStatement", "meta": { "security": [{ "code": "ETH" }] } }),
        ),
        // By its code, as when it is sealed, and not by a label alone.
        (p1, "out", json!({ "resourceType": "Condition", "category": [coded("REPROD")] })),
        (p2, "out", json!({ "resourceType": "AllergyIntolerance", "clinicalStatus": coded("active") })),
    ];
    for (number, (patient, place, mut resource)) in kept.into_iter().enumerate() {
        resource["id"] = json!(format!("{place}-{number}"));
        world.engine.keep(Some(patient), resource);
    }
    let made = summary::make(&world.gateway, p1).await.expect("made").expect("a patient");
    let made: Value = serde_json::from_slice(&made).expect("JSON");
    let entries = made["entry"].as_array().expect("entries");
    let ids: Vec<_> = entries.iter().filter_map(|entry| entry["resource"]["id"].as_str()).collect();
    assert_eq!(ids.iter().filter(|id| id.starts_with("in-")).count(), 8, "{ids:?}");
    assert!(!ids.iter().any(|id| id.starts_with("out-")), "{ids:?}");
    assert!(!made.to_string().contains("narrative"));
    assert!(summary::make(&world.gateway, "nobody").await.expect("an answer").is_none());
    // What is over takes no room from what stands.
    let over = json!({
        "resourceType": "AllergyIntolerance", "id": "out-large", "clinicalStatus": coded("resolved"),
        "note": [{ "text": "x".repeat(500 * 1024) }],
    });
    world.engine.keep(Some(p1), over);
    let again = summary::make(&world.gateway, p1).await.expect("made").expect("a patient");
    let again: Value = serde_json::from_slice(&again).expect("JSON");
    assert_eq!(again["entry"].as_array().map(Vec::len), Some(entries.len()));
    world.engine.fail(crate::engine::fake::Fault::Broken);
    assert!(
        summary::make(&world.gateway, p1).await.is_err(),
        "a store that fails makes no summary without allergies"
    );
}
