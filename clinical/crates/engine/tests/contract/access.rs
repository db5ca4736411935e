use serde_json::{Value, json};

use crate::support::{Client, Node, encoded, observation, patient, principal, steward};

/// Every offered interaction, once.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/metadata"),
    ("POST", ""),
    ("POST", "/"),
    ("GET", "/_history"),
    ("GET", "/Patient"),
    ("POST", "/Patient"),
    ("PUT", "/Patient?identifier=x"),
    ("PATCH", "/Patient?identifier=x"),
    ("DELETE", "/Patient?identifier=x"),
    ("POST", "/Patient/_search"),
    ("GET", "/Patient/_history"),
    ("POST", "/Patient/$validate"),
    ("GET", "/Patient/a"),
    ("HEAD", "/Patient/a"),
    ("PUT", "/Patient/a"),
    ("PATCH", "/Patient/a"),
    ("DELETE", "/Patient/a"),
    ("GET", "/Patient/a/_history"),
    ("GET", "/Patient/a/_history/1"),
    ("GET", "/Patient/a/$validate"),
    ("POST", "/Patient/a/$validate"),
    ("GET", "/Patient/a/$everything"),
    ("POST", "/Patient/a/$everything"),
    ("GET", "/Patient/a/Observation"),
    ("GET", "/Patient/a/*"),
];

#[tokio::test]
async fn without_a_valid_principal_every_route_is_denied() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    for (method, path) in ROUTES {
        for header in [None, Some("e30"), Some("!")] {
            let headers: Vec<_> =
                header.map(|value| ("x-salus-principal", value.to_owned())).into_iter().collect();
            let answer = client.raw(method, &format!("/fhir{path}"), &headers, "").await;
            assert_eq!(answer.status, 403, "{method} {path} {header:?}");
        }
    }
    let answer = client.raw("GET", "/internal/status", &[], "").await;
    assert_eq!(answer.status, 403, "internal without its header");
    assert_eq!(client.fhir(&steward(), "GET", "/Patient/a", None).await.status, 200);
}

#[tokio::test]
async fn who_may_read_or_write_nothing_gets_nothing() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a", "name": [{"family": "Canary"}]})).await;
    let blind = principal(json!("none"), json!("none"), &[], "interactive");
    for (method, path) in
        ROUTES.iter().filter(|(_, path)| !path.contains("metadata") && !path.contains("$validate"))
    {
        let body = json!({"resourceType": "Patient", "id": "a"});
        let answer = client.fhir(&blind, method, path, Some(body)).await;
        assert!(answer.status >= 400 || answer.total() == Some(0), "{method} {path} {answer:?}");
        assert!(!answer.shows("Canary"), "{method} {path}");
    }
    assert_eq!(client.internal("GET", "/status", None).await.json()["lastSeq"], 1, "nothing was written");
}

async fn two_patients(client: &mut Client) {
    for (id, canary) in [("a", "CanaryAnna"), ("b", "CanaryBert")] {
        let reference = json!({"reference": format!("Patient/{id}")});
        client.put(json!({"resourceType": "Practitioner", "id": "doc", "name": [{"family": "House"}]})).await;
        client
            .put(json!({"resourceType": "Patient", "id": id, "name": [{"family": canary}],
            "identifier": [{"system": "urn:mrn", "value": id}]}))
            .await;
        client
            .put(json!({"resourceType": "Encounter", "id": format!("e-{id}"), "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [{"text": canary}], "subject": reference,
            "participant": [{"individual": {"reference": "Practitioner/doc"}}]}))
            .await;
        let mut heart = observation(&format!("o-{id}"), id, canary);
        heart["encounter"] = json!({"reference": format!("Encounter/e-{id}")});
        heart["performer"] = json!([{"reference": "Practitioner/doc"}]);
        client.put(heart.clone()).await;
        heart["status"] = json!("amended");
        client.put(heart).await;
        client
            .put(json!({"resourceType": "Condition", "id": format!("c-{id}"), "subject": reference,
            "code": {"text": canary}}))
            .await;
    }
    // A reference from Anna's record into Bert's, and a mention of Anna in Bert's.
    let mut crossing = observation("o-cross", "a", "crossing");
    crossing["encounter"] = json!({"reference": "Encounter/e-b"});
    crossing["focus"] = json!([{"reference": "Patient/b"}]);
    client.put(crossing).await;
    let mut mention = observation("o-mention", "b", "CanaryBert");
    mention["performer"] = json!([{"reference": "Patient/a"}]);
    client.put(mention).await;
    client
        .put(
            json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true, "name": "CanaryBert",
        "member": [{"entity": {"reference": "Patient/a"}}, {"entity": {"reference": "Patient/b"}}]}),
        )
        .await;
}

