use serde_json::{Value, json};

use crate::support::{Node, feed, observation, patient, principal, steward};

const GRANT: &str = "aa11";
const OTHER: &str = "bb22";

fn copies(canary: &str, suffix: &str) -> Vec<Value> {
    let mut heart = observation(&format!("sx-o{suffix}"), "a", canary);
    heart["performer"] = json!([{"reference": format!("Practitioner/sx-d{suffix}")}]);
    heart["text"] = json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{canary}</div>")});
    vec![
        heart,
        json!({"resourceType": "Practitioner", "id": format!("sx-d{suffix}"), "name": [{"family": canary}],
            "identifier": [{"system": "urn:npi", "value": "7"}]}),
    ]
}

fn set(expires: &str, resources: Vec<Value>) -> Option<Value> {
    Some(json!({"patient": "a", "expires": expires, "resources": resources}))
}

fn with_shares(read: Value, shares: &[&str]) -> Value {
    principal(read, json!("none"), shares, "interactive")
}

#[tokio::test]
async fn a_share_is_seen_only_by_who_lists_its_live_grant_and_purged_without_trace() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    for id in ["a", "b"] {
        client.put(json!({"resourceType": "Patient", "id": id})).await;
        client.put(observation(&format!("o-{id}"), id, "local")).await;
    }
    let far = "2099-01-01T00:00:00Z";
    let before = client.outbox().await.len();
    for (grant, canary, suffix) in [(GRANT, "CanaryShared", "1"), (OTHER, "CanaryOther", "2")] {
        for _ in 0..2 {
            let answer =
                client.internal("PUT", &format!("/shares/{grant}"), set(far, copies(canary, suffix))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    assert_eq!(client.outbox().await.len(), before, "copies are not sealed again");
    let listed = client.internal("GET", "/shares", None).await.json();
    assert_eq!(listed[0]["count"], 2, "{listed}");

    let of_a = || json!({"patient": "a"});
    // principal, path, status, total, whether the canary shows
    let table = [
        (with_shares(json!("all"), &[]), "/Observation?_total=accurate", 200, Some(2), false),
        (with_shares(json!("all"), &[GRANT]), "/Observation?_total=accurate", 200, Some(3), true),
        (with_shares(of_a(), &[GRANT]), "/Observation?_total=accurate", 200, Some(2), true),
        (with_shares(of_a(), &[OTHER]), "/Observation?_total=accurate", 200, Some(2), false),
        (with_shares(of_a(), &[]), "/Observation?_total=accurate", 200, Some(1), false),
        (with_shares(json!({"patient": "b"}), &[GRANT]), "/Observation?_total=accurate", 200, Some(1), false),
        (with_shares(json!("none"), &[GRANT]), "/Observation/sx-o1", 404, None, false),
        (with_shares(json!("all"), &[]), "/Observation/sx-o1", 404, None, false),
        (with_shares(json!("all"), &[OTHER]), "/Observation/sx-o1", 404, None, false),
        (with_shares(json!("all"), &[GRANT]), "/Observation/sx-o1", 200, None, true),
        (with_shares(json!({"patient": "b"}), &[GRANT]), "/Observation/sx-o1", 404, None, false),
        (with_shares(json!("all"), &[]), "/Observation/sx-o1/_history/1", 404, None, false),
        (with_shares(json!("all"), &[]), "/Observation/sx-o1/_history", 404, None, false),
        (with_shares(json!("all"), &[GRANT]), "/Observation/sx-o1/_history", 200, None, true),
        (with_shares(json!("all"), &[GRANT]), "/Observation/_history", 200, None, false),
        (with_shares(json!("all"), &[GRANT]), "/_history", 200, Some(4), false),
        (with_shares(json!("all"), &[]), "/Patient?_revinclude=Observation:subject", 200, None, false),
        (with_shares(json!("all"), &[GRANT]), "/Patient?_revinclude=Observation:subject", 200, None, true),
        (with_shares(json!("all"), &[]), "/Practitioner?_total=accurate", 200, Some(0), false),
        (with_shares(of_a(), &[GRANT]), "/Practitioner?_total=accurate", 200, Some(1), true),
        (
            with_shares(json!("all"), &[]),
            "/Patient?_has:Observation:subject:_id=sx-o1&_total=accurate",
            200,
            Some(0),
            false,
        ),
        (
            with_shares(json!("all"), &[GRANT]),
            "/Patient?_has:Observation:subject:_id=sx-o1&_total=accurate",
            200,
            Some(1),
            false,
        ),
        (
            with_shares(json!("all"), &[]),
            "/Observation?performer:Practitioner.family=CanaryShared&_total=accurate",
            200,
            Some(0),
            false,
        ),
        (
            with_shares(json!("all"), &[GRANT]),
            "/Observation?performer:Practitioner.family=CanaryShared&_total=accurate",
            200,
            Some(1),
            true,
        ),
        (
            with_shares(json!("all"), &[]),
            "/Observation?_content=CanaryShared&_total=accurate",
            200,
            Some(0),
            false,
        ),
        (with_shares(of_a(), &[GRANT]), "/Patient/a/$everything", 200, None, true),
        (with_shares(of_a(), &[]), "/Patient/a/$everything", 200, None, false),
        (with_shares(json!("all"), &[]), "/Patient/a/Observation", 200, None, false),
    ];
    for (who, path, status, total, shows) in &table {
        let answer = client.fhir(who, "GET", path, None).await;
        assert_eq!(answer.status, *status, "{who} {path} {answer:?}");
        assert_eq!(answer.shows("CanaryShared"), *shows, "{who} {path} {answer:?}");
        if total.is_some() {
            assert_eq!(answer.total(), *total, "{who} {path} {answer:?}");
        }
    }

    // A feed's conditional reference finds the local practitioner although a copy has the same identifier.
    client.put(json!({"resourceType": "Practitioner", "id": "doc", "identifier": [{"system": "urn:npi", "value": "7"}]})).await;
    let mut heart = observation("x", "a", "by doc");
    heart["performer"] = json!([{"reference": "Practitioner?identifier=urn:npi|7"}]);
    let entry = json!({"resource": heart, "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=urn:none|1"}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    let answer = client.fhir(&feed(), "POST", "", Some(bundle)).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    assert!(node.holds("CanaryShared"));
    let purged = client.internal("DELETE", &format!("/shares/{GRANT}"), None).await;
    assert_eq!(purged.status, 200);
    assert_eq!(purged.json(), json!({"count": 2, "scrubbed": true}));
    for needle in ["CanaryShared", "canaryshared", "canaryshar"] {
        assert!(!node.holds(needle), "{needle} is still in a file");
    }
    assert!(node.holds("CanaryOther"), "the other set stays");
    for (table, column) in [
        ("resources", "id"),
        ("resource_history", "id"),
        ("search_index", "resource_id"),
        ("resource_fts", "resource_id"),
        ("resource_fts_map", "resource_id"),
        ("share_member", "id"),
    ] {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} IN ('sx-o1', 'sx-d1')");
        let left: i64 = node.database().query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    let answer = client.fhir(&with_shares(json!("all"), &[GRANT]), "GET", "/Observation/sx-o1", None).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn an_expired_or_restarted_set_keeps_its_rule() {
    let mut node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    let who = with_shares(json!("all"), &[GRANT, OTHER]);
    let path = "/Observation?_total=accurate";
    client.internal("PUT", "/shares/aa11", set("2020-01-01T00:00:00Z", copies("Old", "1"))).await;
    client.internal("PUT", "/shares/bb22", set("2099-01-01T00:00:00Z", copies("New", "2"))).await;
    assert_eq!(client.fhir(&who, "GET", path, None).await.total(), Some(1), "the expired set is invisible");
    assert_eq!(client.fhir(&who, "GET", "/Observation/sx-o1", None).await.status, 404);
    assert!(node.stop(), "an orderly end");
    node.restart().await;
    let mut client = node.client().await;
    assert_eq!(client.fhir(&who, "GET", path, None).await.total(), Some(1));
    assert_eq!(client.fhir(&steward(), "GET", path, None).await.total(), Some(0));
}

#[tokio::test]
async fn clients_never_write_copies_and_imports_are_all_or_nothing() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    client.internal("PUT", "/shares/aa11", set("2099-01-01T00:00:00Z", copies("Mine", "1"))).await;
    let lister = principal(json!("all"), json!("all"), &[GRANT], "interactive");
    let mut labelled = observation("plain", "a", "forged");
    labelled["meta"] = json!({"security": [{"system": "https://salus.network/fhir/share", "code": GRANT}]});
    let bundle = |method: &str, url: &str, resource: Option<Value>| {
        let mut entry = json!({"request": {"method": method, "url": url}});
        if let Some(resource) = resource {
            entry["resource"] = resource;
        }
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    };
    let table = [
        ("PUT", "/Observation/sx-o1", observation("sx-o1", "a", "x")),
        ("PUT", "/Observation/sx-new", observation("sx-new", "a", "x")),
        ("DELETE", "/Observation/sx-o1", json!({})),
        ("PUT", "/Observation/plain", labelled.clone()),
        ("POST", "/Observation", labelled),
        ("POST", "", bundle("PUT", "Observation/sx-o1", Some(observation("sx-o1", "a", "x")))),
        ("POST", "", bundle("DELETE", "Observation/sx-o1", None)),
        (
            "POST",
            "/SearchParameter",
            json!({"resourceType": "SearchParameter", "status": "active", "url": "urn:x",
            "name": "x", "description": "x", "code": "_security", "base": ["Resource"], "type": "token", "expression": "id"}),
        ),
    ];
    for who in [steward(), lister, feed(), patient("a")] {
        for (method, path, body) in &table {
            let answer = client.fhir(&who, method, path, Some(body.clone())).await;
            assert!(matches!(answer.status, 403 | 404 | 422), "{who} {method} {path} {answer:?}");
        }
    }
    // Refused imports leave nothing.
    let refused = [
        set("2099-01-01T00:00:00Z", vec![copies("Good", "9")[0].clone(), observation("plain", "a", "x")]),
        set("2099-01-01T00:00:00Z", vec![json!({"resourceType": "Nonsense", "id": "sx-1"})]),
        set("2099-01-01T00:00:00Z", vec![observation("sx-9", "b", "Good")]),
        set("not a date", copies("Good", "9")),
        set("2099-01-01T00:00:00Z", copies("Taken", "1")),
    ];
    for body in refused {
        assert_eq!(client.internal("PUT", "/shares/cc33", body.clone()).await.status, 422, "{body:?}");
    }
    let all = with_shares(json!("all"), &[GRANT, "cc33"]);
    assert_eq!(client.fhir(&all, "GET", "/Observation?_total=accurate", None).await.total(), Some(1));
    assert!(!node.holds("Taken") && !node.holds("Good"));
}
