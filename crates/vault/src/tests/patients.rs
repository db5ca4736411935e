//! The patient's own reading.

use crate::combine::{AnchoredRoot, Collected, Roots};
use crate::custodian::ReleaseError;
use crate::custodian::decide::Refusal;
use crate::patient::{collect_release, keys_of, open_directories};
use crate::testing::{NETWORK, Person, START_MS, World, id};
use crate::{PatientAnswer, SourceError};
use salus_types::category::Category;
use salus_types::state::{AnchorEntry, key};
use salus_types::vault::{PatientAsk, PatientRequest};
use salus_types::{OrganisationId, VersionId};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..30);
    world.settle().await;
    let person = world.enrol("p1").await;
    world.outbox.observations("p1", 30..40);
    world.outbox.push("Observation", "other", "1", Some("p2"), "");
    world.settle().await;
    (world, person)
}

fn request(
    world: &World,
    person: &Person,
    to: &str,
    ask: PatientAsk,
    versions: Vec<VersionId>,
) -> PatientRequest {
    let pairwise = person.root.at(&id("hospital-a"));
    let now = world.clock.load(Ordering::Relaxed);
    pairwise.sign_request(NETWORK, &id(to), ask, now, versions).expect("signed")
}

#[tokio::test]
async fn a_patient_reads_everything_from_two_custodians_without_an_access_event() {
    let (world, person) = world().await;
    let pairwise = person.root.at(&id("hospital-a"));
    let mut directories = Vec::new();
    for to in ["hospital-a", "regulator"] {
        let vault = world.vault(to).expect("open");
        let asked = vault.answer_patient(&request(&world, &person, to, PatientAsk::Directory, vec![])).await;
        let PatientAnswer::Directory(directory) = asked.expect("answered") else { panic!() };
        directories.push(directory);
    }
    let opened = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &directories);
    assert_eq!((opened.compartments.len(), opened.rejected), (Category::ALL.len(), 0));
    let b = world.vault("hospital-b").expect("open");
    let asked = b.answer_patient(&request(&world, &person, "hospital-b", PatientAsk::Versions, vec![])).await;
    let PatientAnswer::Versions(list) = asked.expect("answered") else { panic!() };
    let versions: Vec<_> = list.versions.iter().map(|listed| listed.version).collect();
    assert_eq!(versions.len(), 40);

    let before = world.height();
    let mut collected = Collected::default();
    for (to, ask) in [("hospital-b", PatientAsk::Release), ("regulator", PatientAsk::Shares)] {
        let vault = world.vault(to).expect("open");
        let asked = vault.answer_patient(&request(&world, &person, to, ask, versions.clone())).await;
        let PatientAnswer::Release(release) = asked.expect("answered") else { panic!() };
        assert_eq!(release.versions.is_empty(), ask == PatientAsk::Shares);
        collect_release(&mut collected, &pairwise.kem, &NETWORK, world.member(to), *release).expect("opens");
    }
    assert_eq!(world.height(), before, "no event");
    let keys = keys_of(&opened.compartments);
    let roots = roots(&world, &collected);
    for version in &versions {
        let mut blame = Vec::new();
        let found = collected.open(version, &keys, &roots, &mut blame).expect("opens");
        assert!(blame.is_empty() && found.category == Category::Labs);
        assert!(std::str::from_utf8(&found.opened.bytes).expect("text").contains("laboratory"));
    }
}

fn roots(world: &World, collected: &Collected) -> Roots {
    let mut roots = Roots::new();
    for (source, sequence) in collected.batches() {
        let entry: AnchorEntry = world.entry(key::anchor(&source, sequence)).expect("anchored");
        roots.insert(
            (source, sequence),
            AnchoredRoot { root: entry.batch_root, size_class: entry.size_class },
        );
    }
    roots
}

