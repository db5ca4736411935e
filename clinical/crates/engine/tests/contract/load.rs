//! Synthetic histories through the socket. Skipped, with a line that says so, where the data is not there.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::{Value, json};

use crate::support::{Client, Node, encoded, feed, observation, patient, steward};

/// Of the histories, by size, one in so many is loaded.
const ONE_IN: usize = 8;

fn data() -> Option<PathBuf> {
    std::env::var_os("SALUS_TEST_DATA").map(PathBuf::from).filter(|folder| folder.is_dir())
}

/// The two files that others refer to come first, then whole histories by size.
fn bundles(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (
            !name.contains("hospitalInformation"),
            !name.contains("practitionerInformation"),
            path.metadata().map_or(0, |m| m.len()),
        )
    });
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
}

async fn send(client: &mut Client, who: &Value, path: &Path) -> (usize, f64) {
    let text = std::fs::read_to_string(path).unwrap();
    let entries = serde_json::from_str::<Value>(&text).unwrap()["entry"].as_array().map_or(0, Vec::len);
    let headers = [
        ("x-salus-principal", encoded(who)),
        ("content-type", "application/fhir+json".into()),
        ("prefer", "return=minimal".into()),
    ];
    let started = Instant::now();
    let answer = client.raw("POST", "/fhir", &headers, text).await;
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(answer.status, 200, "{} {}", path.display(), &answer.text[..answer.text.len().min(800)]);
    (entries, seconds)
}

#[tokio::test]
async fn synthetic_histories_load_and_each_version_waits_to_be_sealed() {
    let Some(folder) = data() else {
        println!("skipped: no synthetic histories; set SALUS_TEST_DATA");
        return;
    };
    for policy in ["off", "flag"] {
        let node = Node::start(&["--feed-validation", policy]).await;
        let mut client = node.client().await;
        let (mut resources, mut seconds) = (0, 0.0);
        let timer = Timer::start(&node);
        let paths = bundles(&folder).into_iter().enumerate();
        for (_, path) in paths.filter(|(index, _)| *index < 2 || index % ONE_IN == 0) {
            let (entries, took) = send(&mut client, &feed(), &path).await;
            println!("{policy}: {entries} entries in {took:.2} s, {:.0}/s", entries as f64 / took);
            resources += entries;
            seconds += took;
        }
        println!("{policy}: {resources} resources, {:.0}/s", resources as f64 / seconds);
        timer.print(policy, u32::try_from(resources).unwrap());
        let status = client.internal("GET", "/status", None).await.json();
        assert_eq!(status["resources"], status["lastSeq"], "one row per version");
        let flagged = client
            .fhir(
                &steward(),
                "GET",
                "/Observation?_tag=https://salus.network/fhir/validation|flagged&_summary=count",
                None,
            )
            .await;
        println!("{policy}: {:?} observations flagged", flagged.total());
    }
}

/// Prints rates by the clock, and by the engine's processor time.
struct Timer<'a>(&'a Node, Instant, f64);

impl<'a> Timer<'a> {
    fn start(node: &'a Node) -> Self {
        Self(node, Instant::now(), node.cpu_seconds())
    }

    fn print(self, what: &str, count: u32) {
        let (wall, cpu) = (self.1.elapsed().as_secs_f64(), self.0.cpu_seconds() - self.2);
        let count = f64::from(count);
        println!("{what}: {:.0}/s, {:.2} ms of CPU each", count / wall, 1_000.0 * cpu / count);
    }
}

#[tokio::test]
async fn single_writes_reads_and_imports_are_timed() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    for connections in [1_u32, 8] {
        let timer = Timer::start(&node);
        let mut workers = Vec::new();
        for worker in 0..connections {
            let mut client = node.client().await;
            workers.push(tokio::spawn(async move {
                for n in 0..400 / connections {
                    client.put(observation(&format!("o-{connections}-{worker}-{n}"), "a", "timed")).await;
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
        timer.print(&format!("durable, validated creates, {connections} connections"), 400);
    }
    let found = "/Observation?subject=Patient/a&code=8867-4&_sort=-date&_count=20";
    for path in ["/Observation/o-1-0-0", found] {
        let timer = Timer::start(&node);
        for _ in 0..300 {
            assert_eq!(client.fhir(&steward(), "GET", path, None).await.status, 200);
        }
        timer.print(path, 300);
    }
    let timer = Timer::start(&node);
    for _ in 0..300 {
        assert_eq!(client.fhir(&patient("a"), "GET", found, None).await.status, 200);
    }
    timer.print("the same in one patient's scope", 300);
    let copies: Vec<Value> = (0..2_000).map(|n| observation(&format!("sx-{n}"), "b", "copied")).collect();
    let timer = Timer::start(&node);
    let set = json!({"patient": "b", "expires": "2099-01-01T00:00:00Z", "resources": copies});
    assert_eq!(client.internal("PUT", "/shares/aa11", Some(set)).await.status, 200);
    timer.print("import", 2_000);
    for (who, what) in [(steward(), "with full rights"), (patient("a"), "in one patient's scope")] {
        let timer = Timer::start(&node);
        for _ in 0..300 {
            assert_eq!(client.fhir(&who, "GET", found, None).await.status, 200);
        }
        timer.print(&format!("the search beside 2,000 hidden copies of another patient, {what}"), 300);
    }
    let timer = Timer::start(&node);
    assert_eq!(client.internal("DELETE", "/shares/aa11", None).await.json()["scrubbed"], true);
    timer.print("purge", 2_000);
}
