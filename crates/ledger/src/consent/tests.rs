use crate::Rejection;
use crate::testing::{DAY_MS, NOW_MS, World, grant, grant_id};
use salus_types::action::Revoke;
use salus_types::category::Purpose;

#[test]
fn a_grant_ends_in_the_future_and_not_too_late() {
    let longest = World::new().parameters.grant_period_ms_max;
    for (expiry_ms, allowed) in [
        (NOW_MS - 1, false),
        (NOW_MS, false),
        (NOW_MS + 1, true),
        (NOW_MS + longest, true),
        (NOW_MS + longest + 1, false),
        (u64::MAX, false),
    ] {
        let mut grant = grant("hospital-b", Purpose::Treatment);
        grant.expiry_ms = expiry_ms;
        let expected = if allowed { Ok(()) } else { Err(Rejection::GrantPeriod(longest)) };
        assert_eq!(World::new().act("once", grant), expected, "{expiry_ms}");
    }
}

#[test]
fn a_one_time_key_grants_once_even_after_its_revoke() {
    let mut world = World::new();
    let grant = grant("hospital-b", Purpose::Treatment);
    assert_eq!(world.act("once", grant.clone()), Ok(()));
    assert_eq!(world.act("once", grant.clone()), Err(Rejection::Exists("the grant")));
    assert_eq!(world.act("once", Revoke { grant: grant_id("once") }), Ok(()));
    assert_eq!(world.act("once", grant), Err(Rejection::Exists("the grant")));
}

#[test]
fn only_the_grantor_revokes_and_only_once() {
    let mut world = World::new();
    let revoke = Revoke { grant: grant_id("once") };
    for anybody in ["once", "hospital-a"] {
        assert_eq!(world.act(anybody, revoke.clone()), Err(Rejection::Unknown("grant")));
    }
    assert_eq!(world.act("once", grant("hospital-b", Purpose::Treatment)), Ok(()));
    for other in ["twice", "hospital-a", "hospital-b"] {
        assert_eq!(world.act(other, revoke.clone()), Err(Rejection::NotTheGrantor), "{other}");
    }
    world.time_ms += DAY_MS;
    let height = world.height;
    assert_eq!(world.act("once", revoke.clone()), Ok(()));
    assert_eq!(world.act("once", revoke), Err(Rejection::Revoked(height)));
}
