//! Copies that rot, get lost, or are lied about: noticed, never given out, made good from the others.

use super::*;
use crate::custodian::ReleaseError;
use crate::custodian::decide::Refusal;
use crate::testing::Tamper;
use std::path::{Path, PathBuf};

const THREE: [&str; 3] = ["hospital-a", "hospital-b", "regulator"];

/// The network of `world`, whose vaults challenge and check all the time.
async fn watchful_world() -> (Arc<World>, Person, NewGrant) {
    let (world, person, grant) = world(3).await;
    world.watchful.store(true, Ordering::Relaxed);
    for name in THREE {
        reopen(&world, name);
    }
    (world, person, grant)
}

fn reopen(world: &Arc<World>, name: &str) {
    world.vaults.lock().expect("unpoisoned").remove(&id(name));
    world.open(name);
}

fn files(world: &World, name: &str, kind: &str) -> Vec<PathBuf> {
    let folder = world.vault(name).expect("open").custodian.store().folder.join("packs").join(kind);
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Runs all vaults until `done` says so of the source.
async fn run_all_until(world: &Arc<World>, done: impl AsyncFn(&CustodyStatus) -> bool) {
    let others: Vec<_> = ["hospital-b", "regulator"]
        .map(|name| world.vault(name).expect("open"))
        .into_iter()
        .map(|vault| tokio::spawn(async move { vault.run().await.map(|_| ()) }))
        .collect();
    world.run_until(async |_, source| done(&source.custody_status().await.expect("a status")).await).await;
    for other in others {
        assert!(!other.is_finished());
        other.abort();
        let _ = other.await;
    }
}

fn lost(status: &CustodyStatus) -> u64 {
    status.challenges.values().map(|one| one.lost).sum()
}

fn is_still(status: &CustodyStatus) -> bool {
    (status.to_move, status.late, lost(status)) == (0, 0, 0) && status.receipts_owed.is_empty()
}

/// Everything is readable, lies where it should, and is whole.
async fn all_is_well(world: &Arc<World>, person: &Person, grant: &NewGrant, context: &str) {
    moved(world, &[]).await;
    all_is_readable(world, person, grant, context).await;
    all_lies_where_it_should(world);
    for name in THREE {
        let custodian = world.vault(name).expect("open").custodian.clone();
        custodian.check_due().await.expect("checked");
        let kept = custodian.kept().await.expect("a status");
        assert_eq!((kept.damaged, kept.unchecked), (0, 0), "{context}: {name}");
        assert_eq!(kept.batches as usize, packs(world, name, "custody"), "{context}: {name}");
    }
}

/// What becomes of a file on a disk.
#[derive(Clone, Copy, Debug)]
enum Harm {
    FlippedBit(usize),
    Truncated,
    Zeroed,
    Swapped,
    Removed,
    Empty,
    Longer,
}

fn harm(files: &[PathBuf], how: Harm) {
    let read = |path: &Path| std::fs::read(path).expect("a file");
    for (at, path) in files.iter().enumerate() {
        let mut bytes = read(path);
        match how {
            Harm::FlippedBit(seed) => {
                let bit = (seed * 7_919 + at * 104_729) % (8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            Harm::Truncated => bytes.truncate(bytes.len() / 2),
            Harm::Zeroed => bytes.fill(0),
            Harm::Swapped => continue,
            Harm::Removed => {
                std::fs::remove_file(path).expect("removed");
                continue;
            }
            Harm::Empty => bytes.clear(),
            Harm::Longer => bytes.push(0),
        }
        std::fs::write(path, bytes).expect("written");
    }
    if matches!(how, Harm::Swapped) {
        let all: Vec<_> = files.iter().map(|path| read(path)).collect();
        for (path, bytes) in files.iter().zip(all.iter().cycle().skip(1)) {
            std::fs::write(path, bytes).expect("written");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_stored_packs_is_noticed_never_given_out_and_made_good_from_the_others() {
    let (world, person, grant) = watchful_world().await;
    let harms = [
        Harm::FlippedBit(1),
        Harm::Truncated,
        Harm::Zeroed,
        Harm::Swapped,
        Harm::Removed,
        Harm::FlippedBit(2),
        Harm::Empty,
        Harm::Longer,
    ];
    let mut repaired = 0;
    for (how, name) in harms.into_iter().zip(THREE.into_iter().cycle()) {
        let files = files(&world, name, "custody");
        assert!(files.len() >= 2, "several packs");
        harm(&files, how);
        all_is_readable(&world, &person, &grant, &format!("{how:?} at {name}: the others serve")).await;
        repaired += files.len() as u64;
        run_all_until(&world, async |status| status.repaired >= repaired && is_still(status)).await;
        all_is_well(&world, &person, &grant, &format!("{how:?} at {name}")).await;
    }
    assert!(status(&world).await.faults.is_empty(), "rot is nobody's fault");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flipped_bit_of_a_pack_is_found_and_nothing_false_is_given_out() {
    let (world, _, _) = world(3).await;
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let path = files(&world, "regulator", "custody").remove(0);
    let whole = std::fs::read(&path).expect("a pack");
    let at = key::generation(&id("hospital-a"), 0, 0);
    let versions: Vec<_> = tables(&world.vault("regulator").expect("open"))
        .scan(&OF_BATCH, &at, None, usize::MAX)
        .expect("rows")
        .into_iter()
        .map(|(_, version)| version)
        .collect();
    let give = async || {
        let body = request(&world, "regulator", SourceAsk::Release, (0, 0), versions.clone());
        let release = custodian.give_back(&id("hospital-a"), &signed(&world, body)).await.expect("given");
        let label = salus_types::label::HPKE_GIVE_BACK;
        let (from, to) = (&world.member("regulator").node_key, world.kem("hospital-a"));
        let plain = crate::open_envelope(&release.shares, from, &to, label, &NETWORK).expect("opens");
        let given: salus_types::vault::GivenBack = salus_types::decode_canonical(&plain).expect("an answer");
        (given, release.versions.into_inner())
    };
    let (shares, packages) = give().await;
    assert!(shares.damaged.is_empty() && shares.shares.len() == versions.len());
    let bits = 8 * whole.len();
    let stride = bits / 150;
    for bit in (0..bits).step_by(stride).chain([bits - 1]) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).expect("written");
        custodian.check(&at).await.expect("checked");
        assert_eq!(custodian.kept().await.expect("a status").damaged, 1, "bit {bit} of {bits}");
        if bit % 5 == 0 {
            let (given, released) = give().await;
            assert_eq!((given.damaged.len(), given.damaged[0].sequence), (1, 0), "its source is told");
            assert!(given.shares.iter().all(|share| shares.shares.contains(share)), "bit {bit}");
            assert!(released.iter().all(|one| packages.contains(one)), "bit {bit}");
        }
    }
    std::fs::write(&path, whole).expect("written");
    custodian.check(&at).await.expect("checked");
    assert_eq!(custodian.kept().await.expect("a status").damaged, 0, "a disk that comes back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_lies_to_a_challenge_fails_it_and_is_given_a_new_copy_once_it_is_honest() {
    let lies =
        [Tamper::Replay, Tamper::Others, Tamper::Nothing, Tamper::Shares, Tamper::Ciphertext, Tamper::Sender];
    let (world, person, grant) = watchful_world().await;
    for (how, liar) in lies.into_iter().zip(THREE.into_iter().cycle()) {
        let before = status(&world).await;
        let failed = |status: &CustodyStatus, who: &str| {
            status.challenges.get(&id(who)).map_or(0, |challenges| challenges.failed)
        };
        *world.tamper.lock().expect("unpoisoned") = Some((id(liar), how));
        run_all_until(&world, async |now| failed(now, liar) > failed(&before, liar)).await;
        *world.tamper.lock().expect("unpoisoned") = None;
        let after = status(&world).await;
        for honest in THREE.iter().filter(|name| **name != liar) {
            assert_eq!(failed(&after, honest), failed(&before, honest), "{how:?} of {liar}: {honest}");
        }
        let blamed = |status: &CustodyStatus| status.faults.get(&id(liar)).copied().unwrap_or(0);
        assert_eq!(blamed(&after) > blamed(&before), how != Tamper::Nothing, "{how:?} of {liar}");
        run_all_until(&world, async |now| now.repaired > before.repaired && is_still(now)).await;
        world.replays.lock().expect("unpoisoned").clear();
        all_is_well(&world, &person, &grant, &format!("{how:?} of {liar}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_does_not_answer_fails_no_challenge_and_moves_nothing() {
    let (world, person, grant) = watchful_world().await;
    world.away(&["regulator"]);
    let unanswered = |status: &CustodyStatus| {
        status.challenges.get(&id("regulator")).is_some_and(|challenges| challenges.unanswered > 3)
    };
    run_all_until(&world, async |now| unanswered(now)).await;
    let now = status(&world).await;
    assert_eq!((now.to_move, now.moved, lost(&now)), (0, 0, 0));
    world.away(&[]);
    all_is_well(&world, &person, &grant, "back again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_complains_without_reason_is_given_a_new_copy_once_in_a_while_only() {
    let (world, person, grant) = watchful_world().await;
    world.repair_pause_ms.store(3_600_000, Ordering::Relaxed);
    reopen(&world, "hospital-a");
    *world.tamper.lock().expect("unpoisoned") = Some((id("regulator"), Tamper::Complains));
    let passed = |status: &CustodyStatus| status.challenges.get(&id("regulator")).map_or(0, |one| one.passed);
    run_all_until(&world, async |now| now.repaired == 1 && is_still(now)).await;
    let before = passed(&status(&world).await);
    run_all_until(&world, async |now| passed(now) > before + 20).await;
    assert_eq!(status(&world).await.moved, 1, "not again for an hour, whatever it says");
    world.pass(3_600_000);
    run_all_until(&world, async |now| now.repaired == 2 && is_still(now)).await;
    *world.tamper.lock().expect("unpoisoned") = None;
    all_is_well(&world, &person, &grant, "after all").await;
}

#[tokio::test]
async fn a_source_that_challenges_what_is_not_its_own_gets_nothing() {
    let (world, _, _) = world(3).await;
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let (versions, _): (Vec<_>, Vec<_>) = held(&world).into_iter().unzip();
    let mut body = request(&world, "regulator", SourceAsk::Release, (0, 0), versions[..4].to_vec());
    body.source = id("hospital-b");
    let asked = SourceRequest::sign(body.clone(), &world.signing("hospital-b"));
    let refused = custodian.give_back(&id("hospital-b"), &asked).await;
    assert!(matches!(refused, Err(ReleaseError::Refused(Refusal::NotTheSource))), "{refused:?}");
    body.source = id("hospital-a");
    let asked = SourceRequest::sign(body, &world.signing("hospital-b"));
    for peer in ["hospital-a", "hospital-b"] {
        assert!(custodian.give_back(&id(peer), &asked).await.is_err(), "{peer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_that_rots_on_its_way_is_not_sent_and_its_batch_is_made_anew_from_the_custodians() {
    let (world, person, grant) = world(3).await;
    // One custodian is away: the batch is anchored, and its pack waits for it.
    world.away(&["regulator"]);
    world.outbox.observations("p1", 700..705);
    let waits = async |world: &World, source: &Source| {
        let status = source.status().await.expect("a status");
        status.anchored == world.outbox.rows().len() as u64 && status.open_batches == 1
    };
    world.run_until(waits).await;
    harm(&files(&world, "hospital-a", "outgoing"), Harm::FlippedBit(3));
    world.away(&[]);
    moved(&world, &[]).await;
    assert_eq!(status(&world).await.moved, 1);
    assert_eq!(granted(&world, &grant).await, OF_P1 + 5);

    // New shares on their way to a custodian that is away.
    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    world.away(&["clinic-c"]);
    let late = async |_: &World, source: &Source| {
        let status = source.custody_status().await.expect("a status");
        status.to_move == 0 && status.late > 0
    };
    world.run_until(late).await;
    harm(&files(&world, "hospital-a", "moving"), Harm::FlippedBit(4));
    world.away(&[]);
    moved(&world, &[]).await;
    assert_eq!(granted(&world, &grant).await, OF_P1 + 5);
    assert_eq!(own(&world, &person).await, OF_P1 + 5);
    all_lies_where_it_should(&world);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

/// Stops a vault and keeps or puts back its folder.
fn closed(world: &World, name: &str) -> PathBuf {
    let folder = world.path(name);
    let vault = world.vaults.lock().expect("unpoisoned").remove(&id(name)).expect("open");
    assert_eq!(Arc::strong_count(&vault.custodian), 1, "nobody uses it");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_comes_back_from_an_older_backup_is_given_what_it_lacks() {
    let (world, person, grant) = watchful_world().await;
    let (folder, kept) = (closed(&world, "regulator"), world.path("kept"));
    copy(&folder, &kept);
    world.open("regulator");
    // After the backup: another generation of everything, and batches that the backup has not.
    harm(&files(&world, "hospital-b", "custody"), Harm::Zeroed);
    let old = files(&world, "hospital-b", "custody").len() as u64;
    run_all_until(&world, async |now| now.repaired >= old && is_still(now)).await;
    world.outbox.observations("p1", 800..805);
    moved(&world, &[]).await;
    let folder = closed(&world, "regulator");
    std::fs::remove_dir_all(&folder).expect("lost");
    copy(&kept, &folder);
    world.open("regulator");
    let all = packs(&world, "hospital-a", "custody") as u64;
    let before = status(&world).await.repaired;
    run_all_until(&world, async |now| now.repaired >= before + all && is_still(now)).await;
    moved(&world, &[]).await;
    assert_eq!(granted(&world, &grant).await, OF_P1 + 5);
    assert_eq!(own(&world, &person).await, OF_P1 + 5);
    all_lies_where_it_should(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_comes_back_from_a_backup_older_than_its_generations_makes_them_good() {
    for custodians in [THREE, ["hospital-b", "regulator", "clinic-c"]] {
        let (world, person, grant) = watchful_world().await;
        let kept = world.path("kept");
        let hold = world.vault("hospital-a").expect("open").hold().await;
        let view = hold.view(&kept).expect("a view");
        drop(hold);
        view.write().expect("a copy");
        // After the backup, everything moves.
        let moves = status(&world).await.moved;
        world.custodians(&custodians);
        let batches = if custodians == THREE {
            harm(&files(&world, "hospital-b", "custody"), Harm::Removed);
            let all = files(&world, "regulator", "custody").len() as u64;
            run_all_until(&world, async |now| now.repaired >= all && is_still(now)).await;
            all
        } else {
            moved(&world, &[]).await;
            status(&world).await.moved - moves
        };
        assert!(batches >= 2);
        let folder = closed(&world, "hospital-a");
        std::fs::remove_dir_all(&folder).expect("lost");
        copy(&kept, &folder);
        crate::settle_restored(&folder, &salus_crypto::Secret32::from_bytes(&[9; 32])).expect("whole");
        world.open("hospital-a");
        // Two copies of one batch count twice: not before the last batch is in its place.
        let done =
            async |now: &CustodyStatus| now.repaired >= batches && is_still(now) && is_in_place(&world);
        run_all_until(&world, done).await;
        moved(&world, &[]).await;
        all_is_readable(&world, &person, &grant, &format!("{custodians:?}")).await;
        all_lies_where_it_should(&world);
    }
}

fn generations(world: &World) -> BTreeSet<u32> {
    let batches = own_tables(world).scan(&BATCHES, &[], None, usize::MAX).expect("rows");
    batches.into_iter().map(|(_, batch)| batch.generation).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_custodian_that_boasts_of_a_newer_generation_is_not_believed() {
    let (world, person, grant) = watchful_world().await;
    *world.tamper.lock().expect("unpoisoned") = Some((id("regulator"), Tamper::Boasts));
    world.away(&["hospital-b"]);
    let failed = |status: &CustodyStatus| status.challenges.get(&id("regulator")).map_or(0, |one| one.failed);
    run_all_until(&world, async |now| failed(now) > 20).await;
    assert_eq!((generations(&world), status(&world).await.moved), (BTreeSet::from([0]), 0));
    *world.tamper.lock().expect("unpoisoned") = None;
    world.away(&[]);
    run_all_until(&world, async |now| now.repaired > 0 && is_still(now)).await;
    all_is_well(&world, &person, &grant, "one word is none").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_two_boasted_of_is_let_go_once_they_say_what_they_hold() {
    let (world, person, grant) = watchful_world().await;
    // What two liars make of the source's tables.
    let vault = world.vault("hospital-a").expect("open");
    let tx = vault.custodian.store().write().expect("a writer");
    let batches = tx.scan(&BATCHES, &[], None, usize::MAX).expect("rows");
    for (at, mut batch) in batches.clone() {
        batch.generation = u32::MAX;
        tx.put(&BATCHES, &at, &batch).expect("put");
    }
    for (at, mut version) in tx.scan(&VERSIONS, &[], None, usize::MAX).expect("rows") {
        version.share_commitments = [Digest::ZERO; 3];
        tx.put(&VERSIONS, &at, &version).expect("put");
    }
    tx.commit().expect("durable");
    drop(vault);
    let all = batches.len() as u64;
    run_all_until(&world, async |now| now.moved >= all && is_still(now)).await;
    assert_eq!(generations(&world), BTreeSet::from([1]));
    all_is_well(&world, &person, &grant, "after the lie").await;
}
