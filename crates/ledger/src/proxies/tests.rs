use crate::Rejection;
use crate::testing::{
    DAY_MS, NOW_MS, World, access, appoint, appointment_id, grant, grant_id, key, read_for, share_for,
};
use salus_crypto::hash::sha256;
use salus_types::GrantId;
use salus_types::action::{Action, EndAppointment, ProxyAct, RegisterPractitioner, Revoke};
use salus_types::category::Purpose;
use salus_types::proxy::{PROXY_GRAIN_MS, PROXY_PERIOD_MS_MAX, ProxyGrant, ProxyRevoke, proxy_grant};
use salus_types::state::{ActEntry, AppointmentEntry, GrantEntry, key as state_key};

const PERIOD: Rejection = Rejection::AppointmentPeriod;
const OUTSIDE: Rejection = Rejection::OutsideAppointment;

/// A world in which the key `once` has appointed the key `carer`.
fn appointed() -> World {
    let mut world = World::new();
    world.act("once", appoint("carer")).expect("appointed");
    world
}

fn entry(world: &World) -> AppointmentEntry {
    world.entry(state_key::appointment(&appointment_id("once"))).expect("an entry")
}

fn end() -> EndAppointment {
    EndAppointment { appointment: appointment_id("once") }
}

fn stop(number: u32, grant: GrantId) -> ProxyAct {
    ProxyAct { appointment: appointment_id("once"), number, act: ProxyRevoke { grant }.into() }
}

#[test]
fn an_appointment_ends_with_a_whole_week_in_the_future_and_not_too_late() {
    let week = |ms: u64| ms / PROXY_GRAIN_MS * PROXY_GRAIN_MS;
    let latest = week(NOW_MS + PROXY_PERIOD_MS_MAX);
    for (expiry_ms, expected) in [
        (week(NOW_MS), Err(PERIOD)),
        (week(NOW_MS) + PROXY_GRAIN_MS, Ok(())),
        (week(NOW_MS) + PROXY_GRAIN_MS + 1, Err(PERIOD)),
        (NOW_MS + DAY_MS, Err(PERIOD)),
        (latest, Ok(())),
        (latest + PROXY_GRAIN_MS, Err(PERIOD)),
        (u64::MAX / PROXY_GRAIN_MS * PROXY_GRAIN_MS, Err(PERIOD)),
        (0, Err(PERIOD)),
    ] {
        let mut appoint = appoint("carer");
        appoint.expiry_ms = expiry_ms;
        assert_eq!(World::new().act("once", appoint), expected, "{expiry_ms}");
    }
}

#[test]
fn a_one_time_key_appoints_once_even_after_the_end() {
    let mut world = appointed();
    let again = Err(Rejection::Exists("the appointment"));
    assert_eq!(world.act("once", appoint("somebody")), again);
    assert_eq!(world.act("once", end()), Ok(()));
    assert_eq!(world.act("once", appoint("carer")), again);
    assert_eq!(entry(&world).proxy, key("carer").public());
}

#[test]
fn nobody_but_the_one_appointed_acts() {
    let mut world = appointed();
    for signer in ["once", "twice", "hospital-a"] {
        assert_eq!(world.act(signer, read_for("once", 0, 3)), Err(Rejection::NotTheProxy), "{signer}");
        assert_eq!(world.act(signer, share_for("once", 0)), Err(Rejection::NotTheProxy), "{signer}");
    }
    assert_eq!(world.act("carer", read_for("twice", 0, 3)), Err(Rejection::Unknown("appointment")));
    world.act("twice", appoint("other")).expect("appointed");
    assert_eq!(world.act("carer", read_for("twice", 0, 3)), Err(Rejection::NotTheProxy));
    assert_eq!(world.act("carer", read_for("once", 0, 3)), Ok(()));
}

#[test]
fn acts_are_numbered_without_gaps_and_stay() {
    let mut world = appointed();
    for (number, expected) in [
        (1, Err(Rejection::Unknown("act before this one"))),
        (0, Ok(())),
        (0, Err(Rejection::Exists("the act"))),
        (2, Err(Rejection::Unknown("act before this one"))),
        (1, Ok(())),
        (0, Err(Rejection::Exists("the act"))),
    ] {
        assert_eq!(world.act("carer", read_for("once", number, 3)), expected, "{number}");
    }
    assert_eq!(entry(&world).acts, 2);
    let act: ActEntry = world.entry(state_key::act(&appointment_id("once"), 1)).expect("an entry");
    assert_eq!((act.act, act.time_ms), (read_for("once", 1, 3).act, NOW_MS));
}

