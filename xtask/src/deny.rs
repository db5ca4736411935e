//! `cargo xtask deny`: licences, bans, sources and advisories of both workspaces and of the portal's packages.
//!
//! The root's `deny.toml` rules all three. What needs no network is checked always, after the checker has refused a
//! planted bad workspace. Advisories need their databases: one that cannot be reached is said to be so, never passed.

use crate::paths::Paths;
use crate::{portal, run, tools};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

mod packages;
mod planted;

/// What the databases of known vulnerabilities say of the dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Advisories {
    /// Nothing known.
    None,
    /// Nobody could be asked, and why.
    Unreachable(String),
}

/// Everything, with a line for what could not be checked.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    crate::flags(args, &[])?;
    offline(paths)?;
    for (of, checked) in [("crates", crate_advisories(paths)), ("portal", portal_advisories(paths))] {
        if let Advisories::Unreachable(why) = checked? {
            println!("ADVISORIES NOT CHECKED, {of}: {why}");
        }
    }
    Ok(())
}

/// Licences, bans and sources of the crates; licences and digests of the portal's packages.
pub(crate) fn offline(paths: &Paths) -> Result<()> {
    let tool = tools::deny(paths)?;
    planted::ensure_refused(paths, &tool)?;
    for manifest in manifests(paths) {
        check(paths, &tool, manifest, &["bans", "licenses", "sources"])?;
    }
    if paths.has_portal() {
        let config = fs::read_to_string(paths.root.join("deny.toml"))?;
        let lock: Value =
            serde_json::from_str(&fs::read_to_string(paths.portal().join("package-lock.json"))?)?;
        let problems = packages::problems(&lock, &packages::allowed(&config)?);
        ensure!(problems.is_empty(), "portal/package-lock.json:\n  {}", problems.join("\n  "));
        println!("portal: licences and digests of all packages are in order");
    }
    Ok(())
}

/// Advisories of both workspaces, from RustSec's database.
///
/// # Errors
/// When a dependency has one that `deny.toml` does not excuse.
pub(crate) fn crate_advisories(paths: &Paths) -> Result<Advisories> {
    let tool = tools::deny(paths)?;
    if let Err(error) = fetch_advisories(paths, &tool) {
        return Ok(Advisories::Unreachable(reason(&error.to_string())));
    }
    for manifest in manifests(paths) {
        check(paths, &tool, manifest, &["advisories"])?;
    }
    Ok(Advisories::None)
}

/// Advisories of the packages that the portal ships, from npm's registry.
///
/// # Errors
/// When a package has one.
pub(crate) fn portal_advisories(paths: &Paths) -> Result<Advisories> {
    if !paths.has_portal() {
        return Ok(Advisories::None);
    }
    let mut npm = portal::npm(paths);
    npm.args(["audit", "--omit=dev", "--json", "--fetch-retries=0", "--fetch-timeout=30000"]);
    audited(&run::answer(&mut npm)?)
}

/// npm exits with 1 both for a finding and for a registry that answers nothing; only its report tells which.
fn audited(report: &str) -> Result<Advisories> {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    match report["metadata"]["vulnerabilities"]["total"].as_u64() {
        Some(0) => Ok(Advisories::None),
        Some(count) => {
            let names: Vec<&String> =
                report["vulnerabilities"].as_object().into_iter().flat_map(|o| o.keys()).collect();
            anyhow::bail!(
                "{count} package(s) of the portal have advisories: {names:?}; run: npm audit --omit=dev"
            )
        }
        None => {
            let said = report["message"].as_str().or_else(|| report["error"]["summary"].as_str());
            let line = said.and_then(|s| s.lines().next()).unwrap_or("no report");
            Ok(Advisories::Unreachable(format!("npm's registry gives none: {}", without_address(line))))
        }
    }
}

/// The workspaces, by their manifests.
fn manifests(paths: &Paths) -> Vec<&'static str> {
    let all = ["Cargo.toml", "clinical/Cargo.toml", "fuzz/Cargo.toml"];
    all.into_iter().filter(|m| paths.root.join(m).exists()).collect()
}

/// Brings the advisory database up to date, and gives up on a network that does not move.
fn fetch_advisories(paths: &Paths, tool: &Path) -> Result<String> {
    let mut fetch = deny(paths, tool, "Cargo.toml");
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    fetch.env("GIT_HTTP_LOW_SPEED_LIMIT", "1000").env("GIT_HTTP_LOW_SPEED_TIME", "30");
    run::output(fetch.args(["fetch", "db"]))
}

fn check(paths: &Paths, tool: &Path, manifest: &str, checks: &[&str]) -> Result<()> {
    run::run(deny(paths, tool, manifest).args(["check", "--hide-inclusion-graph"]).args(checks))
}

/// cargo-deny takes the configuration by path, so that all workspaces obey the same one.
fn deny(paths: &Paths, tool: &Path, manifest: &str) -> Command {
    let mut command = Command::new(tool);
    command.current_dir(&paths.root).args(["--locked", "--manifest-path", manifest]);
    command.args(["--config", "deny.toml", "--log-level", "warn"]);
    command
}

/// The line of a failed fetch that says why.
fn reason(error: &str) -> String {
    let why = error.lines().rev().find(|l| l.contains("fatal:") || l.contains("ERROR")).unwrap_or(error);
    format!(
        "RustSec's database could not be reached: {}",
        without_address(why.lines().next().unwrap_or_default())
    )
}

/// The table of results is kept and shown: it need not name the machines that were asked.
fn without_address(line: &str) -> String {
    let words = line.split_whitespace().filter(|word| !word.contains("://"));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_be_reached_is_named_in_one_line() {
        let error = "`cargo-deny fetch db` failed: [ERROR] failed to clone\nCloning\nfatal: no such host\n";
        assert_eq!(reason(error), "RustSec's database could not be reached: fatal: no such host");
    }

    #[test]
    fn an_audit_that_did_not_happen_is_told_from_one_that_found_something() {
        let found = r#"{"vulnerabilities":{"a":{}},"metadata":{"vulnerabilities":{"total":1}}}"#;
        assert!(audited(found).expect_err("a finding").to_string().contains("\"a\""));
        let clean = r#"{"vulnerabilities":{},"metadata":{"vulnerabilities":{"total":0}}}"#;
        assert_eq!(audited(clean).expect("clean"), Advisories::None);
        for (silent, said) in [
            (
                r#"{"message":"405 Method Not Allowed - POST https://npm.example/audit"}"#,
                "405 Method Not Allowed - POST",
            ),
            ("", "no report"),
        ] {
            let why = format!("npm's registry gives none: {said}");
            assert_eq!(audited(silent).expect("nobody answered"), Advisories::Unreachable(why));
        }
    }
}
