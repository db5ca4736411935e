//! `cargo xtask deny`: licences, bans, sources and advisories of both workspaces, by the root's `deny.toml`.

use crate::paths::Paths;
use crate::{run, tools};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Checks both workspaces.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    crate::flags(args, &[])?;
    let tool = tools::deny(paths)?;
    let mut checks = vec!["bans", "licenses", "sources"];
    match fetch_advisories(paths, &tool) {
        Ok(_) => checks.push("advisories"),
        Err(error) => println!("{}", skipped(&error.to_string())),
    }
    run::run(deny(paths, &tool, "Cargo.toml").args(["check", "--hide-inclusion-graph"]).args(&checks))?;
    if paths.has_clinical() {
        let mut clinical = deny(paths, &tool, "clinical/Cargo.toml");
        run::run(clinical.args(["check", "--hide-inclusion-graph"]).args(&checks))?;
    }
    Ok(())
}

/// Brings the advisory database up to date, and gives up on a network that does not move.
fn fetch_advisories(paths: &Paths, tool: &Path) -> Result<String> {
    let mut fetch = deny(paths, tool, "Cargo.toml");
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    fetch.env("GIT_HTTP_LOW_SPEED_LIMIT", "1000").env("GIT_HTTP_LOW_SPEED_TIME", "30");
    run::output(fetch.args(["fetch", "db"]))
}

/// cargo-deny takes the configuration by path, so that both workspaces obey the same one.
fn deny(paths: &Paths, tool: &Path, manifest: &str) -> Command {
    let mut command = Command::new(tool);
    command.current_dir(&paths.root).args(["--locked", "--manifest-path", manifest]);
    command.args(["--config", "deny.toml", "--log-level", "warn"]);
    command
}

fn skipped(error: &str) -> String {
    let why = error.lines().rev().find(|l| l.contains("fatal:") || l.contains("ERROR")).unwrap_or(error);
    format!("ADVISORIES NOT CHECKED: the advisory database could not be reached: {}", why.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_be_reached_is_named_in_one_line() {
        let error = "`cargo-deny fetch db` failed: [ERROR] failed to clone\nCloning\nfatal: no such host\n";
        let line = skipped(error);
        assert!(line.starts_with("ADVISORIES NOT CHECKED"), "{line}");
        assert!(line.ends_with("fatal: no such host"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}
