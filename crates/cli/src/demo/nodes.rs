//! The four node processes.

use super::Arguments;
use crate::network::Plan;
use anyhow::Context as _;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};

/// How long a node may take to stop when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Running nodes. They end with this process: their standard input closes.
pub(crate) struct Nodes {
    running: Vec<(&'static str, Child)>,
    /// Apart from the children, because waiting for a child closes its standard input.
    lifelines: Vec<ChildStdin>,
}

impl Nodes {
    /// Starts one process for each organisation.
    pub(crate) fn start(arguments: &Arguments, plans: &'static [Plan]) -> anyhow::Result<Self> {
        let (mut running, mut lifelines) = (Vec::new(), Vec::new());
        for plan in plans {
            let mut child = spawn(arguments, &arguments.dir.join(plan.id))?;
            lifelines.extend(child.stdin.take());
            running.push((plan.id, child));
        }
        Ok(Self { running, lifelines })
    }

    /// Resolves when a node ends by itself.
    pub(crate) async fn failure(&mut self) -> anyhow::Error {
        let waits = self.running.iter_mut().map(|(id, child)| {
            let id = *id;
            Box::pin(async move { (id, child.wait().await) })
        });
        let ((id, status), _, _) = futures::future::select_all(waits).await;
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        anyhow::anyhow!("the node of `{id}` ended ({status}); its log is `{id}/node.log`")
    }

    /// Asks every node to stop and waits until all have.
    pub(crate) async fn stop(&mut self) {
        self.lifelines.clear();
        for (_, child) in &mut self.running {
            if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
                // It was asked and did not; what it acknowledged is durable anyway.
                let _ = child.kill().await;
            }
        }
    }
}

fn spawn(arguments: &Arguments, home: &Path) -> anyhow::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(home.join("node.log"))?;
    let absolute = |path: &PathBuf| fs::canonicalize(path).with_context(|| format!("`{}`", path.display()));
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("node").arg("--home").arg(home).arg("--supervised");
    command.arg("--engine").arg(absolute(&arguments.engine)?);
    command.arg("--definitions").arg(absolute(&arguments.definitions)?);
    if let Some(portal) = &arguments.portal {
        command.arg("--portal").arg(absolute(portal)?);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        // A Ctrl-C reaches this process alone, which then stops the nodes in order.
        .process_group(0)
        .spawn()
        .context("cannot start a node")
}
