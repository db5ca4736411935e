use serde_json::{Value, json};

use crate::support::{Node, feed, observation, steward};

/// Wrong code, missing element, wrong kind, unknown element, broken invariant.
fn wrong() -> Vec<(&'static str, Value)> {
    let base = || observation("o", "a", "x");
    let with = |name: &str, value: Value| {
        let mut resource = base();
        resource[name] = value;
        resource
    };
    let mut missing = base();
    missing.as_object_mut().unwrap().remove("status");
    vec![
        ("code", with("status", json!("sort-of-final"))),
        ("cardinality", missing),
        ("structure", with("note", json!("text"))),
        ("unknown", with("colour", json!("red"))),
        ("invariant", with("dataAbsentReason", json!({"text": "but there is a value"}))),
    ]
}

#[tokio::test]
async fn a_person_is_told_every_problem_and_nothing_is_stored() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    for (name, resource) in wrong() {
        let transaction = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": resource, "request": {"method": "PUT", "url": "Observation/o"}}]});
        for (method, path, body) in [
            ("PUT", "/Observation/o", resource.clone()),
            ("POST", "/Observation", resource),
            ("POST", "", transaction),
        ] {
            let answer = client.fhir(&steward(), method, path, Some(body)).await;
            assert_eq!(answer.status, 422, "{name} {method} {path} {answer:?}");
            assert_eq!(answer.json()["resourceType"], "OperationOutcome");
            assert!(answer.text.contains("expression"), "{name} {answer:?}");
        }
    }
    let mut twice = observation("o", "a", "x");
    twice["status"] = json!("sort-of-final");
    twice["colour"] = json!("red");
    let answer = client.fhir(&steward(), "PUT", "/Observation/o", Some(twice)).await;
    assert!(answer.json()["issue"].as_array().unwrap().len() >= 2, "{answer:?}");
    assert_eq!(client.internal("GET", "/status", None).await.json()["lastSeq"], 1);
}

#[tokio::test]
async fn a_feeds_history_is_kept_and_flagged_as_the_policy_says() {
    let flag = json!([{"system": "https://salus.network/fhir/validation", "code": "flagged"}]);
    for (policy, status, tag) in
        [("flag", 201, flag), ("off", 201, Value::Null), ("enforce", 422, Value::Null)]
    {
        let node = Node::start(&["--feed-validation", policy]).await;
        let mut client = node.client().await;
        client.put(json!({"resourceType": "Patient", "id": "a"})).await;
        let (_, resource) = wrong().swap_remove(0);
        let answer = client.fhir(&feed(), "PUT", "/Observation/o", Some(resource.clone())).await;
        assert_eq!(answer.status, status, "{policy} {answer:?}");
        if status == 201 {
            let stored = client.fhir(&steward(), "GET", "/Observation/o", None).await.json();
            assert_eq!(stored["meta"]["tag"], tag, "{policy} {stored}");
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                {"resource": resource, "request": {"method": "PUT", "url": "Observation/o2"}}]});
            assert_eq!(client.fhir(&feed(), "POST", "", Some(bundle)).await.status, 200);
            let stored = client.fhir(&steward(), "GET", "/Observation/o2", None).await.json();
            assert_eq!(stored["meta"]["tag"], tag, "{policy} {stored}");
        }
        // What is right is never flagged, and what was put right loses the flag.
        client.fhir(&feed(), "PUT", "/Observation/o", Some(observation("o", "a", "right"))).await;
        let stored = client.fhir(&steward(), "GET", "/Observation/o", None).await.json();
        assert_eq!(stored["meta"]["tag"], Value::Null, "{policy} {stored}");
        // Not JSON is refused whatever the policy.
        let headers = [
            ("x-salus-principal", crate::support::encoded(&feed())),
            ("content-type", "application/fhir+json".into()),
        ];
        assert_eq!(client.raw("PUT", "/fhir/Observation/o", &headers, "{").await.status, 400);
    }
}

