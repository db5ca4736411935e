//! A copy of a vault that runs, and a vault that comes back from one.

use crate::source::RecordState;
use crate::store::Reads as _;
use crate::store::tables::EVIDENCE;
use crate::testing::{World, id};
use crate::{StoreError, Vault, settle_restored};
use salus_crypto::Secret32;
use std::sync::Arc;
use std::time::Duration;

fn key() -> Secret32 {
    Secret32::from_bytes(&[9; 32])
}

/// Runs the source until `done` says so of its status.
async fn run_until(vault: &Arc<Vault>, done: impl Fn(&crate::source::SourceStatus) -> bool) {
    let source = vault.source.as_ref().expect("a source");
    let reached = async {
        while !done(&source.status().await.expect("a status")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = vault.run() => panic!("the vault ends: {ended:?}"),
        done = tokio::time::timeout(Duration::from_secs(60), reached) => done.expect("in time"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_from_a_copy_seals_what_came_after_it_under_numbers_that_were_never_used() {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..70);
    world.settle().await;
    // A batch that one custodian lacks, so that its pack is still there.
    world.away(&["regulator"]);
    world.outbox.observations("p1", 70..100);
    let vault = world.vault("hospital-a").expect("open");
    run_until(&vault, |status| status.anchored == 100 && status.open_batches > 0).await;
    let copy = world.path("copy");
    let hold = vault.hold().await;
    let view = hold.view(&copy).expect("a view");
    drop(hold);
    // What comes after the view is not in the copy.
    world.away(&[]);
    world.outbox.observations("p1", 100..150);
    world.settle().await;
    view.write().expect("a copy");
    drop(world.vaults.lock().expect("unpoisoned").remove(&id("hospital-a")));
    drop(vault);

    assert!(matches!(settle_restored(&copy, &Secret32::random()), Err(StoreError::WrongKey)));
    let inspection = settle_restored(&copy, &key()).expect("whole");
    assert_eq!((inspection.sealed, inspection.anchored, inspection.missing_packs), (100, 100, 0));
    let vault = world.open_in("hospital-a", copy).expect("opens");
    world.vaults.lock().expect("unpoisoned").insert(id("hospital-a"), vault.clone());
    world.settle().await;
    let source = vault.source.as_ref().expect("a source");
    for row in world.outbox.rows() {
        let state = source.state_of(&row.resource_type, &row.id, Some(&row.version)).await.expect("a state");
        assert!(matches!(state, Some(RecordState::Anchored { .. })), "{}: {state:?}", row.id);
    }
    assert_eq!(source.status().await.expect("a status").sealed, 150);
    for custodian in ["hospital-b", "regulator"] {
        let custodian = world.vault(custodian).expect("open");
        let evidence = custodian.custodian.store().read().expect("a view").scan(&EVIDENCE, &[], None, 1);
        assert!(evidence.expect("rows").is_empty(), "no number was used for two batches");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_vault_is_held_nothing_is_acknowledged_to_the_outbox() {
    let world = World::new();
    world.open_all();
    let vault = world.vault("hospital-a").expect("open");
    let hold = vault.hold().await;
    world.outbox.observations("p1", 0..30);
    run_until(&vault, |status| status.sealed == 30).await;
    assert_eq!(world.outbox.acked(), 0);
    drop(hold);
    world.settle().await;
    assert_eq!(world.outbox.acked(), world.outbox.last());
}

#[tokio::test]
async fn a_copy_whose_tables_do_not_open_is_refused() {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..70);
    world.settle().await;
    let (vault, copy) = (world.vault("hospital-a").expect("open"), world.path("copy"));
    vault.hold().await.view(&copy).expect("a view").write().expect("a copy");
    let file = copy.join("vault.redb");
    let mut bytes = std::fs::read(&file).expect("a file");
    bytes[..64].fill(0xff);
    std::fs::write(&file, bytes).expect("damage");
    assert!(settle_restored(&copy, &key()).is_err());
}
