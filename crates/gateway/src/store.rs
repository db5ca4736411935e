//! The gateway's own tables: one `redb` file for clients, tokens, sessions, accounts, shares and the access
//! log.
//!
//! Rows are JSON under text keys, each sealed under this node's storage key ([`seal`]); the keys are not. Writes are
//! transactions: committed and on disk, or not there. There is one writer at a time, so "look, then write" within one
//! transaction has exactly one winner.

mod copy;
mod seal;

pub(crate) use seal::Seal;

use redb::{ReadableTable, ReadableTableMetadata as _, TableDefinition, TableError};
use salus_crypto::Secret32;
use salus_vault::{Snapshot, Tables};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The database failed, or holds a row that does not parse.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file, the disk, or the format.
    #[error("the gateway's database failed: {0}")]
    Database(Box<redb::Error>),
    /// A row of the table does not open, or does not parse.
    #[error("a row of table `{0}` cannot be read")]
    Row(&'static str),
    /// The file was sealed under another storage key, or written in the clear by an earlier version.
    #[error("the gateway's database was not sealed under this node's storage key")]
    Key,
    /// A table of a kind that the copy does not know.
    #[error("table `{0}` is of a kind that cannot be copied")]
    Unknown(String),
    /// The task that wrote was stopped.
    #[error("the write was stopped")]
    Stopped,
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// The database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    tables: Arc<Tables>,
    seal: Seal,
}

/// A snapshot.
pub struct ReadTransaction {
    inner: Snapshot,
    seal: Seal,
}

/// A write under way.
pub struct WriteTransaction {
    inner: redb::WriteTransaction,
    seal: Seal,
}

impl ReadTransaction {
    /// For tables that are no [`Rows`].
    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }
}

impl WriteTransaction {
    /// For tables that are no [`Rows`].
    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }
}

impl Deref for ReadTransaction {
    type Target = redb::ReadTransaction;

    fn deref(&self) -> &redb::ReadTransaction {
        &self.inner
    }
}

impl Deref for WriteTransaction {
    type Target = redb::WriteTransaction;

    fn deref(&self) -> &redb::WriteTransaction {
        &self.inner
    }
}

impl Store {
    /// Opens or makes the file, whose rows are sealed under the node's storage key.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened, is in use, or is sealed under another key.
    pub fn open(path: &Path, storage: Arc<Secret32>) -> Result<Self, StoreError> {
        let store = Self { tables: Arc::new(Tables::open(path, CACHE_BYTES)?), seal: Seal::new(storage) };
        match store.read(|tx| Ok((FORMAT.get(tx, FORMAT_KEY), tx.list_tables()?.next().is_some())))? {
            (Ok(Some(1)), _) => Ok(store),
            (Ok(None), false) => {
                store.write_blocking(|tx| FORMAT.put(tx, FORMAT_KEY, &1))?;
                Ok(store)
            }
            (Ok(_) | Err(StoreError::Row(_)), _) => Err(StoreError::Key),
            (Err(error), _) => Err(error),
        }
    }

    /// Seals what lies beside the tables.
    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Reads from a snapshot. Cheap (memory or page cache), so it may be called from async code.
    ///
    /// # Errors
    /// [`StoreError`], or what `read` returns.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&ReadTransaction { inner: self.tables.begin_read()?, seal: self.seal.clone() })
    }

    /// Writes in one transaction, which is on disk when this returns. If `write` returns an error nothing
    /// changes. Blocks: for threads that may block.
    ///
    /// # Errors
    /// [`StoreError`], or what `write` returns.
    pub fn write_blocking<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = self.tables.begin_write().map_err(StoreError::from)?;
        let transaction = WriteTransaction { inner, seal: self.seal.clone() };
        let answer = write(&transaction)?;
        transaction.inner.commit().map_err(StoreError::from)?;
        Ok(answer)
    }

    /// [`Self::write_blocking`] on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError`], or what `write` returns.
    pub async fn write<T, E>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.write_blocking(write))
            .await
            .map_err(|_| StoreError::Stopped)?
    }
}

