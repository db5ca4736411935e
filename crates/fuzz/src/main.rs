//! `salus-fuzz`: what `cargo xtask fuzz` runs without instrumentation, and the corpus in and out of folders.
#![expect(clippy::print_stdout, reason = "a chore talks to the person who started it")]

use anyhow::Context as _;
use clap::Parser;
use salus_fuzz::{Target, corpus, mutate, targets};
use std::path::PathBuf;

/// Fuzzing of every decoder.
#[derive(Parser)]
enum Command {
    /// Lists the targets: name, share of the executions, whether libFuzzer runs it.
    List,
    /// Tries seeds and mutations of them.
    Run {
        /// The target.
        target: String,
        /// How often.
        #[arg(long, default_value_t = 10_000)]
        runs: u64,
        /// Which mutations.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Tries one input, given in hexadecimal digits.
    Try {
        /// The target.
        target: String,
        /// The input.
        input: String,
    },
    /// Writes seeds and corpus of every target into `FOLDER/TARGET/`, a file for each.
    Unpack {
        /// The folder.
        folder: PathBuf,
    },
    /// Keeps `FOLDER/TARGET/` of every target as the corpus.
    Pack {
        /// The folder.
        folder: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::List => {
            for target in targets() {
                println!("{} {} {}", target.name, target.weight, target.instrumented);
            }
        }
        Command::Run { target, runs, seed } => {
            let took = mutate::run(&find(&target)?, runs, seed);
            println!("{target} {runs} {:.0}", runs as f64 / took.as_secs_f64().max(f64::EPSILON));
        }
        Command::Try { target, input } => {
            salus_fuzz::check::run(&find(&target)?, &hex::decode(input).context("hexadecimal digits")?);
        }
        Command::Unpack { folder } => {
            for target in targets() {
                corpus::unpack(&target, &folder.join(target.name))?;
            }
        }
        Command::Pack { folder } => {
            for target in targets().into_iter().filter(|target| folder.join(target.name).is_dir()) {
                corpus::pack(&target, &folder.join(target.name))?;
            }
        }
    }
    Ok(())
}

fn find(name: &str) -> anyhow::Result<Target> {
    salus_fuzz::target(name).with_context(|| format!("no target is called `{name}`"))
}
