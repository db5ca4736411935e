//! `cargo xtask check`: everything that a change must pass, cheapest first; stops at the first failure.

use crate::build::Artefact;
use crate::deny::Advisories;
use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{build, definitions, deny, fuzz, interop, layers, portal, run, sbom, tidy, tools};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

mod nightly;
mod report;
use report::{Outcome, Report};

/// How much to check.
pub(crate) struct Extent {
    /// Leave out the slow steps.
    quick: bool,
    /// Add the tests of the nightly tier.
    nightly: bool,
}

/// One step.
struct Step {
    name: &'static str,
    /// Does `--quick` leave it out?
    slow: bool,
    run: fn(&Paths, &Extent) -> Result<Outcome>,
}

const fn fast(name: &'static str, run: fn(&Paths, &Extent) -> Result<Outcome>) -> Step {
    Step { name, slow: false, run }
}

const fn slow(name: &'static str, run: fn(&Paths, &Extent) -> Result<Outcome>) -> Step {
    Step { name, slow: true, run }
}

/// The order is the cost: seconds first, the browser last.
const STEPS: &[Step] = &[
    fast("setup", |paths, _| passed(setup::prepare(paths, Purpose::Check))),
    fast("lock files", lock_files),
    fast("format", |paths, _| passed(run::run(run::cargo(paths).args(["fmt", "--all", "--check"])))),
    fast("format, clinical", |paths, _| clinical(paths, &["fmt", "--all", "--check"])),
    fast("layers", |paths, _| passed(layers::run(paths, &[]))),
    fast("layers in ARCHITECTURE.md", picture),
    fast("tidy", |paths, _| passed(tidy::run(paths, &[]))),
    fast("portal packages", |paths, _| portal_step(paths, portal::install)),
    fast("portal lint", |paths, _| portal_step(paths, |p| portal::script(p, "lint"))),
    fast("portal types", |paths, _| portal_step(paths, |p| portal::script(p, "typecheck"))),
    fast("portal tests", |paths, _| portal_step(paths, |p| portal::script(p, "test"))),
    fast("portal build", |paths, _| portal_step(paths, portal::build)),
    fast("clippy", |paths, _| passed(run::run(run::cargo(paths).args(CLIPPY)))),
    slow("deny", |paths, _| passed(deny::offline(paths))),
    slow("advisories, crates", |paths, _| advisories(deny::crate_advisories(paths))),
    slow("advisories, portal", |paths, _| advisories(deny::portal_advisories(paths))),
    slow("sbom", |paths, _| passed(sbom::verify(paths))),
    fast("build engine", engine),
    slow("clippy, clinical", clinical_clippy),
    slow("tests, clinical", clinical_tests),
    fast("build", |paths, _| passed(run::run(run::cargo(paths).args(BUILD)))),
    fast("tests", tests),
    slow("documentation tests", |paths, _| passed(run::run(run::cargo(paths).args(DOC_TESTS)))),
    slow("browser tests", browser),
    slow("interop, types", |paths, _| portal_step(paths, interop::types)),
    slow("interop", |paths, _| portal_step(paths, |p| interop::judge(p, &[]))),
    slow("simulation", simulation),
    slow("fuzzing", fuzzing),
];

const CLIPPY: &[&str] = &["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
/// All targets at once: binaries and tests then share one build of every dependency. In both workspaces.
const BUILD: &[&str] = &["build", "--workspace", "--all-targets"];
/// 100,000 views of simulated networks, with faults and with liars. Options of `cargo xtask sim`.
const SIMULATIONS: &[&str] = &[
    "--seed 1000 --seeds 50 --views 1000 --faults crash,partition,delay,storage",
    "--seed 2000 --seeds 20 --views 1000 --faults crash,partition --byzantine conflicter",
    "--seed 3000 --seeds 10 --views 1000 --faults delay,storage --byzantine nuller",
    "--seed 4000 --seeds 10 --views 1000 --faults crash --byzantine silent",
    "--seed 5000 --seeds 6 --views 1000 --nodes 7 --faults crash,partition --byzantine conflicter,outdated",
    "--seed 7000 --seeds 6 --views 1000 --nodes 6 --epoch-blocks 24 --faults crash,partition,delay,storage",
    "--seed 6000 --seeds 4 --views 1000 --nodes 10 --faults crash,delay --byzantine conflicter,nuller,silent",
];
const DOC_TESTS: &[&str] = &["test", "--quiet", "--workspace", "--doc"];

/// Runs the steps, prints the table, and closes with the line that counts them.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let flags = crate::flags(args, &["--quick", "--nightly"])?;
    let has = |name: &str| flags.iter().any(|f| f == name);
    let extent = Extent { quick: has("--quick"), nightly: has("--nightly") };
    let mut report = Report::new();
    for step in STEPS {
        let result = report.time(step.name, || {
            if step.slow && extent.quick {
                return skipped("--quick");
            }
            (step.run)(paths, &extent)
        });
        if let Err(error) = result {
            eprintln!("\nerror: {error:#}");
            break;
        }
    }
    print!("{}", report.table());
    match report.failed() {
        Some(name) => bail!("the step `{name}` failed"),
        None => Ok(()),
    }
}

