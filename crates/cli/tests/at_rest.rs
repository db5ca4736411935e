//! Nothing that a record says stands in the clear in any file of any node: while the network runs, after a kill, after a
//! stop, in a backup, after a restore. Planted texts go through real nodes, and one search looks for them everywhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::nodes::{ALL, Nodes};
use common::search::{Scan, forms};
use common::{Demo, eventually, files_below, get, post, store, try_request};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

const PORT: u16 = 24_000;
const A: &str = "hospital-a";
const B: &str = "hospital-b";

/// What is planted: names, a number, an address; texts of records; what is shared, deleted, refused; and the reason that
/// the access log has of whoever opens a chart by the command line.
const PLANTED: [&str; 13] = [
    "CanaryQuendelina",
    "CanaryVardasol",
    "CanaryNumber7719",
    "CanaryStreet41",
    "CanaryHaemoglobin",
    "CanaryRemark",
    "CanaryMetoprolol",
    "CanaryLetterText",
    "CanaryDeleted",
    "CanaryRefused",
    "CanaryMessage",
    "CanaryChanged",
    "opened by command line",
];

/// A store that an earlier version wrote in the clear, and what stands in it.
const CLEAR_STORE: &[u8] = include_bytes!("../../../clinical/crates/engine/tests/fixtures/clear.db.gz");
const CLEAR_TEXTS: [&str; 3] = ["CanaryOldFamily", "CanaryOldAmended", "CanaryOldShared"];

fn scan() -> Scan {
    Scan::new(PLANTED.map(str::to_owned))
}

#[test]
fn the_search_finds_a_text_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let scan = scan();
    let place = folder.path().join("deep/in/a.file");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let text = "CanaryQuendelina";
    let mut planted: Vec<Vec<u8>> = ["", "x", "xx", "xxx"]
        .map(|before| STANDARD.encode(format!("{before}{text} and more")).into())
        .into();
    planted.extend(forms(text));
    planted.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(format!("before {text} after").as_bytes()).unwrap();
    planted.push(packed.finish().unwrap());
    for form in planted {
        fs::write(&place, [&[0; 5_000], &form[..], &[0xff; 5_000]].concat()).unwrap();
        assert_eq!(scan.files(folder.path()).len(), 1, "{}", String::from_utf8_lossy(&form));
    }
    fs::write(&place, "canary quendelina").unwrap();
    assert_eq!(scan.files(folder.path()), BTreeMap::new());
}

/// A patient and a laboratory value, as files that the demo reads in.
fn data(folder: &Path) {
    let patient = json!({
        "resourceType": "Patient", "id": "canary-patient", "gender": "female", "birthDate": "1971-02-03",
        "identifier": [{ "system": "urn:example:mrn", "value": PLANTED[2] }],
        "name": [{ "family": PLANTED[1], "given": [PLANTED[0]] }],
        "address": [{ "line": [PLANTED[3]], "city": "Town" }],
    });
    let observation = json!({
        "resourceType": "Observation", "id": "canary-value", "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory" }] }],
        "code": { "text": PLANTED[4] }, "subject": { "reference": "Patient/canary-patient" },
        "effectiveDateTime": "2025-06-01", "valueString": PLANTED[4], "note": [{ "text": PLANTED[5] }],
    });
    fs::write(folder.join("Canary.000.ndjson"), format!("{patient}\n{observation}")).unwrap();
}

