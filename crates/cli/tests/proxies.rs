//! Acting for somebody, through four real processes and the command line alone: a carer whom a patient appoints, and a
//! parent whose child two hospitals know.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Demo, eventually, get, post, try_request};
use serde_json::{Value, json};
use std::path::PathBuf;

const PATIENT: usize = 0;
/// Who acts: the carer of the first patient, and the parent.
const MARIA: usize = 1;

#[test]
fn a_carer_and_a_parent_do_what_they_may_and_nothing_else() {
    let Some(demo) = Demo::start(22_700, &["--patients", "2", "--seed", "11"]) else { return };
    a_carer_reads_and_shares_within_the_mandate(&demo);
    a_parent_shares_a_childs_record_between_two_hospitals(&demo);
}

fn file(demo: &Demo, name: &str) -> String {
    demo.folder.join(name).display().to_string()
}

/// Appointed over the laboratory's results for sixty days; the answer names the appointments.
fn appointed(demo: &Demo, name: &str, shares: bool) -> (String, Value) {
    let (offer, mandates) = (file(demo, &format!("{name}-offer")), file(demo, &format!("{name}-mandates")));
    demo.patient(MARIA, &["offer-to-act", "--out", &offer]);
    let base = ["appoint", "--offer", &offer, "--categories", "labs", "--days", "60", "--out", &mandates];
    let share: &[&str] = if shares { &["--share"] } else { &[] };
    let made = demo.patient(PATIENT, &[&base, share].concat());
    (mandates, made)
}

fn act<'a>(mandates: &'a str, what: &[&'a str]) -> Vec<&'a str> {
    [&["act-for", "--mandates", mandates], what].concat()
}

const SHARE: [&str; 7] = ["grant", "--to", "hospital-b", "--categories", "labs,problems", "--days", "30"];

fn a_carer_reads_and_shares_within_the_mandate(demo: &Demo) {
    let (mandates, made) = appointed(demo, "carer", true);
    let appointment = made["appointments"][0]["appointment"].as_str().unwrap().to_owned();
    let records = demo.patient(MARIA, &act(&mandates, &["records"]));
    let records = records["records"].as_array().unwrap();
    assert!(!records.is_empty());
    assert!(records.iter().all(|one| one["category"] == "labs" && one["verified"] == true));

    let grant = demo.patient(MARIA, &act(&mandates, &SHARE))["grants"][0].as_str().unwrap().to_owned();
    let shared = demo.patient(MARIA, &act(&mandates, &["grants"]));
    assert_eq!(
        (&shared["grants"][0]["grant"], &shared["grants"][0]["state"]),
        (&json!(grant), &json!("active"))
    );
    // The patient finds every act, by number.
    let acts = |at: &str| {
        let listed = demo.patient(PATIENT, &["appointments"]);
        let all = listed["appointments"].as_array().unwrap().clone();
        let one = all.into_iter().find(|one| one["appointment"] == at).unwrap();
        one["acts"].as_array().unwrap().iter().map(|act| act["what"].as_str().unwrap().to_owned()).collect()
    };
    let done: Vec<String> = acts(&appointment);
    assert_eq!((done.first().unwrap().as_str(), done.last().unwrap().as_str()), ("ProxyRead", "ProxyGrant"));
    demo.patient(MARIA, &act(&mandates, &["revoke", &grant]));
    assert_eq!(demo.patient(MARIA, &act(&mandates, &["grants"]))["grants"][0]["state"], "ended");

    // Beyond the mandate there is nothing, with other keys it opens nothing, and who only looks shares nothing.
    let beyond = ["grant", "--to", "hospital-b", "--categories", "problems", "--days", "30"];
    let refused = demo.try_patient(MARIA, &act(&mandates, &beyond)).expect_err("beyond the mandate");
    assert!(refused.contains("nothing in these categories"), "{refused}");
    demo.try_patient(PATIENT, &act(&mandates, &["records"])).expect_err("not the keys of who acts");
    let (only_sees, _) = appointed(demo, "looker", false);
    let refused = demo.try_patient(MARIA, &act(&only_sees, &SHARE)).expect_err("only sees");
    assert!(refused.contains("the network refuses"), "{refused}");

    for one in made["appointments"].as_array().unwrap() {
        demo.patient(PATIENT, &["end-appointment", one["appointment"].as_str().unwrap()]);
    }
    demo.try_patient(MARIA, &act(&mandates, &["records"])).expect_err("ended");
    demo.try_patient(MARIA, &act(&mandates, &SHARE)).expect_err("ended");
}

/// A patient of a hospital, with one laboratory result; its id.
fn admitted(demo: &Demo, hospital: &str, born: &str, value: u64) -> String {
    let (fhir, token) = (demo.fhir(hospital), demo.system_token(hospital));
    let person = json!({ "resourceType": "Patient", "name": [{ "text": "Robin Lindt" }], "birthDate": born });
    let answer = post(&format!("{fhir}/Patient"), &token, &person.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["id"].as_str().unwrap().to_owned();
    let category = json!([{ "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory",
    }] }]);
    let result = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "Glucose" }, "category": category,
        "subject": { "reference": format!("Patient/{id}") }, "effectiveDateTime": "2026-01-01",
        "valueQuantity": { "value": value },
    });
    assert_eq!(post(&format!("{fhir}/Observation"), &token, &result.to_string()).status, 201);
    id
}

