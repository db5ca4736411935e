//! What a vault keeps: one redb file (`vault.redb`) with typed tables, and packs of sealed packages as objects.
//!
//! A transaction that leaves a trace outside (a batch, a letter, a nonce) commits with an fsync; marks that can be
//! found again (a third custodian's acknowledgement) commit with the next such one.
//! Every secret in a table is sealed under a key derived from the node's storage key.

#[cfg(test)]
mod damage_tests;
mod file;
pub(crate) mod keys;
mod packs;
pub(crate) mod rows;
mod secret;
mod snapshot;
pub(crate) mod tables;
mod transaction;

pub use file::{Snapshot, Tables};
pub(crate) use secret::Sealed;
pub use snapshot::{AnchoredBatch, Hold, Inspection, View, settle_restored};
pub(crate) use transaction::{ReadTx, Reads, WriteTx};

pub(crate) use packs::PackName;
use packs::Packs;
use salus_crypto::Secret32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::RwLock;

/// Memory that the tables may use for pages, in bytes.
pub(crate) const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Why the store does not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The tables.
    #[error("the vault's tables: {0}")]
    Tables(#[source] Box<redb::Error>),
    /// The packs.
    #[error("the vault's packs: {0}")]
    Packs(#[from] object_store::Error),
    /// The folder cannot be made or read.
    #[error("the vault's folder: {0}")]
    Folder(#[from] std::io::Error),
    /// An entry does not decode or does not open.
    #[error("an entry of the vault is damaged")]
    Damaged,
    /// Tables whose pages or rows are not what was written. What they hold is made good from a backup, and then from others.
    #[error("the vault's tables are damaged: put a backup in their place (`salus restore`)")]
    DamagedTables,
    /// The storage key is not that of this folder.
    #[error("the storage key is not the one with which this vault was made")]
    WrongKey,
    /// The program is stopping.
    #[error("the vault is stopping")]
    Stopped,
}

impl StoreError {
    /// Whether no retry mends it. After a write that failed, the tables answer nothing until they are opened again; the
    /// packs do. A damaged entry is not final: it holds up what depends on it, and nothing else.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Tables(error) => !matches!(**error, redb::Error::Io(_) | redb::Error::WouldBlock),
            Self::WrongKey | Self::Stopped | Self::DamagedTables => true,
            Self::Packs(_) | Self::Folder(_) | Self::Damaged => false,
        }
    }
}

impl StoreError {
    /// Whether a pack that is not there, or is damaged, is what went wrong.
    pub(crate) fn is_lost_pack(&self) -> bool {
        self.is_missing_pack() || matches!(self, Self::Damaged)
    }

    /// Whether a pack that is not there is what went wrong.
    pub(crate) fn is_missing_pack(&self) -> bool {
        matches!(self, Self::Packs(object_store::Error::NotFound { .. }))
    }
}

/// The node's own tables and packs.
pub struct Store {
    db: Tables,
    key: Secret32,
    pub(crate) folder: PathBuf,
    /// Sealed packages.
    pub(crate) packs: Packs,
    /// Read by who acknowledges to the outbox or deletes a pack; written by who copies the store.
    pub(crate) held: Arc<RwLock<()>>,
    /// When the rows were last read through, in milliseconds since 1970-01-01 UTC; 0: not since the start.
    rows_checked_ms: AtomicU64,
    /// Whether a row was not what was written.
    rows_damaged: AtomicBool,
}

fn open_tables(folder: &Path) -> Result<Tables, StoreError> {
    let path = folder.join("vault.redb");
    #[cfg(test)]
    if let Some(disk) = crate::testing::disk::find(folder) {
        let open = move |path: &Path| {
            let tables = crate::testing::disk::Tables::open(path, disk.clone())?;
            Ok(redb::Database::builder().create_with_backend(tables)?)
        };
        return Ok(Tables::open_with(&path, open)?);
    }
    Ok(Tables::open(&path, CACHE_BYTES)?)
}

/// Tells that the tables were found damaged, for as long as they are not replaced.
const DAMAGED_FILE: &str = "vault.damaged";

