//! `salus restore`: a node's folder from a backup, checked before any of it is in its place.

use super::against::{self, Compared};
use super::clinical::{self, Contents};
use super::format::Reader;
use super::{Summary, key};
use crate::clock::now_ms;
use crate::keys::clinical::ClinicalKeys;
use crate::keys::{NodeKeys, Unlock};
use crate::network::{GENESIS_FILE, NodeFile, read_genesis};
use crate::output::Output;
use anyhow::{Context as _, bail, ensure};
use salus_gateway::store::Store as GatewayStore;
use salus_vault::{Inspection, settle_restored};
use serde::Serialize;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Says that the folder came from a backup.
const RESTORED_FILE: &str = "restored.json";

/// Make a node's folder from a backup.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The backup.
    #[arg(long)]
    from: PathBuf,
    /// The private key that opens it.
    #[arg(long)]
    key: PathBuf,
    /// The folder to make; it must not exist, or be empty.
    #[arg(long)]
    home: PathBuf,
    /// URL of a member's public routes: also compare keys and anchored roots with the ledger.
    #[arg(long)]
    against: Option<String>,
    #[command(flatten)]
    unlock: Unlock,
}

/// What was restored and checked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    home: PathBuf,
    #[serde(flatten)]
    backup: Summary,
    /// Versions that the vault has sealed, and those of them that are anchored.
    sealed: u64,
    anchored: u64,
    /// Packs that the vault names and that are missing.
    missing_packs: u64,
    clinical_store: Option<Contents>,
    ledger: Option<Compared>,
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let Arguments { from, key, home, against, unlock } = arguments;
    ensure!(is_free(&home)?, "`{}` is not empty: restore into a new folder", home.display());
    let mut reader = Reader::open(&from, &key::read_private(&key)?)?;
    let parent = match home.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let private = fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new()
        .prefix(".restore-")
        .permissions(private)
        .tempdir_in(parent)
        .with_context(|| format!("cannot write to `{}`", parent.display()))?;
    unpack(&mut reader, folder.path())?;
    let mut report = settle(&reader, folder.path(), against.as_deref(), &unlock)?;
    report.home.clone_from(&home);
    put(folder, &home, parent)?;
    output.result(&report, || text(&report))
}

fn is_free(home: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(home) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("`{}`", home.display())),
    }
}

/// Writes every part below `folder`; an error if any part of the backup is not what it was.
fn unpack(reader: &mut Reader, folder: &Path) -> anyhow::Result<()> {
    let mut open: Option<(String, File)> = None;
    reader.read_all(|path, piece| match &mut open {
        Some((name, file)) if name == path => file.write_all(piece),
        open => {
            let mut file = create(&folder.join(path))?;
            file.write_all(piece)?;
            *open = Some((path.to_owned(), file));
            Ok(())
        }
    })
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens every store as a node would, and compares them with one another and with the ledger.
fn settle(reader: &Reader, folder: &Path, against: Option<&str>, unlock: &Unlock) -> anyhow::Result<Report> {
    let manifest = &reader.manifest;
    let file = NodeFile::read(folder)?;
    let keys = NodeKeys::open(folder, &file, unlock)?;
    let genesis = read_genesis(&folder.join(GENESIS_FILE))?;
    ensure!(genesis.network() == manifest.network, "the backup's genesis is of another network");
    ensure!(
        file.organisation == manifest.organisation,
        "the backup's `node.json` is of another organisation"
    );
    ensure!(
        keys.node.public() == manifest.node_key,
        "the backup's keys are not those that it is signed with"
    );
    let vault = settle_restored(&folder.join("vault"), &keys.storage).context("the vault")?;
    let gateway = GatewayStore::is_whole(&folder.join("gateway").join("gateway.redb"));
    ensure!(gateway.context("the gateway's store")?, "the gateway's store is damaged");
    let database = folder.join("clinical").join(clinical::FILE);
    let clinical_store = if manifest.clinical {
        let key = ClinicalKeys::open(&folder.join("clinical"), &keys.storage)?;
        // Backups of before hold it in the clear; the engine seals it when it starts.
        let key = if clinical::is_clear(&database)? {
            None
        } else {
            Some(key.context("the clinical store's key is missing")?)
        };
        Some(clinical::check(&database, key.as_ref())?)
    } else {
        None
    };
    if let Some(contents) = &clinical_store {
        check_queue(contents, &vault)?;
    }
    let ledger = match against {
        None => None,
        Some(url) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let compare = against::compare(url, &genesis, manifest, &keys, &vault.batches);
            Some(runtime.block_on(compare).with_context(|| format!("compared with `{url}`"))?)
        }
    };
    Ok(Report {
        home: PathBuf::new(),
        backup: Summary::of(manifest),
        sealed: vault.sealed,
        anchored: vault.anchored,
        missing_packs: vault.missing_packs,
        clinical_store,
        ledger,
    })
}

/// What is not sealed must be in the queue: the clinical store must be as new as the vault.
fn check_queue(contents: &Contents, vault: &Inspection) -> anyhow::Result<()> {
    if contents.last_seq < vault.outbox_cursor {
        bail!("the backup's vault is newer than its clinical store: records would never be sealed");
    }
    Ok(())
}

fn put(folder: TempDir, home: &Path, parent: &Path) -> anyhow::Result<()> {
    let note = serde_json::json!({ "restoredMs": now_ms()? });
    create(&folder.path().join(RESTORED_FILE))?.write_all(note.to_string().as_bytes())?;
    // One call for all files, before any has its place.
    rustix::fs::syncfs(File::open(folder.path())?).context("cannot write to the disk")?;
    fs::rename(folder.path(), home).with_context(|| format!("cannot make `{}`", home.display()))?;
    // It is in its place: nothing is left to delete.
    let _ = folder.keep();
    Ok(File::open(parent)?.sync_all()?)
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        format!("Restored `{}`: {}.", report.home.display(), report.backup.text()),
        "Checked: every file's digest, the node's signature, the keys.".to_owned(),
        format!("  vault: {} versions sealed, {} anchored", report.sealed, report.anchored),
        "  gateway: whole".to_owned(),
    ];
    if report.missing_packs > 0 {
        lines
            .push(format!("  vault: {} packs are missing; other custodians have them", report.missing_packs));
    }
    if let Some(contents) = &report.clinical_store {
        let Contents { resources, outbox, .. } = contents;
        lines.push(format!("  clinical store: whole, {resources} resources, {outbox} versions to be sealed"));
    }
    lines.push(match report.ledger {
        Some(compared) => format!("  {}", compared.text()),
        None => "  not compared with the ledger: name a member with --against".to_owned(),
    });
    lines.push(
        "Start it with `salus node --home .. --join URL`: it needs the ledger from the network.".to_owned(),
    );
    lines.join("\n")
}

/// Whether a folder came from a backup: its first start must fetch the ledger, for an empty one would let it vote in
/// epochs in which it has voted already.
pub(crate) fn must_join(home: &Path) -> bool {
    home.join(RESTORED_FILE).exists()
}