#[tokio::test]
async fn validation_on_request_also_finds_what_the_handlers_pass_over() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    let errors = |text: &str| text.matches("\"severity\":\"error\"").count();
    for (resource, expected) in [
        (json!({"resourceType": "Patient", "id": "a"}), 0),
        (
            json!({"resourceType": "Patient", "id": "a", "contained": [{"resourceType": "Patient", "id": "a_1"}]}),
            1,
        ),
        (
            json!({"resourceType": "Patient", "photo": [{"contentType": "text/plain", "data": "aGVsbG8=", "size": 6}]}),
            1,
        ),
    ] {
        let answer = client.fhir(&steward(), "POST", "/Patient/$validate", Some(resource.clone())).await;
        assert_eq!((answer.status, errors(&answer.text)), (200, expected), "{resource} {answer:?}");
    }
}

/// A guide of one profile: an Observation of it has a note.
fn guide(folder: &std::path::Path) {
    let differential = json!({"element": [
        {"id": "Observation", "path": "Observation"},
        {"id": "Observation.note", "path": "Observation.note", "min": 1}]});
    let profile = json!({
        "resourceType": "StructureDefinition", "url": PROFILE, "version": "1.0.0", "name": "Noted", "status": "active",
        "kind": "resource", "abstract": false, "type": "Observation", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "differential": differential});
    let profiles = folder.join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    std::fs::write(profiles.join("noted.json"), profile.to_string()).unwrap();
    let search = "search-parameters-r4.json";
    std::fs::copy(crate::support::definitions().join(search), folder.join(search)).unwrap();
}

const PROFILE: &str = "https://guide.example/StructureDefinition/noted";

#[tokio::test]
async fn a_resource_is_checked_against_a_guides_profile_when_somebody_asks() {
    let definitions = tempfile::tempdir().unwrap();
    guide(definitions.path());
    let node = Node::start(&["--definitions", definitions.path().to_str().unwrap()]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    let plain = observation("o", "a", "x");
    let mut noted = plain.clone();
    noted["note"] = json!([{"text": "a note"}]);
    let asked = |name: &str, profile: &str, resource: &Value| {
        json!({"resourceType": "Parameters", "parameter": [
            {"name": "resource", "resource": resource}, {"name": "profile", name: profile}]})
    };
    let unknown = "https://guide.example/StructureDefinition/unknown";
    let in_address = |profile: &str| format!("/Observation/$validate?profile={profile}");
    let beside = "/Observation/$validate".to_owned();
    for (name, path, body, wrong) in [
        ("FHIR alone", beside.clone(), plain.clone(), None),
        ("what holds", in_address(PROFILE), noted.clone(), None),
        ("what does not", in_address(PROFILE), plain.clone(), Some("note")),
        ("a version", in_address(&format!("{PROFILE}|1.0.0")), plain.clone(), Some("note")),
        ("in parameters", beside.clone(), asked("valueUri", PROFILE, &plain), Some("note")),
        ("as canonical", beside.clone(), asked("valueCanonical", PROFILE, &plain), Some("note")),
        ("in parameters, what holds", beside.clone(), asked("valueUri", PROFILE, &noted), None),
        ("one that is not here", in_address(unknown), noted.clone(), Some("does not have the profile")),
        ("nor beside", beside.clone(), asked("valueUri", unknown, &noted), Some("does not have the profile")),
    ] {
        let answer = client.fhir(&steward(), "POST", &path, Some(body)).await;
        let issues = answer.json()["issue"].clone();
        let errors: Vec<_> =
            issues.as_array().unwrap().iter().filter(|one| one["severity"] == "error").collect();
        assert_eq!(errors.is_empty(), wrong.is_none(), "{name} {answer:?}");
        assert!(wrong.is_none_or(|words| answer.text.contains(words)), "{name} {answer:?}");
    }
    // Nobody's write is refused for what it claims to be.
    let mut claims = plain;
    claims["meta"] = json!({"profile": [PROFILE]});
    let answer = client.fhir(&steward(), "PUT", "/Observation/o", Some(claims)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let stored = client.fhir(&steward(), "GET", "/Observation/o/$validate", None).await;
    assert!(stored.text.contains("note") && stored.json()["issue"][0]["severity"] == "error", "{stored:?}");
}
