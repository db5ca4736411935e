//! Moving custody: everything stays readable, and nothing stays behind.

mod changes;
mod crashes;
mod custodian;
mod faults;
mod mixed;
mod refusals;
mod rot;

use crate::combine::{AnchoredRoot, Collected, Roots};
use crate::patient::{NewGrant, collect_release, keys_of};
use crate::placement::{custodians, trio};
use crate::source::{CustodyStatus, Source};
use crate::store::tables::{
    BATCHES, COMPARTMENTS, CONDEMNED, CUSTODY, HELD_VERSIONS, IN_COMPARTMENT, OF_BATCH, SURVEY, VERSIONS, key,
};
use crate::store::{ReadTx, Reads as _};
use crate::testing::{GrantWish, NETWORK, Person, World, id};
use crate::{PatientAnswer, Vault};
use salus_types::category::{Category, Purpose};
use salus_types::organisation::Class;
use salus_types::state::{AnchorEntry, key as state_key};
use salus_types::vault::{PatientAsk, SourceAsk, SourceRequest, SourceRequestBody};
use salus_types::{Bounded, Digest, OrganisationId, VersionId};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DOCTOR: Digest = Digest([5; 32]);
const ALL: [&str; 7] =
    ["hospital-a", "hospital-b", "regulator", "clinic-c", "clinic-d", "clinic-e", "clinic-f"];

/// Records of the enrolled patient, and of one who is not; besides, there are some of many others, and of none.
const OF_P1: usize = 70;
const OF_P2: usize = 20;

/// Seven possible custodians of which the first few are; records in several batches.
async fn world(first: usize) -> (Arc<World>, Person, NewGrant) {
    let providers = ALL.iter().map(|name| {
        let class = if *name == "regulator" { Class::Regulator } else { Class::Provider };
        (*name, class, true)
    });
    let members: Vec<_> = providers.chain([("insurer", Class::Payer, false)]).collect();
    let world = World::with(&members);
    world.custodians(&ALL[..first]);
    world.open_all();
    world.outbox.push("Organization", "org", "1", None, "");
    for number in 0..OF_P1 / 2 {
        world.outbox.observations("p1", number..number + 1);
        world.outbox.push("Condition", &format!("c{number}"), "1", Some("p1"), "");
        if number < OF_P2 {
            world.outbox.push("Condition", &format!("d{number}"), "1", Some("p22"), "");
            world.outbox.push("Condition", &format!("e{number}"), "1", Some(&format!("q{number}")), "");
        }
    }
    let person = world.enrol("p1").await;
    world.settle().await;
    let grant = world.grant(&person, 0, all_categories).await;
    world.settle().await;
    (world, person, grant)
}

fn all_categories(wish: &mut GrantWish) {
    wish.categories = Category::ALL.to_vec();
    wish.grantee = "insurer";
}

fn source(world: &World) -> Arc<Source> {
    world.vault("hospital-a").expect("open").source.clone().expect("a source")
}

async fn status(world: &World) -> CustodyStatus {
    source(world).custody_status().await.expect("a status")
}

fn tables(vault: &Vault) -> ReadTx {
    vault.custodian.store().read().expect("a view")
}

fn own_tables(world: &World) -> ReadTx {
    tables(&world.vault("hospital-a").expect("open"))
}

/// Whether the source has looked at everything since the custodians changed last.
fn is_surveyed(world: &World) -> bool {
    let now = custodians(&world.members.lock().expect("unpoisoned"));
    let row = own_tables(world).get(&SURVEY, b"survey").expect("read").expect("a survey");
    *row.target == *now && row.phase == 0
}

/// Runs the source until everything lies with the custodians of now, and only these owe nothing.
async fn moved(world: &Arc<World>, owing: &[&str]) {
    world
        .run_until(async |world, source| {
            // Looked at first: numbers from before the survey would say that there is nothing to move.
            let surveyed = is_surveyed(world);
            let status = source.custody_status().await.expect("a status");
            let sealed = source.status().await.expect("a status");
            let owed: BTreeSet<_> = status.receipts_owed.keys().map(OrganisationId::as_str).collect();
            surveyed
                && (status.to_move, status.late) == (0, 0)
                && (sealed.open_batches, sealed.parcels) == (0, 0)
                && sealed.outbox_cursor >= world.outbox.last()
                && owed == owing.iter().copied().collect()
                // The last step of each: a stop before it leaves a file that the next start removes.
                && ["outgoing", "moving"].iter().all(|kind| packs(world, "hospital-a", kind) == 0)
        })
        .await;
}

/// What moves between the list and the release, or between the releases of two custodians, is read by reading again.
const READINGS_MAX: usize = 4;

