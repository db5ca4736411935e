//! The custodians change.

use super::*;
use crate::store::tables::PARCELS;
use salus_types::vault::Directory;

/// Changes the custodians, and reads all the while until everything has moved.
async fn change(
    world: &Arc<World>,
    person: &Person,
    grant: &NewGrant,
    change: impl FnOnce(&World),
    owing: &[&str],
) {
    all_is_readable(world, person, grant, "before").await;
    change(world);
    all_is_readable(world, person, grant, "at once").await;
    let reads = async {
        loop {
            all_is_readable(world, person, grant, "meanwhile").await;
        }
    };
    tokio::select! {
        () = moved(world, owing) => {}
        () = reads => {}
    }
    all_is_readable(world, person, grant, "after").await;
    all_lies_where_it_should(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_custodian_gets_what_falls_to_it_and_whom_it_replaces_keeps_nothing_of_that() {
    let (world, person, grant) = world(3).await;
    let before = held(&world);
    change(&world, &person, &grant, |world| world.custodians(&ALL[..4]), &[]).await;
    let status = status(&world).await;
    let batches = displaced(&world, &ALL[..3], &ALL[..4]);
    assert!(batches > 1 && status.moved as usize == batches, "what is to move moves, and nothing else");
    let given = receipts(&world).await;
    assert_eq!(
        given.keys().map(OrganisationId::as_str).collect::<Vec<_>>(),
        ["hospital-a", "hospital-b", "regulator"]
    );
    assert!(given.values().all(|count| *count == batches), "everyone destroyed the old generation of each");
    assert_eq!(status.receipts, 3 * batches as u64);
    let now = held(&world);
    assert!(now.values().any(|by| by.contains_key(&id("clinic-c"))));
    assert_eq!(now.len(), before.len());
    assert!(status.faults.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_loses_the_duty_has_nothing_left_whether_it_stays_a_member_or_not() {
    for expelled in [false, true] {
        let (world, person, grant) = world(4).await;
        let kept = tables(&world.vault("regulator").expect("open")).scan(&CUSTODY, &[], None, usize::MAX);
        let kept = kept.expect("rows").len();
        assert!(kept > 0);
        let leave = |world: &World| {
            world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
            if expelled {
                world.expel("regulator");
            }
        };
        change(&world, &person, &grant, leave, &[]).await;
        has_nothing(&world, "regulator");
        assert!(receipts(&world).await[&id("regulator")] >= kept, "{expelled}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_become_seven_and_seven_five_and_every_old_share_has_its_receipt() {
    let (world, person, grant) = world(4).await;
    let five = ["hospital-b", "clinic-c", "clinic-d", "clinic-e", "clinic-f"];
    let mut due = 0;
    for (before, after) in [(&ALL[..4], &ALL[..]), (&ALL[..], &five[..])] {
        let batches = displaced(&world, before, after);
        assert!(batches > 1);
        let moved_before = status(&world).await.moved;
        change(&world, &person, &grant, |world| world.custodians(after), &[]).await;
        let now = status(&world).await;
        assert_eq!((now.moved - moved_before) as usize, batches, "{after:?}");
        assert!(now.faults.is_empty() && now.receipts_owed.is_empty(), "{now:?}");
        // Whoever held a batch that moved has signed; a later receipt takes an earlier one's place.
        assert!(now.receipts > due, "{now:?}");
        due = now.receipts;
    }
    ["hospital-a", "regulator"].into_iter().for_each(|left| has_nothing(&world, left));
    let given = receipts(&world).await;
    assert!(["hospital-a", "regulator"].iter().all(|left| given.contains_key(&id(left))), "{given:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_leave_one_after_the_other_take_nothing_along() {
    let (world, person, grant) = world(5).await;
    for names in
        [&["hospital-a", "hospital-b", "clinic-c", "clinic-d"][..], &["hospital-a", "clinic-c", "clinic-d"]]
    {
        change(&world, &person, &grant, |world| world.custodians(names), &[]).await;
    }
    for left in ["regulator", "hospital-b"] {
        has_nothing(&world, left);
    }
    let generations: BTreeSet<_> =
        held(&world).values().flat_map(BTreeMap::values).flatten().copied().collect();
    assert!(generations.iter().max() <= Some(&2));
    // New records go to the three of now.
    world.outbox.observations("p1", 200..203);
    moved(&world, &[]).await;
    assert_eq!(own(&world, &person).await, OF_P1 + 3);
    all_lies_where_it_should(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_quite_other_custodians_take_over_and_the_old_ones_keep_nothing() {
    let (world, person, grant) = world(3).await;
    let reads = "the old three are asked as long as they have what the new three lack";
    world.custodians(&ALL[3..6]);
    assert_eq!(granted(&world, &grant).await, OF_P1, "{reads}");
    moved(&world, &[]).await;
    all_is_readable(&world, &person, &grant, "after").await;
    all_lies_where_it_should(&world);
    ALL[..3].iter().for_each(|name| has_nothing(&world, name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_without_a_word_owes_receipts_until_it_gives_them() {
    let (world, person, grant) = world(4).await;
    let gone = |world: &World| {
        world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
        world.expel("regulator");
        world.away(&["regulator"]);
    };
    all_is_readable(&world, &person, &grant, "before").await;
    gone(&world);
    moved(&world, &["regulator"]).await;
    all_is_readable(&world, &person, &grant, "after").await;
    let owed = status(&world).await.receipts_owed[&id("regulator")];
    assert!(owed > 0);
    let kept = tables(&world.vault("regulator").expect("open")).scan(&CUSTODY, &[], None, usize::MAX);
    assert!(!kept.expect("rows").is_empty());
    world.away(&[]);
    moved(&world, &[]).await;
    has_nothing(&world, "regulator");
    assert_eq!(receipts(&world).await[&id("regulator")] as u64, owed);
    all_lies_where_it_should(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_custodian_that_is_away_is_waited_for_and_nothing_is_lost_meanwhile() {
    let (world, person, grant) = world(3).await;
    world.away(&["clinic-c"]);
    world.custodians(&ALL[..4]);
    let late = async |world: &World, source: &Source| {
        let status = source.custody_status().await.expect("a status");
        is_surveyed(world) && status.late > 0 && status.to_move == 0 && status.receipts_owed.is_empty()
    };
    // Two of three have the new shares: the old ones go.
    world.run_until(late).await;
    all_is_readable(&world, &person, &grant, "without the third").await;
    world.away(&[]);
    moved(&world, &[]).await;
    all_is_readable(&world, &person, &grant, "with the third").await;
    all_lies_where_it_should(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custodians_that_change_in_the_middle_of_a_move_make_it_begin_anew() {
    let (world, person, grant) = world(3).await;
    // Of the new three, one takes the new shares and the other two are never seen.
    world.away(&["clinic-d", "clinic-e"]);
    world.custodians(&ALL[3..6]);
    world
        .run_until(async |world, _| {
            let taken = tables(&world.vault("clinic-c").expect("open")).scan(&CUSTODY, &[], None, usize::MAX);
            let batches = own_tables(world).scan(&BATCHES, &[], None, usize::MAX).expect("rows").len();
            taken.expect("rows").len() == batches
        })
        .await;
    assert_eq!(status(&world).await.moved, 0);
    assert_eq!(granted(&world, &grant).await, OF_P1, "the old shares stand");
    let three = ["hospital-a", "hospital-b", "clinic-c"];
    world.custodians(&three);
    // Who was offered what is given up may hold it, for all the source knows.
    change(&world, &person, &grant, |_| {}, &["clinic-d", "clinic-e"]).await;
    has_nothing(&world, "regulator");
    let generations: BTreeSet<_> =
        held(&world).values().flat_map(BTreeMap::values).flatten().copied().collect();
    assert_eq!(generations, [2].into(), "the shares that were given up have a number of their own");
    // And there and back, wherever that finds the move.
    world.away(&["clinic-d"]);
    world.custodians(&["hospital-a", "hospital-b", "clinic-d"]);
    world.run_until(async |world, _| is_surveyed(world)).await;
    world.away(&[]);
    change(&world, &person, &grant, |world| world.custodians(&three), &[]).await;
}

#[tokio::test]
async fn nothing_moves_while_the_custodians_stay_or_are_too_few() {
    let (world, person, grant) = world(3).await;
    let before = held(&world);
    world.outbox.observations("p1", 300..301);
    moved(&world, &[]).await;
    assert_eq!(status(&world).await, CustodyStatus::default());
    world.custodians(&ALL[..2]);
    tokio::time::timeout(
        std::time::Duration::from_millis(300),
        world.vault("hospital-a").expect("open").run(),
    )
    .await
    .expect_err("it goes on");
    assert_eq!(status(&world).await, CustodyStatus::default());
    world.custodians(&ALL[..3]);
    moved(&world, &[]).await;
    assert!(before.iter().all(|(version, by)| held(&world)[version] == *by));
    assert_eq!(granted(&world, &grant).await, OF_P1 + 1);
    assert_eq!(own(&world, &person).await, OF_P1 + 1);
}

#[tokio::test]
async fn records_of_all_compartments_and_the_link_reach_a_new_custodian() {
    let (world, person, grant) = world(3).await;
    // A second epoch of each category, and one parcel to a custodian that is about to lose the duty.
    world.away(&["regulator"]);
    world.revoke(&grant);
    assert!(source(&world).grant_ended(grant.grant).await.expect("rotated"));
    let waiting = own_tables(&world).scan(&PARCELS, &[], None, usize::MAX).expect("rows");
    assert!(waiting.iter().any(|(_, parcel)| parcel.to == id("regulator")));
    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    moved(&world, &["regulator"]).await;
    let owner = person.root.at(&id("hospital-a")).address;
    let directory = async |name: &str| -> Directory {
        let custodian = world.vault(name).expect("open").custodian.clone();
        custodian.directory_for_patient(owner).await.expect("a directory")
    };
    let (old, new) = (directory("hospital-b").await, directory("clinic-c").await);
    assert_eq!(new.compartments.len(), 2 * Category::ALL.len());
    assert_eq!((new.links, new.compartments.len()), (old.links, old.compartments.len()));
}

#[tokio::test]
async fn records_of_who_enrols_after_the_move_are_read_from_the_new_custodians() {
    let (world, _, _) = world(3).await;
    world.custodians(&ALL[2..5]);
    moved(&world, &[]).await;
    let late = world.enrol("p22").await;
    world.settle().await;
    assert_eq!(own(&world, &late).await, OF_P2);
}

#[tokio::test]
async fn a_change_that_nobody_looked_at_in_time_is_noticed_by_what_it_placed() {
    let (world, person, _) = world(3).await;
    let source = source(&world);
    // The source seals under other custodians, and when it looks, these are the old ones again.
    *source.probe.lock().expect("unpoisoned") = None;
    world.custodians(&ALL[1..4]);
    world.outbox.observations("p1", 400..403);
    let rows: Vec<_> = world.outbox.rows().into_iter().rev().take(3).rev().collect();
    let runtime = tokio::runtime::Handle::current();
    let building = source.clone();
    tokio::task::spawn_blocking(move || building.build(&rows, &runtime)).await.expect("ran").expect("sealed");
    world.custodians(&ALL[..3]);
    moved(&world, &[]).await;
    all_lies_where_it_should(&world);
    assert_eq!(own(&world, &person).await, OF_P1 + 3);
}
