//! `salus verify`: checks a record proof with nothing but the genesis.

use crate::output::Output;
use anyhow::Context as _;
use salus_verifier::{GenesisFile, ProofFile, verify_record};
use serde::Serialize;
use std::fs;
use std::path::PathBuf;

/// Check a record proof against a genesis, without any network.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The proof, as a node or `salus patient proof` gave it.
    proof: PathBuf,
    /// The genesis of the network that the proof is from.
    #[arg(long)]
    genesis: PathBuf,
    /// The record's exact text, where the proof does not hold it.
    #[arg(long)]
    resource: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    verified: bool,
    organisation: String,
    height: u64,
    time_ms: u64,
    record_digest: String,
    text_checked: bool,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let read = |path: &PathBuf| {
        fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let genesis = GenesisFile::parse(&read(&arguments.genesis)?)?;
    let file = ProofFile::parse(&read(&arguments.proof)?)?;
    let text = match &arguments.resource {
        Some(path) => Some(read(path)?),
        None => file.resource.clone(),
    };
    if arguments.resource.is_some() && file.resource.is_some() && file.resource != text {
        anyhow::bail!("the record's text differs from the text in the proof");
    }
    let verified =
        verify_record(&genesis, &file.proof()?, text.as_deref()).context("the proof does not hold")?;
    let name = genesis.organisation(&verified.source).map_or("", |organisation| organisation.name.as_str());
    let report = Verified {
        verified: true,
        organisation: verified.source.to_string(),
        height: verified.anchored.height,
        time_ms: verified.anchored.time_ms,
        record_digest: verified.plaintext_digest.to_string(),
        text_checked: text.is_some(),
    };
    output.result(&report, || {
        let checked = if report.text_checked {
            "The text in hand is, byte for byte, what was anchored."
        } else {
            "The proof holds no text: give it with --resource to compare it, too."
        };
        format!(
            "Verified: {name} anchored this record in block {}, and the network's organisations certified the block.\n{checked}",
            report.height
        )
    })
}