/// How many records a grantee reads, without keeping them, and who is blamed.
async fn granted(world: &World, grant: &NewGrant) -> usize {
    let reader = &world.vault("insurer").expect("open").reader;
    let mut held = HashSet::new();
    for _ in 0..READINGS_MAX {
        let reading = reader.read_beyond(grant.grant, DOCTOR, Purpose::Treatment, &held).await.expect("read");
        assert!(reading.blame.is_empty(), "{:?}", reading.blame);
        held.extend(reading.records.iter().map(|record| record.version));
        if reading.remaining == 0 {
            break;
        }
    }
    held.len()
}

/// How many records the patient reads.
async fn own(world: &World, person: &Person) -> usize {
    let pairwise = person.root.at(&id("hospital-a"));
    let ask = async |of: &OrganisationId, ask, versions| {
        let now = world.clock.load(Ordering::Relaxed);
        let request = pairwise.sign_request(NETWORK, of, ask, now, versions).expect("signed");
        world.vault(of.as_str()).expect("open").answer_patient(&request).await
    };
    let away = world.away.lock().expect("unpoisoned").clone();
    // Those of now first, then those that may have been, as patients' devices do.
    let mut members = world.members.lock().expect("unpoisoned").clone();
    members.retain(|one| one.class.may_be_custodian() && !away.contains(&one.id));
    members.sort_by_key(|one| !one.custodian);
    let there: Vec<_> = members.into_iter().map(|one| one.id).collect();
    let mut versions = BTreeSet::new();
    for custodian in &there {
        if let Ok(PatientAnswer::Versions(list)) = ask(custodian, PatientAsk::Versions, vec![]).await {
            versions.extend(list.versions.iter().map(|listed| listed.version));
        }
    }
    let keys = keys_of(&person.compartments);
    let mut opened = BTreeSet::new();
    for _ in 0..READINGS_MAX {
        let left: Vec<_> = versions.difference(&opened).copied().collect();
        let mut collected = Collected::default();
        for custodian in &there {
            let answer = ask(custodian, PatientAsk::Release, left.clone()).await;
            if let Ok(PatientAnswer::Release(release)) = answer {
                let from = world.member(custodian.as_str());
                collect_release(&mut collected, &pairwise.kem, &NETWORK, from, *release).expect("opens");
            }
        }
        let (roots, mut blame) = (roots(world, &collected), Vec::new());
        opened.extend(left.iter().filter(|left| collected.open(left, &keys, &roots, &mut blame).is_some()));
        assert!(blame.is_empty(), "{blame:?}");
        if opened.len() == versions.len() {
            break;
        }
    }
    opened.len()
}

fn roots(world: &World, collected: &Collected) -> Roots {
    let mut roots = Roots::new();
    for (source, sequence) in collected.batches() {
        let entry: AnchorEntry = world.entry(state_key::anchor(&source, sequence)).expect("anchored");
        let anchored = AnchoredRoot { root: entry.batch_root, size_class: entry.size_class };
        roots.insert((source, sequence), anchored);
    }
    roots
}

/// Everything is readable by grantee and patient.
async fn all_is_readable(world: &World, person: &Person, grant: &NewGrant, context: &str) {
    assert_eq!(granted(world, grant).await, OF_P1, "{context}: the grantee");
    assert_eq!(own(world, person).await, OF_P1, "{context}: the patient");
}

/// What custodians hold of the source: version -> generations by custodian.
fn held(world: &World) -> BTreeMap<VersionId, BTreeMap<OrganisationId, Vec<u32>>> {
    let mut held: BTreeMap<_, BTreeMap<_, Vec<u32>>> = BTreeMap::new();
    for name in ALL {
        let Some(vault) = world.vault(name) else { continue };
        for (at, _) in tables(&vault).scan(&HELD_VERSIONS, &[], None, usize::MAX).expect("rows") {
            let version = VersionId(crate::store::tables::id_at_end(&at[..32]));
            let generation = key::generation_at_end(&at).expect("a generation");
            held.entry(version).or_default().entry(id(name)).or_default().push(generation);
        }
    }
    held
}

/// Whether nobody has another generation of a version than the source says that stands.
fn is_in_place(world: &World) -> bool {
    let (tx, held) = (own_tables(world), held(world));
    tx.scan(&VERSIONS, &[], None, usize::MAX).expect("rows").into_iter().all(|(_, row)| {
        let batch = tx.get(&BATCHES, &row.sequence.to_be_bytes()).expect("read").expect("a batch");
        held[&row.package.version].values().all(|generations| *generations == [batch.generation])
    })
}

