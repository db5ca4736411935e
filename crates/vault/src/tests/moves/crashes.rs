//! A crash at every step of a move.

use super::*;
use crate::source::Step;
use crate::testing::crash;

/// Crashes at the `nth` time of a step, starts again from what was on the disk, and moves to the end.
async fn crash_and_go_on(step: Step, nth: usize) {
    let context = format!("{step:?} {nth}");
    let (world, person, grant) = world(4).await;
    let late = step == Step::MoveDone;
    if !late {
        // One of the new three comes late, so that the move is seen with two.
        world.away(&["clinic-d"]);
    }
    world.custodians(&["hospital-a", "hospital-b", "clinic-c", "clinic-d"]);
    world.vaults.lock().expect("unpoisoned").remove(&id("hospital-a"));
    crash(&world, step, nth).await;
    let vault = world.open_in("hospital-a", world.path("after-crash")).expect("opens");
    world.vaults.lock().expect("unpoisoned").insert(id("hospital-a"), vault);
    all_is_readable(&world, &person, &grant, &context).await;
    world.away(&[]);
    moved(&world, &[]).await;
    all_is_readable(&world, &person, &grant, &context).await;
    all_lies_where_it_should(&world);
    has_nothing(&world, "regulator");
    let status = status(&world).await;
    let after = ["hospital-a", "hospital-b", "clinic-c", "clinic-d"];
    let batches = displaced(&world, &ALL[..4], &after) as u64;
    assert!(batches > 1 && status.moved == batches, "{context}: each batch moved once");
    assert!(status.faults.is_empty(), "{context}");
    assert_eq!(receipts(&world).await[&id("regulator")] as u64, batches, "{context}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_step_of_a_move_loses_nothing_and_leaves_nothing_behind() {
    for step in [
        Step::Surveyed,
        Step::SharesTakenBack,
        Step::NewPackWritten,
        Step::NewSharesCommitted,
        Step::NewSharesTaken,
        Step::NewSharesStand,
        Step::MoveDone,
        Step::ReceiptGiven,
        Step::ReceiptKept,
    ] {
        for nth in [1, 2] {
            crash_and_go_on(step, nth).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_stops_anywhere_takes_up_where_it_was() {
    let (world, person, grant) = world(4).await;
    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    let running = world.vault("hospital-a").expect("open");
    let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
    // Two custodians stop and start again and again while the source moves.
    for round in 0..12 {
        let name = ["hospital-b", "regulator"][round % 2];
        world.vaults.lock().expect("unpoisoned").remove(&id(name));
        tokio::time::sleep(std::time::Duration::from_millis(7)).await;
        world.open(name);
        assert!(!run.is_finished());
    }
    run.abort();
    let _ = run.await;
    moved(&world, &[]).await;
    all_is_readable(&world, &person, &grant, "after").await;
    all_lies_where_it_should(&world);
    has_nothing(&world, "regulator");
}
