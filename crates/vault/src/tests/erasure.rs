//! Erasure: nothing that was erased opens anywhere, and everything else does.

use crate::custodian::CustodyError;
use crate::custodian::erase::condemn;
use crate::erasure::ErasureError;
use crate::reader::ReadError;
use crate::settle_restored;
use crate::store::tables::{
    BLANKS, CUSTODY, EVIDENCE, HELD, HELD_VERSIONS, HeldVersionRow, IN_COMPARTMENT, OF_BATCH, VERSIONS, key,
};
use crate::store::{PackName, Reads as _};
use crate::testing::{GrantWish, NETWORK, Person, World, id};
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::{Digest, Secret32};
use salus_types::action::OrderErasure;
use salus_types::category::{Category, Purpose};
use salus_types::erasure::{ErasureGround, erased_root};
use salus_types::state::{ErasedEntry, key as state_key};
use salus_types::vault::{CustodyBatch, CustodyItem, ErasureNotice};
use salus_types::{Bounded, GrantId, VersionId, decode_canonical, namespace};
use std::path::Path;
use std::sync::Arc;

const DOCTOR: Digest = Digest([5; 32]);
const RECORDS: usize = 40;
const MEMBERS: [&str; 4] = ["hospital-a", "hospital-b", "insurer", "regulator"];