/// Everything by which what is planted comes into a node: written, changed, deleted, refused, shared, exported.
fn plant(demo: &Demo) {
    let (fhir, token) = (demo.fhir(A), demo.system_token(A));
    let patient = demo.patient_id(0, A);
    let create = |resource: Value| {
        let kind = resource["resourceType"].as_str().unwrap().to_owned();
        post(&format!("{fhir}/{kind}"), &token, &resource.to_string())
    };
    let about = json!({ "reference": format!("Patient/{patient}") });
    let written = [
        json!({ "resourceType": "MedicationStatement", "status": "active", "subject": about,
            "medicationCodeableConcept": { "text": PLANTED[6] } }),
        json!({ "resourceType": "DocumentReference", "status": "current", "subject": about,
            "type": { "text": PLANTED[7] },
            "content": [{ "attachment": { "contentType": "text/plain", "data": STANDARD.encode(PLANTED[7].repeat(300)) } }] }),
        json!({ "resourceType": "Observation", "status": "final", "subject": about,
            "code": { "text": PLANTED[8] }, "valueString": PLANTED[8] }),
        json!({ "resourceType": "Observation", "status": "final", "subject": about,
            "code": { "text": "Pulse" }, "valueString": PLANTED[11] }),
    ];
    let ids: Vec<String> = written
        .into_iter()
        .map(|resource| {
            let answer = create(resource);
            assert_eq!(answer.status, 201, "{}", answer.body);
            answer.body["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let authorization = format!("authorization: Bearer {token}");
    let deleted =
        try_request(&["-X", "DELETE", "-H", &authorization, &format!("{fhir}/Observation/{}", ids[2])]);
    assert!(deleted.is_some_and(|answer| matches!(answer.status, 200 | 204)));
    let refused = format!(
        r#"{{"resourceType":"Observation","valueString":"{}","note":[{{"text":"{}"}}"#,
        PLANTED[9], PLANTED[10]
    );
    assert_eq!(post(&format!("{fhir}/Observation"), &token, &refused).status, 400);
    // Files of an export lie in the gateway's folder.
    let prefer = "prefer: respond-async";
    let export = try_request(&["-H", &authorization, "-H", prefer, &format!("{fhir}/$export")]).unwrap();
    assert_eq!(export.status, 202, "{}", export.body);
    let exports = demo.folder.join(A).join("gateway");
    eventually("the export has a file", || {
        files_below(&exports).iter().any(|file| file.to_string_lossy().contains("export"))
    });
    // Copies lie in the store of whoever was granted.
    demo.patient(0, &["grant", "--to", B, "--categories", "labs,medications"]);
    demo.wait_until_b_knows(0);
    let token = demo.clinician_token(0, "treatment");
    let url = format!("{}/Observation?patient={}&_count=500", demo.fhir(B), demo.patient_id(0, B));
    eventually("hospital B reads what was granted", || {
        get(&url, &token).body.to_string().contains(PLANTED[4])
    });
}

/// No file of any node holds anything of it.
fn nowhere(demo: &Demo, when: &str) {
    for organisation in ALL {
        let home = demo.folder.join(organisation);
        assert!(files_below(&home).len() > 5, "there are files to be searched");
        assert_eq!(scan().files(&home), BTreeMap::new(), "{organisation}, {when}");
    }
}

#[test]
fn no_file_of_a_node_that_runs_was_killed_or_restored_says_what_a_record_says() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let from = folder.path().display().to_string();
    let Some(mut nodes) = Demo::start(PORT, &["--patients", "0", "--data", &from]).map(Nodes::take_over)
    else {
        return;
    };
    plant(&nodes.demo);
    nodes.wait_anchored(A);
    nowhere(&nodes.demo, "while they run");
    // The same texts are there, for who has the keys: the search looked at the files that hold them.
    let home = |organisation: &str| nodes.demo.folder.join(organisation);
    for text in [PLANTED[0], PLANTED[4], PLANTED[6], PLANTED[7], PLANTED[8], PLANTED[11]] {
        assert!(store::holds(&home(A), text), "hospital A stores {text}");
    }
    assert!(store::holds(&home(B), PLANTED[4]), "hospital B stores a copy");

    let key = nodes.demo.folder.join("backup.json").display().to_string();
    let backup = nodes.demo.folder.join("one.backup");
    nodes.demo.salus(&["backup", "--new-key", &key]);
    let (from, to) = (home(A).display().to_string(), format!("{key}.pub"));
    let out = backup.display().to_string();
    nodes.demo.salus(&["backup", "--home", &from, "--out", &out, "--to", &to]);
    scan().check("the backup", &fs::read(&backup).unwrap());
    nodes.kill(A);
    nodes.kill(B);
    nowhere(&nodes.demo, "after a kill");
    // What is restored is sealed as well, and opens.
    let again = nodes.demo.folder.join("again");
    let options = ["--from", &out, "--key", &key, "--home", &again.display().to_string()];
    let restored = nodes.demo.salus(&[&["restore"], &options[..]].concat());
    assert!(restored["clinicalStore"]["resources"].as_u64() > Some(0), "{restored}");
    assert_eq!(scan().files(&again), BTreeMap::new(), "what was restored");
    assert!(store::holds(&again, PLANTED[4]));

    // Another key for a store, by the operator's command.
    nodes.demo.salus(&["keys", "--home", &from, "renew-store"]);
    let twice = nodes.demo.try_salus(&["keys", "--home", &from, "renew-store"]).unwrap_err();
    assert!(twice.contains("start the node first"), "{twice}");
    nodes.start(A);
    nodes.wait_ready(A);
    eventually("the store has its new key", || store::holds(&nodes.home(A), PLANTED[4]));
    let read = format!("{}/Observation?code:text={}", nodes.demo.fhir(A), PLANTED[4]);
    let token = nodes.demo.system_token(A);
    eventually("and it answers", || get(&read, &token).body.to_string().contains(PLANTED[4]));
    nowhere(&nodes.demo, "with another key");
    nodes.stop(A);
    nowhere(&nodes.demo, "after a stop");
    a_store_in_the_clear(&mut nodes);
}

/// The planted bug, and the way out of it: a store as the version before wrote it is found by the search, and doctor says
/// so; the node seals it when it starts.
fn a_store_in_the_clear(nodes: &mut Nodes) {
    let (home, old) = (nodes.home(B), Scan::new(CLEAR_TEXTS.map(str::to_owned)));
    let clinical = home.join("clinical");
    fs::remove_dir_all(&clinical).unwrap();
    fs::create_dir(&clinical).unwrap();
    let mut clear = Vec::new();
    flate2::read::GzDecoder::new(CLEAR_STORE).read_to_end(&mut clear).unwrap();
    fs::write(clinical.join("clinical.db"), clear).unwrap();
    assert_eq!(old.files(&home).values().map(|texts| texts.len()).collect::<Vec<_>>(), [CLEAR_TEXTS.len()]);
    let doctor = |home: &Path| {
        let output = common::salus(&["doctor", "--home", home.to_str().unwrap(), "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "records").unwrap()["verdict"].clone()
    };
    assert_eq!(doctor(&home), "failure");
    nodes.start(B);
    eventually("the store is sealed", || {
        old.files(&home).is_empty() && clinical.join("clinical.key").exists()
    });
    assert_eq!(doctor(&home), "ok");
    assert!(CLEAR_TEXTS.iter().all(|text| store::holds(&home, text)), "and everything is still there");
}
