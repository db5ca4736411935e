//! No changed byte of anything sealed or signed goes unnoticed.

use crate::combine::{AnchoredRoot, Collected, Roots};
use crate::patient::{collect_release, keys_of, open_directories, open_enrolment_request};
use crate::testing::{Counts, NETWORK, Person, World, id, mutate_every_byte};
use crate::wrap::{open_share, seal_share};
use crate::{PatientAnswer, Vault, seal_envelope};
use commonware_codec::Encode as _;
use salus_crypto::{Secret32, Share};
use salus_types::state::{AnchorEntry, key};
use salus_types::vault::{
    CompartmentKey, Directory, EnrolmentAnswer, EpochKeys, PatientAsk, Release, SealedEnvelope,
};
use salus_types::{Bounded, Digest, Text, VersionId, decode_canonical, label};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..1);
    let person = world.enrol("p1").await;
    world.settle().await;
    (world, person)
}

#[tokio::test]
async fn an_opener_that_ignores_a_byte_is_reported() {
    let object = *b"sealed object";
    let blind = async |bytes: Vec<u8>| {
        bytes.len() == object.len()
            && bytes.iter().zip(&object).enumerate().all(|(at, (a, b))| at == 5 || a == b)
    };
    assert_eq!(mutate_every_byte(&object, blind).await.accepted, [5]);
    let prefix = async |bytes: Vec<u8>| bytes.starts_with(&object);
    assert_eq!(mutate_every_byte(&object, prefix).await.accepted, [object.len()]);
    let all = async |bytes: Vec<u8>| bytes == object;
    assert_eq!(mutate_every_byte(&object, all).await, Counts::all_refused(object.len()));
}

#[tokio::test]
async fn every_changed_byte_of_a_letter_or_a_notice_is_refused() {
    let (world, person) = world().await;
    let grant = world.make_grant(&person, 0, |_| {});
    world.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
    for (to, envelope) in [("hospital-b", &grant.letter), ("hospital-a", &grant.notice)] {
        let vault = world.vault(to).expect("open");
        let receive = async |bytes: Vec<u8>| match decode_canonical::<SealedEnvelope>(&bytes) {
            Ok(envelope) => vault.mailbox.receive(envelope).await.is_ok(),
            Err(_) => false,
        };
        let bytes = envelope.encode();
        assert_eq!(mutate_every_byte(&bytes, receive).await, Counts::all_refused(bytes.len()), "{to}");
    }
    for wrong in ["insurer", "hospital-a"] {
        let other = world.vault(wrong).expect("open");
        assert!(other.mailbox.receive(grant.letter.clone()).await.is_err(), "{wrong} cannot open it");
    }
}

#[tokio::test]
async fn every_changed_byte_of_a_sealed_share_is_refused() {
    let (link, version) = (Secret32::random(), VersionId(Digest([3; 32])));
    let sealed = seal_share(&link, &version, &Share { index: 2, value: [8; 32] });
    let open = async |bytes: Vec<u8>| {
        <[u8; 48]>::try_from(bytes).is_ok_and(|bytes| open_share(&link, &version, 2, &bytes).is_ok())
    };
    assert_eq!(mutate_every_byte(&sealed, open).await, Counts::all_refused(48));
}

#[tokio::test]
async fn every_changed_byte_of_epoch_keys_is_refused() {
    let (world, person) = world().await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let key = CompartmentKey {
        compartment: salus_types::CompartmentId(Digest([4; 32])),
        category: salus_types::category::Category::Labs,
        key: [4; 32],
    };
    let keys = EpochKeys {
        grant: grant.grant,
        source: id("hospital-a"),
        keys: Bounded::new(vec![key]).expect("one"),
    };
    let (signer, to) = (world.signing("hospital-a"), &world.member("hospital-b").kem_key);
    let sealed =
        seal_envelope(&signer, to, label::HPKE_EPOCH_KEYS, &NETWORK, &keys.encode()).expect("sealed");
    let b = world.vault("hospital-b").expect("open");
    let receive = async |bytes: Vec<u8>| match decode_canonical::<SealedEnvelope>(&bytes) {
        Ok(envelope) => b.mailbox.receive_keys(&id("hospital-a"), envelope).await.is_ok(),
        Err(_) => false,
    };
    let bytes = sealed.encode();
    assert_eq!(mutate_every_byte(&bytes, receive).await, Counts::all_refused(bytes.len()));
}

/// The answer of an organisation to the person.
async fn asked(
    world: &World,
    person: &Person,
    of: &str,
    ask: PatientAsk,
    versions: Vec<VersionId>,
) -> PatientAnswer {
    let now = world.clock.load(Ordering::Relaxed);
    let pairwise = person.root.at(&id("hospital-a"));
    let request = pairwise.sign_request(NETWORK, &id(of), ask, now, versions).expect("signed");
    let vault: Arc<Vault> = world.vault(of).expect("open");
    vault.answer_patient(&request).await.expect("answered")
}

