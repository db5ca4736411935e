//! `salus doctor`: what is wrong with a node, in plain words, and what to do. Works with the node up or down.
//!
//! Every check is one line. The exit status is that of the worst: 0 fine, 1 a warning, 2 a failure. The judgements are
//! pure functions of what was measured; measuring changes nothing but a file that it makes and deletes.

mod certificate;
mod disk;
mod node;
mod peers;
#[cfg(test)]
mod tests;

pub(crate) use node::open_files_max;

use crate::backup::clinical;
use crate::keys::{Locked, NodeKeys, Unlock, is_sealed};
use crate::network::{NodeFile, read_genesis};
use crate::node::ops;
use crate::output::Output;
use anyhow::Context as _;
use salus_types::genesis::Genesis;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Look a node over: disk, clock, keys, certificate, peers, versions, lag, stores, engine, limits.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The node's folder.
    #[arg(long)]
    home: PathBuf,
    #[command(flatten)]
    unlock: Unlock,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failure,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "FAILURE",
        })
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// What was looked at.
    name: &'static str,
    verdict: Verdict,
    /// How it is.
    found: String,
    /// What to do, unless it is fine.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn failure(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Failure, found: found.into(), advice: Some(advice.into()) }
    }
}

/// What the node's folder holds, as far as it can be read.
struct Home {
    path: PathBuf,
    file: NodeFile,
    genesis: Genesis,
    keys: NodeKeys,
}

/// The exit status: that of the worst check.
pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let checks = runtime.block_on(look(&arguments.home, &arguments.unlock))?;
    let worst = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok);
    output.result(&serde_json::json!({ "verdict": worst, "checks": checks }), || text(&checks))?;
    Ok(ExitCode::from(worst as u8))
}

fn text(checks: &[Check]) -> String {
    let line = |check: &Check| {
        let Check { name, verdict, found, advice } = check;
        let advice = advice.as_ref().map(|advice| format!(" -> {advice}")).unwrap_or_default();
        format!("{verdict:<8} {name:<14} {found}{advice}")
    };
    checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn look(home: &Path, unlock: &Unlock) -> anyhow::Result<Vec<Check>> {
    let path = fs::canonicalize(home).with_context(|| format!("no such folder: `{}`", home.display()))?;
    let mut checks = disk::look(&path);
    let home = match open(&path, unlock) {
        Ok(home) => home,
        Err(check) => {
            checks.push(check);
            return Ok(checks);
        }
    };
    checks.push(keys(home.file.clear_keys && !is_sealed(&home.path), home.file.demo_http));
    checks.extend(clinical_store(&home));
    checks.push(certificate::look(&home));
    let running = ops::Client::new(&home.path).health().await;
    checks.extend(node::look(&home, &running));
    checks.extend(peers::look(&home, running.ok().as_ref()).await);
    Ok(checks)
}

/// Reads what everything else needs; the check that fails if it cannot.
fn open(path: &Path, unlock: &Unlock) -> Result<Home, Check> {
    let mend = "mend it, or restore it from a backup";
    let file =
        NodeFile::read(path).map_err(|error| Check::failure("configuration", format!("{error:#}"), mend))?;
    let keys = NodeKeys::open(path, &file, unlock).map_err(|error| {
        let advice = match error.is::<Locked>() {
            true => "give what opens it, as the node is given it: salus doctor --help",
            false => "mend it, or restore it from a backup: salus restore",
        };
        Check::failure("keys", format!("{error:#}"), advice)
    })?;
    let genesis = read_genesis(&path.join(&file.genesis));
    let genesis = genesis.map_err(|error| Check::failure("genesis", format!("{error:#}"), mend))?;
    Ok(Home { path: path.to_owned(), file, genesis, keys })
}

/// Whether the clinical store lies on the disk in the clear, wholly or in part.
fn clinical_store(home: &Home) -> Option<Check> {
    let (name, folder) = ("records", home.path.join("clinical"));
    if !home.file.has_clinical_store() {
        return None;
    }
    let seal = "start the node: this version seals it, and overwrites what was in the clear";
    Some(match clinical::is_clear(&folder.join(clinical::FILE)) {
        Err(error) => Check::failure(name, format!("{error:#}"), "mend it, or restore it from a backup"),
        Ok(true) => {
            Check::failure(name, "in the clear: who reads this disk, or a copy of it, reads them", seal)
        }
        Ok(false) if folder.join(clinical::CLEAR_FILE).exists() => {
            Check::failure(name, "sealed, but the store of before is still there in the clear", seal)
        }
        Ok(false) => Check::ok(name, "sealed on the disk"),
    })
}

/// How the keys lie, which open.
fn keys(clear: bool, demo: bool) -> Check {
    match (clear, demo) {
        (false, _) => Check::ok("keys", "sealed, and they open"),
        (true, true) => {
            Check::ok("keys", "in the clear, readable by their owner alone: a demo on this machine")
        }
        (true, false) => Check::warning(
            "keys",
            "in the clear: who reads this disk, or a copy of it, speaks for the organisation",
            "seal them: salus keys seal",
        ),
    }
}
