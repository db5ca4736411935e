//! The portal's packages and build. Both are skipped when their inputs have not changed.

use crate::paths::Paths;
use crate::{digest, run, version};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Entries of `portal/` that no build reads. `node_modules` counts through the lock file.
const NOT_INPUTS: &[&str] = &["node_modules", "dist", "test-results", "playwright-report", "coverage", "e2e"];

/// `npm ci`, unless `node_modules` was made from this very lock file by this Node.
pub(crate) fn install(paths: &Paths) -> Result<()> {
    let lock = paths.portal().join("package-lock.json");
    ensure!(lock.exists(), "portal/package-lock.json is missing: run `npm install` in portal/ and commit it");
    let node = version::of("node").map_or_else(String::new, |(major, ..)| format!("node {major}"));
    let wanted = format!("{} {node}", digest::file(&lock)?);
    let stamp = stamp(paths, "install");
    if digest::is_stamped(&stamp, &wanted) {
        println!("portal: packages are up to date");
        return Ok(());
    }
    run::run(npm(paths).args(["ci", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

/// `npm run build` into `portal/dist`, unless that was built from these very inputs.
pub(crate) fn build(paths: &Paths) -> Result<()> {
    let wanted = digest::folder(&paths.portal(), NOT_INPUTS)?;
    let stamp = stamp(paths, "build");
    let index = paths.portal_dist().join("index.html");
    if index.exists() && digest::is_stamped(&stamp, &wanted) {
        println!("portal: build is up to date");
        return Ok(());
    }
    script(paths, "build")?;
    ensure!(index.exists(), "`npm run build` left no portal/dist/index.html");
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

/// Runs one of the scripts in `package.json`.
pub(crate) fn script(paths: &Paths, name: &str) -> Result<()> {
    if !has_script(paths, name)? {
        bail!("portal/package.json has no script `{name}`");
    }
    run::run(npm(paths).args(["run", "--silent", name]))
}

/// Does `package.json` have this script?
pub(crate) fn has_script(paths: &Paths, name: &str) -> Result<bool> {
    let text = fs::read_to_string(paths.portal().join("package.json"))?;
    let package: Value = serde_json::from_str(&text).context("portal/package.json is not JSON")?;
    Ok(package["scripts"][name].is_string())
}

/// npm in the portal's folder.
pub(crate) fn npm(paths: &Paths) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(paths.portal());
    command
}

/// Stamps live and die with `node_modules`.
fn stamp(paths: &Paths, of: &str) -> PathBuf {
    paths.portal().join("node_modules").join(format!(".salus-{of}"))
}