#[tokio::test]
async fn every_changed_byte_of_a_directory_or_a_link_is_rejected_by_the_device() {
    let (world, person) = world().await;
    let pairwise = person.root.at(&id("hospital-a"));
    let PatientAnswer::Directory(directory) =
        asked(&world, &person, "hospital-a", PatientAsk::Directory, vec![]).await
    else {
        panic!("a directory");
    };
    // Two of the sixteen compartments are as good as all.
    let few = Bounded::new(directory.compartments[..2].to_vec()).expect("two");
    let bytes = Directory { compartments: few, ..directory }.encode();
    let open = async |bytes: Vec<u8>| {
        let Ok(directory) = decode_canonical::<Directory>(&bytes) else { return false };
        let found = open_directories(&pairwise, &NETWORK, world.member("hospital-a"), &[directory]);
        found.rejected == 0 && found.compartments.len() == 2
    };
    assert_eq!(mutate_every_byte(&bytes, open).await, Counts::all_refused(bytes.len()));
}

#[tokio::test]
async fn every_changed_byte_of_a_patients_link_is_refused_by_a_custodian() {
    let (world, person) = world().await;
    let PatientAnswer::Directory(directory) =
        asked(&world, &person, "hospital-a", PatientAsk::Directory, vec![]).await
    else {
        panic!("a directory");
    };
    let bytes = directory.links[0].encode();
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let accept = async |bytes: Vec<u8>| match decode_canonical(&bytes) {
        Ok(link) => custodian.accept_link(&id("hospital-a"), link).await.is_ok(),
        Err(_) => false,
    };
    assert_eq!(mutate_every_byte(&bytes, accept).await, Counts::all_refused(bytes.len()));
}

#[tokio::test]
async fn every_changed_byte_of_a_release_is_refused_or_blamed() {
    let (world, person) = world().await;
    let pairwise = person.root.at(&id("hospital-a"));
    let PatientAnswer::Versions(list) =
        asked(&world, &person, "regulator", PatientAsk::Versions, vec![]).await
    else {
        panic!("a list");
    };
    let version = list.versions[0].version;
    let mut releases = Vec::new();
    for (of, ask) in [("regulator", PatientAsk::Release), ("hospital-b", PatientAsk::Shares)] {
        let PatientAnswer::Release(release) = asked(&world, &person, of, ask, vec![version]).await else {
            panic!("a release");
        };
        releases.push(*release);
    }
    let second = releases.pop().expect("two");
    let entry: AnchorEntry = world.entry(key::anchor(&id("hospital-a"), 0)).expect("anchored");
    let anchored = AnchoredRoot { root: entry.batch_root, size_class: entry.size_class };
    let roots: Roots = [((id("hospital-a"), 0), anchored)].into();
    let keys = keys_of(&person.compartments);
    let bytes = releases[0].encode();
    let open = async |bytes: Vec<u8>| {
        let Ok(first) = decode_canonical::<Release>(&bytes) else { return false };
        let mut collected = Collected::default();
        for (of, release) in [("regulator", first), ("hospital-b", second.clone())] {
            let taken = collect_release(&mut collected, &pairwise.kem, &NETWORK, world.member(of), release);
            if taken.is_err() {
                return false;
            }
        }
        let mut blame = Vec::new();
        collected.open(&version, &keys, &roots, &mut blame).is_some() && blame.is_empty()
    };
    assert_eq!(mutate_every_byte(&bytes, open).await, Counts::all_refused(bytes.len()));
}

#[tokio::test]
async fn every_changed_byte_of_an_enrolment_is_refused() {
    let world = World::new();
    let pairwise = crate::patient::Root::random().at(&id("hospital-a"));
    let a = world.member("hospital-a");
    let bytes = pairwise.enrolment_request(NETWORK, a, "INVITE-1").expect("sealed").encode();
    let kem = world.kem("hospital-a");
    let open = async |bytes: Vec<u8>| {
        decode_canonical::<SealedEnvelope>(&bytes)
            .is_ok_and(|sealed| open_enrolment_request(&sealed, &kem, &NETWORK, &id("hospital-a")).is_ok())
    };
    assert_eq!(mutate_every_byte(&bytes, open).await, Counts::all_refused(bytes.len()));

    let answer = EnrolmentAnswer {
        patient: Text::new("p1").expect("short"),
        name: Text::new("Ann").expect("short"),
        directory: Directory { links: Bounded::default(), compartments: Bounded::default() },
    };
    let (signer, to) = (world.signing("hospital-a"), pairwise.kem.public());
    let sealed = seal_envelope(&signer, &to.0, label::HPKE_ENROLMENT_ANSWER, &NETWORK, &answer.encode());
    let bytes = sealed.expect("sealed").encode();
    let open = async |bytes: Vec<u8>| {
        decode_canonical::<SealedEnvelope>(&bytes)
            .is_ok_and(|sealed| pairwise.open_enrolment_answer(&NETWORK, a, &sealed).is_ok())
    };
    assert_eq!(mutate_every_byte(&bytes, open).await, Counts::all_refused(bytes.len()));
}
