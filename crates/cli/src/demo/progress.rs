//! What the demo tells while it comes up, and where to go once it is ready.

use super::report::Report;
use crate::output::Output;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::time::Duration;

/// Lines and bars for people; with `--json` only the report.
#[derive(Clone)]
pub(crate) struct Progress {
    output: Output,
    /// Lines that tell how to sign in, shown at the end.
    pub(crate) sign_in: Vec<String>,
}

/// What `--json` prints: the report, and what is for a person's eyes and in no file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WithCodes<'a> {
    #[serde(flatten)]
    report: &'a Report,
    sign_in: &'a [String],
}

impl Progress {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, sign_in: Vec::new() }
    }

    pub(crate) fn say(&self, line: &str) {
        self.output.progress(line);
    }

    /// A bar on standard error; hidden where that is no terminal.
    pub(crate) fn bar(&self, what: &str, length: u64) -> ProgressBar {
        self.say(&format!("{what} ..."));
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    pub(crate) fn ready(&self, report: &Report) {
        let value = WithCodes { report, sign_in: &self.sign_in };
        let shown = self.output.result(&value, || self.text(report));
        if let Err(error) = shown {
            self.output.error(&error);
        }
    }

    fn text(&self, report: &Report) -> String {
        let mut lines = vec![String::new(), "Ready.".to_owned(), String::new()];
        for organisation in &report.organisations {
            let fhir = organisation.fhir.as_deref().map_or(String::new(), |url| format!("   FHIR {url}"));
            lines.push(format!("  {:<42} {}{fhir}", organisation.name, organisation.portal));
        }
        lines.push(String::new());
        lines.extend(self.sign_in.iter().map(|line| format!("  {line}")));
        lines.push(String::new());
        lines.push(
            "Everything here is invented. Ctrl-C stops the network; a second start resumes it.".to_owned(),
        );
        lines.join("\n")
    }
}
