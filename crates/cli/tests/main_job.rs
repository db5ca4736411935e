//! The main job, end to end, through four real processes: records in, the patient in control, proof out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Demo, eventually, get, post, read_json, salus};
use serde_json::{Value, json};
use std::path::Path;

fn total(answer: &common::Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["entry"].as_array().map_or(0, |entries| entries.len() as u64)
}

#[test]
fn a_record_follows_the_person_under_control_with_proof() {
    let Some(demo) = Demo::start(21_100, &["--patients", "1", "--seed", "3"]) else { return };
    let (id_b, fhir_b) = (demo.patient_id(0, "hospital-b"), demo.fhir("hospital-b"));
    let search = format!("{fhir_b}/Observation?patient={id_b}&_count=500");

    // Ingest, seal, anchor: the patient sees every record of hospital A, each verified.
    let records = demo.patient(0, &["records"]);
    let own: Vec<&Value> =
        records["records"].as_array().unwrap().iter().filter(|r| r["source"] == "hospital-a").collect();
    assert!(own.len() > 50, "a history worth looking at: {}", own.len());
    assert!(own.iter().all(|record| record["verified"] == true));

    // Without a grant hospital B sees nothing of it.
    let token = demo.clinician_token(0, "treatment");
    let first = get(&search, &token);
    let before = total(&first);
    assert_eq!(shared_count(&first), 0);

    // Grant labs and vitals for treatment; hospital B reads them through its own FHIR API.
    let grant = demo.patient(
        0,
        &[
            "grant",
            "--to",
            "hospital-b",
            "--categories",
            "labs,vitals",
            "--purpose",
            "treatment",
            "--days",
            "30",
        ],
    );
    let grant = grant["grants"][0]["grant"].as_str().unwrap().to_owned();
    let token = demo.clinician_token(0, "treatment");
    let mut after = get(&search, &token);
    eventually("hospital B knows of the grant", || {
        after = get(&search, &token);
        total(&after) > before + 20
    });
    let shared = after.body["entry"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["resource"]["id"].as_str().is_some_and(|id| id.starts_with("sx-")));
    let shared = &shared.expect("a shared record")["resource"];
    assert_eq!(shared["subject"]["reference"], format!("Patient/{id_b}"));
    assert!(shared["meta"]["source"].as_str().is_some());

    // Only what was granted: no problems, no medications of hospital A.
    for kind in ["Condition", "MedicationRequest"] {
        let answer = get(&format!("{fhir_b}/{kind}?patient={id_b}&_count=500"), &token);
        let foreign = answer.body["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|entry| entry["resource"]["id"].as_str().is_some_and(|id| id.starts_with("sx-")));
        assert!(!foreign, "{kind} was not granted");
    }

    // The shared record has a proof that holds without any node, and not after the smallest change.
    let proof = get(&format!("{fhir_b}/Observation/{}/$proof", shared["id"].as_str().unwrap()), &token);
    assert_eq!(proof.status, 200, "{}", proof.body);
    let (file, genesis) = (demo.folder.join("proof.json"), demo.folder.join("genesis.json"));
    let verify = |proof: &Value| {
        std::fs::write(&file, proof.to_string()).unwrap();
        let arguments = ["verify", file.to_str().unwrap(), "--genesis", genesis.to_str().unwrap()];
        salus(&arguments).output().unwrap().status.success()
    };
    assert!(verify(&proof.body));
    let mut changed = proof.body.clone();
    changed["batchPath"]["index"] = (changed["batchPath"]["index"].as_u64().unwrap() ^ 1).into();
    assert!(!verify(&changed));

    the_patient_sees_who_looked(&demo);
    who_looked_is_signed_and_checked_offline(&demo);
    what_the_portal_can_ask_the_command_line_can(&demo);

    // Another purpose is refused, with a reason.
    let research = get(&search, &demo.clinician_token(0, "research"));
    assert_eq!((research.status, &research.body["resourceType"]), (403, &"OperationOutcome".into()));

    // Revoke: the next read is refused with its reason, and the copy goes.
    let copy = format!("{fhir_b}/Observation/{}", shared["id"].as_str().unwrap());
    assert_eq!(get(&copy, &token).status, 200);
    demo.patient(0, &["revoke", &grant]);
    let refused = get(&copy, &token);
    assert!(refused.status == 403 || refused.status == 404, "{}: {}", refused.status, refused.body);
    assert_eq!(refused.body["resourceType"], "OperationOutcome");
    assert_eq!(shared_count(&get(&search, &token)), 0);
    eventually("hospital B's receipt of deletion is on the ledger", || {
        let grants = demo.patient(0, &["grants"]);
        grants["grants"][0]["dropped"] == true
    });
    let id = shared["id"].as_str().unwrap();
    assert!(
        !common::store::holds(&demo.folder.join("hospital-b"), id),
        "no file of hospital B's store holds the copy any more"
    );
}

/// Who, when and why, and that no number is missing.
fn the_patient_sees_who_looked(demo: &Demo) {
    let log = demo.patient(0, &["log"]);
    let entries = log["entries"].as_array().unwrap();
    let seen =
        entries.iter().find(|entry| entry["organisation"] == "hospital-b" && entry["access"].is_string());
    assert_eq!(seen.expect("the access event")["purpose"], "treatment");
    assert_eq!((&log["gaps"], &log["silent"]), (&json!([]), &json!([])));
}

/// What `salus` says of a file against the demo's genesis: the report, or the error.
fn checked(demo: &Demo, what: &[&str], file: &Path) -> Result<Value, String> {
    let genesis = demo.folder.join("genesis.json");
    demo.try_salus(&[what, &[file.to_str().unwrap(), "--genesis", genesis.to_str().unwrap()]].concat())
}

/// Both hospitals list who looked: the one that read, and the one whose records they are. Whole logs hold, and do not
/// with a line less.
fn who_looked_is_signed_and_checked_offline(demo: &Demo) {
    for (hospital, shared_min) in [("hospital-b", 0), ("hospital-a", 1)] {
        let list = demo.folder.join(format!("{hospital}-list.json"));
        demo.patient(0, &["accounting", "--at", hospital, "--out", list.to_str().unwrap()]);
        let report = checked(demo, &["verify"], &list).expect("the list holds");
        assert_eq!((&report["organisation"], &report["first"]), (&json!(hospital), &json!(1)));
        let entries = report["entries"].as_array().unwrap();
        assert_eq!(entries.last().unwrap()["what"], "made a signed list of who looked");
        let shared = report["shared"].as_array().unwrap();
        assert!(shared.len() >= shared_min, "{report}");
        assert!(shared.iter().all(|reading| reading["to"] == "hospital-b"), "{report}");
        let mut shorter = read_json(&list);
        shorter["statement"]["entries"].as_array_mut().unwrap().remove(0);
        std::fs::write(&list, shorter.to_string()).unwrap();
        let error = checked(demo, &["verify"], &list).expect_err("an entry less");
        assert!(error.contains("did not sign this"), "{error}");

        let (home, log) = (demo.folder.join(hospital), demo.folder.join(format!("{hospital}-log.jsonl")));
        let export =
            ["access-log", "export", "--home", home.to_str().unwrap(), "--out", log.to_str().unwrap()];
        let entries = demo.salus(&export)["entries"].as_u64().unwrap();
        let report = checked(demo, &["access-log", "check"], &log).expect("the log holds");
        assert_eq!(report["entries"], entries);
        assert!(report["anchored"].as_u64().unwrap() > 0, "the list was anchored: {report}");
        let text = std::fs::read_to_string(&log).unwrap();
        let kept: Vec<&str> =
            text.lines().enumerate().filter(|(at, _)| *at != 2).map(|(_, line)| line).collect();
        std::fs::write(&log, kept.join("\n")).unwrap();
        let error = checked(demo, &["access-log", "check"], &log).expect_err("a line less");
        assert!(error.contains("entry 2 is missing"), "{error}");
    }
}

/// Requests, emergencies and recoveries, by `salus patient`.
fn what_the_portal_can_ask_the_command_line_can(demo: &Demo) {
    let asked = demo.patient(0, &["requests", "restrict", "--at", "hospital-a", "--reason", "I contest it"]);
    assert_eq!((&asked["kind"], &asked["state"]), (&json!("restriction"), &json!("open")));
    let case = asked["id"].as_str().unwrap();
    let withdrawn = demo.patient(0, &["requests", "withdraw", "--at", "hospital-a", case]);
    assert_eq!(withdrawn["state"], "withdrawn");
    let erase = ["requests", "erase", "--at", "hospital-a", "--category", "labs", "--reason", "it is mine"];
    let erase = demo.patient(0, &erase)["id"].as_str().unwrap().to_owned();
    let dossier = demo.folder.join("dossier.json");
    let dossier = ["requests", "dossier", "--at", "hospital-a", &erase, "--out", dossier.to_str().unwrap()];
    let none = demo.try_patient(0, &dossier).expect_err("nothing was erased yet");
    assert!(none.contains("nothing was erased"), "{none}");
    demo.patient(0, &["requests", "withdraw", "--at", "hospital-a", &erase]);
    let list = demo.patient(0, &["requests", "list"]);
    let states: Vec<&Value> = list["cases"].as_array().unwrap().iter().map(|case| &case["state"]).collect();
    assert_eq!(states, ["withdrawn", "withdrawn"]);
    assert_eq!(demo.patient(0, &["requests", "show", "--at", "hospital-a", case])["reason"], "I contest it");
    assert_eq!(demo.patient(0, &["recovery"])["attempts"], json!([]));
    assert_eq!(demo.patient(0, &["emergencies"])["emergencies"], json!([]));
}

fn shared_count(answer: &common::Answer) -> usize {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let entries = answer.body["entry"].as_array();
    let shared = |entry: &&Value| entry["resource"]["id"].as_str().is_some_and(|id| id.starts_with("sx-"));
    entries.into_iter().flatten().filter(shared).count()
}

#[test]
fn a_network_resumes_where_it_stopped_and_keeps_what_it_acknowledged() {
    let Some(mut demo) = Demo::start(21_200, &["--patients", "1", "--seed", "4"]) else { return };
    let (fhir, patient) = (demo.fhir("hospital-a"), demo.patient_id(0, "hospital-a"));
    let observation = format!(
        r#"{{"resourceType":"Observation","status":"final","code":{{"text":"Pulse"}},"subject":{{"reference":"Patient/{patient}"}},"effectiveDateTime":"2026-01-01","valueQuantity":{{"value":61}}}}"#
    );
    let created = post(&format!("{fhir}/Observation"), &demo.system_token("hospital-a"), &observation);
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.body["id"].as_str().unwrap().to_owned();
    demo.restart();
    let read = get(&format!("{fhir}/Observation/{id}"), &demo.system_token("hospital-a"));
    assert_eq!((read.status, &read.body["valueQuantity"]["value"]), (200, &Value::from(61)));
    eventually("the record is anchored", || {
        let proof = demo.try_salus(&patient_proof(&demo, &id).iter().map(String::as_str).collect::<Vec<_>>());
        proof.is_ok()
    });
    assert_eq!(read_json(&demo.folder.join("demo.json"))["patients"].as_array().unwrap().len(), 1);
}

fn patient_proof(demo: &Demo, id: &str) -> Vec<String> {
    let (folder, key) = demo.patient_options(0);
    ["patient", "--demo", &folder, "--key", &key, "proof", &format!("Observation/{id}")]
        .map(str::to_owned)
        .to_vec()
}
