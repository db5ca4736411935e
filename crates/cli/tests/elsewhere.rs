//! Who keeps records of a patient, through four real processes: asked from an open chart, answered from an index that
//! is made of all pages of patients; and what codes mean, on the same network.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::steward::Steward;
use common::{Answer, Demo, eventually, get, post, read_json};
use serde_json::{Value, json};

/// More than one page of the index, and more than its helper evaluates at once.
const OTHERS: usize = 230;
/// Is at the end of the last page: registered last.
const ZOE: &str = "zoe";

#[test]
fn a_clinician_finds_out_who_else_keeps_records_and_a_stranger_is_nobody() {
    let Some(mut demo) = Demo::start(22_900, &["--patients", "1", "--seed", "12"]) else { return };
    let of_a = demo.system_token("hospital-a");
    for first in (0..OTHERS).step_by(100) {
        let people =
            (first..OTHERS.min(first + 100)).map(|n| put(&person(&format!("p{n}"), &format!("Other{n}"))));
        send(&demo, "hospital-a", &of_a, people.collect());
    }
    let zoe = person(ZOE, "Zenith");
    send(&demo, "hospital-a", &of_a, vec![put(&zoe), put(&weight(ZOE))]);
    let of_b = demo.system_token("hospital-b");
    let stranger = person("stranger", "Nobody");
    send(&demo, "hospital-b", &of_b, vec![put(&zoe), put(&stranger)]);

    let doctor = Steward::join_as(&demo, "hospital-b", "dora", "clinician");
    let (known, unknown) = (chart(&doctor, ZOE), chart(&doctor, "stranger"));
    holds(&doctor, &known, "holds");
    holds(&doctor, &unknown, "not-found");
    let enrolled = chart(&doctor, &demo.patient_id(0, "hospital-b"));
    holds(&doctor, &enrolled, "holds");
    let log = demo.patient(0, &["log"]);
    let asked = |organisation: &str, action: &str| {
        let entries = log["entries"].as_array().unwrap().iter();
        entries.filter(|one| one["organisation"] == organisation && one["action"] == action).count()
    };
    assert_eq!((asked("hospital-a", "located"), asked("hospital-b", "located-elsewhere")), (1, 1), "{log}");

    // The index goes when nobody may be found, and comes back, page by page, when they may.
    set(&mut demo, "hospital-a", "never");
    holds(&doctor, &known, "silent");
    set(&mut demo, "hospital-a", "unless-refused");
    holds(&doctor, &known, "holds");

    codes_say_what_they_mean(&demo);
}

fn person(id: &str, family: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "name": [{ "family": family, "given": ["Zoe"] }],
        "birthDate": "1971-02-03",
        "gender": "female",
        "address": [{ "postalCode": "10115" }],
    })
}

fn weight(patient: &str) -> Value {
    json!({
        "resourceType": "Observation",
        "id": format!("weight-{patient}"),
        "status": "final",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs",
        }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": "2026-01-01",
        "valueQuantity": {
            "value": 70,
            "unit": "kg",
            "system": "http://unitsofmeasure.org",
            "code": "kg",
        },
    })
}

fn put(resource: &Value) -> Value {
    let at = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({ "resource": resource, "request": { "method": "PUT", "url": at } })
}

fn send(demo: &Demo, organisation: &str, token: &str, entries: Vec<Value>) {
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    let answer = post(&demo.fhir(organisation), token, &bundle.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn chart(doctor: &Steward, patient: &str) -> String {
    let open = json!({ "patient": patient, "reason": "Appointment today", "purpose": "treatment" });
    let opened = doctor.post("/staff/charts", &open);
    assert_eq!(opened.status, 200, "{}", opened.body);
    opened.body["chart"].as_str().unwrap().to_owned()
}

/// Waits until Hospital A says this of who is in a chart. Asking too often is refused; a node that comes up is silent.
fn holds(doctor: &Steward, chart: &str, state: &str) {
    eventually(&format!("hospital A says {state}"), || {
        let Answer { status, body } = doctor.post(&format!("/staff/charts/{chart}/elsewhere"), &Value::Null);
        assert!(matches!(status, 200 | 429), "{status}: {body}");
        let asked = body["asked"].as_array().into_iter().flatten();
        asked.filter(|one| one["organisation"] == "hospital-a").any(|one| one["state"] == state)
    });
}

/// Starts the network again, with another setting of who may be found at an organisation.
fn set(demo: &mut Demo, organisation: &str, findable: &str) {
    let at = demo.folder.join(organisation).join("node.json");
    let mut settings = read_json(&at);
    settings["findable"] = findable.into();
    std::fs::write(&at, settings.to_string()).unwrap();
    demo.restart();
}

fn codes_say_what_they_mean(demo: &Demo) {
    let (fhir, token) = (demo.fhir("hospital-a"), demo.system_token("hospital-a"));
    let category = "http://terminology.hl7.org/CodeSystem/observation-category";
    let meaning = get(&format!("{fhir}/CodeSystem/$lookup?system={category}&code=vital-signs"), &token);
    assert_eq!(meaning.status, 200, "{}", meaning.body);
    assert!(meaning.body.to_string().contains("Vital Signs"), "{}", meaning.body);
    let values = "http://hl7.org/fhir/ValueSet/observation-category";
    let found = |search: &str| {
        let answer = get(&format!("{fhir}/Observation?patient={ZOE}&{search}"), &token);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["entry"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(found(&format!("category:in={values}")), 1);
    assert_eq!(found(&format!("category:not-in={values}")), 0);
    let unknown = get(&format!("{fhir}/Observation?patient={ZOE}&code:in=http://nobody.example/vs"), &token);
    assert_eq!((unknown.status, &unknown.body["resourceType"]), (404, &json!("OperationOutcome")));
}
