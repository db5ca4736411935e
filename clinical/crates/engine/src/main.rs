//! `salus-engine`: the clinical store of one organisation, behind a Unix socket.
//!
//! Started and supervised by `salus`; reachable only through its socket (mode 0600, in a folder of mode
//! 0700). The first line of standard input has the keys of the store. Logs go to standard error and never
//! hold a resource, an id of a patient or a query.

mod fhir;
mod gate;
mod internal;
mod keys;
mod outcome;
mod query;
mod rules;
mod server;
mod strict;
mod verdict;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use engine_core::{FeedValidation, Options};
use tracing_subscriber::EnvFilter;

/// Indexing a resource makes thousands of small allocations; under glibc they are a quarter of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The FHIR R4 engine of a Salus node.
#[derive(Debug, Parser)]
#[command(name = "salus-engine", version)]
struct Arguments {
    /// Folder of the database.
    #[arg(long)]
    data: PathBuf,
    /// Unix socket to listen on.
    #[arg(long)]
    socket: PathBuf,
    /// Public address of the FHIR API, as clients see it.
    #[arg(long)]
    base_url: String,
    /// Folder that holds `search-parameters-r4.json`.
    #[arg(long)]
    definitions: PathBuf,
    /// What validation does to what feeds write.
    #[arg(long, value_enum, default_value = "flag")]
    feed_validation: FeedPolicy,
    /// Stop when standard input closes, so that a killed parent leaves nothing behind.
    #[arg(long)]
    supervised: bool,
    /// How much to log: error, warn, info, debug.
    #[arg(long, default_value = "info")]
    log: tracing::Level,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FeedPolicy {
    Flag,
    Enforce,
    Off,
}

impl From<FeedPolicy> for FeedValidation {
    fn from(policy: FeedPolicy) -> Self {
        match policy {
            FeedPolicy::Flag => Self::Flag,
            FeedPolicy::Enforce => Self::Enforce,
            FeedPolicy::Off => Self::Off,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The libraries' own logs quote queries and values, so only ours are let through.
    let level = arguments.log;
    let filter = EnvFilter::new(format!("off,salus_engine={level},engine_core={level}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let options = Options {
        data: arguments.data,
        keys: keys::read(std::io::stdin().lock())?,
        definitions: arguments.definitions,
        base_url: arguments.base_url.trim_end_matches('/').to_owned(),
        feed_validation: arguments.feed_validation.into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(engine_core::takers())
        .enable_all()
        .build()?;
    runtime.block_on(server::run(options, &arguments.socket, arguments.supervised))
}