/// Parsed rows, each with the sealed bytes that it was parsed from: a row that is read again and has not changed is not
/// opened and parsed again. The bytes are read every time, so nothing old is ever given. For tables of few rows, which
/// are read by every request.
pub(crate) struct Parsed<T>(Mutex<HashMap<String, ParsedRow<T>>>);

/// A row's sealed bytes, and what it says.
type ParsedRow<T> = (Vec<u8>, Arc<T>);

/// Rows that are kept parsed; when there are more, all are forgotten.
const PARSED_MAX: usize = 1_024;

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Parsed<T> {
    fn of<E>(
        &self,
        key: &str,
        sealed: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((kept, row)) = rows.get(key)
            && kept == sealed
        {
            return Ok(Arc::clone(row));
        }
        let row = Arc::new(parse(sealed)?);
        if rows.len() >= PARSED_MAX {
            rows.clear();
        }
        rows.insert(key.to_owned(), (sealed.to_vec(), Arc::clone(&row)));
        Ok(row)
    }
}

/// How rows are written: 1 is sealed. Its one row opens under the key of all others, or none does.
const FORMAT: Rows<u32> = Rows::new("format");
const FORMAT_KEY: &str = "rows";

/// Memory for cached pages.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// A table of `T` under text keys.
pub struct Rows<T> {
    name: &'static str,
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for Rows<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<T> {}

impl<T: Serialize + DeserializeOwned> Rows<T> {
    /// Names a table.
    pub const fn new(name: &'static str) -> Self {
        Self { name, rows: PhantomData }
    }

    fn definition(&self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(self.name)
    }

    fn parse(&self, seal: &Seal, key: &str, sealed: &[u8]) -> Result<T, StoreError> {
        let text = seal.open_row(self.name, key.as_bytes(), sealed).ok_or(StoreError::Row(self.name))?;
        serde_json::from_slice(&text).map_err(|_| StoreError::Row(self.name))
    }

    /// The row under `key` in a snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, transaction: &ReadTransaction, key: &str) -> Result<Option<T>, StoreError> {
        let table = match transaction.open_table(self.definition()) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        table.get(key)?.map(|row| self.parse(&transaction.seal, key, row.value())).transpose()
    }

