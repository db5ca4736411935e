use crate::Rejection;
use crate::testing::{DAY_MS, World, access, grant, grant_id, id, key};
use salus_crypto::hash::sha256;
use salus_types::action::{AnchorLog, Dropped, RegisterPractitioner, Revoke};
use salus_types::category::Purpose;
use salus_types::state::{self, GrantEntry};
use salus_types::{AccessId, decode_canonical};

/// Hospital B may read for treatment for 30 days; Dr Bo works there, Dr Al at hospital A.
fn world() -> World {
    let mut world = World::new();
    for (organisation, practitioner) in [("hospital-b", "bo"), ("hospital-a", "al")] {
        let commitment = sha256(practitioner.as_bytes());
        world.act(organisation, RegisterPractitioner { commitment }).expect("registered");
    }
    world.act("once", grant("hospital-b", Purpose::Treatment)).expect("granted");
    world
}

#[test]
fn an_access_event_needs_grantee_purpose_practitioner_and_a_live_grant() {
    for (signer, one_time, purpose, practitioner, days, expected) in [
        ("hospital-b", "once", Purpose::Treatment, "bo", 0, Ok(())),
        ("hospital-b", "once", Purpose::Treatment, "bo", 29, Ok(())),
        ("hospital-b", "once", Purpose::Treatment, "bo", 30, Err(Rejection::GrantExpired)),
        ("hospital-b", "once", Purpose::Research, "bo", 0, Err(Rejection::Scope)),
        ("hospital-a", "once", Purpose::Treatment, "al", 0, Err(Rejection::Scope)),
        ("insurer", "once", Purpose::Treatment, "bo", 0, Err(Rejection::Scope)),
        ("hospital-b", "once", Purpose::Treatment, "al", 0, Err(Rejection::Practitioner)),
        ("hospital-b", "once", Purpose::Treatment, "nobody", 0, Err(Rejection::Practitioner)),
        ("hospital-b", "never", Purpose::Treatment, "bo", 0, Err(Rejection::Unknown("grant"))),
        ("stranger", "once", Purpose::Treatment, "bo", 0, Err(Rejection::NotAnOrganisation)),
    ] {
        let mut world = world();
        world.time_ms += days * DAY_MS;
        let outcome = world.act(signer, access(one_time, purpose, practitioner));
        assert_eq!(outcome, expected, "{signer} {one_time} {purpose} {practitioner} @{days}d");
    }
}

#[test]
fn a_wrong_scope_salt_opens_nothing() {
    let mut forged = access("once", Purpose::Treatment, "bo");
    forged.scope_salt[31] ^= 1;
    assert_eq!(world().act("hospital-b", forged), Err(Rejection::Scope));
}

#[test]
fn a_revoked_grant_blocks_the_next_access_even_in_the_same_block() {
    let mut world = world();
    let event = access("once", Purpose::Treatment, "bo");
    let transactions =
        [world.sign("once", Revoke { grant: grant_id("once") }), world.sign("hospital-b", event.clone())];
    let context = crate::BlockContext { height: world.height, time_ms: world.time_ms, ends_epoch: false };
    let outcome = crate::execute_block(context, &transactions, &world.state);
    assert_eq!(outcome, Err((1, Rejection::Revoked(world.height))));

    let height = world.height;
    assert_eq!(world.run(&transactions[0]), Ok(()));
    assert_eq!(world.act("hospital-b", event), Err(Rejection::Revoked(height)));
}

#[test]
fn events_of_a_grant_are_numbered_without_gaps_and_none_is_replayed() {
    let mut world = world();
    for number in 0..3_u32 {
        let mut event = access("once", Purpose::Treatment, "bo");
        event.nonce = [number as u8; 16];
        assert_eq!(world.act("hospital-b", event.clone()), Ok(()));
        assert_eq!(world.act("hospital-b", event.clone()), Err(Rejection::Exists("the access event")));
        let entry = &world.state[&state::key::access_of_grant(&event.grant, number)];
        let id: AccessId = decode_canonical(entry).expect("an id");
        assert_eq!(id, event.id(&key("hospital-b").public()));
        assert!(world.state.contains_key(&state::key::access(&id)));
    }
    let entry = &world.state[&state::key::grant(&grant_id("once"))];
    assert_eq!(decode_canonical::<GrantEntry>(entry).expect("a grant").accesses, 3);
}

#[test]
fn a_receipt_of_deletion_needs_a_dead_grant_and_is_given_once() {
    let mut world = world();
    let receipt = |name: &str| Dropped { organisation: id(name), grant: grant_id("once"), count: 3 };
    assert_eq!(world.act("hospital-b", receipt("hospital-b")), Err(Rejection::StillLive));
    assert_eq!(world.act("once", Revoke { grant: grant_id("once") }), Ok(()));
    assert_eq!(
        world.act("hospital-a", receipt("hospital-b")),
        Err(Rejection::OtherOrganisation(id("hospital-b")))
    );
    assert_eq!(world.act("hospital-b", receipt("hospital-b")), Ok(()));
    assert_eq!(world.act("hospital-b", receipt("hospital-b")), Err(Rejection::Exists("the receipt")));
}

#[test]
fn an_expired_grant_can_be_dropped_too() {
    let mut world = world();
    world.time_ms += 30 * DAY_MS;
    let receipt = Dropped { organisation: id("hospital-b"), grant: grant_id("once"), count: 0 };
    assert_eq!(world.act("hospital-b", receipt), Ok(()));
}

#[test]
fn a_log_anchor_is_given_once_by_its_own_organisation() {
    let mut world = world();
    let anchor =
        |sequence| AnchorLog { organisation: id("insurer"), head: sha256(b"head"), entries: 8, sequence };
    assert_eq!(world.act("insurer", anchor(0)), Ok(()));
    assert_eq!(world.act("insurer", anchor(0)), Err(Rejection::Exists("a log anchor with this number")));
    assert_eq!(world.act("insurer", anchor(1)), Ok(()));
    assert_eq!(world.act("hospital-a", anchor(2)), Err(Rejection::OtherOrganisation(id("insurer"))));
    // A number that is left out hides nothing: anchors are counted.
    assert_eq!(world.act("insurer", anchor(7)), Ok(()));
    let count = |of: &str| world.entry::<u64>(state::key::log_anchors(&id(of)));
    assert_eq!((count("insurer"), count("hospital-a")), (Some(3), None));
}
