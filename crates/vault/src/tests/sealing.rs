//! Sealing one version, wraps, and secrets at rest.

use crate::bench;
use crate::seal::{PLAINTEXT_BYTES_MAX, SealKey, SealedVersion, UnsealError, seal, unseal};
use crate::store::{Reads as _, Store, StoreError, tables};
use crate::suite::NEWEST;
use crate::testing::World;
use crate::wrap::{open_share, seal_share, unwrap_key, wrap_key};
use commonware_codec::Encode as _;
use proptest::prelude::*;
use salus_crypto::{Digest, Secret32, Share};
use salus_types::category::Category;
use salus_types::vault::{Content, SealedPackage, WrapContent};
use salus_types::{CompartmentId, VersionId, decode_canonical};
use std::sync::atomic::Ordering;

fn key() -> SealKey {
    SealKey { compartment: CompartmentId(Digest([1; 32])), epoch: 3, key: Secret32::from_bytes(&[2; 32]) }
}

fn sealed(bytes: &[u8]) -> SealedVersion {
    seal(NEWEST, &key(), Content::Fhir, bytes).expect("small")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_two_shares_open_what_was_sealed(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let sealed = sealed(&bytes);
        for pair in [[0, 1], [1, 0], [0, 2], [1, 2]] {
            let shares = pair.map(|at| sealed.shares[at].clone());
            let opened = unseal(&sealed.package, &key().key, &shares).expect("opens");
            prop_assert_eq!(&*opened.bytes, &bytes);
            prop_assert_eq!(opened.commitment, sealed.commitment);
            prop_assert_eq!(*opened.r, *sealed.r);
        }
    }
}

#[test]
fn two_sealings_of_the_same_bytes_share_nothing() {
    let (one, two) = (sealed(b"same"), sealed(b"same"));
    assert_ne!(one.package.header.version, two.package.header.version);
    assert_ne!(one.commitment, two.commitment);
    assert_ne!(*one.package.ciphertext, *two.package.ciphertext);
}

#[test]
fn one_share_a_wrong_key_or_a_false_share_open_nothing() {
    let sealed = sealed(b"{}");
    let open = |key: &Secret32, shares: &[Share]| unseal(&sealed.package, key, shares).err();
    assert_eq!(open(&key().key, &sealed.shares[..1]), Some(UnsealError::Shares));
    assert_eq!(open(&Secret32::random(), &sealed.shares[..2]), Some(UnsealError::Key));
    let mut shares = [sealed.shares[0].clone(), sealed.shares[1].clone()];
    shares[1].value[31] ^= 1;
    assert_eq!(open(&key().key, &shares), Some(UnsealError::Key));
    assert!(!shares[1].matches(&sealed.share_commitments[1], sealed.package.header.version.as_bytes()));
    shares[1].index = 3;
    assert_eq!(open(&key().key, &shares), Some(UnsealError::Key));
}

#[test]
fn every_changed_byte_of_a_package_is_rejected() {
    let sealed = sealed(br#"{"resourceType":"Observation"}"#);
    let bytes = sealed.package.encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        if let Ok(package) = decode_canonical::<SealedPackage>(&changed) {
            assert!(unseal(&package, &key().key, &sealed.shares[..2]).is_err(), "byte {at}");
        }
    }
    assert!(unseal(&sealed.package, &key().key, &sealed.shares[..2]).is_ok());
}

#[test]
fn long_texts_are_sealed_in_chunks_and_too_long_ones_not_at_all() {
    for length in [(16 << 20) - 64, (16 << 20) - 63, 17 << 20] {
        let bytes = vec![7; length];
        let sealed = sealed(&bytes);
        let opened = unseal(&sealed.package, &key().key, &sealed.shares[1..]).expect("opens");
        assert!(*opened.bytes == bytes, "{length}");
    }
    assert!(seal(NEWEST, &key(), Content::Fhir, &vec![0; PLAINTEXT_BYTES_MAX + 1]).is_err());
}

