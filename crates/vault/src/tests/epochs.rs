//! Many grants that end: epochs add up, and a new grant reaches them all.

use crate::patient::open_directories;
use crate::testing::{NETWORK, Person, World, id};
use salus_types::Digest;
use salus_types::category::{Category, Purpose};
use std::collections::BTreeSet;
use std::sync::Arc;

const DOCTOR: Digest = Digest([5; 32]);
const ROUNDS: usize = 30;

/// The person looks again at what the source has.
async fn look(world: &Arc<World>, person: &mut Person) {
    let pairwise = person.root.at(&id("hospital-a"));
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let directory = source.directory(pairwise.address).await.expect("an answer").expect("enrolled");
    let found = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &[directory]);
    assert_eq!(found.rejected, 0);
    person.compartments = found.compartments;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_thirty_rounds_of_granting_and_revoking_everything_a_new_grant_reaches_every_version() {
    let world = World::new();
    world.open_all();
    let mut person = world.enrol("p1").await;
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    for round in 0..ROUNDS {
        world.outbox.observations("p1", 2 * round..2 * round + 1);
        world.outbox.push("Condition", &format!("c{round}"), "1", Some("p1"), "");
        world.settle().await;
        look(&world, &mut person).await;
        let all = |wish: &mut crate::testing::GrantWish| wish.categories = Category::ALL.to_vec();
        let grant = world.grant(&person, u32::try_from(round).expect("few"), all).await;
        world.revoke(&grant);
        assert!(source.grant_ended(grant.grant).await.expect("rotated"));
        let rotated = source.status().await.expect("a status").rotated;
        assert_eq!(rotated, (Category::ALL.len() * (round + 1)) as u64, "each category turns once a grant");
    }
    // Custodians know the newest epochs too.
    world.settle().await;
    look(&world, &mut person).await;
    assert_eq!(person.compartments.len(), Category::ALL.len() * (ROUNDS + 1));
    for (counter, to, future) in [(100, "hospital-b", true), (101, "insurer", false)] {
        let grant = world
            .grant(&person, counter, |wish| {
                wish.categories = Category::ALL.to_vec();
                wish.grantee = to;
                wish.future = future;
            })
            .await;
        let named: BTreeSet<_> = grant.terms.compartments.iter().collect();
        assert_eq!(named.len(), Category::ALL.len(), "the newest epoch of each category");
        assert!(
            grant.letter.ciphertext.len() < crate::mailbox::ENVELOPE_BYTES_MAX / 4,
            "a letter stays small"
        );
        let vault = world.vault(to).expect("open");
        // Before the source's keys of earlier epochs are here, nothing that they open is asked for.
        let early = vault.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("an answer");
        assert!(early.access.is_none() && early.remaining == 2 * ROUNDS);
        world.settle().await;
        let reading = vault.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
        assert_eq!((reading.records.len(), reading.remaining), (2 * ROUNDS, 0), "{to}");
        assert!(reading.blame.is_empty());
    }
}

#[tokio::test]
async fn a_grant_without_future_records_reaches_earlier_epochs_and_no_later_one() {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..2);
    let mut person = world.enrol("p1").await;
    world.settle().await;
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let ended = world.grant(&person, 0, |_| {}).await;
    world.revoke(&ended);
    assert!(source.grant_ended(ended.grant).await.expect("rotated"));
    world.outbox.observations("p1", 2..3);
    world.settle().await;
    look(&world, &mut person).await;
    // The device names the newest epoch alone, as it does when there are more than a letter holds.
    person.compartments.retain(|opened| opened.category != Category::Labs || opened.epoch == 1);
    let closed = world.grant(&person, 1, |wish| wish.future = false).await;
    assert_eq!(closed.terms.compartments.len(), 1);
    let second = world.grant(&person, 2, |_| {}).await;
    world.revoke(&second);
    assert!(source.grant_ended(second.grant).await.expect("rotated"));
    world.outbox.observations("p1", 3..7);
    world.settle().await;
    let b = world.vault("hospital-b").expect("open");
    let reading = b.reader.read(closed.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!((reading.records.len(), reading.remaining), (3, 0), "of epochs 0 and 1, not of 2");
}
