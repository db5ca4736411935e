//! The store on the disk: sealed whatever happens, from the first start on, also where it was in the clear before.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    sealed,
    support::{KEY, Node, feed, finds, observation, open, steward},
};

/// A store that an earlier version wrote: a patient, observations with versions, one deleted, a set of copies, an outbox.
const CLEAR_STORE: &[u8] = include_bytes!("../fixtures/clear.db.gz");
/// What stands in it.
const OLD: [&str; 7] = [
    "CanaryOldFamily",
    "CanaryOldGiven",
    "CanaryOldValue",
    "CanaryOldAmended",
    "CanaryOldDisplay",
    "CanaryOldGone",
    "CanaryOldShared",
];
const OTHER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const PATIENCE: Duration = Duration::from_secs(60);

/// The ways in which a text may stand in a file.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        text.to_lowercase().into_bytes(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ];
    // What comes before decides at which of three places base64 begins; the ends depend on what stands around.
    for before in 0..3 {
        let encoded = STANDARD.encode(["x".repeat(before).as_str(), text].concat());
        forms.push(encoded.as_bytes()[4..encoded.len() / 4 * 4 - 4].to_vec());
    }
    forms
}

/// The files of a folder in which a text stands in any form.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let forms = forms(text);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &std::path::PathBuf| {
        // The engine may remove a file of its own meanwhile.
        let bytes = fs::read(path).unwrap_or_default();
        forms.iter().any(|form| finds(&bytes, form))
    };
    files.filter(holds).map(|path| path.display().to_string()).collect()
}

fn nowhere(node: &Node, texts: &[&str], when: &str) {
    for text in texts {
        assert_eq!(holding(&node.data(), text), [""; 0], "{text} is in the clear {when}");
    }
}

/// A folder with the store of before in the clear.
fn clear_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let packed = folder.path().join("packed.gz");
    fs::write(&packed, CLEAR_STORE).unwrap();
    let out = fs::File::create(data.join("clinical.db")).unwrap();
    let unpacked = Command::new("gzip").arg("-dc").arg(&packed).stdout(Stdio::from(out)).status().unwrap();
    assert!(unpacked.success());
    folder
}

/// Makes a store so large that sealing it can be interrupted.
fn grow(database: &Connection, rows: usize) {
    // By the columns that this version of the engine has, all of a row but its id.
    let columns: Vec<String> = database
        .prepare("SELECT * FROM resource_history LIMIT 0")
        .unwrap()
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let selected: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => "'sx-grown-' || n".to_owned(),
            "data" => "CAST(json_object('text', hex(randomblob(2000))) AS BLOB)".to_owned(),
            column => column.to_owned(),
        })
        .collect();
    let sql = format!(
        "WITH RECURSIVE seq(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM seq WHERE n < {rows})
         INSERT INTO resource_history ({}) SELECT {} FROM seq, (SELECT * FROM resource_history LIMIT 1)",
        columns.join(", "),
        selected.join(", ")
    );
    database.execute_batch(&sql).unwrap();
}

