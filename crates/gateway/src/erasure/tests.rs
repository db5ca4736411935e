//! Erasures from the letter to the receipt: real routes, a fake engine and vault.

use super::{Named, carry, due};
use crate::cases::tests::{Person, steward};
use crate::error::Code;
use crate::testing::erasures::notice;
use crate::tests::world::{OTHER, PATIENT, World};
use axum::http::StatusCode;
use salus_crypto::hash::sha256;
use salus_types::VersionId;
use salus_types::category::Category;
use salus_types::erasure::ErasureGround;
use salus_types::state::{ErasureEntry, key};
use serde_json::{Value, json};

const YES: &str = r#"{"accept":true,"words":"It is done."}"#;

/// A person with an old and a young laboratory result, and an old claim.
async fn world() -> (World, Person) {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    for (id, date, category) in [
        ("old", "2001-02-03", Category::Labs),
        ("young", "2024-02-03", Category::Labs),
        ("claim", "2002-02-03", Category::Claims),
    ] {
        let resource = json!({ "resourceType": "Observation", "id": id, "effectiveDateTime": date });
        world.engine.keep(Some(PATIENT), resource);
        world.erasures.seal(PATIENT, "Observation", id, category);
    }
    world.erasures.seal(PATIENT, "Patient", PATIENT, Category::Demographics);
    world.erasures.seal(OTHER, "Observation", "o2", Category::Labs);
    (world, person)
}

async fn asks(world: &World, person: &Person, scope: Value) -> String {
    let ask = json!({ "ask": "erase", "scope": scope, "reason": "I do not want it kept" });
    person.asks(&world.gateway, ask).await[0]["id"].as_str().expect("an id").to_owned()
}

fn labs() -> Value {
    json!({ "of": "category", "category": "labs" })
}

async fn list(world: &World, person: &Person) -> Value {
    person.asks(&world.gateway, json!({ "ask": "list" })).await.remove(0)
}

#[tokio::test]
async fn what_no_law_keeps_is_erased_and_the_rest_says_which_law_keeps_it() {
    let (world, person) = world().await;
    let id = asks(&world, &person, labs()).await;
    let survey = steward(&world, &format!("/staff/cases/{id}/survey"), "").await.json();
    assert_eq!((&survey["dueCount"], &survey["keptCount"]), (&json!(1), &json!(1)), "{survey}");
    assert_eq!(survey["due"][0], json!({ "type": "Observation", "id": "old", "category": "labs" }));
    assert_eq!(survey["kept"][0]["id"], "young");
    assert_eq!(survey["kept"][0]["ground"], "Medical records are to be kept for ten years after treatment.");
    assert_eq!(survey["kept"][0]["untilMs"], json!(2_022_623_999_000_u64));

    let answered = steward(&world, &format!("/staff/cases/{id}/answer"), YES).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "{}", answered.body);
    assert!(world.engine.has("old"), "not before it is carried out");
    assert!(!carry::round(&world.gateway).await.expect("carried out"));
    for (id, left) in [("old", false), ("young", true), ("claim", true), ("o2", true)] {
        assert_eq!(world.engine.has(id), left, "{id}");
    }
    let carried = world.erasures.carried.lock().expect("lock").clone();
    assert_eq!((carried.len(), carried[0].versions.len()), (1, 2));
    let entry = world.gateway.chain().state(key::erasure(&carried[0].erasure)).await.expect("a state");
    let entry: ErasureEntry = salus_types::decode_canonical(&entry.expect("an order")).expect("an entry");
    assert!(carried[0].opens(&entry));
    assert_eq!(entry.ground, ErasureGround::PatientRequest);

    let case = list(&world, &person).await;
    assert_eq!((&case["state"], &case["erasure"]["records"]), (&json!("accepted"), &json!(1)), "{case}");
    assert_eq!((&case["erasure"]["step"], &case["erasure"]["keptCount"]), (&json!("ordered"), &json!(1)));
    assert_eq!(
        case["erasure"]["receipts"],
        json!([{ "organisation": "hospital-a" }, { "organisation": "hospital-b" }])
    );
    let again = steward(&world, &format!("/staff/cases/{id}/answer"), YES).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(!carry::round(&world.gateway).await.expect("nothing is left"));
    assert_eq!(world.erasures.carried.lock().expect("lock").len(), 1, "once");
}

#[tokio::test]
async fn a_record_that_is_to_be_kept_is_not_erased_at_a_wish_but_if_it_is_unlawful_to_have() {
    let (world, person) = world().await;
    let id =
        asks(&world, &person, json!({ "of": "record", "record": { "type": "Observation", "id": "young" } }))
            .await;
    let path = format!("/staff/cases/{id}/answer");
    let answered = steward(&world, &path, YES).await;
    assert_eq!(answered.status, StatusCode::CONFLICT, "{}", answered.body);
    assert_eq!(list(&world, &person).await["state"], "open", "nothing was decided");
    let unlawful = r#"{"accept":true,"words":"It was somebody else's.","basis":"unlawful"}"#;
    assert_eq!(steward(&world, &path, unlawful).await.status, StatusCode::NO_CONTENT);
    carry::round(&world.gateway).await.expect("carried out");
    assert!(!world.engine.has("young") && world.engine.has("old"));
}

