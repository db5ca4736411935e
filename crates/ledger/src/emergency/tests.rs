use crate::Rejection;
use crate::testing::{DAY_MS, World, break_glass, id};
use salus_crypto::hash::sha256;
use salus_types::action::{RegisterPractitioner, Review};
use salus_types::emergency::{EMERGENCY_ACCESS_MS, EMERGENCY_REVIEW_MS};
use salus_types::organisation::Class;
use salus_types::state::{EmergencyEntry, ReviewEntry, key};
use salus_types::{EmergencyId, OrganisationId};

/// Dr Bo and the steward Cy work at hospital B, Dr Al at hospital A, and the regulator has a Di.
fn world() -> World {
    let mut world = World::new();
    let people = [("hospital-b", "bo"), ("hospital-b", "cy"), ("hospital-a", "al"), ("regulator", "di")];
    for (organisation, practitioner) in people {
        let commitment = sha256(practitioner.as_bytes());
        world.act(organisation, RegisterPractitioner { commitment }).expect("registered");
    }
    world
}

fn review(organisation: &str, event: EmergencyId, reviewer: &str) -> Review {
    let organisation: OrganisationId = id(organisation);
    let reviewer = sha256(reviewer.as_bytes());
    Review { organisation, event, justified: true, reviewer, statement: sha256(b"words") }
}

#[test]
fn the_glass_is_broken_by_providers_alone_for_practitioners_of_their_own() {
    for (signer, named, practitioner, expected) in [
        ("hospital-b", "hospital-b", "bo", Ok(())),
        ("hospital-b", "hospital-a", "bo", Err(Rejection::OtherOrganisation(id("hospital-a")))),
        ("regulator", "regulator", "di", Err(Rejection::Class(Class::Regulator))),
        ("insurer", "insurer", "bo", Err(Rejection::Class(Class::Payer))),
        ("stranger", "hospital-b", "bo", Err(Rejection::NotAnOrganisation)),
        ("hospital-b", "hospital-b", "al", Err(Rejection::Practitioner)),
        ("hospital-b", "hospital-b", "nobody", Err(Rejection::Practitioner)),
    ] {
        let outcome = world().act(signer, break_glass(named, practitioner));
        assert_eq!(outcome, expected, "{signer} as {named} for {practitioner}");
    }
}

#[test]
fn events_are_numbered_without_gaps_last_four_hours_and_none_is_replayed() {
    let mut world = world();
    for number in 0..3_u64 {
        let mut event = break_glass("hospital-b", "bo");
        event.nonce = [number as u8; 16];
        assert_eq!(world.act("hospital-b", event.clone()), Ok(()));
        let again = world.act("hospital-b", event.clone());
        assert_eq!(again, Err(Rejection::Exists("the emergency access")));
        assert_eq!(world.entry::<EmergencyId>(key::emergency_of_number(number)), Some(event.id()));
        let entry: EmergencyEntry = world.entry(key::emergency(&event.id())).expect("an entry");
        assert_eq!((entry.number, entry.organisation), (number, id("hospital-b")));
        assert_eq!(entry.access_until_ms, world.time_ms + EMERGENCY_ACCESS_MS);
        assert_eq!(entry.review_due_ms, world.time_ms + EMERGENCY_REVIEW_MS);
    }
    assert_eq!(world.entry::<u64>(key::emergencies()), Some(3));
}

#[test]
fn one_that_began_while_the_ledger_stood_still_counts_from_then_and_is_due_from_now() {
    let mut world = world();
    let mut event = break_glass("hospital-b", "bo");
    event.began_ms = Some(world.time_ms + 1);
    let early = world.act("hospital-b", event.clone());
    assert_eq!(early, Err(Rejection::Malformed("the emergency has not begun")));
    let began = world.time_ms - DAY_MS;
    event.began_ms = Some(began);
    assert_eq!(world.act("hospital-b", event.clone()), Ok(()));
    let entry: EmergencyEntry = world.entry(key::emergency(&event.id())).expect("an entry");
    assert_eq!(entry.access_until_ms, began + EMERGENCY_ACCESS_MS);
    assert_eq!(entry.review_due_ms, world.time_ms + EMERGENCY_REVIEW_MS);
}

#[test]
fn a_review_is_by_somebody_else_of_the_same_organisation_and_once() {
    let mut world = world();
    let event = break_glass("hospital-b", "bo");
    let unknown = world.act("hospital-b", review("hospital-b", event.id(), "cy"));
    assert_eq!(unknown, Err(Rejection::Unknown("emergency access")));
    assert_eq!(world.act("hospital-b", event.clone()), Ok(()));
    for (signer, named, reviewer, expected) in [
        ("hospital-a", "hospital-a", "al", Err(Rejection::OtherOrganisation(id("hospital-b")))),
        ("hospital-a", "hospital-b", "cy", Err(Rejection::OtherOrganisation(id("hospital-b")))),
        ("hospital-b", "hospital-b", "bo", Err(Rejection::OwnReview)),
        ("hospital-b", "hospital-b", "al", Err(Rejection::Practitioner)),
        ("hospital-b", "hospital-b", "cy", Ok(())),
        ("hospital-b", "hospital-b", "cy", Err(Rejection::Exists("the review"))),
    ] {
        let outcome = world.act(signer, review(named, event.id(), reviewer));
        assert_eq!(outcome, expected, "{signer} as {named} by {reviewer}");
    }
}

#[test]
fn the_deadline_is_kept_by_the_contract() {
    for (after_ms, late) in
        [(0, false), (EMERGENCY_REVIEW_MS - 1, false), (EMERGENCY_REVIEW_MS, true), (30 * DAY_MS, true)]
    {
        let mut world = world();
        let event = break_glass("hospital-b", "bo");
        world.act("hospital-b", event.clone()).expect("broken");
        world.time_ms += after_ms;
        world.act("hospital-b", review("hospital-b", event.id(), "cy")).expect("reviewed");
        let entry: ReviewEntry = world.entry(key::review(&event.id())).expect("an entry");
        assert_eq!(entry.late, late, "after {after_ms} ms");
    }
}
