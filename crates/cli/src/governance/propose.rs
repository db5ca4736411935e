//! `salus governance propose`: what is not named stays as it is.

use super::words;
use crate::node::ops::Client;
use crate::output::Output;
use anyhow::{Context as _, ensure};
use salus_gateway::steward::governance::{AskedChange, Governance, Rules};
use salus_types::OrganisationId;
use salus_types::organisation::Class;
use std::path::{Path, PathBuf};

/// Propose a change; the organisation thereby votes for it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(super) change: Change,
}

#[derive(clap::Subcommand)]
pub(super) enum Change {
    /// Admit an organisation.
    Admit {
        /// Its application, as `salus governance application` wrote it at that organisation.
        application: PathBuf,
    },
    /// Update the own entry: keys, addresses, name.
    Update {
        /// The own application, as `salus governance application` wrote it.
        application: PathBuf,
    },
    /// Change the class of a member.
    Class {
        /// The member.
        organisation: OrganisationId,
        /// Its class.
        class: Class,
    },
    /// Change the duties of a member.
    Duties {
        /// The member.
        organisation: OrganisationId,
        /// Whether it has a seat in consensus.
        #[arg(long, required_unless_present = "custodian")]
        validator: Option<bool>,
        /// Whether it keeps sealed packages and shares of others.
        #[arg(long)]
        custodian: Option<bool>,
    },
    /// End a membership.
    Remove {
        /// The member.
        organisation: OrganisationId,
    },
    /// Change the network's parameters.
    Parameters(Parameters),
}

/// Parameters; those that are not named stay as they are.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Parameters {
    /// Longest life of a pending transaction, in blocks.
    #[arg(long)]
    transaction_lifetime_blocks_max: Option<u64>,
    /// Longest period of a grant, in milliseconds.
    #[arg(long)]
    grant_period_ms_max: Option<u64>,
    /// Most transactions in a block.
    #[arg(long)]
    block_transactions_max: Option<u32>,
    /// Blocks in an epoch: how long a change that was voted for waits at most.
    #[arg(long)]
    epoch_blocks: Option<u32>,
    /// How long a proposal is open for votes, in milliseconds.
    #[arg(long)]
    voting_period_ms: Option<u64>,
    /// Blocks that every node keeps, counted from the newest one back.
    #[arg(long)]
    blocks_retained: Option<u64>,
    /// The rules that are to be in force: those of now, or the next. A node that does not know them stops, so every
    /// member's software must know them first.
    #[arg(long)]
    protocol: Option<u32>,
}

pub(super) async fn run(arguments: &Arguments, node: &Client, output: Output) -> anyhow::Result<()> {
    let now = node.governance(Some(0)).await?;
    let proposed = node.propose(asked(&arguments.change, &now)?).await?;
    let newest = node.governance(Some(proposed.number + 1)).await?;
    output.result(&proposed, || {
        let row = newest.proposals.iter().find(|row| row.id == proposed.id);
        let change = row.map_or_else(String::new, |row| format!(": {}", words::change(&row.change)));
        format!("Proposed as number {}{change}.\n{}", proposed.number, words::next_count(&newest.network))
    })
}

pub(super) fn asked(change: &Change, now: &Governance) -> anyhow::Result<AskedChange> {
    Ok(match change {
        Change::Admit { application } => AskedChange::Admit { application: file(application)? },
        Change::Update { application } => AskedChange::Update { application: file(application)? },
        Change::Class { organisation, class } => {
            AskedChange::SetClass { organisation: organisation.clone(), class: *class }
        }
        Change::Duties { organisation, validator, custodian } => {
            let member = now.members.iter().find(|member| member.id == *organisation);
            let member = member.with_context(|| format!("there is no member `{organisation}`"))?;
            AskedChange::SetDuties {
                organisation: organisation.clone(),
                validator: validator.unwrap_or(member.validator),
                custodian: custodian.unwrap_or(member.custodian),
            }
        }
        Change::Remove { organisation } => AskedChange::Remove { organisation: organisation.clone() },
        Change::Parameters(wanted) => {
            AskedChange::SetParameters { parameters: rules(wanted, now.parameters)? }
        }
    })
}

fn file(path: &Path) -> anyhow::Result<serde_json::Value> {
    serde_json::from_str(&super::read(path)?)
        .with_context(|| format!("`{}` is no application", path.display()))
}

fn rules(wanted: &Parameters, now: Rules) -> anyhow::Result<Rules> {
    let rules = Rules {
        transaction_lifetime_blocks_max: wanted
            .transaction_lifetime_blocks_max
            .unwrap_or(now.transaction_lifetime_blocks_max),
        grant_period_ms_max: wanted.grant_period_ms_max.unwrap_or(now.grant_period_ms_max),
        block_transactions_max: wanted.block_transactions_max.unwrap_or(now.block_transactions_max),
        epoch_blocks: wanted.epoch_blocks.unwrap_or(now.epoch_blocks),
        voting_period_ms: wanted.voting_period_ms.unwrap_or(now.voting_period_ms),
        blocks_retained: wanted.blocks_retained.unwrap_or(now.blocks_retained),
        protocol: wanted.protocol.unwrap_or(now.protocol),
    };
    ensure!(rules != now, "the parameters are so already");
    Ok(rules)
}