/// Hospital B has read 40 records of Hospital A's patient, and holds them.
async fn world() -> (Arc<World>, Person, GrantId) {
    let world = World::new();
    world.open_all();
    start_following(&world).await;
    world.outbox.push("Patient", "p1", "1", None, "");
    world.outbox.observations("p1", 0..RECORDS);
    let person = world.enrol("p1").await;
    world.settle().await;
    let grant = world.grant(&person, 0, labs).await.grant;
    let reader = &world.vault("hospital-b").expect("open").reader;
    let reading = reader.read(grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!(reading.records.len(), RECORDS);
    reader.hold(grant, &reading.records).await.expect("held");
    (world, person, grant)
}

fn labs(wish: &mut GrantWish) {
    wish.categories = vec![Category::Labs];
}

/// A vault follows orders from the first that comes after it was made.
async fn start_following(world: &World) {
    for name in MEMBERS {
        world.vault(name).expect("open").erasure.round().await.expect("looked");
    }
}

async fn versions_of(world: &World, names: &[&str]) -> Vec<VersionId> {
    let vault = world.vault("hospital-a").expect("open");
    let named = names.iter().map(|name| ("Observation".to_owned(), (*name).to_owned())).collect();
    vault.source.as_ref().expect("a source").versions_of(named).await.expect("versions")
}

/// An order of `by`, final, with the notice that opens it.
pub(super) fn order(world: &World, by: &str, versions: &[VersionId]) -> ErasureNotice {
    let salt: [u8; 32] = salus_crypto::random::bytes();
    let order = OrderErasure {
        organisation: id(by),
        versions_root: erased_root(&salt, versions),
        count: versions.len() as u32,
        ground: ErasureGround::PatientRequest,
        nonce: salus_crypto::random::bytes(),
    };
    world.apply(&world.signing(by).public(), &order.clone().into()).expect("final");
    let versions = Bounded::new(versions.to_vec()).expect("few");
    ErasureNotice { network: NETWORK, source: id(by), erasure: order.id(), salt, versions }
}

/// Hospital A carries its own order out; then everybody else gets the notice.
pub(super) async fn carry_out(world: &World, notice: &ErasureNotice) {
    world.vault("hospital-a").expect("open").erasure.carry_out(notice.clone()).await.expect("carried out");
    for name in MEMBERS {
        assert!(!world.vault(name).expect("open").erasure.round().await.expect("looked"), "{name}");
    }
}

/// What the gateway does at each member, and the receipts.
pub(super) async fn finish(world: &World, notice: &ErasureNotice) {
    for name in MEMBERS {
        let erasure = &world.vault(name).expect("open").erasure;
        for due in erasure.due().await.expect("due") {
            let copies = due.grants.len() as u32;
            erasure.finish(due.notice.erasure, copies).await.expect("finished");
        }
        assert!(erasure.due().await.expect("due").is_empty());
        assert!(receipt(world, notice, name).is_some(), "{name}");
    }
}

fn receipt(world: &World, notice: &ErasureNotice, name: &str) -> Option<ErasedEntry> {
    world.entry(state_key::erased(&notice.erasure, &id(name)))
}

/// How many records a new grantee reads.
async fn readable(world: &World, person: &Person, counter: u32) -> usize {
    let grant = world
        .grant(person, counter, |wish| {
            labs(wish);
            wish.grantee = "insurer";
        })
        .await;
    let reader = &world.vault("insurer").expect("open").reader;
    let reading = reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert!(reading.blame.is_empty(), "{:?}", reading.blame);
    assert_eq!(reading.remaining, 0);
    reading.records.len()
}

/// Everything by which a version could be opened, or a guess at it be confirmed: whoever has all disks and all keys of
/// organisations looks for these.
async fn traces(world: &World, versions: &[VersionId]) -> Vec<(String, Vec<u8>)> {
    let mut traces = Vec::new();
    for name in MEMBERS {
        let vault = world.vault(name).expect("open");
        let store = vault.custodian.store();
        let tx = store.read().expect("a view");
        for version in versions {
            for (at, row) in tx.scan(&HELD_VERSIONS, version.as_bytes(), None, 9).expect("rows") {
                let generation = key::generation_at_end(&at).expect("a generation");
                let item = item(store, generation, &row).await;
                traces.push((format!("the package at {name}"), item.package.ciphertext.to_vec()));
                traces.push((format!("the share at {name}"), item.sealed_share.to_vec()));
            }
            for (at, row) in tx.scan(&HELD, &[], None, usize::MAX).expect("rows") {
                if at.ends_with(version.as_bytes()) {
                    traces.push((format!("r, held at {name}"), row.r.encode().to_vec()));
                    traces.push((format!("the digest, held at {name}"), row.plaintext_digest.0.to_vec()));
                }
            }
            if let Some(row) = tx.get(&VERSIONS, version.as_bytes()).expect("read") {
                traces.push(("r at the source".into(), row.r.encode().to_vec()));
                traces.push(("the digest at the source".into(), row.plaintext_digest.0.to_vec()));
            }
        }
    }
    traces
}

async fn item(store: &crate::Store, generation: u32, row: &HeldVersionRow) -> CustodyItem {
    let name = PackName::custody(&row.source, row.sequence, generation);
    let range = row.at..row.at + u64::from(row.length);
    let bytes = store.packs.ranges(&name, &[range]).await.expect("read").remove(0);
    decode_canonical(&bytes).expect("an item")
}

/// Which traces are in some file of some member.
fn found(world: &World, traces: &[(String, Vec<u8>)]) -> Vec<String> {
    found_in(world.folder.path(), traces)
}

fn found_in(folder: &Path, traces: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    let is_there = |needle: &[u8]| {
        let finder = memchr::memmem::Finder::new(needle);
        files.iter().any(|file| finder.find(file).is_some())
    };
    traces.iter().filter(|(_, needle)| is_there(needle)).map(|(what, _)| what.clone()).collect()
}

fn collect(folder: &Path, files: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry").path();
        if entry.is_dir() {
            collect(&entry, files);
        } else {
            files.push(std::fs::read(entry).expect("a file"));
        }
    }
}

