//! What a custodian takes, and what it refuses.

use crate::custodian::CustodyError;
use crate::seal::{SealKey, seal};
use crate::store::Reads as _;
use crate::store::tables::EVIDENCE;
use crate::suite::NEWEST;
use crate::testing::{Counts, NETWORK, World, id, mutate_every_byte};
use crate::wrap::{organisation_link, seal_share};
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::{Digest, Secret32};
use salus_types::vault::{
    CompartmentRecord, CompartmentStatement, Content, CustodyBatch, CustodyBatchBody, CustodyItem,
};
use salus_types::{Bounded, CompartmentId, Signature, decode_canonical, namespace};
use std::sync::Arc;

fn sign(world: &World, signer: &str, body: CustodyBatchBody) -> CustodyBatch {
    let digest = sha256(body.encode());
    let signature = world.signing(signer).sign(namespace::CUSTODY_BATCH, digest.as_ref());
    CustodyBatch { body, signature }
}

fn body(world: &World, to: &str, sequence: u64, versions: usize) -> CustodyBatchBody {
    let (link, link_key) = organisation_link(NETWORK, id("hospital-a"), world.member(to), 1).expect("a link");
    let key = SealKey { compartment: CompartmentId(Digest([1; 32])), epoch: 0, key: Secret32::random() };
    let mut leaves = vec![Digest([0xdd; 32]); 64];
    let mut items = Vec::new();
    for (leaf, slot) in leaves.iter_mut().enumerate().take(versions) {
        let sealed = seal(NEWEST, &key, Content::Fhir, b"{}").expect("small");
        *slot = sealed.commitment;
        items.push(CustodyItem {
            leaf: leaf as u32,
            sealed_share: seal_share(&link_key, &sealed.package.header.version, &sealed.shares[0]),
            package: sealed.package,
            share_index: 1,
            share_commitments: sealed.share_commitments,
        });
    }
    let (leaves, items) = (Bounded::new(leaves).expect("64"), Bounded::new(items).expect("few"));
    CustodyBatchBody { link, sequence, generation: 0, base: 0, leaves, items }
}

fn edit<T, const MAX: usize>(list: &mut Bounded<T, MAX>, change: impl FnOnce(&mut Vec<T>)) {
    let mut items = std::mem::take(list).into_inner();
    change(&mut items);
    *list = Bounded::new(items).expect("few");
}

fn world() -> Arc<World> {
    let world = World::new();
    world.open_all();
    world
}

#[tokio::test]
async fn a_batch_is_taken_only_from_its_source_whole_and_for_this_custodian() {
    let world = world();
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let good = body(&world, "regulator", 0, 3);
    type Change = fn(&mut CustodyBatchBody);
    let cases: [(&str, &str, Change, &str); 13] = [
        ("hospital-b", "hospital-a", |_| {}, "it is addressed otherwise"),
        ("regulator", "hospital-a", |_| {}, "the sender keeps no records in this network"),
        ("stranger", "hospital-a", |_| {}, "the sender keeps no records in this network"),
        ("hospital-a", "hospital-b", |_| {}, "the source's signature does not verify"),
        ("hospital-a", "hospital-a", |b| b.link.network.0.0[0] ^= 1, "it is addressed otherwise"),
        ("hospital-a", "hospital-a", |b| b.link.to = id("hospital-b"), "it is addressed otherwise"),
        ("hospital-a", "hospital-a", |b| b.link.from = id("insurer"), "it is addressed otherwise"),
        (
            "hospital-a",
            "hospital-a",
            |b| edit(&mut b.leaves, |l| l.truncate(63)),
            "malformed: number of leaves",
        ),
        (
            "hospital-a",
            "hospital-a",
            |b| edit(&mut b.items, |i| i.swap(0, 1)),
            "malformed: place in the batch",
        ),
        (
            "hospital-a",
            "hospital-a",
            |b| edit(&mut b.items, |i| i[2].leaf = 64),
            "malformed: place in the batch",
        ),
        (
            "hospital-a",
            "hospital-a",
            |b| edit(&mut b.items, |i| i[0].share_index = 0),
            "malformed: share index",
        ),
        (
            "hospital-a",
            "hospital-a",
            |b| edit(&mut b.items, |i| i[0].package.header.suite = 3),
            "malformed: unknown suite",
        ),
        (
            "hospital-a",
            "hospital-a",
            |b| edit(&mut b.items, |i| i[1].package = i[0].package.clone()),
            "malformed: a version twice",
        ),
    ];
    for (from, signer, change, expected) in cases {
        let mut body = good.clone();
        change(&mut body);
        let batch = sign(&world, signer, body);
        let refused = custodian.accept_batch(&from.parse().expect("a name"), batch).await;
        assert_eq!(refused.expect_err(expected).to_string(), expected);
    }
    let insurer = world.vault("insurer").expect("open").custodian.clone();
    let batch = sign(&world, "hospital-a", body(&world, "insurer", 0, 1));
    assert!(matches!(insurer.accept_batch(&id("hospital-a"), batch).await, Err(CustodyError::NotACustodian)));
    let batch = sign(&world, "hospital-a", good);
    custodian.accept_batch(&id("hospital-a"), batch.clone()).await.expect("taken");
    custodian.accept_batch(&id("hospital-a"), batch).await.expect("the same again is no news");
}

