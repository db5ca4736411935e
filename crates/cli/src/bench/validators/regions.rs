//! Validators in several regions, simulated: only delays count there, not this machine's speed.

use crate::bench::figure::Figure;
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// A line of the simulator's answer.
#[derive(Deserialize)]
struct Regions {
    regions: String,
    validators: usize,
    p50_ms: f64,
    p99_ms: f64,
}

/// Lets the simulator measure each number of validators in each set of regions.
pub(super) fn measure(simulator: &Path, validators: &[usize]) -> anyhow::Result<Vec<Figure>> {
    let numbers: Vec<_> = validators.iter().map(usize::to_string).collect();
    let mut command = Command::new(simulator);
    command.args(["--regions", &numbers.join(","), "--json"]);
    let output = command.output().with_context(|| format!("`{}`", simulator.display()))?;
    ensure!(output.status.success(), "the simulator: {}", String::from_utf8_lossy(&output.stderr).trim());
    let mut figures = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let Regions { regions, validators, p50_ms, p99_ms } = serde_json::from_str(line)?;
        let name = |which: &str| {
            format!("simulated, {regions}: {validators} validators, submit to applied, {which}")
        };
        figures.push(Figure::of(name("p50"), "ms", "", vec![p50_ms]));
        figures.push(Figure::of(name("p99"), "ms", "", vec![p99_ms]));
    }
    Ok(figures)
}
