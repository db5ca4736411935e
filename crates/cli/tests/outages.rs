//! What people notice when other organisations are away: nothing for their own work, and plain words for the rest.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::nodes::Nodes;
use common::{Answer, Demo, eventually, get, post};
use serde_json::{Value, json};

fn start(port: u16) -> Option<Nodes> {
    Demo::start(port, &["--patients", "1", "--seed", "3"]).map(Nodes::take_over)
}

fn pulse(nodes: &Nodes, hospital: &str) -> String {
    let patient = nodes.demo.patient_id(0, hospital);
    let observation = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "Pulse" },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": "2026-01-01", "valueQuantity": { "value": 61 },
    });
    let url = format!("{}/Observation", nodes.demo.fhir(hospital));
    let created = post(&url, &nodes.demo.system_token(hospital), &observation.to_string());
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

fn grant_all(nodes: &Nodes) {
    nodes.demo.patient(0, &["grant", "--to", "hospital-b", "--categories", "all"]);
    nodes.demo.wait_until_b_knows(0);
}

/// The copies among what Hospital B answers about the patient.
fn shared(answer: &Answer) -> Vec<&Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let entries = answer.body["entry"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["resource"]["id"].as_str().is_some_and(|id| id.starts_with("sx-"))).collect()
}

fn search_b(nodes: &Nodes) -> Answer {
    let url = format!(
        "{}/Observation?patient={}&_count=500",
        nodes.demo.fhir("hospital-b"),
        nodes.demo.patient_id(0, "hospital-b")
    );
    get(&url, &nodes.demo.clinician_token(0, "treatment"))
}

#[test]
fn with_two_of_four_nodes_away_local_reads_and_writes_go_on_and_sealing_catches_up() {
    let Some(mut nodes) = start(21_400) else { return };
    nodes.kill("insurer");
    nodes.kill("regulator");
    let id = pulse(&nodes, "hospital-a");
    let url = format!("{}/Observation/{id}", nodes.demo.fhir("hospital-a"));
    let token = nodes.demo.system_token("hospital-a");
    assert_eq!(get(&url, &token).status, 200);
    // It is sealed and with two custodians, and waits for the ledger.
    eventually("the record waits to be anchored", || {
        let status = nodes.status("hospital-a");
        status["stored"] == 0 && status["sealed"].as_u64() > Some(0)
    });
    let height = nodes.status("hospital-a")["height"].clone();
    let proof = get(&format!("{url}/$proof"), &token);
    assert_ne!(proof.status, 200, "nothing is anchored while the ledger stands: {}", proof.body);
    assert_eq!(proof.body["resourceType"], "OperationOutcome");
    assert_eq!(nodes.status("hospital-a")["height"], height, "two of four certify nothing");
    nodes.start("insurer");
    nodes.start("regulator");
    nodes.wait_anchored("hospital-a");
    assert_eq!(get(&format!("{url}/$proof"), &token).status, 200);
}

#[test]
fn with_one_custodian_away_what_is_granted_is_read_and_with_two_the_answer_says_so() {
    let Some(mut nodes) = start(21_500) else { return };
    nodes.kill("regulator");
    grant_all(&nodes);
    let answer = search_b(&nodes);
    assert!(shared(&answer).len() > 20, "{}", answer.body);

    // The same person shares anew, and this time nobody has read it yet.
    let grants = nodes.demo.patient(0, &["grants"]);
    for grant in grants["grants"].as_array().unwrap() {
        nodes.demo.patient(0, &["revoke", grant["grant"].as_str().unwrap()]);
    }
    eventually("the copy is gone", || shared(&search_b(&nodes)).is_empty());
    grant_all(&nodes);
    nodes.kill("hospital-a");
    let answer = search_b(&nodes);
    assert!(shared(&answer).is_empty(), "nothing opens without two custodians");
    assert!(answer.body.to_string().contains("temporarily-unavailable"), "{}", answer.body);
    // Hospital B's own records are as quick and whole as ever.
    let own = pulse(&nodes, "hospital-b");
    let answer = search_b(&nodes);
    assert_eq!(answer.status, 200);
    assert!(answer.body.to_string().contains(&own), "{}", answer.body);
    nodes.start("hospital-a");
    nodes.start("regulator");
    eventually("the custodians are back, and so is what they keep", || shared(&search_b(&nodes)).len() > 20);
}
