//! `cargo xtask sim`: runs seeds, says what they did, and how to replay the one that fails.

use clap::Parser;
use salus_sim::{Byzantine, Fault, Plant, Scenario, run};
use std::process::ExitCode;
use std::time::Instant;

/// Simulates a whole network: the real nodes on simulated machines, disks and links, from one seed.
#[derive(Parser)]
#[command(name = "sim")]
struct Options {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Views that every honest node must pass.
    #[arg(long, default_value_t = 1_000)]
    views: u64,
    /// Validators.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Kinds of faults.
    #[arg(long, value_delimiter = ',', default_value = "crash,partition,delay")]
    faults: Vec<Fault>,
    /// No faults at all.
    #[arg(long, conflicts_with = "faults")]
    calm: bool,
    /// What byzantine nodes do, one for each, at most a third.
    #[arg(long, value_delimiter = ',')]
    byzantine: Vec<Byzantine>,
    /// A bug that the run must catch: it is expected to fail.
    #[arg(long)]
    plant: Option<Plant>,
    /// One JSON object for each seed on standard output.
    #[arg(long)]
    json: bool,
}

impl Options {
    fn scenario(&self, seed: u64) -> Scenario {
        Scenario {
            seed,
            nodes: self.nodes,
            views: self.views,
            faults: if self.calm { Vec::new() } else { self.faults.clone() },
            byzantine: self.byzantine.clone(),
            plant: self.plant,
        }
    }

    /// The options with which a seed runs again, alone.
    fn replay(&self, seed: u64) -> String {
        let own: Vec<String> = std::env::args().skip(1).collect();
        let mut kept = Vec::new();
        let mut skip = false;
        for option in own {
            let named = ["--seed", "--seeds"].iter().find(|name| option.starts_with(*name));
            match named {
                _ if skip => skip = false,
                Some(_) => skip = !option.contains('='),
                None => kept.push(option),
            }
        }
        format!("cargo xtask sim --seed {seed} {}", kept.join(" "))
    }
}

#[expect(clippy::print_stdout, reason = "the program's answer")]
fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    if std::env::var_os("RUST_LOG").is_none() {
        // A simulated node that dies of a simulated disk is no news.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let mut views = 0;
    let begin = Instant::now();
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        let started = Instant::now();
        match run(&options.scenario(seed)) {
            Ok(outcome) => {
                views += outcome.views;
                if options.json {
                    println!("{}", serde_json::to_string(&outcome).unwrap_or_default());
                } else {
                    let transactions: u64 = outcome.transactions.values().sum();
                    println!(
                        "seed {seed}: {} views, {} blocks, {transactions} transactions, {} acknowledged, {} crashes, \
                         {} s simulated in {:.1} s, trace {}",
                        outcome.views,
                        outcome.blocks,
                        outcome.acknowledged,
                        outcome.crashes,
                        outcome.simulated_ms / 1_000,
                        started.elapsed().as_secs_f64(),
                        &outcome.trace[..outcome.trace.len().min(16)],
                    );
                }
            }
            Err(why) => {
                eprintln!("seed {seed} fails: {why}");
                eprintln!("replay: {}", options.replay(seed));
                return ExitCode::FAILURE;
            }
        }
    }
    if !options.json {
        println!("{views} views in {:.0} s: every property holds", begin.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}