#[tokio::test]
async fn nothing_of_what_is_erased_is_on_any_disk_and_everything_else_opens() {
    let (world, person, grant) = world().await;
    let (gone, kept) = (versions_of(&world, &["o3", "o17"]).await, versions_of(&world, &["o4", "o18"]).await);
    let (of_gone, of_kept) = (traces(&world, &gone).await, traces(&world, &kept).await);
    assert_eq!(of_gone.len(), 2 * (3 * 2 + 2 + 2), "three custodians, one grantee, and the source");
    assert_eq!(found(&world, &of_gone).len(), of_gone.len(), "the search finds what is there");
    let backup = pack_of(&world, "regulator", &gone[0]);

    let notice = order(&world, "hospital-a", &gone);
    carry_out(&world, &notice).await;
    let due = world.vault("hospital-b").expect("open").erasure.due().await.expect("due");
    assert_eq!(due.iter().map(|due| due.grants.clone()).collect::<Vec<_>>(), [vec![grant]]);
    let own = world.vault("hospital-a").expect("open").erasure.due().await.expect("due").remove(0);
    let named = |id: &str| ("Observation".to_owned(), id.to_owned());
    assert_eq!((own.grants, own.resources), (vec![], vec![named("o17"), named("o3")]));
    assert!(receipt(&world, &notice, "hospital-b").is_none(), "not while copies may be left");
    finish(&world, &notice).await;

    assert_eq!(found(&world, &of_gone), [] as [&str; 0]);
    assert_eq!(found(&world, &of_kept).len(), of_kept.len());
    let counts = |name: &str| receipt(&world, &notice, name).map(|entry| (entry.versions, entry.copies));
    assert_eq!(counts("hospital-b"), Some((2, 1)));
    assert_eq!(counts("regulator"), Some((2, 0)));
    assert_eq!(counts("insurer"), Some((0, 0)));
    assert_eq!(readable(&world, &person, 1).await, RECORDS - 2);
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(source.proof_of("Observation", "o3", None).await.expect("asked").is_none());
    assert!(source.proof_of("Observation", "o4", None).await.expect("asked").is_some());

    let regulator = world.vault("regulator").expect("open").custodian.clone();
    let damaged = async || {
        // Everything is looked at again, as on the next day.
        world.pass(2 * crate::testing::DAY_MS);
        regulator.check_due().await.expect("looked at");
        regulator.kept().await.expect("a status").damaged
    };
    assert_eq!(damaged().await, 0, "what was blanked counts as whole");

    // Planted: one custodian's old pack comes back. The search must say so, and so does the custodian's own check.
    let (path, bytes) = backup;
    std::fs::write(path, bytes).expect("written");
    let left = found(&world, &of_gone);
    assert!(left.iter().any(|what| what == "the share at regulator"), "{left:?}");
    assert_eq!(damaged().await, 1);
}

/// A custodian's pack in which a version lies: where, and its bytes.
fn pack_of(world: &World, name: &str, version: &VersionId) -> (std::path::PathBuf, Vec<u8>) {
    let vault = world.vault(name).expect("open");
    let store = vault.custodian.store();
    let tx = store.read().expect("a view");
    let (at, row) = tx.scan(&HELD_VERSIONS, version.as_bytes(), None, 1).expect("rows").remove(0);
    let generation = key::generation_at_end(&at).expect("a generation");
    let name = PackName::custody(&row.source, row.sequence, generation);
    let path = store.folder.join("packs").join(name.path());
    let bytes = std::fs::read(&path).expect("a pack");
    (path, bytes)
}

