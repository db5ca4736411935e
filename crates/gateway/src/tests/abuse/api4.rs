//! API4:2023, unrestricted resource consumption: too large, too many, too long.

use super::{Ask, Attack, Clinician, Nobody, Staff, check};
use salus_types::transaction::TRANSACTION_BYTES_MAX;

pub(super) fn attacks() -> Vec<Attack> {
    let head = || Ask::get(Nobody, "/ledger/head");
    let chart = |reason: String| {
        Ask::json(
            Staff("dr-bo"),
            "/staff/charts",
            format!(r#"{{"patient":"p1","reason":"{reason}","purpose":"treatment"}}"#),
        )
    };
    let ask = |days: u64| {
        let text = format!(r#"{{"patient":"p1","categories":["labs"],"reason":"x","days":{days}}}"#);
        Ask::json(Staff("dr-bo"), "/staff/requests", text)
    };
    let create = |bytes: usize| Ask::fhir(Clinician, "/fhir/Observation", "x".repeat(bytes));
    let form = |bytes: usize| {
        Ask::form(Clinician, "/fhir/Observation/_search", format!("patient=p1&x={}", "x".repeat(bytes)))
    };
    let locator = |text: &str| {
        Ask::json(Nobody, "/account/recovery", format!(r#"{{"locator":"{}"}}"#, text.repeat(32)))
    };
    let (large, many) = ((413, "too-large"), (429, "throttled"));
    vec![
        ("a resource above the limit", create(100_001), large, create(100_000)),
        ("a search form above the limit", form(64 * 1024), large, form(1_000)),
        ("a JSON body above the limit", chart("x".repeat(64 * 1024)), large, chart("x".into())),
        ("a reason as long as a book", chart("x".repeat(501)), (400, "invalid"), chart("x".repeat(500))),
        (
            "a transaction above the limit",
            Ask::octets("/ledger/transactions", "x".repeat(TRANSACTION_BYTES_MAX + 1)),
            large,
            head(),
        ),
        (
            "a letter above the limit",
            Ask::octets("/relay/hospital-a/mailbox", "x".repeat(64 * 1024 + 1)),
            large,
            head(),
        ),
        ("a locator above the limit", locator(&"00".repeat(2_000)), large, locator("00")),
        (
            "sign-ins without end",
            Ask::json(Nobody, "/staff/signin/start", "{}").times(4),
            many,
            Ask::json(Nobody, "/staff/signin/start", "{}").times(3),
        ),
        (
            "assertions without end",
            Ask::form(Nobody, "/smart/token", "").times(4),
            many,
            Ask::get(Nobody, "/smart/jwks").times(4),
        ),
        (
            "transactions without end",
            Ask::octets("/ledger/transactions", "x").times(4),
            many,
            head().times(4),
        ),
        ("a share that lasts for ever", ask(100_000), (400, "invalid"), ask(366)),
    ]
}

/// A hospital with small limits.
fn tight(config: &mut crate::state::Config) {
    let limits = &mut config.limits;
    limits.fhir_bytes_max = 100_000;
    limits.demo_callers = 1;
    (limits.attempts_per_minute, limits.assertions_per_minute, limits.transactions_per_minute) = (3, 3, 3);
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), tight).await;
}
