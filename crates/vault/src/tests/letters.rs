//! Letters and notices that are refused.

use crate::patient::NewGrant;
use crate::testing::{DAY_MS, NETWORK, Person, World, id};
use crate::{MailboxError, seal_envelope};
use commonware_codec::Encode as _;
use salus_types::label;
use salus_types::vault::{Consent, Letter, SealedEnvelope, Terms};
use salus_types::{Bounded, Digest, SigningKey, Text};
use std::sync::Arc;

async fn world() -> (Arc<World>, Person) {
    let world = World::new();
    world.open_all();
    let person = world.enrol("p1").await;
    (world, person)
}

/// A letter as the patient's device makes it, changed and sealed again; consent follows the terms unless `stale`.
fn rewritten(
    world: &World,
    person: &Person,
    grant: &NewGrant,
    stale: bool,
    change: impl Fn(&mut Letter),
) -> SealedEnvelope {
    let pairwise = person.root.at(&id("hospital-a"));
    let keys =
        person.compartments.iter().filter(|opened| grant.terms.compartments.contains(&opened.compartment));
    let keys = keys.map(|opened| salus_types::vault::CompartmentKey {
        compartment: opened.compartment,
        category: opened.category,
        key: *opened.key.expose(),
    });
    let mut letter = Letter {
        terms: grant.terms.clone(),
        terms_salt: person.root.terms_salt(&id("hospital-a"), 0),
        consent: Consent::sign(&grant.terms, &pairwise.signing),
        keys: Bounded::new(keys.collect()).expect("few"),
        patient: Text::new("pat-b").expect("short"),
    };
    change(&mut letter);
    if !stale {
        letter.consent = Consent::sign(&letter.terms, &pairwise.signing);
    }
    let to = &world.member("hospital-b").kem_key;
    seal_envelope(&grant.one_time, to, label::HPKE_LETTER, &NETWORK, &letter.encode()).expect("sealed")
}

fn terms(change: impl Fn(&mut Terms)) -> impl Fn(&mut Letter) {
    move |letter| change(&mut letter.terms)
}

#[tokio::test]
async fn a_letter_that_does_not_fit_is_refused() {
    let (world, person) = world().await;
    let grant = world.make_grant(&person, 0, |_| {});
    world.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
    let b = world.vault("hospital-b").expect("open");
    type Change = Box<dyn Fn(&mut Letter)>;
    let cases: Vec<(&str, bool, Change)> = vec![
        ("it is for another network", false, Box::new(terms(|t| t.network.0.0[0] ^= 1))),
        ("its sender is not the grant's key", false, Box::new(terms(|t| t.grant.0.0[0] ^= 1))),
        ("it is for another organisation", false, Box::new(terms(|t| t.grantee = id("insurer")))),
        ("it grants nothing", false, Box::new(terms(|t| t.compartments = Bounded::default()))),
        ("the owner's consent does not verify", true, Box::new(terms(|t| t.future = !t.future))),
        ("the owner's consent does not verify", false, Box::new(terms(|t| t.owner.0.0[0] ^= 1))),
        ("the terms are not those on the ledger", false, Box::new(terms(|t| t.future = !t.future))),
        ("the terms are not those on the ledger", false, Box::new(|l: &mut Letter| l.terms_salt[0] ^= 1)),
        (
            "it names no patient here: register here first",
            false,
            Box::new(|l: &mut Letter| l.patient = Text::default()),
        ),
        (
            "its keys are not those of its compartments",
            false,
            Box::new(|l: &mut Letter| l.keys = Bounded::default()),
        ),
    ];
    for (reason, stale, change) in cases {
        let envelope = rewritten(&world, &person, &grant, stale, change);
        match b.mailbox.receive(envelope).await {
            Err(MailboxError::Refused(given)) => assert_eq!(given, reason),
            other => panic!("{reason}: {other:?}"),
        }
    }
    let whole = rewritten(&world, &person, &grant, false, |_| {});
    b.mailbox.receive(whole).await.expect("the unchanged letter is taken");
}

#[tokio::test]
async fn letters_of_ended_grants_and_letters_whose_grant_never_comes_are_dropped() {
    let (world, person) = world().await;
    let b = world.vault("hospital-b").expect("open");
    let ended = world.make_grant(&person, 0, |_| {});
    world.apply(&ended.one_time.public(), &ended.action.clone().into()).expect("final");
    world.revoke(&ended);
    let refused = b.mailbox.receive(ended.letter.clone()).await;
    assert!(matches!(refused, Err(MailboxError::Refused("the grant has ended"))));
    let never = world.make_grant(&person, 1, |_| {});
    b.mailbox.receive(never.letter.clone()).await.expect("kept");
    world.pass(DAY_MS);
    b.mailbox.look_at_pending().await.expect("looked");
    world.apply(&never.one_time.public(), &never.action.clone().into()).expect("final");
    b.mailbox.look_at_pending().await.expect("looked");
    assert_eq!(b.mailbox.grant_state(never.grant).await.expect("a state"), crate::GrantState::Unknown);
}

#[tokio::test]
async fn a_notice_over_anothers_compartments_is_refused() {
    let (world, mut person) = world().await;
    let other = world.enrol("p2-other").await;
    person.compartments = other.compartments;
    let grant = world.make_grant(&person, 0, |_| {});
    world.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
    let a = world.vault("hospital-a").expect("open");
    let refused = a.mailbox.receive(grant.notice).await;
    assert!(matches!(refused, Err(MailboxError::Refused("a compartment is not the owner's"))));
}

#[tokio::test]
async fn keys_of_new_epochs_come_from_the_source_alone() {
    let (world, person) = world().await;
    let grant = world.grant(&person, 0, |_| {}).await;
    let b = world.vault("hospital-b").expect("open");
    let keys = salus_types::vault::EpochKeys {
        grant: grant.grant,
        source: id("hospital-a"),
        keys: Bounded::new(vec![salus_types::vault::CompartmentKey {
            compartment: salus_types::CompartmentId(Digest([4; 32])),
            category: salus_types::category::Category::Labs,
            key: [4; 32],
        }])
        .expect("one"),
    };
    let seal = |signer: &SigningKey| {
        let to = &world.member("hospital-b").kem_key;
        seal_envelope(signer, to, label::HPKE_EPOCH_KEYS, &NETWORK, &keys.encode()).expect("sealed")
    };
    let (a, regulator) = (world.signing("hospital-a"), world.signing("regulator"));
    assert!(b.mailbox.receive_keys(&id("regulator"), seal(&regulator)).await.is_err());
    assert!(b.mailbox.receive_keys(&id("regulator"), seal(&a)).await.is_err());
    assert!(b.mailbox.receive_keys(&id("hospital-a"), seal(&regulator)).await.is_err());
    b.mailbox.receive_keys(&id("hospital-a"), seal(&a)).await.expect("taken");
    b.mailbox.receive_keys(&id("hospital-a"), seal(&a)).await.expect("taken again");
}
