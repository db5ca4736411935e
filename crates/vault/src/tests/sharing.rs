//! The main job between two hospitals.

use crate::reader::{OpenedRecord, ReadError};
use crate::testing::{DAY_MS, NETWORK, Person, Tamper, World, id};
use crate::{GrantState, Received, Vault};
use salus_crypto::hash::sha256;
use salus_crypto::merkle::leaf_hash;
use salus_types::Digest;
use salus_types::category::{Category, Purpose};
use salus_types::vault::{Consent, ReleaseAsk, package_digest, record_commitment};
use std::sync::Arc;

const DOCTOR: Digest = Digest([5; 32]);

async fn world(records: usize) -> (Arc<World>, Person, Arc<Vault>) {
    let world = World::new();
    world.open_all();
    world.outbox.push("Patient", "p1", "1", None, "");
    world.outbox.push("Condition", "c1", "1", Some("p1"), "");
    world.outbox.observations("p1", 0..records);
    let person = world.enrol("p1").await;
    world.settle().await;
    let b = world.vault("hospital-b").expect("open");
    (world, person, b)
}

/// The proof leads from the record to the anchored root.
fn proof_holds(record: &OpenedRecord) {
    let proof = &record.proof;
    let digest = package_digest(&proof.package, &proof.ciphertext_digest);
    let leaf = leaf_hash(record_commitment(&proof.r, &digest, &sha256(record.bytes.as_slice())));
    assert_eq!(proof.anchor.batch.organisation, record.source);
    proof.batch_path.verify(&leaf, &proof.anchor.entry.batch_root).expect("under the anchored root");
}

#[tokio::test]
async fn what_is_granted_is_read_once_after_an_access_event_and_nothing_else_is() {
    let (world, person, b) = world(100).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let grants = b.mailbox.grants_for("pat-b").await.expect("grants");
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].categories, [Category::Labs]);
    let reading = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!((reading.records.len(), reading.remaining), (100, 0));
    assert!(reading.blame.is_empty());
    reading.records.iter().for_each(proof_holds);
    let event = world.access_entry(&reading.access.expect("an event")).expect("final");
    assert_eq!((event.count, event.organisation, event.practitioner), (100, id("hospital-b"), DOCTOR));
    let texts: Vec<_> = world.outbox.rows().into_iter().map(|row| row.resource).collect();
    for record in &reading.records {
        let text = std::str::from_utf8(&record.bytes).expect("text").to_owned();
        assert!(texts.contains(&text) && text.contains("Observation"));
        assert_eq!(record.proof.plaintext_digest, sha256(&text));
        assert_eq!(record.source, id("hospital-a"));
    }
    b.reader.hold(grant.grant, &reading.records).await.expect("held");
    let submitted = world.height();
    let again = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert!(again.access.is_none() && again.records.is_empty());
    assert_eq!(world.height(), submitted, "nothing to read makes no event");
    let version = reading.records[0].version;
    let proof = b.reader.proof_of(grant.grant, version).await.expect("an answer").expect("a proof");
    assert_eq!(proof, reading.records[0].proof);

    world.outbox.observations("p1", 100..103);
    world.settle().await;
    let plan = b.reader.plan(grant.grant).await.expect("a plan");
    assert_eq!((plan.versions.len(), plan.held), (3, 100));
}

#[tokio::test]
async fn a_large_chart_is_read_in_several_events() {
    let (world, person, b) = world(100).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    drop(b);
    world.vaults.lock().expect("unpoisoned").remove(&id("hospital-b"));
    world.versions_per_event.store(40, std::sync::atomic::Ordering::Relaxed);
    let b = world.open("hospital-b");
    let (mut total, mut events) = (0, 0);
    loop {
        let reading = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
        b.reader.hold(grant.grant, &reading.records).await.expect("held");
        total += reading.records.len();
        events += 1;
        if reading.remaining == 0 {
            break;
        }
    }
    assert_eq!((total, events), (100, 3));
}

