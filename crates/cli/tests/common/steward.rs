//! Somebody who works at an organisation, at the portal's own routes, with a passkey in software.

use super::{Answer, Demo, eventually, try_request};
use serde_json::{Value, json};
use std::path::Path;

/// The origin that the authenticator starts from; each steward sets the portal's own.
const ORIGIN: &str = "";

#[path = "../../../gateway/src/testing/passkey.rs"]
mod passkey;

/// Somebody who is signed in.
pub(crate) struct Steward {
    portal: String,
    cookie: String,
}

impl Steward {
    /// Brings a new steward in by the operator's socket, and joins.
    pub(crate) fn join(demo: &Demo, organisation: &str, id: &str) -> Self {
        Self::join_as(demo, organisation, id, "steward")
    }

    /// The same with another role.
    pub(crate) fn join_as(demo: &Demo, organisation: &str, id: &str, role: &str) -> Self {
        let report = demo.report();
        let found = report["organisations"].as_array().expect("a list").iter();
        let portal = found.clone().find(|one| one["id"] == organisation).expect("it is there")["portal"]
            .as_str()
            .expect("a portal")
            .to_owned();
        let new = json!({ "id": id, "name": "Sten", "role": role });
        let code = operator(&demo.folder.join(organisation), "/staff", &new)["code"].clone();
        let mut steward = Self { portal, cookie: String::new() };
        let begun = steward.post("/staff/join/start", &json!({ "code": code }));
        assert_eq!(begun.status, 200, "{}", begun.body);
        let mut passkey = passkey::SoftPasskey::new();
        passkey.origin.clone_from(&steward.portal);
        let options = &begun.body["options"];
        let options = if options["publicKey"].is_object() { &options["publicKey"] } else { options };
        let credential = passkey.create(options);
        let finish = json!({ "code": code, "session": begun.body["session"], "credential": credential });
        let headers = steward.headers("/staff/join/finish", &finish);
        let line = headers.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        steward.cookie = line.split(';').next().expect("a value").to_owned();
        steward
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        try_request(&["-b", &self.cookie, &format!("{}{path}", self.portal)]).expect("an answer")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let (origin, body) = (format!("origin: {}", self.portal), body.to_string());
        let kind = "content-type: application/json";
        let url = format!("{}{path}", self.portal);
        try_request(&["-b", &self.cookie, "-H", &origin, "-H", kind, "--data-binary", &body, &url])
            .expect("an answer")
    }

    fn headers(&self, path: &str, body: &Value) -> String {
        let output = std::process::Command::new("curl")
            .args(["-sS", "-D", "-", "-o", "/dev/null", "-H", &format!("origin: {}", self.portal)])
            .args(["-H", "content-type: application/json", "--data-binary", &body.to_string()])
            .arg(format!("{}{path}", self.portal))
            .output()
            .expect("curl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Asks a node through its operator's socket; what it answers.
pub(crate) fn operator(home: &Path, path: &str, body: &Value) -> Value {
    let socket = home.join("ops.sock").display().to_string();
    let kind = "content-type: application/json";
    let (url, body) = (format!("http://node{path}"), body.to_string());
    let mut answer = None;
    eventually("the node's operator is answered", || {
        answer = try_request(&["--unix-socket", &socket, "-H", kind, "--data-binary", &body, &url]);
        answer.is_some()
    });
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}
