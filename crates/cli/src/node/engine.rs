//! The clinical engine's process: started with the node, restarted when it ends, stopped with the node.

use crate::keys::clinical::ClinicalKeys;
use crate::network::FeedValidation;
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

/// Longest pause between two starts of an engine that keeps ending.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Shortest pause, and that after an engine which ran for a while.
const RESTART_PAUSE_MIN: Duration = Duration::from_millis(200);
/// How long an engine must run until its end counts as the first one.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);
/// How long an engine may take to end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How to start the engine.
#[derive(Clone)]
pub(crate) struct EngineCommand {
    /// The program.
    pub(crate) program: PathBuf,
    /// FHIR definitions.
    pub(crate) definitions: PathBuf,
    /// Its data.
    pub(crate) data: PathBuf,
    /// What its data is sealed by.
    pub(crate) keys: ClinicalKeys,
    /// The Unix socket on which it answers.
    pub(crate) socket: PathBuf,
    /// The public FHIR base URL, for links.
    pub(crate) base_url: String,
    /// What validation does to what feeds write.
    pub(crate) feed_validation: FeedValidation,
}

impl EngineCommand {
    /// Starts it; it runs until what is given beside it is dropped.
    pub(crate) async fn spawn(&self) -> anyhow::Result<(Child, ChildStdin)> {
        let mut child = Command::new(&self.program)
            .arg("--data")
            .arg(&self.data)
            .arg("--socket")
            .arg(&self.socket)
            .arg("--definitions")
            .arg(&self.definitions)
            .args(["--base-url", &self.base_url, "--supervised"])
            .args(["--feed-validation", self.feed_validation.as_str()])
            // `--supervised`: the engine ends when this pipe closes, so it never outlives its node.
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the clinical engine `{}`", self.program.display()))?;
        // Apart from the child, because waiting for a child closes its standard input.
        let mut lifeline = child.stdin.take().context("the clinical engine has no standard input")?;
        // By a pipe alone: others can see arguments and environment, and a file would outlive the process.
        lifeline.write_all(self.keys.line().as_bytes()).await.context("the clinical engine takes no key")?;
        Ok((child, lifeline))
    }

    /// Keeps the engine running until `stop` says otherwise.
    pub(crate) async fn supervise(self, mut stop: watch::Receiver<bool>) {
        let mut pause = RESTART_PAUSE_MIN;
        loop {
            let started = Instant::now();
            match self.spawn().await {
                Ok((mut child, lifeline)) => {
                    tokio::select! {
                        status = child.wait() => tracing::warn!(?status, "the clinical engine ended; it is started again"),
                        () = stopped(&mut stop) => {
                            drop(lifeline);
                            return end(child).await;
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "the clinical engine does not start"),
            }
            if started.elapsed() > HEALTHY_AFTER {
                pause = RESTART_PAUSE_MIN;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
            pause = (pause * 2).min(RESTART_PAUSE_MAX);
        }
    }
}

/// The guard that `wait_for` gives must not live across an await.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn end(mut child: Child) {
    if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
        tracing::warn!("the clinical engine did not end in time");
    }
}
