//! Somebody acts for a patient of Hospital A: within the mandate, while the appointment stands, and on the ledger.

use crate::combine::{AnchoredRoot, Collected, Roots};
use crate::custodian::ReleaseError;
use crate::custodian::decide::{Refusal, versions_root};
use crate::patient::{
    AppointAsk, GrantAsk, NewAppointment, NewShare, OpenCompartment, ProxyPair, Root, appoint,
    collect_release, keys_of, make_share,
};
use crate::source::Guardian;
use crate::testing::{NETWORK, Person, START_MS, World, id};
use crate::{ProxyAnswer, SourceError, Vault};
use salus_types::action::{EndAppointment, ProxyAct};
use salus_types::category::{Category, Purpose};
use salus_types::proxy::{Act, PROXY_GRAIN_MS, ProxyRead, ProxyRevoke};
use salus_types::state::{AnchorEntry, AppointmentEntry, key};
use salus_types::vault::{PatientAsk, ProxyRequest};
use salus_types::{Digest, VersionId};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DOCTOR: Digest = Digest([5; 32]);
const EXPIRY_MS: u64 = (START_MS / PROXY_GRAIN_MS + 4) * PROXY_GRAIN_MS;

/// Maria, whom the patient appointed.
struct Carer {
    pair: ProxyPair,
    made: NewAppointment,
}

async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..10);
    world.outbox.push("Condition", "c1", "1", Some("p1"), "");
    world.outbox.push("Observation", "other", "1", Some("p2"), "");
    let person = world.enrol("p1").await;
    world.settle().await;
    (world, person)
}

/// The patient appoints somebody who may see the laboratory's results.
fn appointed(world: &World, person: &Person, counter: u32, shares: bool) -> Carer {
    let pair = Root::from_bytes(&[40; 32]).proxy_at(&id("hospital-a"), &[counter as u8; 16]);
    let labs = person.compartments.iter().filter(|opened| opened.category == Category::Labs);
    let ask = AppointAsk {
        network: NETWORK,
        source: &id("hospital-a"),
        counter,
        proxy: pair.signing.public(),
        kem_key: &pair.kem.public().0,
        shares,
        asks: false,
        until_ms: EXPIRY_MS + 1,
        compartments: &labs.cloned().collect::<Vec<_>>(),
    };
    let made = appoint(&person.root, &ask).expect("an appointment");
    world.apply(&made.one_time.public(), &made.action.clone().into()).expect("final");
    Carer { pair, made }
}

impl Carer {
    fn request(
        &self,
        world: &World,
        to: &str,
        ask: PatientAsk,
        what: (Option<u32>, Vec<VersionId>),
    ) -> ProxyRequest {
        let now = world.clock.load(Ordering::Relaxed);
        self.pair.sign_request(&self.made.mandate, &id(to), ask, now, what).expect("signed")
    }

    async fn asks(&self, world: &World, to: &str, ask: PatientAsk) -> Result<ProxyAnswer, ReleaseError> {
        let request = self.request(world, to, ask, (None, vec![]));
        world.vault(to).expect("open").answer_proxy(&request).await
    }

    async fn keys(&self, world: &World) -> Vec<OpenCompartment> {
        let answer = self.asks(world, "hospital-a", PatientAsk::Directory).await;
        let Ok(ProxyAnswer::Keys(sealed)) = answer else { panic!("no keys") };
        self.pair.open_keys(&NETWORK, world.member("hospital-a"), &sealed).expect("opens")
    }

    async fn versions(&self, world: &World) -> Vec<VersionId> {
        let answer = self.asks(world, "regulator", PatientAsk::Versions).await;
        let Ok(ProxyAnswer::Versions(list)) = answer else { panic!("no versions") };
        list.versions.iter().map(|listed| listed.version).collect()
    }