#[tokio::test]
async fn an_order_erases_what_its_own_source_sealed_and_what_it_commits_to() {
    let (world, person, _) = world().await;
    let versions = versions_of(&world, &["o1", "o2"]).await;
    let regulator = world.vault("regulator").expect("open");
    let good = order(&world, "hospital-a", &versions);
    let other = order(&world, "hospital-a", &versions[..1]);
    let mut twice = versions.clone();
    twice.reverse();
    let unsorted = ErasureNotice { versions: Bounded::new(twice).expect("few"), ..good.clone() };
    for (notice, what) in [
        (ErasureNotice { salt: [0; 32], ..good.clone() }, "another salt"),
        (ErasureNotice { versions: other.versions.clone(), ..good.clone() }, "other versions"),
        (
            ErasureNotice { network: salus_types::NetworkId(Digest([1; 32])), ..good.clone() },
            "another network",
        ),
        (ErasureNotice { source: id("hospital-b"), ..good.clone() }, "another source"),
        (ErasureNotice { erasure: other.erasure, ..good.clone() }, "another order"),
        (unsorted, "another order of versions"),
    ] {
        let outcome = regulator.erasure.carry_out(notice).await;
        assert!(matches!(outcome, Err(ErasureError::Notice)), "{what}: {outcome:?}");
    }
    let never = ErasureNotice { erasure: salus_types::ErasureId(Digest([3; 32])), ..good };
    assert!(matches!(regulator.erasure.carry_out(never).await, Err(ErasureError::Unknown)));
    // An order of one who did not seal them is carried out, and takes nothing.
    let foreign = order(&world, "hospital-b", &versions);
    regulator.erasure.carry_out(foreign.clone()).await.expect("carried out");
    regulator.erasure.finish(foreign.erasure, 0).await.expect("finished");
    assert_eq!(receipt(&world, &foreign, "regulator").expect("a receipt").versions, 0);
    assert_eq!(readable(&world, &person, 1).await, RECORDS);
}

#[tokio::test]
async fn who_was_away_learns_of_the_order_when_it_is_back_and_from_others_if_the_source_is_gone() {
    let (world, person, _) = world().await;
    let versions = versions_of(&world, &["o1"]).await;
    let traces = traces(&world, &versions).await;
    let notice = order(&world, "hospital-a", &versions);
    world.vault("hospital-a").expect("open").erasure.carry_out(notice.clone()).await.expect("carried out");
    let regulator = world.vault("regulator").expect("open");
    world.away(&["hospital-a", "hospital-b", "insurer"]);
    assert!(regulator.erasure.round().await.expect("looked"), "nobody answers");
    world.away(&[]);
    world.vault("hospital-b").expect("open").erasure.round().await.expect("looked");
    world.away(&["hospital-a"]);
    assert!(!regulator.erasure.round().await.expect("looked"));
    world.away(&[]);
    carry_out(&world, &notice).await;
    finish(&world, &notice).await;
    assert_eq!(found(&world, &traces), [] as [&str; 0]);
    assert_eq!(readable(&world, &person, 1).await, RECORDS - 1);
}

#[tokio::test]
async fn a_stop_before_the_packs_are_blanked_is_made_good_at_the_next_start() {
    let (world, ..) = world().await;
    let versions = versions_of(&world, &["o1"]).await;
    let traces = traces(&world, &versions).await;
    let notice = order(&world, "hospital-a", &versions);
    let regulator = world.vault("regulator").expect("open");
    let tx = regulator.custodian.store().write().expect("a writer");
    assert_eq!(condemn(&tx, &notice).expect("condemned"), 1);
    tx.commit().expect("committed");
    // The source's own part in this is another test's.
    let folder = world.path("regulator");
    assert!(found_in(&folder, &traces).contains(&"the share at regulator".to_owned()));
    drop((regulator, world.vaults.lock().expect("unpoisoned").remove(&id("regulator"))));
    let regulator = world.open("regulator");
    regulator.custodian.tidy().await.expect("tidied");
    assert!(!found_in(&folder, &traces).contains(&"the share at regulator".to_owned()));
    let tx = regulator.custodian.store().read().expect("a view");
    assert!(tx.scan(&BLANKS, &[], None, 1).expect("rows").is_empty());
}

