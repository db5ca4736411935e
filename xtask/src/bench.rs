//! `cargo xtask bench`: builds what is measured and becomes `salus bench`.

use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{build, run};
use anyhow::{Result, ensure};
use std::process::Command;

/// Arguments go to `salus bench` as they are; the commit is handed over in `SALUS_COMMIT`.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let json = args.iter().any(|a| a == "--json" || a.starts_with("--json="));
    ensure!(json, "say where the figures go: cargo xtask bench --json FILE [--quick]");
    setup::prepare(paths, Purpose::Demo)?;
    let artefacts = build::all(paths)?;
    let mut bench = Command::new(paths.salus());
    bench.arg("bench").env("SALUS_COMMIT", commit(paths));
    artefacts.options(&mut bench);
    run::become_command(bench.args(args))
}

/// The commit that is measured, marked when the checkout has changes; "unknown" outside git.
fn commit(paths: &Paths) -> String {
    let mut git = Command::new("git");
    git.current_dir(&paths.root).args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    run::output(&mut git).unwrap_or_else(|_| "unknown".to_owned())
}
