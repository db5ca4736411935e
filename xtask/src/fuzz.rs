//! `cargo xtask fuzz`: tries every decoder on many inputs (ADR 0012).
//!
//! What is instrumented is run by libFuzzer, in a build of its own; the rest by `salus-fuzz`, which
//! mutates seeds blindly. Both begin from the same seeds and the same kept corpus, with the same inputs for the same
//! seed. What libFuzzer finds stays in the build folder and is where its next run begins.

use crate::paths::Paths;
use crate::{build, run};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// Executions of all targets together, if nobody says otherwise.
const RUNS: u64 = 1_000_000;
/// Longest input, in bytes.
const INPUT_BYTES_MAX: u32 = 16 * 1024;
/// Targets that run side by side.
const WORKERS: usize = 2;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    runs: u64,
    seed: u64,
    target: Option<String>,
    /// Mutate blindly, all of it.
    blind: bool,
    keep: bool,
}

/// A row of the table in `crates/fuzz`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    name: String,
    weight: u64,
    instrumented: bool,
}

/// What a target's run came to.
struct Figures {
    runs: u64,
    per_second: f64,
    /// Edges of the code that were reached: by the seeds alone, and in the end.
    coverage: Option<(u64, u64)>,
}

/// Runs the targets and prints a line for each.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let order = order(args)?;
    build::program(paths, "salus-fuzz")?;
    let listed = run::output(Command::new(paths.program("salus-fuzz")).arg("list"))?;
    let mut targets = parse(&listed).context("`salus-fuzz list` has an unknown shape")?;
    if let Some(name) = &order.target {
        targets.retain(|target| target.name == *name);
        ensure!(!targets.is_empty(), "no target is called `{name}`; there are:\n{listed}");
    }
    if order.blind {
        targets.iter_mut().for_each(|target| target.instrumented = false);
    }
    run::run(Command::new(paths.program("salus-fuzz")).arg("unpack").arg(folder(paths, "seeds")))?;
    if targets.iter().any(|target| target.instrumented) {
        build_instrumented(paths)?;
    }
    let results = fuzz(paths, &order, &targets)?;
    print!("{}", table(&results));
    if order.keep { keep(paths, &targets) } else { Ok(()) }
}

fn order(args: &[String]) -> Result<Order> {
    let mut order = Order { runs: RUNS, seed: 1, target: None, blind: false, keep: false };
    let mut rest = args.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("`{name}` needs a value"));
        match name.as_str() {
            "--runs" => order.runs = value()?.parse().context("--runs takes a number")?,
            "--seed" => order.seed = value()?.parse().context("--seed takes a number")?,
            "--target" => order.target = Some(value()?.clone()),
            "--blind" => order.blind = true,
            "--keep" => order.keep = true,
            other => {
                bail!(
                    "unknown argument `{other}`; this chore knows --runs, --seed, --target, --blind, --keep"
                )
            }
        }
    }
    Ok(order)
}

fn parse(listed: &str) -> Option<Vec<Target>> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, weight, instrumented) = (words.next()?, words.next()?, words.next()?);
        Some(Target {
            name: name.to_owned(),
            weight: weight.parse().ok()?,
            instrumented: instrumented.parse().ok()?,
        })
    };
    listed.lines().map(line).collect()
}

fn folder(paths: &Paths, name: &str) -> PathBuf {
    paths.target.join("fuzz").join(name)
}

/// Counters at every edge of the code, and comparisons told to the fuzzer: what cargo-fuzz tells the compiler, without
/// which libFuzzer is blind. No sanitizer: the product has no unsafe code of its own, and the address sanitizer needs an
/// unstable compiler.
const INSTRUMENTATION: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// Builds the binary that has all targets. A target is named, so that build scripts and macros are not instrumented.
fn build_instrumented(paths: &Paths) -> Result<()> {
    let mut build = run::cargo(paths);
    build.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bin", "any", "--target"]);
    build.arg(host()?).env("CARGO_TARGET_DIR", folder(paths, "build"));
    run::run(build.env("RUSTFLAGS", INSTRUMENTATION.join(" ")))
}

/// The kind of machine that this is, as the compiler names it.
fn host() -> Result<String> {
    let said = run::output(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("the compiler names no host")?.to_owned())
}

fn instrumented(paths: &Paths) -> Result<PathBuf> {
    Ok(folder(paths, "build").join(host()?).join("release/any"))
}

/// All targets, some side by side; the first failure is told.
fn fuzz(paths: &Paths, order: &Order, targets: &[Target]) -> Result<Vec<(Target, Figures)>> {
    let all: u64 = targets.iter().map(|target| target.weight).sum();
    let one = |target: &Target| {
        let runs = (order.runs * target.weight).div_ceil(all.max(1));
        let figures = if target.instrumented {
            with_libfuzzer(paths, target, runs, order.seed)
        } else {
            blindly(paths, target, runs, order.seed)
        };
        Ok((target.clone(), figures.with_context(|| format!("the target `{}` failed", target.name))?))
    };
    let worker =
        |place: usize| targets.iter().skip(place).step_by(WORKERS).map(one).collect::<Result<Vec<_>>>();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|place| scope.spawn(move || worker(place))).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        Ok(done.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

/// Runs a command and gives what it said; all of it is part of the error if it fails.
fn said(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().context("cannot start a fuzzer")?;
    let said = [String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)].concat();
    let lines: Vec<&str> = said.lines().collect();
    ensure!(out.status.success(), "{}", lines[lines.len().saturating_sub(30)..].join("\n"));
    Ok(said)
}

