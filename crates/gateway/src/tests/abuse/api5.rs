//! API5:2023, broken function level authorisation: functions that are for others, or for nobody.

use super::{Ask, Attack, Staff, System, check, own_record, usual};

pub(super) fn attacks() -> Vec<Attack> {
    let system = System("system/*.cruds");
    let read = || Ask::get(system, "/fhir/Observation/o1");
    let (none, no, gone) = ((404, "not-supported"), (403, "forbidden"), (404, "not-found"));
    let chart = r#"{"patient":"p1","reason":"x","purpose":"treatment"}"#;
    let member = r#"{"id":"new","name":"New","role":"clerk"}"#;
    let network = |who| Ask::get(who, "/staff/network");
    vec![
        ("a clinician exports everything", Ask::get(Staff("dr-bo"), "/fhir/$export"), no, read()),
        ("a steward exports all patients", Ask::get(Staff("root"), "/fhir/Patient/$export"), no, read()),
        (
            "a clinician looks at what was imported",
            Ask::get(Staff("dr-bo"), "/staff/imports"),
            no,
            Ask::get(Staff("root"), "/staff/imports"),
        ),
        ("an index made anew", Ask::fhir(system, "/fhir/$reindex", "{}"), none, read()),
        (
            "the engine's own routes behind two dots",
            Ask::get(system, "/fhir/../internal/status"),
            none,
            read(),
        ),
        ("the engine's own routes under the base", Ask::get(system, "/fhir/internal/status"), none, read()),
        ("the engine's own routes", Ask::get(system, "/internal/status"), gone, read()),
        ("a share set put by hand", Ask::new(system, "PUT", "/internal/shares/ab"), gone, read()),
        (
            "a method that shows what was sent",
            Ask::new(system, "TRACE", "/fhir/Observation/o1"),
            none,
            read(),
        ),
        (
            "a clerk opens a chart",
            Ask::json(Staff("front-desk"), "/staff/charts", chart),
            no,
            Ask::json(Staff("dr-bo"), "/staff/charts", chart),
        ),
        (
            "a steward opens a chart",
            Ask::json(Staff("root"), "/staff/charts", chart),
            no,
            Ask::json(Staff("dr-bo"), "/staff/charts", chart),
        ),
        (
            "a clinician brings somebody in",
            Ask::json(Staff("dr-bo"), "/staff/members", member),
            no,
            Ask::json(Staff("root"), "/staff/members", member),
        ),
        ("a clinician watches the network", network(Staff("dr-bo")), no, network(Staff("root"))),
        ("a system uses a person's page", network(system), (401, "sign-in"), network(Staff("root"))),
        (
            "a session alone reads a record",
            Ask::get(Staff("dr-bo"), "/fhir/Observation/o1"),
            no,
            own_record(),
        ),
    ]
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), usual).await;
}
