//! `cargo xtask demo`: from a clone to a running network, in one command.

use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{build, run};
use anyhow::Result;
use std::process::Command;

/// Builds what is missing and becomes `salus demo`, so that Ctrl-C reaches it directly.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    setup::prepare(paths, Purpose::Demo)?;
    let artefacts = build::all(paths)?;
    let mut demo = Command::new(paths.salus());
    demo.arg("demo");
    artefacts.options(&mut demo);
    run::become_command(demo.args(args))
}
