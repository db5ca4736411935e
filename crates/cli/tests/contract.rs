//! What scripts rely on: options, JSON, exit codes, and errors on standard error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Demo, read_json, salus};
use serde_json::Value;
use std::fs;

/// What a call printed.
struct Printed {
    code: i32,
    out: String,
    err: String,
}

fn call(arguments: &[&str]) -> Printed {
    let output = salus(arguments).output().expect("salus runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Printed {
        code: output.status.code().expect("an exit code"),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// Fails with `code`, prints nothing on standard output, and says `words` on standard error.
fn check_refused(arguments: &[&str], code: i32, words: &str) {
    let printed = call(arguments);
    assert_eq!(printed.code, code, "{arguments:?}: {}", printed.err);
    assert!(printed.out.is_empty(), "{arguments:?} printed {}", printed.out);
    assert!(printed.err.contains(words), "{arguments:?} said {}", printed.err);
}

#[test]
fn without_a_network_every_mistake_has_words_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("text"), "no proof").unwrap();
    fs::create_dir(path("foreign")).unwrap();
    fs::write(path("foreign/letter.txt"), "mine").unwrap();
    let (text, none, foreign) = (path("text"), path("none"), path("foreign"));
    let table: &[(&[&str], i32, &str)] = &[
        (&["dance"], 2, "unrecognized subcommand"),
        (&["token", "--demo", &none], 2, "--org"),
        (&["token", "--demo", &none, "--org", "a", "--as", "dr"], 2, "--patient"),
        (&["token", "--demo", &none, "--org", "a", "--purpose", "fun"], 2, "purpose"),
        (&["token", "--demo", &none, "--org", "hospital-a"], 1, "is the demo running?"),
        (&["status", "--demo", &none], 1, "is the demo running?"),
        (&["verify", &text, "--genesis", &text], 1, "error:"),
        (&["verify", &none, "--genesis", &text], 1, "error:"),
        (&["patient", "--demo", &none, "--key", &text, "records"], 1, "is the demo running?"),
        (&["patient", "--demo", &none, "--key", &text, "revoke", "zz"], 2, "zz"),
        (&["node", "--home", &none], 1, "no such folder"),
        (&["demo", "--dir", &foreign, "--engine", &text, "--definitions", &foreign], 1, "is not empty"),
        (
            &["demo", "--dir", &foreign, "--fresh", "--engine", &text, "--definitions", &foreign],
            1,
            "it is not deleted",
        ),
    ];
    for (arguments, code, words) in table {
        check_refused(arguments, *code, words);
    }
    assert_eq!(fs::read_to_string(path("foreign/letter.txt")).unwrap(), "mine");
    let printed = call(&["status", "--demo", &none, "--json"]);
    let error: Value = serde_json::from_str(&printed.err).expect("JSON on standard error");
    assert!(error["error"].is_string());
}

/// The sorted names of an object's fields.
fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn report_has_its_shape(demo: &Demo) {
    let report = demo.report();
    assert_eq!(fields(&report), ["genesis", "organisations", "patients", "practitioners"]);
    assert!(fs::exists(report["genesis"].as_str().unwrap()).unwrap());
    let organisations = report["organisations"].as_array().unwrap();
    let ids: Vec<_> = organisations.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["hospital-a", "hospital-b", "insurer", "regulator"]);
    for organisation in organisations {
        assert_eq!(fields(organisation), ["class", "client", "fhir", "id", "ledger", "name", "portal"]);
        let is_hospital = organisation["class"] == "provider";
        assert_eq!(organisation["fhir"].is_string(), is_hospital);
        if is_hospital {
            assert_eq!(fields(&organisation["client"]), ["id", "jwk", "token_endpoint"]);
            let jwk = read_json(organisation["client"]["jwk"].as_str().unwrap().as_ref());
            assert!(jwk["d"].is_string() && jwk["kty"].is_string());
        }
    }
    for practitioner in report["practitioners"].as_array().unwrap() {
        assert_eq!(fields(practitioner), ["id", "name", "organisation"]);
    }
    let patients = report["patients"].as_array().unwrap();
    assert_eq!(patients.len(), 1);
    assert_eq!(fields(&patients[0]), ["at", "key", "name"]);
    assert_eq!(fields(&patients[0]["at"]), ["hospital-a", "hospital-b"]);
}