fn versions(node: &Node) -> usize {
    node.database().query_row("SELECT count(*) FROM resource_history", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn no_file_of_an_engine_that_runs_was_killed_or_stopped_tells_what_it_stores() {
    let texts = ["CanaryQuendelina", "CanaryVardasol", "CanaryMorphine", "CanaryScan", "CanaryGone"];
    let mut node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a", "name": [{"family": texts[0], "given": [texts[1]]}]})).await;
    client.put(observation("o", "a", texts[2])).await;
    client
        .put(json!({"resourceType": "Binary", "id": "b", "contentType": "text/plain",
        "data": STANDARD.encode(texts[3].repeat(3_000))}))
        .await;
    client.put(observation("gone", "a", texts[4])).await;
    assert_eq!(client.fhir(&steward(), "DELETE", "/Observation/gone", None).await.status, 204);
    let shared = json!({"patient": "a", "expires": "2099-01-01T00:00:00Z",
        "resources": [observation("sx-1", "a", "CanaryShared")]});
    assert_eq!(client.internal("PUT", "/shares/aa", Some(shared)).await.status, 200);
    // A sort and a search by text, which could want a temporary file.
    for path in [
        "/Observation?patient=a&_sort=-date&_count=5",
        "/Observation?_text=CanaryMorphine",
        "/Patient/a/$everything",
    ] {
        assert_eq!(client.fhir(&steward(), "GET", path, None).await.status, 200, "{path}");
    }
    let all = [&texts[..], &["CanaryShared"]].concat();
    nowhere(&node, &all, "while it runs");
    assert!(node.files().iter().any(|file| file.ends_with("clinical.db-wal")), "the log was searched");
    for text in [texts[0], texts[2], texts[4], "CanaryShared"] {
        assert!(node.holds(text), "the same search, by who has the key, finds {text}");
    }
    node.kill();
    nowhere(&node, &all, "after a kill");
    node.restart().await;
    assert!(node.stop());
    nowhere(&node, &all, "after a stop");

    // The planted bug: the same content in a store that is not sealed.
    let plain = node.data().join("plain.db");
    let store = open(&node.data().join("clinical.db"), KEY);
    store.execute("ATTACH ?1 AS plain KEY ''", [plain.to_str().unwrap()]).unwrap();
    store.query_row("SELECT sqlcipher_export('plain')", [], |_| Ok(())).unwrap();
    drop(store);
    for text in all {
        assert_eq!(holding(&node.data(), text), [plain.display().to_string()], "{text}");
    }
}

#[tokio::test]
async fn a_store_in_the_clear_is_sealed_at_the_first_start_and_says_what_it_said() {
    let folder = clear_store();
    let data = folder.path().join("data");
    for text in OLD {
        assert_eq!(holding(&data, text).len(), 1, "the search finds {text} in what an earlier version wrote");
    }
    let before = fs::read(data.join("clinical.db")).unwrap();
    let mut node = Node::start_in(folder, Vec::new()).await;
    nowhere(&node, &OLD, "once it was sealed");
    let mut files: Vec<_> = node.files().iter().map(|file| file.file_name().unwrap().to_owned()).collect();
    files.sort();
    assert_eq!(files, ["clinical.db", "clinical.db-shm", "clinical.db-wal", "engine.lock"]);

    let mut client = node.client().await;
    let status = client.internal("GET", "/status", None).await.json();
    assert_eq!(status, json!({"resources": 4, "outbox": 4, "lastSeq": 6}));
    let outbox = client.outbox().await;
    let ids: Vec<_> = outbox.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["old-1", "old-2", "old-3", "old-3"]);
    // Through the indexes, which refer to rows by number.
    for (path, total) in [
        ("/Observation?patient=old&_total=accurate", 2),
        ("/Observation?code=http://loinc.org|8867-4&_total=accurate", 1),
        ("/Observation?code:text=CanaryOldDisplay&_total=accurate", 1),
        ("/Observation?_content=CanaryOldAmended&_total=accurate", 1),
        ("/Patient?family=CanaryOldFamily&_total=accurate", 1),
        ("/Observation?patient.family=CanaryOldFamily&_total=accurate", 2),
    ] {
        assert_eq!(client.fhir(&steward(), "GET", path, None).await.total(), Some(total), "{path}");
    }
    let version = client.fhir(&steward(), "GET", "/Observation/old-1/_history/1", None).await.json();
    assert_eq!(version["valueString"], "CanaryOldValue");
    let shares = client.internal("GET", "/shares", None).await.json();
    assert_eq!((&shares[0]["grant"], &shares[0]["count"]), (&json!("aa"), &json!(1)));
    client.put(observation("new", "old", "CanaryNew")).await;
    assert_eq!(client.outbox().await.len(), 5, "the trigger came along");

    // A process that was killed before the clear store was destroyed.
    assert!(node.stop());
    fs::write(node.data().join("clinical.db.clear"), &before).unwrap();
    fs::write(node.data().join("clinical.db.sealing"), b"half").unwrap();
    node.restart().await;
    nowhere(&node, &OLD, "after what was left of a kill");
    assert_eq!(node.client().await.internal("GET", "/status", None).await.json()["resources"], 5);
}

#[tokio::test]
async fn an_engine_that_is_killed_while_it_seals_a_store_loses_nothing() {
    const ROWS: usize = 15_000;
    let folder = clear_store();
    let database = folder.path().join("data/clinical.db");
    grow(&Connection::open(&database).unwrap(), ROWS);
    let mut node = Node::start_in(clear_store(), Vec::new()).await;
    node.kill();
    // The large store in the place of the small one, with a second name as a kill between two steps leaves it.
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(node.data().join(format!("clinical.db{ending}")));
    }
    fs::copy(&database, node.data().join("clinical.db")).unwrap();
    fs::hard_link(node.data().join("clinical.db"), node.data().join("clinical.db.clear")).unwrap();
    let copy = node.data().join("clinical.db.sealing");
    for megabytes in [0, 4, 20] {
        node.spawn();
        let until = Instant::now() + PATIENCE;
        while fs::metadata(&copy).map_or(0, |file| file.len()) <= megabytes << 20 {
            assert!(Instant::now() < until, "the store is not being sealed");
            std::thread::yield_now();
        }
        node.kill();
        assert!(
            holding(&node.data(), OLD[0]).len() == 1,
            "it is as it was, and nothing beside it is in the clear"
        );
    }
    node.restart().await;
    nowhere(&node, &OLD, "once it was sealed");
    assert_eq!(versions(&node), ROWS + 7);
    let same: String = node.database().query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).unwrap();
    assert_eq!(same, "ok");
}

