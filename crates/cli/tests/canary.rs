//! Nothing that tells of a patient stands where it must not: 200 planted secrets, the names, ids, keys and codes of
//! all people, searched in every log, ledger file, block, metric and error of a whole run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::search::{Scan, forms};
use common::{Answer, Demo, files_below, get, post, read_json, salus, store};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SECRETS: usize = 200;

#[test]
fn the_scan_finds_a_secret_in_every_form() {
    let scan = Scan::new(["Quendelina Vardasol".to_owned()]);
    for form in forms("Quendelina Vardasol") {
        let planted = [b"\x00\x01before ".as_slice(), &form, b" after\xff"].concat();
        assert_eq!(scan.hits(&planted).len(), 1, "{}", String::from_utf8_lossy(&form));
    }
    assert!(scan.hits(b"quendelina without her other name").is_empty());
}

/// A secret that stands nowhere by chance.
fn secret(number: usize) -> String {
    format!("Canary{number:03}x{}", hex::encode(&blake(number)[..6]))
}

/// Some bytes for a number.
fn blake(number: usize) -> [u8; 32] {
    *salus_crypto::hash::sha256(format!("canary {number}")).as_bytes()
}

/// A patient whose every text is a secret, and records that hold the rest.
fn ndjson(folder: &Path) -> Vec<String> {
    let secrets: Vec<String> = (0..SECRETS).map(secret).collect();
    let patient = json!({
        "resourceType": "Patient", "id": "canary-patient", "active": true, "gender": "female",
        "birthDate": "1971-02-03",
        "identifier": [{ "system": "urn:example:mrn", "value": secrets[0] }],
        "name": [{ "family": secrets[1], "given": [secrets[2]] }],
        "telecom": [{ "system": "email", "value": format!("{}@example.org", secrets[3]) }],
        "address": [{ "line": [secrets[4]], "city": secrets[5] }],
    });
    let mut lines = vec![patient];
    for (number, pair) in secrets[6..].chunks(2).enumerate() {
        lines.push(json!({
            "resourceType": "Observation", "id": format!("canary-{number}"), "status": "final",
            "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory" }] }],
            "code": { "text": pair[0] }, "subject": { "reference": "Patient/canary-patient" },
            "effectiveDateTime": "2025-06-01", "valueString": pair[0],
            "note": [{ "text": pair.get(1).unwrap_or(&pair[0]) }],
        }));
    }
    fs::create_dir_all(folder).expect("a folder");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(folder.join("Canary.000.ndjson"), text.join("\n")).expect("a file");
    secrets
}

/// Names, ids, keys and codes of everybody in the demo.
fn of_people(demo: &Demo, tokens: &[String]) -> Vec<String> {
    let report = demo.report();
    let mut secrets = tokens.to_vec();
    for patient in report["patients"].as_array().unwrap() {
        secrets.push(patient["name"].as_str().unwrap().to_owned());
        secrets.extend(
            patient["at"]
                .as_object()
                .unwrap()
                .values()
                .map(|id| id.as_str().unwrap().trim_start_matches("Patient/").to_owned()),
        );
        let key = PathBuf::from(patient["key"].as_str().unwrap());
        secrets.push(read_json(&key)["root"].as_str().unwrap().to_owned());
        secrets.push(fs::read_to_string(key.with_extension("code")).unwrap().trim().to_owned());
    }
    for organisation in ["hospital-a", "hospital-b", "insurer", "regulator"] {
        let keys = read_json(&demo.folder.join(organisation).join("keys.json"));
        for name in ["node_seed", "kem_seed", "storage_key", "tls_key"] {
            secrets.push(keys[name].as_str().unwrap().to_owned());
        }
    }
    secrets
}

/// The main job, so that everything has been written that ever is.
fn main_job(demo: &Demo) -> String {
    demo.patient(0, &["records"]);
    let grants = demo.patient(0, &["grant", "--to", "hospital-b", "--categories", "labs"]);
    demo.wait_until_b_knows(0);
    let token = demo.clinician_token(0, "treatment");
    let url = format!(
        "{}/Observation?patient={}&_count=500",
        demo.fhir("hospital-b"),
        demo.patient_id(0, "hospital-b")
    );
    let answer = get(&url, &token);
    assert!(answer.body.to_string().contains(&secret(7)), "the granted secrets were read");
    demo.patient(0, &["log"]);
    demo.patient(0, &["revoke", grants["grants"][0]["grant"].as_str().unwrap()]);
    token
}

