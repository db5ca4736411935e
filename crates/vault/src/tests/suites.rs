//! Two suites in one network: what is sealed in either lies in the same compartment, and the same code puts, splits, moves,
//! releases, opens, proves and erases it. And what no suite may let through.

use super::erasure::{carry_out, finish, order};
use crate::PatientAnswer;
use crate::combine::{AnchoredRoot, Collected, Keys, Roots};
use crate::patient::{NewGrant, collect_release, keys_of};
use crate::seal::{SealKey, SealedVersion, UnsealError, seal, unseal};
use crate::store::Reads as _;
use crate::store::tables::VERSIONS;
use crate::suite::second::{SECOND, SUITE_2};
use crate::suite::{FIRST, NEWEST, Suite};
use crate::testing::{NETWORK, Person, World, id};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use commonware_codec::Encode as _;
use salus_crypto::aead::{self, OpenError};
use salus_crypto::hash::sha256;
use salus_crypto::merkle::leaf_hash;
use salus_crypto::{Secret32, Share};
use salus_types::category::{Category, Purpose};
use salus_types::state::{AnchorEntry, key as state_key};
use salus_types::vault::{
    Content, PackageHeader, PatientAsk, SUITE_1, SealedPackage, package_digest, record_commitment,
};
use salus_types::{Bounded, CompartmentId, Digest, VersionId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DOCTOR: Digest = Digest([5; 32]);
const OF_EACH: usize = 12;
const BOTH: [&Suite; 2] = [&FIRST, &SECOND];

/// Hospital A seals twelve records in the first suite, restarts, and seals twelve in the second.
async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    for name in ["hospital-a", "hospital-b", "insurer", "regulator"] {
        world.vault(name).expect("open").erasure.round().await.expect("looked");
    }
    world.outbox.observations("p1", 0..OF_EACH);
    let person = world.enrol("p1").await;
    world.settle().await;
    *world.suite.lock().expect("unpoisoned") = &SECOND;
    world.vaults.lock().expect("unpoisoned").remove(&id("hospital-a"));
    world.open("hospital-a");
    world.outbox.observations("p1", OF_EACH..2 * OF_EACH);
    world.settle().await;
    (world, person)
}

/// Versions by suite and compartment, as the source has them.
fn sealed(world: &World) -> BTreeMap<u8, Vec<(VersionId, CompartmentId)>> {
    let vault = world.vault("hospital-a").expect("open");
    let rows = vault.custodian.store().read().expect("a view").scan(&VERSIONS, &[], None, usize::MAX);
    let mut by_suite = BTreeMap::<_, Vec<_>>::new();
    for (_, row) in rows.expect("rows") {
        by_suite.entry(row.package.suite).or_default().push((row.package.version, row.package.compartment));
    }
    by_suite
}

