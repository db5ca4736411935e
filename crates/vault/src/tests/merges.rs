//! Two registrations of one person become one, and two again.

use crate::PatientAnswer;
use crate::SourceError;
use crate::patient::{Root, open_directories};
use crate::source::Source;
use crate::testing::{NETWORK, Person, World, id};
use salus_types::category::Category;
use salus_types::vault::PatientAsk;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const CUSTODIANS: [&str; 3] = ["hospital-a", "hospital-b", "regulator"];

/// p1 and p2 have records; p1 has a device.
async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..10);
    world.outbox.observations("p2", 10..15);
    let person = world.enrol("p1").await;
    world.settle().await;
    (world, person)
}

fn source(world: &Arc<World>) -> Arc<Source> {
    world.vault("hospital-a").expect("open").source.clone().expect("a source")
}

fn key(person: &Person) -> salus_types::PublicKey {
    person.root.at(&id("hospital-a")).signing.public()
}

/// How many compartments open and versions a custodian shows to a person.
async fn shown(world: &World, person: &Person, custodian: &str) -> (usize, usize) {
    let vault = world.vault(custodian).expect("open");
    let pairwise = person.root.at(&id("hospital-a"));
    let now = world.clock.load(Ordering::Relaxed);
    let ask = |ask| pairwise.sign_request(NETWORK, &id(custodian), ask, now, Vec::new()).expect("signed");
    let asked = vault.answer_patient(&ask(PatientAsk::Directory)).await;
    let Ok(PatientAnswer::Directory(directory)) = asked else { return (0, 0) };
    let found = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &[directory]);
    assert_eq!(found.rejected, 0);
    let asked = vault.answer_patient(&ask(PatientAsk::Versions)).await;
    let Ok(PatientAnswer::Versions(list)) = asked else { return (found.compartments.len(), 0) };
    (found.compartments.len(), list.versions.len())
}

async fn all_show(world: &Arc<World>, person: &Person, versions: usize) {
    world.settle().await;
    for custodian in CUSTODIANS {
        let (_, listed) = shown(world, person, custodian).await;
        assert_eq!(listed, versions, "{custodian}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_nobody_had_is_read_with_the_key_of_the_other_and_goes_back() {
    let (world, person) = world().await;
    all_show(&world, &person, 10).await;
    let source = source(&world);
    source.merge_patients("p2", "p1", None).await.expect("merged");
    source.merge_patients("p2", "p1", None).await.expect("once more changes nothing");
    all_show(&world, &person, 15).await;
    world.outbox.observations("p2", 15..17);
    all_show(&world, &person, 17).await;
    let directory =
        source.directory(salus_types::Address::of(&key(&person))).await.expect("read").expect("there");
    let pairwise = person.root.at(&id("hospital-a"));
    let found = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &[directory]);
    assert_eq!(found.rejected, 0);
    assert!(found.compartments.len() > 2 * Category::ALL.len());
    source.part_patients("p2").await.expect("parted");
    source.part_patients("p2").await.expect("once more changes nothing");
    all_show(&world, &person, 10).await;
    world.outbox.observations("p2", 17..19);
    all_show(&world, &person, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_devices_one_reads_everything_until_they_part() {
    let (world, person) = world().await;
    let other = Person { root: Root::from_bytes(&[77; 32]), compartments: Vec::new() };
    let pairwise = other.root.at(&id("hospital-a"));
    let source = source(&world);
    let enrolled = source.enrol_patient("p2", pairwise.signing.public(), &pairwise.kem.public().0).await;
    enrolled.expect("enrolled");
    all_show(&world, &other, 5).await;
    // Not without the other key, and not with a wrong one.
    for old in [None, Some(key(&person))] {
        let refused = source.merge_patients("p2", "p1", old).await;
        assert!(matches!(refused, Err(SourceError::Enrolled)));
    }
    source.merge_patients("p2", "p1", Some(key(&other))).await.expect("merged");
    all_show(&world, &person, 15).await;
    all_show(&world, &other, 0).await;
    source.part_patients("p2").await.expect("parted");
    all_show(&world, &person, 10).await;
    all_show(&world, &other, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_keys_of_one_are_new_keys_of_all_that_was_merged() {
    let (world, person) = world().await;
    let source = source(&world);
    source.merge_patients("p2", "p1", None).await.expect("merged");
    let new = Person { root: Root::from_bytes(&[78; 32]), compartments: Vec::new() };
    let pairwise = new.root.at(&id("hospital-a"));
    let (to, kem) = (pairwise.signing.public(), pairwise.kem.public().0);
    // What was merged has no key of its own to be replaced.
    let refused = source.rekey_patient("p2", None, to, &kem).await;
    assert!(matches!(refused, Err(SourceError::Enrolled)));
    source.rekey_patient("p1", Some(key(&person)), to, &kem).await.expect("replaced");
    all_show(&world, &new, 15).await;
    all_show(&world, &person, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_do_not_chain_and_need_somebody_into_whom() {
    let (world, _person) = world().await;
    let source = source(&world);
    assert!(matches!(source.merge_patients("p1", "p2", None).await, Err(SourceError::NotEnrolled)));
    assert!(matches!(source.merge_patients("p1", "p1", None).await, Err(SourceError::Enrolled)));
    source.merge_patients("p2", "p1", None).await.expect("merged");
    assert!(matches!(source.merge_patients("p3", "p2", None).await, Err(SourceError::Enrolled)));
    let other = Root::from_bytes(&[79; 32]).at(&id("hospital-a"));
    source.enrol_patient("p4", other.signing.public(), &other.kem.public().0).await.expect("enrolled");
    assert!(matches!(source.merge_patients("p2", "p4", None).await, Err(SourceError::Enrolled)));
}