    /// [`Self::get`], and not parsed again if it has not changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn get_parsed(
        &self,
        transaction: &ReadTransaction,
        key: &str,
        parsed: &Parsed<T>,
    ) -> Result<Option<Arc<T>>, StoreError> {
        let table = match transaction.open_table(self.definition()) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let parse = |sealed: &[u8]| self.parse(&transaction.seal, key, sealed);
        table.get(key)?.map(|row| parsed.of(key, row.value(), parse)).transpose()
    }

    /// All rows whose key begins with `prefix`, in order of key, at most `max`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scan(
        &self,
        transaction: &ReadTransaction,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let table = match transaction.open_table(self.definition()) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut rows = Vec::new();
        for row in table.range(prefix..)?.take(max) {
            let (key, value) = row?;
            if !key.value().starts_with(prefix) {
                break;
            }
            let row = self.parse(&transaction.seal, key.value(), value.value())?;
            rows.push((key.value().to_owned(), row));
        }
        Ok(rows)
    }

    /// The last rows whose key begins with `prefix`, last first, at most `max`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scan_last(
        &self,
        transaction: &ReadTransaction,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.last_read(transaction, prefix, None, max)
    }

    /// The last rows under keys below `before`, last first, at most `max`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scan_before(
        &self,
        transaction: &ReadTransaction,
        before: &str,
        max: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.last_read(transaction, "", Some(before), max)
    }

    /// A table that was never written to has no rows.
    fn last_read(
        &self,
        transaction: &ReadTransaction,
        prefix: &str,
        before: Option<&str>,
        max: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        match transaction.open_table(self.definition()) {
            Ok(table) => self.last(&transaction.seal, &table, prefix, before, max),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// [`Self::scan_last`] within a write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scan_last_mut(
        &self,
        transaction: &WriteTransaction,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.last(&transaction.seal, &transaction.open_table(self.definition())?, prefix, None, max)
    }

    fn last(
        &self,
        seal: &Seal,
        table: &impl ReadableTable<&'static str, &'static [u8]>,
        prefix: &str,
        before: Option<&str>,
        max: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        // No key goes on with the last character of Unicode.
        let end = before.map_or_else(|| format!("{prefix}\u{10ffff}"), str::to_owned);
        if end.as_str() <= prefix {
            return Ok(Vec::new());
        }
        let rows = table.range(prefix..end.as_str())?.rev().take(max);
        rows.map(|row| {
            let (key, value) = row?;
            Ok((key.value().to_owned(), self.parse(seal, key.value(), value.value())?))
        })
        .collect()
    }

    /// How many rows there are, within a write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count(&self, transaction: &WriteTransaction) -> Result<u64, StoreError> {
        Ok(transaction.open_table(self.definition())?.len()?)
    }

    /// The row under `key`, within a write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get_mut(&self, transaction: &WriteTransaction, key: &str) -> Result<Option<T>, StoreError> {
        let table = transaction.open_table(self.definition())?;
        let row = table.get(key)?;
        row.map(|row| self.parse(&transaction.seal, key, row.value())).transpose()
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put(&self, transaction: &WriteTransaction, key: &str, row: &T) -> Result<(), StoreError> {
        let text = Zeroizing::new(serde_json::to_vec(row).map_err(|_| StoreError::Row(self.name))?);
        let sealed = transaction.seal.row(self.name, key.as_bytes(), &text);
        transaction.open_table(self.definition())?.insert(key, sealed.as_slice())?;
        Ok(())
    }

    /// Writes a row where there is none; says whether it did. The one way to let exactly one caller win.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_new(&self, transaction: &WriteTransaction, key: &str, row: &T) -> Result<bool, StoreError> {
        if self.get_mut(transaction, key)?.is_some() {
            return Ok(false);
        }
        self.put(transaction, key, row)?;
        Ok(true)
    }

    /// Removes a row and returns it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take(&self, transaction: &WriteTransaction, key: &str) -> Result<Option<T>, StoreError> {
        let mut table = transaction.open_table(self.definition())?;
        let row = table.remove(key)?.map(|row| row.value().to_vec());
        row.map(|row| self.parse(&transaction.seal, key, &row)).transpose()
    }

    /// Removes every row for which `keep` says no; returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn prune(
        &self,
        transaction: &WriteTransaction,
        keep: impl Fn(&T) -> bool,
    ) -> Result<usize, StoreError> {
        let mut table = transaction.open_table(self.definition())?;
        let mut gone = 0;
        table.retain(|key, row| {
            let kept = self.parse(&transaction.seal, key, row).is_ok_and(|row| keep(&row));
            gone += usize::from(!kept);
            kept
        })?;
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Rows<u32> = Rows::new("numbers");

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("folder");
        let key = Arc::new(Secret32::random());
        let store = Store::open(&folder.path().join("store.redb"), key).expect("store");
        (folder, store)
    }

    #[test]
    fn a_file_opens_under_its_key_alone_and_holds_no_text_of_its_rows() {
        const NAMES: Rows<String> = Rows::new("names");
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store.redb");
        let key = Arc::new(Secret32::random());
        let store = Store::open(&path, Arc::clone(&key)).expect("made");
        store.write_blocking(|tx| NAMES.put(tx, "a", &"Wilhelmina".to_owned())).expect("write");
        drop(store);
        assert!(matches!(Store::open(&path, Arc::new(Secret32::random())), Err(StoreError::Key)));
        let store = Store::open(&path, key).expect("opened");
        assert_eq!(store.read(|tx| NAMES.get(tx, "a")).expect("read").as_deref(), Some("Wilhelmina"));
        drop(store);
        let bytes = std::fs::read(&path).expect("file");
        assert!(!bytes.windows(10).any(|part| part == b"Wilhelmina"));
        assert!(bytes.windows(5).any(|part| part == b"names"), "names of tables are not sealed");
    }

    #[test]
    fn a_file_of_rows_in_the_clear_is_not_opened() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store.redb");
        let tables = Tables::open(&path, CACHE_BYTES).expect("made");
        let writer = tables.begin_write().expect("write");
        writer.open_table(NUMBERS.definition()).expect("table").insert("a", &b"1"[..]).expect("row");
        writer.commit().expect("commit");
        drop(tables);
        assert!(matches!(Store::open(&path, Arc::new(Secret32::random())), Err(StoreError::Key)));
    }

    #[test]
    fn a_failed_write_changes_nothing() {
        let (_folder, store) = store();
        let failed = store.write_blocking(|tx| {
            NUMBERS.put(tx, "a", &1)?;
            Err::<(), _>(StoreError::Stopped)
        });
        assert!(failed.is_err());
        assert_eq!(store.read(|tx| NUMBERS.get(tx, "a")).expect("read"), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_a_hundred_racing_writers_of_one_new_key_exactly_one_wins() {
        use crate::tests::race::{RACERS, race};
        let (_folder, store) = store();
        let wins = race(RACERS, |at| {
            let store = store.clone();
            async move { store.write(move |tx| NUMBERS.put_new(tx, "k", &(at as u32))).await }
        })
        .await;
        assert_eq!(wins.into_iter().filter(|won| matches!(won, Ok(true))).count(), 1);
    }

    #[test]
    fn the_last_rows_come_last_first_and_are_of_their_prefix() {
        let (_folder, store) = store();
        store
            .write_blocking(|tx| {
                for (key, row) in [("a/1", 1), ("a/2", 2), ("a/3", 3), ("a0", 4), ("b/1", 5)] {
                    NUMBERS.put(tx, key, &row)?;
                }
                Ok::<_, StoreError>(())
            })
            .expect("write");
        let rows = |found: Vec<(String, u32)>| found.into_iter().map(|(_, row)| row).collect::<Vec<_>>();
        let last =
            |prefix: &str, max| rows(store.read(|tx| NUMBERS.scan_last(tx, prefix, max)).expect("scan"));
        assert_eq!(last("a/", 2), [3, 2]);
        assert_eq!(last("", 9), [5, 4, 3, 2, 1]);
        assert_eq!(last("c", 9), [] as [u32; 0]);
        let before = |key: &str| rows(store.read(|tx| NUMBERS.scan_before(tx, key, 2)).expect("scan"));
        assert_eq!(before("a/3"), [2, 1]);
        assert_eq!(before(""), [] as [u32; 0]);
    }

    #[test]
    fn a_row_that_changed_is_parsed_again_and_one_that_is_gone_is_gone() {
        let (_folder, store) = store();
        let parsed = Parsed::default();
        let write = |row: Option<u32>| {
            store
                .write_blocking(|tx| match row {
                    Some(row) => NUMBERS.put(tx, "a", &row),
                    None => NUMBERS.take(tx, "a").map(drop),
                })
                .expect("write");
        };
        let read = || store.read(|tx| NUMBERS.get_parsed(tx, "a", &parsed)).expect("read");
        assert_eq!(read(), None);
        write(Some(1));
        let first = read().expect("row");
        assert!(*first == 1 && Arc::ptr_eq(&first, &read().expect("row")));
        write(Some(2));
        assert_eq!(read().as_deref(), Some(&2));
        write(None);
        assert_eq!(read(), None);
    }

    #[test]
    fn a_scan_ends_with_its_prefix() {
        let (_folder, store) = store();
        store
            .write_blocking(|tx| {
                for key in ["a/1", "a/2", "b/1"] {
                    NUMBERS.put(tx, key, &1)?;
                }
                Ok::<_, StoreError>(())
            })
            .expect("write");
        let keys = store.read(|tx| NUMBERS.scan(tx, "a/", 10)).expect("scan");
        assert_eq!(keys.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a/1", "a/2"]);
    }
}
