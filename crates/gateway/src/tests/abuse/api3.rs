//! API3:2023, broken object property level authorisation: more of a record, or more about oneself, than is allowed.

use super::{Ask, Attack, Clinician, Staff, System, check, own_record, usual};

pub(super) fn attacks() -> Vec<Attack> {
    let narrow = System("system/Patient.rs");
    let query = |query: &str| Ask::get(narrow, format!("/fhir/Patient?{query}"));
    let patients = || Ask::get(narrow, "/fhir/Patient?name=x");
    let member = r#"{"id":"new","name":"New","role":"steward"}"#;
    let search = |body: &str| Ask::json(Staff("front-desk"), "/staff/patients/search", body);
    // `{"id":"x","read":"all","write":"all","shares":[],"mode":"feed"}`
    let all = "eyJpZCI6IngiLCJyZWFkIjoiYWxsIiwid3JpdGUiOiJhbGwiLCJzaGFyZXMiOltdLCJtb2RlIjoiZmVlZCJ9";
    vec![
        (
            "a reach that the caller writes itself",
            Ask::get(Clinician, "/fhir/Observation/o2").with("x-salus-principal", all),
            (404, ""),
            own_record(),
        ),
        (
            "the mark of this node's own requests",
            Ask::get(Clinician, "/fhir/Observation/o2").with("x-salus-internal", "1"),
            (404, ""),
            own_record(),
        ),
        (
            "records that point at what may be seen",
            query("_revinclude=Observation:subject"),
            (403, "scope"),
            patients(),
        ),
        (
            "records that what may be seen points at",
            query("_include=Patient:organization"),
            (403, "scope"),
            patients(),
        ),
        ("an escaped include", query("%5Finclude=Patient:organization"), (403, "scope"), patients()),
        (
            "an include within a form",
            Ask::form(narrow, "/fhir/Patient/_search", "_revinclude:iterate=Observation:subject"),
            (403, "scope"),
            patients(),
        ),
        (
            "a search by what may not be seen",
            query("_has:Observation:subject:value-string=x"),
            (403, "scope"),
            patients(),
        ),
        ("a search along a chain", query("organization.name=x"), (403, "scope"), patients()),
        (
            "more of a patient than who it is",
            search(r#"{"search":"x","_elements":"*"}"#),
            (400, "invalid"),
            search(r#"{"search":"x"}"#),
        ),
        (
            "a role of one's own choosing",
            Ask::json(Staff("front-desk"), "/staff/members", member),
            (403, "forbidden"),
            Ask::json(Staff("root"), "/staff/members", member),
        ),
        (
            "everything by who may see some",
            Ask::get(narrow, "/fhir/Patient/p1/$everything"),
            (403, "scope"),
            patients(),
        ),
        (
            "a batch by who may see some",
            Ask::fhir(narrow, "/fhir", r#"{"resourceType":"Bundle","type":"batch"}"#),
            (403, "scope"),
            patients(),
        ),
    ]
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), usual).await;
}
