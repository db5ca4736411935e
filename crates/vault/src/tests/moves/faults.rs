//! Custodians that give what does not hold, or too little.

use super::*;
use crate::testing::Tamper;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_false_shares_or_packages_is_named_and_the_others_suffice() {
    for liar in ["hospital-a", "hospital-b", "regulator"] {
        for how in [Tamper::Shares, Tamper::Ciphertext, Tamper::Sender] {
            let (world, person, grant) = world(3).await;
            *world.tamper.lock().expect("unpoisoned") = Some((id(liar), how));
            world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
            let given = async |_: &World, source: &Source| {
                let status = source.custody_status().await.expect("a status");
                status.moved > 0 && status.to_move == 0
            };
            world.run_until(given).await;
            let faults = status(&world).await.faults;
            // Two of three are enough: the one asked last may not be asked at all.
            assert!(faults.keys().all(|named| *named == id(liar)), "{liar} {how:?}: {faults:?}");
            if liar == "hospital-a" {
                assert!(faults.contains_key(&id(liar)), "it is asked first: {how:?}");
            }
            *world.tamper.lock().expect("unpoisoned") = None;
            moved(&world, &[]).await;
            all_is_readable(&world, &person, &grant, "after").await;
            all_lies_where_it_should(&world);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_good_holder_alone_nothing_is_made_anew_and_nothing_destroyed() {
    let (world, person, grant) = world(3).await;
    let before = held(&world);
    *world.tamper.lock().expect("unpoisoned") = Some((id("hospital-b"), Tamper::Shares));
    world.away(&["regulator"]);
    world.custodians(&["hospital-a", "hospital-b", "regulator", "clinic-c"]);
    let named = async |_: &World, source: &Source| {
        let status = source.custody_status().await.expect("a status");
        status.faults.get(&id("hospital-b")).is_some_and(|count| *count > 5)
    };
    world.run_until(named).await;
    assert_eq!(held(&world), before);
    assert!(status(&world).await.to_move > 0);
    // Sealing goes on meanwhile, to the custodians of now.
    world.outbox.observations("p1", 500..505);
    let anchored = async |world: &World, source: &Source| {
        source.status().await.expect("a status").anchored == world.outbox.rows().len() as u64
    };
    world.run_until(anchored).await;
    *world.tamper.lock().expect("unpoisoned") = None;
    world.away(&[]);
    moved(&world, &[]).await;
    assert_eq!(granted(&world, &grant).await, OF_P1 + 5);
    assert_eq!(own(&world, &person).await, OF_P1 + 5);
    all_lies_where_it_should(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_does_not_verify_stays_owed_and_its_giver_is_named() {
    let (world, _, _) = world(4).await;
    *world.tamper.lock().expect("unpoisoned") = Some((id("regulator"), Tamper::Sender));
    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    let named = async |_: &World, source: &Source| {
        let status = source.custody_status().await.expect("a status");
        status.faults.get(&id("regulator")).is_some_and(|count| *count > 20)
    };
    world.run_until(named).await;
    let now = status(&world).await;
    assert!(now.receipts_owed[&id("regulator")] > 0);
    assert!(!receipts(&world).await.contains_key(&id("regulator")));
    *world.tamper.lock().expect("unpoisoned") = None;
    moved(&world, &[]).await;
    assert!(receipts(&world).await.contains_key(&id("regulator")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_that_is_damaged_or_lost_at_one_holder_does_not_stop_the_move() {
    let (world, person, grant) = world(3).await;
    let folder = world.path("hospital-a").join("packs/custody");
    for (at, pack) in std::fs::read_dir(folder).expect("a folder").enumerate() {
        let path = pack.expect("an entry").path();
        if at == 0 {
            std::fs::remove_file(path).expect("removed");
            continue;
        }
        let mut bytes = std::fs::read(&path).expect("a pack");
        (4_096..bytes.len()).step_by(97).for_each(|at| bytes[at] ^= 0x20);
        std::fs::write(&path, bytes).expect("written");
    }
    assert_eq!(granted(&world, &grant).await, OF_P1, "the others serve");
    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    moved(&world, &[]).await;
    all_is_readable(&world, &person, &grant, "mended by the way").await;
    all_lies_where_it_should(&world);
}
