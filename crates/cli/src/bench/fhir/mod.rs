//! `salus bench fhir`: one hospital's FHIR API under load.
//!
//! A demo network of four node processes, of which Hospital A runs as in production: TLS, limits of one caller, access
//! tokens. It is asked by a registered system and by a clinician, over connections that stay open. In the same run the
//! clinical engine is asked the same directly, over its socket, by the same client: what the engine can do at all. Each
//! figure of requests comes with the processor time of the gateway, the engine and the client for each of them, which
//! other programs on the machine change less than the clock.
//!
//! All that runs shares the machine: four nodes, two engines, and the client.

mod bulk;
mod clients;
mod history;
mod notify;
mod reads;
mod site;
mod usage;

use super::figure::{self, Figure, Report};
use crate::assets::Assets;
use crate::output::Output;
use site::Site;
use std::path::PathBuf;
use std::time::Duration;

/// Measure one hospital's FHIR API under load, and its clinical engine asked directly.
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
    /// Measure only some parts; histories are always loaded.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Runs of each measurement of requests, instead of five.
    #[arg(long)]
    runs: Option<usize>,
    /// Folder of FHIR transaction bundles to load, one patient each; invented ones without it.
    #[arg(long, env = "SALUS_TEST_DATA")]
    data: Option<PathBuf>,
    /// First port; each organisation uses ten.
    #[arg(long, default_value_t = 27_200)]
    base_port: u16,
    #[command(flatten)]
    assets: Assets,
}

/// What is measured beside the load of histories.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Reads, searches, `/fhir/metadata`.
    Reads,
    /// From a write to the notification.
    Notify,
    /// Export of everything.
    Export,
    /// Import from a file.
    Import,
    /// Memory of the engine with 100,000 resources.
    Memory,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    runs: usize,
    /// How long each side is asked in a run.
    asking: Duration,
    /// Histories to load, at most.
    histories: usize,
    /// Notifications to wait for.
    notifications: usize,
    /// Lines of an import.
    lines: usize,
    /// Resources in the engine when its memory is looked at.
    resources: u64,
}

const WHOLE: Extent = Extent {
    runs: 5,
    asking: Duration::from_secs(4),
    histories: 55,
    notifications: 200,
    lines: 20_000,
    resources: 100_000,
};
const QUICK: Extent = Extent {
    runs: 1,
    asking: Duration::from_millis(500),
    histories: 3,
    notifications: 5,
    lines: 200,
    resources: 3_000,
};

impl Part {
    fn words(self) -> &'static str {
        match self {
            Self::Reads => "reads and searches",
            Self::Notify => "notifications",
            Self::Export => "an export",
            Self::Import => "an import",
            Self::Memory => "memory",
        }
    }
}

pub(super) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let load_before = figure::load();
    // The client shares two cores with what it measures.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let figures = runtime.block_on(measure(arguments, output))?;
    let report = Report::new(figures, load_before);
    report.write(&arguments.out, arguments.markdown.as_deref())?;
    output.result(&report, || report.table())
}

async fn measure(arguments: &Arguments, output: Output) -> anyhow::Result<Vec<Figure>> {
    let mut extent = if arguments.quick { QUICK } else { WHOLE };
    extent.runs = arguments.runs.unwrap_or(extent.runs);
    let all = <Part as clap::ValueEnum>::value_variants();
    let parts = if arguments.only.is_empty() { all } else { &arguments.only };
    output.progress("Starting a network ...");
    let mut site = Site::start(&arguments.assets, arguments.base_port).await?;
    output.progress("Loading histories ...");
    let (mut figures, loaded) = history::measure(&site, arguments.data.as_deref(), extent).await?;
    for part in parts {
        output.progress(&format!("Measuring {} ...", part.words()));
        figures.extend(match part {
            Part::Reads => reads::measure(&site, &loaded, extent).await?,
            Part::Notify => notify::measure(&mut site, &loaded, extent).await?,
            Part::Export => bulk::export(&site).await?,
            Part::Import => bulk::import(&site, &loaded, extent).await?,
            Part::Memory => history::memory(&site, &loaded, extent).await?,
        });
    }
    site.stop().await?;
    Ok(figures)
}
