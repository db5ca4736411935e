//! A patient's keys are replaced: the new ones read everything, the old ones and what they granted read nothing.

use crate::PatientAnswer;
use crate::SourceError;
use crate::patient::{Root, open_directories};
use crate::testing::{NETWORK, Person, World, id};
use salus_types::Digest;
use salus_types::category::{Category, Purpose};
use salus_types::vault::{PatientAsk, PatientRequest};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const CUSTODIANS: [&str; 3] = ["hospital-a", "hospital-b", "regulator"];
const DOCTOR: Digest = Digest([5; 32]);

async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..20);
    let person = world.enrol("p1").await;
    world.settle().await;
    (world, person)
}

/// Replaces the keys of p1, as the person with `old` asks, or as the desk does; waits until custodians know.
async fn rekeyed(world: &Arc<World>, old: Option<&Person>, root: Root) -> Person {
    let pairwise = root.at(&id("hospital-a"));
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let old = old.map(|old| old.root.at(&id("hospital-a")).signing.public());
    let (key, kem) = (pairwise.signing.public(), pairwise.kem.public().0);
    let directory = source.rekey_patient("p1", old, key, &kem).await.expect("replaced");
    let again = source.rekey_patient("p1", old, key, &kem).await.expect("once more");
    assert_eq!(directory, again, "repeated, it gives the same");
    let found = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &[directory]);
    assert_eq!(found.rejected, 0);
    world.settle().await;
    Person { root, compartments: found.compartments }
}

fn request(world: &World, person: &Person, to: &str, ask: PatientAsk) -> PatientRequest {
    let now = world.clock.load(Ordering::Relaxed);
    let pairwise = person.root.at(&id("hospital-a"));
    pairwise.sign_request(NETWORK, &id(to), ask, now, Vec::new()).expect("signed")
}

/// How many compartments and versions a custodian shows to a person.
async fn shown(world: &World, person: &Person, custodian: &str) -> (usize, usize) {
    let vault = world.vault(custodian).expect("open");
    let asked = vault.answer_patient(&request(world, person, custodian, PatientAsk::Directory)).await;
    let Ok(PatientAnswer::Directory(directory)) = asked else { return (0, 0) };
    let pairwise = person.root.at(&id("hospital-a"));
    let found = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &[directory]);
    let asked = vault.answer_patient(&request(world, person, custodian, PatientAsk::Versions)).await;
    let Ok(PatientAnswer::Versions(list)) = asked else { return (found.compartments.len(), 0) };
    (found.compartments.len(), list.versions.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_new_keys_read_everything_and_the_old_ones_nothing_anywhere() {
    let (world, person) = world().await;
    let both_epochs = 2 * Category::ALL.len();
    let new = rekeyed(&world, Some(&person), Root::from_bytes(&[77; 32])).await;
    assert_eq!(new.compartments.len(), both_epochs, "every compartment began a new epoch");
    world.outbox.observations("p1", 20..25);
    world.settle().await;
    for custodian in CUSTODIANS {
        assert_eq!(shown(&world, &new, custodian).await, (both_epochs, 25), "{custodian}");
        assert_eq!(shown(&world, &person, custodian).await, (0, 0), "{custodian}: the old keys");
    }
    let old_keys: Vec<_> = person.compartments.iter().map(|opened| opened.compartment).collect();
    let fresh = new.compartments.iter().filter(|opened| !old_keys.contains(&opened.compartment)).count();
    assert_eq!(
        fresh,
        Category::ALL.len(),
        "what is sealed from now on is under keys that the thief never had"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_old_keys_granted_is_over_at_once_and_nothing_new_can_be_granted_with_them() {
    let (world, person) = world().await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let b = world.vault("hospital-b").expect("open");
    let before = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!(before.records.len(), 20);
    let new = rekeyed(&world, Some(&person), Root::from_bytes(&[77; 32])).await;
    let after = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await;
    assert!(after.is_err() || after.is_ok_and(|reading| reading.records.is_empty()), "nothing is released");
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(!source.grant_ended(grant.grant).await.expect("looked"), "its epochs were rotated already");
    // The thief grants with the old root what it knew; the source does not believe it.
    let forged = world.make_grant(&person, 9, |_| {});
    world.apply(&forged.one_time.public(), &forged.action.clone().into()).expect("final");
    let taken = world.vault("hospital-a").expect("open").mailbox.receive(forged.notice.clone()).await;
    assert!(taken.is_err(), "the notice names what is not the owner's any more");
    // The person grants with the new one.
    let fresh = world.grant(&new, 0, |_| {}).await;
    let reading = b.reader.read(fresh.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!(reading.records.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_replaced_by_the_key_that_stands_or_by_the_desk_and_never_go_back() {
    let (world, person) = world().await;
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let at = |root: &Root| root.at(&id("hospital-a"));
    let [thief, second, third] = [1_u8, 77, 78].map(|n| Root::from_bytes(&[n; 32]));
    let replace = async |patient: &'static str, old: Option<&Root>, new: &Root| {
        let (old, new) = (old.map(|old| at(old).signing.public()), at(new));
        source.rekey_patient(patient, old, new.signing.public(), &new.kem.public().0).await
    };
    let stranger = replace("p1", Some(&thief), &second).await;
    assert!(matches!(stranger, Err(SourceError::Enrolled)), "a key that is not the patient's");
    let nobody = replace("p2", None, &second).await;
    assert!(matches!(nobody, Err(SourceError::NotEnrolled)), "nobody has keys there");
    assert!(replace("p1", Some(&person.root), &second).await.is_ok());
    let again = replace("p1", Some(&person.root), &third).await;
    assert!(matches!(again, Err(SourceError::Enrolled)), "the old key has no say any more");
    let shared = replace("p1", None, &second).await;
    assert!(shared.is_ok(), "the desk, with the key that stands: nothing to do");
    assert!(replace("p1", None, &third).await.is_ok(), "the desk, whatever key stood");
}