/// Opens the tables if every page is whole. At some damaged pages redb panics; of others it goes back to the commit before,
/// and is content: neither is to look as if nothing had been. So it is noted, and the next start finds it, too.
fn open_whole(folder: &Path) -> Result<Tables, StoreError> {
    let note = folder.join(DAMAGED_FILE);
    if note.exists() {
        return Err(StoreError::DamagedTables);
    }
    let opened = std::panic::catch_unwind(|| {
        let mut tables = open_tables(folder)?;
        let whole = tables.check_integrity()?;
        Ok::<_, StoreError>((tables, whole))
    });
    match opened {
        Ok(Ok((tables, true))) => return Ok(tables),
        Ok(Err(StoreError::Tables(error))) if !matches!(*error, redb::Error::Corrupted(_)) => {
            return Err(StoreError::Tables(error));
        }
        Ok(Err(error @ StoreError::Folder(_))) => return Err(error),
        _ => std::fs::write(note, "")?,
    }
    Err(StoreError::DamagedTables)
}

impl Store {
    /// Opens or makes the store in `folder`. Secrets in it are sealed under `key`.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::WrongKey`] if the folder was made with another key, [`StoreError::DamagedTables`] if a
    /// page of the tables is not what was written.
    pub fn open(folder: &Path, key: &Secret32) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let packs = Packs::open(&folder.join("packs"))?;
        let db = open_whole(folder)?;
        let store = Self {
            db,
            key: key.clone(),
            folder: folder.to_owned(),
            packs,
            held: Arc::default(),
            rows_checked_ms: AtomicU64::default(),
            rows_damaged: AtomicBool::default(),
        };
        store.check_key()?;
        Ok(store)
    }

    fn check_key(&self) -> Result<(), StoreError> {
        let tx = self.write()?;
        tx.create_tables(tables::ALL)?;
        let known: Option<Sealed> = tx.get(&tables::KEY_CHECK, b"check")?;
        match known {
            Some(sealed) => {
                self.open_secret(b"check", b"", &sealed).map_err(|_| StoreError::WrongKey)?;
            }
            None => tx.put(&tables::KEY_CHECK, b"check", &self.seal_secret(b"check", b"", b"salus"))?,
        }
        tx.commit()
    }

    /// A consistent view.
    pub(crate) fn read(&self) -> Result<ReadTx, StoreError> {
        Ok(ReadTx(self.db.begin_read()?))
    }

    /// Reads all rows, while everything else goes on. Blocking, for as long as the disk takes to read the tables twice.
    ///
    /// # Errors
    /// [`StoreError::DamagedTables`].
    pub(crate) fn check_rows(&self) -> Result<(), StoreError> {
        let view = self.read()?;
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| view.check_rows()));
        match checked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(StoreError::Tables(error))) if !matches!(*error, redb::Error::Corrupted(_)) => {
                Err(StoreError::Tables(error))
            }
            Ok(Err(_)) | Err(_) => Err(StoreError::DamagedTables),
        }
    }

    /// Reads all rows if that was not done for `every_ms`. What is damaged is told, and holds up what depends on it alone: a
    /// hospital's node does not stop for one row. Blocking.
    ///
    /// # Errors
    /// [`StoreError`], but for rows that are damaged.
    pub(crate) fn check_rows_when_due(&self, now_ms: u64, every_ms: u64) -> Result<(), StoreError> {
        if self.rows_checked_ms.load(Ordering::Relaxed).saturating_add(every_ms) > now_ms {
            return Ok(());
        }
        let damaged = match self.check_rows() {
            Ok(()) => false,
            Err(StoreError::DamagedTables) => true,
            Err(error) => return Err(error),
        };
        if damaged {
            tracing::error!("the vault's tables are damaged: put a backup in their place");
        }
        self.rows_damaged.store(damaged, Ordering::Relaxed);
        self.rows_checked_ms.store(now_ms, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a row was not what was written, when they were last read through.
    pub(crate) fn are_rows_damaged(&self) -> bool {
        self.rows_damaged.load(Ordering::Relaxed)
    }

    /// The one writer; waits for the one before.
    pub(crate) fn write(&self) -> Result<WriteTx, StoreError> {
        Ok(WriteTx(self.db.begin_write()?))
    }

    /// Writes the tables anew: what was removed from them is in no freed page any more. Blocking; who writes waits.
    pub(crate) fn rewrite(&self) -> Result<(), StoreError> {
        self.db.rewrite(transaction::copy_all)
    }

    /// Removes a pack, as soon as no copy is being made.
    pub(crate) async fn delete_pack(&self, name: &PackName) -> Result<(), StoreError> {
        let _going = self.held.read().await;
        self.packs.delete(name).await
    }

    pub(crate) fn storage_key(&self) -> &Secret32 {
        &self.key
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Tables(Box::new(error.into()))
            }
        }
    )*};
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        Self::Tables(Box::new(error))
    }
}

from_redb!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);
