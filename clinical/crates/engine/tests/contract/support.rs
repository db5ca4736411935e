//! One engine process per test, and the least client that speaks to it.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::sealed;

pub(crate) const BASE: &str = "https://a.example/fhir";

/// The key of the tests' stores.
pub(crate) const KEY: &str = "8f2b6c01d94e7a35f0c1b2a394857667584932a1bcd0ef1023456789abcdef10";

/// The file that takes standard error.
const LOG: &str = "engine.log";

/// A running engine; killed on drop.
pub(crate) struct Node {
    pub(crate) folder: TempDir,
    child: Child,
    /// The first line of its standard input.
    pub(crate) keys: String,
    arguments: Vec<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) location: Option<String>,
    pub(crate) etag: Option<String>,
}

/// One kept-alive connection.
pub(crate) struct Client(http1::SendRequest<Full<Bytes>>);

impl Node {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        Self::start_in(folder, arguments).await
    }

    /// Starts it on what a folder holds already.
    pub(crate) async fn start_in(folder: TempDir, arguments: Vec<String>) -> Self {
        let keys = KEY.to_owned();
        let child = spawn(folder.path(), &keys, &arguments);
        let node = Self { folder, child, keys, arguments };
        node.ready().await;
        node
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn database(&self) -> rusqlite::Connection {
        open(&self.data().join("clinical.db"), KEY)
    }

    pub(crate) async fn client(&self) -> Client {
        self.try_client().await.expect("the engine listens")
    }

    pub(crate) async fn try_client(&self) -> Option<Client> {
        let stream = UnixStream::connect(self.folder.path().join("run/engine.sock")).await.ok()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Client(sender))
    }

    /// Processor time the engine has used, which a busy machine does not falsify.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
        ticks / TICKS_PER_SECOND
    }

    /// What it has said on standard error, in all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes standard input, which ends a supervised engine; returns whether it ended well.
    pub(crate) fn stop(&mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().success()
    }

    pub(crate) async fn restart(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it, and does not wait.
    pub(crate) fn spawn(&mut self) {
        self.child = spawn(self.folder.path(), &self.keys, &self.arguments);
    }

    /// Starts it where it cannot, and waits for its end.
    pub(crate) fn refuses_to_start(&mut self) {
        self.spawn();
        assert!(!self.child.wait().unwrap().success(), "it must not start");
    }

    /// Whether any file of the data folder holds `needle`, for who has the key: in any page of the database and of its
    /// write-ahead log, whether anything refers to it or not.
    pub(crate) fn holds(&self, needle: &str) -> bool {
        self.files().iter().any(|file| finds(&sealed::opened(file, KEY), needle))
    }

    /// The files of the data folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) async fn ready(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Some(mut client) = self.try_client().await
                && client.internal("GET", "/status", None).await.status == 200
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the engine did not start");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    pub(crate) async fn fhir(
        &mut self,
        who: &Value,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let headers = [("x-salus-principal", encoded(who)), ("content-type", "application/fhir+json".into())];
        self.raw(method, &format!("/fhir{path}"), &headers, body.map(|b| b.to_string()).unwrap_or_default())
            .await
    }

    pub(crate) async fn internal(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let headers = [("x-salus-internal", "1".to_owned()), ("content-type", "application/json".into())];
        self.raw(
            method,
            &format!("/internal{path}"),
            &headers,
            body.map(|b| b.to_string()).unwrap_or_default(),
        )
        .await
    }

    pub(crate) async fn raw(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_raw(method, path, headers, body).await.expect("the engine answers")
    }

    pub(crate) async fn try_raw(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: impl Into<Bytes>,
    ) -> Option<Answer> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder().method(method).uri(path).header("host", "engine");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.0.ready().await.ok()?;
        let response = self.0.send_request(request.body(Full::new(body.into())).unwrap()).await.ok()?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, etag) = (header("location"), header("etag"));
        Some(Answer {
            status: parts.status.as_u16(),
            text: String::from_utf8(bytes.to_vec()).unwrap(),
            location,
            etag,
        })
    }

    /// Writes with full rights, and expects success.
    pub(crate) async fn put(&mut self, resource: Value) {
        let path =
            format!("/{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let answer = self.fhir(&steward(), "PUT", &path, Some(resource)).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
    }

    pub(crate) async fn outbox(&mut self) -> Vec<Value> {
        let answer = self.internal("GET", "/outbox?limit=10000", None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.text).unwrap()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Whether `word` is anywhere but in the links, which repeat the question.
    pub(crate) fn shows(&self, word: &str) -> bool {
        let Ok(mut json) = serde_json::from_str::<Value>(&self.text) else { return self.text.contains(word) };
        if let Some(bundle) = json.as_object_mut() {
            bundle.remove("link");
        }
        json.to_string().contains(word)
    }

    /// `Bundle.total`.
    pub(crate) fn total(&self) -> Option<u64> {
        self.json()["total"].as_u64()
    }
}

pub(crate) fn encoded(who: &Value) -> String {
    URL_SAFE_NO_PAD.encode(who.to_string())
}

pub(crate) fn principal(read: Value, write: Value, shares: &[&str], mode: &str) -> Value {
    json!({"id": "test", "read": read, "write": write, "shares": shares, "mode": mode})
}

/// May do everything, interactively.
pub(crate) fn steward() -> Value {
    principal(json!("all"), json!("all"), &[], "interactive")
}

/// A system feed.
pub(crate) fn feed() -> Value {
    principal(json!("all"), json!("all"), &[], "feed")
}

/// Reads and writes one patient's record.
pub(crate) fn patient(id: &str) -> Value {
    principal(json!({"patient": id}), json!({"patient": id}), &[], "interactive")
}

pub(crate) fn observation(id: &str, patient: &str, text: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": text}], "text": text},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": "2024-05-01T10:00:00Z",
        "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    })
}

/// Whether a text stands in bytes.
pub(crate) fn finds(bytes: &[u8], needle: impl AsRef<[u8]>) -> bool {
    let needle = needle.as_ref();
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Opens a sealed database.
pub(crate) fn open(path: &Path, key: &str) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute_batch(&format!("PRAGMA key = \"x'{key}'\"")).unwrap();
    database
}

fn spawn(folder: &Path, keys: &str, arguments: &[String]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salus-engine"));
    if !arguments.iter().any(|one| one == "--definitions") {
        command.arg("--definitions").arg(definitions());
    }
    let child = command
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--socket")
        .arg(folder.join("run/engine.sock"))
        .args(["--base-url", BASE, "--supervised"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(std::fs::File::options().create(true).append(true).open(folder.join(LOG)).unwrap())
        .spawn()
        .unwrap();
    child.stdin.as_ref().unwrap().write_all(format!("{keys}\n").as_bytes()).unwrap();
    child
}

/// `SALUS_DEFINITIONS`, or what `clinical/fetch-definitions` fetched.
pub(crate) fn definitions() -> PathBuf {
    let here = PathBuf::from("../../definitions");
    let folder = std::env::var_os("SALUS_DEFINITIONS").map_or(here, PathBuf::from);
    assert!(folder.join("search-parameters-r4.json").exists(), "run clinical/fetch-definitions first");
    folder
}