#[tokio::test]
async fn one_custodian_away_is_enough_two_are_not() {
    let (world, person, b) = world(20).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    for (away, works) in [
        (vec!["hospital-a", "regulator"], false),
        (vec!["hospital-a", "hospital-b"], false),
        (vec!["hospital-a"], true),
        (vec!["hospital-b"], true),
        (vec!["regulator"], true),
    ] {
        world.away(&away);
        match b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await {
            Ok(reading) => assert!(works && reading.records.len() == 20, "{away:?}"),
            Err(ReadError::TemporarilyUnavailable(_)) => assert!(!works, "{away:?}"),
            Err(error) => panic!("{away:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_custodian_that_hangs_delays_a_read_by_a_moment_only() {
    let (world, person, b) = world(20).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    for hanging in ["hospital-a", "hospital-b", "regulator"] {
        *world.hangs.lock().expect("unpoisoned") = [id(hanging)].into();
        let read = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment);
        let reading = tokio::time::timeout(std::time::Duration::from_secs(5), read).await.expect("in time");
        assert_eq!(reading.expect("read").records.len(), 20, "{hanging}");
    }
}

#[tokio::test]
async fn what_a_custodian_falsifies_is_blamed_on_it_and_read_from_the_others() {
    let (world, person, b) = world(10).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    for liar in ["hospital-a", "hospital-b", "regulator"] {
        for how in [Tamper::Ciphertext, Tamper::Path, Tamper::Shares, Tamper::Sender] {
            *world.tamper.lock().expect("unpoisoned") = Some((id(liar), how));
            let reading = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
            assert_eq!(reading.records.len(), 10, "{liar} {how:?}");
            reading.records.iter().for_each(proof_holds);
            // Hospital A is asked for the packages first.
            let packages = matches!(how, Tamper::Ciphertext | Tamper::Path);
            assert!(!(packages && liar == "hospital-a" && reading.blame.is_empty()), "{how:?}");
            assert!(
                reading.blame.iter().all(|blame| blame.custodian == id(liar)),
                "{liar} {:?}",
                reading.blame
            );
        }
    }
    *world.tamper.lock().expect("unpoisoned") = Some((id("regulator"), Tamper::Shares));
    world.away(&["hospital-a"]);
    let refused = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await;
    assert!(refused.is_err(), "one good share is too few");
}

#[tokio::test]
async fn after_a_revoke_the_next_read_is_refused_by_ledger_and_custodians_and_the_copy_is_counted() {
    let (world, person, b) = world(10).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let reading = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    b.reader.hold(grant.grant, &reading.records).await.expect("held");
    let ask = World::release_ask(&person, &grant, &reading);
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    custodian.release_for_grant(&id("hospital-b"), &ask).await.expect("released while it stands");
    world.revoke(&grant);
    let refused = custodian.release_for_grant(&id("hospital-b"), &ask).await.expect_err("revoked");
    assert_eq!(refused.to_string(), "the grant is revoked");
    let refused = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await;
    assert!(matches!(refused, Err(ReadError::Refused(reason)) if reason == "the grant is revoked"));
    assert_eq!(b.mailbox.forget(grant.grant).await.expect("forgotten"), 10);
    assert_eq!(b.mailbox.forget(grant.grant).await.expect("again"), 10);
    assert_eq!(b.mailbox.grant_state(grant.grant).await.expect("a state"), GrantState::Forgotten(10));
    assert_eq!(b.mailbox.receipts_due().await.expect("due").len(), 1);
    b.mailbox.receipt_given(grant.grant).await.expect("noted");
    assert!(b.mailbox.receipts_due().await.expect("due").is_empty());
    assert!(b.reader.held(grant.grant).await.expect("held").is_empty());
    let unknown = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await;
    assert!(matches!(unknown, Err(ReadError::UnknownGrant)));
}

#[tokio::test]
async fn purpose_practitioner_period_and_expiry_are_refused_before_any_event() {
    let (world, person, b) = world(3).await;
    let only = world.grant(&person, 0, |wish| wish.practitioner = Some(DOCTOR)).await;
    let later = world.grant(&person, 1, |wish| wish.from = wish.to - 1).await;
    let short = world.grant(&person, 2, |wish| wish.to = wish.from + DAY_MS).await;
    world.pass(2 * DAY_MS);
    let before = world.height();
    for (grant, practitioner, purpose, expected) in [
        (&only, Digest([6; 32]), Purpose::Treatment, "the grant is for another practitioner"),
        (&only, DOCTOR, Purpose::Research, "the grant is for another purpose"),
        (&later, DOCTOR, Purpose::Treatment, "the grant has not begun"),
        (&short, DOCTOR, Purpose::Treatment, "the grant has expired"),
    ] {
        let refused = b.reader.read(grant.grant, practitioner, purpose).await;
        assert!(matches!(&refused, Err(ReadError::Refused(reason)) if reason == expected), "{expected}");
    }
    assert_eq!(world.height(), before);
    assert_eq!(b.reader.read(only.grant, DOCTOR, Purpose::Treatment).await.expect("read").records.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reads_at_once_are_a_hundred_events() {
    let (world, person, b) = world(5).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let before = world.submitted.load(std::sync::atomic::Ordering::Relaxed);
    let read = |_| b.reader.read(grant.grant, DOCTOR, Purpose::Treatment);
    let mut events = std::collections::HashSet::new();
    for reading in futures::future::join_all((0..100).map(read)).await {
        let reading = reading.expect("read");
        assert_eq!(reading.records.len(), 5);
        let event = reading.access.expect("an event");
        assert!(world.access_entry(&event).is_some_and(|entry| entry.count == 5));
        events.insert(event);
    }
    assert_eq!(events.len(), 100, "nothing was read under another reading's event");
    assert_eq!(world.submitted.load(std::sync::atomic::Ordering::Relaxed) - before, 100);
}

#[tokio::test]
async fn a_ledger_that_stands_still_keeps_no_grant_alive() {
    let (world, person, b) = world(3).await;
    let grant = world.grant(&person, 0, |wish| wish.to = wish.from + DAY_MS).await;
    let reading = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    let ask = World::release_ask(&person, &grant, &reading);
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    custodian.release_for_grant(&id("hospital-b"), &ask).await.expect("released while it stands");
    world.clock.fetch_add(2 * DAY_MS, std::sync::atomic::Ordering::Relaxed);
    let refused = custodian.release_for_grant(&id("hospital-b"), &ask).await.expect_err("expired");
    assert_eq!(refused.to_string(), "the grant has expired");
    let refused = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await;
    assert!(matches!(refused, Err(ReadError::Refused(reason)) if reason == "the grant has expired"));
}

#[tokio::test]
async fn a_former_grantee_cannot_grant_to_itself_with_the_keys_it_kept() {
    let (world, person, b) = world(5).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    world.revoke(&grant);
    let mut forged = grant.terms.clone();
    let one_time = salus_types::SigningKey::from_seed(&[0x66; 32]);
    forged.grant = salus_types::GrantId::of(&one_time.public());
    let salt = [1; 32];
    let action = salus_types::action::Grant {
        terms: forged.commitment(&salt),
        scope: salus_types::action::scope_commitment(&forged.grantee, forged.purpose, &forged.scope_salt),
        expiry_ms: forged.expiry_ms,
    };
    world.apply(&one_time.public(), &action.into()).expect("the ledger cannot know");
    let own = world.signing("hospital-b");
    for consent in [
        Consent::sign(&forged, &own),
        Consent::sign(&grant.terms, &person.root.at(&id("hospital-a")).signing),
    ] {
        let ask = ReleaseAsk { terms: forged.clone(), terms_salt: salt, consent };
        let custodian = world.vault("regulator").expect("open").custodian.clone();
        let refused = custodian.versions_for_grant(&id("hospital-b"), &ask).await.expect_err("forged");
        assert_eq!(refused.to_string(), "the owner's consent to the terms does not verify");
    }
    drop(b);
}

#[tokio::test]
async fn the_end_of_a_grant_rotates_and_later_records_reach_only_who_still_may_read() {
    let (world, person, b) = world(5).await;
    let ended = world.grant(&person, 0, |_| {}).await;
    let stands = world.grant(&person, 1, |_| {}).await;
    let closed = world.grant(&person, 2, |wish| wish.future = false).await;
    let insurer = world.grant(&person, 3, |wish| wish.grantee = "insurer").await;
    world.revoke(&ended);
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(source.grant_ended(ended.grant).await.expect("rotated"));
    assert!(!source.grant_ended(ended.grant).await.expect("once"));
    assert_eq!(source.status().await.expect("a status").rotated, 1);
    world.outbox.observations("p1", 5..8);
    world.settle().await;
    for (vault, grant, expected) in
        [(&b, &stands, 8), (&b, &closed, 5), (&world.vault("insurer").expect("open"), &insurer, 8)]
    {
        let reading = vault.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
        assert_eq!((reading.records.len(), reading.remaining), (expected, 0));
    }
    // The patient finds the new epoch; a new grant with old knowledge gets the new key from the source.
    let late = world.grant(&person, 4, |_| {}).await;
    world.settle().await;
    let reading = b.reader.read(late.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!(reading.records.len(), 8);
    assert_eq!(NETWORK, late.terms.network);
}

#[tokio::test]
async fn a_letter_that_overtakes_its_grant_waits_and_is_then_taken() {
    let (world, person, b) = world(1).await;
    let grant = world.make_grant(&person, 0, |_| {});
    let received = b.mailbox.receive(grant.letter.clone()).await.expect("kept");
    assert_eq!(received, Received::Waiting(grant.grant));
    b.mailbox.look_at_pending().await.expect("looked");
    assert_eq!(b.mailbox.grant_state(grant.grant).await.expect("a state"), GrantState::Unknown);
    world.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
    b.mailbox.look_at_pending().await.expect("looked");
    assert_eq!(b.mailbox.grant_state(grant.grant).await.expect("a state"), GrantState::Kept);
    assert_eq!(b.mailbox.receive(grant.letter).await.expect("again"), Received::Letter(grant.grant));
}
