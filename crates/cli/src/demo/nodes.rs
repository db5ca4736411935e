//! The four node processes: started, started again when one ends by itself, stopped together.

use super::Arguments;
use super::progress::Progress;
use crate::assets::Assets;
use crate::network::Plan;
use anyhow::{Context as _, bail};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, ChildStdin, Command};

/// How long a node may take to stop when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before a node that ended is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
/// A node that ends sooner than this after its start has failed to start.
const STARTED_AFTER: Duration = Duration::from_secs(5);
/// Failures to start, one after the other, after which the demo gives up.
const FAILURES_MAX: u32 = 5;

/// Running nodes. They end with this process: their standard input closes.
pub(crate) struct Nodes {
    commands: Vec<NodeCommand>,
    running: Vec<Running>,
}

/// How to start a node.
struct NodeCommand {
    id: &'static str,
    home: PathBuf,
    assets: Assets,
}

struct Running {
    child: Child,
    /// Apart from the child, because waiting for a child closes its standard input.
    lifeline: Option<ChildStdin>,
    since: Instant,
    failures: u32,
}

impl Nodes {
    /// Starts one process for each organisation.
    pub(crate) fn start(arguments: &Arguments, plans: &'static [Plan]) -> anyhow::Result<Self> {
        let assets = arguments.assets.absolute()?;
        let mut nodes = Self { commands: Vec::new(), running: Vec::new() };
        for plan in plans {
            let home = arguments.dir.join(plan.id);
            let command = NodeCommand { id: plan.id, home, assets: assets.clone() };
            nodes.running.push(command.spawn(0)?);
            nodes.commands.push(command);
        }
        Ok(nodes)
    }

    /// Keeps all nodes running, as a service manager would; ends only with an error, when one does not start.
    pub(crate) async fn keep(&mut self, progress: &Progress) -> anyhow::Result<()> {
        loop {
            let (index, status) = self.ended().await;
            let (command, before) = (&self.commands[index], &self.running[index]);
            let failures = if before.since.elapsed() < STARTED_AFTER { before.failures + 1 } else { 0 };
            let id = command.id;
            if failures >= FAILURES_MAX {
                bail!("the node of `{id}` does not start ({status}); its log is `{id}/node.log`");
            }
            progress.say(&format!("The node of {id} ended ({status}); it is started again."));
            tokio::time::sleep(RESTART_PAUSE).await;
            self.running[index] = command.spawn(failures)?;
        }
    }

    /// Resolves when a node ends by itself: its place, and how it ended.
    async fn ended(&mut self) -> (usize, String) {
        let waits = self.running.iter_mut().map(|node| Box::pin(node.child.wait()));
        let (status, index, _) = futures::future::select_all(waits).await;
        let show = |status: ExitStatus| status.to_string();
        (index, status.map_or_else(|error| error.to_string(), show))
    }

    /// Asks every node to stop and waits until all have.
    pub(crate) async fn stop(&mut self) {
        for node in &mut self.running {
            node.lifeline = None;
        }
        for node in &mut self.running {
            if tokio::time::timeout(STOP_TIMEOUT, node.child.wait()).await.is_err() {
                // It was asked and did not; what it acknowledged is durable anyway.
                let _ = node.child.kill().await;
            }
        }
    }
}

impl NodeCommand {
    fn spawn(&self, failures: u32) -> anyhow::Result<Running> {
        let log = open_log(&self.home)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("node").arg("--home").arg(&self.home).arg("--supervised");
        command.args(self.assets.options());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            // A Ctrl-C reaches this process alone, which then stops the nodes in order.
            .process_group(0)
            .spawn()
            .context("cannot start a node")?;
        let lifeline = child.stdin.take();
        Ok(Running { child, lifeline, since: Instant::now(), failures })
    }
}

fn open_log(home: &Path) -> anyhow::Result<fs::File> {
    Ok(OpenOptions::new().create(true).append(true).open(home.join("node.log"))?)
}
