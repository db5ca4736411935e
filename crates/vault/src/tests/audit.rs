//! Releases and access events match one to one; what does not is found, on either side.

use crate::custodian::Released;
use crate::custodian::audit::{Comparison, Event, Mismatch, compare};
use crate::store::tables::{RELEASES, ReleaseRow, key};
use crate::testing::{World, id};
use salus_types::category::Purpose;
use salus_types::state::AccessEntry;
use salus_types::{AccessId, Digest, OrganisationId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DOCTOR: Digest = Digest([5; 32]);
const CUSTODIANS: [&str; 3] = ["hospital-a", "hospital-b", "regulator"];

async fn logs(world: &World) -> BTreeMap<OrganisationId, Vec<Released>> {
    let mut logs = BTreeMap::new();
    for name in CUSTODIANS {
        let custodian = &world.vault(name).expect("open").custodian;
        logs.insert(id(name), custodian.released(None, usize::MAX).await.expect("a log"));
    }
    logs
}

fn events(world: &World) -> BTreeMap<AccessId, Event> {
    world.access_events().into_iter().map(|(access, entry)| (access, Event::from(entry))).collect()
}

pub(super) async fn comparison(world: &World) -> Comparison {
    compare(&events(world), &logs(world).await)
}

/// A patient's records, read under several grants, some of them again and again.
async fn read_world(reads: usize) -> Arc<World> {
    let world = World::new();
    world.versions_per_event.store(3, Ordering::Relaxed);
    world.open_all();
    world.outbox.observations("p1", 0..10);
    let person = world.enrol("p1").await;
    world.settle().await;
    for number in 0..3 {
        let grant = world.grant(&person, number, |_| {}).await;
        world.settle().await;
        let reader = world.vault("hospital-b").expect("open").reader.clone();
        for _ in 0..reads {
            let reading = reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
            assert_eq!(reading.records.len(), 3, "as many as an event may have");
        }
    }
    restart(&world);
    world
}

/// Ends what custodians that were asked besides still write.
fn restart(world: &Arc<World>) {
    for name in CUSTODIANS {
        world.vaults.lock().expect("unpoisoned").remove(&id(name));
        world.open(name);
    }
}

pub(super) fn plant(world: &World, name: &str, access: AccessId, root: Digest, row: &ReleaseRow) {
    let vault = world.vault(name).expect("open");
    let tx = vault.custodian.store().write().expect("a writer");
    tx.put(&RELEASES, &key::release(&access, &root), row).expect("put");
    tx.commit().expect("durable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_has_its_releases_and_each_release_its_event() {
    all_match(10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "nightly: a hundred thousand accesses"]
async fn a_hundred_thousand_events_and_releases_match() {
    all_match(33_334).await;
}

/// Three grants, each read as often.
async fn all_match(reads: usize) {
    let world = read_world(reads).await;
    let comparison = comparison(&world).await;
    let events = events(&world).len();
    assert_eq!(events, 3 * reads);
    assert_eq!(
        (comparison.matched as usize, comparison.mismatches.len(), comparison.unserved.len()),
        (events, 0, 0)
    );
    let mut released = 0;
    for (name, log) in logs(&world).await {
        let audit = world.vault(name.as_str()).expect("open").custodian.audit().await.expect("audited");
        assert_eq!((audit.releases as usize, audit.mismatches), (log.len(), 0));
        released += log.len();
    }
    assert!(released >= 2 * events, "two custodians of each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_custodian_released_without_an_event_or_otherwise_than_it_says_is_found() {
    let world = read_world(2).await;
    let (access, entry) = world.access_events().into_iter().next().expect("an event");
    let AccessEntry { organisation: to, versions_root: root, count, .. } = entry;
    let row = |to: &OrganisationId, count| ReleaseRow { to: to.clone(), count, time_ms: 1 };
    let cases = [
        ("no event", AccessId(Digest([0xee; 32])), root, row(&to, count), Mismatch::NoEvent),
        ("to another", access, root, row(&id("insurer"), count), Mismatch::OtherOrganisation),
        ("more versions", access, root, row(&to, count + 1), Mismatch::OtherVersions),
        ("others, a second time", access, Digest([0xdd; 32]), row(&to, count), Mismatch::OtherVersions),
    ];
    for (case, access, root, row, expected) in cases {
        let before = world.vault("regulator").expect("open").custodian.released(None, usize::MAX).await;
        plant(&world, "regulator", access, root, &row);
        let audit = world.vault("regulator").expect("open").custodian.audit().await.expect("audited");
        assert_eq!((audit.mismatches, audit.first), (1, vec![(access, expected)]), "{case}");
        assert_eq!(
            world.vault("regulator").expect("open").custodian.last_audit().expect("kept").mismatches,
            1
        );
        let found = comparison(&world).await;
        assert_eq!(found.mismatches, [(id("regulator"), access, expected)], "{case}");
        // As it was before the next case.
        let vault = world.vault("regulator").expect("open");
        let tx = vault.custodian.store().write().expect("a writer");
        tx.remove(&RELEASES, &key::release(&access, &root)).expect("removed");
        for released in before.expect("a log") {
            let Released { access, to, versions_root, count, time_ms } = released;
            let row = ReleaseRow { to, count, time_ms };
            tx.put(&RELEASES, &key::release(&access, &versions_root), &row).expect("put");
        }
        tx.commit().expect("durable");
    }
    assert_eq!(comparison(&world).await.mismatches, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_which_nobody_released_anything_is_found() {
    let world = read_world(2).await;
    let gone = *events(&world).keys().next().expect("an event");
    for name in CUSTODIANS {
        let vault = world.vault(name).expect("open");
        let tx = vault.custodian.store().write().expect("a writer");
        for (at, _) in crate::store::Reads::scan(&tx, &RELEASES, gone.as_bytes(), None, 9).expect("rows") {
            tx.remove(&RELEASES, &at).expect("removed");
        }
        tx.commit().expect("durable");
    }
    let comparison = comparison(&world).await;
    assert_eq!((comparison.mismatches.len(), comparison.unserved), (0, vec![gone]));
    assert_eq!(comparison.matched as usize, events(&world).len() - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_no_release_and_a_restart_forgets_none() {
    let world = read_world(1).await;
    let before = logs(&world).await;
    let reader = world.vault("insurer").expect("open").reader.clone();
    let grant = world.access_events().into_iter().next().expect("an event").1.grant;
    assert!(reader.read(grant, DOCTOR, Purpose::Treatment).await.is_err(), "it has no such grant");
    restart(&world);
    assert_eq!(logs(&world).await, before);
}
