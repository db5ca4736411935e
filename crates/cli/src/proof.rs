//! `salus proof`: gets what a node can show of the ledger's state, as a file that `salus verify` checks offline.
//!
//! Architecture invariant: nothing here decides whether a proof holds, except for a checkpoint, which others will trust.

use crate::network::read_genesis;
use crate::output::Output;
use crate::public_node::PublicNode;
use anyhow::{Context as _, bail};
use salus_types::state::{StateKey, StateValue};
use salus_types::{AccessId, Digest, GrantId, PublicKey};
use salus_verifier::{CheckpointFile, EntryFile, EntryProof, Subject, Validators};
use std::fs;
use std::path::PathBuf;

/// Get a proof of what the ledger holds, or a checkpoint.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// From where, and where to.
#[derive(clap::Args)]
struct Exchange {
    /// URL of a node's public routes, like `https://localhost:7000`.
    #[arg(long)]
    node: String,
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
}

#[derive(clap::Subcommand)]
enum What {
    /// How a grant stands, or that there is none.
    Grant {
        /// The grant.
        id: GrantId,
        #[command(flatten)]
        exchange: Exchange,
    },
    /// An access event, or that there is none.
    Access {
        /// The event.
        id: AccessId,
        #[command(flatten)]
        exchange: Exchange,
    },
    /// The organisation with a node key and its duties, or that none has it.
    Member {
        /// The node key.
        node_key: PublicKey,
        #[command(flatten)]
        exchange: Exchange,
    },
    /// That nothing stands under a key of the state.
    Absence {
        /// The key.
        key: Digest,
        #[command(flatten)]
        exchange: Exchange,
    },
    /// The newest block, checked against the genesis: whoever trusts you can verify from there on.
    Checkpoint {
        /// The genesis.
        #[arg(long)]
        genesis: PathBuf,
        #[command(flatten)]
        exchange: Exchange,
    },
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (exchange, text) = runtime.block_on(get(&arguments.what))?;
    let path = exchange.out.display().to_string();
    fs::write(&exchange.out, text).with_context(|| format!("cannot write `{path}`"))?;
    output.result(&serde_json::json!({ "written": path }), || format!("Written to `{path}`."))
}

async fn get(what: &What) -> anyhow::Result<(&Exchange, String)> {
    let (exchange, subject) = match what {
        What::Grant { id, exchange } => (exchange, Subject::Grant(*id)),
        What::Access { id, exchange } => (exchange, Subject::Access(*id)),
        What::Member { node_key, exchange } => (exchange, Subject::Member(*node_key)),
        What::Absence { key, exchange } => (exchange, Subject::Entry(StateKey(*key))),
        What::Checkpoint { genesis, exchange } => {
            let validators = Validators::of_genesis(&read_genesis(genesis)?);
            return Ok((exchange, checkpoint(&PublicNode::new(&exchange.node)?, validators).await?));
        }
    };
    let absent = matches!(what, What::Absence { .. });
    Ok((exchange, entry(&PublicNode::new(&exchange.node)?, &subject, absent).await?))
}

async fn entry(node: &PublicNode, subject: &Subject, absent: bool) -> anyhow::Result<String> {
    let (value, proof, block) = node.state_proof(&subject.key()).await?;
    if absent && value.is_some() {
        bail!("something stands under this key");
    }
    let proof = EntryProof { block, value: value.map(StateValue::new).transpose()?, proof };
    let file = EntryFile::of(subject, &proof, &node.handovers().await?);
    Ok(serde_json::to_string_pretty(&file)?)
}

async fn checkpoint(node: &PublicNode, mut validators: Validators) -> anyhow::Result<String> {
    // The handovers are asked for last: they lead to every epoch before.
    let block = node.certified(node.head().await?.height).await?;
    validators.extend(&node.handovers().await?).context("the node's handovers do not hold")?;
    let checkpoint = validators.checkpoint(&block).context("the node's newest block does not hold")?;
    Ok(serde_json::to_string_pretty(&CheckpointFile::of(&checkpoint))?)
}
