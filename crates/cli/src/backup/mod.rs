//! `salus backup`: one sealed file with all that a node cannot get back from other nodes.
//!
//! In it: keys, configuration, genesis, vault, gateway, clinical store. Not in it: the ledger, which comes from the
//! network. An old ledger folder must never come back: it holds the journal of the node's votes, and a validator that
//! forgot its newest votes could contradict them (`docs/howto/operate-a-node.md`).

mod against;
pub(crate) mod clinical;
mod format;
mod key;
mod manifest;
mod restore;
pub(crate) mod snapshot;

pub(crate) use restore::{Arguments as RestoreArguments, must_join, run as restore};

use crate::clock::now_ms;
use crate::keys::{self, NodeKeys, Unlock};
use crate::network::{CONFIG_FILE, GENESIS_FILE, NodeFile, TlsFiles, read_genesis};
use crate::node::ops;
use crate::output::Output;
use anyhow::{Context as _, ensure};
use manifest::{Manifest, Part};
use salus_types::genesis::Genesis;
use serde::Serialize;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

/// Back a node up into one sealed file, while it runs or is stopped.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Arguments {
    /// The node's folder.
    #[arg(long, group = "what", requires_all = ["out", "to"])]
    home: Option<PathBuf>,
    /// The file to write; it must not exist.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The public key to which the file is sealed, as `--new-key` made it.
    #[arg(long)]
    to: Option<PathBuf>,
    /// Check a backup without restoring it.
    #[arg(long, group = "what", requires = "key", value_name = "FILE")]
    verify: Option<PathBuf>,
    /// The private key that opens it.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Make a pair of keys: FILE opens backups and belongs on another machine, FILE.pub seals them.
    #[arg(long, group = "what", value_name = "FILE")]
    new_key: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
}

/// What was written or read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    organisation: String,
    network: String,
    height: Option<u64>,
    time_ms: u64,
    version: String,
    clinical: bool,
    files: usize,
    bytes: u64,
}

impl Summary {
    fn of(manifest: &Manifest) -> Self {
        Self {
            organisation: manifest.organisation.to_string(),
            network: manifest.network.to_string(),
            height: manifest.height,
            time_ms: manifest.time_ms,
            version: manifest.version.clone(),
            clinical: manifest.clinical,
            files: manifest.parts.len(),
            bytes: manifest.bytes(),
        }
    }

    fn text(&self) -> String {
        let height =
            self.height.map_or_else(|| "while it was stopped".to_owned(), |at| format!("at height {at}"));
        let clinical = if self.clinical { "with" } else { "without" };
        format!(
            "{}, {height}, by version {}: {} files, {:.1} MB, {clinical} clinical records",
            self.organisation,
            self.version,
            self.files,
            self.bytes as f64 / 1e6
        )
    }
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let Arguments { home, out, to, verify, key, new_key, unlock } = arguments;
    match (home, out, to, verify, key, new_key) {
        (Some(home), Some(out), Some(to), None, None, None) => make(&home, &out, &to, &unlock, output),
        (None, None, None, Some(file), Some(key), None) => check(&file, &key, output),
        (None, None, None, None, None, Some(file)) => new_pair(&file, output),
        _ => anyhow::bail!("name --home with --out and --to, or --verify with --key, or --new-key alone"),
    }
}

fn new_pair(file: &Path, output: Output) -> anyhow::Result<()> {
    let public = key::create(file)?;
    output.result(&serde_json::json!({ "private": file, "public": public }), || {
        format!(
            "Made `{}`: it opens backups. Move it to another machine, and keep it where the backups are not.\n\
             Made `{}`: it seals backups, and is all that the node's machine needs.",
            file.display(),
            public.display()
        )
    })
}

fn check(file: &Path, key: &Path, output: Output) -> anyhow::Result<()> {
    let mut reader = format::Reader::open(file, &key::read_private(key)?)?;
    reader.read_all(|_, _| Ok(()))?;
    let summary = Summary::of(&reader.manifest);
    output.result(&summary, || format!("The backup is whole: {}.", summary.text()))
}

