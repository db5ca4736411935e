//! From the outbox to the anchor, with crashes at every step.

use crate::source::{RecordState, SourceError, Step};
use crate::store::Reads as _;
use crate::store::tables::{HELD_VERSIONS, id_at_end};
use crate::testing::{World, crash, id};
use crate::{StoreError, Vault, VaultError};
use salus_crypto::Digest;
use salus_crypto::hash::sha256;
use salus_crypto::merkle::leaf_hash;
use salus_types::VersionId;
use salus_types::organisation::Class;
use salus_types::vault::{Content, package_digest, record_commitment};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const ROWS: usize = 150;

/// Every row is anchored once, and its proof leads to the root on the ledger.
async fn check_all(world: &Arc<World>, vault: &Vault, context: &str) {
    let source = vault.source.as_ref().expect("a source");
    let rows = world.outbox.rows();
    let mut seen = HashSet::new();
    for row in &rows {
        let state = source.state_of(&row.resource_type, &row.id, Some(&row.version)).await.expect("a state");
        let Some(RecordState::Anchored { sequence, .. }) = state else { panic!("{context}: {state:?}") };
        let proof =
            source.proof_of(&row.resource_type, &row.id, Some(&row.version)).await.expect("an answer");
        let proof = proof.expect("a proof");
        assert!(seen.insert(proof.package.version), "{context}: sealed twice");
        if proof.package.content == Content::Fhir {
            assert_eq!(proof.plaintext_digest, sha256(&row.resource));
        }
        let digest = package_digest(&proof.package, &proof.ciphertext_digest);
        let leaf = record_commitment(&proof.r, &digest, &proof.plaintext_digest);
        assert_eq!(proof.anchor.batch.sequence, sequence);
        proof.batch_path.verify(&leaf_hash(leaf), &proof.anchor.entry.batch_root).expect("under the root");
    }
    let status = source.status().await.expect("a status");
    let total = rows.len() as u64;
    assert_eq!((status.sealed, status.custody, status.anchored), (total, total, total), "{context}");
    assert_eq!(world.outbox.acked(), world.outbox.last(), "{context}");
}

/// Versions in custody at an organisation.
fn kept(vault: &Vault) -> Vec<VersionId> {
    let rows = vault.custodian.store().read().expect("a view").scan(&HELD_VERSIONS, &[], None, usize::MAX);
    rows.expect("rows").into_iter().map(|(at, _)| VersionId(id_at_end(&at[..32]))).collect()
}

fn fill(world: &World) {
    world.outbox.push("Organization", "org", "1", None, "");
    world.outbox.push("Patient", "p1", "1", None, "");
    world.outbox.observations("p1", 0..ROWS / 2);
    world.outbox.observations("p2", ROWS / 2..ROWS - 3);
    world.outbox.push_deleted("Observation", "o1", "2", "p1");
}

#[tokio::test]
async fn every_version_is_sealed_kept_by_three_and_anchored_once() {
    let world = World::new();
    world.open_all();
    fill(&world);
    world.settle().await;
    check_all(&world, &world.vault("hospital-a").expect("open"), "plain").await;
    for custodian in ["hospital-a", "hospital-b", "regulator"] {
        assert_eq!(kept(&world.vault(custodian).expect("open")).len(), ROWS, "{custodian}");
    }
    assert!(kept(&world.vault("insurer").expect("open")).is_empty());
}

