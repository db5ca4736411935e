//! API1:2023, broken object level authorisation: what belongs to another patient or practitioner.

use super::{Ask, Attack, Clinician, Staff, check, own_record, usual};

pub(super) fn attacks() -> Vec<Attack> {
    let proof = || Ask::get(Clinician, "/fhir/Observation/anchored/$proof");
    let history = || Ask::get(Clinician, "/fhir/Observation/o1/_history");
    let own_patient = || Ask::get(Clinician, "/fhir/Patient/p1");
    let search = || Ask::get(Clinician, "/fhir/Observation?patient=p1");
    let chart = || {
        Ask::json(Staff("dr-bo"), "/staff/charts", r#"{"patient":"p1","reason":"x","purpose":"treatment"}"#)
    };
    vec![
        ("another patient's record", Ask::get(Clinician, "/fhir/Observation/o2"), (404, ""), own_record()),
        ("another patient", Ask::get(Clinician, "/fhir/Patient/p2-kanarienvogel"), (404, ""), own_patient()),
        (
            "the proof of another's record",
            Ask::get(Clinician, "/fhir/Observation/o2/$proof"),
            (404, "not-found"),
            proof(),
        ),
        (
            "the history of another's record",
            Ask::get(Clinician, "/fhir/Observation/o2/_history"),
            (404, ""),
            history(),
        ),
        (
            "an old version of another's record",
            Ask::get(Clinician, "/fhir/Observation/o2/_history/1"),
            (404, ""),
            history(),
        ),
        (
            "another's record behind an escaped slash",
            Ask::get(Clinician, "/fhir/Observation/o1%2F..%2Fo2"),
            (404, "not-supported"),
            own_record(),
        ),
        (
            "another's record behind two dots",
            Ask::get(Clinician, "/fhir/Observation/o1/../o2"),
            (404, "not-supported"),
            own_record(),
        ),
        (
            "another's record behind two slashes",
            Ask::get(Clinician, "/fhir//Observation/o2"),
            (404, "not-supported"),
            own_record(),
        ),
        (
            "another patient's compartment",
            Ask::get(Clinician, "/fhir/Patient/p2-kanarienvogel/Observation"),
            (200, ""),
            search(),
        ),
        (
            "everything of another patient",
            Ask::get(Clinician, "/fhir/Patient/p2-kanarienvogel/$everything"),
            (200, ""),
            search(),
        ),
        (
            "a search for another patient",
            Ask::get(Clinician, "/fhir/Observation?patient=p2-kanarienvogel"),
            (200, ""),
            search(),
        ),
        (
            "a form that searches for another patient",
            Ask::form(Clinician, "/fhir/Observation/_search", "patient=p2-kanarienvogel"),
            (200, ""),
            search(),
        ),
        (
            "a chart that somebody else opened",
            Ask::get(Staff("dr-cy"), "/fhir/Observation/o1").with("x-salus-chart", "00"),
            (403, "forbidden"),
            chart(),
        ),
        (
            "what is shared with a chart that somebody else opened",
            Ask::json(Staff("dr-cy"), "/staff/charts/00/shared", "{}"),
            (403, "forbidden"),
            chart(),
        ),
    ]
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), usual).await;
}