#[tokio::test]
async fn every_changed_byte_of_a_batch_is_refused() {
    let world = world();
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let bytes = sign(&world, "hospital-a", body(&world, "regulator", 0, 2)).encode();
    let accept = async |bytes: Vec<u8>| match decode_canonical::<CustodyBatch>(&bytes) {
        Ok(batch) => custodian.accept_batch(&id("hospital-a"), batch).await.is_ok(),
        Err(_) => false,
    };
    assert_eq!(mutate_every_byte(&bytes, accept).await, Counts::all_refused(bytes.len()));
}

#[tokio::test]
async fn a_second_batch_under_one_number_is_refused_and_kept_as_evidence() {
    let world = world();
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let first = sign(&world, "hospital-a", body(&world, "regulator", 5, 1));
    let second = sign(&world, "hospital-a", body(&world, "regulator", 5, 1));
    custodian.accept_batch(&id("hospital-a"), first.clone()).await.expect("taken");
    for _ in 0..2 {
        let refused = custodian.accept_batch(&id("hospital-a"), second.clone()).await;
        assert!(matches!(refused, Err(CustodyError::Conflict)));
    }
    let kept = custodian.store().read().expect("a view").scan(&EVIDENCE, &[], None, 10).expect("rows");
    assert_eq!(kept.len(), 1);
    let mut stolen = body(&world, "regulator", 6, 1);
    edit(&mut stolen.items, |items| items[0].package = first.body.items[0].package.clone());
    let refused = custodian.accept_batch(&id("hospital-a"), sign(&world, "hospital-a", stolen)).await;
    assert_eq!(refused.expect_err("known").to_string(), "malformed: a version of another batch");
}

fn statement(revision: u32) -> CompartmentStatement {
    CompartmentStatement {
        network: NETWORK,
        compartment: CompartmentId(Digest([1; 32])),
        source: id("hospital-a"),
        epoch: 0,
        predecessor: None,
        owner: Some(salus_types::Address(Digest([2; 32]))),
        link: 1,
        wrapped: Bounded::default(),
        revision,
    }
}

fn record(world: &World, signer: &str, statement: CompartmentStatement) -> CompartmentRecord {
    let signature = world.signing(signer).sign(namespace::COMPARTMENT, &statement.encode());
    CompartmentRecord { statement, signature }
}

#[tokio::test]
async fn of_compartment_records_the_newest_of_the_right_source_counts() {
    let world = world();
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let owner = |n: u8| salus_types::Address(Digest([n; 32]));
    type Change = fn(&mut CompartmentStatement);
    let cases: [(&str, &str, u32, Change, bool); 9] = [
        ("hospital-a", "hospital-b", 1, |_| {}, false),
        ("hospital-b", "hospital-b", 1, |_| {}, false),
        ("hospital-a", "hospital-a", 1, |s| s.network.0.0[0] ^= 1, false),
        ("hospital-a", "hospital-a", 1, |s| s.epoch = 1, false),
        ("hospital-a", "hospital-a", 1, |s| s.wrapped = Bounded::new(vec![0; 5]).expect("few"), false),
        ("hospital-a", "hospital-a", 2, |_| {}, true),
        ("hospital-a", "hospital-a", 1, |s| s.owner = None, true),
        ("hospital-a", "hospital-a", 2, |s| s.link = 9, false),
        ("hospital-a", "hospital-a", 3, |s| s.owner = Some(salus_types::Address(Digest([3; 32]))), true),
    ];
    for (at, (from, signer, revision, change, taken)) in cases.into_iter().enumerate() {
        let mut statement = statement(revision);
        change(&mut statement);
        let records = vec![record(&world, signer, statement)];
        assert_eq!(custodian.accept_compartments(&id(from), records).await.is_ok(), taken, "case {at}");
    }
    assert!(custodian.directory_for_patient(owner(2)).await.expect("one").compartments.is_empty());
    assert_eq!(custodian.directory_for_patient(owner(3)).await.expect("one").compartments.len(), 1);
    let fourth = CompartmentStatement { owner: Some(owner(3)), ..statement(4) };
    let bytes = record(&world, "hospital-a", fourth).encode();
    let accept = async |bytes: Vec<u8>| match decode_canonical(&bytes) {
        Ok(record) => custodian.accept_compartments(&id("hospital-a"), vec![record]).await.is_ok(),
        Err(_) => false,
    };
    assert_eq!(mutate_every_byte(&bytes, accept).await, Counts::all_refused(bytes.len()));
    let mut unsigned = record(&world, "hospital-a", statement(4));
    unsigned.signature = Signature([0; 64]);
    let good = record(&world, "hospital-a", statement(5));
    let mixed = custodian.accept_compartments(&id("hospital-a"), vec![good, unsigned]).await;
    assert!(matches!(mixed, Err(CustodyError::Signature)), "all or none");
    assert!(custodian.directory_for_patient(owner(2)).await.expect("one").compartments.is_empty());
}