    /// Puts an act on the ledger.
    fn acts(&self, world: &World, number: u32, act: impl Into<Act>) -> bool {
        let action = ProxyAct { appointment: self.made.appointment, number, act: act.into() };
        world.apply(&self.pair.signing.public(), &action.into()).is_ok()
    }

    fn reads(&self, world: &World, number: u32, versions: &[VersionId]) -> bool {
        let count = versions.len() as u32;
        self.acts(world, number, ProxyRead { versions_root: versions_root(versions), count })
    }

    async fn release(
        &self,
        world: &World,
        to: &str,
        what: (Option<u32>, Vec<VersionId>),
    ) -> Result<ProxyAnswer, ReleaseError> {
        let request = self.request(world, to, PatientAsk::Release, what);
        world.vault(to).expect("open").answer_proxy(&request).await
    }

    fn ends(&self, world: &World) {
        let end = EndAppointment { appointment: self.made.appointment };
        world.apply(&self.made.one_time.public(), &end.into()).expect("final");
    }
}

fn refused<T>(answer: Result<T, ReleaseError>) -> Refusal {
    match answer {
        Err(ReleaseError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("answered"),
    }
}

fn roots(world: &World, collected: &Collected) -> Roots {
    let root = |(source, sequence)| {
        let entry: AnchorEntry = world.entry(key::anchor(&source, sequence)).expect("anchored");
        let root = AnchoredRoot { root: entry.batch_root, size_class: entry.size_class };
        ((source, sequence), root)
    };
    collected.batches().map(root).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_appointed_reads_what_the_mandate_reaches_and_the_ledger_has_it_first() {
    let (world, person) = world().await;
    let carer = appointed(&world, &person, 0, false);
    let keys = carer.keys(&world).await;
    assert!(!keys.is_empty() && keys.iter().all(|opened| opened.category == Category::Labs));
    let versions = carer.versions(&world).await;
    assert_eq!(versions.len(), 10, "no conditions, and nobody else's");
    assert_eq!(
        refused(carer.release(&world, "regulator", (None, versions.clone())).await),
        Refusal::NoSuchAct
    );
    assert!(carer.reads(&world, 0, &versions));
    let mut collected = Collected::default();
    for to in ["hospital-b", "regulator"] {
        let answer = carer.release(&world, to, (Some(0), versions.clone())).await;
        let Ok(ProxyAnswer::Release(release)) = answer else { panic!("nothing released") };
        collect_release(&mut collected, &carer.pair.kem, &NETWORK, world.member(to), *release)
            .expect("opens");
    }
    let (keys, roots) = (keys_of(&keys), roots(&world, &collected));
    for version in &versions {
        let found = collected.open(version, &keys, &roots, &mut Vec::new()).expect("opens");
        assert_eq!(found.category, Category::Labs);
    }
    let entry: AppointmentEntry = world.entry(key::appointment(&carer.made.appointment)).expect("one");
    assert_eq!(entry.acts, 1, "the patient finds it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_nothing_opens_and_what_was_in_scope_begins_a_new_epoch() {
    let (world, person) = world().await;
    let carer = appointed(&world, &person, 0, false);
    let old = carer.keys(&world).await;
    let versions = carer.versions(&world).await;
    assert!(carer.reads(&world, 0, &versions));
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(!source.appointment_ended(carer.made.appointment).await.expect("asked"), "it stands");
    carer.ends(&world);
    for ask in [PatientAsk::Directory, PatientAsk::Versions] {
        for to in ["hospital-a", "regulator"] {
            assert_eq!(
                refused(carer.asks(&world, to, ask).await),
                Refusal::AppointmentEnded,
                "{ask} at {to}"
            );
        }
    }
    let again = carer.release(&world, "regulator", (Some(0), versions.clone())).await;
    assert_eq!(refused(again), Refusal::AppointmentEnded, "not even what it read before");
    assert!(!carer.reads(&world, 1, &versions), "nor on the ledger");
    source.appointment_ended(carer.made.appointment).await.expect("asked");
    let owner = person.root.at(&id("hospital-a")).address;
    let directory = source.directory(owner).await.expect("asked").expect("one");
    let newest = directory.compartments.iter().filter(|record| record.statement.epoch > 0).count();
    assert_eq!(newest, 1, "the laboratory's alone");
    let known = |id: &salus_types::CompartmentId| old.iter().any(|opened| opened.compartment == *id);
    assert!(
        directory
            .compartments
            .iter()
            .all(|record| record.statement.epoch == 0 || !known(&record.statement.compartment))
    );
    assert!(!source.appointment_ended(carer.made.appointment).await.expect("asked"), "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_expires_by_the_ledgers_time_and_by_the_clock() {
    for by_ledger in [true, false] {
        let (world, person) = world().await;
        let carer = appointed(&world, &person, 0, false);
        carer.keys(&world).await;
        if by_ledger {
            world.ledger.lock().expect("unpoisoned").time_ms = EXPIRY_MS;
        } else {
            world.clock.store(EXPIRY_MS, Ordering::Relaxed);
        }
        for to in ["hospital-a", "regulator"] {
            let refusal = refused(carer.asks(&world, to, PatientAsk::Versions).await);
            assert_eq!(refusal, Refusal::Expired, "{to}, by the ledger: {by_ledger}");
        }
        let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
        source.appointment_ended(carer.made.appointment).await.expect("asked");
        let owner = person.root.at(&id("hospital-a")).address;
        let directory = source.directory(owner).await.expect("asked").expect("one");
        let turned = directory.compartments.iter().any(|record| record.statement.epoch > 0);
        assert_eq!(turned, by_ledger, "epochs turn by block time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_forged_replayed_misdirected_or_anothers_are_refused() {
    let (world, person) = world().await;
    let carer = appointed(&world, &person, 0, false);
    let other = appointed(&world, &person, 1, true);
    let good = || carer.request(&world, "regulator", PatientAsk::Versions, (None, vec![]));
    let changed = |change: &dyn Fn(&mut ProxyRequest)| {
        let mut request = good();
        change(&mut request);
        request
    };
    let resigned =
        |change: &dyn Fn(&mut ProxyRequest)| ProxyRequest::sign(changed(change).body, &carer.pair.signing);
    let twice = good();
    let vault = world.vault("regulator").expect("open");
    vault.answer_proxy(&twice).await.expect("once");
    let enlarged = |request: &mut ProxyRequest| {
        let mandate = &mut request.body.mandate.mandate;
        let all = person.compartments.iter().map(|opened| opened.compartment).collect::<Vec<_>>();
        mandate.compartments = all.try_into().expect("sixteen");
    };
    for (name, request, expected) in [
        ("replayed", twice, Refusal::Replayed),
        ("forged", changed(&|r| r.signature.0[0] ^= 1), Refusal::Signature),
        ("other ask", changed(&|r| r.body.ask = PatientAsk::Release), Refusal::Signature),
        ("misdirected", resigned(&|r| r.body.audience = id("hospital-b")), Refusal::Audience),
        ("stale", resigned(&|r| r.body.time_ms -= 5 * 60_000 + 1), Refusal::Stale),
        ("enlarged", resigned(&enlarged), Refusal::NoMandate),
        ("prolonged", resigned(&|r| r.body.mandate.mandate.expiry_ms += PROXY_GRAIN_MS), Refusal::NoMandate),
        (
            "signed by the proxy itself",
            resigned(&|r| {
                enlarged(r);
                r.body.mandate = r.body.mandate.mandate.clone().sign(&carer.pair.signing);
            }),
            Refusal::NoMandate,
        ),
        (
            "in its own name, over the patient's compartments",
            resigned(&|r| {
                r.body.mandate.mandate.owner = salus_types::Address::of(&carer.pair.signing.public());
                r.body.mandate = r.body.mandate.mandate.clone().sign(&carer.pair.signing);
            }),
            Refusal::OtherMandate,
        ),
        (
            "with another's mandate",
            resigned(&|r| r.body.mandate = other.made.mandate.clone()),
            Refusal::Signature,
        ),
        ("the patient's log", resigned(&|r| r.body.ask = PatientAsk::AccessLog), Refusal::PatientsAlone),
    ] {
        assert_eq!(refused(vault.answer_proxy(&request).await), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_gives_keys_for_its_own_patients_compartments_alone() {
    let (world, person) = world().await;
    let stranger = world.enrol("p20").await;
    let carer = appointed(&world, &person, 0, false);
    let not_here = carer.asks(&world, "hospital-b", PatientAsk::Directory).await;
    assert_eq!(refused(not_here), Refusal::NotTheOwner, "no source of theirs");
    // A patient names another patient's compartments.
    let mixed = Person { root: person.root.clone(), compartments: stranger.compartments };
    let cheat = appointed(&world, &mixed, 1, true);
    let keys = cheat.asks(&world, "hospital-a", PatientAsk::Directory).await;
    assert_eq!(refused(keys), Refusal::NotTheOwner);
    assert_eq!(cheat.versions(&world).await, []);
}

fn share(world: &World, carer: &Carer, number: u32, compartments: &[OpenCompartment]) -> NewShare {
    let ask = GrantAsk {
        network: NETWORK,
        source: world.member("hospital-a"),
        grantee: world.member("hospital-b"),
        counter: number,
        purpose: Purpose::Treatment,
        not_before_ms: START_MS,
        expiry_ms: EXPIRY_MS,
        compartments,
        future: true,
        practitioner: None,
        patient: "pat-b",
    };
    make_share(&carer.pair, &carer.made.mandate, &ask).expect("made")
}

async fn sent(world: &World, carer: &Carer, share: &NewShare, b: &Vault) -> bool {
    world.apply(&carer.pair.signing.public(), &share.action.clone().into()).expect("final");
    let a = world.vault("hospital-a").expect("open");
    let noticed = a.mailbox.receive(share.notice.clone()).await.is_ok();
    noticed && b.mailbox.receive(share.letter.clone()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_for_the_patient_is_read_like_any_grant_until_it_ends() {
    let (world, person) = world().await;
    let b = world.vault("hospital-b").expect("open");
    let carer = appointed(&world, &person, 0, true);
    let share = share(&world, &carer, 0, &carer.keys(&world).await);
    assert!(sent(&world, &carer, &share, &b).await);
    let reading = b.reader.read(share.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!((reading.records.len(), reading.remaining), (10, 0));
    // The appointment's end does not take away what was shared; the patient ends that, too.
    carer.ends(&world);
    world.outbox.observations("p1", 10..12);
    world.settle().await;
    b.reader.plan(share.grant).await.expect("it stands");
    assert!(!carer.acts(&world, 1, ProxyRevoke { grant: share.grant }));
    let revoke = salus_types::action::Revoke { grant: share.grant };
    world.apply(&carer.made.one_time.public(), &revoke.into()).expect("final");
    b.reader.plan(share.grant).await.expect_err("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_shares_more_than_it_may_see_or_without_being_allowed_to() {
    let (world, person) = world().await;
    let b = world.vault("hospital-b").expect("open");
    let carer = appointed(&world, &person, 0, true);
    // Keys of everything, as one who has stolen them would have.
    let beyond = share(&world, &carer, 0, &person.compartments);
    assert!(!sent(&world, &carer, &beyond, &b).await, "the source refuses");
    b.mailbox.receive(beyond.letter.clone()).await.expect("taken: it is as on the ledger");
    let refused = b.reader.read(beyond.grant, DOCTOR, Purpose::Treatment).await;
    assert!(refused.map_or(true, |reading| reading.records.is_empty() || reading.records.len() == 10));
    let only_sees = appointed(&world, &person, 1, false);
    let share = share(&world, &only_sees, 0, &only_sees.keys(&world).await);
    assert!(!sent(&world, &only_sees, &share, &b).await);
    b.mailbox.receive(share.letter).await.expect_err("no consent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_keys_end_what_the_old_ones_appointed() {
    let (world, person) = world().await;
    let carer = appointed(&world, &person, 0, false);
    let versions = carer.versions(&world).await;
    carer.keys(&world).await;
    assert!(carer.reads(&world, 0, &versions));
    let new = Root::from_bytes(&[41; 32]).at(&id("hospital-a"));
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    source.rekey_patient("p1", None, new.signing.public(), &new.kem.public().0).await.expect("replaced");
    world.settle().await;
    let keys = carer.asks(&world, "hospital-a", PatientAsk::Directory).await;
    assert_eq!(refused(keys), Refusal::NotTheOwner);
    for to in ["hospital-a", "hospital-b", "regulator"] {
        let released = carer.release(&world, to, (Some(0), versions.clone())).await;
        assert_eq!(refused(released), Refusal::OutsideTerms, "{to}");
    }
}

/// A parent of the child p1, appointed by Hospital A's desk.
async fn parent(world: &Arc<World>, seed: u8) -> Carer {
    parent_of(world, "p1", seed).await
}

async fn parent_of(world: &Arc<World>, child: &str, seed: u8) -> Carer {
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    source.ward(child).await.expect("a ward");
    let pair = Root::from_bytes(&[seed; 32]).proxy_at(&id("hospital-a"), &[seed; 16]);
    let guardian = Guardian {
        proxy: pair.signing.public(),
        kem_key: pair.kem.public().0.to_vec(),
        until_ms: EXPIRY_MS + 5,
    };
    let made = source.appoint_for_ward(child, guardian).await.expect("appointed");
    world.apply(&made.one_time.public(), &made.action.clone().into()).expect("final");
    world.settle().await;
    Carer { pair, made }
}

async fn child() -> Arc<World> {
    let world = World::new();
    world.open_all();
    world.outbox.observations("p1", 0..10);
    world.settle().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_read_a_childs_record_until_it_comes_of_age() {
    let world = child().await;
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let (mother, father) = (parent(&world, 50).await, parent(&world, 51).await);
    assert_ne!(mother.made.appointment, father.made.appointment);
    assert_eq!(mother.made.mandate.mandate.owner, source.ward("p1").await.expect("the same ward"));
    let owned: Vec<_> = source.ward_keys("p1").await.expect("keys").iter().map(|key| key.public()).collect();
    assert_eq!(owned, [&mother, &father].map(|one| one.made.one_time.public()));
    for one in [&mother, &father] {
        assert_eq!(one.keys(&world).await.len(), Category::ALL.len());
        let versions = one.versions(&world).await;
        assert_eq!(versions.len(), 10);
        assert!(one.reads(&world, 0, &versions));
        one.release(&world, "regulator", (Some(0), versions)).await.expect("released");
    }
    world.ledger.lock().expect("unpoisoned").time_ms = EXPIRY_MS;
    for one in [&mother, &father] {
        assert_eq!(refused(one.asks(&world, "hospital-a", PatientAsk::Directory).await), Refusal::Expired);
        assert!(!one.reads(&world, 1, &[VersionId(Digest([1; 32]))]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_shares_one_childs_record_and_that_ends_when_the_child_is_of_age() {
    let world = child().await;
    world.outbox.push("Observation", "sister", "1", Some("p2"), "");
    world.settle().await;
    let b = world.vault("hospital-b").expect("open");
    let (mother, of_sister) = (parent(&world, 50).await, parent_of(&world, "p2", 51).await);
    let labs = |keys: Vec<OpenCompartment>| -> Vec<_> {
        keys.into_iter().filter(|opened| opened.category == Category::Labs).collect()
    };
    let (own, sisters) = (labs(mother.keys(&world).await), labs(of_sister.keys(&world).await));
    let given = share(&world, &mother, 0, &own);
    assert!(sent(&world, &mother, &given, &b).await);
    let reading = b.reader.read(given.grant, DOCTOR, Purpose::Treatment).await.expect("read");
    assert_eq!(reading.records.len(), 10);
    assert!(b.reader.read(given.grant, DOCTOR, Purpose::Research).await.is_err(), "for another purpose");

    // With the keys of another child, and with the mandate over another child.
    let beyond = share(&world, &mother, 1, &sisters);
    assert!(!sent(&world, &mother, &beyond, &b).await, "the source refuses");
    b.mailbox.receive(beyond.letter.clone()).await.expect("taken: it is as on the ledger");
    let read = b.reader.read(beyond.grant, DOCTOR, Purpose::Treatment).await;
    assert!(read.map_or(true, |reading| reading.records.is_empty()), "and custodians give nothing");
    // The sister's parent does not stop what the mother shared.
    assert!(!of_sister.acts(&world, 0, ProxyRevoke { grant: given.grant }));
    let borrowed = Carer {
        pair: Root::from_bytes(&[50; 32]).proxy_at(&id("hospital-a"), &[50; 16]),
        made: of_sister.made,
    };
    let forged = share(&world, &borrowed, 0, &sisters);
    let signer = borrowed.pair.signing.public();
    assert!(world.apply(&signer, &forged.action.clone().into()).is_err(), "nor does the ledger");
    b.mailbox.receive(forged.letter).await.expect_err("no such grant");
    world.ledger.lock().expect("unpoisoned").time_ms = EXPIRY_MS;
    b.reader.plan(given.grant).await.expect_err("ended with the appointment");
    let late = share(&world, &mother, 2, &own);
    assert!(world.apply(&mother.pair.signing.public(), &late.action.clone().into()).is_err(), "of age");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_young_person_takes_over_and_what_the_parent_held_opens_nothing() {
    let world = child().await;
    let b = world.vault("hospital-b").expect("open");
    let mother = parent(&world, 50).await;
    let share = share(&world, &mother, 0, &mother.keys(&world).await);
    assert!(sent(&world, &mother, &share, &b).await);
    b.reader.read(share.grant, DOCTOR, Purpose::Treatment).await.expect("shared");
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let own = Root::from_bytes(&[60; 32]).at(&id("hospital-a"));
    // Nobody enrols over a ward by an ordinary invitation.
    let (key, kem) = (own.signing.public(), own.kem.public().0);
    assert!(matches!(source.enrol_patient("p1", key, &kem).await, Err(SourceError::Enrolled)));
    source.rekey_patient("p1", None, key, &kem).await.expect("taken over");
    world.settle().await;
    assert!(source.ward_keys("p1").await.expect("asked").is_empty(), "the child's root is forgotten");
    assert!(matches!(source.ward("p1").await, Err(SourceError::Enrolled)), "who has keys is nobody's ward");
    let guardian = Guardian {
        proxy: mother.pair.signing.public(),
        kem_key: mother.pair.kem.public().0.to_vec(),
        until_ms: EXPIRY_MS,
    };
    assert!(matches!(source.appoint_for_ward("p1", guardian).await, Err(SourceError::Enrolled)));
    assert_eq!(refused(mother.asks(&world, "hospital-a", PatientAsk::Directory).await), Refusal::NotTheOwner);
    assert_eq!(mother.versions(&world).await, []);
    let plan = b.reader.plan(share.grant).await;
    assert!(plan.map_or(true, |plan| plan.versions.is_empty()), "nor does what it shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_appoints_nobody_for_a_patient_who_has_keys() {
    let (world, _person) = world().await;
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    assert!(matches!(source.ward("p1").await, Err(SourceError::Enrolled)));
    assert!(source.ward_keys("p1").await.expect("asked").is_empty());
    assert!(source.ward_keys("nobody").await.expect("asked").is_empty());
}
