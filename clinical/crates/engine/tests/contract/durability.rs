use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Client, Node, encoded, feed, observation, steward};

fn key(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    format!("{}/{}/{} {} {}", text("type"), text("id"), text("version"), row["deleted"], row["patient"])
}

#[tokio::test]
async fn the_outbox_holds_each_committed_version_once_and_nothing_else() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    client.put(observation("o", "a", "one")).await;
    client.put(observation("o", "a", "two")).await;
    client.put(json!({"resourceType": "Organization", "id": "org", "name": "Org"})).await;
    assert_eq!(client.fhir(&steward(), "DELETE", "/Observation/o", None).await.status, 204);
    // Refused by validation, and a transaction whose second entry fails.
    client.fhir(&steward(), "POST", "/Observation", Some(json!({"resourceType": "Observation"}))).await;
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": observation("rolled-back", "a", "x"), "request": {"method": "PUT", "url": "Observation/rolled-back"}},
        {"resource": observation("o2", "a", "x"), "request": {"method": "PUT", "url": "Observation/o2", "ifMatch": "W/\"9\""}}]});
    let answer = client.fhir(&steward(), "POST", "", Some(bundle)).await;
    assert!(answer.status >= 400, "{answer:?}");

    let rows = client.outbox().await;
    let keys: Vec<String> = rows.iter().map(key).collect();
    assert_eq!(
        keys,
        [
            "Patient/a/1 false \"a\"",
            "Observation/o/1 false \"a\"",
            "Observation/o/2 false \"a\"",
            "Organization/org/1 false null",
            "Observation/o/3 true \"a\"",
        ]
    );
    let stored: Vec<u8> = node
        .database()
        .query_row("SELECT data FROM resource_history WHERE id = 'o' AND version_id = '2'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(rows[2]["resource"].as_str().unwrap().as_bytes(), stored, "byte for byte");

    let third = rows[2]["seq"].as_i64().unwrap();
    assert_eq!(client.internal("POST", "/outbox/ack", Some(json!({"upTo": third}))).await.status, 204);
    assert_eq!(client.outbox().await.len(), 2);
    let status = client.internal("GET", "/status", None).await.json();
    assert_eq!((&status["outbox"], &status["lastSeq"]), (&json!(2), &json!(5)), "{status}");
    let paged = client.internal("GET", "/outbox?after=4&limit=1", None).await.json();
    assert_eq!(paged[0]["seq"], 5);
}

