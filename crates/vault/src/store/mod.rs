//! What a vault keeps: one redb file (`vault.redb`) with typed tables, and packs of sealed packages as objects.
//!
//! A transaction that leaves a trace outside (a batch, a letter, a nonce) commits with an fsync; marks that can be
//! found again (a third custodian's acknowledgement) commit with the next such one.
//! Every secret in a table is sealed under a key derived from the node's storage key.

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
            Self::WrongKey | Self::Stopped => true,
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

impl Store {
    /// Opens or makes the store in `folder`. Secrets in it are sealed under `key`.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::WrongKey`] if the folder was made with another key.
    pub fn open(folder: &Path, key: &Secret32) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let packs = Packs::open(&folder.join("packs"))?;
        let db = open_tables(folder)?;
        let store = Self { db, key: key.clone(), folder: folder.to_owned(), packs, held: Arc::default() };
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
