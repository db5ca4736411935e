//! A demo network in a folder of its own, driven by its command line and its FHIR API alone.

#![allow(dead_code, reason = "each test program uses its part of this")]

pub(crate) mod nodes;
pub(crate) mod search;
pub(crate) mod steward;
pub(crate) mod store;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for a network to come up.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest wait for something that must become true.
const EVENTUALLY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(100);

pub(crate) struct Demo {
    pub(crate) folder: PathBuf,
    process: Child,
    options: Vec<String>,
    _home: TempDir,
}

/// The engine's program, or `None` (and a line that says so) where it is not built.
fn engine() -> Option<String> {
    let engine = std::env::var("SALUS_ENGINE").ok();
    if engine.is_none() {
        eprintln!("skipped: SALUS_ENGINE names no clinical engine");
        assert!(std::env::var_os("CI").is_none(), "in CI the engine must be there");
    }
    engine
}

impl Demo {
    /// Starts a network of four and waits until it is ready; `None` where the engine is not built.
    pub(crate) fn start(base_port: u16, options: &[&str]) -> Option<Self> {
        engine()?;
        let home = TempDir::new().expect("a folder");
        let folder = home.path().join("demo");
        let mut options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        options.extend(["--base-port".to_owned(), base_port.to_string()]);
        let process = spawn(&folder, &options);
        let mut demo = Self { folder, process, options, _home: home };
        demo.wait_ready();
        Some(demo)
    }

    fn wait_ready(&mut self) {
        let report = self.folder.join("demo.json");
        let started = Instant::now();
        while !report.exists() {
            if let Some(status) = self.process.try_wait().expect("the process can be asked") {
                panic!("the demo ended with {status}\n{}", self.logs());
            }
            assert!(started.elapsed() < START_TIMEOUT, "the demo does not come up\n{}", self.logs());
            std::thread::park_timeout(POLL);
        }
    }

