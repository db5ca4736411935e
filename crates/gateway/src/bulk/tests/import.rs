//! Imports, with lines, files and callers that are not what they should be.

use super::{location, send};
use crate::bulk::import::testing_round;
use crate::erasure::{Named, Scope, testing_erase};
use crate::log::{Kind, Page};
use crate::tests::people::{self, Load};
use crate::tests::world::{CANARY, PATIENT, World};
use axum::http::StatusCode;
use salus_types::erasure::ErasureGround;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const IMPORT: &str = "/fhir/$import";
const WRITING: &str = "system/*.cu";

/// A hospital whose operator put these files into the folder for imports.
async fn world(files: &[(&str, &str)]) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("file");
    }
    let path = folder.path().to_owned();
    (World::changed(move |config| config.bulk.import_folder = Some(path)).await, folder)
}

fn observation(id: &str, patient: &str) -> String {
    let subject = json!({ "reference": format!("Patient/{patient}") });
    json!({ "resourceType": "Observation", "id": id, "subject": subject, "status": "final" }).to_string()
}

fn parameters(files: &[&str]) -> String {
    let files = files.iter().map(|file| json!({ "name": "file", "valueString": file }));
    json!({ "resourceType": "Parameters", "parameter": files.collect::<Vec<_>>() }).to_string()
}

async fn begin(world: &World, token: &str, files: &[&str]) -> String {
    location(&send(world, token, "POST", IMPORT, &parameters(files)).await)
}

fn on_disk(world: &World) -> Vec<PathBuf> {
    let all = world.gateway.config.data.join("bulk").join("imports");
    let folders = std::fs::read_dir(all).into_iter().flatten().map(|entry| entry.expect("entry").path());
    folders
        .flat_map(|job| std::fs::read_dir(job).expect("job").map(|file| file.expect("file").path()))
        .collect()
}