async fn anchored(world: &World) -> u64 {
    let Some(vault) = world.vault("hospital-a") else { return 0 };
    vault.source.as_ref().expect("a source").status().await.expect("a status").anchored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_step_seals_nothing_twice_and_misses_nothing() {
    for step in [
        Step::RowsRead,
        Step::PackWritten,
        Step::BatchCommitted,
        Step::OutboxAcked,
        Step::CustodySent,
        Step::CustodyDurable,
        Step::AnchorFinal,
        Step::AnchorRecorded,
        Step::ThirdCustodian,
    ] {
        for nth in [1, 2] {
            let world = World::new();
            for name in ["hospital-b", "regulator"] {
                world.open(name);
            }
            fill(&world);
            if step == Step::ThirdCustodian {
                world.away(&["regulator"]);
                let back = world.clone();
                tokio::spawn(async move {
                    // Every batch is anchored without the third custodian.
                    while anchored(&back).await < ROWS as u64 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    back.away(&[]);
                });
            }
            crash(&world, step, nth).await;
            world.away(&[]);
            let context = format!("{step:?} {nth}");
            let vault = world.open_in("hospital-a", world.path("after-crash")).expect("opens");
            world.vaults.lock().expect("unpoisoned").insert(id("hospital-a"), vault.clone());
            world.settle().await;
            check_all(&world, &vault, &context).await;
            for custodian in ["hospital-a", "hospital-b", "regulator"] {
                let kept = kept(&world.vault(custodian).expect("open"));
                assert_eq!(kept.len(), ROWS, "{context}: {custodian}");
            }
        }
    }
}

#[tokio::test]
async fn one_custodian_away_delays_nothing_and_is_served_when_it_is_back() {
    let world = World::new();
    world.open_all();
    world.away(&["regulator"]);
    fill(&world);
    let vault = world.vault("hospital-a").expect("open");
    let running = vault.clone();
    let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
    let source = vault.source.clone().expect("a source");
    while source.status().await.expect("a status").anchored < ROWS as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(source.status().await.expect("a status").open_batches > 0);
    assert!(kept(&world.vault("regulator").expect("open")).is_empty());
    run.abort();
    let _ = run.await;
    world.away(&[]);
    world.settle().await;
    assert_eq!(kept(&world.vault("regulator").expect("open")).len(), ROWS);
    check_all(&world, &vault, "late").await;
}

#[tokio::test]
async fn two_custodians_away_or_a_ledger_that_stalls_anchor_nothing_and_lose_nothing() {
    for stalled in [false, true] {
        let world = World::new();
        world.open_all();
        world.away(if stalled { &[] } else { &["regulator", "hospital-b"] });
        *world.stalled.lock().expect("unpoisoned") = stalled;
        fill(&world);
        let vault = world.vault("hospital-a").expect("open");
        let running = vault.clone();
        let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
        let source = vault.source.clone().expect("a source");
        // All that may be sealed ahead of its anchors is sealed, and what can be tried has been.
        let tried = || if stalled { world.refused_submissions() } else { world.unanswered() };
        while source.status().await.expect("a status").sealed == 0 || tried() < 20 {
            assert!(!run.is_finished(), "it goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(source.status().await.expect("a status").anchored, 0);
        run.abort();
        let _ = run.await;
        world.away(&[]);
        *world.stalled.lock().expect("unpoisoned") = false;
        world.settle().await;
        check_all(&world, &vault, "back").await;
    }
}

#[tokio::test]
async fn another_batch_under_our_number_stops_the_source() {
    let world = World::new();
    world.open_all();
    world.put_anchor(0, Digest([1; 32]));
    fill(&world);
    let vault = world.vault("hospital-a").expect("open");
    let stopped = tokio::time::timeout(Duration::from_secs(60), vault.run()).await.expect("stops");
    assert!(matches!(stopped, Err(VaultError::Source(SourceError::Forked(0)))));
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_is_tried_again_and_nothing_is_lost() {
    let world = World::new();
    world.open_all();
    let vault = world.vault("hospital-a").expect("open");
    let running = vault.clone();
    // Where the first pack should be, there is a folder: the pack cannot be written.
    let outgoing = world.path("hospital-a").join("packs/outgoing/0000000000000000");
    std::fs::create_dir_all(outgoing.join("in-the-way")).expect("made");
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = tries.clone();
    *vault.source.as_ref().expect("a source").probe.lock().expect("unpoisoned") =
        Some(Arc::new(move |step| {
            seen.fetch_add(usize::from(step == Step::RowsRead), Ordering::Relaxed);
            false
        }));
    fill(&world);
    let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
    while tries.load(Ordering::Relaxed) < 3 {
        assert!(!run.is_finished(), "the vault goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let source = vault.source.clone().expect("a source");
    assert_eq!(source.status().await.expect("a status").sealed, 0);
    std::fs::remove_dir_all(&outgoing).expect("removed");
    loop {
        let status = source.status().await.expect("a status");
        if status.anchored >= ROWS as u64 && status.open_batches == 0 {
            break;
        }
        assert!(!run.is_finished(), "the vault goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    run.abort();
    let _ = run.await;
    check_all(&world, &vault, "mended").await;
}

#[test]
fn what_no_retry_mends_is_told_from_what_one_may() {
    let tables = |error| StoreError::Tables(Box::new(error));
    for (error, is_final) in [
        (SourceError::Forked(0), true),
        (StoreError::Stopped.into(), true),
        (StoreError::WrongKey.into(), true),
        (tables(redb::Error::PreviousIo).into(), true),
        (tables(redb::Error::Corrupted(String::new())).into(), true),
        (tables(redb::Error::Io(std::io::ErrorKind::StorageFull.into())).into(), false),
        (StoreError::Folder(std::io::ErrorKind::StorageFull.into()).into(), false),
        (StoreError::Damaged.into(), false),
        (crate::LedgerError::Unavailable.into(), false),
    ] {
        assert_eq!(error.is_final(), is_final, "{error}");
    }
}

#[tokio::test]
async fn two_custodians_are_too_few_to_begin() {
    let world = World::with(&[
        ("hospital-a", Class::Provider, true),
        ("hospital-b", Class::Provider, true),
        ("insurer", Class::Payer, false),
    ]);
    let opened = world.open_in("hospital-a", world.path("hospital-a"));
    assert!(matches!(opened.err(), Some(VaultError::Source(SourceError::Custodians(few))) if few.found == 2));
}

#[tokio::test]
async fn rows_that_fhir_does_not_allow_are_counted_and_hold_up_nothing() {
    let world = World::new();
    world.open_all();
    world.outbox.push("Observation", "a/b", "1", Some("p1"), "");
    world.outbox.push("Observation", &"x".repeat(65), "1", Some("p1"), "");
    world.outbox.push("Observation", "fine", "1", Some("p1"), "");
    world.settle().await;
    let status = world.vault("hospital-a").expect("open").source.as_ref().expect("one").status().await;
    let status = status.expect("a status");
    assert_eq!((status.refused, status.sealed, status.anchored), (2, 1, 1));
}

#[tokio::test]
async fn a_version_that_the_outbox_gives_again_is_not_sealed_again() {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..3);
    world.settle().await;
    world.outbox.observations("p1", 0..4);
    world.settle().await;
    let status = world.vault("hospital-a").expect("open").source.as_ref().expect("one").status().await;
    assert_eq!(status.expect("a status").sealed, 4);
}