fn with_libfuzzer(paths: &Paths, target: &Target, runs: u64, seed: u64) -> Result<Figures> {
    let corpus = folder(paths, "corpus").join(&target.name);
    fs::create_dir_all(&corpus)?;
    let artifacts = format!("{}/failed-{}-", folder(paths, "").display(), target.name);
    let mut fuzzer = Command::new(instrumented(paths)?);
    fuzzer.env("SALUS_FUZZ_TARGET", &target.name).arg(&corpus);
    fuzzer.arg(folder(paths, "seeds").join(&target.name));
    fuzzer
        .arg(format!("-runs={runs}"))
        .arg(format!("-seed={seed}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"));
    fuzzer.arg(format!("-artifact_prefix={artifacts}")).args(["-print_final_stats=1", "-timeout=10"]);
    figures(&said(&mut fuzzer)?).context("libFuzzer's statistics have an unknown shape")
}

/// What libFuzzer says of a run.
fn figures(said: &str) -> Option<Figures> {
    let stat = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    let coverage = said.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| *word == "cov:")?;
        words.next()?.parse().ok()
    });
    let coverage: Vec<u64> = coverage.collect();
    Some(Figures {
        runs: stat("stat::number_of_executed_units:")?,
        per_second: stat("stat::average_exec_per_sec:")? as f64,
        coverage: Some((*coverage.first()?, *coverage.last()?)),
    })
}

fn blindly(paths: &Paths, target: &Target, runs: u64, seed: u64) -> Result<Figures> {
    let mut program = Command::new(paths.program("salus-fuzz"));
    program.args(["run", &target.name, "--runs", &runs.to_string(), "--seed", &seed.to_string()]);
    let said = said(&mut program)?;
    let rate = said.split_whitespace().last().and_then(|rate| rate.parse().ok());
    Ok(Figures { runs, per_second: rate.context("`salus-fuzz run` has an unknown shape")?, coverage: None })
}

fn table(results: &[(Target, Figures)]) -> String {
    let mut text = String::from("\ntarget            runs   runs/s   edges reached: at first, new\n");
    for (target, figures) in results {
        let reached = figures.coverage.map_or("not counted".into(), |(first, last)| {
            format!("{first:>5} {:>5}", last.saturating_sub(first))
        });
        let name = &target.name;
        text.push_str(&format!("{name:<14} {:>7} {:>8.0}   {reached}\n", figures.runs, figures.per_second));
    }
    let runs: u64 = results.iter().map(|(_, figures)| figures.runs).sum();
    text.push_str(&format!("{runs} executions of {} targets, none failed\n", results.len()));
    text
}

/// Keeps the smallest set of inputs that reaches all that was reached, in `fuzz/corpus/`.
fn keep(paths: &Paths, targets: &[Target]) -> Result<()> {
    let kept = folder(paths, "kept");
    for target in targets.iter().filter(|target| target.instrumented) {
        let to = kept.join(&target.name);
        if to.is_dir() {
            fs::remove_dir_all(&to)?;
        }
        fs::create_dir_all(&to)?;
        let mut fuzzer = Command::new(instrumented(paths)?);
        fuzzer.env("SALUS_FUZZ_TARGET", &target.name).arg("-merge=1").arg(&to);
        fuzzer.args(["seeds", "corpus"].map(|from| folder(paths, from).join(&target.name)));
        said(&mut fuzzer)?;
    }
    run::run(Command::new(paths.program("salus-fuzz")).arg("pack").arg(&kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn orders_are_understood_or_refused_by_name() {
        let found = order(&words("--runs 5 --target actions --seed 7 --blind --keep")).expect("an order");
        assert_eq!(
            found,
            Order { runs: 5, seed: 7, target: Some("actions".into()), blind: true, keep: true }
        );
        for (args, named) in [("--run 5", "`--run`"), ("--runs", "`--runs`"), ("--runs many", "--runs")] {
            let error = order(&words(args)).expect_err(args);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn what_libfuzzer_says_is_read() {
        let said = "#2\tINITED cov: 120 ft: 121 corp: 1/1b\n#9\tNEW    cov: 133 ft: 140\n\
                    stat::number_of_executed_units: 1000\nstat::average_exec_per_sec:     500\n";
        let figures = figures(said).expect("figures");
        assert_eq!((figures.runs, figures.coverage), (1_000, Some((120, 133))));
        assert!(super::figures("nothing").is_none());
    }
}