#[test]
fn nothing_is_done_from_the_end_on() {
    let expiry_ms = appoint("carer").expiry_ms;
    let (live, over) = (Ok(()), Err(Rejection::AppointmentExpired));
    for (time_ms, expected) in [(expiry_ms - 1, live), (expiry_ms, over.clone()), (u64::MAX, over)] {
        let mut world = appointed();
        world.time_ms = time_ms;
        assert_eq!(world.act("carer", read_for("once", 0, 3)), expected, "at {time_ms}");
    }
    for who in ["once", "carer"] {
        let mut world = appointed();
        world.act("carer", share_for("once", 0)).expect("shared");
        let height = world.height;
        assert_eq!(world.act(who, end()), Ok(()), "{who} ends it");
        let ended = Err(Rejection::AppointmentEnded(height));
        let shared = proxy_grant(&appointment_id("once"), 0);
        let tried: [Action; 4] = [
            read_for("once", 1, 3).into(),
            share_for("once", 1).into(),
            stop(1, shared).into(),
            end().into(),
        ];
        for action in tried {
            assert_eq!(world.act("carer", action), ended);
        }
    }
}

#[test]
fn only_those_concerned_end_it() {
    let mut world = appointed();
    for other in ["twice", "hospital-a", "regulator"] {
        assert_eq!(world.act(other, end()), Err(Rejection::NotConcerned), "{other}");
    }
    let unknown = EndAppointment { appointment: appointment_id("twice") };
    assert_eq!(world.act("twice", unknown), Err(Rejection::Unknown("appointment")));
}

#[test]
fn who_may_not_share_shares_nothing_and_nothing_outlives_the_appointment() {
    let mut world = World::new();
    let mut only_sees = appoint("carer");
    only_sees.shares = false;
    let expiry_ms = only_sees.expiry_ms;
    world.act("once", only_sees).expect("appointed");
    assert_eq!(world.act("carer", share_for("once", 0)), Err(OUTSIDE));
    assert_eq!(world.act("carer", read_for("once", 0, 3)), Ok(()));

    let mut world = appointed();
    let longest = world.parameters.grant_period_ms_max;
    assert!(longest > expiry_ms - NOW_MS, "the appointment is what bounds");
    for (until_ms, expected) in [
        (NOW_MS, Err(Rejection::GrantPeriod(longest))),
        (expiry_ms + 1, Err(OUTSIDE)),
        (NOW_MS + longest + 1, Err(Rejection::GrantPeriod(longest))),
        (expiry_ms, Ok(())),
    ] {
        let mut share = share_for("once", 0);
        let act = ProxyGrant { terms: sha256(b"t"), scope: sha256(b"s"), expiry_ms: until_ms };
        share.act = act.into();
        assert_eq!(world.act("carer", share), expected, "until {until_ms}");
    }
}

#[test]
fn a_grant_by_a_proxy_says_so_and_works_like_any_other() {
    let mut world = appointed();
    world.act("hospital-b", RegisterPractitioner { commitment: sha256(b"bo") }).expect("registered");
    world.act("carer", share_for("once", 0)).expect("shared");
    let id = proxy_grant(&appointment_id("once"), 0);
    let grant: GrantEntry = world.entry(state_key::grant(&id)).expect("a grant");
    let by = grant.by_proxy.expect("by somebody for the patient");
    assert_eq!((by.appointment, by.mandate), (appointment_id("once"), sha256(b"mandate")));
    let mut event = access("once", Purpose::Treatment, "bo");
    event.grant = id;
    assert_eq!(world.act("hospital-b", event), Ok(()));
}

#[test]
fn a_proxy_stops_what_it_shared_and_nothing_else_and_the_patient_stops_all() {
    let mut world = appointed();
    world.act("mine", grant("hospital-b", Purpose::Treatment)).expect("granted");
    world.act("twice", appoint("other")).expect("appointed");
    world.act("other", share_for("twice", 0)).expect("shared");
    for number in [0, 1] {
        world.act("carer", share_for("once", number)).expect("shared");
    }
    let by = |of: &str, number| proxy_grant(&appointment_id(of), number);
    assert_eq!(world.act("carer", stop(2, grant_id("mine"))), Err(OUTSIDE), "the patient's own");
    assert_eq!(world.act("carer", stop(2, by("twice", 0))), Err(OUTSIDE), "another's");
    assert_eq!(world.act("carer", stop(2, by("once", 7))), Err(Rejection::Unknown("grant")));
    for signer in ["carer", "twice", "other", "hospital-a"] {
        let revoke = Revoke { grant: by("once", 0) };
        assert_eq!(world.act(signer, revoke), Err(Rejection::NotTheGrantor), "{signer} in another's name");
    }
    let height = world.height;
    assert_eq!(world.act("carer", stop(2, by("once", 0))), Ok(()));
    assert_eq!(world.act("carer", stop(3, by("once", 0))), Err(Rejection::Revoked(height)));
    world.act("once", end()).expect("ended");
    assert_eq!(world.act("once", Revoke { grant: by("once", 1) }), Ok(()), "also after the end");
}

#[test]
fn a_proxy_cannot_appoint_in_the_patients_place() {
    let mut world = appointed();
    // It can make an appointment of its own, which is another's and which no patient has signed.
    assert_eq!(world.act("carer", appoint("friend")), Ok(()));
    assert_eq!(world.act("friend", read_for("once", 0, 3)), Err(Rejection::NotTheProxy));
    let end_own = EndAppointment { appointment: appointment_id("carer") };
    assert_eq!(world.act("carer", end_own), Ok(()));
    assert_eq!(world.act("carer", read_for("once", 0, 3)), Ok(()), "the patient's stands");
}
