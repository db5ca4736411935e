//! A network of real processes that governs itself: an organisation applies, is admitted, joins, gets a seat, takes over
//! custody from another, and one is removed again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::nodes::Nodes;
use common::{Answer, Demo, eventually, files_below, salus, try_request};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};

const PORT: u16 = 22_400;
const CLINIC_PORT: u16 = PORT + 60;
const LENGTH_OF_HEADER: usize = salus_types::block::Header::LENGTH;

fn text(path: &Path) -> String {
    path.display().to_string()
}

struct Clinic(Child);

impl Clinic {
    fn start(home: &str, more: &[&str]) -> Self {
        let node = salus(&[&["node", "--supervised", "--home", home], more].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(node.unwrap())
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn governance(nodes: &Nodes, member: &str, arguments: &[&str]) -> Value {
    let home = text(&nodes.home(member));
    nodes.demo.salus(&[&["governance", "--home", &home], arguments].concat())
}

/// Hospital A proposes, others approve, and all wait until it is in force.
fn decide(nodes: &Nodes, change: &[&str], voters: &[&str]) {
    let proposed = governance(nodes, "hospital-a", &[&["propose"], change].concat());
    let id = proposed["id"].as_str().unwrap().to_owned();
    for member in voters {
        eventually(&format!("{member} votes on it"), || {
            let home = text(&nodes.home(member));
            nodes.demo.try_salus(&["governance", "--home", &home, "vote", &id, "--approve"]).is_ok()
        });
    }
    eventually("it is in force", || governance(nodes, "hospital-a", &["show", &id])["outcome"] == "executed");
}

/// A public route of a node, without a token.
fn ask(port: u16, path: &str) -> Option<Answer> {
    try_request(&[&format!("http://localhost:{port}{path}")])
}

fn head_of(port: u16) -> Option<u64> {
    ask(port, "/ledger/head").filter(|answer| answer.status == 200)?.body["height"].as_u64()
}

fn follows(port: u16) {
    let height = head_of(PORT).unwrap();
    eventually("the clinic follows", || head_of(port) >= Some(height));
}

fn member(id: &str) -> Option<Value> {
    let answer = ask(CLINIC_PORT, "/ledger/organisations").unwrap();
    answer.body.as_array().unwrap().iter().find(|member| member["id"] == id).cloned()
}

/// What patient 0 sees through the portal of one node, which then relays and proves everything.
fn through(nodes: &Nodes, portal: &str, arguments: &[&str]) -> Value {
    let folder = nodes.demo.folder.join("elsewhere");
    let mut report = nodes.demo.report();
    let organisations = report["organisations"].as_array_mut().unwrap();
    organisations.truncate(1);
    organisations[0]["portal"] = portal.into();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("demo.json"), report.to_string()).unwrap();
    let (_, key) = nodes.demo.patient_options(0);
    nodes.demo.salus(&[&["patient", "--demo", &text(&folder), "--key", &key], arguments].concat())
}

/// Batches in custody at an organisation: source, number and generation of each.
fn in_custody(nodes: &Nodes, member: &str) -> BTreeSet<String> {
    let packs = files_below(&nodes.home(member).join("vault/packs/custody"));
    packs.iter().map(|pack| pack.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Whether the hospitals have nothing to move, and all receipts for what was destroyed.
fn has_moved(nodes: &Nodes) -> bool {
    ["hospital-a", "hospital-b"].iter().all(|hospital| {
        let status = nodes.status(hospital);
        status["batchesToMove"] == 0 && status["receiptsMissing"] == 0
    })
}

/// The patient reads everything, and every entry is proved.
fn all_is_readable(nodes: &Nodes, count: Option<usize>) -> usize {
    let records = nodes.demo.patient(0, &["records"]);
    let listed = records["records"].as_array().unwrap().len();
    assert!(listed > 0 && records["verified"] == listed, "{records}");
    assert!(count.is_none_or(|count| count == listed), "{count:?}: {records}");
    listed
}

/// The clinic makes its keys and writes its application.
fn apply(nodes: &Nodes, home: &str, genesis: &str, application: &str) {
    let port = CLINIC_PORT.to_string();
    nodes.demo.salus(&[
        "prepare",
        "--home",
        home,
        "--organisation",
        "clinic",
        "--genesis",
        genesis,
        "--base-port",
        &port,
        "--demo",
    ]);
    nodes.demo.salus(&[
        "governance",
        "--home",
        home,
        "application",
        "--name",
        "Corner Clinic",
        "--class",
        "provider",
        "--custodian",
        "--out",
        application,
    ]);
}

/// A witness has seen it all, and notices a history that is not the one it has seen.
fn a_witness_notices_another_history(nodes: &Nodes, genesis: &str) {
    let (seen, hospital) = (nodes.demo.folder.join("witness"), format!("http://localhost:{PORT}"));
    let clinic_url = format!("http://localhost:{CLINIC_PORT}");
    let (dir, watch) =
        (text(&seen), ["--genesis", genesis, "--node", &hospital, "--node", &clinic_url, "--once"]);
    let watch = || nodes.demo.try_salus(&[&["witness", "--dir", &dir], &watch[..]].concat());
    let height = watch().unwrap()["height"].as_u64().unwrap();
    assert!(watch().unwrap()["height"].as_u64().unwrap() >= height);
    let mut headers = std::fs::read(seen.join("headers")).unwrap();
    // The time of the last header: it stays a header, of another history.
    let at = headers.len() - LENGTH_OF_HEADER + 41 + 7;
    headers[at] ^= 1;
    std::fs::write(seen.join("headers"), headers).unwrap();
    assert!(watch().unwrap_err().contains("two certified histories"));
}

/// The regulator keeps nothing any more: everything lies with the other three, and its own shares are destroyed.
fn the_regulator_gives_up_custody(nodes: &Nodes) {
    assert!(!in_custody(nodes, "regulator").is_empty());
    decide(nodes, &["duties", "regulator", "--custodian", "false"], &["hospital-b", "regulator", "clinic"]);
    eventually("the regulator has given up custody", || {
        let kept = in_custody(nodes, "clinic");
        let same = ["hospital-a", "hospital-b"].iter().all(|member| in_custody(nodes, member) == kept);
        same && !kept.is_empty() && in_custody(nodes, "regulator").is_empty() && has_moved(nodes)
    });
}

/// Hospital A changes all its keys: what it keeps and what it has stated goes on being of use.
fn hospital_a_changes_its_keys(nodes: &mut Nodes, records: usize) {
    let folder = nodes.demo.folder.clone();
    let (keys, application) = (text(&folder.join("new-keys.json")), text(&folder.join("renewed.json")));
    let node_key = || member("hospital-a").unwrap()["nodeKey"].clone();
    let before = node_key();
    governance(nodes, "hospital-a", &["new-keys", "--out", &keys]);
    governance(nodes, "hospital-a", &["application", "--keys", &keys, "--out", &application]);
    decide(nodes, &["update", &application], &["hospital-b", "clinic"]);
    nodes.kill("hospital-a");
    std::fs::rename(&keys, nodes.home("hospital-a").join("keys.json")).unwrap();
    nodes.start("hospital-a");
    assert_ne!(node_key(), before);
    // The patient's device believes nothing that the old key signed; the node signs it anew.
    eventually("everything is readable again", || {
        let read = nodes.demo.try_patient(0, &["records"]);
        read.is_ok_and(|read| read["verified"] == records)
    });
}

#[test]
fn an_organisation_applies_joins_gets_a_seat_proves_it_and_another_leaves() {
    let options = ["--patients", "1", "--epoch-blocks", "24"];
    let Some(mut nodes) = Demo::start(PORT, &options).map(Nodes::take_over) else { return };
    let folder = nodes.demo.folder.clone();
    let genesis = text(&folder.join("genesis.json"));
    let (home, application) = (text(&folder.join("clinic")), text(&folder.join("application.json")));
    apply(&nodes, &home, &genesis, &application);
    let records = all_is_readable(&nodes, None);
    decide(&nodes, &["admit", &application], &["hospital-b", "regulator"]);
    let member_url = format!("http://localhost:{PORT}");
    let clinic = Clinic::start(&home, &["--join", &member_url]);
    follows(CLINIC_PORT);
    assert_eq!(
        ask(CLINIC_PORT, "/ledger/blocks/1").unwrap().status,
        404,
        "it fetched the state, not the past"
    );
    // Two thirds of five are four.
    let voters = ["hospital-b", "regulator", "insurer"];
    decide(&nodes, &["duties", "clinic", "--validator", "true"], &voters);
    eventually("the clinic has a seat", || member("clinic").unwrap()["validator"] == true);

    // Anybody can check that, offline, from the genesis alone.
    let (proof, key) = (text(&folder.join("member.json")), member("clinic").unwrap()["nodeKey"].clone());
    let clinic_url = format!("http://localhost:{CLINIC_PORT}");
    let key = key.as_str().unwrap();
    nodes.demo.salus(&["proof", "member", key, "--node", &clinic_url, "--out", &proof]);
    let verified = nodes.demo.salus(&["verify", &proof, "--genesis", &genesis]);
    assert_eq!(verified["verified"], true, "{verified}");

    a_witness_notices_another_history(&nodes, &genesis);
    // What patients do works as before, in whatever epoch; and the fourth custodian gets its part of what was sealed
    // before it came.
    all_is_readable(&nodes, Some(records));
    eventually("custody moves to the clinic", || {
        has_moved(&nodes) && !in_custody(&nodes, "clinic").is_empty()
    });
    all_is_readable(&nodes, Some(records));

    // Through the clinic, too, which has none of the blocks in which the records were anchored.
    let elsewhere = through(&nodes, &clinic_url, &["records"]);
    assert_eq!(elsewhere["verified"], records, "{elsewhere}");
    let name = elsewhere["records"][0]["record"].as_str().unwrap();
    let proof = text(&folder.join("record.json"));
    std::fs::write(&proof, through(&nodes, &clinic_url, &["proof", name]).to_string()).unwrap();
    let verified = nodes.demo.salus(&["verify", &proof, "--genesis", &genesis]);
    let (height, certified) = (verified["height"].as_u64().unwrap(), verified["certifiedHeight"].as_u64());
    assert!(certified > Some(height), "{verified}");
    assert_eq!(ask(CLINIC_PORT, &format!("/ledger/blocks/{height}")).unwrap().status, 404);

    // Killed and started again, it goes on from its own disk.
    drop(clinic);
    let _clinic = Clinic::start(&home, &["--join", &member_url]);
    follows(CLINIC_PORT);

    the_regulator_gives_up_custody(&nodes);
    all_is_readable(&nodes, Some(records));
    decide(&nodes, &["remove", "insurer"], &["hospital-b", "regulator", "clinic"]);
    eventually("the insurer is gone", || member("insurer").is_none());
    nodes.kill("insurer");
    let height = head_of(PORT);
    eventually("four go on", || head_of(CLINIC_PORT) > height);
    hospital_a_changes_its_keys(&mut nodes, records);
}
