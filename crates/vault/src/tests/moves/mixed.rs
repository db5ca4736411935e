//! Shares of two generations: told apart, never put together.

use super::*;
use crate::combine::Keys;
use crate::seal::{SealKey, SealedVersion, UnsealError, seal, unseal};
use crate::sharing::{Shares, is_of, place_of, round_of, split};
use crate::suite::NEWEST;
use salus_crypto::{Secret32, Share, merkle, shamir};
use salus_types::CompartmentId;
use salus_types::vault::{Content, ReleasedShare, ReleasedVersion};

struct Sealed {
    key: SealKey,
    sealed: SealedVersion,
    s: Secret32,
    newer: Shares,
    keys: Keys,
    roots: Roots,
}

fn sealed() -> Sealed {
    let compartment = CompartmentId(Digest([1; 32]));
    let key = SealKey { compartment, epoch: 0, key: Secret32::random() };
    let sealed = seal(NEWEST, &key, Content::Fhir, b"{}").expect("small");
    let version = sealed.package.header.version;
    let s = shamir::combine(&sealed.shares[..2]).expect("two");
    let newer = split(&s, &version, 1);
    let keys = [(compartment, (Category::Labs, key.key.clone()))].into();
    let root = merkle::root_of_leaf_hashes(&leaves(&sealed));
    let roots = [((id("hospital-a"), 0), AnchoredRoot { root, size_class: 0 })].into();
    Sealed { key, sealed, s, newer, keys, roots }
}

fn leaves(sealed: &SealedVersion) -> Vec<Digest> {
    let mut leaves = vec![merkle::leaf_hash(Digest::ZERO); 64];
    leaves[0] = merkle::leaf_hash(sealed.commitment);
    leaves
}

impl Sealed {
    fn old(&self, place: usize) -> Share {
        self.sealed.shares[place].clone()
    }

    fn newer(&self, place: usize) -> Share {
        self.newer.shares[place].clone()
    }

    /// Opens with what these custodians give; the first gives the package too.
    fn open(&self, given: &[(&str, Vec<Share>)]) -> (bool, Vec<String>) {
        let version = self.sealed.package.header.version;
        let mut collected = Collected::default();
        for (at, (name, shares)) in given.iter().enumerate() {
            let share = |share: &Share| ReleasedShare { version, index: share.index, value: share.value };
            let package = ReleasedVersion {
                package: self.sealed.package.clone(),
                source: id("hospital-a"),
                sequence: 0,
                path: merkle::prove(&leaves(&self.sealed), 0).expect("a leaf"),
            };
            let packages = if at == 0 { vec![package] } else { vec![] };
            collected.add(&id(name), &shares.iter().map(share).collect::<Vec<_>>(), packages);
        }
        let mut blame = Vec::new();
        let opened = collected.open(&version, &self.keys, &self.roots, &mut blame);
        let ready = collected.is_ready(&version);
        if let Some(opened) = &opened {
            assert!(ready && **opened.opened.bytes == *b"{}");
        }
        (opened.is_some(), blame.iter().map(|blame| blame.custodian.to_string()).collect())
    }
}

fn wrong(mut share: Share) -> Share {
    share.value[7] ^= 1;
    share
}

#[test]
fn an_old_share_and_a_new_one_rebuild_nothing() {
    let sealed = sealed();
    for old in 0..3 {
        for new in 0..3 {
            let pair = [sealed.old(old), sealed.newer(new)];
            assert!(shamir::combine(&pair).expect("two").expose() != sealed.s.expose(), "{old} {new}");
            let opened = unseal(&sealed.sealed.package, &sealed.key.key, &pair);
            assert_eq!(opened.err(), Some(UnsealError::Key));
            // Nor if somebody gives the new one out for an old one at the same place or another.
            for index in 1..=3 {
                let pair = [sealed.old(old), Share { index, value: pair[1].value }];
                assert!(unseal(&sealed.sealed.package, &sealed.key.key, &pair).is_err());
            }
        }
    }
    for pair in [[0, 1], [0, 2], [1, 2]] {
        let pair = pair.map(|place| sealed.newer(place));
        assert!(unseal(&sealed.sealed.package, &sealed.key.key, &pair).is_ok());
    }
}

#[test]
fn coordinates_tell_generation_and_place() {
    let version = VersionId(Digest([2; 32]));
    let s = Secret32::random();
    for generation in [0, 1, 2, 83, 84, 85, 86, 1_000_000] {
        let Shares { shares, commitments } = split(&s, &version, generation);
        assert_eq!(shares.len(), 3);
        for (place, share) in shares.iter().enumerate() {
            assert!(is_of(share.index, generation) && place_of(share.index) == place);
            assert!(share.matches(&commitments[place], version.as_bytes()));
            assert!(!is_of(share.index, generation + 1) && !is_of(share.index, generation + 84));
        }
        assert!(shamir::combine(&shares[1..]).expect("two").expose() == s.expose());
    }
    assert_eq!(round_of(0), None);
    assert!(!is_of(0, 0) && !is_of(0, 85));
    // Fresh randomness: another line through the same secret each time.
    assert!(split(&s, &version, 3).shares != split(&s, &version, 3).shares);
}

