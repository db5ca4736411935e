//! Exports, and the ways in which somebody might get more than they may.

use super::{location, path_of, send};
use crate::bulk::export::testing_round;
use crate::cases::tests::{Person, steward};
use crate::engine::fake::Leak;
use crate::log::{Kind, Page};
use crate::smart::NewClient;
use crate::tests::world::{CANARY, OTHER, PATIENT, World};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

const EVERYTHING: &str = "system/*.rs";
const SYSTEM: &str = "/fhir/$export";
const HOUR_MS: u64 = 3_600_000;

/// Begins an export; the path to ask at.
async fn begin(world: &World, token: &str, path: &str) -> String {
    location(&send(world, token, "GET", path, "").await)
}

/// Begins an export and has it done: the path to ask at, and the manifest.
async fn done(world: &World, token: &str, path: &str) -> (String, Value) {
    let job = begin(world, token, path).await;
    testing_round(&world.gateway).await;
    let answer = world.get(token, &job).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    (job, answer.json())
}

/// Everything in the files of a manifest.
async fn files(world: &World, token: &str, manifest: &Value) -> String {
    let mut all = String::new();
    for file in manifest["output"].as_array().expect("output") {
        let answer = world.get(token, &path_of(file["url"].as_str().expect("url"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let lines: Vec<&str> = answer.body.lines().collect();
        assert_eq!(json!(lines.len()), file["count"]);
        for line in lines {
            let resource: Value = serde_json::from_str(line).expect("a resource on each line");
            assert_eq!(resource["resourceType"], file["type"]);
        }
        all.push_str(&answer.body);
    }
    all
}

fn folder(world: &World) -> PathBuf {
    world.gateway.config.data.join("bulk").join("exports")
}

/// Every file below the exports' folder.
fn on_disk(world: &World) -> Vec<PathBuf> {
    let folders =
        std::fs::read_dir(folder(world)).into_iter().flatten().map(|entry| entry.expect("entry").path());
    folders
        .flat_map(|job| std::fs::read_dir(job).expect("job").map(|file| file.expect("file").path()))
        .collect()
}

async fn other_client(world: &World) -> String {
    let client = NewClient {
        id: "other".into(),
        name: "other".into(),
        jwks: crate::smart::testing::jwks(),
        scopes: "system/*.cruds".into(),
        may_assert_users: false,
    };
    world.gateway.smart.clients.register(client).await.expect("client");
    world.gateway.smart.testing_token("other", EVERYTHING, None, None)
}

async fn register_again(world: &World, scopes: &str) {
    let client = NewClient {
        id: "lab".into(),
        name: "lab".into(),
        jwks: crate::smart::testing::jwks(),
        scopes: scopes.into(),
        may_assert_users: false,
    };
    world.gateway.smart.clients.register(client).await.expect("client");
}

/// Has a patient's use restricted.
async fn restrict(world: &World, patient: &str) {
    let person = Person::enrolled(&world.gateway, patient).await;
    let id = person.restricts(world).await;
    let yes = r#"{"accept":true,"words":"You are right."}"#;
    let answered = steward(world, &format!("/staff/cases/{id}/answer"), yes).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT);
}

async fn exports_of(world: &World, patient: &str) -> Vec<crate::log::Entry> {
    let entries = world.gateway.log.of_patient(patient, Page::default()).await.expect("log");
    entries.into_iter().filter(|entry| entry.access.kind == Kind::Export).collect()
}

#[tokio::test]
async fn a_system_gets_everything_as_files_and_each_patient_finds_one_entry_of_it() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let job = begin(&world, &token, SYSTEM).await;
    let waiting = world.get(&token, &job).await;
    assert_eq!(waiting.status, StatusCode::ACCEPTED);
    assert!(waiting.headers.contains_key("x-progress") && waiting.headers.contains_key(header::RETRY_AFTER));
    testing_round(&world.gateway).await;
    let answer = world.get(&token, &job).await;
    assert!(answer.headers.contains_key(header::EXPIRES));
    let manifest = answer.json();
    assert_eq!(manifest["request"], format!("{}{SYSTEM}", crate::testing::ORIGIN));
    assert_eq!((&manifest["requiresAccessToken"], &manifest["error"]), (&json!(true), &json!([])));
    let output = manifest["output"].as_array().expect("output").iter();
    let kinds: BTreeSet<&str> = output.filter_map(|file| file["type"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["Binary", "Observation", "Organization", "Patient"]));
    let all = files(&world, &token, &manifest).await;
    assert_eq!(all.lines().count(), 8, "{all}");
    let kinds = ["Binary", "Observation", "Patient"];
    for (patient, count, types) in [(PATIENT, 5, &kinds[..]), (OTHER, 2, &kinds[1..])] {
        let entries = exports_of(&world, patient).await;
        assert_eq!(entries.len(), 1);
        let found: BTreeSet<&str> = entries[0].access.types.iter().map(String::as_str).collect();
        assert_eq!(found, types.iter().copied().collect());
        assert_eq!(entries[0].access.count, Some(count));
    }
    world.gateway.log.verify().expect("chain");
}

#[tokio::test]
async fn at_rest_the_files_show_nothing_and_belong_to_the_node_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    done(&world, &world.system(EVERYTHING), SYSTEM).await;
    let files = on_disk(&world);
    assert_eq!(files.len(), 4);
    for file in files {
        let bytes = std::fs::read(&file).expect("file");
        assert!(!String::from_utf8_lossy(&bytes).contains("resourceType"));
        assert_eq!(std::fs::metadata(&file).expect("file").permissions().mode() & 0o077, 0);
    }
}

