//! What the steps came to: a table for people, and one plain last line for machines.

use anyhow::Result;
use std::time::{Duration, Instant};

/// How a step that did not fail ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// Left out, and why.
    Skipped(String),
}

struct Line {
    name: &'static str,
    outcome: Option<Outcome>,
    took: Duration,
}

/// Steps in the order in which they ran.
pub(super) struct Report {
    lines: Vec<Line>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// Runs one step under its heading.
    pub(super) fn time(&mut self, name: &'static str, run: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = run();
        let outcome = result.as_ref().ok().cloned();
        if let Some(Outcome::Skipped(why)) = &outcome {
            println!("skipped: {why}");
        }
        self.lines.push(Line { name, outcome, took: start.elapsed() });
        result.map(drop)
    }

    /// The step that failed, if one did.
    pub(super) fn failed(&self) -> Option<&'static str> {
        self.lines.iter().find(|l| l.outcome.is_none()).map(|l| l.name)
    }

    /// One line a step, then `N passed, M failed, K skipped` alone on the last line.
    pub(super) fn table(&self) -> String {
        let mut text = String::from("\nstep                          took   result\n");
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for line in &self.lines {
            let result = match &line.outcome {
                Some(Outcome::Passed) => {
                    passed += 1;
                    "passed".to_owned()
                }
                Some(Outcome::Skipped(why)) => {
                    skipped += 1;
                    format!("skipped: {why}")
                }
                None => {
                    failed += 1;
                    "FAILED".to_owned()
                }
            };
            let seconds = line.took.as_secs();
            text.push_str(&format!("{:<26} {:>3}:{:02}   {result}\n", line.name, seconds / 60, seconds % 60));
        }
        text.push_str(&format!("\n{passed} passed, {failed} failed, {skipped} skipped\n"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn the_last_line_counts_the_steps_and_the_failed_one_is_named() {
        let mut report = Report::new();
        report.time("format", || Ok(Outcome::Passed)).expect("passes");
        report.time("portal lint", || Ok(Outcome::Skipped("no portal yet".to_owned()))).expect("skips");
        report.time("clippy", || Err(anyhow!("a warning"))).expect_err("fails");
        assert_eq!(report.failed(), Some("clippy"));
        let table = report.table();
        assert_eq!(table.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert!(table.contains("skipped: no portal yet"), "{table}");
    }
}
