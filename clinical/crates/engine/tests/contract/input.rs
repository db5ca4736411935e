use hyper::body::Bytes;
use serde_json::json;

use crate::support::{Answer, BASE, Node, encoded, observation, steward};

/// Whoever refuses an upload may close the connection while it is still being written, and the answer is then lost on
/// its way (RFC 9112, 9.6): each request has its own connection, and is made again if it had no answer.
async fn refused(node: &Node, method: &str, path: &str, headers: &[(&str, String)], body: String) -> Answer {
    let body = Bytes::from(body);
    for _ in 0..20 {
        if let Some(answer) = node.client().await.try_raw(method, path, headers, body.clone()).await {
            return answer;
        }
    }
    panic!("{method} {path} has no answer");
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_an_operation_outcome() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let fhir = "application/fhir+json";
    // method, path, content type, body, status
    let table: Vec<(&str, &str, &str, String, u16)> = vec![
        ("GET", "/Patient?no-such-parameter=1", "", String::new(), 400),
        ("GET", "/Patient?name:nonsense=1", "", String::new(), 400),
        ("GET", "/Patient?birthdate=yesterday", "", String::new(), 400),
        ("GET", "/Patient?_count=x", "", String::new(), 400),
        ("GET", "/Patient?_sort=no-such-parameter", "", String::new(), 400),
        ("GET", "/Patient?family=a%00", "", String::new(), 400),
        ("GET", "/Patient?_query=x", "", String::new(), 400),
        ("GET", "/Patient?_lastUpdated=geXX", "", String::new(), 400),
        ("GET", "/Patient/a/_history?_at=2020", "", String::new(), 400),
        ("GET", "/Patient/a/_history?_sort=_lastUpdated", "", String::new(), 400),
        ("GET", "/Patient/a/_history?_since=yesterday", "", String::new(), 400),
        ("PUT", "/AuditEvent/a", fhir, r#"{"resourceType":"AuditEvent","id":"a"}"#.into(), 405),
        ("GET", "/Nonsense", "", String::new(), 404),
        ("GET", "/Patient/none", "", String::new(), 404),
        ("GET", "/$export", "", String::new(), 404),
        ("POST", "/Patient", fhir, "{".into(), 400),
        ("POST", "/Patient", fhir, "[]".into(), 400),
        ("POST", "/Patient", fhir, "\"text\"".into(), 400),
        ("POST", "/Patient", fhir, r#"{"resourceType":"Observation"}"#.into(), 400),
        ("POST", "/Patient", fhir, format!(r#"{{"resourceType":"Patient","x":{}}}"#, deep(100_000)), 400),
        (
            "POST",
            "/Patient",
            fhir,
            format!(r#"{{"resourceType":"Patient","x":"{}"}}"#, "y".repeat(17 << 20)),
            413,
        ),
        (
            "POST",
            "/Patient",
            fhir,
            r#"{"resourceType":"Patient","gender":"male","gender":"female"}"#.into(),
            400,
        ),
        (
            "POST",
            "/Patient",
            fhir,
            r#"{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}"#.into(),
            400,
        ),
        ("POST", "/Patient", fhir, r#"{"resourceType":"Patient"} {}"#.into(), 400),
        (
            "POST",
            "/Patient",
            "application/fhir+json; charset=iso-8859-1",
            r#"{"resourceType":"Patient"}"#.into(),
            415,
        ),
        (
            "POST",
            "/Patient",
            "application/fhir+json; charset=utf-16",
            r#"{"resourceType":"Patient"}"#.into(),
            415,
        ),
        ("POST", "/Patient", "text/plain", "hello".into(), 415),
        ("POST", "/Patient", "application/fhir+xml", "<Patient/>".into(), 415),
        ("POST", "", fhir, r#"{"resourceType":"Patient"}"#.into(), 400),
        ("POST", "", fhir, r#"{"resourceType":"Bundle","type":"transaction","entry":[{}]}"#.into(), 400),
        ("PUT", "/Patient/a", fhir, r#"{"resourceType":"Patient","id":"b"}"#.into(), 400),
        ("PATCH", "/Patient/a", fhir, "7".into(), 400),
    ];
    for (method, path, media_type, body, status) in table {
        let shown = &body[..body.len().min(60)].to_owned();
        let mut headers = vec![("x-salus-principal", encoded(&steward()))];
        if !media_type.is_empty() {
            headers.push(("content-type", media_type.to_owned()));
        }
        let answer = refused(&node, method, &format!("/fhir{path}"), &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path} {shown} {answer:?}");
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{method} {path} {shown} {answer:?}");
    }
    assert_eq!(client.internal("GET", "/status", None).await.json()["resources"], 0);
}

#[tokio::test]
async fn what_is_no_utf_8_is_refused_and_hostile_searches_find_nothing() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    let headers =
        |kind: &str| [("x-salus-principal", encoded(&steward())), ("content-type", kind.to_owned())];
    let body = b"{\"resourceType\":\"Patient\",\"id\":\"\xff\"}".to_vec();
    let answer = client.raw("POST", "/fhir/Patient", &headers("application/fhir+json"), body).await;
    assert_eq!(
        (answer.status, answer.json()["resourceType"].as_str()),
        (400, Some("OperationOutcome")),
        "{answer:?}"
    );
    client.put(json!({"resourceType": "Patient", "id": "a", "name": [{"family": "Own"}]})).await;
    for value in [
        "%27%20OR%201%3D1--",
        "%25",
        "_",
        "%22%3B%20DROP%20TABLE%20resources%3B--",
        "%00",
        "%F0%9F%98%80",
        "%5C",
        "a%5C%2Cb%5C%7Cc%5C%24",
        &"x".repeat(7_000),
        "(((((((((",
        "*",
        "NEAR(a%20b)",
    ] {
        for name in [
            "family",
            "family:exact",
            "family:contains",
            "identifier",
            "_id",
            "_text",
            "_content",
            "general-practitioner",
        ] {
            let answer = client.fhir(&steward(), "GET", &format!("/Patient?{name}={value}"), None).await;
            assert!(answer.status < 500, "{name}={value}: {answer:?}");
            // To the database a percent sign and an underline stand for any letters; what is found is the asker's to see.
            let any = ["%25", "_"].contains(&value);
            assert!(any || answer.status != 200 || !answer.shows("Own"), "{name}={value}: {answer:?}");
            assert!(answer.json()["resourceType"].is_string(), "{name}={value}: {answer:?}");
        }
    }
    assert_eq!(client.internal("GET", "/status", None).await.json()["resources"], 1);
}

#[tokio::test]
async fn addresses_are_the_public_ones_and_metadata_is_true() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    let body = observation("chosen", "a", "x");
    let created = client.fhir(&steward(), "POST", "/Observation", Some(body)).await;
    assert!(
        created.location.as_deref().is_some_and(|l| l.starts_with(&format!("{BASE}/Observation/"))),
        "{created:?}"
    );
    let bundle = client.fhir(&steward(), "GET", "/Patient?_count=1", None).await.json();
    assert_eq!(bundle["entry"][0]["fullUrl"], format!("{BASE}/Patient/a"));
    assert!(bundle["link"][0]["url"].as_str().unwrap().starts_with(BASE), "{bundle}");

    let metadata = client.fhir(&steward(), "GET", "/metadata", None).await.json();
    let rest = &metadata["rest"][0];
    let codes = |list: &serde_json::Value| -> Vec<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .map(|i| i["code"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert!(!codes(&rest["interaction"]).contains(&"search-system".into()), "{}", rest["interaction"]);
    assert!(
        !rest.to_string().contains("$export") && !rest.to_string().contains("bulk-submit"),
        "bulk data is off"
    );
    assert_eq!(metadata["fhirVersion"], "4.0.1");
}

#[tokio::test]
async fn the_socket_is_private_and_logs_hold_no_identity() {
    use std::os::unix::fs::PermissionsExt;
    let node = Node::start(&[]).await;
    let mode =
        |path: &str| std::fs::metadata(node.folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/engine.sock"), mode("data")), (0o700, 0o600, 0o700));

    // Everything that a log could be tempted to show: written, found, refused, in paths, parameters and bodies.
    const CANARY: &str = "Zyxwvut-Canary";
    let mut client = node.client().await;
    let named = json!({"resourceType": "Patient", "id": CANARY, "name": [{"family": CANARY}]});
    client.put(named).await;
    client.put(observation("seen", CANARY, CANARY)).await;
    let wrong = json!({"resourceType": "Observation", "id": CANARY, "status": CANARY, "code": CANARY});
    for (method, path, body) in [
        ("GET", format!("/Patient?family={CANARY}"), None),
        ("GET", format!("/Patient?{CANARY}={CANARY}"), None),
        ("GET", format!("/Patient/{CANARY}-none"), None),
        ("GET", format!("/{CANARY}/1"), None),
        ("PUT", format!("/Observation/{CANARY}"), Some(wrong.clone())),
        ("POST", "/Observation".to_owned(), Some(wrong)),
        ("DELETE", format!("/Patient/{CANARY}"), None),
    ] {
        client.fhir(&steward(), method, &path, body).await;
    }
    let refused = [("x-salus-principal", CANARY.to_owned())];
    assert_eq!(client.raw("GET", "/fhir/Patient", &refused, String::new()).await.status, 403);
    drop(client);
    let mut node = node;
    assert!(node.stop(), "it ends well");
    let log = node.log();
    assert!(!log.is_empty(), "the log is captured");
    assert!(!log.contains(CANARY), "{log}");
}
