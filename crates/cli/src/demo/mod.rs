//! `salus demo`: a network of four organisations on this machine, each a process of its own.
//!
//! 1. Lay out the network below `--dir`, unless one is there already.
//! 2. Start the four nodes; the hospitals start their clinical engines.
//! 3. Staff, clients and records, through the same interfaces that a hospital uses.
//! 4. Patients: keys, invites, enrolment at both hospitals, a recovery code for the portal.
//! 5. Write `demo.json`, say where to go, and run until Ctrl-C.
//!
//! Every step notes that it is done, so a second start resumes where the first one stopped.

pub(crate) mod load;
mod nodes;
mod people;
mod progress;
pub(crate) mod report;
mod steps;

pub(crate) use steps::until_anchored;

use crate::assets::Assets;
use crate::clock::now_ms;
use crate::network::{self, GENESIS_FILE, Plan};
use crate::output::Output;
use anyhow::{Context as _, bail};
use nodes::Nodes;
use progress::Progress;
use report::REPORT_FILE;
use salus_types::genesis::Genesis;
use salus_types::organisation::Class;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the demo lives unless told otherwise.
pub(crate) const FOLDER_DEFAULT: &str = "demo";

/// Run a network of four organisations on this machine, with demo patients.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the demo network.
    #[arg(long, default_value = FOLDER_DEFAULT)]
    dir: PathBuf,
    /// First port; each organisation uses ten.
    #[arg(long, default_value_t = 7100)]
    base_port: u16,
    /// Blocks in an epoch: what the organisations vote for is in force after it. An idle network makes 80 a minute.
    #[arg(long, default_value_t = 512)]
    epoch_blocks: u32,
    /// Number of demo patients.
    #[arg(long, default_value_t = 12)]
    patients: u32,
    /// Seed of the demo patients.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also load the FHIR transaction bundles (`*.json`) and NDJSON files of this folder into Hospital A; their
    /// patients get keys and are registered at Hospital B, too.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Delete the demo network in the folder first.
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    assets: Assets,
}

/// The organisations of the demo.
const PLANS: [Plan; 4] = [
    Plan { id: "hospital-a", name: "Northmere General Hospital (Hospital A)", class: Class::Provider },
    Plan { id: "hospital-b", name: "Lakeside Clinic (Hospital B)", class: Class::Provider },
    Plan { id: "insurer", name: "Harbour Health Insurance", class: Class::Payer },
    Plan { id: "regulator", name: "Office for Health Records", class: Class::Regulator },
];

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(drive(arguments, output))
}

async fn drive(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let mut progress = Progress::new(output);
    let genesis = prepare(&arguments, &progress)?;
    let mut nodes = Nodes::start(&arguments, &PLANS)?;
    let keeper = progress.clone();
    let work = async {
        let report = steps::bring_up(&arguments, &genesis, &mut progress).await?;
        progress.ready(&report);
        std::future::pending().await
    };
    let waited = tokio::select! {
        failed = work => failed,
        failed = nodes.keep(&keeper) => failed,
        signal = stop_signal() => signal,
    };
    progress.say("Stopping ...");
    // The report tells of a network that runs.
    let _ = fs::remove_file(arguments.dir.join(REPORT_FILE));
    nodes.stop().await;
    progress.say("Stopped. Start again to resume.");
    waited
}

/// Makes the network's folder, or checks that the one there can be resumed.
fn prepare(arguments: &Arguments, progress: &Progress) -> anyhow::Result<Genesis> {
    let folder = &arguments.dir;
    if arguments.fresh && folder.exists() {
        delete(folder)?;
    }
    let genesis = folder.join(GENESIS_FILE);
    if genesis.exists() {
        progress.say(&format!("Resuming the network in `{}`.", folder.display()));
        // Whoever waits for the report must not see that of an earlier run.
        let _ = fs::remove_file(folder.join(REPORT_FILE));
        return network::read_genesis(&genesis);
    }
    if folder.exists() && fs::read_dir(folder)?.next().is_some() {
        bail!(
            "`{}` is not empty and holds no demo network: choose another --dir, or --fresh",
            folder.display()
        );
    }
    fs::create_dir_all(folder)?;
    let time_ms = now_ms()?;
    network::create(folder, arguments.base_port, time_ms, arguments.epoch_blocks, &PLANS)
}

/// Deletes only what looks like a demo network.
fn delete(folder: &Path) -> anyhow::Result<()> {
    let is_demo = folder.join(GENESIS_FILE).exists();
    let is_empty = fs::read_dir(folder)?.next().is_none();
    if !is_demo && !is_empty && !folder.join(PLANS[0].id).join(network::CONFIG_FILE).exists() {
        bail!("`{}` holds no demo network; it is not deleted", folder.display());
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot delete `{}`", folder.display()))
}

/// Ctrl-C, or the signal by which services are stopped.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
