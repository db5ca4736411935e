//! `salus witness`: somebody without a vote who remembers. Keeps every header, signs what it has seen, and cries out if
//! a network shows two histories.
//!
//! Upon a certified header of a member: it must follow the last one that is kept, or be the one that is kept. If it is
//! certified and does not, a quorum has certified two histories: both are written down, and the witness ends with an
//! error. What it has seen it signs as a checkpoint, from which others can verify (`salus verify --checkpoint`).

mod store;

use crate::network::read_genesis;
use crate::output::Output;
use crate::public_node::PublicNode;
use anyhow::{Context as _, bail};
use commonware_codec::Encode as _;
use salus_types::block::Header;
use salus_types::proof::{CertifiedHeader, Checkpoint};
use salus_types::{SigningKey, namespace};
use salus_verifier::{CheckpointFile, Validators, verify_certified_header};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use store::Store;

/// Keep a network's headers, sign checkpoints, and cry out if it shows two histories.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the witness: its key, the headers, the newest checkpoint.
    #[arg(long)]
    dir: PathBuf,
    /// The genesis of the network.
    #[arg(long)]
    genesis: PathBuf,
    /// URL of a member's public routes; the more members, the sooner two histories show.
    #[arg(long = "node", required = true)]
    nodes: Vec<String>,
    /// Seconds between two rounds.
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// One round, until nothing new is there.
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(arguments, output))
}

async fn watch(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let mut store = Store::open(&arguments.dir)?;
    let validators = Validators::of_genesis(&read_genesis(&arguments.genesis)?);
    let nodes: Vec<_> = arguments.nodes.iter().map(|url| PublicNode::new(url)).collect::<Result<_, _>>()?;
    let mut witness = Witness { validators, last: store.last()?, newest: None };
    loop {
        let mut answered = 0;
        for (url, node) in arguments.nodes.iter().zip(&nodes) {
            match witness.follow(node, &mut store).await {
                Ok(()) => answered += 1,
                Err(Seen::Fork(fork)) => return Err(cry(arguments, url, &fork)),
                Err(Seen::Other(error)) => output.progress(&format!("{url}: {error:#}")),
            }
        }
        let signed = witness.sign(&store, &arguments.dir)?;
        if arguments.once {
            if answered == 0 {
                bail!("no member answers");
            }
            let Some(checkpoint) = signed else { bail!("the network has no block after genesis yet") };
            return output.result(&CheckpointFile::of(&checkpoint), || {
                format!("Kept {} headers; signed block {}.", store.len(), checkpoint.height)
            });
        }
        output.progress(&format!("{} headers, {answered} members answered", store.len()));
        tokio::time::sleep(Duration::from_secs(arguments.every.max(1))).await;
    }
}

/// Two certified histories.
struct Fork {
    kept: Header,
    shown: CertifiedHeader,
}

/// What a member's answer may show beside what is expected.
enum Seen {
    Fork(Box<Fork>),
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Seen {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

struct Witness {
    validators: Validators,
    /// The last header that is kept.
    last: Option<Header>,
    newest: Option<CertifiedHeader>,
}

impl Witness {
    /// Takes over what a member shows, from the last header on that is kept, it included.
    async fn follow(&mut self, node: &PublicNode, store: &mut Store) -> Result<(), Seen> {
        self.validators.extend(&node.handovers().await?)?;
        loop {
            let from = self.last.as_ref().map_or(1, |last| last.height);
            let page = node.headers(from).await?;
            let before = store.len();
            for certified in page {
                self.take(certified, store)?;
            }
            if store.len() == before {
                return Ok(());
            }
        }
    }

    fn take(&mut self, certified: CertifiedHeader, store: &mut Store) -> Result<(), Seen> {
        let header = verify_certified_header(&self.validators, &certified)?.clone();
        match &self.last {
            Some(last) if header.height == last.height && header == *last => return Ok(()),
            Some(last) if header.height <= last.height || header.parent != last.digest() => {
                return Err(Seen::Fork(Box::new(Fork { kept: last.clone(), shown: certified })));
            }
            _ => {}
        }
        store.append(&header)?;
        self.last = Some(header);
        self.newest = Some(certified);
        Ok(())
    }

    /// Signs the newest block that was taken over since it was asked last.
    fn sign(&self, store: &Store, dir: &std::path::Path) -> anyhow::Result<Option<Checkpoint>> {
        store.sync()?;
        let Some(newest) = &self.newest else { return store::checkpoint(dir) };
        let checkpoint = self.validators.checkpoint(newest)?;
        store::write_checkpoint(dir, store.key(), &checkpoint)?;
        Ok(Some(checkpoint))
    }
}

/// What a witness signs.
fn signature(key: &SigningKey, checkpoint: &Checkpoint) -> salus_types::Signature {
    key.sign(namespace::WITNESS, &checkpoint.encode())
}

/// Writes both histories down.
fn cry(arguments: &Arguments, url: &str, fork: &Fork) -> anyhow::Error {
    let height = fork.kept.height;
    let path = arguments.dir.join(format!("fork-{height}.json"));
    let evidence = json!({
        "kept": hex::encode(fork.kept.encode()),
        "shown": hex::encode(fork.shown.encode()),
        "by": url,
    });
    let written = fs::write(&path, evidence.to_string()).context("and it cannot be written down");
    let error = anyhow::anyhow!(
        "two certified histories: what {url} shows does not follow block {height} that was seen before; both are in \
         `{}`. Stop relying on this network, and ask its organisations",
        path.display()
    );
    match written {
        Ok(()) => error,
        Err(failed) => error.context(failed),
    }
}