#[tokio::test]
async fn a_refusal_names_the_law_and_the_person_may_disagree() {
    let (world, person) = world().await;
    let id = asks(&world, &person, json!({ "of": "everything" })).await;
    let path = format!("/staff/cases/{id}/answer");
    for body in [
        r#"{"accept":false,"words":"No."}"#,
        r#"{"accept":false,"ground":"accurate","words":"No."}"#,
        r#"{"accept":false,"ground":"retention","words":"No.","basis":"unlawful"}"#,
    ] {
        assert_eq!(steward(&world, &path, body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let refused = r#"{"accept":false,"ground":"claims","words":"A court needs it."}"#;
    assert_eq!(steward(&world, &path, refused).await.status, StatusCode::NO_CONTENT);
    person
        .asks(&world.gateway, json!({ "ask": "disagree", "case": id, "statement": "The court has ruled." }))
        .await;
    let case = list(&world, &person).await;
    assert_eq!(
        (&case["answer"]["ground"], &case["disagreement"]),
        (&json!("claims"), &json!("The court has ruled."))
    );
    assert!(case.get("erasure").is_none());
}

#[tokio::test]
async fn what_is_not_sealed_yet_waits_and_a_restart_goes_on() {
    let (world, person) = world().await;
    let id = asks(&world, &person, labs()).await;
    world.engine.unsealed(&["old"]);
    assert_eq!(
        steward(&world, &format!("/staff/cases/{id}/answer"), YES).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(carry::round(&world.gateway).await.expect("waits"));
    assert!(world.engine.has("old") && world.erasures.carried.lock().expect("lock").is_empty());
    let world = world.restarted().await;
    world.engine.unsealed(&[]);
    assert!(!carry::round(&world.gateway).await.expect("carried out"));
    assert!(!world.engine.has("old"));
}

#[tokio::test]
async fn a_steward_orders_what_nobody_asked_about_and_the_patient_sees_it() {
    let (world, person) = world().await;
    for (body, status) in [
        (r#"{"patient":"p1","scope":{"of":"everything"},"basis":"patient-request","words":"x"}"#, 400),
        (r#"{"patient":"nobody","scope":{"of":"everything"},"basis":"retention-over","words":"x"}"#, 404),
        (
            r#"{"patient":"p1","scope":{"of":"everything","more":1},"basis":"retention-over","words":"x"}"#,
            400,
        ),
        (r#"{"patient":"p1","scope":{"of":"everything"},"basis":"retention-over","words":""}"#, 400),
        (
            r#"{"patient":"p1","scope":{"of":"everything"},"basis":"retention-over","words":"Ten years are over."}"#,
            204,
        ),
    ] {
        let answer = steward(&world, "/staff/erasures", body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.body);
    }
    carry::round(&world.gateway).await.expect("carried out");
    for (id, left) in [("old", false), ("young", true), ("claim", false), ("o2", true)] {
        assert_eq!(world.engine.has(id), left, "{id}");
    }
    let case = list(&world, &person).await;
    assert_eq!((&case["kind"], &case["reason"]), (&json!("erasure"), &json!("Ten years are over.")));
}

#[tokio::test]
async fn a_dossier_is_for_the_person_that_it_is_about() {
    let (world, person) = world().await;
    let id = asks(&world, &person, labs()).await;
    let other = Person::enrolled(&world.gateway, OTHER).await;
    let ask = json!({ "ask": "dossier", "case": id });
    let early = person.reads(&world.gateway, ask.clone()).await.expect_err("nothing was decided");
    assert_eq!(early.code(), Code::NotFound);
    steward(&world, &format!("/staff/cases/{id}/answer"), YES).await;
    carry::round(&world.gateway).await.expect("carried out");
    let foreign = other.reads(&world.gateway, ask).await.expect_err("another's");
    assert_eq!(foreign.code(), Code::NotFound);
}

#[tokio::test]
async fn what_others_had_erased_leaves_the_clinical_store_and_so_does_what_a_backup_brought_back() {
    let (world, _) = world().await;
    let versions = vec![VersionId(sha256(b"a version"))];
    let own = vec![Named { kind: "Observation".into(), id: "old".into() }];
    world.erasures.due.lock().expect("lock").push((notice("hospital-b", versions.clone()), Vec::new()));
    world.erasures.due.lock().expect("lock").push((notice("hospital-a", versions), own));
    world.engine.unsealed(&["old"]);
    assert!(due::round(&world.gateway).await.expect("looked"), "a version waits to be sealed");
    assert_eq!(world.erasures.finished.lock().expect("lock").len(), 1);
    world.engine.unsealed(&[]);
    assert!(!due::round(&world.gateway).await.expect("looked"));
    assert!(!world.engine.has("old"));
    assert_eq!(world.erasures.finished.lock().expect("lock").len(), 2);
}