/// Requests that fail, each with something secret in it: the answer must not say it again.
fn refusals(demo: &Demo, scan: &Scan) {
    let (fhir, token) = (demo.fhir("hospital-a"), demo.system_token("hospital-a"));
    let (patient, value) = (secret(1), secret(7));
    let gets = [
        format!("{fhir}/Observation/{value}"),
        format!("{fhir}/Observation?unknown-parameter={value}"),
        format!("{fhir}/Patient?_sort={patient}"),
        format!("{fhir}/Observation?date={value}"),
        format!("{fhir}/{value}/1"),
        format!("{fhir}/Observation/{value}/$proof"),
    ];
    let mut answers: Vec<(String, Answer)> =
        gets.into_iter().map(|url| (url.clone(), get(&url, &token))).collect();
    let bodies = [
        format!(r#"{{"resourceType":"Observation","status":"{value}"}}"#),
        format!(r#"{{"resourceType":"Observation","{value}":1}}"#),
        format!(r#"{{"resourceType":"{value}"}}"#),
        format!(r#"{{"resourceType":"Observation", {value}"#),
        format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{{"resourceType":"Patient","birthDate":"{value}"}},"request":{{"method":"POST","url":"{value}"}}}}]}}"#
        ),
    ];
    for body in bodies {
        let url = if body.contains("Bundle") { fhir.clone() } else { format!("{fhir}/Observation") };
        answers.push((body.clone(), post(&url, &token, &body)));
    }
    answers.push(("a bad token".to_owned(), get(&format!("{fhir}/Patient"), &value)));
    for (what, answer) in answers {
        if answer.status >= 400 {
            assert_eq!(answer.body["resourceType"], "OperationOutcome", "{what}: {}", answer.status);
            scan.check(&format!("the refusal of {what}"), answer.body.to_string().as_bytes());
        }
    }
}

/// A node's metrics, which its own certificate opens.
fn metrics(demo: &Demo, number: u16, base_port: u16, organisation: &str) -> Vec<u8> {
    let keys = read_json(&demo.folder.join(organisation).join("keys.json"));
    let pem = |kind: &str, name: &str| {
        let path = demo.folder.join(format!("{organisation}-{name}.pem"));
        let body = keys[name].as_str().unwrap();
        fs::write(&path, format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")).unwrap();
        path
    };
    let url = format!("https://127.0.0.1:{}/metrics", base_port + 10 * number + 1);
    let output = Command::new("curl")
        .args(["-sSk", "--fail", "--cert"])
        .arg(pem("CERTIFICATE", "tls_certificate"))
        .arg("--key")
        .arg(pem("PRIVATE KEY", "tls_key"))
        .arg(url)
        .output()
        .expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn no_log_ledger_metric_or_error_tells_of_a_patient() {
    const PORT: u16 = 21_700;
    let data = tempfile::tempdir().unwrap();
    let planted = ndjson(data.path());
    let folder = data.path().display().to_string();
    let Some(mut demo) = Demo::start(PORT, &["--patients", "0", "--data", &folder]) else { return };
    let token = main_job(&demo);
    refusals(&demo, &Scan::new(planted.clone()));

    let clinical = Scan::new(planted.clone());
    let scan = Scan::new(planted.into_iter().chain(of_people(&demo, &[token])));
    for (number, organisation) in (0..).zip(["hospital-a", "hospital-b", "insurer", "regulator"]) {
        scan.check(&format!("the metrics of {organisation}"), &metrics(&demo, number, PORT, organisation));
    }
    let key = demo.patient_options(0).1;
    let wrong =
        salus(&["patient", "--demo", &demo.folder.display().to_string(), "--key", &key, "proof", "No/1"]);
    scan.check("the command line's error", &{ wrong }.output().unwrap().stderr);
    demo.interrupt();

    for organisation in ["hospital-a", "hospital-b", "insurer", "regulator"] {
        let home = demo.folder.join(organisation);
        let log = fs::read(home.join("node.log")).unwrap();
        assert!(!log.is_empty());
        scan.check(&format!("the log of {organisation}"), &log);
        let (ledger, vault) = (files_below(&home.join("ledger")), files_below(&home.join("vault")));
        assert!(!ledger.is_empty() && !vault.is_empty());
        for file in ledger {
            scan.check(&file.display().to_string(), &fs::read(&file).unwrap());
        }
        // A source's vault knows its own patients' ids; what their records say is sealed there, too.
        for file in vault {
            clinical.check(&file.display().to_string(), &fs::read(&file).unwrap());
        }
    }
    // They are there, for who has the keys; that no file of a store has them in the clear: `at_rest.rs`.
    assert!(store::holds(&demo.folder.join("hospital-a"), &secret(7)));
}
