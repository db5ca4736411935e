//! `cargo xtask sim`: builds the simulator and becomes it.

use crate::paths::Paths;
use crate::{build, run};
use anyhow::Result;
use std::process::Command;

/// Arguments go to `salus-sim`.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    build::program(paths, "salus-sim")?;
    run::become_command(Command::new(paths.program("salus-sim")).args(args))
}
