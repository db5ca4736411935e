//! A copy of a store that runs, for a backup; and what a restored copy needs before it goes on.
//!
//! Upon `hold`: nothing is acknowledged to the outbox and no pack is deleted until the hold ends. A view that is taken
//! under it, and a copy of the clinical store that is begun after the view and before the hold's end, fit together:
//! every version that the view has not sealed is still in that copy's outbox, and every pack that the view names is
//! there. The other way round would lose versions: what is sealed between two copies is in neither's queue.

use super::packs::{KINDS, PackName};
use super::tables::{
    AT_ONCE, BATCHES, BatchRow, COUNTERS, CUSTODY, CustodyRow, EMERGENCIES, EMERGENCY_ROTATE,
    EMERGENCY_STALE, EmergencyRow, Mark, OPEN_BATCHES, counter, key,
};
use super::transaction::{Reads, copy_all};
use super::{ReadTx, Store, StoreError, WriteTx};
use crate::source::ANCHORED;
use redb::Database;
use salus_crypto::Secret32;
use salus_types::Digest;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OwnedRwLockWriteGuard;

/// How far a restored vault's batch numbers jump. What the lost vault numbered after its backup is signed, in custody
/// and perhaps anchored; a number is never used for two batches, so a restored vault goes on beyond all of them.
const SEQUENCE_JUMP: u64 = 1 << 32;

/// While it lives, what a backup copies stays.
pub struct Hold {
    store: Arc<Store>,
    _guard: OwnedRwLockWriteGuard<()>,
}

/// The vault at one moment: its tables as a snapshot, its packs as links in the copy's folder.
pub struct View {
    tables: ReadTx,
    folder: PathBuf,
}

impl Store {
    /// Holds acknowledgements and deletions back for as long as the answer lives.
    pub async fn hold(self: &Arc<Self>) -> Hold {
        Hold { store: Arc::clone(self), _guard: Arc::clone(&self.held).write_owned().await }
    }
}

impl Hold {
    /// Takes a view whose copy goes into `folder`, which must not exist. Blocking, for a moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn view(&self, folder: &Path) -> Result<View, StoreError> {
        let tables = self.store.read()?;
        for kind in KINDS {
            let to = folder.join("packs").join(kind);
            fs::create_dir_all(&to)?;
            for entry in fs::read_dir(self.store.folder.join("packs").join(kind))? {
                link(&entry?.path(), &to)?;
            }
        }
        Ok(View { tables, folder: folder.to_owned() })
    }
}

impl View {
    /// Writes the tables. Blocking; needs no hold any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write(self) -> Result<(), StoreError> {
        let copy = Database::create(self.folder.join("vault.redb"))?;
        let tx = copy.begin_write()?;
        copy_all(&self.tables.0, &tx)?;
        Ok(tx.commit()?)
    }
}

/// Links a pack, which nobody ever writes to again; copies it where the folder is on another disk.
fn link(pack: &Path, folder: &Path) -> Result<(), StoreError> {
    let Some(name) = pack.file_name() else { return Ok(()) };
    // What the object store is still writing: it belongs to no row.
    if name.to_string_lossy().contains('#') {
        return Ok(());
    }
    let to = folder.join(name);
    match fs::hard_link(pack, &to) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => fs::copy(pack, to).map(drop)?,
        linked => linked?,
    }
    Ok(())
}

/// A batch whose anchor this vault has seen final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchoredBatch {
    /// Its number.
    pub sequence: u64,
    /// The root that was anchored.
    pub root: Digest,
    /// The block of its anchor.
    pub height: u64,
}

/// What a restored vault says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Rows of the outbox up to this number are sealed.
    pub outbox_cursor: u64,
    /// Versions sealed.
    pub sealed: u64,
    /// Versions anchored.
    pub anchored: u64,
    /// Batches whose anchor is final, in order of their numbers.
    pub batches: Vec<AnchoredBatch>,
    /// Packs that a row names and that are not there.
    pub missing_packs: u64,
}

/// Opens a restored vault that no process uses, checks every entry and pack by name, and lets its batch numbers begin
/// anew where none was used before. Blocking.
///
/// # Errors
/// [`StoreError`]: the tables are damaged, or sealed under another key.
pub fn settle_restored(folder: &Path, key: &Secret32) -> Result<Inspection, StoreError> {
    if !folder.join("vault.redb").exists() {
        return Ok(Inspection::default());
    }
    let store = Store::open(folder, key)?;
    store.check_rows()?;
    let tx = store.write()?;
    let sequence: u64 = tx.get(&COUNTERS, counter::SEQUENCE)?.unwrap_or(0);
    tx.put(&COUNTERS, counter::SEQUENCE, &(sequence + SEQUENCE_JUMP))?;
    renew_emergencies(&tx)?;
    tx.commit()?;
    inspect(&store)
}

/// Holders may have newer emergency summaries than this source knows: all get new keys.
fn renew_emergencies(tx: &WriteTx) -> Result<(), StoreError> {
    for (patient, _) in tx.scan::<EmergencyRow>(&EMERGENCIES, &[], None, usize::MAX)? {
        tx.put(&EMERGENCY_ROTATE, &patient, &AT_ONCE)?;
        tx.put(&EMERGENCY_STALE, &patient, &0)?;
    }
    Ok(())
}

fn inspect(store: &Store) -> Result<Inspection, StoreError> {
    let tx = store.read()?;
    let count = |name: &[u8]| Ok::<_, StoreError>(tx.get(&COUNTERS, name)?.unwrap_or(0));
    let mut batches = Vec::new();
    for (key, row) in tx.scan::<BatchRow>(&BATCHES, &[], None, usize::MAX)? {
        if row.state == ANCHORED {
            batches.push(AnchoredBatch { sequence: number(&key)?, root: row.root, height: row.height });
        }
    }
    Ok(Inspection {
        outbox_cursor: count(counter::OUTBOX)?,
        sealed: count(counter::SEALED)?,
        anchored: count(counter::ANCHORED)?,
        batches,
        missing_packs: missing_packs(store, &tx)?,
    })
}

/// Packs of batches in custody, and of batches that are not with all their custodians.
fn missing_packs(store: &Store, tx: &ReadTx) -> Result<u64, StoreError> {
    let is_missing = |name: &PackName| u64::from(!store.folder.join("packs").join(name.path()).exists());
    let mut missing = 0;
    for (key, _) in tx.scan::<Mark>(&OPEN_BATCHES, &[], None, usize::MAX)? {
        missing += is_missing(&PackName::outgoing(number(&key)?));
    }
    for (at, _) in tx.scan::<CustodyRow>(&CUSTODY, &[], None, usize::MAX)? {
        let (batch, generation) = at.split_last_chunk::<4>().ok_or(StoreError::Damaged)?;
        let (source, sequence) = key::batch_parts(batch).ok_or(StoreError::Damaged)?;
        missing += is_missing(&PackName::custody(&source, sequence, u32::from_be_bytes(*generation)));
    }
    Ok(missing)
}

fn number(key: &[u8]) -> Result<u64, StoreError> {
    key.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Damaged)
}