/// Every version lies with its three, in the one generation that its batch has, and nowhere else.
fn all_lies_where_it_should(world: &World) {
    let tx = own_tables(world);
    let now = custodians(&world.members.lock().expect("unpoisoned"));
    let held = held(world);
    let versions = tx.scan(&VERSIONS, &[], None, usize::MAX).expect("rows");
    assert_eq!((versions.len(), held.len()), (world.outbox.rows().len(), world.outbox.rows().len()));
    for (_, row) in versions {
        let compartment =
            tx.get(&COMPARTMENTS, row.package.compartment.as_bytes()).expect("read").expect("one");
        let batch = tx.get(&BATCHES, &row.sequence.to_be_bytes()).expect("read").expect("a batch");
        let three = trio(&compartment.first, &now).expect("three");
        let expected: BTreeMap<_, _> = three.into_iter().map(|one| (one, vec![batch.generation])).collect();
        assert_eq!(held[&row.package.version], expected);
    }
    // Tables and packs of each custodian agree.
    for name in ALL.iter().filter(|name| world.vault(name).is_some()) {
        let tx = tables(&world.vault(name).expect("open"));
        let versions = tx.scan(&HELD_VERSIONS, &[], None, usize::MAX).expect("rows").len();
        let batches = tx.scan(&CUSTODY, &[], None, usize::MAX).expect("rows").len();
        assert_eq!(tx.scan(&IN_COMPARTMENT, &[], None, usize::MAX).expect("rows").len(), versions, "{name}");
        assert_eq!(tx.scan(&OF_BATCH, &[], None, usize::MAX).expect("rows").len(), versions, "{name}");
        assert!(tx.scan(&CONDEMNED, &[], None, usize::MAX).expect("rows").is_empty(), "{name}");
        assert_eq!(packs(world, name, "custody"), batches, "{name}");
    }
    for kind in ["outgoing", "moving"] {
        assert_eq!(packs(world, "hospital-a", kind), 0, "{kind}");
    }
}

fn packs(world: &World, name: &str, kind: &str) -> usize {
    let opened = world.vault(name).expect("open");
    let folder = opened.custodian.store().folder.join("packs").join(kind);
    std::fs::read_dir(folder).expect("a folder").count()
}

/// An organisation has nothing in custody: neither rows nor packs.
fn has_nothing(world: &World, name: &str) {
    let tx = tables(&world.vault(name).expect("open"));
    assert!(tx.scan(&CUSTODY, &[], None, 1).expect("rows").is_empty(), "{name}");
    assert!(tx.scan(&HELD_VERSIONS, &[], None, 1).expect("rows").is_empty(), "{name}");
    assert!(tx.scan(&OF_BATCH, &[], None, 1).expect("rows").is_empty(), "{name}");
    assert!(tx.scan(&IN_COMPARTMENT, &[], None, 1).expect("rows").is_empty(), "{name}");
    assert!(tx.scan(&CONDEMNED, &[], None, 1).expect("rows").is_empty(), "{name}");
    assert_eq!(packs(world, name, "custody"), 0, "{name}");
}

/// Receipts of every batch verify; who gave one for the batches' newest generations.
async fn receipts(world: &World) -> BTreeMap<OrganisationId, usize> {
    let mut given: BTreeMap<_, usize> = BTreeMap::new();
    for (at, batch) in own_tables(world).scan(&BATCHES, &[], None, usize::MAX).expect("rows") {
        let sequence = key::sequence(&at).expect("a number");
        for receipt in source(world).receipts(sequence).await.expect("receipts") {
            assert!(receipt.is_by(&world.member(receipt.custodian.as_str()).node_key));
            assert_eq!(
                (receipt.network, &receipt.source, receipt.sequence),
                (NETWORK, &id("hospital-a"), sequence)
            );
            if receipt.generation == batch.generation {
                *given.entry(receipt.custodian).or_default() += 1;
            }
        }
    }
    given
}

/// How many batches have a version that lies with others among these custodians than among those.
fn displaced(world: &World, those: &[&str], these: &[&str]) -> usize {
    let (those, these) = (those.iter().map(|name| id(name)), these.iter().map(|name| id(name)));
    let (those, these) = (those.collect::<Vec<_>>(), these.collect::<Vec<_>>());
    let (tx, mut batches) = (own_tables(world), BTreeSet::new());
    for (_, row) in tx.scan(&VERSIONS, &[], None, usize::MAX).expect("rows") {
        let compartment =
            tx.get(&COMPARTMENTS, row.package.compartment.as_bytes()).expect("read").expect("one");
        if trio(&compartment.first, &those).expect("three")
            != trio(&compartment.first, &these).expect("three")
        {
            batches.insert(row.sequence);
        }
    }
    batches.len()
}

/// A request of the source about one of its batches.
fn request(
    world: &World,
    audience: &str,
    ask: SourceAsk,
    (sequence, generation): (u64, u32),
    versions: Vec<VersionId>,
) -> SourceRequestBody {
    SourceRequestBody {
        network: NETWORK,
        source: id("hospital-a"),
        audience: id(audience),
        ask,
        sequence,
        generation,
        time_ms: world.clock.load(Ordering::Relaxed),
        nonce: salus_crypto::random::bytes(),
        versions: Bounded::new(versions).expect("few"),
    }
}

fn signed(world: &World, body: SourceRequestBody) -> SourceRequest {
    SourceRequest::sign(body, &world.signing("hospital-a"))
}
