//! What is measured: a median and its spread, and the report of a whole run.

use anyhow::Context as _;
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One figure over some runs.
#[derive(Clone, Serialize)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) runs: usize,
    /// What the project asks for.
    #[serde(skip)]
    goal: &'static str,
}

impl Figure {
    /// The figure of these runs.
    pub(super) fn of(
        name: impl Into<String>,
        unit: &'static str,
        goal: &'static str,
        mut runs: Vec<f64>,
    ) -> Self {
        let name = name.into();
        runs.sort_by(f64::total_cmp);
        let at = |index: usize| runs.get(index).copied().unwrap_or(f64::NAN);
        let last = runs.len().saturating_sub(1);
        Self { name, unit, goal, median: at(last / 2), min: at(0), max: at(last), runs: runs.len() }
    }
}

/// A value below which `per_cent` of the sorted values lie.
pub(super) fn percentile(values: &mut [f64], per_cent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) * per_cent / 100).copied().unwrap_or(f64::NAN)
}

/// What a run writes. The shape is kept stable for scripts.
#[derive(Serialize)]
pub(super) struct Report {
    machine: String,
    commit: String,
    /// Load averages of the last minute, before and after: more than what is measured is somebody else's work.
    load: (f64, f64),
    figures: Vec<Figure>,
}

impl Report {
    /// The report of a run before which the load was `load_before`.
    pub(super) fn new(figures: Vec<Figure>, load_before: f64) -> Self {
        let commit = std::env::var("SALUS_COMMIT").unwrap_or_else(|_| "unknown".to_owned());
        Self { machine: machine(), commit, load: (load_before, load()), figures }
    }

    /// Writes it as JSON, and as Markdown if a file for that is named.
    pub(super) fn write(&self, json: &Path, markdown: Option<&Path>) -> anyhow::Result<()> {
        fs::write(json, serde_json::to_string_pretty(self)?)
            .with_context(|| format!("`{}`", json.display()))?;
        if let Some(path) = markdown {
            fs::write(path, self.markdown()).with_context(|| format!("`{}`", path.display()))?;
        }
        Ok(())
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let (before, after) = self.load;
        let mut text =
            format!("{}, commit {}; load {before} before, {after} after\n\n", self.machine, self.commit);
        for figure in &self.figures {
            let Figure { name, unit, median, min, max, runs, goal } = figure;
            let _ = writeln!(
                text,
                "{name:<88} {:>9} {unit:<14} ({} to {}, {runs} runs)  goal: {goal}",
                short(*median),
                short(*min),
                short(*max)
            );
        }
        text
    }

    /// For `docs/benchmarks.md`.
    fn markdown(&self) -> String {
        let mut text = format!(
            "{}; commit `{}`; load {} before, {} after.\n\n| figure | median | min to max | runs | goal |\n|---|---|---|---|---|\n",
            self.machine, self.commit, self.load.0, self.load.1
        );
        for figure in &self.figures {
            let Figure { name, unit, median, min, max, runs, goal } = figure;
            let (median, min, max) = (short(*median), short(*min), short(*max));
            let _ = writeln!(text, "| {name} | {median} {unit} | {min} to {max} | {runs} | {goal} |");
        }
        text
    }
}

/// Three or more digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Load average of the last minute; not a number where the system does not tell.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(f64::NAN)
}

fn machine() -> String {
    let first = |path: &str, field: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kilobytes: u64 =
        first("/proc/meminfo", "MemTotal").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores of {}, {} GiB, Linux {}",
        first("/proc/cpuinfo", "model name"),
        kilobytes.div_ceil(1 << 20),
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::{Figure, percentile};

    #[test]
    fn the_median_is_the_one_in_the_middle_and_the_spread_its_ends() {
        let figure = Figure::of("x", "ms", "", vec![3.0, 1.0, 9.0, 2.0, 5.0]);
        assert_eq!((figure.median, figure.min, figure.max, figure.runs), (3.0, 1.0, 9.0, 5));
    }

    #[test]
    fn percentiles_count_from_the_smallest() {
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!((percentile(&mut values, 50), percentile(&mut values, 99)), (50.0, 99.0));
    }
}
