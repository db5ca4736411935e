//! Copies of a node's stores that fit together, in a folder that waits to be sealed into a file.
//!
//! | order | what | why then |
//! |---|---|---|
//! | 1 | acknowledgements and deletions are held | what comes in queues up from here |
//! | 2 | vault: a snapshot of the tables, links to the packs | |
//! | 3 | clinical store, as of one moment | after the vault: what the vault has not sealed is in this copy's outbox |
//! | 4 | gateway | |
//! | 5 | the hold ends; the vault's tables are written out | |
//!
//! The other order would lose records: a version that is stored after the copy of the clinical store, and sealed before
//! that of the vault, is in neither's queue; and the restored engine would give its number to another version, which the
//! restored vault would take for sealed.

use super::clinical;
use crate::keys::NodeKeys;
use crate::keys::clinical::{self as store_key, ClinicalKeys};
use crate::network::NodeFile;
use anyhow::Context as _;
use salus_gateway::store::Store as GatewayStore;
use salus_vault::{Hold, Store as VaultStore};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The folder of what lives no longer than the node's process.
const RUN: &str = "run";
/// How the folders of copies are called.
const PREFIX: &str = "backup-";

/// How often a stopped node's engine is looked at, and the pause between: 20 s in all.
const ENGINE_TRIES: u32 = 200;
const ENGINE_PAUSE: Duration = Duration::from_millis(100);

/// Where copies wait: on the same disk, for the node's own user alone.
pub(super) fn waiting(home: &Path) -> PathBuf {
    home.join(RUN)
}

/// A folder for copies; it is deleted with the answer.
fn new_folder(home: &Path) -> anyhow::Result<TempDir> {
    let run = waiting(home);
    DirBuilder::new().recursive(true).mode(0o700).create(&run)?;
    let private = fs::Permissions::from_mode(0o700);
    Ok(tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(run)?)
}

/// Deletes copies that an earlier process left behind.
pub(crate) fn clear(home: &Path) {
    for entry in fs::read_dir(waiting(home)).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Copies the stores of a node whose vault is held.
pub(crate) async fn take(
    home: &Path,
    hold: Hold,
    gateway: GatewayStore,
    clinical: Option<ClinicalKeys>,
) -> anyhow::Result<TempDir> {
    let (folder, home) = (new_folder(home)?, home.to_owned());
    let copy = move || {
        let to = folder.path();
        let view = hold.view(&to.join("vault"))?;
        if let Some(keys) = clinical {
            copy_clinical(&home.join("clinical"), &to.join("clinical"), &keys)?;
        }
        fs::create_dir(to.join("gateway"))?;
        gateway.copy_to(&to.join("gateway").join("gateway.redb"))?;
        drop(hold);
        view.write()?;
        anyhow::Ok(folder)
    };
    tokio::task::spawn_blocking(copy).await?
}

/// Copies the clinical store with its sealed key.
fn copy_clinical(from: &Path, to: &Path, keys: &ClinicalKeys) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    // The key first: the store has it, or the one before it, which the file holds too.
    store_key::copy(from, to)?;
    let database = from.join(clinical::FILE);
    // A store of before that its engine has not sealed yet.
    let clear = clinical::is_clear(&database)?;
    clinical::copy(&database, &to.join(clinical::FILE), (!clear).then_some(keys))
}

/// Copies the stores of a node that is stopped; it cannot be started meanwhile.
pub(super) async fn take_stopped(home: &Path, file: &NodeFile, keys: &NodeKeys) -> anyhow::Result<TempDir> {
    let own = home.join("clinical");
    let clinical = file.has_clinical_store() && own.join(clinical::FILE).exists();
    let _engine = if clinical { Some(lock_engine(&own).await?) } else { None };
    let clinical = if clinical { Some(ClinicalKeys::ensure(&own, &keys.storage)?) } else { None };
    let in_use = "the node's stores cannot be opened: is it starting or stopping?";
    let vault = Arc::new(VaultStore::open(&home.join("vault"), &keys.storage).context(in_use)?);
    let data = home.join("gateway");
    fs::create_dir_all(&data)?;
    let gateway =
        GatewayStore::open(&data.join("gateway.redb"), Arc::new(keys.storage.clone())).context(in_use)?;
    let folder = take(home, vault.hold().await, gateway, clinical).await?;
    // What the log has not brought into its tables yet.
    let journal = "access-log.journal";
    if data.join(journal).exists() {
        fs::copy(data.join(journal), folder.path().join("gateway").join(journal))?;
    }
    Ok(folder)
}

/// The lock that the engine holds while it runs. It ends a moment after its node.
async fn lock_engine(data: &Path) -> anyhow::Result<File> {
    let lock = File::create(data.join("engine.lock"))?;
    for _ in 0..ENGINE_TRIES {
        if lock.try_lock().is_ok() {
            return Ok(lock);
        }
        tokio::time::sleep(ENGINE_PAUSE).await;
    }
    anyhow::bail!("the clinical engine still runs")
}