fn skipped(why: &str) -> Result<Outcome> {
    Ok(Outcome::Skipped(why.to_owned()))
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

/// In CI, what is committed must already hold what the builds would write.
fn lock_files(paths: &Paths, _: &Extent) -> Result<Outcome> {
    if std::env::var_os("CI").is_none() {
        return skipped("only in CI");
    }
    let mut git = Command::new("git");
    git.current_dir(&paths.root).args(["diff", "--stat", "--exit-code", "HEAD", "--"]);
    git.args([
        "Cargo.lock",
        "clinical/Cargo.lock",
        "fuzz/Cargo.lock",
        "portal/package-lock.json",
        "interop/package-lock.json",
    ]);
    passed(run::run(&mut git).context("a lock file is not up to date: build, then commit it"))
}

/// A database that cannot be reached is no reason to stop, and none to say that the dependencies are sound.
fn advisories(checked: Result<Advisories>) -> Result<Outcome> {
    match checked? {
        Advisories::None => Ok(Outcome::Passed),
        Advisories::Unreachable(why) => skipped(&why),
    }
}

fn picture(paths: &Paths, _: &Extent) -> Result<Outcome> {
    if layers::documented(paths)? { Ok(Outcome::Passed) } else { skipped("no ARCHITECTURE.md yet") }
}

fn portal_step(paths: &Paths, run: fn(&Paths) -> Result<()>) -> Result<Outcome> {
    if !paths.has_portal() {
        return skipped("no portal/package.json yet");
    }
    passed(run(paths))
}

fn clinical(paths: &Paths, args: &[&str]) -> Result<Outcome> {
    if !paths.has_clinical() {
        return skipped("no clinical/Cargo.toml yet");
    }
    passed(run::run(run::clinical_cargo(paths).args(args)))
}

fn engine(paths: &Paths, _: &Extent) -> Result<Outcome> {
    if paths.has_clinical() {
        definitions::ensure(paths)?;
    }
    clinical(paths, BUILD)
}

/// Clippy as the compiler of the workspace's own crates: `cargo clippy` would check the engine's dependencies a second
/// time, which costs as much as half a build of them.
fn clinical_clippy(paths: &Paths, _: &Extent) -> Result<Outcome> {
    if !paths.has_clinical() {
        return skipped("no clinical/Cargo.toml yet");
    }
    let driver = run::output(Command::new("rustup").args(["which", "clippy-driver"]))?;
    let mut build = run::clinical_cargo(paths);
    build.args(BUILD).env("RUSTC_WORKSPACE_WRAPPER", driver);
    // How cargo-clippy itself hands arguments to its driver.
    build.env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
    passed(run::run(&mut build))
}

fn clinical_tests(paths: &Paths, extent: &Extent) -> Result<Outcome> {
    if !paths.has_clinical() {
        return skipped("no clinical/Cargo.toml yet");
    }
    let base = || {
        let mut nextest = nextest(paths, &[Artefact::Engine, Artefact::Definitions])?;
        nextest.current_dir(paths.clinical()).env("CARGO_TARGET_DIR", paths.engine_target());
        Ok(nextest)
    };
    passed(tiers(base, extent, &[&paths.clinical().join("crates")]))
}

fn tests(paths: &Paths, extent: &Extent) -> Result<Outcome> {
    let mut needs = vec![Artefact::Salus];
    if paths.has_clinical() {
        needs.extend([Artefact::Engine, Artefact::Definitions]);
    }
    if paths.has_portal() {
        needs.push(Artefact::Portal);
    }
    let base = || {
        let mut nextest = nextest(paths, &needs)?;
        nextest.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
        Ok(nextest)
    };
    passed(tiers(base, extent, &[&paths.root.join("crates"), &paths.root.join("xtask")]))
}

/// The tests of every change, and those of the nightly tier if they are asked for.
/// What takes hours is a command, not a test.
fn tiers(base: impl Fn() -> Result<Command>, extent: &Extent, sources: &[&Path]) -> Result<()> {
    run::run(&mut base()?)?;
    match nightly::filter(sources)? {
        Some(filter) if extent.nightly => {
            run::run(base()?.args(["--run-ignored", "only", "--filterset", &filter]))
        }
        _ => Ok(()),
    }
}

/// What may not run side by side, and for how long a test may run, stands in `.config/nextest.toml`.
fn nextest(paths: &Paths, needs: &[Artefact]) -> Result<Command> {
    let mut command = Command::new(tools::nextest(paths)?);
    command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    build::environment(paths, &mut command, needs)?;
    Ok(command)
}

fn simulation(paths: &Paths, _: &Extent) -> Result<Outcome> {
    for options in SIMULATIONS {
        let mut sim = Command::new(paths.program("salus-sim"));
        run::run(sim.args(options.split_whitespace()).arg("--quiet"))?;
    }
    Ok(Outcome::Passed)
}

/// A million inputs, blindly in every check; with libFuzzer, which is built for it alone, in the nightly tier.
fn fuzzing(paths: &Paths, extent: &Extent) -> Result<Outcome> {
    let blind = ["--blind".to_owned()];
    passed(fuzz::run(paths, if extent.nightly { &[] } else { &blind }))
}

fn browser(paths: &Paths, _: &Extent) -> Result<Outcome> {
    if !paths.has_portal() {
        return skipped("no portal/package.json yet");
    }
    if !portal::has_script(paths, "e2e")? {
        return skipped("portal/package.json has no script `e2e` yet");
    }
    let mut npm = portal::npm(paths);
    let needs =
        [Artefact::Salus, Artefact::Engine, Artefact::Definitions, Artefact::Portal, Artefact::Chromium];
    build::environment(paths, &mut npm, &needs)?;
    passed(run::run(npm.args(["run", "--silent", "e2e"])))
}
