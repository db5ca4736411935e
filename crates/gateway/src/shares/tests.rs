//! From a grant to a copy to its end; and every way in which a share is refused.

use super::dropper;
use super::table::Stage;
use crate::chain::Chain as _;
use crate::log::Kind;
use crate::tests::race::{RACERS, race};
use crate::tests::world::{Granted, OTHER, PATIENT, World, observation};
use axum::http::StatusCode;
use salus_types::category::{Category, Purpose};
use salus_types::state::{DroppedEntry, key};
use salus_types::{Digest, decode_canonical};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const HOUR_MS: u64 = 3_600_000;

async fn shared(world: &World) -> Granted {
    let grant = world.grant(|_| {}).await;
    world.behind(&grant, &[&observation("b-1", "from b"), &observation("b-2", "also from b")]);
    grant
}

fn copy_of(world: &World, grant: &Granted, id: &str) -> String {
    let copies = world.engine.copies(&grant.held.grant.to_string());
    let found = copies.iter().find(|copy| copy["meta"]["source"].as_str().is_some_and(|s| s.contains(id)));
    found.expect("a copy")["id"].as_str().expect("id").to_owned()
}

#[tokio::test]
async fn the_first_search_brings_what_is_shared_and_the_next_costs_nothing() {
    let world = World::new().await;
    let grant = shared(&world).await;
    let token = world.clinician();
    for _ in 0..3 {
        let answer = world.get(&token, "/fhir/Observation?patient=p1").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(answer.body.contains("from b") && answer.body.contains("fine"), "{}", answer.body);
    }
    assert_eq!(world.vault.reads.load(Ordering::Relaxed), 1);
    let principal = world.engine.last_principal().expect("principal");
    assert_eq!(principal.shares, [grant.held.grant.to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_first_readers_make_one_access_event() {
    let world = Arc::new(World::new().await);
    shared(&world).await;
    let token = world.clinician();
    let answers = race(RACERS, |_| {
        let (world, token) = (Arc::clone(&world), token.clone());
        async move { world.get(&token, "/fhir/Observation?patient=p1").await.body }
    })
    .await;
    assert!(answers.iter().all(|body| body.contains("from b")));
    assert_eq!(world.vault.reads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_copy_says_where_it_comes_from_and_points_at_nothing_local_by_accident() {
    let world = World::new().await;
    let grant = shared(&world).await;
    world.get(&world.clinician(), "/fhir/Observation?patient=p1").await;
    let id = copy_of(&world, &grant, "b-1");
    let text = world.engine.text(&id).expect("copy");
    let copy: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(copy["subject"]["reference"], format!("Patient/{PATIENT}"));
    assert_eq!(copy["hasMember"][0]["reference"], format!("Observation/{}", copy_of(&world, &grant, "b-2")));
    assert!(copy["encounter"]["reference"].as_str().expect("reference").ends_with("/fhir/Encounter/e9"));
    assert!(copy["encounter"]["reference"].as_str().expect("reference").starts_with("http"));
    assert!(copy["meta"]["source"].as_str().expect("source").ends_with("/fhir/Observation/b-1/_history/3"));
    assert!(copy["meta"].get("versionId").is_none());
    let proof = copy["meta"]["extension"][1]["valueUrl"].as_str().expect("proof");
    assert!(proof.ends_with(&format!("/fhir/Observation/{id}/$proof")), "{proof}");
    assert!(text.contains("1.10"), "decimals keep their precision");
    let copies = world.engine.copies(&grant.held.grant.to_string());
    let provenance = copies.iter().find(|copy| copy["resourceType"] == "Provenance").expect("provenance");
    assert_eq!(provenance["target"][0]["reference"], format!("Patient/{PATIENT}"));
    assert_eq!(provenance["target"].as_array().expect("targets").len(), 3);
    assert_eq!(provenance["agent"][0]["who"]["identifier"]["value"], "hospital-b");
}

#[tokio::test]
async fn what_was_shared_is_read_when_its_source_has_left() {
    let world = World::new().await;
    let grant = shared(&world).await;
    world.chain.change_network(|network| {
        network.members.retain(|member| member.organisation.id != grant.held.source);
    });
    let answer = world.get(&world.clinician(), "/fhir/Observation?patient=p1").await;
    assert!(answer.body.contains("from b"), "{}", answer.body);
    let copies = world.engine.copies(&grant.held.grant.to_string());
    let provenance = copies.iter().find(|copy| copy["resourceType"] == "Provenance").expect("provenance");
    assert_eq!(provenance["agent"][0]["who"]["identifier"]["value"], "hospital-b");
}

#[tokio::test]
async fn a_copy_has_a_proof_and_its_reading_is_a_re_read() {
    let world = World::new().await;
    let grant = shared(&world).await;
    let token = world.clinician();
    world.get(&token, "/fhir/Observation?patient=p1").await;
    let id = copy_of(&world, &grant, "b-1");
    assert_eq!(world.get(&token, &format!("/fhir/Observation/{id}")).await.status, StatusCode::OK);
    let proof = world.get(&token, &format!("/fhir/Observation/{id}/$proof")).await;
    assert_eq!(proof.status, StatusCode::OK, "{}", proof.body);
    assert!(proof.json()["resource"].as_str().expect("text").contains("from b"));
    let entries = world.gateway.log.of_patient(PATIENT, Default::default()).await.expect("log");
    let kinds: Vec<_> = entries.iter().rev().map(|entry| entry.access.kind).collect();
    assert_eq!(kinds, [Kind::ShareImport, Kind::Search, Kind::ReRead, Kind::Proof]);
}

/// A search shows nothing of the share, and a read of the copy is refused with a code.
async fn check_closed(world: &World, token: &str, copy: &str, code: &str) {
    let search = world.get(token, "/fhir/Observation?patient=p1").await;
    assert!(!search.body.contains("from b"), "{code}: {}", search.body);
    let read = world.get(token, &format!("/fhir/Observation/{copy}")).await;
    assert!(!read.status.is_success() && !read.body.contains("from b"), "{code}: {}", read.body);
    assert_eq!(read.code(), code, "{}", read.body);
    let proof = world.get(token, &format!("/fhir/Observation/{copy}/$proof")).await;
    assert!(!proof.status.is_success() && !proof.body.contains("from b"), "{code}: {}", proof.body);
}

#[tokio::test]
async fn who_asks_for_another_purpose_or_another_patient_gets_nothing() {
    let world = World::new().await;
    let grant = shared(&world).await;
    world.get(&world.clinician(), "/fhir/Observation?patient=p1").await;
    let copy = copy_of(&world, &grant, "b-1");
    check_closed(&world, &world.on_behalf("dr-bo", PATIENT, Purpose::Payment), &copy, "wrong-purpose").await;
    check_closed(&world, &world.on_behalf("dr-bo", OTHER, Purpose::Treatment), &copy, "").await;
    check_closed(&world, &world.on_behalf("front-desk", PATIENT, Purpose::Treatment), &copy, "forbidden")
        .await;
    check_closed(&world, &world.on_behalf("root", PATIENT, Purpose::Treatment), &copy, "forbidden").await;
    check_closed(&world, &world.system("system/*.cruds"), &copy, "").await;
}

#[tokio::test]
async fn a_share_for_one_named_practitioner_is_for_nobody_else() {
    let world = World::new().await;
    let named = world.practitioner("dr-bo").commitment;
    let grant = world.grant(|held| held.practitioner = Some(named)).await;
    world.behind(&grant, &[&observation("b-1", "from b")]);
    assert!(world.get(&world.clinician(), "/fhir/Observation?patient=p1").await.body.contains("from b"));
    let copy = copy_of(&world, &grant, "b-1");
    check_closed(&world, &world.on_behalf("dr-cy", PATIENT, Purpose::Treatment), &copy, "no-grant").await;
}

#[tokio::test]
async fn protected_categories_are_for_care_whatever_the_grant_says() {
    let world = World::new().await;
    let grant =
        world.grant(|held| (held.categories, held.purpose) = (vec![Category::Hiv], Purpose::Payment)).await;
    world.behind(&grant, &[&observation("b-1", "from b")]);
    let answer =
        world.get(&world.on_behalf("dr-bo", PATIENT, Purpose::Payment), "/fhir/Observation?patient=p1").await;
    assert!(!answer.body.contains("from b"));
    assert_eq!(world.vault.reads.load(Ordering::Relaxed), 0, "it is not even fetched");
}

#[tokio::test]
async fn after_a_revoke_the_very_next_read_is_refused_and_the_copy_goes_with_a_receipt() {
    let world = World::new().await;
    let grant = shared(&world).await;
    let token = world.clinician();
    world.get(&token, "/fhir/Observation?patient=p1").await;
    let copy = copy_of(&world, &grant, "b-1");
    world.revoke(&grant).await;
    check_closed(&world, &token, &copy, "grant-revoked").await;
    let search = world.get(&token, "/fhir/Observation?patient=p1").await;
    assert_eq!(search.headers["x-salus-warning"], "hospital-b;grant-revoked");
    assert!(search.body.contains("\"mode\":\"outcome\"") && search.body.contains("fine"), "{}", search.body);
    let task = tokio::spawn(dropper::run(world.gateway.clone()));
    let entry = key::dropped(&grant.held.grant, &world.gateway.config.organisation);
    let receipt = wait_for(&world, entry).await;
    assert_eq!(receipt.count, 2);
    assert!(world.engine.copies(&grant.held.grant.to_string()).is_empty());
    check_closed(&world, &token, &copy, "grant-revoked").await;
    world.gateway.stop();
    task.await.expect("stopped");
    let set = world.gateway.shares.table.set(grant.held.grant).expect("table").expect("set");
    assert_eq!(set.stage, Stage::Dropped);
}

async fn wait_for(world: &World, entry: salus_types::state::StateKey) -> DroppedEntry {
    for _ in 0..200 {
        if let Some(bytes) = world.chain.state(entry).await.expect("state") {
            return decode_canonical(&bytes).expect("entry");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no receipt");
}

#[tokio::test]
async fn an_expired_grant_is_refused_though_the_ledger_stands_still() {
    let world = World::new().await;
    let grant = world.grant(|held| held.expiry_ms = crate::clock::now_ms() + HOUR_MS).await;
    world.behind(&grant, &[&observation("b-1", "from b")]);
    let token = world.clinician();
    assert!(world.get(&token, "/fhir/Observation?patient=p1").await.body.contains("from b"));
    let copy = copy_of(&world, &grant, "b-1");
    crate::clock::advance(HOUR_MS);
    check_closed(&world, &token, &copy, "grant-expired").await;
}

#[tokio::test]
async fn a_grant_that_has_not_begun_gives_nothing_until_it_has() {
    let world = World::new().await;
    let grant = world.grant(|held| held.not_before_ms = crate::clock::now_ms() + HOUR_MS / 2).await;
    world.behind(&grant, &[&observation("b-1", "from b")]);
    let early = world.get(&world.clinician(), "/fhir/Observation?patient=p1").await;
    assert!(!early.body.contains("from b"), "{}", early.body);
    assert_eq!(early.headers["x-salus-warning"], "hospital-b;no-grant");
    assert_eq!(world.vault.reads.load(Ordering::Relaxed), 0, "it is not even fetched");
    crate::clock::advance(HOUR_MS / 2 + 1);
    world.chain.append(Vec::new(), Vec::new());
    assert!(world.get(&world.clinician(), "/fhir/Observation?patient=p1").await.body.contains("from b"));
}

#[tokio::test]
async fn a_letter_without_a_grant_on_the_ledger_gives_nothing() {
    let world = World::new().await;
    let grant = world.grant(|held| held.grant = salus_types::GrantId(Digest([9; 32]))).await;
    world.behind(&grant, &[&observation("b-1", "from b")]);
    let answer = world.get(&world.clinician(), "/fhir/Observation?patient=p1").await;
    assert!(!answer.body.contains("from b"));
    assert_eq!(answer.headers["x-salus-warning"], "hospital-b;no-grant");
    assert_eq!(world.vault.reads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn without_custodians_local_records_answer_and_the_answer_says_what_is_missing() {
    let world = World::new().await;
    shared(&world).await;
    world.vault.away.store(true, Ordering::Relaxed);
    let token = world.clinician();
    let answer = world.get(&token, "/fhir/Observation?patient=p1").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("fine") && answer.body.contains("\"transient\""), "{}", answer.body);
    assert_eq!(answer.headers["x-salus-warning"], "hospital-b;temporarily-unavailable");
    world.vault.away.store(false, Ordering::Relaxed);
    assert!(world.get(&token, "/fhir/Observation?patient=p1").await.body.contains("from b"));
}

#[tokio::test]
async fn what_came_in_part_is_shown_and_the_rest_is_said_to_be_missing() {
    let world = World::new().await;
    shared(&world).await;
    world.vault.missing.store(3, Ordering::Relaxed);
    let answer = world.get(&world.clinician(), "/fhir/Observation?patient=p1").await;
    assert!(answer.body.contains("from b") && answer.body.contains("\"transient\""), "{}", answer.body);
    assert_eq!(answer.headers["x-salus-warning"], "hospital-b;temporarily-unavailable");
}

#[tokio::test]
async fn a_deletion_at_the_source_takes_the_copy_away() {
    let world = World::new().await;
    let grant = shared(&world).await;
    let token = world.clinician();
    world.get(&token, "/fhir/Observation?patient=p1").await;
    world.behind(&grant, &[r#"{"resourceType":"Observation","id":"b-1","meta":{}}"#]);
    let who = crate::fhir::principal::Practitioner {
        id: "dr-bo".into(),
        name: "Dr Bo".into(),
        role: salus_policy::Role::Clinician,
        commitment: world.practitioner("dr-bo").commitment,
        patient: Some(PATIENT.into()),
        purpose: Purpose::Treatment,
        reason: "follow-up".into(),
        relation: salus_policy::Relation::Chart,
        scopes: None,
    };
    world.gateway.shares.fetch(&world.gateway, &who).await.expect("fetched");
    let answer = world.get(&token, "/fhir/Observation?patient=p1").await;
    assert!(!answer.body.contains("\"from b\"") && answer.body.contains("also from b"), "{}", answer.body);
}

/// Hospital B has had the copy with this id there erased.
fn erased(world: &World, grant: &Granted, id: &str) -> salus_types::vault::ErasureNotice {
    let held = world.gateway.shares.table.versions(grant.held.grant).expect("versions");
    let of = held.into_iter().filter(|(_, row)| row.id == id).map(|(version, _)| version).collect::<Vec<_>>();
    assert_eq!(of.len(), 1, "{id}");
    crate::testing::erasures::notice("hospital-b", of)
}

#[tokio::test]
async fn a_copy_of_what_its_source_erased_goes_and_the_rest_comes_again() {
    let world = World::new().await;
    let grant = shared(&world).await;
    let token = world.clinician();
    world.get(&token, "/fhir/Observation?patient=p1").await;
    let notice = erased(&world, &grant, "b-1");
    assert_eq!(world.gateway.shares.erase(&world.gateway, &notice).await.expect("erased"), 1);
    assert_eq!(world.gateway.shares.erase(&world.gateway, &notice).await.expect("erased"), 0, "once");
    assert!(world.engine.copies(&grant.held.grant.to_string()).is_empty());
    let foreign = crate::testing::erasures::notice("hospital-a", notice.versions.to_vec());
    world.custodians_erased(&grant, &notice.versions);
    let answer = world.get(&token, "/fhir/Observation?patient=p1").await;
    assert!(!answer.body.contains("\"from b\"") && answer.body.contains("also from b"), "{}", answer.body);
    assert_eq!(
        world.gateway.shares.erase(&world.gateway, &foreign).await.expect("erased"),
        0,
        "of another source"
    );
}

#[tokio::test]
async fn what_is_erased_while_it_is_read_is_not_kept() {
    use crate::erasure::ErasureVault as _;
    let world = World::new().await;
    let grant = shared(&world).await;
    let token = world.clinician();
    world.get(&token, "/fhir/Observation?patient=p1").await;
    let notice = erased(&world, &grant, "b-1");
    world.gateway.shares.erase(&world.gateway, &notice).await.expect("erased");
    // The custodians released it before they heard of the order; the vault here has heard.
    world.erasures.carry_out(notice).await.expect("carried out");
    let answer = world.get(&token, "/fhir/Observation?patient=p1").await;
    assert!(!answer.body.contains("from b"), "{}", answer.body);
    assert!(world.engine.copies(&grant.held.grant.to_string()).is_empty());
}
