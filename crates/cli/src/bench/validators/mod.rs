//! `salus bench ledger`: validators alone, without vaults, gateways and engines.
//!
//! All validators run in this process, each on a runtime of its own as in a process of its own, with real sockets and
//! real disks between and under them. So what is measured is the ledger and not the HTTP by which transactions come
//! in (`salus bench` measures that), processor time is that of all validators together and nothing else, and
//! transactions are handed in at each node's own [`salus_node::NodeHandle`].

mod filled;
mod floors;
mod kinds;
mod load;
mod network;
mod parts;
mod postgres;
mod regions;
mod soak;
mod usage;

use super::figure::{Figure, Report, load as load_average};
use crate::output::Output;
use anyhow::{Context as _, ensure};
use network::Network;
use std::fs;
use std::path::PathBuf;

/// Numbers of validators that are measured, and those that take long.
const VALIDATORS: [usize; 3] = [4, 7, 10];
const VALIDATORS_LONG: [usize; 1] = [16];
/// Entries in the state, and how many take long.
const KEYS: u64 = 1_000_000;
const KEYS_LONG: u64 = 10_000_000;
/// Most validators that fit one process.
const VALIDATORS_MAX: usize = 64;

/// Measure validators alone, without vaults, gateways and engines.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the figures go, as JSON (`--json` alone says how to print).
    #[arg(long)]
    out: PathBuf,
    /// Also write them as a table in Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Fewer runs and smaller amounts: to see that it works, not to publish.
    #[arg(long)]
    quick: bool,
    /// Also what takes long: 16 validators, and a state of ten million entries.
    #[arg(long)]
    long: bool,
    /// Measure only some parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Numbers of validators, instead of 4, 7 and 10.
    #[arg(long, value_delimiter = ',')]
    validators: Vec<usize>,
    /// Entries in the state, instead of a million.
    #[arg(long, value_delimiter = ',')]
    keys: Vec<u64>,
    /// Runs of each measurement, instead of five.
    #[arg(long)]
    runs: Option<usize>,
    /// Instead of all that: a steady load for so many minutes, and what becomes of the memory.
    #[arg(long, value_name = "MINUTES")]
    soak: Option<f64>,
    /// Transactions a second of the soak, instead of 70 % of what the network takes.
    #[arg(long, requires = "soak")]
    rate: Option<f64>,
    /// Folder for the nodes' data, deleted afterwards; the system's temporary folder if not given.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Folder in which filled states are kept for the next run.
    #[arg(long, env = "SALUS_BENCH_CACHE")]
    cache: Option<PathBuf>,
    /// The simulator's program; without it no regions are simulated.
    #[arg(long, env = "SALUS_SIM")]
    simulator: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// As much as the network takes.
    Throughput,
    /// Times at steady rates.
    Latency,
    /// Each kind of transaction.
    Kinds,
    /// Large states.
    States,
    /// A new node.
    Sync,
    /// Bytes for each anchored version.
    Overhead,
    /// PostgreSQL on the same machine.
    Postgres,
    /// Simulated regions.
    Regions,
}

impl Part {
    fn words(self) -> &'static str {
        match self {
            Self::Throughput => "how much the network takes",
            Self::Latency => "times at steady rates",
            Self::Kinds => "each kind of transaction",
            Self::States => "large states",
            Self::Sync => "a new node",
            Self::Overhead => "anchors of full batches",
            Self::Postgres => "PostgreSQL",
            Self::Regions => "simulated regions",
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    runs: usize,
    /// Divides the amounts.
    smaller: usize,
}

/// Where things are.
struct Place {
    folder: PathBuf,
    cache: PathBuf,
}

/// One run.
struct Run<'a> {
    arguments: &'a Arguments,
    output: Output,
    extent: Extent,
    place: Place,
    validators: Vec<usize>,
    keys: Vec<u64>,
}

pub(super) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let load_before = load_average();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let run = Run::new(arguments, output)?;
    let figures = match arguments.soak {
        Some(minutes) => runtime.block_on(run.soak(minutes))?,
        None => runtime.block_on(run.measure())?,
    };
    let report = Report::new(figures, load_before);
    report.write(&arguments.out, arguments.markdown.as_deref())?;
    output.result(&report, || report.table())
}

