//! `cargo xtask sim`: runs seeds, says what they did, and how to replay the one that fails.
#![expect(clippy::print_stdout, reason = "the program's answer")]

use clap::Parser;
use salus_sim::{
    ATLANTIC, Byzantine, Fault, Latency, Outcome, Plant, Recovery, Scenario, WORLD, latency, run,
};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Simulates a whole network: the real nodes on simulated machines, disks and links, from one seed.
#[derive(Parser)]
#[command(name = "sim")]
struct Options {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Views that every honest node must pass.
    #[arg(long, default_value_t = 1_000)]
    views: u64,
    /// Validators.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Blocks in an epoch at the beginning.
    #[arg(long, default_value_t = 64)]
    epoch_blocks: u32,
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
    /// Run each seed twice: both must go the same way.
    #[arg(long)]
    twice: bool,
    /// Seeds that run side by side; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// One JSON object for each seed on standard output.
    #[arg(long)]
    json: bool,
    /// Instead: how long finality takes for so many validators in several regions of the world.
    #[arg(long, value_delimiter = ',', value_name = "VALIDATORS")]
    regions: Vec<usize>,
    /// Only the last line.
    #[arg(long)]
    quiet: bool,
}

/// What all seeds together were.
#[derive(Default)]
struct Total {
    next: u64,
    views: u64,
    transactions: u64,
    crashes: u64,
    slowest: Recovery,
    failed: Option<(u64, String)>,
}

impl Options {
    fn scenario(&self, seed: u64) -> Scenario {
        Scenario {
            seed,
            nodes: self.nodes,
            views: self.views,
            epoch_blocks: self.epoch_blocks,
            faults: if self.calm { Vec::new() } else { self.faults.clone() },
            byzantine: self.byzantine.clone(),
            plant: self.plant,
        }
    }

    fn run(&self, seed: u64) -> Result<Outcome, String> {
        let outcome = run(&self.scenario(seed))?;
        if self.twice && run(&self.scenario(seed))? != outcome {
            return Err("the same seed went two ways".to_owned());
        }
        Ok(outcome)
    }

    fn tell(&self, outcome: &Outcome, seconds: f64) {
        if self.json {
            println!("{}", serde_json::to_string(outcome).unwrap_or_default());
        } else if !self.quiet {
            println!(
                "seed {}: {} views, {} blocks, {} epochs, {} transactions, {} acknowledged, {} crashes, well again after {} \
                 views and {} ms, {} s simulated in {seconds:.1} s, trace {}",
                outcome.seed,
                outcome.views,
                outcome.blocks,
                outcome.epochs,
                outcome.transactions.values().sum::<u64>(),
                outcome.acknowledged,
                outcome.crashes,
                outcome.recovery.views,
                outcome.recovery.ms,
                outcome.simulated_ms / 1_000,
                outcome.trace,
            );
        }
    }

    /// Takes one seed after the other until none is left or one has failed.
    fn work(&self, total: &Mutex<Total>) {
        let locked = || total.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let seed = {
                let mut total = locked();
                total.next += 1;
                self.seed + total.next - 1
            };
            if seed >= self.seed.saturating_add(self.seeds) || locked().failed.is_some() {
                return;
            }
            let started = Instant::now();
            match self.run(seed) {
                Ok(outcome) => {
                    self.tell(&outcome, started.elapsed().as_secs_f64());
                    let mut total = locked();
                    total.views += outcome.views;
                    total.transactions += outcome.transactions.values().sum::<u64>();
                    total.crashes += outcome.crashes;
                    total.slowest.views = total.slowest.views.max(outcome.recovery.views);
                    total.slowest.ms = total.slowest.ms.max(outcome.recovery.ms);
                }
                Err(why) => locked().failed = Some((seed, why)),
            }
        }
    }
}

/// Measures each number of validators in each set of regions.
fn measure_regions(options: &Options) {
    for regions in [ATLANTIC, WORLD] {
        for validators in options.regions.iter().copied() {
            let latency = latency(&regions, validators, options.seed);
            if options.json {
                println!("{}", serde_json::to_string(&latency).unwrap_or_default());
            } else {
                let Latency { p50_ms, p99_ms, .. } = latency;
                println!("{}: {validators} validators, p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms", regions.name);
            }
        }
    }
}

/// The options of this run with which one seed runs again.
fn replay(seed: u64) -> String {
    let mut kept = Vec::new();
    let mut skip = false;
    for option in std::env::args().skip(1) {
        let counts = ["--seed", "--seeds", "--jobs"].contains(&option.split('=').next().unwrap_or_default());
        match (skip, counts) {
            (true, _) => skip = false,
            (false, true) => skip = !option.contains('='),
            (false, false) => kept.push(option),
        }
    }
    format!("cargo xtask sim --seed {seed} {}", kept.join(" "))
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    if std::env::var_os("RUST_LOG").is_none() {
        // A simulated node that dies of a simulated disk is no news.
        std::panic::set_hook(Box::new(|_| {}));
    }
    if !options.regions.is_empty() {
        measure_regions(&options);
        return ExitCode::SUCCESS;
    }
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let total = Mutex::new(Total::default());
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.unwrap_or(cores).get() {
            scope.spawn(|| options.work(&total));
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((seed, why)) = total.failed {
        eprintln!("seed {seed} fails: {why}");
        eprintln!("replay: {}", replay(seed));
        return ExitCode::FAILURE;
    }
    if !options.json {
        println!(
            "{} seeds in {:.0} s: {} views, {} transactions, {} crashes; the slowest node was well again after {} \
             views and {} ms; every property holds",
            options.seeds,
            begin.elapsed().as_secs_f64(),
            total.views,
            total.transactions,
            total.crashes,
            total.slowest.views,
            total.slowest.ms,
        );
    }
    ExitCode::SUCCESS
}
