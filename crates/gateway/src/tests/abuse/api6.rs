//! API6:2023, unrestricted access to sensitive business flows: what is harmless once and harmful in numbers, or without its reason.

use super::{Ask, Attack, Nobody, Staff, check};

pub(super) fn attacks() -> Vec<Attack> {
    let doctor = Staff("dr-bo");
    let chart = |reason: &str, purpose: &str| {
        Ask::json(
            doctor,
            "/staff/charts",
            format!(r#"{{"patient":"p1","reason":"{reason}","purpose":"{purpose}"}}"#),
        )
    };
    let ask = || {
        Ask::json(
            doctor,
            "/staff/requests",
            r#"{"patient":"p1","categories":["labs"],"reason":"x","days":3}"#,
        )
    };
    let locator =
        || Ask::json(Nobody, "/account/recovery", format!(r#"{{"locator":"{}"}}"#, "00".repeat(32)));
    let register = || Ask::json(Nobody, "/account/register/start", "{}");
    let organisations = || Ask::get(Nobody, "/ledger/organisations");
    let many = (429, "throttled");
    vec![
        ("a patient is asked again and again", ask().times(11), (409, "conflict"), ask().times(10)),
        ("recovery codes are tried in numbers", locator().times(4), many, locator().times(3)),
        ("accounts are made in numbers", register().times(4), many, register().times(3)),
        (
            "other organisations are asked in numbers",
            Ask::octets("/relay/hospital-a/enrol", "x").times(4),
            many,
            organisations().times(4),
        ),
        (
            "an invite is guessed",
            Ask::octets("/relay/hospital-a/enrol", "x"),
            (400, "invalid"),
            Ask::json(doctor, "/staff/invites", r#"{"patient":"p1"}"#),
        ),
        (
            "a chart is opened without a reason",
            chart("  ", "treatment"),
            (403, "forbidden"),
            chart("x", "treatment"),
        ),
        (
            "a chart is opened for research",
            chart("x", "research"),
            (403, "forbidden"),
            chart("x", "treatment"),
        ),
        (
            "a chart is opened out of curiosity",
            chart("x", "curiosity"),
            (400, "invalid"),
            chart("x", "emergency"),
        ),
    ]
}

/// A hospital with small limits.
fn tight(config: &mut crate::state::Config) {
    let limits = &mut config.limits;
    limits.demo_callers = 1;
    (limits.attempts_per_minute, limits.recoveries_per_minute, limits.relays_per_minute) = (3, 3, 3);
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), tight).await;
}
