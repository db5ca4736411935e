//! `cargo xtask bench`: builds what is measured, as it is shipped, and becomes `salus bench`. What is measured inside
//! tests is of the development profile.

use crate::build::Artefact;
use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{build, definitions, run};
use anyhow::{Context as _, Result, ensure};
use std::process::Command;

/// The subcommand of `salus bench` for validators alone.
const LEDGER: &str = "ledger";
/// Shows only that a bench works, so the programs of the development profile do.
const QUICK: &str = "--quick";
/// An option of that subcommand which needs no subcommand here.
const SOAK: &str = "--soak";
/// The subcommand of `salus bench` for one hospital under load.
const FHIR: &str = "fhir";
/// What keys cost: measured inside the vault, printed.
const KEYS: &str = "keys";
/// How long it takes in an emergency: seen from the portal's own routes, with a passkey, so a test; printed.
const EMERGENCY: &str = "emergency";

/// Arguments go to `salus bench`; the commit is handed over in `SALUS_COMMIT`.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    if args == [KEYS] {
        return keys(paths);
    }
    if args == [EMERGENCY] {
        return emergency(paths);
    }
    let args: Vec<String> = args.iter().map(|argument| renamed(argument)).collect();
    let named = args.iter().any(|argument| argument == "--out" || argument.starts_with("--out="));
    ensure!(named, "say where the figures go: cargo xtask bench --json FILE [--quick]");
    let shipped = paths.released();
    let paths = if args.iter().any(|argument| argument == QUICK) { paths } else { &shipped };
    if args.iter().any(|argument| argument == LEDGER || argument == SOAK || argument.starts_with("--soak=")) {
        return ledger(paths, args);
    }
    if args.iter().any(|argument| argument == FHIR) {
        return fhir(paths, args);
    }
    setup::prepare(paths, Purpose::Demo)?;
    let artefacts = build::all(paths)?;
    let mut bench = Command::new(paths.salus());
    bench.arg("bench").env("SALUS_COMMIT", commit(paths));
    artefacts.options(&mut bench);
    run::become_command(bench.args(args))
}

/// Validators alone need neither the engine nor the portal.
fn ledger(paths: &Paths, args: Vec<String>) -> Result<()> {
    build::salus(paths)?;
    build::program(paths, "salus-sim")?;
    let mut bench = Command::new(paths.salus());
    bench.args(["bench", LEDGER]).env("SALUS_COMMIT", commit(paths));
    bench.arg("--simulator").arg(paths.program("salus-sim"));
    bench.arg("--cache").arg(paths.cache.join("bench"));
    run::become_command(bench.args(args.into_iter().filter(|argument| argument != LEDGER)))
}

/// One hospital's FHIR API; nobody looks at a portal.
fn fhir(paths: &Paths, args: Vec<String>) -> Result<()> {
    setup::prepare(paths, Purpose::Demo)?;
    let engine = build::engine(paths)?.context("there is no clinical engine to measure")?;
    let definitions = definitions::ensure(paths)?;
    build::salus(paths)?;
    let mut bench = Command::new(paths.salus());
    bench.args(["bench", FHIR]).env("SALUS_COMMIT", commit(paths));
    bench.arg("--engine").arg(engine).arg("--definitions").arg(definitions);
    if let Some(data) = paths.test_data().filter(|folder| folder.is_dir()) {
        bench.env("SALUS_TEST_DATA", data);
    }
    run::become_command(bench.args(args.into_iter().filter(|argument| argument != FHIR)))
}

/// Needs no network, and sees what no interface shows: these are the vault's own tests, marked as measurements.
fn keys(paths: &Paths) -> Result<()> {
    println!("commit {}", commit(paths));
    let mut tests = run::cargo(paths);
    tests.args(["test", "--quiet", "--package", "salus-vault", "--lib", "figures::"]);
    run::run(tests.args(["--", "--ignored", "--nocapture", "--test-threads", "1"]))
}

/// Four nodes, of which one is asked as its clinicians ask it.
fn emergency(paths: &Paths) -> Result<()> {
    setup::prepare(paths, Purpose::Demo)?;
    build::all(paths)?;
    println!("commit {}", commit(paths));
    let mut tests = run::cargo(paths);
    build::environment(paths, &mut tests, &[Artefact::Salus, Artefact::Engine, Artefact::Definitions])?;
    // The whole workspace, so that what the check has built is not built again with fewer features.
    tests.args(["test", "--quiet", "--workspace", "--test", EMERGENCY]);
    run::run(tests.args(["--", "--ignored", "--nocapture"]))
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
