//! What keys cost, for `docs/keys.md`. `cargo xtask bench keys` runs these one after the other and prints what they print.

use crate::bench::{seal_rate, unseal_rate};
use crate::patient::Root;
use crate::store::Reads as _;
use crate::store::tables::GRANT_KEYS;
use crate::testing::{GrantWish, World, id};
use commonware_codec::EncodeSize as _;
use salus_crypto::Secret32;
use salus_crypto::hash::sha256;
use salus_types::Digest;
use salus_types::category::{Category, Purpose};
use salus_types::vault::Directory;
use std::time::Instant;

const DOCTOR: Digest = Digest([5; 32]);
const RUNS: usize = 5;

/// What most people grant by: ten categories that are not protected.
const TEN: usize = 10;

fn print(name: &str, unit: &str, goal: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let (median, last) = (values[values.len() / 2], values[values.len() - 1]);
    println!("| {name} | {median:.1} {unit} | {:.1} to {last:.1} | {goal} |", values[0]);
}

fn per_second(bytes: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
}

#[test]
#[ignore = "a measurement"]
fn sealing_against_its_floors() {
    const MIB: usize = 1 << 20;
    let data = vec![7; 8 * MIB];
    let key = Secret32::random();
    let runs = |figure: &dyn Fn() -> f64| (0..RUNS).map(|_| figure()).collect::<Vec<_>>();
    let gcm = || {
        per_second(8 * data.len(), || (0..8).for_each(|_| drop(salus_crypto::aead::seal(&key, &[], &data))))
    };
    print("floor: AES-256-GCM, 8 MiB, one core", "MB/s", "", runs(&gcm));
    let sha = || {
        per_second(8 * data.len(), || {
            (0..8).for_each(|_| {
                std::hint::black_box(sha256(&data));
            })
        })
    };
    print("floor: SHA-256, 8 MiB, one core", "MB/s", "", runs(&sha));
    print(
        "sealing a document of 8 MiB, one core",
        "MB/s",
        ">= 500",
        runs(&|| seal_rate(8, 8 * MIB) * 8.0 * 1.048_576),
    );
    print("sealing versions of 1 KiB, one core", "1/s", ">= 20,000", runs(&|| seal_rate(20_000, 1_024)));
    print(
        "opening 1,000 versions of 1.5 KiB, one core",
        "ms",
        "<= 300",
        runs(&|| 1e6 / unseal_rate(5_000, 1_536)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn the_release_of_a_chart_of_a_thousand_versions() {
    let world = World::new();
    world.batch_versions.store(1_024, std::sync::atomic::Ordering::Relaxed);
    world.open_all();
    let padding =
        format!(r#","category":[{{"coding":[{{"code":"laboratory"}}]}}],"note":"{}""#, "x".repeat(1_400));
    for number in 0..1_000 {
        world.outbox.push("Observation", &format!("o{number}"), "1", Some("p1"), &padding);
    }
    let person = world.enrol("p1").await;
    world.settle().await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let b = world.vault("hospital-b").expect("open");
    let start = Instant::now();
    let reading = b.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    print("reading it, custodians in the same process", "ms", "", vec![start.elapsed().as_secs_f64() * 1e3]);
    assert_eq!(reading.records.len(), 1_000);
    let mut ask = World::release_ask(&person, &grant, &reading);
    for packages in [true, false] {
        ask.packages = packages;
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let custodian = world.vault("regulator").expect("open").custodian.clone();
            let start = Instant::now();
            custodian.release_for_grant(&id("hospital-b"), &ask).await.expect("released");
            runs.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let what = if packages { "shares and packages" } else { "shares" };
        print(&format!("a custodian's release of 1,000 versions, {what}"), "ms", "<= 150", runs);
    }
}

fn file_bytes(world: &World, name: &str) -> f64 {
    std::fs::metadata(world.path(name).join("vault.redb")).expect("tables").len() as f64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn what_many_patients_cost_to_keep_and_to_rotate() {
    let count: usize = std::env::var("SALUS_PATIENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(5_000);
    let world = World::new();
    world.open_all();
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    world.settle().await;
    let before = ["hospital-a", "regulator"].map(|name| (file_bytes(&world, name), live_bytes(&world, name)));
    let mut roots = Vec::new();
    for from in (0..count).step_by(PER_ROUND) {
        let (to, start) = (count.min(from + PER_ROUND), Instant::now());
        for number in from..to {
            let root = Root::random();
            let own = root.at(&id("hospital-a"));
            let (name, kem) = (format!("p{number}"), own.kem.public().0);
            let directory = source.enrol_patient(&name, own.signing.public(), &kem).await.expect("enrolled");
            if number == 0 {
                wrapped(&directory);
            }
            // The first rotate at the end; of the others nothing more is asked.
            if roots.is_empty() {
                roots.push(root);
            }
        }
        let each_ms = start.elapsed().as_secs_f64() * 1e3 / (to - from) as f64;
        // As in life: what is to go to custodians goes, and makes room.
        world.settle().await;
        if to == count || to.is_power_of_two() || to % (20 * PER_ROUND) == 0 {
            print(
                &format!("enrolling a patient: link, sixteen compartments, records (after {from})"),
                "ms",
                "",
                vec![each_ms],
            );
            for (name, (file, live)) in ["hospital-a", "regulator"].iter().zip(before) {
                let each = |now: f64, before: f64| (now - before) / to as f64;
                let what = format!("for each of {to} patients, {name}");
                print(&format!("file {what}"), "bytes", "", vec![each(file_bytes(&world, name), file)]);
                print(
                    &format!("rows and names {what}"),
                    "bytes",
                    "",
                    vec![each(live_bytes(&world, name), live)],
                );
            }
        }
    }
    drop(source);
    world.settle().await;
    for name in ["hospital-a", "regulator"] {
        for (table, bytes) in tables_bytes(&world, name) {
            if bytes / count as u64 >= 16 {
                println!("| {name}: `{table}` | {} bytes for each patient | | |", bytes / count as u64);
            }
        }
    }
    rotation(&world, &roots).await;
}

/// Patients enrolled before what they leave for custodians is carried to them.
const PER_ROUND: usize = 1_000;

/// What rows and their names take, by table; most first.
fn tables_bytes(world: &World, name: &str) -> Vec<(String, u64)> {
    let store = world.vault(name).expect("open").custodian.store().clone();
    let mut tables = store.read().expect("a view").stored_bytes().expect("tables");
    tables.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    tables
}

fn live_bytes(world: &World, name: &str) -> f64 {
    tables_bytes(world, name).iter().map(|(_, bytes)| *bytes as f64).sum()
}

/// What a patient's keys take at rest, with ten categories.
fn wrapped(directory: &Directory) {
    let link: usize = directory.links.iter().map(|link| link.encode_size()).sum();
    let records = directory.compartments.iter().take(TEN);
    let wraps: usize = records.clone().map(|record| record.statement.wrapped.len()).sum();
    let statements: usize = records.map(|record| record.encode_size()).sum();
    print("a patient's link at one source", "bytes", "", vec![link as f64]);
    print("ten wrapped keys for the patient", "bytes", "", vec![wraps as f64]);
    print("ten signed statements, wraps included", "bytes", "", vec![statements as f64]);
}

/// What stands in the way of a theft, and what it takes: the patient's link and wrapped keys in a source's tables, and what
/// three grantees keep of the same ten keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn wrapped_keys_of_a_patient_and_three_grantees_at_rest() {
    let world = World::new();
    world.open_all();
    let person = world.enrol("p1").await;
    world.settle().await;
    let grantees = ["hospital-b", "insurer", "regulator"];
    for (counter, grantee) in (0..).zip(grantees) {
        let ten = |wish: &mut GrantWish| {
            wish.categories = Category::ALL[..TEN].to_vec();
            wish.grantee = grantee;
        };
        world.grant(&person, counter, ten).await;
    }
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let address = person.root.at(&id("hospital-a")).address;
    let directory = source.directory(address).await.expect("an answer").expect("enrolled");
    let mut keys: usize = directory.links.iter().map(|link| link.encode_size()).sum();
    keys += directory.compartments.iter().take(TEN).map(|one| one.statement.wrapped.len()).sum::<usize>();
    let (mut names, mut count) = (0, 0);
    for grantee in grantees {
        let store = world.vault(grantee).expect("open").custodian.store().clone();
        for (name, sealed) in
            store.read().expect("a view").scan(&GRANT_KEYS, &[], None, usize::MAX).expect("rows")
        {
            keys += sealed.encode_size();
            names += name.len();
            count += 1;
        }
    }
    assert_eq!(count, TEN * grantees.len());
    let what = "wrapped keys at rest, ten categories, a patient and three grantees";
    print(&format!("{what}: link and keys"), "bytes", "<= 5,120", vec![keys as f64]);
    print(&format!("{what}: names of rows besides"), "bytes", "", vec![names as f64]);
}

/// The end of a grant over ten categories, with ten other grantees' grants standing.
async fn rotation(world: &std::sync::Arc<World>, roots: &[Root]) {
    let mut runs = Vec::new();
    let own = roots[0].at(&id("hospital-a"));
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    for run in 0..u32::try_from(RUNS).expect("few") {
        let directory = source.directory(own.address).await.expect("an answer").expect("enrolled");
        let member = world.member_now("hospital-a");
        let found = crate::patient::open_directories(&own, &crate::testing::NETWORK, &member, &[directory]);
        let person = crate::testing::Person { root: roots[0].clone(), compartments: found.compartments };
        let ten = |wish: &mut crate::testing::GrantWish| wish.categories = Category::ALL[..TEN].to_vec();
        for other in 0..9 {
            world.grant(&person, 100 * run + other, ten).await;
        }
        let ended = world.grant(&person, 100 * run + 50, ten).await;
        world.revoke(&ended);
        let start = Instant::now();
        assert!(source.grant_ended(ended.grant).await.expect("rotated"));
        runs.push(start.elapsed().as_secs_f64() * 1e3);
    }
    print("rotating ten compartments, nine grants stand (more each run)", "ms", "", runs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn releases_against_the_events_of_many_accesses() {
    let count: usize = std::env::var("SALUS_ACCESSES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let (audited, compared) = super::audit_scale::measure(14, count).await;
    let seconds = |time: std::time::Duration| vec![time.as_secs_f64()];
    print(
        &format!("a custodian's audit, two releases for each of {count} accesses"),
        "s",
        "",
        seconds(audited),
    );
    print(&format!("all custodians' logs against {count} events"), "s", "", seconds(compared));
}
