//! `salus governance`: how the network changes. Shows it, proposes and votes on behalf of the own organisation.
//!
//! Every subcommand asks the organisation's running node, through the socket in the node's folder that only the node's
//! own user can open. The node signs; the keys are read here for one thing alone, to sign an application.

mod application;
mod propose;
#[cfg(test)]
mod tests;
mod words;

use crate::keys::{self, Unlock};
use crate::network::NodeFile;
use crate::node::ops::Client;
use crate::output::Output;
use anyhow::Context as _;
use salus_gateway::steward::governance::ProposalRow;
use serde_json::json;
use std::path::{Path, PathBuf};

/// See how the network is governed, propose changes, vote.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the organisation's node.
    #[arg(long)]
    home: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the members and the proposals, newest first.
    List {
        /// Only proposals with a smaller number.
        #[arg(long)]
        before: Option<u64>,
    },
    /// Show a proposal.
    Show {
        /// Its id or its number.
        proposal: String,
    },
    /// Propose a change; the organisation thereby votes for it.
    Propose(propose::Arguments),
    /// Vote on a proposal, once and for good.
    Vote {
        /// Its id or its number.
        proposal: String,
        /// Vote for it.
        #[arg(long, required_unless_present = "refuse", conflicts_with = "refuse")]
        approve: bool,
        /// Vote against it.
        #[arg(long)]
        refuse: bool,
    },
    /// Write what this organisation wants to be as a member, signed by its node key, for others to put to the vote.
    Application(application::Arguments),
    /// Make keys that are to follow those of the node's folder, for an application to name.
    NewKeys {
        /// The file to write, which must not exist yet; by default `new-keys.sealed`, or `new-keys.json` in the clear.
        #[arg(long)]
        out: Option<PathBuf>,
        #[command(flatten)]
        unlock: Unlock,
    },
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(arguments, output))
}

async fn drive(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let node = Client::new(&arguments.home);
    match &arguments.command {
        Command::List { before } => {
            let governance = node.governance(*before).await?;
            output.result(&governance, || words::overview(&governance))
        }
        Command::Show { proposal } => {
            let found = find(&node, proposal).await?;
            output.result(&found, || words::proposal(&found))
        }
        Command::Propose(change) => propose::run(change, &node, output).await,
        Command::Vote { proposal, approve, .. } => {
            let found = find(&node, proposal).await?;
            node.vote(found.id, *approve).await?;
            let side = if *approve { "for" } else { "against" };
            output.result(&json!({ "id": found.id, "number": found.number, "vote": side }), || {
                format!("Voted {side} proposal {}: {}.", found.number, words::change(&found.change))
            })
        }
        Command::Application(wanted) => application::run(wanted, &arguments.home, &node, output).await,
        Command::NewKeys { out, unlock } => {
            let home = &arguments.home;
            let (path, new) = keys::renew(home, &NodeFile::read(home)?, unlock, out.as_deref())?;
            let place = keys::file_of(home)?;
            let (path, place, key) = (path.display(), place.display(), new.node.public());
            output.result(&json!({ "written": path.to_string(), "nodeKey": key }), || {
                format!("Written to `{path}`. Node key: {key}\nNext: `application --keys {path}`, `propose update`, votes; when that is in force, put the file in the place of `{place}` and restart the node.")
            })
        }
    }
}

/// The proposal with a number or an id; pages are read until it comes.
async fn find(node: &Client, wanted: &str) -> anyhow::Result<ProposalRow> {
    let number: Option<u64> = wanted.parse().ok();
    let is_it = |row: &ProposalRow| match number {
        Some(number) => row.number == number,
        None => row.id.to_string() == wanted,
    };
    let mut before = number.map(|number| number.saturating_add(1));
    loop {
        let page = node.governance(before).await?.proposals;
        let oldest = page.last().map(|row| row.number);
        if let Some(found) = page.into_iter().find(is_it) {
            return Ok(found);
        }
        let more = oldest.filter(|oldest| *oldest > 0 && number.is_none());
        before = Some(more.with_context(|| format!("there is no proposal `{wanted}`"))?);
    }
}

/// A file as text.
fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
