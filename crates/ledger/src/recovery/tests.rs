use crate::testing::{DAY_MS, World, id, key};
use crate::{Rejection, check_stateless};
use salus_crypto::hash::sha256;
use salus_types::RecoveryId;
use salus_types::action::{CancelRecovery, StartRecovery};
use salus_types::recovery::RECOVERY_DELAY_MS;
use salus_types::state::{RecoveryEntry, key as state_key};

fn recovery(of: &str) -> RecoveryId {
    RecoveryId::of(&key(of).public())
}

fn start(organisation: &str, of: &str, number: u32, device: &str) -> StartRecovery {
    let (organisation, device) = (id(organisation), sha256(device.as_bytes()));
    StartRecovery { organisation, recovery: recovery(of), number, device }
}

fn cancel(of: &str, number: u32) -> CancelRecovery {
    CancelRecovery { recovery: recovery(of), number }
}

fn entry(world: &World, of: &str, number: u32) -> Option<RecoveryEntry> {
    world.entry(state_key::recovery(&recovery(of), number))
}

#[test]
fn a_recovery_is_started_by_an_organisation_in_its_own_name_and_numbered_without_gaps() {
    let mut world = World::new();
    let a = "hospital-a";
    for (signer, action, expected) in [
        ("once", start(a, "once", 0, "phone"), Err(Rejection::NotAnOrganisation)),
        ("hospital-b", start(a, "once", 0, "phone"), Err(Rejection::OtherOrganisation(id(a)))),
        (a, start(a, "once", 1, "phone"), Err(Rejection::Unknown("recovery before this one"))),
        (a, start(a, "once", 0, "phone"), Ok(())),
        (a, start(a, "once", 0, "phone"), Err(Rejection::Exists("the recovery"))),
        (a, start(a, "once", 0, "thief"), Err(Rejection::Exists("the recovery"))),
        ("hospital-b", start("hospital-b", "once", 1, "thief"), Err(Rejection::OtherOrganisation(id(a)))),
        (a, start(a, "once", 2, "tablet"), Err(Rejection::Unknown("recovery before this one"))),
        (a, start(a, "once", 1, "tablet"), Ok(())),
    ] {
        assert_eq!(world.act(signer, action.clone()), expected, "{signer}: {action:?}");
    }
    let devices = [0, 1].map(|number| entry(&world, "once", number).expect("an entry").device);
    assert_eq!(devices, [sha256(b"phone"), sha256(b"tablet")], "no attempt replaces another");
}

#[test]
fn it_waits_for_forty_eight_hours_of_the_blocks_time() {
    let mut world = World::new();
    world.act("hospital-a", start("hospital-a", "once", 0, "phone")).expect("started");
    let begun = entry(&world, "once", 0).expect("an entry");
    assert_eq!(begun.ready_ms, begun.time_ms + 2 * DAY_MS);
    assert_eq!(RECOVERY_DELAY_MS, 2 * DAY_MS);
    world.time_ms += DAY_MS;
    world.act("hospital-a", start("hospital-a", "once", 1, "phone")).expect("started");
    assert_eq!(entry(&world, "once", 0), Some(begun.clone()), "a later attempt changes nothing of it");
    assert_eq!(entry(&world, "once", 1).expect("an entry").ready_ms, begun.ready_ms + DAY_MS);
}

#[test]
fn only_the_key_that_the_recovery_is_named_after_cancels_it_once_and_at_any_time() {
    for later_ms in [0, RECOVERY_DELAY_MS, 30 * DAY_MS] {
        let mut world = World::new();
        assert_eq!(world.act("once", cancel("once", 0)), Err(Rejection::Unknown("recovery")));
        world.act("hospital-a", start("hospital-a", "once", 0, "phone")).expect("started");
        world.time_ms += later_ms;
        for (signer, expected) in [
            ("hospital-a", Err(Rejection::NotTheCanceller)),
            ("twice", Err(Rejection::NotTheCanceller)),
            ("once", Ok(())),
            ("once", Err(Rejection::Exists("the cancellation"))),
        ] {
            assert_eq!(world.act(signer, cancel("once", 0)), expected, "{signer} after {later_ms} ms");
        }
        let cancelled = entry(&world, "once", 0).expect("an entry").cancelled;
        assert!(cancelled.is_some());
        world.act("hospital-a", start("hospital-a", "once", 1, "phone")).expect("started again");
        assert_eq!(entry(&world, "once", 0).expect("an entry").cancelled, cancelled);
        assert_eq!(entry(&world, "once", 1).expect("an entry").cancelled, None, "that is another attempt");
    }
}

#[test]
fn a_cancellation_by_another_key_is_refused_before_any_state_is_read() {
    let world = World::new();
    let transactions = [world.sign("once", cancel("once", 0)), world.sign("twice", cancel("once", 0))];
    let expected = [Ok(()), Err(Rejection::NotTheCanceller)];
    assert_eq!(check_stateless(&world.network, &transactions), expected);
}