#[tokio::test]
async fn a_flipped_bit_in_a_pack_is_noticed_and_the_others_serve() {
    let world = world();
    world.outbox.observations("p1", 0..10);
    let person = world.enrol("p1").await;
    world.settle().await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let folder = world.path("regulator").join("packs/custody");
    for pack in std::fs::read_dir(folder).expect("a folder") {
        let path = pack.expect("an entry").path();
        let mut bytes = std::fs::read(&path).expect("a pack");
        for at in (4_096..bytes.len()).step_by(97) {
            bytes[at] ^= 0x20;
        }
        std::fs::write(&path, bytes).expect("written");
    }
    let b = world.vault("hospital-b").expect("open");
    let purpose = salus_types::category::Purpose::Treatment;
    let reading = b.reader.read(grant.grant, Digest([5; 32]), purpose).await.expect("read");
    assert_eq!(reading.records.len(), 10);
}

#[tokio::test]
async fn another_source_cannot_slip_a_version_into_a_compartment() {
    let world = world();
    world.outbox.observations("p1", 0..2);
    let person = world.enrol("p1").await;
    world.settle().await;
    let labs = person.compartments.iter().find(|c| c.category == salus_types::category::Category::Labs);
    let labs = labs.expect("labs").compartment;
    let (link, link_key) =
        organisation_link(NETWORK, id("hospital-b"), world.member("regulator"), 1).expect("a link");
    let key = SealKey { compartment: labs, epoch: 0, key: Secret32::random() };
    let sealed = seal(NEWEST, &key, Content::Fhir, b"{}").expect("small");
    let version = sealed.package.header.version;
    let mut leaves = vec![Digest::ZERO; 64];
    leaves[0] = sealed.commitment;
    let item = CustodyItem {
        leaf: 0,
        sealed_share: seal_share(&link_key, &version, &sealed.shares[0]),
        package: sealed.package,
        share_index: 1,
        share_commitments: sealed.share_commitments,
    };
    let (leaves, items) = (Bounded::new(leaves).expect("64"), Bounded::new(vec![item]).expect("one"));
    let slipped = sign(
        &world,
        "hospital-b",
        CustodyBatchBody { link, sequence: 0, generation: 0, base: 0, leaves, items },
    );
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    custodian.accept_batch(&id("hospital-b"), slipped).await.expect("a source may seal what it likes");
    let owner = person.root.at(&id("hospital-a")).address;
    let list = custodian.versions_for_patient(owner).await.expect("a list");
    assert!(list.versions.iter().all(|listed| listed.version != version));
}

#[tokio::test]
async fn another_source_cannot_name_the_successor_of_a_compartment_first() {
    let world = world();
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let [first, right, wrong] = [1, 2, 3].map(|n| CompartmentId(Digest([n; 32])));
    let owner = Some(salus_types::Address(Digest([2; 32])));
    let next = |source: &str, compartment| CompartmentStatement {
        source: id(source),
        compartment,
        epoch: 1,
        predecessor: Some(first),
        owner,
        ..statement(1)
    };
    for (source, statement) in [
        ("hospital-a", statement(1)),
        ("hospital-b", next("hospital-b", wrong)),
        ("hospital-a", next("hospital-a", right)),
    ] {
        let records = vec![record(&world, source, statement)];
        custodian.accept_compartments(&id(source), records).await.expect("taken");
    }
    let second = record(&world, "hospital-a", next("hospital-a", wrong));
    let refused = custodian.accept_compartments(&id("hospital-a"), vec![second]).await;
    assert!(matches!(refused, Err(CustodyError::Conflict)), "a source itself names one");
}
