//! A hospital is backed up under load, its machine is lost, and another one takes its place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::nodes::Nodes;
use common::{Demo, eventually, files_below, get, salus, try_post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const PORT: u16 = 22_600;
const HOSPITAL: &str = "hospital-a";

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// What was acknowledged: value by id.
type Acknowledged = BTreeMap<String, u64>;

fn observation(patient: &str, value: u64) -> String {
    json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "Pulse" },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": "2026-01-01", "valueQuantity": { "value": value },
    })
    .to_string()
}

/// Writes `count` times, or until `stop` says so; `done` counts acknowledgements.
fn write(demo: &Demo, first: u64, count: u64, stop: &AtomicBool, done: &AtomicU64) -> Acknowledged {
    let (url, token) = (format!("{}/Observation", demo.fhir(HOSPITAL)), demo.system_token(HOSPITAL));
    let (patient, mut acknowledged) = (demo.patient_id(0, HOSPITAL), Acknowledged::new());
    for value in first..first + count {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if let Some(answer) =
            try_post(&url, &token, &observation(&patient, value)).filter(|a| a.status == 201)
        {
            acknowledged.insert(answer.body["id"].as_str().unwrap().to_owned(), value);
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    acknowledged
}

struct Files {
    key: PathBuf,
    public: PathBuf,
    backup: PathBuf,
}

fn files(folder: &Path) -> Files {
    let folder = folder.join("backups");
    fs::create_dir(&folder).unwrap();
    let key = folder.join("key.json");
    Files { public: folder.join("key.json.pub"), backup: folder.join("one.backup"), key }
}

fn backup(nodes: &Nodes, home: &Path, files: &Files) -> Value {
    let (home, out, to) = (text(home), text(&files.backup), text(&files.public));
    nodes.demo.salus(&["backup", "--home", &home, "--out", &out, "--to", &to])
}

/// Everything that a restore must refuse, leaving nothing behind.
fn refusals(nodes: &Nodes, files: &Files) {
    let folder = nodes.demo.folder.join("refused");
    fs::create_dir(&folder).unwrap();
    let home = folder.join("home");
    let good = fs::read(&files.backup).unwrap();
    let other = folder.join("other.json");
    nodes.demo.salus(&["backup", "--new-key", &text(&other)]);
    let check = |what: &str, bytes: &[u8], key: &Path, words: &str| {
        let from = folder.join("forged");
        fs::write(&from, bytes).unwrap();
        let before = fs::read_dir(&folder).unwrap().count();
        for command in [
            vec!["restore", "--from", &text(&from), "--key", &text(key), "--home", &text(&home)],
            vec!["backup", "--verify", &text(&from), "--key", &text(key)],
        ] {
            let error = nodes.demo.try_salus(&command).expect_err(what);
            assert!(error.contains(words), "{what}: {error}");
        }
        assert!(!home.exists(), "{what}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), before, "{what}: nothing is left");
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    check("another key", &good, &other, "another key");
    check("no backup", b"hello", &files.key, "no backup");
    check("a header of another version", &flipped(13), &files.key, "another version");
    check("a damaged encapsulation", &flipped(500), &files.key, "damaged");
    check("a damaged manifest", &flipped(1_300), &files.key, "damaged");
    check("a damaged part", &flipped(good.len() / 2), &files.key, "damaged");
    check("a damaged end", &flipped(good.len() - 1), &files.key, "damaged");
    check("cut", &good[..good.len() - 1_000], &files.key, "damaged");
    check("cut at a chunk", &good[..1_166 + (1 << 20) + 16], &files.key, "damaged");
    check("something behind", &[&good[..], &[0]].concat(), &files.key, "damaged");
}

/// Starts a restored node: it must fetch the ledger first.
fn start(nodes: &Nodes, home: &Path, member: &str) -> std::process::Child {
    let refused = salus(&["node", "--home", &text(home)]).output().unwrap();
    assert!(!refused.status.success(), "without the ledger of now it must not start");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--join"));
    let log = fs::File::create(home.join("node.log")).unwrap();
    let mut command = salus(&["node", "--supervised", "--replay", "--join", member, "--home"]);
    command.arg(home).stdin(std::process::Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
    let child = command.spawn().unwrap();
    eventually("the restored node answers", || nodes.status(HOSPITAL)["running"] == true);
    child
}

#[test]
fn a_lost_hospital_comes_back_from_its_backup_with_all_that_was_acknowledged_before_it() {
    let Some(mut nodes) = Demo::start(PORT, &["--patients", "1", "--seed", "9"]).map(Nodes::take_over) else {
        return;
    };
    let (home, files) = (nodes.home(HOSPITAL), files(&nodes.demo.folder));
    nodes.demo.salus(&["backup", "--new-key", &text(&files.key)]);
    assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    let (stop, never, done) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
    let before = write(&nodes.demo, 1, 40, &never, &done);
    assert_eq!(before.len(), 40);
    // More comes in while it is copied.
    let (made, during) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&nodes.demo, 1_000, 100_000, &stop, &done));
        eventually("writes go on", || done.load(Ordering::Relaxed) >= 45);
        let made = backup(&nodes, &home, &files);
        stop.store(true, Ordering::Relaxed);
        (made, writer.join().unwrap())
    });
    assert_eq!(made["clinical"], true, "{made}");
    assert!(made["height"].as_u64() > Some(0), "{made}");
    let left = files_below(&home.join("run")).into_iter().filter(|file| text(file).contains("backup-"));
    assert_eq!(left.count(), 0, "copies in the clear are deleted");
    let verify = ["backup", "--verify", &text(&files.backup), "--key", &text(&files.key)];
    assert_eq!(nodes.demo.salus(&verify)["files"], made["files"]);
    refusals(&nodes, &files);
    // What comes after the backup is lost with the machine; its batch numbers are not used again.
    let after = write(&nodes.demo, 1_000_000, 5, &never, &done);
    nodes.wait_anchored(HOSPITAL);
    nodes.kill(HOSPITAL);
    fs::rename(&home, nodes.demo.folder.join("lost")).unwrap();

    let member = format!("http://localhost:{}", PORT + 10);
    let restore =
        ["restore", "--from", &text(&files.backup), "--key", &text(&files.key), "--home", &text(&home)];
    let restored = nodes.demo.salus(&[&restore[..], &["--against", &member]].concat());
    assert_eq!(restored["missingPacks"], 0, "{restored}");
    assert!(restored["ledger"]["checked"].as_u64() > Some(0), "{restored}");
    assert!(nodes.demo.try_salus(&restore).unwrap_err().contains("not empty"));
    let open: Vec<_> = files_below(&home)
        .into_iter()
        .filter(|file| fs::metadata(file).unwrap().permissions().mode() & 0o077 != 0)
        .collect();
    assert_eq!(open, [] as [PathBuf; 0], "nobody else may read what was restored");
    // The key of the hospital's own system, which the demo keeps in the same folder.
    let client = "client.jwk.json";
    fs::copy(nodes.demo.folder.join("lost").join(client), home.join(client)).unwrap();
    let mut node = start(&nodes, &home, &member);
    nodes.wait_anchored(HOSPITAL);
    check_records(&nodes, &before, &during, &after);
    let records = nodes.demo.patient(0, &["records"]);
    assert_eq!(records["verified"], records["records"].as_array().unwrap().len(), "{records}");
    node.kill().unwrap();
    node.wait().unwrap();

    // The same for a node that is stopped.
    fs::remove_file(&files.backup).unwrap();
    let stopped = backup(&nodes, &home, &files);
    assert!(stopped["height"].is_null(), "{stopped}");
    let again = text(&nodes.demo.folder.join("again"));
    let options = ["--from", &text(&files.backup), "--key", &text(&files.key), "--home", &again];
    let restored = nodes.demo.salus(&[&["restore"], &options[..], &["--against", &member]].concat());
    assert!(restored["anchored"].as_u64() >= Some(40), "{restored}");
}

/// Nothing that was acknowledged before the backup is lost, and all that is there is proven.
fn check_records(nodes: &Nodes, before: &Acknowledged, during: &Acknowledged, after: &Acknowledged) {
    let (fhir, token) = (nodes.demo.fhir(HOSPITAL), nodes.demo.system_token(HOSPITAL));
    let read = |id: &str| get(&format!("{fhir}/Observation/{id}"), &token);
    for (id, value) in before {
        let answer = read(id);
        assert_eq!(answer.status, 200, "{id} was acknowledged before the backup");
        assert_eq!(answer.body["valueQuantity"]["value"].as_u64(), Some(*value));
    }
    let kept: Vec<_> = during.keys().filter(|id| read(id).status == 200).collect();
    eprintln!(
        "{} acknowledged before, {} of {} during the backup are back",
        before.len(),
        kept.len(),
        during.len()
    );
    assert!(kept.len() >= 5, "five were acknowledged before the copy began");
    assert!(after.keys().all(|id| read(id).status == 404), "what came after is not in it");
    for id in before.keys().chain(kept) {
        let proof = get(&format!("{fhir}/Observation/{id}/$proof"), &token);
        assert_eq!(proof.status, 200, "{id}: {}", proof.body);
    }
}
