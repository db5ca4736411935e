//! What an operator sees of a node: metrics, dashboard, alerts, doctor, logs, an orderly stop.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::nodes::Nodes;
use common::{Demo, eventually, files_below, salus, try_post};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const PORT: u16 = 22_800;
/// The third port after the first of an organisation's ten.
const METRICS_PORT: u16 = PORT + 3;
/// Labels that a metric may have: each has a fixed set of values.
const LABELS: [&str; 8] = ["reason", "direction", "outcome", "route", "status", "asker", "decision", "le"];
/// Most values of one label of one metric.
const VALUES_MAX: usize = 20;

fn packaging(file: &str) -> String {
    let root = Path::new("../../packaging");
    fs::read_to_string(root.join(file)).unwrap()
}

/// The metrics of Hospital A, as a scraper gets them.
fn scrape() -> String {
    let output = Command::new("curl")
        .args(["-sSf", &format!("http://127.0.0.1:{METRICS_PORT}/metrics")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Names of ours in an expression.
fn names(expression: &str) -> Vec<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    expression.split(word).filter(|word| word.starts_with("salus_")).map(str::to_owned).collect()
}

/// Values of each label, by metric and label.
type Labels = BTreeMap<(String, String), BTreeSet<String>>;

/// Sample names of a scrape, and the values of each label.
fn samples(text: &str) -> (BTreeSet<String>, Labels) {
    let (mut found, mut labels) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        found.insert(name.to_owned());
        let Some((inside, _)) = line.contains('{').then(|| rest.split_once('}')).flatten() else { continue };
        for label in inside.split(',') {
            let (key, value) = label.split_once('=').unwrap();
            labels
                .entry((name.to_owned(), key.to_owned()))
                .or_default()
                .insert(value.trim_matches('"').to_owned());
        }
    }
    (found, labels)
}

fn check_metrics() {
    let text = scrape();
    assert!(text.ends_with("# EOF\n"), "OpenMetrics");
    let (served, labels) = samples(&text);
    let mut named = 0;
    let dashboard: Value = serde_json::from_str(&packaging("grafana/salus.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let alerts = packaging("prometheus/alerts.yml");
    let rules = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let expressions = targets.map(|target| target["expr"].as_str().unwrap()).chain(rules);
    for expression in expressions {
        for name in names(expression) {
            assert!(served.contains(&name), "`{name}` in `{expression}` is not served\n{text}");
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
    for ((name, label), values) in &labels {
        assert!(LABELS.contains(&label.as_str()), "`{name}` has the label `{label}`");
        assert!(values.len() <= VALUES_MAX, "`{name}` has {} values of `{label}`", values.len());
        let plain = |value: &String| {
            value.len() <= 16 && value.chars().all(|c| c.is_ascii_alphanumeric() || "_.+".contains(c))
        };
        assert!(
            values.iter().all(plain),
            "`{name}` has values of `{label}` that may name somebody: {values:?}"
        );
    }
    for name in [
        "salus_ledger_height",
        "salus_ledger_finalised_blocks_total",
        "salus_ledger_finality_seconds_count",
        "salus_ledger_execution_seconds_count",
        "salus_ledger_proposed_blocks_total",
        "salus_ledger_checked_blocks_total",
        "salus_vault_anchored_versions",
        "salus_disk_free_bytes",
    ] {
        eventually(&format!("{name} counts"), || value(&scrape(), name) > 0.0);
    }
    eventually("all others are connected", || value(&scrape(), "salus_ledger_peers") > 2.5);
}

/// The sum over all samples with a name, whatever their labels.
fn value(text: &str, name: &str) -> f64 {
    let named = text.lines().filter(|line| line.split([' ', '{']).next() == Some(name));
    let values: Vec<f64> = named.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(!values.is_empty(), "no sample of `{name}`");
    values.iter().sum()
}

/// `salus doctor`: its exit status, and its checks by name.
fn doctor(home: &Path) -> (i32, BTreeMap<String, Value>) {
    let output = salus(&["doctor", "--json", "--home"]).arg(home).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let by_name = checks.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone())).collect();
    (output.status.code().unwrap(), by_name)
}

fn check_doctor_up(home: &Path) {
    let (status, checks) = doctor(home);
    // A slow disk of a test machine, or its small limits, are no fault of the node.
    let machine = ["disk space", "disk writes", "open files"];
    for (name, check) in checks.iter().filter(|(name, _)| !machine.contains(&name.as_str())) {
        assert_eq!(check["verdict"], "ok", "{name}: {check}");
    }
    for name in [
        "keys",
        "certificate",
        "node",
        "program",
        "stores",
        "engine",
        "membership",
        "clock",
        "versions",
        "lag",
    ] {
        assert!(checks.contains_key(name), "{name}");
    }
    let worst = checks.values().map(|check| match check["verdict"].as_str() {
        Some("ok") => 0,
        Some("warning") => 1,
        _ => 2,
    });
    assert_eq!(status, worst.max().unwrap());
}

fn check_doctor_down(nodes: &Nodes, home: &Path) {
    // The engine ends a moment after its node, and has its lock until then.
    eventually("the engine has ended", || doctor(home).1["stores"]["verdict"] == "ok");
    let (status, checks) = doctor(home);
    assert_eq!(status, 2);
    assert_eq!(checks["node"]["verdict"], "failure");
    assert_eq!(checks["stores"]["verdict"], "ok", "{}", checks["stores"]);
    assert_eq!(checks["membership"]["verdict"], "ok", "the others tell: {}", checks["membership"]);
    assert_eq!(checks["peers, ledger"]["verdict"], "ok", "{}", checks["peers, ledger"]);
    let keys = home.join("keys.json");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    let (status, checks) = doctor(home);
    assert_eq!((status, &checks["keys"]["verdict"]), (2, &json!("failure")), "{}", checks["keys"]);
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    // Another organisation's keys.
    let (own, others) =
        (fs::read(&keys).unwrap(), fs::read(nodes.home("insurer").join("keys.json")).unwrap());
    fs::write(&keys, others).unwrap();
    assert_eq!(doctor(home).1["membership"]["verdict"], "failure");
    fs::write(&keys, own).unwrap();
}

/// SIGTERM under load: what was acknowledged is there afterwards, the log is JSON, and the end is an orderly one.
fn check_stop(nodes: &Nodes, home: &Path) {
    let log = home.join("json.log");
    let mut child = salus(&["node", "--log-format", "json", "--home"])
        .arg(home)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&log).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    nodes.wait_ready("hospital-a");
    let demo = &nodes.demo;
    let (url, patient) =
        (format!("{}/Observation", demo.fhir("hospital-a")), demo.patient_id(0, "hospital-a"));
    let mut token = None;
    eventually("a token", || {
        token = common::try_system_token(&demo.folder, "hospital-a");
        token.is_some()
    });
    let token = token.unwrap();
    let observation = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "Pulse" },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": "2026-01-01", "valueQuantity": { "value": 61 },
    });
    let mut acknowledged = Vec::new();
    let write = || try_post(&url, &token, &observation.to_string());
    eventually("it takes writes", || write().is_some_and(|answer| answer.status == 201));
    let status = std::thread::scope(|scope| {
        let stop = scope.spawn(|| {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
            child.wait().unwrap()
        });
        while let Some(answer) = write() {
            if answer.status == 201 {
                acknowledged.push(answer.body["id"].as_str().unwrap().to_owned());
            }
        }
        stop.join().unwrap()
    });
    assert_eq!(status.code(), Some(0), "an orderly end");
    let text = fs::read_to_string(&log).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line)).collect::<Vec<_>>();
    let says = |words: &str| lines.iter().any(|line| line["message"] == words);
    assert!(says("the node is up") && says("the node has stopped"), "{text}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    assert!(!text.contains(&patient) && !text.contains(&token), "no patient and no token in the log");
    assert!(!files_below(&home.join("run")).iter().any(|file| file.ends_with("engine.sock")));
    for id in acknowledged {
        assert!(common::store::holds(home, &id), "{id} was acknowledged");
    }
}

#[test]
fn an_operator_sees_what_a_node_does_and_what_is_wrong_with_it() {
    let Some(mut nodes) = Demo::start(PORT, &["--patients", "1", "--seed", "4"]).map(Nodes::take_over) else {
        return;
    };
    let home = nodes.home("hospital-a");
    nodes.wait_anchored("hospital-a");
    check_metrics();
    check_doctor_up(&home);
    nodes.kill("hospital-a");
    check_doctor_down(&nodes, &home);
    check_stop(&nodes, &home);
}
