//! The CapabilityStatement against what happens: for every type, everything that is claimed is asked for once.

use serde_json::{Value, json};

use crate::support::{Client, Node, encoded, feed, steward};

/// What is asked for is refused, or fails.
struct Wrong(Vec<String>);

impl Wrong {
    fn check(&mut self, what: &str, status: u16, fine: &[u16], text: &str) {
        if !fine.contains(&status) {
            self.0.push(format!("{what}: {status} {}", &text[..text.len().min(300)]));
        }
    }
}

fn codes(claim: &Value) -> Vec<&str> {
    claim["interaction"].as_array().into_iter().flatten().filter_map(|one| one["code"].as_str()).collect()
}

/// A value that a parameter of a kind takes.
fn value(name: &str, kind: &str) -> &'static str {
    match kind {
        "composite" if name.ends_with("-coordinate") => "a$1$2",
        "composite" if name.contains("quantity") => "a$1",
        "composite" if name.ends_with("-date") => "a$2020-01-01",
        _ if name == "_lastUpdated" => "ge2020",
        _ if name == "_list" => "kept",
        "number" => "gt1",
        "date" => "ge2020-01-01",
        "quantity" => "gt1",
        "reference" => "Patient/p1",
        "uri" => "http://a.example/x",
        "composite" => "a$b",
        _ => "x",
    }
}

async fn try_interactions(client: &mut Client, wrong: &mut Wrong, claim: &Value) {
    let kind = claim["type"].as_str().unwrap();
    let body = || Some(json!({"resourceType": kind, "id": "a"}));
    let who = feed();
    for code in [
        "create",
        "update",
        "read",
        "vread",
        "patch",
        "history-instance",
        "history-type",
        "search-type",
        "delete",
    ] {
        let claimed = codes(claim).contains(&code);
        let (method, path, sent) = match code {
            "create" => ("POST", format!("/{kind}"), body()),
            "update" => ("PUT", format!("/{kind}/a"), body()),
            "read" => ("GET", format!("/{kind}/a"), None),
            "vread" => ("GET", format!("/{kind}/a/_history/1"), None),
            "history-instance" => ("GET", format!("/{kind}/a/_history"), None),
            "history-type" => ("GET", format!("/{kind}/_history"), None),
            "search-type" => ("GET", format!("/{kind}?_id=a"), None),
            "delete" => ("DELETE", format!("/{kind}/a"), None),
            _ => (
                "PATCH",
                format!("/{kind}/a"),
                Some(json!([{"op": "add", "path": "/language", "value": "de"}])),
            ),
        };
        let headers = [
            ("x-salus-principal", encoded(&who)),
            (
                "content-type",
                match code {
                    "patch" => "application/json-patch+json".to_owned(),
                    _ => "application/fhir+json".to_owned(),
                },
            ),
        ];
        let sent = sent.map(|body: Value| body.to_string()).unwrap_or_default();
        let answer = client.raw(method, &format!("/fhir{path}"), &headers, sent).await;
        let nothing_to_read =
            !codes(claim).contains(&"update") && matches!(code, "read" | "vread" | "history-instance");
        match claimed {
            true if nothing_to_read => {
                wrong.check(&format!("{kind} {code}"), answer.status, &[404], &answer.text)
            }
            true => wrong.check(&format!("{kind} {code}"), answer.status, &[200, 201, 204], &answer.text),
            false => wrong.check(
                &format!("{kind} {code}, which is not claimed"),
                answer.status,
                &[403, 404, 405],
                &answer.text,
            ),
        }
        if !claimed && !answer.text.contains("OperationOutcome") {
            wrong.0.push(format!("{kind} {code}: no OperationOutcome: {}", answer.text));
        }
        if matches!(code, "update" | "read") && claimed && !nothing_to_read && answer.etag.is_none() {
            wrong.0.push(format!("{kind} {code}: no ETag"));
        }
    }
}

async fn try_searches(client: &mut Client, wrong: &mut Wrong, claim: &Value) -> usize {
    let kind = claim["type"].as_str().unwrap();
    let parameters: Vec<Value> = claim["searchParam"].as_array().cloned().unwrap_or_default();
    let mut queries: Vec<String> = parameters
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["type"].as_str().unwrap()))
        .map(|(name, kind)| format!("{name}={}", value(name, kind)))
        .collect();
    for (name, list) in [("_include", "searchInclude"), ("_revinclude", "searchRevInclude")] {
        let tokens = claim[list].as_array().into_iter().flatten();
        queries.extend(tokens.map(|token| format!("{name}={}", token.as_str().unwrap())));
    }
    for query in &queries {
        let answer = client.fhir(&steward(), "GET", &format!("/{kind}?{query}"), None).await;
        wrong.check(&format!("{kind}?{query}"), answer.status, &[200], &answer.text);
    }
    queries.len()
}