impl<'a> Run<'a> {
    fn new(arguments: &'a Arguments, output: Output) -> anyhow::Result<Self> {
        let mut extent =
            if arguments.quick { Extent { runs: 1, smaller: 10 } } else { Extent { runs: 5, smaller: 1 } };
        extent.runs = arguments.runs.unwrap_or(extent.runs).max(1);
        let mut validators = arguments.validators.clone();
        let mut keys = arguments.keys.clone();
        if validators.is_empty() {
            validators.extend(VALIDATORS);
            validators.extend(VALIDATORS_LONG.iter().filter(|_| arguments.long));
        }
        if keys.is_empty() {
            keys.push(if arguments.quick { KEYS / 10 } else { KEYS });
            keys.extend(Some(KEYS_LONG).filter(|_| arguments.long));
        }
        let wrong = validators.iter().find(|count| !(1..=VALIDATORS_MAX).contains(*count));
        ensure!(wrong.is_none(), "between 1 and {VALIDATORS_MAX} validators fit one process");
        let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
        fs::create_dir_all(&folder).with_context(|| format!("`{}`", folder.display()))?;
        let cache = arguments.cache.clone().unwrap_or_else(|| folder.join("salus-bench-states"));
        Ok(Self { arguments, output, extent, place: Place { folder, cache }, validators, keys })
    }

    async fn soak(&self, minutes: f64) -> anyhow::Result<Vec<Figure>> {
        let seats = self.arguments.validators.first().copied().unwrap_or(VALIDATORS[0]);
        let network = Network::start(&self.place.folder, seats, 0, None).await?;
        let figures = soak::measure(&network, minutes, self.arguments.rate, self.output).await?;
        network.stop()?;
        Ok(figures)
    }

    async fn measure(&self) -> anyhow::Result<Vec<Figure>> {
        let all = <Part as clap::ValueEnum>::value_variants();
        let parts = if self.arguments.only.is_empty() { all } else { &self.arguments.only };
        self.output.progress("Measuring the floors ...");
        let mut floors = floors::measure(&self.place.folder, self.extent.runs)?;
        let mut figures = std::mem::take(&mut floors.figures);
        for part in parts {
            self.output.progress(&format!("Measuring {} ...", part.words()));
            figures.extend(self.part(*part, &floors).await?);
        }
        figures.extend(against_postgres(&figures));
        Ok(figures)
    }

    async fn part(&self, part: Part, floors: &floors::Floors) -> anyhow::Result<Vec<Figure>> {
        let (place, extent) = (&self.place, self.extent);
        match part {
            Part::Throughput => parts::throughput(place, extent, floors, &self.validators).await,
            Part::Latency => parts::latency(place, extent).await,
            Part::Kinds => parts::kinds(place, extent).await,
            Part::States => parts::states(place, extent, &self.keys).await,
            Part::Sync => parts::sync(place, extent, self.keys[0]).await,
            Part::Overhead => parts::overhead(place, extent).await,
            Part::Postgres => self.postgres(),
            Part::Regions => self.regions(),
        }
    }

    fn postgres(&self) -> anyhow::Result<Vec<Figure>> {
        let figure = postgres::measure(&self.place.folder, self.extent.runs.min(3), self.extent.smaller)?;
        if figure.is_none() {
            self.output.progress("There is no PostgreSQL on this machine: left out.");
        }
        Ok(figure.into_iter().collect())
    }

    fn regions(&self) -> anyhow::Result<Vec<Figure>> {
        match &self.arguments.simulator {
            Some(simulator) => regions::measure(simulator, &[4, 7, 10, 16]),
            None => {
                self.output.progress("No simulator is named (`--simulator`): regions are left out.");
                Ok(Vec::new())
            }
        }
    }
}

/// The ledger's throughput as a multiple of PostgreSQL's, where both were measured.
fn against_postgres(figures: &[Figure]) -> Option<Figure> {
    let find = |part: &str| figures.iter().find(|figure| figure.name.starts_with(part));
    let (postgres, ledger) = (find("PostgreSQL")?, find("4 validators: 209-byte grants")?);
    let times = ledger.median / postgres.median;
    Some(Figure::of("4 validators against PostgreSQL", "times", ">= 4", vec![times]))
}