/// What a new grantee reads, by suite; every record is proved.
async fn read(world: &World, person: &Person, counter: u32) -> BTreeMap<u8, usize> {
    let grant: NewGrant = world
        .grant(person, counter, |wish| {
            wish.categories = vec![Category::Labs];
            wish.grantee = "insurer";
        })
        .await;
    let reader = &world.vault("insurer").expect("open").reader;
    let reading = reader.read(grant.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert!(reading.blame.is_empty() && reading.remaining == 0, "{:?}", reading.blame);
    let mut read = BTreeMap::new();
    for record in &reading.records {
        let proof = &record.proof;
        let digest = package_digest(&proof.package, &proof.ciphertext_digest);
        let leaf = leaf_hash(record_commitment(&proof.r, &digest, &sha256(record.bytes.as_slice())));
        proof.batch_path.verify(&leaf, &proof.anchor.entry.batch_root).expect("under the anchored root");
        *read.entry(proof.package.suite).or_default() += 1;
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_two_suites_lie_in_one_compartment_and_are_read_proved_moved_and_erased_alike() {
    let (world, person) = world().await;
    let versions = sealed(&world);
    assert_eq!(versions.keys().copied().collect::<Vec<_>>(), [SUITE_1, SUITE_2]);
    assert!(versions.values().all(|of| of.len() == OF_EACH));
    let compartments: Vec<_> = versions.values().flatten().map(|(_, compartment)| *compartment).collect();
    assert!(compartments.iter().all(|one| *one == compartments[0]), "one compartment");
    let all = BTreeMap::from([(SUITE_1, OF_EACH), (SUITE_2, OF_EACH)]);
    assert_eq!(read(&world, &person, 0).await, all);
    // The patient reads them, too, of a custodian that is not the source.
    assert_eq!(of_patient(&world, &person, &versions).await, all);
    // Custody moves: shares are taken back, checked against the packages, and made anew.
    world.custodians(&["hospital-a", "hospital-b", "insurer"]);
    world
        .run_until(async |_, source| {
            let status = source.custody_status().await.expect("a status");
            let sealed = source.status().await.expect("a status");
            // Nobody is served late either: what is on its way is not erased.
            (status.to_move, status.late, sealed.open_batches, sealed.parcels) == (0, 0, 0, 0)
                && status.moved >= 2
                && status.receipts_owed.is_empty()
        })
        .await;
    assert_eq!(read(&world, &person, 1).await, all);
    // Half of each suite is erased.
    let half_of = |of: &Vec<(VersionId, _)>| of[..OF_EACH / 2].iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let mut gone: Vec<_> = versions.values().flat_map(half_of).collect();
    gone.sort_unstable();
    let notice = order(&world, "hospital-a", &gone);
    carry_out(&world, &notice).await;
    finish(&world, &notice).await;
    let half = BTreeMap::from([(SUITE_1, OF_EACH / 2), (SUITE_2, OF_EACH / 2)]);
    assert_eq!(read(&world, &person, 2).await, half);
}

/// What the patient's device opens of two custodians' answers, by suite.
async fn of_patient(
    world: &World,
    person: &Person,
    versions: &BTreeMap<u8, Vec<(VersionId, CompartmentId)>>,
) -> BTreeMap<u8, usize> {
    let pairwise = person.root.at(&id("hospital-a"));
    let all: Vec<_> = versions.values().flatten().map(|(version, _)| *version).collect();
    let now = world.clock.load(Ordering::Relaxed);
    let mut collected = Collected::default();
    for custodian in ["hospital-b", "regulator"] {
        let ask = pairwise.sign_request(NETWORK, &id(custodian), PatientAsk::Release, now, all.clone());
        let vault = world.vault(custodian).expect("open");
        let answer = vault.answer_patient(&ask.expect("signed")).await.expect("answered");
        let PatientAnswer::Release(release) = answer else { panic!("a release") };
        collect_release(&mut collected, &pairwise.kem, &NETWORK, world.member(custodian), *release)
            .expect("opens");
    }
    let mut roots = Roots::new();
    for (source, sequence) in collected.batches() {
        let entry: AnchorEntry = world.entry(state_key::anchor(&source, sequence)).expect("anchored");
        let root = AnchoredRoot { root: entry.batch_root, size_class: entry.size_class };
        roots.insert((source, sequence), root);
    }
    let (keys, mut blame, mut read): (Keys, _, _) =
        (keys_of(&person.compartments), Vec::new(), BTreeMap::new());
    for version in &all {
        let opened = collected.open(version, &keys, &roots, &mut blame).expect("opens");
        *read.entry(opened.released.package.header.suite).or_default() += 1;
    }
    assert!(blame.is_empty());
    read
}

fn key() -> SealKey {
    SealKey { compartment: CompartmentId(Digest([2; 32])), epoch: 0, key: Secret32::from_bytes(&[3; 32]) }
}

fn one(suite: &Suite) -> SealedVersion {
    seal(suite, &key(), Content::Fhir, b"{\"resourceType\":\"Basic\"}").expect("small")
}

fn open(package: &SealedPackage, shares: &[Share]) -> Result<Vec<u8>, UnsealError> {
    unseal(package, &key().key, &shares[..2]).map(|opened| opened.bytes.to_vec())
}

#[test]
fn new_versions_are_sealed_in_the_first_suite() {
    assert_eq!(NEWEST.code, SUITE_1);
    for suite in BOTH {
        let sealed = one(suite);
        assert_eq!(sealed.package.header.suite, suite.code);
        assert_eq!(open(&sealed.package, &sealed.shares).expect("opens"), b"{\"resourceType\":\"Basic\"}");
    }
}

#[test]
fn a_package_whose_suite_was_changed_does_not_open() {
    for suite in BOTH {
        for code in (0..=u8::MAX).filter(|code| *code != suite.code) {
            let mut sealed = one(suite);
            sealed.package.header.suite = code;
            let expected = if Suite::of(code).is_some() { UnsealError::Key } else { UnsealError::Suite };
            assert_eq!(
                open(&sealed.package, &sealed.shares).err(),
                Some(expected),
                "{} as {code}",
                suite.code
            );
        }
    }
}

/// The suite is authenticated by the cipher, too, and not by the commitment to the key alone: here both suites would have
/// the same data key.
#[test]
fn the_cipher_authenticates_the_suite() {
    for suite in BOTH {
        let sealed = one(suite);
        let s = salus_crypto::shamir::combine(&sealed.shares[..2]).expect("two shares");
        let data_key = (suite.data_key)(&key().key, &s, &sealed.package.header.version);
        let opens = |suite_named: u8| {
            let header = PackageHeader { suite: suite_named, ..sealed.package.header.clone() };
            let aad = header.encode();
            (suite.open)(&data_key, &aad, &sealed.package.ciphertext).is_ok()
        };
        assert!(opens(suite.code) && !opens(suite.code ^ 3));
    }
}

#[test]
fn every_changed_byte_of_a_package_of_either_suite_is_refused() {
    for suite in BOTH {
        let sealed = one(suite);
        for at in 0..sealed.package.ciphertext.len() {
            let mut bytes = sealed.package.ciphertext.to_vec();
            bytes[at] ^= 1;
            let changed = SealedPackage {
                header: sealed.package.header.clone(),
                ciphertext: Bounded::new(bytes).expect("as long"),
            };
            assert_eq!(open(&changed, &sealed.shares), Err(UnsealError::Package), "{} {at}", suite.code);
        }
    }
}

/// Multiplication in the field of GCM (NIST SP 800-38D, 6.3), bit by bit.
fn times(x: u128, y: u128) -> u128 {
    let (mut product, mut shifted) = (0, y);
    for bit in (0..128).rev() {
        if x >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = if shifted & 1 == 1 { shifted >> 1 ^ 0xe1 << 120 } else { shifted >> 1 };
    }
    product
}

fn inverse(x: u128) -> u128 {
    // x^(2^128 - 2)
    let (mut result, mut power) = (1 << 127, x);
    for _ in 1..128 {
        power = times(power, power);
        result = times(result, power);
    }
    result
}

/// One block of AES-256, which is what GCM is made of.
fn aes(key: &Secret32, block: u128) -> u128 {
    let key = UnboundCipherKey::new(&AES_256, key.expose()).expect("a key of 32 bytes");
    let mut block = block.to_be_bytes();
    EncryptingKey::ecb(key).and_then(|key| key.encrypt(&mut block)).expect("one block");
    u128::from_be_bytes(block)
}

/// GHASH of padded associated data, ciphertext, and lengths.
fn ghash(h: u128, aad: &[u8], ciphertext: &[u8]) -> u128 {
    let lengths = ((aad.len() as u128 * 8) << 64) | (ciphertext.len() as u128 * 8);
    let blocks = aad.chunks(16).chain(ciphertext.chunks(16)).map(|chunk| {
        let mut block = [0; 16];
        block[..chunk.len()].copy_from_slice(chunk);
        u128::from_be_bytes(block)
    });
    blocks.chain([lengths]).fold(0, |sum, block| times(sum ^ block, h))
}

/// A ciphertext that AES-256-GCM opens under both keys, to two texts: an *invisible salamander* (Dodis, Grubbs, Ristenpart,
/// Woodage, CRYPTO 2018). The last block is chosen so that both keys give the same tag.
fn salamander(keys: [&Secret32; 2], aad: &[u8]) -> Vec<u8> {
    let [h1, h2] = keys.map(|key| aes(key, 0));
    let [mask1, mask2] = keys.map(|key| aes(key, 1));
    let mut ciphertext = vec![0x5a; 96];
    ciphertext[80..].fill(0);
    let apart = ghash(h1, aad, &ciphertext) ^ mask1 ^ ghash(h2, aad, &ciphertext) ^ mask2;
    let last = times(apart, inverse(times(h1, h1) ^ times(h2, h2)));
    ciphertext[80..].copy_from_slice(&last.to_be_bytes());
    let tag = ghash(h1, aad, &ciphertext) ^ mask1;
    assert_eq!(tag, ghash(h2, aad, &ciphertext) ^ mask2);
    ciphertext.extend_from_slice(&tag.to_be_bytes());
    ciphertext
}

/// A source that would show one text to one reader and another to the next: AES-GCM alone lets it.
#[test]
fn a_ciphertext_for_two_keys_opens_under_the_committed_one_alone() {
    let (one, other) = (key().key, Secret32::from_bytes(&[9; 32]));
    let SealedVersion { package, shares, .. } = self::one(&FIRST);
    let s = salus_crypto::shamir::combine(&shares[..2]).expect("two shares");
    let [first, second] = [&one, &other].map(|key| (FIRST.data_key)(key, &s, &package.header.version));
    for committed in [&first, &second] {
        let header =
            PackageHeader { key_commitment: aead::key_commitment(committed), ..package.header.clone() };
        let ciphertext = salamander([&first, &second], &header.encode());
        let texts = [&first, &second].map(|key| aead::open(key, &header.encode(), &ciphertext));
        let [Ok(text), Ok(other_text)] = &texts else { panic!("the cipher opens it under both") };
        assert_ne!(text, other_text);
        let package = SealedPackage { header, ciphertext: Bounded::new(ciphertext).expect("short") };
        let opened =
            [&one, &other].map(|key| unseal(&package, key, &shares[..2]).map(|opened| opened.bytes.len()));
        let expected = match committed == &first {
            true => [Ok(96 - 64), Err(UnsealError::Key)],
            false => [Err(UnsealError::Key), Ok(96 - 64)],
        };
        assert_eq!(opened, expected);
    }
}

/// Of the emergency summary likewise: shares that give another key open nothing.
#[test]
fn the_committed_form_opens_no_ciphertext_for_two_keys() {
    let [one, other] = [1, 2].map(|byte| Secret32::from_bytes(&[byte; 32]));
    let ciphertext = salamander([&one, &other], b"aad");
    assert!(aead::open(&one, b"aad", &ciphertext).is_ok() && aead::open(&other, b"aad", &ciphertext).is_ok());
    let committed = [&aead::key_commitment(&one)[..], &ciphertext].concat();
    assert!(aead::open_committed(&one, b"aad", &committed).is_ok());
    assert_eq!(aead::open_committed(&other, b"aad", &committed).err(), Some(OpenError::Commitment));
}