#[tokio::test]
async fn everything_that_is_claimed_works_and_what_is_not_claimed_is_refused() {
    let node = Node::start(&["--feed-validation", "off"]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "List", "id": "kept", "status": "current", "mode": "working"})).await;
    let statement = client.fhir(&steward(), "GET", "/metadata", None).await.json();
    let claims = statement["rest"][0]["resource"].as_array().unwrap().clone();
    assert!(claims.len() > 140, "{} types", claims.len());
    let (mut wrong, mut queries) = (Wrong(Vec::new()), 0);
    for claim in &claims {
        try_interactions(&mut client, &mut wrong, claim).await;
        queries += try_searches(&mut client, &mut wrong, claim).await;
    }
    println!("{} types, {queries} searches", claims.len());
    assert!(
        wrong.0.is_empty(),
        "{} findings:\n{}",
        wrong.0.len(),
        wrong.0[..wrong.0.len().min(60)].join("\n")
    );
}

#[tokio::test]
async fn versions_preconditions_and_preferences_hold() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    let who = encoded(&steward());
    let base: [(&str, String); 2] =
        [("x-salus-principal", who), ("content-type", "application/fhir+json".into())];
    let with = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let own = base.iter().map(|(name, value)| (*name, value.clone()));
        own.chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
    };
    let named = |family: &str| {
        json!({"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:x", "value": "1"}],
        "name": [{"family": family}]})
        .to_string()
    };
    let first = client.raw("PUT", "/fhir/Patient/a", &with(&[]), named("One")).await;
    assert_eq!((first.status, first.etag.as_deref()), (201, Some("W/\"1\"")), "{first:?}");
    // method, path, headers, body, status
    for (method, path, headers, body, status) in [
        ("PUT", "/Patient/a", vec![("if-match", "W/\"7\"")], named("Two"), 412),
        ("PUT", "/Patient/a", vec![("if-match", "W/\"1\"")], named("Two"), 200),
        ("GET", "/Patient/a", vec![("if-none-match", "W/\"2\"")], String::new(), 304),
        ("GET", "/Patient/a", vec![("if-none-match", "W/\"1\"")], String::new(), 200),
        (
            "GET",
            "/Patient/a",
            vec![("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")],
            String::new(),
            304,
        ),
        (
            "GET",
            "/Patient/a",
            vec![("if-modified-since", "Fri, 01 Jan 2010 00:00:00 GMT")],
            String::new(),
            200,
        ),
        ("POST", "/Patient", vec![("if-none-exist", "identifier=urn:x|1")], named("Three"), 200),
        ("PUT", "/Patient?identifier=urn:x|1", vec![], named("Four"), 200),
        ("PUT", "/Patient/a", vec![("prefer", "return=minimal")], named("Five"), 200),
        ("PUT", "/Patient/a", vec![("prefer", "return=OperationOutcome")], named("Six"), 200),
        ("DELETE", "/Patient/a", vec![("if-match", "W/\"1\"")], String::new(), 412),
        ("GET", "/Patient?identifier=urn:x|1&_summary=count", vec![], String::new(), 200),
        ("GET", "/Patient?identifier=urn:x|1&_total=accurate&_elements=name", vec![], String::new(), 200),
        ("GET", "/Patient/a?_summary=true", vec![], String::new(), 200),
        ("DELETE", "/Patient?identifier=urn:x|1", vec![], String::new(), 204),
        ("GET", "/Patient/a", vec![], String::new(), 410),
        ("GET", "/Patient/a/_history/1", vec![], String::new(), 200),
    ] {
        let answer = client.raw(method, &format!("/fhir{path}"), &with(&headers), body).await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}: {answer:?}");
        let preferred = headers.iter().find(|(name, _)| *name == "prefer").map(|(_, value)| *value);
        match preferred {
            Some("return=minimal") => assert_eq!(answer.text, "", "{answer:?}"),
            Some(_) => assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{answer:?}"),
            None => (),
        }
    }
}

#[tokio::test]
async fn a_binary_belongs_to_the_patient_whom_it_names() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    for id in ["p1", "p2"] {
        client.put(json!({"resourceType": "Patient", "id": id})).await;
    }
    let of = |id: &str, patient: &str| {
        json!({"resourceType": "Binary", "id": id, "contentType": "text/plain",
        "securityContext": {"reference": format!("Patient/{patient}")}, "data": "aGVsbG8="})
    };
    client.put(of("b1", "p1")).await;
    client.put(of("b2", "p2")).await;
    client
        .put(json!({"resourceType": "Binary", "id": "b3", "contentType": "text/plain", "data": "aGVsbG8="}))
        .await;
    let p1 = crate::support::patient("p1");
    for (id, status) in [("b1", 200), ("b2", 404), ("b3", 404)] {
        let answer = client.fhir(&p1, "GET", &format!("/Binary/{id}"), None).await;
        assert_eq!(answer.status, status, "{id}: {answer:?}");
    }
    assert!(!client.fhir(&p1, "GET", "/Binary", None).await.shows("\"b2\""));
    for (body, status) in [
        (of("b4", "p1"), 201),
        (of("b5", "p2"), 403),
        (json!({"resourceType": "Binary", "id": "b6", "contentType": "a/b"}), 403),
    ] {
        let path = format!("/Binary/{}", body["id"].as_str().unwrap());
        let answer = client.fhir(&p1, "PUT", &path, Some(body)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    let rows = client.outbox().await;
    let owner = rows.iter().find(|row| row["id"] == "b1").unwrap();
    assert_eq!(owner["patient"], "p1", "it is sealed as the patient's");
}