/// A code to act for a child, as a hospital's own system asks its node for one.
fn code(demo: &Demo, hospital: &str, patient: &str) -> Option<String> {
    let socket: PathBuf = demo.folder.join(hospital).join("ops.sock");
    let body = json!({ "patient": patient }).to_string();
    let kind = "content-type: application/json";
    let socket = socket.display().to_string();
    let arguments = ["--unix-socket", &socket, "-H", kind, "--data", &body, "http://node/guardians"];
    let answer = try_request(&arguments).expect("the node answers");
    answer.body["code"].as_str().map(str::to_owned)
}

fn a_parent_shares_a_childs_record_between_two_hospitals(demo: &Demo) {
    let at_a = admitted(demo, "hospital-a", "2020-05-17", 71);
    let at_b = admitted(demo, "hospital-b", "2020-05-17", 72);
    let adult = admitted(demo, "hospital-a", "1980-05-17", 73);
    assert_eq!(code(demo, "hospital-a", &adult), None, "nobody is appointed for an adult");

    let mandates = file(demo, "robin");
    let code_a = code(demo, "hospital-a", &at_a).unwrap();
    let begun = demo.patient(MARIA, &["act-for-child", &code_a, "--mandates", &mandates]);
    assert_eq!((&begun["source"], &begun["name"]), (&json!("hospital-a"), &json!("Robin Lindt")));
    // Again by the same keys after a lost answer, and by no others.
    demo.patient(MARIA, &["act-for-child", &code_a, "--mandates", &mandates]);
    let stolen = file(demo, "stolen");
    demo.try_patient(PATIENT, &["act-for-child", &code_a, "--mandates", &stolen]).expect_err("used");
    eventually("the child's records are sealed", || {
        let records = demo.patient(MARIA, &act(&mandates, &["records"]));
        records["records"].as_array().unwrap().iter().any(|one| one["category"] == "labs")
    });

    let labs = ["grant", "--to", "hospital-b", "--categories", "labs", "--days", "30"];
    let refused = demo.try_patient(MARIA, &act(&mandates, &labs)).expect_err("B does not know the child");
    assert!(refused.contains("not registered"), "{refused}");
    let code_b = code(demo, "hospital-b", &at_b).unwrap();
    demo.patient(MARIA, &["act-for-child", &code_b, "--mandates", &mandates]);
    let grants = demo.patient(MARIA, &act(&mandates, &labs));
    let grant = grants["grants"][0].as_str().unwrap().to_owned();

    // Hospital B's clinician finds the other hospital's result in the child's chart there.
    let token = chart_of(demo, &at_b);
    let search = format!("{}/Observation?patient={at_b}", demo.fhir("hospital-b"));
    eventually("hospital B reads what the parent shared", || foreign(&search, &token) == 1);
    demo.patient(MARIA, &act(&mandates, &["revoke", &grant]));
    eventually("and does not when it was stopped", || foreign(&search, &token) == 0);
    // A second child is another file: the first one's mandates reach nothing of it.
    let records = demo.patient(MARIA, &act(&mandates, &["records"]));
    let sources = records["records"].as_array().unwrap().iter().map(|one| one["source"].as_str().unwrap());
    assert_eq!(
        sources.collect::<std::collections::BTreeSet<_>>().len(),
        2,
        "both hospitals', and Robin's alone"
    );
}

fn foreign(search: &str, token: &str) -> usize {
    let answer = get(search, token);
    let entries = answer.body["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .filter(|one| one["resource"]["id"].as_str().is_some_and(|id| id.starts_with("sx-")))
        .count()
}

/// A token of a clinician of Hospital B in the chart of a patient who has no key file.
fn chart_of(demo: &Demo, patient: &str) -> String {
    let report = demo.report();
    let all = report["practitioners"].as_array().unwrap();
    let clinician =
        all.iter().find(|one| one["organisation"] == "hospital-b").unwrap()["id"].as_str().unwrap();
    let key = file(demo, "chart");
    let at = json!({ "hospital-b": format!("Patient/{patient}") });
    std::fs::write(&key, json!({ "name": "", "root": "", "at": at }).to_string()).unwrap();
    let folder = demo.folder.display().to_string();
    let asked = ["token", "--demo", &folder, "--org", "hospital-b", "--as", clinician, "--patient", &key];
    demo.salus(&asked)["access_token"].as_str().unwrap().to_owned()
}