#[tokio::test]
async fn a_patient_s_or_a_group_s_export_has_their_records_and_no_others() {
    let world = World::new().await;
    world.engine.keep(
        None,
        json!({ "resourceType": "Group", "id": "g1", "member": [
            { "entity": { "reference": format!("Patient/{PATIENT}") } },
            { "entity": { "reference": format!("Patient/{OTHER}") }, "inactive": true },
            { "entity": { "reference": "Group/g2" } },
        ] }),
    );
    let token = world.system(EVERYTHING);
    let (_, manifest) = done(&world, &token, "/fhir/Patient/$export").await;
    let all = files(&world, &token, &manifest).await;
    assert!(all.contains(CANARY) && !all.contains("Organization"));
    let (_, manifest) = done(&world, &token, "/fhir/Group/g1/$export").await;
    let members = files(&world, &token, &manifest).await;
    assert!(!members.contains(CANARY) && !members.contains("Organization"), "{members}");
    assert_eq!(members.lines().count(), 4);
    let body = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "patient", "valueReference": { "reference": format!("Patient/{PATIENT}") } },
        { "name": "_type", "valueString": "Observation" },
    ] });
    let answer = send(&world, &token, "POST", "/fhir/Patient/$export", &body.to_string()).await;
    testing_round(&world.gateway).await;
    let job = location(&answer);
    let manifest = world.get(&token, &job).await.json();
    assert_eq!(files(&world, &token, &manifest).await.lines().count(), 3);
    let nobody = send(&world, &token, "GET", "/fhir/Group/g9/$export", "").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_job_and_its_files_are_the_clients_own() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (job, manifest) = done(&world, &token, SYSTEM).await;
    let file = path_of(manifest["output"][0]["url"].as_str().expect("url"));
    let other = other_client(&world).await;
    for path in [&job, &file] {
        assert_eq!(world.ask(None, "GET", path, "").await.status, StatusCode::UNAUTHORIZED);
        let answer = world.get(&other, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.body.contains(CANARY));
        assert_eq!(world.get(&world.clinician(), path).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(world.ask(Some(&other), "DELETE", &job, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&token, &file).await.status, StatusCode::OK, "it is still there for its owner");
}

#[tokio::test]
async fn a_file_needs_a_token_that_reaches_its_type() {
    let world = World::new().await;
    let (_, manifest) = done(&world, &world.system(EVERYTHING), SYSTEM).await;
    let narrow = world.system("system/Patient.rs");
    for file in manifest["output"].as_array().expect("output") {
        let answer = world.get(&narrow, &path_of(file["url"].as_str().expect("url"))).await;
        let expected = if file["type"] == "Patient" { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{file}");
    }
}

#[tokio::test]
async fn scopes_decide_which_types_are_in_it_and_which_may_be_asked_for() {
    let world = World::new().await;
    let narrow = world.system("system/Patient.rs system/Observation.r");
    let (_, manifest) = done(&world, &narrow, SYSTEM).await;
    let output = manifest["output"].as_array().expect("output");
    assert_eq!(output.len(), 1);
    assert_eq!(output[0]["type"], "Patient");
    for (scopes, path) in [
        ("system/Patient.rs", "/fhir/$export?_type=Patient,Observation"),
        ("system/Patient.rs", "/fhir/$export?_typeFilter=Observation%3Fcode%3Da"),
        ("system/Patient.rs", "/fhir/$export?_typeFilter=Patient%3F_has%3AObservation%3Asubject%3Acode%3Da"),
        ("system/Patient.rs", "/fhir/Group/g1/$export"),
        ("system/Patient.r", SYSTEM),
        ("system/Patient.s", SYSTEM),
        ("system/Patient.cud", SYSTEM),
        ("patient/*.s", SYSTEM),
    ] {
        let answer = send(&world, &world.system(scopes), "GET", path, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{scopes} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused_before_anything_begins() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    for query in [
        "_outputFormat=text/csv",
        "_since=yesterday",
        "_type=Nonsense",
        "_type=",
        "_type=../../internal",
        "_typeFilter=Observation",
        "_typeFilter=Observation%3F_include%3Dx",
        "_typeFilter=Observation%3Fnonsense%3D1",
        "_elements=id",
        "includeAssociatedData=x",
        "patient=p1",
    ] {
        let answer = send(&world, &token, "GET", &format!("{SYSTEM}?{query}"), "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.body);
        assert!(answer.body.contains("OperationOutcome"));
    }
    let organisations = send(&world, &token, "GET", "/fhir/Patient/$export?_type=Organization", "").await;
    assert_eq!(organisations.status, StatusCode::BAD_REQUEST);
    for (path, body) in [(SYSTEM, "rubbish"), (SYSTEM, "{}"), ("/fhir/Patient/$export", "[]")] {
        assert_eq!(send(&world, &token, "POST", path, body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let impatient = world.get(&token, SYSTEM).await;
    assert_eq!(impatient.status, StatusCode::BAD_REQUEST, "without `Prefer: respond-async`");
    testing_round(&world.gateway).await;
    assert!(on_disk(&world).is_empty());
}

#[tokio::test]
async fn a_name_from_outside_opens_no_other_file() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (job, _) = done(&world, &token, SYSTEM).await;
    for name in [
        "..%2F..%2F..%2Fgateway.redb",
        "..%2f..%2f..%2faccess-log.journal",
        "Patient-3.ndjson%00",
        "patient-3.ndjson",
        "%2Fetc%2Fpasswd",
        ".",
        "Patient-9.ndjson",
    ] {
        let answer = world.get(&token, &format!("{job}/{name}")).await;
        assert!(answer.status.is_client_error(), "{name}: {}", answer.status);
    }
    for name in ["..", "..%2Fexports", "%2e%2e"] {
        let answer = world.get(&token, &format!("/fhir/$export/{name}")).await;
        assert!(answer.status.is_client_error(), "{name}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_job_ends_with_its_time_and_its_files_with_it() {
    let world = World::new().await;
    let (job, manifest) = done(&world, &world.system(EVERYTHING), SYSTEM).await;
    crate::clock::advance(25 * HOUR_MS);
    let token = world.system(EVERYTHING);
    assert_eq!(world.get(&token, &job).await.status, StatusCode::NOT_FOUND);
    let file = path_of(manifest["output"][0]["url"].as_str().expect("url"));
    assert_eq!(world.get(&token, &file).await.status, StatusCode::NOT_FOUND);
    testing_round(&world.gateway).await;
    assert!(on_disk(&world).is_empty());
}

#[tokio::test]
async fn a_deleted_job_is_gone_with_its_files_even_while_it_is_worked_on() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (job, _) = done(&world, &token, SYSTEM).await;
    assert_eq!(world.ask(Some(&token), "DELETE", &job, "").await.status, StatusCode::ACCEPTED);
    assert_eq!(world.get(&token, &job).await.status, StatusCode::NOT_FOUND);
    assert!(on_disk(&world).is_empty());
    let job = begin(&world, &token, SYSTEM).await;
    let (reached, go) = world.engine.hold();
    let work = testing_round(&world.gateway);
    let meanwhile = async {
        reached.await.expect("a second page");
        assert_eq!(world.ask(Some(&token), "DELETE", &job, "").await.status, StatusCode::ACCEPTED);
        go.send(()).expect("the engine waits");
    };
    tokio::join!(work, meanwhile);
    assert_eq!(world.get(&token, &job).await.status, StatusCode::NOT_FOUND);
    assert!(on_disk(&world).is_empty());
}

#[tokio::test]
async fn a_restricted_patient_is_in_no_export_and_whoever_is_restricted_later_is_taken_out() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (before, manifest) = done(&world, &token, SYSTEM).await;
    let file = path_of(manifest["output"][0]["url"].as_str().expect("url"));
    // Restricted after the files were made: they are given to nobody.
    restrict(&world, OTHER).await;
    assert_eq!(world.get(&token, &file).await.status, StatusCode::GONE);
    assert_eq!(world.get(&token, &before).await.status, StatusCode::GONE);
    assert!(on_disk(&world).is_empty());
    let (_, manifest) = done(&world, &token, SYSTEM).await;
    assert!(!files(&world, &token, &manifest).await.contains(CANARY));
    // Even if the engine should forget it.
    world.engine.leak(Leak::Everything);
    let (_, manifest) = done(&world, &token, SYSTEM).await;
    assert!(!files(&world, &token, &manifest).await.contains(CANARY));
}

#[tokio::test]
async fn who_is_restricted_while_the_job_runs_is_not_in_it() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let job = begin(&world, &token, SYSTEM).await;
    let (reached, go) = world.engine.hold();
    let work = testing_round(&world.gateway);
    let meanwhile = async {
        reached.await.expect("a second page");
        restrict(&world, OTHER).await;
        go.send(()).expect("the engine waits");
    };
    tokio::join!(work, meanwhile);
    let manifest = world.get(&token, &job).await.json();
    let all = files(&world, &token, &manifest).await;
    assert!(all.contains("\"o1\"") && !all.contains(CANARY), "{all}");
    assert_eq!(exports_of(&world, OTHER).await.len(), 0);
}

#[tokio::test]
async fn what_is_erased_leaves_every_export() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (job, _) = done(&world, &token, SYSTEM).await;
    crate::bulk::export::withdraw(&world.gateway).await.expect("withdrawn");
    assert_eq!(world.get(&token, &job).await.status, StatusCode::GONE);
    assert!(on_disk(&world).is_empty());
    let job = begin(&world, &token, SYSTEM).await;
    let (reached, go) = world.engine.hold();
    let work = testing_round(&world.gateway);
    let meanwhile = async {
        reached.await.expect("a second page");
        let named = crate::erasure::Named { kind: "Observation".into(), id: "o2".into() };
        assert!(world.gateway.engine.erase(&[named]).await.expect("erased"));
        crate::bulk::export::withdraw(&world.gateway).await.expect("withdrawn");
        go.send(()).expect("the engine waits");
    };
    tokio::join!(work, meanwhile);
    let manifest = world.get(&token, &job).await.json();
    assert!(!files(&world, &token, &manifest).await.contains("\"o2\""));
}

#[tokio::test]
async fn copies_of_other_organisations_are_in_no_export() {
    let world = World::new().await;
    let granted = world.grant(|_| {}).await;
    world.behind(&granted, &[&crate::tests::world::observation("shared", "Geteiltes")]);
    assert!(world.get(&world.clinician(), "/fhir/Observation?patient=p1").await.body.contains("Geteiltes"));
    let token = world.system(EVERYTHING);
    for leaks in [false, true] {
        if leaks {
            world.engine.leak(Leak::Everything);
        }
        let (_, manifest) = done(&world, &token, SYSTEM).await;
        assert!(!files(&world, &token, &manifest).await.contains("Geteiltes"));
    }
}

#[tokio::test]
async fn a_client_that_may_less_meanwhile_gets_less() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let job = begin(&world, &token, SYSTEM).await;
    register_again(&world, "system/Patient.rs").await;
    testing_round(&world.gateway).await;
    let manifest = world.get(&token, &job).await.json();
    assert_eq!(manifest["output"].as_array().expect("output").len(), 1);
    assert_eq!(manifest["output"][0]["type"], "Patient");
    let job = begin(&world, &token, SYSTEM).await;
    let (reached, go) = world.engine.hold();
    register_again(&world, "system/*.rs").await;
    let work = testing_round(&world.gateway);
    let meanwhile = async {
        reached.await.expect("a second page");
        world.gateway.smart.clients.remove("lab").await.expect("removed");
        go.send(()).expect("the engine waits");
    };
    tokio::join!(work, meanwhile);
    assert!(
        on_disk(&world)
            .iter()
            .all(|file| !file.to_string_lossy().contains(job.rsplit('/').next().expect("id")))
    );
    assert_eq!(world.get(&token, &job).await.status, StatusCode::UNAUTHORIZED);
    register_again(&world, "system/*.rs").await;
    let answer = world.get(&token, &job).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("registered no longer"), "{}", answer.body);
}

#[tokio::test]
async fn a_restart_loses_no_job_and_leaves_no_file_behind() {
    let world = World::new().await;
    let (finished, manifest) = done(&world, &world.system(EVERYTHING), SYSTEM).await;
    let waiting = begin(&world, &world.system(EVERYTHING), SYSTEM).await;
    let orphan = folder(&world).join("0123");
    std::fs::create_dir_all(&orphan).expect("folder");
    std::fs::write(orphan.join("Patient-1.ndjson"), "left behind").expect("file");
    // Half-made files of the job that was worked on.
    let half = folder(&world).join(waiting.rsplit('/').next().expect("id"));
    std::fs::create_dir_all(&half).expect("folder");
    std::fs::write(half.join("Group-1.ndjson"), "half").expect("file");
    let world = world.restarted().await;
    testing_round(&world.gateway).await;
    let token = world.system(EVERYTHING);
    assert!(!orphan.exists());
    assert_eq!(files(&world, &token, &manifest).await.lines().count(), 8);
    assert_eq!(world.get(&token, &finished).await.status, StatusCode::OK);
    let manifest = world.get(&token, &waiting).await.json();
    assert_eq!(files(&world, &token, &manifest).await.lines().count(), 8);
    assert_eq!(on_disk(&world).len(), 8);
}

#[tokio::test]
async fn files_that_did_not_come_back_with_the_tables_are_said_to_be_gone() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (job, _) = done(&world, &token, SYSTEM).await;
    std::fs::remove_dir_all(folder(&world)).expect("a restored node has the tables alone");
    testing_round(&world.gateway).await;
    assert_eq!(world.get(&token, &job).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_file_that_was_changed_or_cut_on_disk_ends_in_an_error_and_not_in_less() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (_, manifest) = done(&world, &token, SYSTEM).await;
    let file = path_of(manifest["output"][0]["url"].as_str().expect("url"));
    let name = file.rsplit('/').next().expect("name").to_owned();
    let path = on_disk(&world).into_iter().find(|path| path.ends_with(&name)).expect("file");
    let whole = std::fs::read(&path).expect("file");
    let mut changed = whole.clone();
    changed[3] ^= 1;
    for bytes in [&whole[..whole.len() - 1], &changed, &[]] {
        std::fs::write(&path, bytes).expect("write");
        let router = crate::public_router(world.gateway.clone());
        let request = Request::get(&file).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let answer = tower::ServiceExt::oneshot(router, request.body(Body::empty()).expect("request"));
        let body = answer.await.expect("answer").into_body();
        assert!(axum::body::to_bytes(body, 1 << 20).await.is_err());
    }
}

#[tokio::test]
async fn a_client_has_a_few_jobs_at_once_and_an_export_a_largest_size() {
    let world = World::changed(|config| config.bulk.export_bytes_max = 300).await;
    let token = world.system(EVERYTHING);
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(begin(&world, &token, SYSTEM).await);
    }
    let fifth = send(&world, &token, "GET", SYSTEM, "").await;
    assert_eq!(fifth.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(fifth.headers.contains_key(header::RETRY_AFTER));
    let other = other_client(&world).await;
    begin(&world, &other, SYSTEM).await;
    testing_round(&world.gateway).await;
    let answer = world.get(&token, &jobs[0]).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("larger than this node's operator allows"), "{}", answer.body);
    assert!(on_disk(&world).is_empty());
}

#[tokio::test]
async fn with_a_time_what_was_deleted_since_is_told_apart() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    world.engine.deleted("Observation", "gone");
    let (_, manifest) = done(&world, &token, "/fhir/$export?_since=2026-01-01T00:00:00Z").await;
    let deleted = manifest["deleted"].as_array().expect("deleted");
    assert_eq!((deleted.len(), &deleted[0]["type"]), (1, &json!("Bundle")));
    let file = path_of(deleted[0]["url"].as_str().expect("url"));
    let answer = world.get(&token, &file).await;
    let line: Value = serde_json::from_str(&answer.body).expect("a bundle");
    assert_eq!(line["entry"][0]["request"], json!({ "method": "DELETE", "url": "Observation/gone" }));
    assert_eq!(world.get(&world.system("system/Patient.rs"), &file).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn files_are_compressed_for_whoever_asks() {
    let world = World::new().await;
    let token = world.system(EVERYTHING);
    let (_, manifest) = done(&world, &token, SYSTEM).await;
    let request = Request::get(path_of(manifest["output"][0]["url"].as_str().expect("url")))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::ACCEPT_ENCODING, "gzip")
        .body(Body::empty());
    let answer = world.send(request.expect("request")).await;
    assert_eq!(answer.headers[header::CONTENT_ENCODING], "gzip");
}
