//! The nodes of a demo network as processes of the test's own, to be killed and started one by one.

use super::{Demo, eventually, salus};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The organisations of a demo network.
pub(crate) const ALL: [&str; 4] = ["hospital-a", "hospital-b", "insurer", "regulator"];

/// Running nodes.
pub(crate) struct Nodes {
    pub(crate) demo: Demo,
    running: BTreeMap<&'static str, Child>,
}

impl Nodes {
    /// Takes a demo's network over: the demo stops, and every node starts without it.
    pub(crate) fn take_over(mut demo: Demo) -> Self {
        let report = demo.folder.join("demo.json");
        let text = fs::read(&report).expect("the report");
        demo.interrupt();
        fs::write(report, text).expect("the report is back, for scripts that read it");
        let mut nodes = Self { demo, running: BTreeMap::new() };
        for id in ALL {
            nodes.start(id);
        }
        for id in ALL {
            nodes.wait_ready(id);
        }
        nodes
    }

    pub(crate) fn home(&self, id: &str) -> PathBuf {
        self.demo.folder.join(id)
    }

    pub(crate) fn start(&mut self, id: &'static str) {
        let log = OpenOptions::new().append(true).open(self.home(id).join("node.log")).expect("a log");
        let child = salus(&["node", "--supervised", "--home"])
            .arg(self.home(id))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("a node starts");
        self.running.insert(id, child);
    }

    /// kill -9, while whatever is under way is under way.
    pub(crate) fn kill(&mut self, id: &str) {
        let mut child = self.running.remove(id).expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// Stops a node as its operator does.
    pub(crate) fn stop(&mut self, id: &str) {
        let mut child = self.running.remove(id).expect("it runs");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(child.wait().expect("it ends").success(), "{id} stops cleanly");
    }

    /// kill -9 of a hospital's clinical engine; its node starts another.
    pub(crate) fn kill_engine(&self, id: &str) {
        let node = self.running[id].id();
        let mut engine = None;
        eventually("the engine runs", || {
            engine = child_of(node);
            engine.is_some()
        });
        let pid = engine.expect("it runs").to_string();
        Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
    }

    pub(crate) fn status(&self, id: &str) -> Value {
        let folder = self.demo.folder.display().to_string();
        let rows = self.demo.salus(&["status", "--demo", &folder]);
        let rows = rows.as_array().expect("rows").clone();
        rows.into_iter().find(|row| row["organisation"] == id).expect("a row")
    }

    pub(crate) fn wait_ready(&self, id: &str) {
        eventually(&format!("{id} answers"), || self.status(id)["running"] == true);
    }

    /// Waits until a hospital has sealed and anchored all it holds.
    pub(crate) fn wait_anchored(&self, id: &str) {
        eventually(&format!("everything of {id} is anchored"), || {
            let status = self.status(id);
            status["stored"] == 0 && status["sealed"] == 0
        });
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The process whose parent is `parent`.
fn child_of(parent: u32) -> Option<u32> {
    fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name in parentheses: state, parent.
        let found: u32 = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        (found == parent).then_some(pid)
    })
}
