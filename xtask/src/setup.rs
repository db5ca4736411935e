//! `cargo xtask setup`: what a fresh machine needs. Installs what it may, names the rest in one line.

use crate::paths::Paths;
use crate::{definitions, portal, run, system, tools, version};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

/// What the set-up is for: the demo needs less than the checks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build and start.
    Demo,
    /// Also lint, test and drive a browser.
    Check,
}

/// Node's lowest version that the portal's tools accept.
const NODE_AT_LEAST: version::Version = (20, 0, 0);

/// Everything that `check` would install, at once.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    crate::flags(args, &[])?;
    prepare(paths, Purpose::Check)?;
    tools::nextest(paths)?;
    tools::deny(paths)?;
    definitions::ensure(paths)?;
    if paths.has_portal() {
        portal::install(paths)?;
    }
    println!("ready: cargo xtask check, cargo xtask demo");
    Ok(())
}

/// Programs and libraries only; tools and packages are fetched where they are first needed.
pub(crate) fn prepare(paths: &Paths, purpose: Purpose) -> Result<()> {
    rust(paths, purpose)?;
    system::ensure(system::BUILD)?;
    node()?;
    if purpose == Purpose::Check {
        system::ensure(system::TESTS)?;
    }
    if purpose == Purpose::Check && paths.has_portal() {
        system::ensure(system::BROWSER)?;
    }
    Ok(())
}

fn rust(paths: &Paths, purpose: Purpose) -> Result<()> {
    let wanted = rust_version(paths)?;
    let found = version::of("rustc").context("please install Rust: https://rustup.rs")?;
    ensure!(
        found >= wanted,
        "rustc {} is too old; please run: rustup update stable (at least {})",
        version::show(found),
        version::show(wanted)
    );
    if purpose == Purpose::Check {
        component(paths, "fmt", "rustfmt")?;
        component(paths, "clippy", "clippy")?;
    }
    Ok(())
}

/// Adds a component of the toolchain in use, unless its command is there.
fn component(paths: &Paths, command: &str, component: &str) -> Result<()> {
    let present = || run::output(run::cargo(paths).args([command, "--version"])).is_ok();
    if present() {
        return Ok(());
    }
    let added = run::run(Command::new("rustup").args(["component", "add", component]));
    ensure!(
        added.is_ok() && present(),
        "please install {component} (with rustup: rustup component add {component})"
    );
    Ok(())
}

/// The `rust-version` of the workspace's manifest.
fn rust_version(paths: &Paths) -> Result<version::Version> {
    let manifest = fs::read_to_string(paths.root.join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|l| l.strip_prefix("rust-version = "));
    line.and_then(|v| version::parse(v.trim_matches('"'))).context("Cargo.toml has no `rust-version`")
}

fn node() -> Result<()> {
    let lowest = version::show(NODE_AT_LEAST);
    let found = version::of("node").with_context(|| format!("please install Node.js {lowest} or newer"))?;
    ensure!(
        found >= NODE_AT_LEAST,
        "Node.js {} is too old; please install {lowest} or newer",
        version::show(found)
    );
    run::find_program(&["npm"]).context("please install npm (it comes with Node.js)")?;
    Ok(())
}