#[tokio::test]
async fn a_hidden_patient_is_kept_from_who_reads_everything_and_goes_on_being_written() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    two_patients(&mut client).await;
    let mut feed = principal(json!("all"), json!("all"), &[], "feed");
    feed["hidden"] = json!(["b"]);
    for path in ["/Patient/b", "/Observation/o-b", "/Observation/o-b/_history/1", "/Condition/c-b"] {
        assert_eq!(client.fhir(&feed, "GET", path, None).await.status, 404, "{path}");
    }
    for path in [
        "/Patient",
        "/Observation",
        "/Observation?subject=Patient/b",
        "/Observation/_history",
        "/Observation/o-b/_history",
        "/_history",
        "/Patient/b/$everything",
        "/Patient/b/Observation",
        "/Encounter?_revinclude=Observation:encounter&_include=Encounter:subject",
        "/Patient?_revinclude=Observation:subject",
    ] {
        let answer = client.fhir(&feed, "GET", path, None).await;
        for id in ["\"o-b\"", "\"e-b\"", "\"c-b\"", "\"id\":\"b\""] {
            assert!(!answer.shows(id), "{path} shows {id}");
        }
    }
    assert_eq!(client.fhir(&feed, "GET", "/Observation/o-a", None).await.status, 200);
    let written = observation("o-b", "b", "written");
    assert_eq!(client.fhir(&feed, "PUT", "/Observation/o-b", Some(written)).await.status, 200);
    assert!(client.fhir(&steward(), "GET", "/Observation/o-b", None).await.shows("written"));
}

#[tokio::test]
async fn one_patients_scope_never_shows_another_patient() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    two_patients(&mut client).await;
    let anna = patient("a");
    // path, status, total where it is a searchset
    let table: &[(&str, u16, Option<u64>)] = &[
        ("/Patient/a", 200, None),
        ("/Patient/b", 404, None),
        ("/Observation/o-b", 404, None),
        ("/Observation/o-b/_history/1", 404, None),
        ("/Observation/o-b/_history", 404, None),
        ("/Observation/o-a/_history", 200, None),
        ("/Group/g", 404, None),
        ("/Practitioner/doc", 200, None),
        ("/Patient?_total=accurate", 200, Some(1)),
        ("/Patient?name=CanaryBert&_total=accurate", 200, Some(0)),
        ("/Patient?_id=b&_total=accurate", 200, Some(0)),
        ("/Patient?_summary=count", 200, Some(1)),
        ("/Observation?_total=accurate", 200, Some(2)),
        ("/Observation?_summary=count", 200, Some(2)),
        ("/Observation?subject=Patient/b&_total=accurate", 200, Some(0)),
        ("/Observation?code=8867-4&_sort=-date&_count=1&_total=accurate", 200, Some(2)),
        (
            "/Observation?_include=Observation:encounter&_include=Observation:subject&_include=Observation:focus",
            200,
            None,
        ),
        ("/Practitioner?_revinclude=Observation:performer&_revinclude=Encounter:participant", 200, None),
        ("/Patient?_revinclude=Observation:focus&_revinclude=Group:member", 200, None),
        ("/Patient?_has:Group:member:_id=g&_total=accurate", 200, Some(0)),
        ("/Practitioner?_has:Encounter:participant:_id=e-b&_total=accurate", 200, Some(0)),
        ("/Practitioner?_has:Encounter:participant:_id=e-a&_total=accurate", 200, Some(1)),
        ("/Practitioner?_has:Observation:performer:subject=Patient/b&_total=accurate", 200, Some(0)),
        ("/Observation?encounter.type:text=CanaryBert&_total=accurate", 200, Some(0)),
        ("/Observation?encounter.subject:Patient.name=CanaryBert&_total=accurate", 200, Some(0)),
        ("/Observation?focus:Patient.name=CanaryBert&_total=accurate", 200, Some(0)),
        ("/Observation?subject:Patient.name=CanaryAnna&_total=accurate", 200, Some(2)),
        ("/Observation?_content=CanaryBert&_total=accurate", 200, Some(0)),
        ("/Observation?_filter=code%20ne%20%22x%22&_total=accurate", 200, Some(2)),
        ("/Group?_total=accurate", 200, Some(0)),
        ("/Encounter/e-b/Observation?_total=accurate", 200, Some(1)),
        ("/Patient/b/Observation?_total=accurate", 200, Some(0)),
        ("/Patient/b/*", 200, None),
        ("/Practitioner/doc/Observation", 200, None),
        ("/Patient/a/$everything", 200, None),
        ("/Patient/b/$everything", 404, None),
        ("/Observation/_history", 403, None),
        ("/_history", 403, None),
        ("/Observation?_contained=true", 501, None),
    ];
    for (path, status, total) in table {
        let answer = client.fhir(&anna, "GET", path, None).await;
        assert_eq!(answer.status, *status, "{path} {answer:?}");
        assert!(!answer.shows("CanaryBert"), "{path} {answer:?}");
        if total.is_some() {
            assert_eq!(answer.total(), *total, "{path} {answer:?}");
        }
    }
    let everything = client.fhir(&anna, "GET", "/Patient/a/$everything", None).await;
    assert!(everything.shows("CanaryAnna") && everything.shows("\"o-a\""));
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": "Patient/b"}},
        {"request": {"method": "GET", "url": "Observation?subject=Patient/b"}},
        {"request": {"method": "GET", "url": "Patient/a"}}]});
    for kind in ["batch", "transaction"] {
        let mut bundle = batch.clone();
        bundle["type"] = json!(kind);
        let answer = client.fhir(&anna, "POST", "", Some(bundle)).await;
        assert!(!answer.shows("CanaryBert"), "{kind} {answer:?}");
        assert!(answer.shows("CanaryAnna"), "{kind} {answer:?}");
    }
    let all = client.fhir(&steward(), "GET", "/Observation?_total=accurate", None).await;
    assert_eq!(all.total(), Some(4), "the others are there");
}

