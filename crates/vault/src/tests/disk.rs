//! A disk that is full or fails at any write: nothing acknowledged is lost, nothing half-done is left.

use crate::testing::disk::{self, Disk, Fails};
use crate::testing::{Person, World, id};
use salus_types::Digest;
use salus_types::category::Purpose;
use std::sync::Arc;
use std::time::Duration;

const DOCTOR: Digest = Digest([5; 32]);
const RECORDS: usize = 6;

/// How far apart the writes lie that fail in CI; every one of them fails by night.
const STRIDE: usize = 9;

/// Everything a vault writes for: enrolment, sealing, custody, a grant, a read, its end.
async fn work(world: &Arc<World>, attempt: u32) -> Result<(), String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let source = world.vault("hospital-a").ok_or("closed")?.source.clone().ok_or("no source")?;
    let root = crate::patient::Root::from_bytes(&[2; 32]);
    let own = root.at(&id("hospital-a"));
    let enrolled = source.enrol_patient("p1", own.signing.public(), &own.kem.public().0).await;
    let directory = enrolled.map_err(|error| say(&error))?;
    let member = world.member_now("hospital-a");
    let found = crate::patient::open_directories(&own, &crate::testing::NETWORK, &member, &[directory]);
    let person = Person { root, compartments: found.compartments };
    settle(world).await?;
    let grant = world.make_grant(&person, attempt, |_| {});
    world.apply(&grant.one_time.public(), &grant.action.clone().into()).map_err(|error| say(&error))?;
    let b = world.vault("hospital-b").ok_or("closed")?;
    b.mailbox.receive(grant.letter.clone()).await.map_err(|error| say(&error))?;
    let a = world.vault("hospital-a").ok_or("closed")?;
    a.mailbox.receive(grant.notice.clone()).await.map_err(|error| say(&error))?;
    let reading =
        b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.map_err(|error| say(&error))?;
    b.reader.hold(grant.grant, &reading.records).await.map_err(|error| say(&error))?;
    let held = b.reader.held(grant.grant).await.map_err(|error| say(&error))?;
    if held.len() == RECORDS { Ok(()) } else { Err(format!("{} of {RECORDS} held", held.len())) }
}

/// Runs the source until everything is anchored with three custodians, or until it ends or the disk has failed it.
async fn settle(world: &Arc<World>) -> Result<(), String> {
    let vault = world.vault("hospital-a").ok_or("closed")?;
    let running = vault.clone();
    let mut run = tokio::spawn(async move { running.run().await.map(|_| ()) });
    let source = vault.source.clone().ok_or("no source")?;
    let disks = ["hospital-a", "hospital-b"].map(|name| disk::under(&world.path(name)));
    let failing = || disks.iter().any(|disk| disk.is_failing());
    let outcome = loop {
        tokio::select! {
            ended = &mut run => return Err(format!("{ended:?}")),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        match source.status().await {
            Ok(status)
                if status.outbox_cursor >= world.outbox.last()
                    && status.open_batches == 0
                    && status.parcels == 0 =>
            {
                break Ok(());
            }
            Ok(_) if failing() => break Err("the disk is full".to_owned()),
            Ok(_) => {}
            Err(error) => break Err(error.to_string()),
        }
    };
    run.abort();
    let _ = run.await;
    outcome
}

fn close(world: &World, name: &str) {
    world.vaults.lock().expect("unpoisoned").remove(&id(name));
}

fn world() -> (Arc<World>, [Arc<Disk>; 2]) {
    let world = World::new();
    let disks = ["hospital-a", "hospital-b"].map(|name| disk::under(&world.path(name)));
    world.open_all();
    world.outbox.observations("p1", 0..RECORDS);
    (world, disks)
}

/// The work with a disk that fails at a write; then, with the disk mended and the processes started again, to its end.
async fn fail_and_go_on(which: usize, nth: u64, fails: Fails) {
    let context = format!("disk {which}, write {nth}, {fails:?}");
    let (world, disks) = world();
    disks[which].fail(nth, fails);
    let first = work(&world, 0).await;
    assert!(disks[which].failed() > 0 || first.is_ok(), "{context}: {first:?}");
    disks[which].mend();
    for name in ["hospital-a", "hospital-b"] {
        close(&world, name);
        world.open(name);
    }
    let again = work(&world, 1).await;
    assert_eq!(again, Ok(()), "{context}, before: {first:?}");
    assert!(world.outbox.acked() <= world.outbox.last(), "{context}");
}

async fn at_every_write(stride: usize) {
    let (world, disks) = world();
    let before = disks.each_ref().map(|disk| disk.writes());
    work(&world, 0).await.expect("with good disks");
    let counts = [0, 1].map(|which| disks[which].writes() - before[which]);
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
    for (which, count) in counts.into_iter().enumerate() {
        for (at, nth) in (0..count).step_by(stride).enumerate() {
            let fails = if at % 2 == 0 { Fails::FromThenOn } else { Fails::Once };
            fail_and_go_on(which, nth, fails).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_at_a_write_loses_nothing_that_was_acknowledged() {
    at_every_write(STRIDE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "nightly: every write"]
async fn a_disk_that_fails_at_any_write_loses_nothing_that_was_acknowledged() {
    at_every_write(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_made_says_so_and_can_be_made_later() {
    let world = World::new();
    let disk = disk::under(&world.path("regulator"));
    for nth in 0..40 {
        disk.fail(nth, Fails::FromThenOn);
        let failed = disk.failed();
        let opened = world.open_in("regulator", world.path("regulator"));
        if disk.failed() == failed {
            assert!(opened.is_ok());
            assert!(nth > 3, "opening writes");
            return;
        }
        let error = opened.map(|_| ()).expect_err("it does not open half");
        assert!(error.to_string().contains("tables") || error.to_string().contains("folder"), "{error}");
        disk.mend();
        drop(world.open_in("regulator", world.path("regulator")).expect("opens when there is space"));
        std::fs::remove_dir_all(world.path("regulator")).expect("removed");
    }
    panic!("opening writes without end");
}
