//! Releases against access events in numbers that a network has after years: rows and events are written as they are when
//! they come by themselves, many at a time; a few are then made wrong, and exactly these are found.

use super::audit::{comparison, plant};
use crate::custodian::audit::{Audit, Mismatch};
use crate::store::tables::{RELEASES, ReleaseRow, key};
use crate::testing::{World, id};
use salus_crypto::hash::hash;
use salus_types::category::Purpose;
use salus_types::state::AccessEntry;
use salus_types::{AccessId, Digest, GrantId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CUSTODIANS: [&str; 3] = ["hospital-a", "hospital-b", "regulator"];
/// Rows written with one commit.
const PER_COMMIT: usize = 20_000;
/// Accesses of each kind that are made wrong.
const WRONG: usize = 3;

/// The access with a number, and the event.
fn access(seed: u64, number: usize) -> (AccessId, AccessEntry) {
    let digest = |what: &str| {
        hash("salus/test/access", &[what.as_bytes(), &seed.to_be_bytes(), &number.to_be_bytes()])
    };
    let entry = AccessEntry {
        grant: GrantId(digest("grant")),
        organisation: id(if number.is_multiple_of(3) { "insurer" } else { "hospital-b" }),
        purpose: Purpose::Treatment,
        versions_root: digest("versions"),
        count: 1 + number as u32 % 1_024,
        practitioner: digest("practitioner"),
        height: number as u64,
        time_ms: number as u64,
    };
    (AccessId(digest("access")), entry)
}

/// Two of three custodians have released for each of so many accesses.
fn world(seed: u64, accesses: usize) -> Arc<World> {
    let world = World::new();
    world.open_all();
    for from in (0..accesses).step_by(PER_COMMIT) {
        let stores = CUSTODIANS.map(|name| world.vault(name).expect("open").custodian.store().clone());
        let writers = stores.each_ref().map(|store| store.write().expect("a writer"));
        for number in from..accesses.min(from + PER_COMMIT) {
            let (access, entry) = access(seed, number);
            let at = key::release(&access, &entry.versions_root);
            let row =
                ReleaseRow { to: entry.organisation.clone(), count: entry.count, time_ms: entry.time_ms };
            let absent = number % writers.len();
            for (_, tx) in writers.iter().enumerate().filter(|(custodian, _)| *custodian != absent) {
                tx.put(&RELEASES, &at, &row).expect("put");
            }
            world.announce(access, &entry);
        }
        for tx in writers {
            tx.commit().expect("durable");
        }
    }
    world
}

async fn audits(world: &World) -> Vec<Audit> {
    let mut audits = Vec::new();
    for name in CUSTODIANS {
        audits.push(world.vault(name).expect("open").custodian.audit().await.expect("audited"));
    }
    audits
}

/// How long a custodian's audit took, and the comparison of all logs, for so many accesses.
pub(super) async fn measure(seed: u64, accesses: usize) -> (Duration, Duration) {
    let world = world(seed, accesses);
    let start = Instant::now();
    let whole = audits(&world).await;
    let audited = start.elapsed() / CUSTODIANS.len() as u32;
    assert_eq!(whole.iter().map(|audit| audit.releases).sum::<u64>(), 2 * accesses as u64);
    assert!(whole.iter().all(|audit| audit.mismatches == 0));
    let start = Instant::now();
    let found = comparison(&world).await;
    let compared = start.elapsed();
    assert_eq!((found.matched, found.mismatches.len(), found.unserved.len()), (accesses as u64, 0, 0));

    // The planted bugs, spread over all accesses.
    let mut expected = BTreeSet::new();
    let mut chosen = BTreeSet::new();
    for number in 0.. {
        let digest = hash("salus/test/wrong", &[&seed.to_be_bytes(), &u64::to_be_bytes(number)]);
        chosen.insert(u64::from_be_bytes(*digest.0.first_chunk().expect("eight")) as usize % accesses);
        if chosen.len() == 3 * WRONG {
            break;
        }
    }
    for (case, number) in chosen.into_iter().enumerate() {
        let (access, entry) = access(seed, number);
        let row = ReleaseRow { to: entry.organisation.clone(), count: entry.count, time_ms: 1 };
        let root = entry.versions_root;
        let (access, root, row, mismatch) = match case % 3 {
            0 => (AccessId(Digest([case as u8; 32])), root, row, Mismatch::NoEvent),
            1 => (access, root, ReleaseRow { to: id("regulator"), ..row }, Mismatch::OtherOrganisation),
            _ => (access, Digest([case as u8; 32]), row, Mismatch::OtherVersions),
        };
        let custodian = CUSTODIANS[case % CUSTODIANS.len()];
        plant(&world, custodian, access, root, &row);
        expected.insert((id(custodian), access, mismatch));
    }
    let unserved = AccessId(Digest([0xaa; 32]));
    world.announce(unserved, &access(seed, accesses).1);
    let found = comparison(&world).await;
    assert_eq!(found.mismatches.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(found.unserved, [unserved]);
    let mismatches: u64 = audits(&world).await.iter().map(|audit| audit.mismatches).sum();
    assert_eq!(mismatches as usize, expected.len(), "each custodian finds its own");
    (audited, compared)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_thousand_accesses_exactly_those_that_are_wrong_are_found() {
    let seed = std::env::var("SALUS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(14);
    println!("seed {seed}");
    measure(seed, 100_000).await;
}