fn make(home: &Path, out: &Path, to: &Path, unlock: &Unlock, output: Output) -> anyhow::Result<()> {
    ensure!(!out.exists(), "`{}` is there already", out.display());
    let recipient = key::read_public(to)?;
    let home = fs::canonicalize(home).with_context(|| format!("no such folder: `{}`", home.display()))?;
    let file = NodeFile::read(&home)?;
    let keys = NodeKeys::open(&home, &file, unlock)?;
    let genesis = read_genesis(&home.join(&file.genesis))?;
    let time_ms = now_ms()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let copies = runtime.block_on(Copies::take(&home, &file, &keys))?;
    let sources = copies.sources(&home, &file)?;
    let manifest = describe(&copies, &file, &genesis, &keys, time_ms, &sources)?;
    manifest.check()?;
    write(out, |to| {
        let files: Vec<PathBuf> = sources.into_iter().map(|(_, file)| file).collect();
        format::write(to, &recipient, &keys.node, &manifest, &files)
    })?;
    let summary = Summary::of(&manifest);
    output.result(&summary, || format!("Wrote `{}`: {}.", out.display(), summary.text()))
}

/// Makes a file whole or not at all.
fn write(out: &Path, fill: impl FnOnce(File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let part = tempfile::Builder::new()
        .prefix(".backup-")
        .tempfile_in(folder)
        .with_context(|| format!("cannot write to `{}`", folder.display()))?;
    fill(part.as_file().try_clone()?)?;
    part.persist_noclobber(out).with_context(|| format!("cannot make `{}`", out.display()))?;
    Ok(File::open(folder)?.sync_all()?)
}

fn describe(
    copies: &Copies,
    file: &NodeFile,
    genesis: &Genesis,
    keys: &NodeKeys,
    time_ms: u64,
    sources: &[(String, PathBuf)],
) -> anyhow::Result<Manifest> {
    let parts = sources.iter().map(|(path, file)| Part::of(path.clone(), file));
    Ok(Manifest {
        network: genesis.network(),
        organisation: file.organisation.clone(),
        node_key: keys.node.public(),
        height: copies.height,
        time_ms,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        clinical: copies.folder.join("clinical").exists(),
        parts: parts.collect::<anyhow::Result<_>>()?,
    })
}

/// Copies of a node's stores, in a folder that is deleted when this is dropped.
struct Copies {
    folder: PathBuf,
    height: Option<u64>,
}

impl Drop for Copies {
    fn drop(&mut self) {
        // What stays is deleted when the node starts.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Copies {
    /// A node that runs copies itself: it alone may open its stores.
    async fn take(home: &Path, file: &NodeFile, keys: &NodeKeys) -> anyhow::Result<Self> {
        let node = ops::Client::new(home);
        if !node.is_up().await {
            let folder = snapshot::take_stopped(home, file, keys).await?;
            return Ok(Self { folder: folder.keep(), height: None });
        }
        let ops::Copied { folder, height } = node.copy().await?;
        let plain = Path::new(&folder).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(plain, "the node gave a malformed answer");
        Ok(Self { folder: snapshot::waiting(home).join(folder), height: Some(height) })
    }

    /// Every file of the backup: where it belongs, and where it is now.
    fn sources(&self, home: &Path, file: &NodeFile) -> anyhow::Result<Vec<(String, PathBuf)>> {
        let keys = keys::file_of(home)?;
        let name = keys.file_name().and_then(OsStr::to_str).context("the key file has no name")?;
        let mut sources =
            vec![(name.to_owned(), keys.clone()), (GENESIS_FILE.to_owned(), home.join(&file.genesis))];
        let mut file = NodeFile { genesis: GENESIS_FILE.into(), ..file.clone() };
        if let Some(tls) = &mut file.public_tls {
            let own = TlsFiles { certificates: "tls/certificates.pem".into(), key: "tls/key.pem".into() };
            sources.push(("tls/certificates.pem".to_owned(), home.join(&tls.certificates)));
            sources.push(("tls/key.pem".to_owned(), home.join(&tls.key)));
            *tls = own;
        }
        // As it is after a restore: with everything in the one folder.
        fs::write(self.folder.join(CONFIG_FILE), serde_json::to_string_pretty(&file)?)?;
        add_files(&self.folder, "", &mut sources)?;
        Ok(sources)
    }
}

/// Every file below a folder, by its path.
fn add_files(folder: &Path, path: &str, sources: &mut Vec<(String, PathBuf)>) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().ok().context("a file's name is no text")?;
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if entry.file_type()?.is_dir() {
            add_files(&entry.path(), &path, sources)?;
        } else {
            sources.push((path, entry.path()));
        }
    }
    Ok(())
}
