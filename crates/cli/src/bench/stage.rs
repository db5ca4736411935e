//! A demo network as a process of its own, in a folder that is deleted in the end.

use crate::assets::Assets;
use crate::demo::report::{Client, REPORT_FILE, Report};
use crate::node::ops;
use crate::token;
use anyhow::{Context as _, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Longest wait for a network to come up.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// How often it is looked whether something has become true.
pub(super) const POLL: Duration = Duration::from_millis(5);
/// The demo patients of a bench.
const PATIENTS: &str = "2";

/// The network under measurement.
pub(super) struct Stage {
    demo: Command,
    pub(super) assets: Assets,
    running: Option<Child>,
    /// Last: a demo that still runs is killed with its handle, its nodes end with it, and then the folder goes.
    dir: TempDir,
}

impl Stage {
    /// A network of these programs; its ports begin at `base_port`.
    pub(super) fn new(assets: Assets, base_port: u16) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("salus-bench-").tempdir()?;
        let mut demo = Command::new(std::env::current_exe()?);
        demo.arg("demo").arg("--dir").arg(dir.path()).args(["--patients", PATIENTS, "--seed", "7"]);
        demo.arg("--base-port").arg(base_port.to_string());
        demo.args(assets.options());
        demo.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        Ok(Self { demo, assets, running: None, dir })
    }

    /// Starts the network and waits until it is ready; gives how long that took.
    pub(super) async fn start(&mut self) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        self.spawn()?;
        self.wait_ready().await?;
        Ok(begin.elapsed())
    }

    pub(super) fn spawn(&mut self) -> anyhow::Result<()> {
        self.running = Some(self.demo.spawn().context("the demo does not start")?);
        Ok(())
    }

    pub(super) async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        let child = self.running.as_mut().context("the demo was not started")?;
        while !self.dir.path().join(REPORT_FILE).exists() {
            if let Some(status) = child.try_wait()? {
                bail!("the demo ended with {status}");
            }
            if begin.elapsed() > START_TIMEOUT {
                bail!("the demo does not come up");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops it as Ctrl-C does.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        let pid = child.id().context("the demo has ended")?.to_string();
        Command::new("kill").args(["-INT", &pid]).status().await?;
        let status = child.wait().await?;
        if !status.success() {
            bail!("the demo stopped with {status}");
        }
        Ok(())
    }

    pub(super) fn report(&self) -> anyhow::Result<Report> {
        Report::read(self.dir.path())
    }

    pub(super) fn home(&self, organisation: &str) -> PathBuf {
        self.dir.path().join(organisation)
    }

    pub(super) fn ops(&self, organisation: &str) -> ops::Client {
        ops::Client::new(&self.home(organisation))
    }

    /// FHIR base URL and backend client of a hospital.
    pub(super) fn hospital(&self, id: &str) -> anyhow::Result<(String, Client)> {
        let report = self.report()?;
        let organisation = report.organisation(id)?;
        let fhir = organisation.fhir.clone().context("no FHIR API")?;
        Ok((fhir, organisation.client.clone().context("no client")?))
    }

    pub(super) async fn system_token(&self, hospital: &str) -> anyhow::Result<String> {
        token::system_token(&self.hospital(hospital)?.1).await
    }

    /// The node processes, with their organisation's id.
    pub(super) fn nodes(&self) -> anyhow::Result<Vec<(String, u32)>> {
        let mut nodes = Vec::new();
        for organisation in self.report()?.organisations {
            let home = self.home(&organisation.id);
            nodes.push((organisation.id, process_of(&home)?));
        }
        Ok(nodes)
    }
}

/// The process whose command line has `node --home HOME`.
pub(super) fn process_of(home: &Path) -> anyhow::Result<u32> {
    let wanted = home.as_os_str().as_encoded_bytes();
    let found = fs::read_dir("/proc")?.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0).skip(1);
        (words.next()? == b"node" && words.any(|word| word == wanted)).then_some(pid)
    });
    found.with_context(|| format!("no node runs in `{}`", home.display()))
}
