//! `salus bench`: the figures of `docs/benchmarks.md`, measured on a demo network of four node processes.
//!
//! Everything goes through the interfaces that people and machines use: real processes, sockets and disks. What a
//! figure includes stands with the function that measures it. [`validators`] measures the ledger alone, [`fhir`] one
//! hospital's node under load.

mod chart;
mod fhir;
mod figure;
mod http;
mod idle;
mod ledger;
mod proofs;
mod reads;
mod revoke;
mod sealing;
mod stage;
mod validators;

use crate::assets::Assets;
use crate::output::Output;
use anyhow::bail;
use figure::{Figure, Report};
use stage::Stage;
use std::path::PathBuf;

/// Measure a network of four nodes on this machine.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    alone: Option<Alone>,
    #[command(flatten)]
    whole: Option<Whole>,
}

/// What is measured without the rest.
#[derive(clap::Subcommand)]
enum Alone {
    /// Measure validators alone, without vaults, gateways and engines.
    Ledger(Box<validators::Arguments>),
    /// Measure one hospital's FHIR API under load, and its clinical engine asked directly.
    Fhir(Box<fhir::Arguments>),
}

/// A measurement of whole nodes.
#[derive(clap::Args)]
struct Whole {
    /// Where the figures go, as JSON (`--json` alone says how to print).
    #[arg(long)]
    out: PathBuf,
    /// Also write them as a table in Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Fewer runs and smaller amounts: to see that it works, not to publish.
    #[arg(long)]
    quick: bool,
    /// Measure only some parts, one after the other: to profile, not to publish.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// First port; each organisation uses ten.
    #[arg(long, default_value_t = 27_100)]
    base_port: u16,
    // Not flattened: clap takes an optional group that holds another for absent.
    /// The clinical engine's program.
    #[arg(long, env = "SALUS_ENGINE")]
    engine: PathBuf,
    /// Folder of the FHIR definitions.
    #[arg(long, env = "SALUS_DEFINITIONS")]
    definitions: PathBuf,
    /// Folder of the built portal.
    #[arg(long, env = "SALUS_PORTAL_DIST")]
    portal: Option<PathBuf>,
}

impl Whole {
    fn assets(&self) -> Assets {
        let Self { engine, definitions, portal, .. } = self;
        Assets { engine: engine.clone(), definitions: definitions.clone(), portal: portal.clone() }
    }
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// What an idle node costs.
    Idle,
    /// Transactions.
    Ledger,
    /// Proofs and headers.
    Proofs,
    /// Local FHIR reads.
    Reads,
    /// A grant, and the first read under it.
    Chart,
    /// The end of a grant.
    Revoke,
    /// Sealing, and a second start.
    Sealing,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    runs: usize,
    /// Divides the amounts.
    smaller: usize,
}

impl Part {
    fn words(self) -> &'static str {
        match self {
            Self::Idle => "what an idle node costs",
            Self::Ledger => "the ledger",
            Self::Proofs => "proofs",
            Self::Reads => "local reads",
            Self::Chart => "reads of another organisation's chart",
            Self::Revoke => "the end of a grant",
            Self::Sealing => "the start of what has run before, and sealing",
        }
    }
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    match (&arguments.alone, &arguments.whole) {
        (Some(Alone::Ledger(arguments)), _) => validators::run(arguments, output),
        (Some(Alone::Fhir(arguments)), _) => fhir::run(arguments, output),
        (None, Some(arguments)) => whole(arguments, output),
        (None, None) => bail!("say where the figures go: --out FILE"),
    }
}

fn whole(arguments: &Whole, output: Output) -> anyhow::Result<()> {
    let load_before = figure::load();
    let extent =
        if arguments.quick { Extent { runs: 1, smaller: 10 } } else { Extent { runs: 5, smaller: 1 } };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(measure(arguments, extent, output))?;
    let report = Report::new(figures, load_before);
    report.write(&arguments.out, arguments.markdown.as_deref())?;
    output.result(&report, || report.table())
}

async fn measure(arguments: &Whole, extent: Extent, output: Output) -> anyhow::Result<Vec<Figure>> {
    let all = <Part as clap::ValueEnum>::value_variants();
    let parts = if arguments.only.is_empty() { all } else { &arguments.only };
    let mut figures = Vec::new();
    output.progress("Starting a network ...");
    let mut stage = Stage::new(arguments.assets(), arguments.base_port)?;
    stage.start().await?;
    for part in parts {
        output.progress(&format!("Measuring {} ...", part.words()));
        figures.extend(match part {
            Part::Idle => idle::measure(&stage, extent).await?,
            Part::Ledger => ledger::measure(&stage, extent).await?,
            Part::Proofs => proofs::measure(&stage, extent).await?,
            Part::Reads => reads::measure(&stage, extent).await?,
            Part::Chart => chart::measure(&stage, extent).await?,
            Part::Revoke => revoke::measure(&stage, extent).await?,
            Part::Sealing => sealing::measure(&mut stage, extent).await?,
        });
    }
    figures.extend(idle::memory(&stage)?);
    stage.stop().await?;
    Ok(figures)
}
