//! What a node costs while nothing happens, and how much memory it has after work.

use super::Extent;
use super::figure::Figure;
use super::stage::Stage;
use anyhow::Context as _;
use std::fs;
use std::time::Duration;

/// How long processors are watched, per run.
const WATCH: Duration = Duration::from_secs(20);
/// Clock ticks a second in `/proc` (`USER_HZ`, which Linux fixes for programs).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of every node over a while without any request, in per cent of one core.
pub(super) async fn measure(stage: &Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let nodes = stage.nodes()?;
    let watch = WATCH / u32::try_from(extent.smaller)?;
    let mut runs = Vec::new();
    for _ in 0..extent.runs {
        let before = nodes.iter().map(|(_, pid)| processor_seconds(*pid)).collect::<Result<Vec<_>, _>>()?;
        tokio::time::sleep(watch).await;
        let mut dearest: f64 = 0.0;
        for ((_, pid), before) in nodes.iter().zip(before) {
            dearest = dearest.max((processor_seconds(*pid)? - before) / watch.as_secs_f64() * 100.0);
        }
        runs.push(dearest);
    }
    Ok(vec![Figure::of("idle node, dearest of four", "% of a core", "<= 2", runs)])
}

/// Resident memory of each node now: one value for each.
pub(super) fn memory(stage: &Stage) -> anyhow::Result<Vec<Figure>> {
    let megabytes = stage.nodes()?.iter().map(|(_, pid)| resident(*pid)).collect::<Result<Vec<_>, _>>()?;
    Ok(vec![Figure::of("resident memory of a node after all this, of four", "MB", "<= 300", megabytes)])
}

/// Resident memory of a process in megabytes.
pub(super) fn resident(pid: u32) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().next().context("no VmRSS")?.parse()?;
    Ok(kilobytes * 1_024.0 / 1e6)
}

/// Processor time that a process has used, in seconds.
pub(super) fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / TICKS_PER_SECOND)
}