#[test]
fn readers_put_shares_of_one_generation_together_and_blame_nobody_for_having_another() {
    let sealed = sealed();
    let (old, new) = (|place| sealed.old(place), |place| sealed.newer(place));
    type Given<'a> = Vec<(&'a str, Vec<Share>)>;
    let cases: Vec<(&str, Given<'_>, bool, &[&str])> = vec![
        ("one of each", vec![("a", vec![old(0)]), ("d", vec![new(2)])], false, &[]),
        ("both of one custodian", vec![("a", vec![old(0), new(0)])], false, &[]),
        ("two old, one new", vec![("a", vec![old(0)]), ("b", vec![old(1)]), ("d", vec![new(2)])], true, &[]),
        ("one old, two new", vec![("a", vec![old(0)]), ("b", vec![new(1)]), ("d", vec![new(2)])], true, &[]),
        ("each has both", vec![("a", vec![new(0), old(0)]), ("b", vec![old(1), new(1)])], true, &[]),
        (
            "the third old one is false",
            vec![("a", vec![old(0)]), ("b", vec![old(1)]), ("c", vec![wrong(old(2))]), ("d", vec![new(2)])],
            true,
            &["c"],
        ),
        (
            "one old one is false, and the new ones serve",
            vec![("a", vec![wrong(old(0)), new(0)]), ("b", vec![old(1)]), ("d", vec![new(2)])],
            true,
            &[],
        ),
        (
            "one of two is false, and a new one decides nothing",
            vec![("a", vec![wrong(old(0))]), ("b", vec![old(1)]), ("d", vec![new(2)])],
            false,
            &[],
        ),
        (
            "a share at no coordinate",
            vec![("a", vec![Share { index: 0, value: [1; 32] }]), ("b", vec![old(1)])],
            false,
            &[],
        ),
    ];
    for (name, given, opens, blamed) in cases {
        let (opened, blame) = sealed.open(&given);
        assert_eq!(
            (opened, &blame[..]),
            (opens, &blamed.iter().map(|b| (*b).to_owned()).collect::<Vec<_>>()[..]),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_that_custodians_really_gave_before_and_after_do_not_go_together() {
    let (world, person, _) = world(3).await;
    let keys = keys_of(&person.compartments);
    let sequence = 0;
    let versions: Vec<_> = own_tables(&world)
        .scan(&crate::store::tables::IN_BATCH, &u64::to_be_bytes(sequence), None, usize::MAX)
        .expect("rows")
        .into_iter()
        .map(|(_, version)| version)
        .collect();
    let take = async |from: &str, generation| {
        let body = request(&world, from, SourceAsk::Release, (sequence, generation), versions.clone());
        let custodian = world.vault(from).expect("open").custodian.clone();
        let release = custodian.give_back(&id("hospital-a"), &signed(&world, body)).await.expect("given");
        let key = &world.member(from).node_key;
        let label = salus_types::label::HPKE_GIVE_BACK;
        let plain = crate::open_envelope(&release.shares, key, &world.kem("hospital-a"), label, &NETWORK);
        let given: salus_types::vault::GivenBack =
            salus_types::decode_canonical(&plain.expect("opens")).expect("shares");
        (given.shares.into_inner(), release.versions.into_inner())
    };
    let share = |shares: &[ReleasedShare], version: VersionId| {
        let found = shares.iter().find(|share| share.version == version);
        found.map(|share| Share { index: share.index, value: share.value })
    };
    let (regulator, packages) = take("regulator", 0).await;
    let (b, _) = take("hospital-b", 0).await;
    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    moved(&world, &[]).await;
    let (c, _) = take("clinic-c", 1).await;
    let (b_now, _) = take("hospital-b", 1).await;
    let mut tried = 0;
    for released in packages {
        let version = released.package.header.version;
        let Some((_, key)) = keys.get(&released.package.header.compartment) else { continue };
        let opens = |one: &[ReleasedShare], two: &[ReleasedShare]| {
            let pair = [share(one, version).expect("one"), share(two, version).expect("one")];
            unseal(&released.package, key, &pair).is_ok()
        };
        assert!(opens(&regulator, &b) && opens(&c, &b_now), "each generation by itself");
        assert!(!opens(&regulator, &c) && !opens(&regulator, &b_now) && !opens(&b, &c) && !opens(&b, &b_now));
        tried += 1;
    }
    assert!(tried > 20);
}
