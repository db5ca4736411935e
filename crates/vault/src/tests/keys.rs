//! An organisation that changes its keys: what it keeps stays where it is, what it has signed is signed anew.

use crate::patient::open_directories;
use crate::source::Step;
use crate::testing::{NETWORK, Person, World, crash, id};
use salus_types::Digest;
use salus_types::category::{Category, Purpose};
use std::sync::Arc;

const DOCTOR: Digest = Digest([5; 32]);
const CUSTODIANS: [&str; 3] = ["hospital-a", "hospital-b", "regulator"];

async fn world(records: usize) -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..records);
    let person = world.enrol("p1").await;
    world.settle().await;
    (world, person)
}

/// Whether the device of this person believes all that this organisation says of its compartments.
async fn is_believed(world: &World, person: &Person, custodian: &str) -> bool {
    let pairwise = person.root.at(&id("hospital-a"));
    let vault = world.vault(custodian).expect("open");
    let directory = vault.custodian.directory_for_patient(pairwise.address).await.expect("an answer");
    let found = open_directories(&pairwise, &NETWORK, &world.member_now("hospital-a"), &[directory]);
    found.rejected == 0 && found.compartments.len() == Category::ALL.len()
}

/// Runs the source until every custodian has what is signed with the key of now.
async fn signed_anew(world: &Arc<World>, people: &[&Person]) {
    world
        .run_until(async |world, source| {
            for person in people {
                for custodian in CUSTODIANS {
                    if !is_believed(world, person, custodian).await {
                        return false;
                    }
                }
            }
            source.status().await.expect("a status").parcels == 0
        })
        .await;
}

async fn read(world: &World, grant: salus_types::GrantId) -> usize {
    let b = world.vault("hospital-b").expect("open");
    let reading = b.reader.read(grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert!(reading.blame.is_empty());
    reading.records.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custodians_and_a_grantee_with_new_keys_open_what_was_sealed_to_the_old_ones() {
    let (world, person) = world(20).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    world.renew_keys("regulator");
    world.renew_keys("hospital-b");
    // Two shares of three, from the two that have new keys.
    world.away(&["hospital-a"]);
    assert_eq!(read(&world, grant.grant).await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_replaced_twice_are_needed_for_nothing_in_custody() {
    let (world, person) = world(20).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    for _ in 0..2 {
        world.renew_keys("regulator");
        world.renew_keys("hospital-b");
    }
    world.away(&["hospital-a"]);
    assert_eq!(read(&world, grant.grant).await, 20);
}

#[tokio::test]
async fn a_letter_to_the_former_key_is_taken_and_one_to_the_key_before_that_is_not() {
    let (world, person) = world(1).await;
    let letters = [0, 1].map(|counter| world.make_grant(&person, counter, |_| {}));
    for (grant, taken) in letters.iter().zip([true, false]) {
        world.renew_keys("hospital-b");
        world.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
        let b = world.vault("hospital-b").expect("open");
        assert_eq!(b.mailbox.receive(grant.letter.clone()).await.is_ok(), taken);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_a_new_node_key_signs_links_and_records_anew_and_goes_on() {
    let (world, mut person) = world(5).await;
    let grant = world.grant(&person, 0, |_| {}).await;
    assert_eq!(read(&world, grant.grant).await, 5);
    world.renew_keys("hospital-a");
    for custodian in CUSTODIANS {
        assert!(!is_believed(&world, &person, custodian).await, "signed with a key that is no member's");
    }
    signed_anew(&world, &[&person]).await;
    // A revoke turns the epoch under the new key, and a new grant reaches old and new records.
    world.revoke(&grant);
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(source.grant_ended(grant.grant).await.expect("rotated"));
    drop(source);
    world.outbox.observations("p1", 5..8);
    world.settle().await;
    let pairwise = person.root.at(&id("hospital-a"));
    let vault = world.vault("regulator").expect("open");
    let directory = vault.custodian.directory_for_patient(pairwise.address).await.expect("an answer");
    let member = world.member_now("hospital-a");
    let found = open_directories(&pairwise, &NETWORK, &member, &[directory]);
    assert_eq!(found.rejected, 0);
    person.compartments = found.compartments;
    let again = world.grant(&person, 1, |_| {}).await;
    world.settle().await;
    assert_eq!(read(&world, again.grant).await, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grantee_gets_the_keys_that_a_source_with_a_new_key_had_not_sent() {
    let (world, person) = world(5).await;
    let ended = world.grant(&person, 0, |_| {}).await;
    let standing = world.grant(&person, 1, |_| {}).await;
    // The new epoch's key waits for a grantee that is away, signed with the old key.
    world.away(&["hospital-b"]);
    world.revoke(&ended);
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(source.grant_ended(ended.grant).await.expect("rotated"));
    drop(source);
    world.renew_keys("hospital-a");
    world.away(&[]);
    world.outbox.observations("p1", 5..8);
    world.settle().await;
    world
        .run_until(async |world, _| {
            let b = world.vault("hospital-b").expect("open");
            b.reader.plan(standing.grant).await.is_ok_and(|plan| plan.versions.len() == 8)
        })
        .await;
    assert_eq!(read(&world, standing.grant).await, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_anew_that_a_crash_stops_goes_on_where_it_was() {
    let world = World::new();
    world.open_all();
    let mut people = Vec::new();
    // The name's length makes the root: each is another person; more than one step takes.
    for length in 1..=20 {
        people.push(world.enrol(&"p".repeat(length)).await);
    }
    world.settle().await;
    world.renew_keys("hospital-a");
    world.vaults.lock().expect("unpoisoned").remove(&id("hospital-a"));
    crash(&world, Step::SignedAnew, 1).await;
    let vault = world.open_in("hospital-a", world.path("after-crash")).expect("opens");
    world.vaults.lock().expect("unpoisoned").insert(id("hospital-a"), vault);
    signed_anew(&world, &people.iter().collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_signed_anew_before_the_ledger_has_the_key() {
    let (world, person) = world(1).await;
    let old = world.member_now("hospital-a");
    world.renew_keys("hospital-a");
    let new = world.member_now("hospital-a");
    let put = |member: &salus_types::organisation::Organisation| {
        let mut members = world.members.lock().expect("unpoisoned");
        *members.iter_mut().find(|one| one.id == member.id).expect("a member") = member.clone();
    };
    put(&old);
    world.outbox.observations("p1", 1..2);
    // Custodians refuse what is signed with a key that the ledger has not; nothing is lost.
    world
        .run_until(async |world, source| {
            source.status().await.expect("a status").outbox_cursor >= world.outbox.last()
        })
        .await;
    assert!(is_believed(&world, &person, "regulator").await, "what stood stands");
    put(&new);
    world.settle().await;
    signed_anew(&world, &[&person]).await;
}