#[test]
fn with_a_network_everything_prints_for_people_and_for_programs() {
    let Some(mut demo) = Demo::start(21_600, &["--patients", "1", "--seed", "6"]) else { return };
    report_has_its_shape(&demo);
    let (folder, key) = demo.patient_options(0);

    let status = demo.salus(&["status", "--demo", &folder]);
    assert_eq!(status.as_array().unwrap().len(), 4);
    for row in status.as_array().unwrap() {
        assert_eq!(row["running"], true);
        for number in [
            "height",
            "lag",
            "peers",
            "stored",
            "sealed",
            "anchored",
            "anchorLagMs",
            "batchesToMove",
            "receiptsMissing",
            "residentBytes",
        ] {
            assert!(row[number].is_u64(), "{number}: {row}");
        }
    }
    assert!(call(&["status", "--demo", &folder]).out.starts_with("node "));

    // The token alone, so that a script can take it as it is.
    let token = call(&["token", "--demo", &folder, "--org", "hospital-b"]);
    assert_eq!((token.code, token.out.trim().split('.').count()), (0, 3), "{}", token.err);
    let as_json = demo.salus(&["token", "--demo", &folder, "--org", "hospital-b"]);
    assert!(as_json["expires_in"].as_u64() <= Some(300) && as_json["token_type"].is_string());

    let records = demo.patient(0, &["records"]);
    let all = records["records"].as_array().unwrap();
    assert_eq!(fields(&all[0]), ["category", "date", "record", "source", "title", "verified"]);
    assert_eq!(records["verified"].as_u64().unwrap() as usize, all.len());

    let made = demo.patient(0, &["grant", "--to", "hospital-b", "--categories", "all", "--days", "7"]);
    assert_eq!(fields(&made["grants"][0]), ["accesses", "dropped", "expiryMs", "grant", "source", "state"]);
    let grant = made["grants"][0]["grant"].as_str().unwrap().to_owned();
    assert_eq!(demo.patient(0, &["grants"])["grants"][0]["state"], "active");
    let revoked = demo.patient(0, &["revoke", &grant]);
    assert_eq!(
        (&revoked["revoked"], &revoked["enforced"]),
        (&Value::from(grant.clone()), &Value::from(true))
    );
    assert_eq!(demo.patient(0, &["grants"])["grants"][0]["state"], "ended");
    // Ending what has ended is no mistake.
    demo.patient(0, &["revoke", &grant]);
    assert!(demo.patient(0, &["log"])["entries"].is_array());

    let name = all.iter().find(|one| one["source"] == "hospital-a").unwrap()["record"].as_str().unwrap();
    let proof = demo.patient(0, &["proof", name]);
    every_changed_character_of_a_proof_is_refused(&demo, &proof);

    let at = ["patient", "--demo", &folder, "--key", &key];
    let table: &[(&[&str], i32, &str)] = &[
        (&["grant", "--to", "nowhere", "--categories", "labs"], 1, "no organisation"),
        (&["grant", "--to", "insurer", "--categories", "labs"], 1, "not registered"),
        (&["grant", "--to", "hospital-b", "--categories", "gossip"], 1, "no category `gossip`"),
        (&["grant", "--to", "hospital-b", "--categories", "labs", "--days", "0"], 1, "at least one day"),
        (&["revoke", &"00".repeat(32)], 1, "no grant of this key file"),
        (&["proof", "Observation/none"], 1, "no anchored record"),
    ];
    for (arguments, code, words) in table {
        check_refused(&[&at[..], arguments].concat(), *code, words);
    }
    check_refused(&["token", "--demo", &folder, "--org", "insurer"], 1, "has no FHIR API");
    check_refused(&["token", "--demo", &folder, "--org", "nowhere"], 1, "no organisation `nowhere`");
    let unknown = ["token", "--demo", &folder, "--org", "hospital-b", "--as", "nobody", "--patient", &key];
    check_refused(&unknown, 1, "status 4");

    demo.interrupt();
    assert!(!demo.folder.join("demo.json").exists(), "the report tells of a network that runs");
    check_refused(&["status", "--demo", &folder], 1, "is the demo running?");
}

fn every_changed_character_of_a_proof_is_refused(demo: &Demo, proof: &Value) {
    let file = demo.folder.join("proof.json");
    let genesis = demo.folder.join("genesis.json").display().to_string();
    let path = file.display().to_string();
    let text = serde_json::to_string(proof).unwrap();
    fs::write(&file, &text).unwrap();
    assert_eq!(call(&["verify", &path, "--genesis", &genesis]).code, 0);
    // Every character is tried in the verifier's own tests; here, that the program's exit code follows.
    for at in (0..text.len()).step_by(text.len() / 60) {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        fs::write(&file, changed).unwrap();
        let printed = call(&["verify", &path, "--genesis", &genesis]);
        assert_eq!(printed.code, 1, "character {at}: {}", printed.out);
    }
}