#[tokio::test]
async fn a_waiting_reader_hears_of_a_write_at_once() {
    let node = Node::start(&[]).await;
    let (mut reader, mut writer) = (node.client().await, node.client().await);
    let waiting = tokio::spawn(async move { reader.internal("GET", "/outbox/wait?after=0", None).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    writer.put(json!({"resourceType": "Patient", "id": "a"})).await;
    let answer =
        tokio::time::timeout(Duration::from_secs(2), waiting).await.expect("no poll interval").unwrap();
    assert_eq!(answer.json(), json!({"lastSeq": 1}));
}

#[tokio::test]
async fn many_large_documents_are_read_from_the_outbox_in_portions() {
    const DOCUMENTS: usize = 20;
    // With its quotes, each is near the largest body of 16 MiB.
    const BYTES: usize = 15 * 1024 * 1024;
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    for number in 0..DOCUMENTS {
        let document = json!({"resourceType": "Binary", "id": format!("b{number}"),
            "contentType": "application/pdf", "data": "QUJD".repeat(BYTES / 4)});
        let answer = client.fhir(&feed(), "PUT", &format!("/Binary/b{number}"), Some(document)).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.status);
    }
    let (mut after, mut read) = (0, 0);
    while read < DOCUMENTS {
        let path = format!("/outbox?after={after}&limit=256");
        let answer = client.internal("GET", &path, None).await;
        assert!(answer.text.len() < 128 * 1024 * 1024, "{} bytes", answer.text.len());
        let rows: Vec<Value> = serde_json::from_str(&answer.text).unwrap();
        assert!((1..=3).contains(&rows.len()), "{} rows", rows.len());
        read += rows.len();
        after = rows.last().unwrap()["seq"].as_i64().unwrap();
    }
    assert_eq!(read, DOCUMENTS);
    let rest = client.internal("GET", &format!("/outbox?after={after}"), None).await;
    assert_eq!(rest.json(), json!([]));
}

/// How often the engine is killed while it writes.
const KILLS: usize = 20;

#[tokio::test]
async fn a_killed_engine_has_lost_no_acknowledged_write_and_sealed_no_other() {
    let mut node = Node::start(&[]).await;
    node.client().await.put(json!({"resourceType": "Patient", "id": "a"})).await;
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        acknowledged.extend(write_until_killed(&mut node, round).await);
        node.restart().await;
    }
    let mut client = node.client().await;
    let mut sealed = HashMap::new();
    for row in client.outbox().await {
        *sealed.entry(row["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    for id in &acknowledged {
        assert_eq!(sealed.get(id), Some(&1), "{id} is sealed once");
        assert_eq!(client.fhir(&steward(), "GET", &format!("/Observation/{id}"), None).await.status, 200);
    }
    let versions: usize =
        node.database().query_row("SELECT count(*) FROM resource_history", [], |row| row.get(0)).unwrap();
    assert_eq!(
        versions,
        sealed.values().sum::<usize>(),
        "every version has its row, also the unacknowledged ones"
    );
    let of_transactions = sealed.keys().filter(|id| id.starts_with("t-")).count();
    assert_eq!(of_transactions % 10, 0, "no half transaction");
}

/// Writes from four connections, one of them in transactions of ten, until the engine is killed; what was acknowledged.
async fn write_until_killed(node: &mut Node, round: usize) -> Vec<String> {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut writers = Vec::new();
    for worker in 0..4 {
        let (mut client, acknowledged) = (node.client().await, acknowledged.clone());
        writers.push(tokio::spawn(async move {
            for number in 0.. {
                let id = format!("{}-{round}-{worker}-{number}", if worker == 0 { "t" } else { "o" });
                let Some(last) = write(&mut client, &id, worker == 0).await else { return };
                acknowledged.lock().unwrap().push(last);
            }
        }));
    }
    // Other rounds end after other numbers of writes, the first ones soon.
    while acknowledged.lock().unwrap().len() < 1 + 3 * round {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    node.kill();
    for writer in writers {
        writer.await.unwrap();
    }
    std::mem::take(&mut *acknowledged.lock().unwrap())
}

/// One write, or ten at a time, all or nothing; the last id written once it is acknowledged.
async fn write(client: &mut Client, id: &str, ten: bool) -> Option<String> {
    let (method, path, body, last) = if ten {
        let entries: Vec<Value> = (0..10)
            .map(|n| {
                let id = format!("{id}-{n}");
                json!({"resource": observation(&id, "a", "t"),
                    "request": {"method": "PUT", "url": format!("Observation/{id}")}})
            })
            .collect();
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        ("POST", "/fhir".to_owned(), bundle, format!("{id}-9"))
    } else {
        ("PUT", format!("/fhir/Observation/{id}"), observation(id, "a", "s"), id.to_owned())
    };
    let headers = [("x-salus-principal", encoded(&feed())), ("content-type", "application/json".into())];
    let answer = client.try_raw(method, &path, &headers, body.to_string()).await?;
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    Some(last)
}

#[tokio::test]
async fn a_second_engine_on_the_same_folder_is_refused() {
    let node = Node::start(&[]).await;
    let given = || {
        let path = node.folder.path().join("key");
        std::fs::write(&path, format!("{}\n", node.keys)).unwrap();
        std::fs::File::open(path).unwrap()
    };
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_salus-engine"))
        .stdin(given())
        .arg("--data")
        .arg(node.data())
        .arg("--socket")
        .arg(node.folder.path().join("other/engine.sock"))
        .args(["--base-url", "https://b.example/fhir", "--definitions"])
        .arg(crate::support::definitions())
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another engine"));
    let empty = tempfile::tempdir().unwrap();
    let third = std::process::Command::new(env!("CARGO_BIN_EXE_salus-engine"))
        .stdin(given())
        .arg("--data")
        .arg(empty.path().join("data"))
        .arg("--socket")
        .arg(empty.path().join("run/engine.sock"))
        .args(["--base-url", "https://b.example/fhir", "--definitions"])
        .arg(empty.path())
        .output()
        .unwrap();
    assert!(!third.status.success(), "without the search parameters it does not start");
    assert!(String::from_utf8_lossy(&third.stderr).contains("search parameters"));
}
