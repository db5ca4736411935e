//! Lists that patients and stewards ask for: what is in them, and what is not.

use crate::cases::tests::{Person, steward};
use crate::chain::Chain as _;
use crate::error::Code;
use crate::log::{Access, Kind, Who};
use crate::tests::world::{OTHER, PATIENT, World};
use crate::vault::GivenGrant;
use axum::http::StatusCode;
use salus_crypto::merkle::InclusionProof;
use salus_types::access_log::{leaf, line_hash};
use salus_types::action::AnchorLog;
use salus_types::state::{LogEntry, key};
use salus_types::{Digest, GrantId, decode_canonical};
use salus_verifier::{AccountingFile, Side};
use serde_json::json;

fn read(world: &World, patient: &str, reason: &str) {
    let who = Who::System { id: "lab".into() };
    world.gateway.log.append(Access::about(who, Kind::Read, patient, None, reason)).expect("logged");
}

async fn accounting(world: &World, person: &Person, text: serde_json::Value) -> AccountingFile {
    let document = person.reads(&world.gateway, text).await.expect("an answer");
    AccountingFile::parse(&document["accounting"].to_string()).expect("a file")
}

/// The newest anchor of hospital A.
async fn anchor(world: &World, sequence: u64) -> LogEntry {
    let at = key::log(&world.gateway.config.organisation, sequence);
    decode_canonical(&world.chain.state(at).await.expect("a ledger").expect("an anchor")).expect("an entry")
}

#[tokio::test]
async fn a_list_has_every_entry_of_the_patient_and_nobody_elses_up_to_its_own_making() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    for (patient, reason) in [(PATIENT, "first"), (OTHER, "elsewhere"), (PATIENT, "second")] {
        read(&world, patient, reason);
    }
    let file = accounting(&world, &person, json!({ "ask": "accounting" })).await;
    let statement = &file.statement;
    let said: Vec<_> =
        statement.entries.iter().map(|entry| (entry.number, entry.says.why.as_str())).collect();
    assert_eq!(said, [(1, "first"), (2, "second"), (3, "at the patient's wish")]);
    assert!(!json!(file).to_string().contains("elsewhere"), "what others did elsewhere is not in it");
    assert_eq!(statement.entries[0].says.side, Side::Disclosure, "a system may stand anywhere");
    assert_eq!((statement.patient.as_str(), statement.before), (PATIENT, None));
    let anchor = anchor(&world, statement.anchor.sequence).await;
    assert_eq!(anchor.entries, 4, "the log is anchored up to the making of the list");
    for (entry, index) in statement.entries.iter().zip([0, 2, 3]) {
        let proof = InclusionProof { index, size: anchor.entries, path: entry.path.clone() };
        proof.verify(&leaf(&line_hash(entry.line.as_bytes())), &anchor.head).expect("leads to the head");
    }
    let older = accounting(&world, &person, json!({ "ask": "accounting", "before": 3 })).await;
    assert_eq!(older.statement.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2]);
    let none = person.reads(&world.gateway, json!({ "ask": "accounting", "before": 1 })).await;
    assert_eq!(none.expect_err("nothing is older").code(), Code::NotFound);
    let often = person.reads(&world.gateway, json!({ "ask": "accounting" })).await;
    assert_eq!(often.expect_err("a fourth in one minute").code(), Code::Throttled);
}

#[tokio::test]
async fn a_list_has_the_grants_that_the_organisation_was_told_of_and_that_are_on_the_ledger() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let (known, unknown) = (world.grant(|_| {}).await.held.grant, GrantId(Digest([9; 32])));
    *world.vault.given.lock().expect("lock") =
        [known, unknown].map(|grant| GivenGrant { grant, not_before_ms: 1 }).to_vec();
    let file = accounting(&world, &person, json!({ "ask": "accounting" })).await;
    let grants: Vec<_> = file.statement.grants.iter().map(|grant| grant.grant).collect();
    assert_eq!(grants, [known], "what never came about gave nothing to anybody");
}

#[tokio::test]
async fn after_a_restore_from_an_older_backup_the_log_that_is_there_is_anchored() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let organisation = world.gateway.config.organisation.clone();
    for (sequence, entries) in [(0, 1), (1, 500)] {
        let lost = AnchorLog { organisation: organisation.clone(), head: Digest([7; 32]), entries, sequence };
        world.gateway.submit(lost, std::time::Duration::from_secs(5)).await.expect("anchored");
    }
    let file = accounting(&world, &person, json!({ "ask": "accounting" })).await;
    let (anchor, entry) = (anchor(&world, 2).await, &file.statement.entries[0]);
    assert_eq!((file.statement.anchor.sequence, anchor.entries), (2, 1));
    let proof = InclusionProof { index: 0, size: 1, path: entry.path.clone() };
    proof.verify(&leaf(&line_hash(entry.line.as_bytes())), &anchor.head).expect("leads to the head");
}

#[tokio::test]
async fn a_steward_makes_the_list_at_the_desk_and_the_list_says_so() {
    let world = World::new().await;
    read(&world, PATIENT, "first");
    let answer = steward(&world, "/staff/accountings", r#"{"patient":"p1"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    let file = AccountingFile::parse(&answer.body).expect("a file");
    let last = file.statement.entries.last().expect("its own making");
    assert_eq!(last.says.what, "made a signed list of who looked");
    assert!(last.says.who.contains("steward"), "{}", last.says.who);
}

#[tokio::test]
async fn without_the_ledger_there_is_no_list() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    *world.chain.refusal.lock().expect("lock") = Some("not now");
    let refused = person.reads(&world.gateway, json!({ "ask": "accounting" })).await;
    assert!(refused.is_err(), "no anchor, no list");
    *world.chain.refusal.lock().expect("lock") = None;
    let file = accounting(&world, &person, json!({ "ask": "accounting" })).await;
    assert_eq!(file.statement.entries.len(), 2, "that one was asked for stays in the log");
}
