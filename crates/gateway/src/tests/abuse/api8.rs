//! API8:2023, security misconfiguration: pages of others, files, kinds of bodies, and words that say too much.

use super::{Ask, Attack, Clinician, Nobody, Staff, check, own_record, usual};
use crate::engine::fake::Fault;

pub(super) fn attacks() -> Vec<Attack> {
    let (page, no, gone) = (Ask::get(Nobody, "/ledger/head"), (403, "forbidden"), (404, "not-found"));
    let chart = r#"{"patient":"p1","reason":"x","purpose":"treatment"}"#;
    let open = || Ask::json(Staff("dr-bo"), "/staff/charts", chart);
    let evil = "https://evil.example";
    let typed = |kind, text: &str| Ask::post(Staff("dr-bo"), "/staff/charts", kind, text);
    let configuration = || Ask::get(Nobody, "/fhir/.well-known/smart-configuration");
    vec![
        ("a page of another site opens a chart", open().with("origin", evil), no, open()),
        ("a page without an origin opens a chart", open().with("origin", "null"), no, open()),
        (
            "a page of another site asks what it may",
            Ask::new(Nobody, "OPTIONS", "/staff/me").with("origin", evil),
            no,
            Ask::get(Staff("dr-bo"), "/staff/me"),
        ),
        (
            "a page of another site reads with a cookie",
            Ask::get(Staff("dr-bo"), "/fhir/Patient/p1").with("origin", evil),
            (401, "sign-in"),
            own_record(),
        ),
        ("a file of the machine", Ask::get(Nobody, "/../../etc/passwd"), gone, page.clone()),
        ("a file of the repository", Ask::get(Nobody, "/.git/config"), gone, page.clone()),
        ("the database", Ask::get(Nobody, "/gateway.redb"), gone, page.clone()),
        ("a body that browsers send without asking", typed("text/plain", chart), (415, "media-type"), open()),
        (
            "a body that is cut short",
            typed("application/json", r#"{"patient":"Kanarienvogel"#),
            (400, "invalid"),
            open(),
        ),
        (
            "a body of another shape",
            typed("application/json", r#"{"Kanarienvogel":1}"#),
            (400, "invalid"),
            open(),
        ),
        (
            "words of the caller in a refusal",
            Ask::get(Clinician, "/fhir/Kanarienvogel"),
            (200, ""),
            own_record(),
        ),
        (
            "words of the caller in a query",
            Ask::get(Nobody, "/fhir/Observation?Kanarienvogel=Kanarienvogel"),
            (401, "sign-in"),
            own_record(),
        ),
        (
            "words of the caller in a scope",
            Ask::form(Nobody, "/smart/token", "grant_type=client_credentials&scope=Kanarienvogel"),
            (400, "invalid_scope"),
            configuration(),
        ),
        (
            "words of the caller in a kind of grant",
            Ask::form(Nobody, "/smart/token", "grant_type=Kanarienvogel"),
            (400, "unsupported_grant_type"),
            configuration(),
        ),
        (
            "the engine's stack trace",
            own_record().engine(Fault::Broken),
            (503, "temporarily-unavailable"),
            own_record(),
        ),
    ]
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), usual).await;
}
