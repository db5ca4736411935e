//! What subcommands print: text for people or JSON for programs on standard output, errors on standard error.

use serde::Serialize;

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program prints")]
impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A result: `value` as JSON, or `text` for people.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{}", text().trim_end());
        }
        Ok(())
    }

    /// A line of progress, for people only.
    pub(crate) fn progress(self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// What went wrong, and why.
    pub(crate) fn error(self, error: &anyhow::Error) {
        if self.json {
            eprintln!("{}", serde_json::json!({ "error": format!("{error:#}") }));
        } else {
            eprintln!("error: {error:#}");
        }
    }
}