#[tokio::test]
async fn another_key_or_none_opens_nothing_and_changes_nothing() {
    let mut node = Node::start(&[]).await;
    node.client().await.put(json!({"resourceType": "Patient", "id": "a"})).await;
    assert!(node.stop());
    let database = node.data().join("clinical.db");
    let before = fs::read(&database).unwrap();
    let short = &KEY[1..];
    for (keys, words) in [
        (OTHER_KEY, "does not open"),
        ("", "64 hexadecimal digits"),
        (short, "64 hexadecimal digits"),
        (&format!("{KEY} {short}"), "64 hexadecimal digits"),
        (&"0".repeat(500), "has no key"),
        (&format!("{OTHER_KEY} {OTHER_KEY}"), "does not open"),
    ] {
        let said = node.log().len();
        node.keys = keys.to_owned();
        node.refuses_to_start();
        let log = node.log()[said..].to_owned();
        assert!(log.contains(words), "{keys:?}: {log}");
        assert!(!log.contains(KEY) && !log.contains(OTHER_KEY), "no key is said");
        assert_eq!(fs::read(&database).unwrap(), before, "{keys:?}");
    }
    // A page that was changed on the disk is no page of the store.
    let mut changed = before.clone();
    changed[4_096 * 3 + 17] ^= 1;
    fs::write(&database, &changed).unwrap();
    let damaged =
        open(&database, KEY).query_row("PRAGMA cipher_integrity_check", [], |row| row.get::<_, String>(0));
    assert!(damaged.is_ok_and(|said| said.contains("page 4")));
    fs::write(&database, &before).unwrap();
    node.keys = KEY.to_owned();
    node.restart().await;
    assert_eq!(node.client().await.fhir(&steward(), "GET", "/Patient/a", None).await.status, 200);
}

#[tokio::test]
async fn a_store_takes_another_key_whole_or_not_at_all() {
    const ROWS: usize = 15_000;
    let mut node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a", "name": [{"family": "CanaryKept"}]})).await;
    assert!(node.stop());
    grow(&node.database(), ROWS);
    let renewed = format!("{OTHER_KEY} {KEY}");
    let log = node.data().join("clinical.db-wal");
    for megabytes in [0, 4, 20] {
        node.keys.clone_from(&renewed);
        node.spawn();
        let until = Instant::now() + PATIENCE;
        while fs::metadata(&log).map_or(0, |file| file.len()) <= megabytes << 20 {
            assert!(Instant::now() < until, "the store is not being written anew");
            std::thread::yield_now();
        }
        node.kill();
    }
    node.restart().await;
    assert_eq!(node.client().await.fhir(&steward(), "GET", "/Patient/a", None).await.status, 200);
    assert!(node.stop());
    let database = node.data().join("clinical.db");
    assert!(finds(&sealed::opened(&database, OTHER_KEY), "CanaryKept"));
    assert!(!finds(&sealed::opened(&database, KEY), "CanaryKept"), "no page has the former key");
    node.keys = KEY.to_owned();
    node.refuses_to_start();
    node.keys = OTHER_KEY.to_owned();
    node.restart().await;
    let found: Value = node.client().await.fhir(&feed(), "GET", "/Patient/a", None).await.json();
    assert_eq!(found["name"][0]["family"], "CanaryKept");
    let rows: usize = open(&database, OTHER_KEY)
        .query_row("SELECT count(*) FROM resource_history", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, ROWS + 1);
}