#[tokio::test]
async fn one_patients_scope_never_writes_another_patient() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    two_patients(&mut client).await;
    let anna = patient("a");
    let transaction =
        |entry: Value| json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    let stolen = observation("o-b", "a", "stolen");
    let patch = json!([{"op": "replace", "path": "/subject/reference", "value": "Patient/b"}]);
    let table: Vec<(&str, &str, Value, u16)> = vec![
        ("PUT", "/Observation/new", observation("new", "a", "mine"), 201),
        ("PUT", "/Observation/new2", observation("new2", "b", "his"), 403),
        ("PUT", "/Observation/o-b", stolen.clone(), 403),
        ("POST", "/Observation", observation("x", "b", "his"), 403),
        ("POST", "/Practitioner", json!({"resourceType": "Practitioner"}), 403),
        ("PUT", "/Patient/b", json!({"resourceType": "Patient", "id": "b"}), 403),
        ("PUT", "/Observation?identifier=x", observation("x", "a", "conditional"), 403),
        ("DELETE", "/Observation?code=8867-4", json!({}), 403),
        (
            "POST",
            "",
            transaction(json!({"resource": observation("x", "b", "his"),
            "request": {"method": "POST", "url": "Observation"}})),
            403,
        ),
        (
            "POST",
            "",
            transaction(json!({"resource": stolen, "request": {"method": "PUT", "url": "Observation/o-b"}})),
            403,
        ),
        ("POST", "", transaction(json!({"request": {"method": "DELETE", "url": "Observation/o-b"}})), 403),
    ];
    for (method, path, body, status) in table {
        let answer = client.fhir(&anna, method, path, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{method} {path} {body} {answer:?}");
    }
    let answer = client.fhir(&anna, "DELETE", "/Observation/o-b", None).await;
    assert!(matches!(answer.status, 403 | 404), "{answer:?}");
    let headers =
        [("x-salus-principal", encoded(&anna)), ("content-type", "application/json-patch+json".into())];
    let answer = client.raw("PATCH", "/fhir/Observation/o-a", &headers, patch.to_string()).await;
    assert_eq!(answer.status, 403, "a patch cannot move a resource: {answer:?}");
    let bert = client.fhir(&steward(), "GET", "/Observation/o-b", None).await;
    assert_eq!(bert.json()["meta"]["versionId"], "2", "untouched");
}
