//! Feeds end to end: what a hospital's own systems send to a started node is filed once, sealed, anchored and readable, by
//! whom it may be read, whatever dies in between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::nodes::Nodes;
use common::steward::{Steward, operator};
use common::{Demo, eventually, get, post, salus, try_request};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const A: &str = "hospital-a";
/// Longest wait for an answer over MLLP.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Gives hospital A feeds, as its operator would: in its `node.json`, from its next start on.
fn configure(nodes: &mut Nodes, feeds: &Value) {
    nodes.kill(A);
    let path = nodes.home(A).join("node.json");
    let mut file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    file["feeds"] = feeds.clone();
    fs::write(&path, file.to_string()).unwrap();
    nodes.start(A);
    nodes.wait_ready(A);
}

fn mllp(port: u16) -> Value {
    json!({
        "name": "lab", "system": "https://a.example/ids", "offset": "+01:00",
        "mllp": { "listen": format!("127.0.0.1:{port}"), "peers": ["127.0.0.1"] },
    })
}

/// A sender over MLLP.
struct Sender {
    port: u16,
}

impl Sender {
    /// Hands a message over, and does not wait; `None` if nobody takes it.
    fn hand_over(&self, message: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).ok()?;
        stream.write_all(format!("\x0b{message}\x1c\r").as_bytes()).ok()?;
        Some(stream)
    }

    /// What is answered: `AA`, `AE` or `AR`; `None` if the connection ends before.
    fn send(&self, message: &str) -> Option<String> {
        let mut stream = self.hand_over(message)?;
        let (mut bytes, mut byte) = (Vec::new(), [0]);
        while !bytes.ends_with(b"\x1c\r") {
            stream.read_exact(&mut byte).ok()?;
            bytes.push(byte[0]);
        }
        let answer = String::from_utf8(bytes).unwrap();
        let (control, said) = (message.split('|').nth(9).unwrap(), answer.split("MSA|").nth(1).unwrap());
        // Of what cannot be read nobody can say which it was.
        assert!(!said.starts_with("AA") || said[2..].starts_with(&format!("|{control}")), "{answer}");
        Some(said[..2].to_owned())
    }

    /// Sends as an integration engine does: again and again, until it is taken.
    fn send_until_taken(&self, message: &str) {
        eventually("the message is taken", || self.send(message).as_deref() == Some("AA"));
    }
}

/// A message about somebody: `who` is PID-3.
fn message(kind: &str, control: &str, who: &str, segments: &str) -> String {
    format!(
        "MSH|^~\\&|LAB|HOSP|SALUS|HOSP|20260301120000||{kind}|{control}|P|2.5.1\rPID|1||{who}||Feedfamily^Jane||19700102|F\r{segments}\r"
    )
}

/// A glucose of a number of mg/dL, by its filler's number.
fn result(control: &str, who: &str, value: u32) -> String {
    let segments = format!(
        "OBR|1|P{value}|F{value}|2345-7^Glucose^LN|||202603011030|||||||||||||||||||F\rOBX|1|NM|2345-7^Glucose^LN||{value}|mg/dL|||||F|||202603011030"
    );
    message("ORU^R01^ORU_R01", control, who, &segments)
}