#[tokio::test]
async fn a_batch_that_brings_back_what_was_erased_is_taken_without_it() {
    let (world, person, _) = world().await;
    let versions = versions_of(&world, &["o1"]).await;
    let traces = traces(&world, &versions).await;
    // The regulator has lost everything, and the batches come again from the source's hand.
    let notice = order(&world, "hospital-a", &versions);
    let regulator = world.vault("regulator").expect("open");
    let (path, bytes) = pack_of(&world, "regulator", &versions[0]);
    let batch: salus_types::vault::CustodyBatch = decode_canonical(&bytes).expect("a batch");
    carry_out(&world, &notice).await;
    let tx = regulator.custodian.store().write().expect("a writer");
    let (sequence, generation) = (batch.body.sequence, batch.body.generation);
    for (version, row) in tx.scan(&HELD_VERSIONS, &[], None, usize::MAX).expect("rows") {
        if row.sequence == sequence {
            tx.remove(&HELD_VERSIONS, &version).expect("removed");
            tx.remove(&OF_BATCH, &key::of_batch(&row.source, sequence, generation, row.leaf))
                .expect("removed");
            let place = key::in_compartment(&row.compartment, &row.source, sequence, row.leaf);
            tx.remove(&IN_COMPARTMENT, &place).expect("removed");
        }
    }
    tx.remove(&CUSTODY, &key::generation(&id("hospital-a"), sequence, generation)).expect("removed");
    tx.commit().expect("committed");
    std::fs::remove_file(path).expect("removed");
    regulator.custodian.accept_batch(&id("hospital-a"), batch.clone()).await.expect("taken");
    regulator.custodian.accept_batch(&id("hospital-a"), batch).await.expect("taken again, as the same");
    finish(&world, &notice).await;
    assert_eq!(found(&world, &traces), [] as [&str; 0]);
    world.away(&["hospital-b"]);
    assert_eq!(readable(&world, &person, 1).await, RECORDS - 1, "with the regulator's shares");
}

#[tokio::test]
async fn custody_moves_on_without_what_was_erased() {
    let world = World::with(&[
        ("hospital-a", salus_types::organisation::Class::Provider, true),
        ("hospital-b", salus_types::organisation::Class::Provider, true),
        ("insurer", salus_types::organisation::Class::Payer, false),
        ("regulator", salus_types::organisation::Class::Regulator, true),
        ("clinic-c", salus_types::organisation::Class::Provider, true),
    ]);
    world.custodians(&["hospital-a", "hospital-b", "regulator"]);
    world.open_all();
    start_following(&world).await;
    world.outbox.observations("p1", 0..RECORDS);
    let person = world.enrol("p1").await;
    world.settle().await;
    let versions = versions_of(&world, &["o1", "o2"]).await;
    let traces = traces(&world, &versions).await;
    let notice = order(&world, "hospital-a", &versions);
    // The custodians change before the order is carried out: a move may be under way.
    world.custodians(&["hospital-a", "clinic-c", "regulator"]);
    carry_out(&world, &notice).await;
    world
        .run_until(async |world, source| {
            let status = source.custody_status().await.expect("a status");
            let clinic = world.vault("clinic-c").expect("open");
            let there = clinic.custodian.store().read().expect("a view").scan(&CUSTODY, &[], None, 1);
            !there.expect("rows").is_empty() && (status.to_move, status.late) == (0, 0)
        })
        .await;
    finish(&world, &notice).await;
    assert_eq!(found(&world, &traces), [] as [&str; 0]);
    world.away(&["hospital-b"]);
    assert_eq!(readable(&world, &person, 1).await, RECORDS - 2);
}

#[tokio::test]
async fn nodes_that_come_back_from_a_backup_erase_again() {
    let (world, person, _) = world().await;
    let versions = versions_of(&world, &["o1"]).await;
    let traces = traces(&world, &versions).await;
    for name in ["hospital-a", "regulator"] {
        let vault = world.vault(name).expect("open");
        let view = vault.hold().await.view(&world.path(&format!("{name}-copy"))).expect("a view");
        view.write().expect("a copy");
    }
    let notice = order(&world, "hospital-a", &versions);
    carry_out(&world, &notice).await;
    finish(&world, &notice).await;
    for name in ["hospital-a", "regulator"] {
        drop(world.vaults.lock().expect("unpoisoned").remove(&id(name)));
        let (copy, own) = (world.path(&format!("{name}-copy")), world.path(name));
        std::fs::remove_dir_all(&own).expect("lost");
        std::fs::rename(copy, &own).expect("restored");
        settle_restored(&own, &Secret32::from_bytes(&[9; 32])).expect("whole");
        world.open(name);
    }
    assert!(!found(&world, &traces).is_empty(), "the backup has it");
    for name in ["hospital-a", "regulator"] {
        let erasure = &world.vault(name).expect("open").erasure;
        assert!(!erasure.round().await.expect("looked"), "{name}");
        let due = erasure.due().await.expect("due").remove(0);
        assert_eq!(due.resources.len(), usize::from(name == "hospital-a"), "the clinical store has it again");
        erasure.finish(due.notice.erasure, 0).await.expect("finished");
    }
    assert_eq!(found(&world, &traces), [] as [&str; 0]);
    assert_eq!(readable(&world, &person, 1).await, RECORDS - 1);
}

