//! `cargo xtask bench`: builds what is measured and becomes `salus bench`.

use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{build, run};
use anyhow::{Result, ensure};
use std::process::Command;

/// Arguments go to `salus bench`; the commit is handed over in `SALUS_COMMIT`.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let args: Vec<String> = args.iter().map(|argument| renamed(argument)).collect();
    let named = args.iter().any(|argument| argument == "--out" || argument.starts_with("--out="));
    ensure!(named, "say where the figures go: cargo xtask bench --json FILE [--quick]");
    setup::prepare(paths, Purpose::Demo)?;
    let artefacts = build::all(paths)?;
    let mut bench = Command::new(paths.salus());
    bench.arg("bench").env("SALUS_COMMIT", commit(paths));
    artefacts.options(&mut bench);
    run::become_command(bench.args(args))
}

/// `--json` names a file here; to `salus`, where it says how every subcommand prints, the file is `--out`.
fn renamed(argument: &str) -> String {
    match argument.strip_prefix("--json") {
        Some(rest) if rest.is_empty() || rest.starts_with('=') => format!("--out{rest}"),
        _ => argument.to_owned(),
    }
}

/// The commit that is measured, marked when the checkout has changes; "unknown" outside git.
fn commit(paths: &Paths) -> String {
    let mut git = Command::new("git");
    git.current_dir(&paths.root).args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    run::output(&mut git).unwrap_or_else(|_| "unknown".to_owned())
}