#[test]
fn wraps_and_sealed_shares_open_in_their_own_place_alone() {
    let (link, other) = (Secret32::random(), Secret32::random());
    let (here, there) = (CompartmentId(Digest([1; 32])), CompartmentId(Digest([2; 32])));
    let wrapped = wrap_key(&link, &here, &WrapContent { key: [9; 32], category: Category::Hiv });
    let opened = unwrap_key(&link, &here, &wrapped).expect("opens");
    assert_eq!((opened.key, opened.category), ([9; 32], Category::Hiv));
    assert!(unwrap_key(&link, &there, &wrapped).is_err() && unwrap_key(&other, &here, &wrapped).is_err());
    for at in 0..wrapped.len() {
        let mut changed = wrapped.to_vec();
        changed[at] ^= 1;
        assert!(unwrap_key(&link, &here, &changed).is_err(), "byte {at}");
    }
    let (version, elsewhere) = (VersionId(Digest([3; 32])), VersionId(Digest([4; 32])));
    let share = Share { index: 2, value: [8; 32] };
    let sealed = seal_share(&link, &version, &share);
    assert!(open_share(&link, &version, 2, &sealed).expect("opens") == share);
    assert!(
        open_share(&link, &elsewhere, 2, &sealed).is_err()
            && open_share(&other, &version, 2, &sealed).is_err()
    );
}

#[test]
fn the_store_opens_with_its_own_key_alone_and_shows_no_secret_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, secret) = (Secret32::random(), [0x5a; 32]);
    {
        let store = Store::open(folder.path(), &key).expect("made");
        let sealed = store.seal_secret(b"kind", b"id", &secret);
        let tx = store.write().expect("a writer");
        tx.put(&tables::KEY_CHECK, b"test", &sealed).expect("put");
        tx.commit().expect("committed");
    }
    assert!(matches!(Store::open(folder.path(), &Secret32::random()), Err(StoreError::WrongKey)));
    let store = Store::open(folder.path(), &key).expect("opened");
    let sealed =
        store.read().expect("a view").get(&tables::KEY_CHECK, b"test").expect("read").expect("there");
    assert_eq!(**store.open_secret(b"kind", b"id", &sealed).expect("opens"), secret);
    assert!(store.open_secret(b"kind", b"other", &sealed).is_err());
    assert!(store.open_secret(b"other", b"id", &sealed).is_err());
    let file = std::fs::read(folder.path().join("vault.redb")).expect("a file");
    assert!(!file.windows(32).any(|window| window == secret));
}

/// `cargo test -p salus-vault -- --ignored --nocapture figures`
#[test]
#[ignore = "prints figures"]
fn figures() {
    for bytes in [300, 1_000, 5_000] {
        let (seal, unseal) = (bench::seal_rate(20_000, bytes), bench::unseal_rate(20_000, bytes));
        println!("{bytes} bytes: seal {seal:.0}/s, unseal {unseal:.0}/s");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), &Secret32::random()).expect("made");
    let start = std::time::Instant::now();
    for at in 0..200_u64 {
        let tx = store.write().expect("a writer");
        tx.put(&tables::COUNTERS, &at.to_be_bytes(), &at).expect("put");
        tx.commit().expect("committed");
    }
    println!("durable commit: {:?}", start.elapsed() / 200);
}

/// Four vaults in one process; the ledger and the network cost nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn pipeline_figures() {
    const VERSIONS: usize = 10_000;
    let world = World::new();
    world.batch_versions.store(1_024, Ordering::Relaxed);
    world.open_all();
    let person = world.enrol("p1").await;
    world.outbox.observations("p1", 0..1_000);
    world.settle().await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let b = world.vault("hospital-b").expect("open");
    let start = std::time::Instant::now();
    let purpose = salus_types::category::Purpose::Treatment;
    let reading = b.reader.read(grant.grant, Digest([5; 32]), purpose).await.expect("read");
    println!("first read of {} granted records: {:?}", reading.records.len(), start.elapsed());
    world.outbox.observations("p2", 1_000..1_000 + VERSIONS);
    let start = std::time::Instant::now();
    world.settle().await;
    let rate = VERSIONS as f64 / start.elapsed().as_secs_f64();
    println!("seal, three custodians, anchor: {rate:.0} versions/s");
    let start = std::time::Instant::now();
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    for at in 0..100 {
        source
            .proof_of("Observation", &format!("o{}", 1_000 + at), None)
            .await
            .expect("an answer")
            .expect("a proof");
    }
    println!("record proof (without the ledger's part): {:?}", start.elapsed() / 100);
}