#[tokio::test]
async fn what_was_read_before_and_is_kept_after_the_order_is_refused() {
    let (world, person, _) = world().await;
    let grant = world
        .grant(&person, 1, |wish| {
            labs(wish);
            wish.grantee = "insurer";
        })
        .await;
    let insurer = world.vault("insurer").expect("open");
    let reading = insurer.reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    let notice = order(&world, "hospital-a", &versions_of(&world, &["o1"]).await);
    carry_out(&world, &notice).await;
    let held = insurer.reader.hold(grant.grant, &reading.records).await;
    assert!(matches!(held, Err(ReadError::Erased)), "{held:?}");
    assert!(insurer.reader.held(grant.grant).await.expect("held").is_empty());
}

/// A source signs a second batch under a number, with the same versions in it.
async fn contradict(world: &World, version: &VersionId) {
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let store = custodian.store();
    let rows = store.read().expect("a view").scan(&HELD_VERSIONS, version.as_bytes(), None, 1).expect("rows");
    let (generation, row) = (key::generation_at_end(&rows[0].0).expect("a generation"), &rows[0].1);
    let name = PackName::custody(&row.source, row.sequence, generation);
    let mut batch: CustodyBatch =
        decode_canonical(&store.packs.get(&name).await.expect("read")).expect("a batch");
    let mut leaves = batch.body.leaves.to_vec();
    *leaves.last_mut().expect("leaves") = Digest([9; 32]);
    batch.body.leaves = Bounded::new(leaves).expect("as many");
    let digest = sha256(batch.body.encode());
    batch.signature = world.signing("hospital-a").sign(namespace::CUSTODY_BATCH, digest.as_ref());
    let refused = custodian.accept_batch(&id("hospital-a"), batch).await;
    assert!(matches!(refused, Err(CustodyError::Conflict)));
}

#[tokio::test]
async fn of_what_is_erased_nothing_stays_in_what_is_kept_as_evidence() {
    let (world, ..) = world().await;
    let gone = versions_of(&world, &["o3"]).await;
    let of_gone = traces(&world, &gone).await;
    contradict(&world, &gone[0]).await;
    let notice = order(&world, "hospital-a", &gone);
    carry_out(&world, &notice).await;
    finish(&world, &notice).await;
    assert_eq!(found(&world, &of_gone), [] as [&str; 0]);
    // The frame is still there, is what the daily check expects, and a second erasure finds nothing in it.
    let kept = || async {
        let store = world.vault("regulator").expect("open").custodian.store().clone();
        let (at, digest) =
            store.read().expect("a view").scan(&EVIDENCE, &[], None, 9).expect("rows").remove(0);
        let (source, sequence, generation) = key::generation_parts(&at).expect("a key");
        let pack = store.packs.get(&PackName::evidence(&source, sequence, generation)).await.expect("kept");
        let (body, _) = pack.split_last_chunk::<64>().expect("long");
        assert_eq!(sha256(body), digest);
        let batch: CustodyBatch = decode_canonical(&pack).expect("a batch");
        assert!(batch.body.items.is_empty() && !batch.body.leaves.is_empty());
        pack
    };
    let before = kept().await;
    let more = order(&world, "hospital-a", &versions_of(&world, &["o4"]).await);
    carry_out(&world, &more).await;
    finish(&world, &more).await;
    assert_eq!(kept().await, before);
}