/// Observations of hospital A with a value, as its own system sees them.
fn with_value(demo: &Demo, value: u32) -> Vec<Value> {
    let url = format!("{}/Observation?code=2345-7&value-quantity={value}&_count=50", demo.fhir(A));
    let found = get(&url, &demo.system_token(A));
    assert_eq!(found.status, 200, "{}", found.body);
    let entries = found.body["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).collect()
}

/// `salus feeds` of hospital A.
fn feeds(nodes: &Nodes, arguments: &[&str]) -> Value {
    try_feeds(nodes, arguments).unwrap()
}

fn try_feeds(nodes: &Nodes, arguments: &[&str]) -> Result<Value, String> {
    let home = nodes.home(A).display().to_string();
    nodes.demo.try_salus(&[&["feeds", "--home", &home], arguments].concat())
}

/// PID-3 of the demo's patient at hospital A: a number that the hospital has of them.
fn number_of(demo: &Demo) -> String {
    let url = format!("{}/Patient/{}", demo.fhir(A), demo.patient_id(0, A));
    let patient = get(&url, &demo.system_token(A)).body;
    let numbers = patient["identifier"].as_array().expect("numbers");
    let number = numbers.iter().find(|one| one["system"].as_str().is_some_and(|url| url.starts_with("http")));
    let number = number.unwrap_or_else(|| panic!("a number with an address: {patient}"));
    format!("{}^^^X&{}&URI^MR", number["value"].as_str().unwrap(), number["system"].as_str().unwrap())
}

/// A token for a clinician of hospital A in the chart of the demo's patient.
fn clinician(demo: &Demo) -> String {
    let report = demo.report();
    let all = report["practitioners"].as_array().unwrap();
    let id = all.iter().find(|one| one["organisation"] == A).expect("a clinician")["id"].as_str().unwrap();
    let (folder, key) = demo.patient_options(0);
    let arguments = ["token", "--demo", &folder, "--org", A, "--as", id, "--patient", &key];
    demo.salus(&arguments)["access_token"].as_str().unwrap().to_owned()
}

const DOCUMENT: &str = r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="d1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Summary</title><effectiveTime value="20260301"/><recordTarget><patientRole><id root="1.2.4" extension="p1"/><patient><name><given>Jane</given><family>Feedfamily</family></name></patient></patientRole></recordTarget></ClinicalDocument>"#;

fn hand_in(demo: &Demo, document: &str) -> common::Answer {
    let url = format!("{}/feeds/letters/documents", demo.fhir(A).trim_end_matches("/fhir"));
    let authorization = format!("authorization: Bearer {}", demo.system_token(A));
    let kind = "content-type: application/xml";
    try_request(&["-H", &authorization, "-H", kind, "--data-binary", document, &url]).expect("an answer")
}

/// Registers hospital A's feed as a client of hospital B, and writes its key.
fn register_at_b(nodes: &Nodes) {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let point = key.public_key().as_ref();
    let jwk = json!({
        "kty": "EC", "crv": "P-384", "kid": "k1", "use": "sig", "alg": "ES384",
        "x": URL_SAFE_NO_PAD.encode(&point[1..49]), "y": URL_SAFE_NO_PAD.encode(&point[49..97]),
    });
    let client = json!({ "id": "feed-of-a", "jwks": { "keys": [jwk] }, "scopes": "system/*.rs", "may_assert_users": false });
    operator(&nodes.home("hospital-b"), "/clients", &client);
    let base64 = STANDARD.encode(pkcs8.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
    fs::write(nodes.home(A).join("ehr.key"), pem).unwrap();
}

#[test]
fn what_a_hospital_sends_is_filed_sealed_anchored_and_read_by_its_clinicians() {
    const PORT: u16 = 24_000;
    let options = ["--patients", "1", "--seed", "3"];
    let Some(mut nodes) = Demo::start(PORT, &options).map(Nodes::take_over) else { return };
    register_at_b(&nodes);
    let folder = tempfile::tempdir().unwrap();
    let b = nodes.demo.fhir("hospital-b");
    let backend = json!({
        "token_url": format!("{}/smart/token", b.trim_end_matches("/fhir")), "client": "feed-of-a",
        "key_id": "k1", "key_file": "ehr.key", "scope": "system/*.rs",
    });
    let source = |name: &str, kind: &str, settings: Value| json!({ "name": name, "system": "https://a.example/ids", "offset": "+01:00", kind: settings });
    let all = json!([
        mllp(PORT + 90),
        source("letters", "documents", json!(true)),
        source("files", "folder", json!({ "path": folder.path(), "every_s": 1 })),
        source(
            "ehr",
            "fhir",
            json!({ "base": b, "types": ["Patient", "Observation"], "every_s": 1, "backend": backend })
        ),
    ]);
    configure(&mut nodes, &all);
    let (lab, who) = (Sender { port: PORT + 90 }, number_of(&nodes.demo));

    every_kind_is_taken(&nodes, &lab, &who);
    let shown = an_entitled_clinician_reads_it_with_proof(&nodes);
    files_of_a_folder_are_taken(&nodes, folder.path(), &who);
    another_node_is_asked(&nodes);
    dead_letters_are_shown_and_replayed(&nodes, &lab);
    what_was_erased_comes_back_by_a_stewards_word_alone(&nodes, &lab, &who, &shown);
    let logs = nodes.demo.logs();
    assert!(!logs.contains("Feedfamily"), "no name in a log");
}

fn every_kind_is_taken(nodes: &Nodes, lab: &Sender, who: &str) {
    let visit = "PV1|1|I|W^1^1||||||||||||||||V1|||||||||||||||||||||||||202603011000";
    for (kind, message) in [
        ("ADT", message("ADT^A01^ADT_A01", "a1", who, visit)),
        ("ORU", result("o1", who, 4_711)),
        (
            "MDM",
            message(
                "MDM^T02^MDM_T02",
                "m1",
                who,
                "TXA|1|CN|TX|202603011100||||||||T1||||||AU\rOBX|1|TX|11488-4^Note^LN||She is well.||||||F",
            ),
        ),
        (
            "VXU",
            message(
                "VXU^V04^VXU_V04",
                "v1",
                who,
                "ORC|RE||I1\rRXA|0|1|20260301|20260301|140^Influenza^CVX|0.5|mL||||||||L1||||CP",
            ),
        ),
    ] {
        assert_eq!(lab.send(&message).as_deref(), Some("AA"), "{kind}: {}", nodes.demo.logs());
        assert_eq!(lab.send(&message).as_deref(), Some("AA"), "{kind}, again");
    }
    let document = hand_in(&nodes.demo, DOCUMENT);
    assert_eq!(document.status, 200, "{}", document.body);
    assert_eq!(hand_in(&nodes.demo, DOCUMENT).body["written"], 0, "nothing is new");
    let listed = feeds(nodes, &["list"]);
    let of = |name: &str| listed.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!((&of("lab")["received"], &of("lab")["unchanged"]), (&json!(8), &json!(4)), "{listed}");
    assert_eq!((&of("letters")["filed"], &of("lab")["waiting"]), (&json!(2), &json!(0)), "{listed}");
}

/// The id of the result.
fn an_entitled_clinician_reads_it_with_proof(nodes: &Nodes) -> String {
    let (demo, token) = (&nodes.demo, clinician(&nodes.demo));
    let patient = demo.patient_id(0, A);
    for kind in ["Encounter", "DiagnosticReport", "DocumentReference", "Immunization"] {
        let found = get(&format!("{}/{kind}?patient={patient}&_count=500", demo.fhir(A)), &token);
        let fed = |entry: &&Value| {
            entry["resource"]["meta"]["source"]
                .as_str()
                .is_some_and(|source| source.starts_with("urn:salus:feed:lab"))
        };
        let count = found.body["entry"].as_array().into_iter().flatten().filter(fed).count();
        assert_eq!((found.status, count), (200, 1), "{kind}: {}", found.body);
    }
    let mine = with_value(demo, 4_711);
    assert_eq!((mine.len(), &mine[0]["meta"]["versionId"]), (1, &json!("1")), "{mine:?}");
    assert_eq!(mine[0]["subject"]["reference"], format!("Patient/{patient}"));
    let id = mine[0]["id"].as_str().unwrap().to_owned();
    let url = format!("{}/Observation/{id}", demo.fhir(A));
    assert_eq!(get(&url, &token).body["valueQuantity"]["value"].as_f64(), Some(4_711.0));
    nodes.wait_anchored(A);
    let proof = get(&format!("{url}/$proof"), &token);
    assert_eq!(proof.status, 200, "{}", proof.body);
    let (file, genesis) = (demo.folder.join("proof.json"), demo.folder.join("genesis.json"));
    fs::write(&file, proof.body.to_string()).unwrap();
    let verify = ["verify", file.to_str().unwrap(), "--genesis", genesis.to_str().unwrap()];
    assert!(salus(&verify).output().unwrap().status.success());
    // A clinician of another organisation, without a grant, sees none of it.
    let url = format!(
        "{}/Observation?patient={}&code=2345-7",
        demo.fhir("hospital-b"),
        demo.patient_id(0, "hospital-b")
    );
    let answer = get(&url, &demo.clinician_token(0, "treatment"));
    let seen = |entry: &Value| entry["resource"]["valueQuantity"]["value"].as_f64() == Some(4_711.0);
    assert!(!answer.body["entry"].as_array().into_iter().flatten().any(seen), "{}", answer.body);
    id
}

fn files_of_a_folder_are_taken(nodes: &Nodes, folder: &Path, who: &str) {
    let part = folder.join("one.hl7.part");
    fs::write(&part, format!("{}{}", result("f1", who, 4_712), result("f2", who, 4_713))).unwrap();
    fs::rename(part, folder.join("one.hl7")).unwrap();
    eventually("the file is put away", || {
        fs::read_dir(folder.join("done")).is_ok_and(|done| done.count() == 1)
    });
    for value in [4_712, 4_713] {
        assert_eq!(with_value(&nodes.demo, value).len(), 1);
    }
}

/// Hospital B's records, by its FHIR API and SMART Backend Services.
fn another_node_is_asked(nodes: &Nodes) {
    let (demo, patient) = (&nodes.demo, nodes.demo.patient_id(0, "hospital-b"));
    let observation = json!({
        "resourceType": "Observation", "status": "final", "subject": { "reference": format!("Patient/{patient}") },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "2345-7" }] }, "effectiveDateTime": "2026-03-01",
        "valueQuantity": { "value": 4_714, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL" },
    });
    let url = format!("{}/Observation", demo.fhir("hospital-b"));
    let made = post(&url, &demo.system_token("hospital-b"), &observation.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    eventually("what is new at hospital B is filed at hospital A", || with_value(demo, 4_714).len() == 1);
    let source = with_value(demo, 4_714)[0]["meta"]["source"].clone();
    assert_eq!(source, "urn:salus:feed:ehr");
}

/// Two patients with one number: the message waits until a person has said which is which.
fn dead_letters_are_shown_and_replayed(nodes: &Nodes, lab: &Sender) {
    let (demo, url) = (&nodes.demo, format!("{}/Patient", nodes.demo.fhir(A)));
    let twin = json!({
        "resourceType": "Patient", "identifier": [{ "system": "https://a.example/ids/TWIN", "value": "77" }],
        "name": [{ "family": "Feedfamily" }],
    });
    let twins: Vec<String> = (0..2)
        .map(|_| post(&url, &demo.system_token(A), &twin.to_string()).body["id"].as_str().unwrap().to_owned())
        .collect();
    let letters = [
        result("t1", "77^^^TWIN^MR", 4_715),
        result("t2", "77^^^TWIN^MR", 4_716),
        result("t3", "77^^^TWIN^MR", 4_717),
    ];
    for letter in &letters {
        assert_eq!(lab.send(letter).as_deref(), Some("AE"));
        assert_eq!(lab.send(letter).as_deref(), Some("AE"), "it waits, once");
    }
    let waiting = feeds(nodes, &["waiting", "lab"]);
    let numbers: Vec<String> =
        waiting.as_array().unwrap().iter().map(|one| one["number"].to_string()).collect();
    assert_eq!((numbers.len(), &waiting[0]["kind"]), (3, &json!("ORU^R01")), "{waiting}");
    assert_eq!(waiting[0]["reason"], "several patients here have the number that this message is about");
    let shown = feeds(nodes, &["show", "lab", &numbers[0]]).to_string();
    assert!(
        shown.contains("PID|9||99^^^xxxx^xx||xxxxxxxxxx^xxxx") && !shown.contains("Feedfamily"),
        "{shown}"
    );
    assert_eq!(feeds(nodes, &["replay", "lab", &numbers[0]])["failed"], 1);
    let sealed = nodes.home(A).join("gateway");
    let name = common::search::Scan::new(["Feedfamily".to_owned()]);
    assert!(name.files(&sealed).is_empty(), "what waits is sealed");

    let authorization = format!("authorization: Bearer {}", demo.system_token(A));
    let gone = try_request(&["-X", "DELETE", "-H", &authorization, &format!("{url}/{}", twins[1])]);
    assert!(gone.is_some_and(|answer| answer.status < 300));
    let steward = Steward::join(demo, A, "steward-of-feeds");
    let listed = steward.get("/staff/feeds/lab/letters");
    assert_eq!((listed.status, listed.body.as_array().map(Vec::len)), (200, Some(3)), "{}", listed.body);
    let replayed = steward.post(&format!("/staff/feeds/lab/letters/{}/replay", numbers[0]), &Value::Null);
    assert_eq!((replayed.status, &replayed.body["filed"]), (200, &json!(1)), "{}", replayed.body);
    assert_eq!(with_value(demo, 4_715)[0]["subject"]["reference"], format!("Patient/{}", twins[0]));
    feeds(nodes, &["discard", "lab", &numbers[1], "--reason", "sent by mistake"]);
    assert!(try_feeds(nodes, &["discard", "lab", &numbers[1], "--reason", "again"]).is_err());
    assert_eq!(feeds(nodes, &["replay", "lab"])["filed"], 1);
    assert_eq!((with_value(demo, 4_716).len(), with_value(demo, 4_717).len()), (0, 1));
    assert!(try_feeds(nodes, &["waiting", "nowhere"]).unwrap_err().contains("no such feed"));
    for words in [&["list"][..], &["waiting", "lab"]] {
        let home = nodes.home(A).display().to_string();
        let printed = salus(&[&["feeds", "--home", &home], words].concat()).output().unwrap();
        assert!(printed.status.success() && !printed.stdout.is_empty(), "{words:?}");
    }
}

fn what_was_erased_comes_back_by_a_stewards_word_alone(nodes: &Nodes, lab: &Sender, who: &str, id: &str) {
    let demo = &nodes.demo;
    // One that nobody can read, about the same person: a character set that is not known.
    let unreadable = result("u1", who, 4_718).replace("|P|2.5.1", "|P|2.5.1||||||KLINGON");
    assert_eq!(lab.send(&unreadable).as_deref(), Some("AE"));
    let steward = Steward::join(demo, A, "steward-of-erasures");
    let order = json!({
        "patient": demo.patient_id(0, A), "scope": { "of": "record", "record": { "type": "Observation", "id": id } },
        "basis": "unlawful", "words": "It is somebody else's.",
    });
    let ordered = steward.post("/staff/erasures", &order);
    assert_eq!(ordered.status, 204, "{}", ordered.body);
    eventually("the record is erased", || with_value(demo, 4_711).is_empty());
    assert_eq!(feeds(nodes, &["waiting", "lab"]), json!([]), "what waited about the person is destroyed");
    let again = result("o1", who, 4_711);
    assert_eq!(lab.send(&again).as_deref(), Some("AE"));
    assert_eq!(lab.send(&again).as_deref(), Some("AE"));
    let waiting = feeds(nodes, &["waiting", "lab"]);
    assert_eq!(
        (waiting.as_array().map(Vec::len), &waiting[0]["erased"]),
        (Some(1), &json!(true)),
        "{waiting}"
    );
    let number = waiting[0]["number"].to_string();
    assert_eq!(feeds(nodes, &["replay", "lab", &number])["failed"], 1);
    assert!(with_value(demo, 4_711).is_empty());
    let path = format!("/staff/feeds/lab/letters/{number}/restore");
    let none = steward.post(&path, &json!({ "reason": "" }));
    assert_eq!(none.status, 400, "{}", none.body);
    eventually("the erasure is done, and the record comes back", || {
        try_feeds(nodes, &["restore", "lab", &number, "--reason", "The patient wants it again."])
            .is_ok_and(|done| done["filed"] == 1)
    });
    assert_eq!(with_value(demo, 4_711).len(), 1);
    assert_eq!(lab.send(&again).as_deref(), Some("AA"));
    nodes.wait_anchored(A);
    let proof = get(&format!("{}/Observation/{id}/$proof", demo.fhir(A)), &demo.system_token(A));
    assert_eq!(proof.status, 200, "it is sealed and anchored anew: {}", proof.body);
    let log = steward.get("/staff/log").body.to_string();
    assert!(
        log.contains("records that were erased are let in again: the operator: The patient wants it again."),
        "{log}"
    );
}

#[test]
fn a_kill_between_the_store_and_the_answer_doubles_nothing_and_loses_nothing() {
    const PORT: u16 = 24_200;
    const KILLS: u32 = 16;
    let options = ["--patients", "1", "--seed", "3"];
    let Some(mut nodes) = Demo::start(PORT, &options).map(Nodes::take_over) else { return };
    configure(&mut nodes, &json!([mllp(PORT + 90)]));
    let (lab, who) = (Sender { port: PORT + 90 }, number_of(&nodes.demo));
    let seed: u64 = std::env::var("SALUS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(11);
    eprintln!("seed {seed}; SALUS_SEED sets another");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let began = Instant::now();
    lab.send_until_taken(&result("k0", &who, 5_000));
    let usual_us = u64::try_from(began.elapsed().as_micros()).unwrap();

    // The sender never hears the answer to what is stored.
    let unheard = result("k1", &who, 5_001);
    let stream = lab.hand_over(&unheard).expect("it is taken");
    eventually("it is stored", || with_value(&nodes.demo, 5_001).len() == 1);
    nodes.kill(A);
    drop(stream);
    nodes.start(A);
    lab.send_until_taken(&unheard);

    let mut stored_and_unheard = 0;
    for kill in 2..KILLS {
        let value = 5_000 + kill;
        let message = result(&format!("k{kill}"), &who, value);
        let mut stream = None;
        eventually("the node listens", || {
            stream = lab.hand_over(&message);
            stream.is_some()
        });
        // Anywhere between its first byte and a while after its answer.
        std::thread::park_timeout(Duration::from_micros(random.random_range(0..usual_us * 2)));
        match random.random_range(0..4) {
            0 => nodes.kill_engine(A),
            _ => {
                nodes.kill(A);
                nodes.start(A);
            }
        }
        drop(stream);
        nodes.wait_ready(A);
        // Looked at before it is sent again: was it there already?
        stored_and_unheard += u32::from(counted(&nodes.demo, value) == Some(1));
        lab.send_until_taken(&message);
    }
    nodes.wait_anchored(A);
    for value in 5_000..5_000 + KILLS {
        let all = with_value(&nodes.demo, value);
        assert_eq!((all.len(), &all[0]["meta"]["versionId"]), (1, &json!("1")), "{value}, seed {seed}");
        let url = format!("{}/Observation/{}/$proof", nodes.demo.fhir(A), all[0]["id"].as_str().unwrap());
        assert_eq!(get(&url, &nodes.demo.system_token(A)).status, 200, "{value} is anchored");
    }
    assert_eq!(feeds(&nodes, &["waiting", "lab"]), json!([]));
    eprintln!(
        "{KILLS} messages, {} kills; an answer takes {usual_us} us; seen stored before sent again: {stored_and_unheard}",
        KILLS - 1
    );
}

/// How many have a value, if the hospital answers.
fn counted(demo: &Demo, value: u32) -> Option<usize> {
    let token = common::try_system_token(&demo.folder, A)?;
    let authorization = format!("authorization: Bearer {token}");
    let url = format!("{}/Observation?code=2345-7&value-quantity={value}", demo.fhir(A));
    let answer = try_request(&["-H", &authorization, &url]).filter(|answer| answer.status == 200)?;
    Some(answer.body["entry"].as_array().map_or(0, Vec::len))
}