#[tokio::test]
async fn lines_become_records_and_a_line_that_is_not_taken_is_told_with_its_number() {
    let refused = r#"{"resourceType":"Observation","id":"bad","refuse":true}"#;
    let good = [observation("n1", PATIENT), observation("n2", PATIENT)];
    let oversized = format!(r#"{{"resourceType":"Basic","id":"big","x":"{}"}}"#, "x".repeat(9 << 20));
    let file = format!("{}\n\nrubbish {CANARY}\n{refused}\n{oversized}\r\n{}", good[0], good[1]);
    let (world, _folder) = world(&[("Observation.ndjson", &file)]).await;
    let token = world.system(WRITING);
    let job = begin(&world, &token, &["Observation.ndjson"]).await;
    let waiting = world.get(&token, &job).await;
    assert_eq!(waiting.status, StatusCode::ACCEPTED);
    assert!(waiting.headers.contains_key("x-progress"));
    assert!(!testing_round(&world.gateway).await);
    let answer = world.get(&token, &job).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let done = answer.json();
    assert_eq!(
        (&done["written"], &done["unchanged"], &done["stopped"]),
        (&json!(2), &json!(0), &json!(false))
    );
    assert_eq!(done["error"][0]["count"], 3);
    assert_eq!((world.engine.version("n1"), world.engine.version("n2")), (Some(1), Some(1)));
    let letters = world.get(&token, &super::path_of(done["error"][0]["url"].as_str().expect("url"))).await;
    assert!(!letters.body.contains(CANARY), "a letter says where a line stands, not what it says");
    let mut told: Vec<(Value, Value)> = letters
        .body
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an outcome"))
        .map(|outcome| {
            (
                outcome["extension"][0]["extension"][1]["valueDecimal"].clone(),
                outcome["issue"][0]["code"].clone(),
            )
        })
        .collect();
    told.sort_by_key(|(line, _)| line.as_u64());
    assert_eq!(
        told,
        [(json!(3), json!("structure")), (json!(4), json!("processing")), (json!(5), json!("too-long"))]
    );
    assert!(letters.body.contains("it says so itself"));
}

#[tokio::test]
async fn each_patient_finds_in_the_log_what_was_read_in_and_who_began_it() {
    let lines: Vec<String> = (0..600).map(|at| observation(&format!("n{at}"), PATIENT)).collect();
    let (world, _folder) = world(&[("a.ndjson", &lines.join("\n"))]).await;
    begin(&world, &world.system(WRITING), &["a.ndjson"]).await;
    testing_round(&world.gateway).await;
    let entries = world.gateway.log.of_patient(PATIENT, Page::default()).await.expect("log");
    let entries: Vec<_> = entries.into_iter().filter(|entry| entry.access.kind == Kind::Write).collect();
    assert_eq!(entries.len(), 1, "one for all of them");
    assert_eq!(
        (entries[0].access.count, &entries[0].access.types),
        (Some(600), &vec!["Observation".to_owned()])
    );
}

#[tokio::test]
async fn after_a_stop_of_the_node_the_import_goes_on_and_no_record_gets_a_second_version() {
    let lines: Vec<String> = (0..1_000).map(|at| observation(&format!("n{at}"), PATIENT)).collect();
    let (world, _folder) =
        world(&[("a.ndjson", &lines.join("\n")), ("b.ndjson", &observation("last", PATIENT))]).await;
    let job = begin(&world, &world.system(WRITING), &["a.ndjson", "b.ndjson"]).await;
    world.engine.stop_after(Some(2));
    assert!(testing_round(&world.gateway).await, "it waits");
    assert_eq!((world.engine.version("n0"), world.engine.version("n999")), (Some(1), None));
    let world = world.restarted().await;
    world.engine.stop_after(None);
    assert!(!testing_round(&world.gateway).await);
    let done = world.get(&world.system(WRITING), &job).await.json();
    assert_eq!((&done["written"], &done["unchanged"]), (&json!(501), &json!(500)), "{done}");
    for at in 0..1_000 {
        assert_eq!(world.engine.version(&format!("n{at}")), Some(1), "n{at}");
    }
    assert_eq!(world.engine.version("last"), Some(1));
}

#[tokio::test]
async fn a_client_imports_the_types_that_its_scopes_reach_and_while_they_do() {
    let file = format!("{}\n{}", observation("n1", PATIENT), r#"{"resourceType":"Patient","id":"p9"}"#);
    let (world, _folder) = world(&[("a.ndjson", &file)]).await;
    let narrow = world.system("system/Observation.cu");
    let job = begin(&world, &narrow, &["a.ndjson"]).await;
    testing_round(&world.gateway).await;
    let done = world.get(&narrow, &job).await.json();
    assert_eq!((&done["written"], &done["error"][0]["count"]), (&json!(1), &json!(1)));
    assert_eq!((world.engine.version("n1"), world.engine.version("p9")), (Some(1), None));
    for scopes in ["system/*.rs", "system/*.c", "system/*.u", "system/Observation.c system/Patient.u"] {
        let answer = send(&world, &world.system(scopes), "POST", IMPORT, &parameters(&["a.ndjson"])).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{scopes}");
    }
    let job = begin(&world, &world.system(WRITING), &["a.ndjson"]).await;
    world.gateway.smart.clients.remove("lab").await.expect("removed");
    testing_round(&world.gateway).await;
    assert_eq!(world.engine.version("p9"), None, "{job}");
}

#[tokio::test]
async fn a_job_and_its_letters_are_the_client_s_own_and_a_stewards_are_for_no_client() {
    let (world, _folder) = world(&[("a.ndjson", "rubbish")]).await;
    let token = world.system(WRITING);
    let job = begin(&world, &token, &["a.ndjson"]).await;
    let begun = steward(&world, "POST", "/staff/imports", Load::Json(r#"{"files":["a.ndjson"]}"#)).await;
    assert_eq!(begun.0, StatusCode::CREATED, "{}", begun.1);
    testing_round(&world.gateway).await;
    let other = world.gateway.smart.testing_token("ehr", "system/*.cruds", None, None);
    let id = begun.1["id"].as_str().expect("id");
    for path in
        [job.clone(), format!("{job}/errors"), format!("{IMPORT}/{id}"), format!("{IMPORT}/{id}/errors")]
    {
        assert_eq!(world.ask(None, "GET", &path, "").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(world.get(&other, &path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(world.get(&world.clinician(), &path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(world.ask(Some(&other), "DELETE", &job, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(on_disk(&world).len(), 2);
    assert_eq!(world.ask(Some(&token), "DELETE", &job, "").await.status, StatusCode::ACCEPTED);
    assert_eq!(world.get(&token, &job).await.status, StatusCode::NOT_FOUND);
    assert_eq!(on_disk(&world).len(), 1);
}

async fn steward(world: &World, method: &str, path: &str, load: Load) -> (StatusCode, Value) {
    let answer = people::ask(world, "steward", people::request(method, path, load)).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn a_steward_sees_numbers_and_faults_and_stops_what_waits() {
    let file = format!("{}\nrubbish {CANARY}\n", observation("n1", PATIENT));
    let (world, folder) = world(&[("a.ndjson", &file), ("ignored.txt", "x")]).await;
    let begun = steward(&world, "POST", "/staff/imports", Load::Json(r#"{"files":["a.ndjson"]}"#)).await;
    assert_eq!(begun.0, StatusCode::CREATED, "{}", begun.1);
    testing_round(&world.gateway).await;
    let (_, list) = steward(&world, "GET", "/staff/imports", Load::Nothing).await;
    assert_eq!(list["files"], json!([{ "name": "a.ndjson", "bytes": file.len() }]));
    let import = &list["imports"][0];
    assert_eq!(
        (&import["state"], &import["by"], &import["written"]),
        (&json!("complete"), &json!("root"), &json!(1))
    );
    assert_eq!(import["faults"], json!([{ "why": "not-json", "count": 1 }]));
    assert_eq!(import["first"], json!([{ "source": "a.ndjson", "line": 2, "why": "not-json" }]));
    assert!(!list.to_string().contains(CANARY));
    assert_eq!(world.engine.version("n1"), Some(1));
    // Stopped before it is worked on.
    std::fs::write(folder.path().join("b.ndjson"), observation("n2", PATIENT)).expect("file");
    let (_, begun) = steward(&world, "POST", "/staff/imports", Load::Json(r#"{"files":["b.ndjson"]}"#)).await;
    let stop = format!("/staff/imports/{}/stop", begun["id"].as_str().expect("id"));
    assert_eq!(steward(&world, "POST", &stop, Load::Nothing).await.0, StatusCode::NO_CONTENT);
    assert_eq!(steward(&world, "POST", &stop, Load::Nothing).await.0, StatusCode::CONFLICT);
    testing_round(&world.gateway).await;
    assert_eq!(world.engine.version("n2"), None);
}

#[tokio::test]
async fn sources_that_the_operator_did_not_allow_are_refused_before_anything_is_opened() {
    let (world, folder) = world(&[("a.ndjson", "x")]).await;
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link.ndjson")).expect("link");
    let token = world.system(WRITING);
    for (name, value) in [
        ("file", "../gateway.redb"),
        ("file", "/etc/passwd"),
        ("file", "link.ndjson"),
        ("file", "missing.ndjson"),
        ("url", "https://169.254.169.254/latest/meta-data/"),
        ("url", "http://localhost/x"),
        ("url", "file:///etc/passwd"),
        ("url", "https://not-listed.example/x.ndjson"),
        ("anything", "a.ndjson"),
    ] {
        let body =
            json!({ "resourceType": "Parameters", "parameter": [{ "name": name, "valueString": value }] });
        let answer = send(&world, &token, "POST", IMPORT, &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {value}: {}", answer.body);
        assert!(!answer.body.contains(value), "{}", answer.body);
    }
    for body in ["", "{}", "rubbish", &parameters(&[])] {
        assert_eq!(
            send(&world, &token, "POST", IMPORT, body).await.status,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
    let impatient = world.ask(Some(&token), "POST", IMPORT, &parameters(&["a.ndjson"])).await;
    assert_eq!(impatient.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_file_that_changes_or_goes_away_ends_the_import_with_the_reason() {
    let lines: Vec<String> = (0..600).map(|at| observation(&format!("n{at}"), PATIENT)).collect();
    for change in [change as fn(&Path), remove] {
        let (world, folder) = world(&[("a.ndjson", &lines.join("\n"))]).await;
        let token = world.system(WRITING);
        let job = begin(&world, &token, &["a.ndjson"]).await;
        world.engine.stop_after(Some(1));
        assert!(testing_round(&world.gateway).await);
        change(&folder.path().join("a.ndjson"));
        world.engine.stop_after(None);
        assert!(!testing_round(&world.gateway).await);
        let answer = world.get(&token, &job).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        assert_eq!(world.engine.version("n599"), None);
    }
}

fn change(file: &Path) {
    std::fs::write(file, "something else").expect("file");
}

fn remove(file: &Path) {
    std::fs::remove_file(file).expect("file");
}

#[tokio::test]
async fn a_few_imports_wait_at_once() {
    let (world, _folder) = world(&[("a.ndjson", &observation("n1", PATIENT))]).await;
    let token = world.system(WRITING);
    for _ in 0..8 {
        begin(&world, &token, &["a.ndjson"]).await;
    }
    let ninth = send(&world, &token, "POST", IMPORT, &parameters(&["a.ndjson"])).await;
    assert_eq!(ninth.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_record_that_was_erased_comes_back_by_a_stewards_word_alone() {
    let file = format!("{}\n{}", observation("n1", PATIENT), observation("n2", PATIENT));
    let (world, _folder) = world(&[("Observation.ndjson", &file)]).await;
    let token = world.system(WRITING);
    begin(&world, &token, &["Observation.ndjson"]).await;
    assert!(!testing_round(&world.gateway).await);
    let erased = Named { kind: "Observation".into(), id: "n1".into() };
    let how = (Scope::Everything {}, ErasureGround::Unlawful);
    assert!(!testing_erase(&world.gateway, PATIENT, how, vec![erased]).await);
    assert!(!world.engine.has("n1"));

    let job = begin(&world, &token, &["Observation.ndjson"]).await;
    assert!(!testing_round(&world.gateway).await);
    let answer = world.get(&token, &job).await.json();
    assert_eq!((&answer["written"], &answer["error"][0]["count"]), (&json!(1), &json!(1)), "{answer}");
    assert!(!world.engine.has("n1"), "the other line is taken, this one is not");
    let told = world.get(&token, &format!("{job}/errors")).await;
    assert!(told.body.contains("line 1: the record was erased here"), "{}", told.body);

    for (body, status) in [
        (r#"{"files":["Observation.ndjson"],"restoring":" "}"#, StatusCode::BAD_REQUEST),
        (r#"{"files":["Observation.ndjson"],"restoring":"The court says so."}"#, StatusCode::CREATED),
    ] {
        assert_eq!(steward(&world, "POST", "/staff/imports", Load::Json(body)).await.0, status, "{body}");
    }
    assert!(!testing_round(&world.gateway).await);
    assert!(world.engine.has("n1"));
    let entries = world.gateway.log.newest(Page::default()).await.expect("log");
    let said = |words: &str| entries.iter().any(|entry| entry.access.reason.ends_with(words));
    assert!(said("records that were erased may come back: The court says so."));
    assert!(said("with records that were erased: The court says so."));
    // From now on it is a record like others.
    let job = begin(&world, &token, &["Observation.ndjson"]).await;
    assert!(!testing_round(&world.gateway).await);
    assert_eq!(world.get(&token, &job).await.json()["written"], 2);
}