    /// Stops the network as Ctrl-C does, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.interrupt();
        self.process = spawn(&self.folder, &self.options);
        self.wait_ready();
    }

    /// Stops the network as Ctrl-C does.
    pub(crate) fn interrupt(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
        let status = self.process.wait().expect("the process can be awaited");
        assert!(status.success(), "the demo stops cleanly: {status}");
    }

    pub(crate) fn report(&self) -> Value {
        read_json(&self.folder.join("demo.json"))
    }

    /// The last lines of every node's log.
    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for node in ["hospital-a", "hospital-b", "insurer", "regulator"] {
            let log = std::fs::read_to_string(self.folder.join(node).join("node.log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(15).collect();
            text.push_str(&format!(
                "--- {node}\n{}\n",
                lines.into_iter().rev().collect::<Vec<_>>().join("\n")
            ));
        }
        text
    }

    /// Runs `salus` and gives its JSON; panics with its words if it fails.
    pub(crate) fn salus(&self, arguments: &[&str]) -> Value {
        match self.try_salus(arguments) {
            Ok(value) => value,
            Err(error) => panic!("salus {arguments:?} failed: {error}\n{}", self.logs()),
        }
    }

    /// Runs `salus` with `--json`; the error is what it printed on standard error.
    pub(crate) fn try_salus(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = salus(arguments).arg("--json").output().expect("salus runs");
        if !output.status.success() {
            assert!(output.stdout.is_empty(), "errors go to standard error alone");
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// `salus patient --demo .. --key ..` for the patient with a number (from 0).
    pub(crate) fn patient(&self, number: usize, arguments: &[&str]) -> Value {
        let (folder, key) = self.patient_options(number);
        self.salus(&[&["patient", "--demo", &folder, "--key", &key], arguments].concat())
    }

    /// The same where it may fail.
    pub(crate) fn try_patient(&self, number: usize, arguments: &[&str]) -> Result<Value, String> {
        let (folder, key) = self.patient_options(number);
        self.try_salus(&[&["patient", "--demo", &folder, "--key", &key], arguments].concat())
    }

    pub(crate) fn patient_options(&self, number: usize) -> (String, String) {
        let key = self.report()["patients"][number]["key"].as_str().expect("a key").to_owned();
        (self.folder.display().to_string(), key)
    }

    /// A bearer token for a clinician of Hospital B in the chart of a patient.
    pub(crate) fn clinician_token(&self, patient: usize, purpose: &str) -> String {
        let report = self.report();
        let practitioner = report["practitioners"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|practitioner| practitioner["organisation"] == "hospital-b")
            .expect("hospital B has practitioners")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let (folder, key) = self.patient_options(patient);
        let answer = self.salus(&[
            "token",
            "--demo",
            &folder,
            "--org",
            "hospital-b",
            "--as",
            &practitioner,
            "--patient",
            &key,
            "--purpose",
            purpose,
        ]);
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Hospital B knows what a patient shares with it once the source's letter has come. A question for another
    /// purpose than the patient's makes it say so, and fetches nothing.
    pub(crate) fn wait_until_b_knows(&self, patient: usize) {
        let token = self.clinician_token(patient, "operations");
        let id = self.patient_id(patient, "hospital-b");
        let url = format!("{}/Observation?patient={id}", self.fhir("hospital-b"));
        eventually("hospital B knows of the grant", || {
            get(&url, &token).body.to_string().contains("are shared for treatment")
        });
    }

    pub(crate) fn system_token(&self, organisation: &str) -> String {
        try_system_token(&self.folder, organisation).expect("a token")
    }

    /// FHIR base URL of an organisation.
    pub(crate) fn fhir(&self, organisation: &str) -> String {
        let report = self.report();
        let organisations = report["organisations"].as_array().expect("a list");
        let found = organisations.iter().find(|entry| entry["id"] == organisation).expect("an organisation");
        found["fhir"].as_str().expect("a FHIR API").to_owned()
    }

    /// Logical id of a patient at an organisation.
    pub(crate) fn patient_id(&self, number: usize, organisation: &str) -> String {
        let reference =
            self.report()["patients"][number]["at"][organisation].as_str().expect("enrolled").to_owned();
        reference.trim_start_matches("Patient/").to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The nodes end with the demo's process: their standard input closes.
        if let Ok(None) = self.process.try_wait() {
            let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
            let _ = self.process.wait();
        }
    }
}

fn spawn(folder: &Path, options: &[String]) -> Child {
    salus(&["demo", "--dir", &folder.display().to_string()])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the demo starts")
}

pub(crate) fn salus(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salus"));
    command.args(arguments);
    command
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file is there")).expect("JSON")
}

/// A token for a hospital's own system, if the hospital answers.
pub(crate) fn try_system_token(demo: &Path, organisation: &str) -> Option<String> {
    let folder = demo.display().to_string();
    let output = salus(&["token", "--demo", &folder, "--org", organisation]).output().expect("salus runs");
    let token = String::from_utf8(output.stdout).expect("text").trim().to_owned();
    output.status.success().then_some(token)
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

/// Asks until it is true; panics with `what` if it never is.
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < EVENTUALLY_TIMEOUT, "never came true: {what}");
        std::thread::park_timeout(POLL);
    }
}

/// A FHIR answer: status and JSON.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A GET with a bearer token, by a client that nobody here wrote: curl.
pub(crate) fn get(url: &str, token: &str) -> Answer {
    let authorization = format!("authorization: Bearer {token}");
    request(&["-H", &authorization, url])
}

/// A POST of FHIR JSON with a bearer token.
pub(crate) fn post(url: &str, token: &str, body: &str) -> Answer {
    try_post(url, token, body).expect("an answer")
}

/// The same, if there is an answer at all.
pub(crate) fn try_post(url: &str, token: &str, body: &str) -> Option<Answer> {
    let authorization = format!("authorization: Bearer {token}");
    let kind = "content-type: application/fhir+json";
    try_request(&["-H", &authorization, "-H", kind, "--data-binary", body, url])
}

fn request(arguments: &[&str]) -> Answer {
    try_request(arguments).expect("an answer")
}

/// What curl brings; `None` if nobody answers, or not to the end.
pub(crate) fn try_request(arguments: &[&str]) -> Option<Answer> {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "60", "-w", "\n%{http_code}"])
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').expect("a status");
    let body = serde_json::from_str(body).unwrap_or_default();
    output.status.success().then(|| Answer { status: status.parse().expect("a number"), body })
}