#[tokio::test]
async fn a_patients_request_is_refused_when_forged_stale_misdirected_replayed_or_anothers() {
    let (world, person) = world().await;
    let vault = world.vault("regulator").expect("open");
    let good = || request(&world, &person, "regulator", PatientAsk::Versions, vec![]);
    let sign_at = |time_ms: u64| {
        let pairwise = person.root.at(&id("hospital-a"));
        pairwise
            .sign_request(NETWORK, &id("regulator"), PatientAsk::Versions, time_ms, vec![])
            .expect("signed")
    };
    let changed = |change: fn(&mut PatientRequest)| {
        let mut request = good();
        change(&mut request);
        request
    };
    let twice = good();
    vault.answer_patient(&twice).await.expect("once");
    for (request, expected) in [
        (twice, Refusal::Replayed),
        (changed(|r| r.signature.0[0] ^= 1), Refusal::Signature),
        (changed(|r| r.body.nonce[0] ^= 1), Refusal::Signature),
        (changed(|r| r.body.ask = PatientAsk::Release), Refusal::Signature),
        (changed(|r| r.body.network.0.0[0] ^= 1), Refusal::Network),
        (changed(|r| r.body.audience = id("hospital-b")), Refusal::Audience),
        (sign_at(START_MS - 5 * 60_000 - 1), Refusal::Stale),
        (sign_at(START_MS + 5 * 60_000 + 1), Refusal::Stale),
    ] {
        match vault.answer_patient(&request).await {
            Err(ReleaseError::Refused(given)) => assert_eq!(given, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    vault.answer_patient(&sign_at(START_MS + 5 * 60_000)).await.expect("five minutes are allowed");
    let versions = vault.answer_patient(&good()).await.expect("answered");
    let PatientAnswer::Versions(list) = versions else { panic!() };
    let stranger = Person { root: crate::patient::Root::from_bytes(&[0x77; 32]), compartments: vec![] };
    let theirs = vec![list.versions[0].version];
    let asked =
        vault.answer_patient(&request(&world, &stranger, "regulator", PatientAsk::Release, theirs)).await;
    assert!(matches!(asked, Err(ReleaseError::Refused(Refusal::NotTheOwner))));
    let unknown = vec![VersionId(salus_types::Digest([1; 32]))];
    let asked =
        vault.answer_patient(&request(&world, &person, "regulator", PatientAsk::Release, unknown)).await;
    assert!(matches!(asked, Err(ReleaseError::Refused(Refusal::VersionUnknown))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_a_hundred_times_at_once_is_answered_once() {
    let (world, person) = world().await;
    let vault = world.vault("regulator").expect("open");
    let once = request(&world, &person, "regulator", PatientAsk::Versions, vec![]);
    let answers = futures::future::join_all((0..100).map(|_| vault.answer_patient(&once))).await;
    let replayed = |answer: &_| matches!(answer, Err(ReleaseError::Refused(Refusal::Replayed)));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| replayed(answer)).count(), 99);
}

#[tokio::test]
async fn nobody_reads_the_records_of_who_has_not_enrolled_and_enrolment_reaches_back() {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..2);
    world.settle().await;
    let person = world.enrol("p1").await;
    let again = world.enrol("p1").await;
    assert_eq!(person.compartments.len(), again.compartments.len());
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let other = crate::patient::Root::from_bytes(&[0x55; 32]).at(&id("hospital-a"));
    let refused = source.enrol_patient("p1", other.signing.public(), &other.kem.public().0).await;
    assert!(matches!(refused, Err(SourceError::Enrolled)));
    let refused = source.enrol_patient("p3", other.signing.public(), &[0; 3]).await;
    assert!(matches!(refused, Err(SourceError::Envelope(_))));
    world.settle().await;
    let list = world.vault("regulator").expect("open").custodian.clone();
    let owner = person.root.at(&id("hospital-a")).address;
    assert_eq!(list.versions_for_patient(owner).await.expect("a list").versions.len(), 2);
    assert_eq!(source.patient_at(owner).await.expect("an answer").as_deref(), Some("p1"));
    let source_name: OrganisationId = id("hospital-a");
    assert_ne!(person.root.at(&source_name).address, person.root.at(&id("hospital-b")).address);
}

#[tokio::test]
async fn an_enrolment_request_opens_at_its_organisation_alone() {
    let world = World::new();
    let root = crate::patient::Root::random();
    let pairwise = root.at(&id("hospital-a"));
    let sealed = pairwise.enrolment_request(NETWORK, world.member("hospital-a"), "INVITE-1").expect("sealed");
    let open =
        |name: &str| crate::patient::open_enrolment_request(&sealed, &world.kem(name), &NETWORK, &id(name));
    let request = open("hospital-a").expect("opens");
    assert_eq!((request.patient, request.invite.as_str()), (pairwise.signing.public(), "INVITE-1"));
    assert!(open("hospital-b").is_err());
}
