//! Sealing, custody and anchoring, the FHIR engine's writing aside; and how long a start takes.
//!
//! The network is stopped, the engine runs alone and takes records, the network starts again and works them off: the
//! rate is that from the first anchored batch to the last.

use super::Extent;
use super::chart::{lab, transaction};
use super::figure::Figure;
use super::http::Connection;
use super::stage::{POLL, Stage};
use crate::keys::clinical::ClinicalKeys;
use crate::keys::{NodeKeys, Unlock};
use crate::network::NodeFile;
use crate::node::ops::Status;
use anyhow::{Context as _, bail};
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use salus_gateway::engine::{EnginePrincipal, Mode, PRINCIPAL_HEADER, Reach};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Record versions of one run.
const VERSIONS: usize = 20_000;
/// Entries of one transaction.
const ENTRIES: usize = 500;
/// Longest wait for the engine to start, and for everything to be anchored.
const PATIENCE: Duration = Duration::from_secs(120);

/// A principal that may do everything, as the gateway would state it.
pub(super) fn engine_authority() -> (HeaderName, HeaderValue) {
    let principal = EnginePrincipal {
        id: "bench".to_owned(),
        read: Reach::All,
        write: Reach::All,
        shares: Vec::new(),
        hidden: Vec::new(),
        mode: Mode::Feed,
    };
    (HeaderName::from_static(PRINCIPAL_HEADER), principal.header())
}

pub(super) async fn measure(stage: &mut Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let report = stage.report()?;
    let patient = report.patients.first().and_then(|patient| patient.at.get("hospital-a"));
    let patient = patient.context("not enrolled")?.clone();
    let count = VERSIONS / extent.smaller;
    let (mut written, mut sealed, mut started) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.runs {
        stage.stop().await?;
        started.push(stage.start().await?.as_secs_f64());
        let before = stage.ops("hospital-a").status().await?.anchored;
        stage.stop().await?;
        written.push(write_alone(stage, &patient, count).await?);
        stage.spawn()?;
        sealed.push(worked_off(stage, before + count as u64).await?);
        stage.wait_ready().await?;
    }
    Ok(vec![
        Figure::of("second start, until the network is ready", "s", "<= 20", started),
        Figure::of("the engine alone: transactions of 500, durable", "versions/s", "", written),
        Figure::of("seal, three custodians, anchor: one node", "versions/s", ">= 3,000", sealed),
    ])
}

/// Runs the engine of Hospital A alone and has it take records; gives how many a second.
async fn write_alone(stage: &Stage, patient: &str, count: usize) -> anyhow::Result<f64> {
    let home = stage.home("hospital-a");
    let socket = home.join("run/engine.sock");
    let storage = NodeKeys::open(&home, &NodeFile::read(&home)?, &Unlock::default())?.storage;
    let keys = ClinicalKeys::ensure(&home.join("clinical"), &storage)?;
    let mut engine = Command::new(&stage.assets.engine)
        .arg("--data")
        .arg(home.join("clinical"))
        .arg("--socket")
        .arg(&socket)
        .arg("--definitions")
        .arg(&stage.assets.definitions)
        .args(["--base-url", "http://localhost/fhir", "--log", "error", "--supervised"])
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the engine does not start")?;
    let mut lifeline = engine.stdin.take().context("the engine has no standard input")?;
    lifeline.write_all(keys.line().as_bytes()).await?;
    let mut connection = connect(&socket).await?;
    let begin = Instant::now();
    for start in (0..count).step_by(ENTRIES) {
        let labs = (start..count.min(start + ENTRIES)).map(|number| lab(patient, number));
        let body = transaction(labs).to_string();
        connection.send(Method::POST, "/fhir", body.into()).await?;
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    drop(lifeline);
    engine.wait().await?;
    Ok(rate)
}

/// An engine that starts has no socket yet.
async fn connect(socket: &std::path::Path) -> anyhow::Result<Connection> {
    let begin = Instant::now();
    loop {
        match Connection::unix(socket, engine_authority()).await {
            Ok(connection) => return Ok(connection),
            Err(error) if begin.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// Versions a second from the first batch that is anchored to the last.
async fn worked_off(stage: &Stage, target: u64) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let mut first: Option<(Instant, u64)> = None;
    let mut start = None;
    loop {
        if begin.elapsed() > PATIENCE {
            bail!("the records are not anchored");
        }
        // The node may not be up yet.
        if let Ok(Status { anchored, .. }) = stage.ops("hospital-a").status().await {
            let now = Instant::now();
            match (start, first) {
                (None, _) => start = Some(anchored),
                (Some(start), None) if anchored > start => first = Some((now, anchored)),
                (_, Some((at, from))) if anchored >= target => {
                    return Ok((target - from) as f64 / (now - at).as_secs_f64());
                }
                _ => {}
            }
        }
        tokio::time::sleep(POLL).await;
    }
}
