//! The two cargo subcommands that checks use. One on `PATH` that is new enough is taken, else one is built.

use crate::paths::Paths;
use crate::{run, version};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

struct Tool {
    name: &'static str,
    at_least: version::Version,
    /// What is built when none is found: known to compile with the toolchain that this workspace asks for.
    built: &'static str,
}

const NEXTEST: Tool = Tool { name: "cargo-nextest", at_least: (0, 9, 100), built: "0.9.143" };
const DENY: Tool = Tool { name: "cargo-deny", at_least: (0, 18, 0), built: "0.20.2" };

/// The test runner.
pub(crate) fn nextest(paths: &Paths) -> Result<PathBuf> {
    find_or_build(paths, &NEXTEST)
}

/// The dependency checker.
pub(crate) fn deny(paths: &Paths) -> Result<PathBuf> {
    find_or_build(paths, &DENY)
}

fn find_or_build(paths: &Paths, tool: &Tool) -> Result<PathBuf> {
    let cached = paths.tools().join("bin").join(tool.name);
    let candidates = run::find_program(&[tool.name]).into_iter().chain([cached.clone()]);
    let mut found = candidates.filter(|p| version::of(p).is_some_and(|v| v >= tool.at_least));
    if let Some(path) = found.next() {
        return Ok(path);
    }
    println!("building {} {} (once; this takes some minutes)", tool.name, tool.built);
    let mut install = run::cargo(paths);
    install.env("CARGO_TARGET_DIR", paths.tools_target());
    install.args(["install", "--locked", "--force", "--root"]).arg(paths.tools());
    install.arg(format!("{}@{}", tool.name, tool.built));
    run::run(&mut install).with_context(|| format!("cannot install {}", tool.name))?;
    let _ = fs::remove_dir_all(paths.tools_target()); // Only costs disk space.
    Ok(cached)
}
