//! Typed tables over redb: keys are bytes in order, values are canonical encodings, each followed by a sum over its table's
//! name, its key and itself. redb compares the checksums of its pages when it is asked to, at a start, and never while it
//! runs; a bit that flips meanwhile shows in the sum when the row is read.

use super::StoreError;
use commonware_codec::{Encode, Read};
use redb::{Durability, ReadableTable, ReadableTableMetadata as _, TableDefinition, TableHandle as _};
use salus_crypto::hash::hash;
use salus_types::decode_canonical;
use std::marker::PhantomData;
use std::ops::Bound;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Length of the sum at the end of a row.
const SUM_LENGTH: usize = 8;

/// Tells chance from what was written, not an attacker: whoever writes this file speaks for the node.
fn sum(table: &str, key: &[u8], value: &[u8]) -> [u8; SUM_LENGTH] {
    let digest = hash("salus/vault-row/v1", &[table.as_bytes(), key, value]);
    *digest.0.first_chunk().unwrap_or(&[0; SUM_LENGTH])
}

/// The value of a row whose sum is right.
fn checked<'a>(table: &str, key: &[u8], row: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (value, found) = row.split_last_chunk().ok_or(StoreError::Damaged)?;
    if sum(table, key, value) == *found { Ok(value) } else { Err(StoreError::Damaged) }
}

/// A table of values `V`.
pub(crate) struct Table<V> {
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V> Table<V> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    const fn definition(&self) -> Definition {
        TableDefinition::new(self.name)
    }
}

/// A consistent view.
pub(crate) struct ReadTx(pub(super) super::Snapshot);

/// The writer. Dropped without a commit, it leaves no trace.
pub(crate) struct WriteTx(pub(super) redb::WriteTransaction);

/// What reading and writing transactions have in common.
pub(crate) trait Reads {
    /// The value under `key`.
    fn get<V: Encode + Read<Cfg = ()>>(&self, table: &Table<V>, key: &[u8]) -> Result<Option<V>, StoreError>;

    /// At most `limit` entries whose key begins with `prefix`, in order, from `prefix || after` on (exclusive).
    fn scan<V: Encode + Read<Cfg = ()>>(
        &self,
        table: &Table<V>,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, V)>, StoreError>;
}

fn get<V: Encode + Read<Cfg = ()>>(
    (name, table): (&str, &impl ReadableTable<&'static [u8], &'static [u8]>),
    key: &[u8],
) -> Result<Option<V>, StoreError> {
    let Some(row) = table.get(key)? else { return Ok(None) };
    decode_canonical(checked(name, key, row.value())?).map(Some).map_err(|_| StoreError::Damaged)
}

fn scan<V: Encode + Read<Cfg = ()>>(
    (name, table): (&str, &impl ReadableTable<&'static [u8], &'static [u8]>),
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, V)>, StoreError> {
    let start = after.map(|after| [prefix, after].concat());
    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = match &start {
        Some(start) => (Bound::Excluded(start), Bound::Unbounded),
        None => (Bound::Included(prefix), Bound::Unbounded),
    };
    let mut found = Vec::new();
    for entry in table.range::<&[u8]>(bounds)? {
        let (key, value) = entry?;
        if found.len() >= limit || !key.value().starts_with(prefix) {
            break;
        }
        let value = checked(name, key.value(), value.value())?;
        let value = decode_canonical(value).map_err(|_| StoreError::Damaged)?;
        found.push((key.value().to_vec(), value));
    }
    Ok(found)
}

impl ReadTx {
    /// Reads every row of every table, in order and by its key: each has its sum, each is found, and there are as many as
    /// there should be. Blocking.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for the first that is not so. At some damaged pages redb panics.
    pub(super) fn check_rows(&self) -> Result<(), StoreError> {
        for table in self.0.list_tables()? {
            let name = table.name();
            let table = self.0.open_table(TableDefinition::<&'static [u8], &'static [u8]>::new(name))?;
            let mut rows = 0;
            for entry in table.range::<&[u8]>(..)? {
                let (key, row) = entry?;
                checked(name, key.value(), row.value())?;
                let found = table.get(key.value())?;
                if found.is_none_or(|found| found.value() != row.value()) {
                    return Err(StoreError::Damaged);
                }
                rows += 1;
            }
            if rows != table.len()? {
                return Err(StoreError::Damaged);
            }
        }
        Ok(())
    }

    /// How many entries a table has, without reading them.
    pub(crate) fn len<V>(&self, table: &Table<V>) -> Result<u64, StoreError> {
        Ok(self.0.open_table(table.definition())?.len()?)
    }
}

#[cfg(test)]
impl ReadTx {
    /// Bytes of rows and their names, by table.
    pub(crate) fn stored_bytes(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let size = |table: redb::UntypedTableHandle| {
            let definition = TableDefinition::<&'static [u8], &'static [u8]>::new(table.name());
            let stored = self.0.open_table(definition)?.stats()?.stored_bytes();
            Ok((table.name().to_owned(), stored))
        };
        self.0.list_tables()?.map(size).collect()
    }
}

impl Reads for ReadTx {
    fn get<V: Encode + Read<Cfg = ()>>(&self, table: &Table<V>, key: &[u8]) -> Result<Option<V>, StoreError> {
        get((table.name, &self.0.open_table(table.definition())?), key)
    }

    fn scan<V: Encode + Read<Cfg = ()>>(
        &self,
        table: &Table<V>,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, V)>, StoreError> {
        scan((table.name, &self.0.open_table(table.definition())?), prefix, after, limit)
    }
}

impl Reads for WriteTx {
    fn get<V: Encode + Read<Cfg = ()>>(&self, table: &Table<V>, key: &[u8]) -> Result<Option<V>, StoreError> {
        get((table.name, &self.0.open_table(table.definition())?), key)
    }

    fn scan<V: Encode + Read<Cfg = ()>>(
        &self,
        table: &Table<V>,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, V)>, StoreError> {
        scan((table.name, &self.0.open_table(table.definition())?), prefix, after, limit)
    }
}

/// Copies every table, whatever it is called.
pub(super) fn copy_all(from: &redb::ReadTransaction, to: &redb::WriteTransaction) -> Result<(), StoreError> {
    for table in from.list_tables()? {
        let definition = TableDefinition::<&'static [u8], &'static [u8]>::new(table.name());
        let (from, mut to) = (from.open_table(definition)?, to.open_table(definition)?);
        for entry in from.range::<&[u8]>(..)? {
            let (key, value) = entry?;
            to.insert(key.value(), value.value())?;
        }
    }
    // Of another kind there is none; one that came would be left out without a word.
    if from.list_multimap_tables()?.next().is_some() { Err(StoreError::Damaged) } else { Ok(()) }
}

impl WriteTx {
    /// Makes the tables, so that readers find them.
    pub(super) fn create_tables(&self, names: &[&'static str]) -> Result<(), StoreError> {
        for name in names {
            self.0.open_table(Definition::new(name))?;
        }
        Ok(())
    }

    /// Sets the value under `key`.
    pub(crate) fn put<V: Encode>(&self, table: &Table<V>, key: &[u8], value: &V) -> Result<(), StoreError> {
        let mut row = value.encode().to_vec();
        row.extend(sum(table.name, key, &row));
        self.0.open_table(table.definition())?.insert(key, row.as_slice())?;
        Ok(())
    }

    /// Removes `key`; whether it was there.
    pub(crate) fn remove<V>(&self, table: &Table<V>, key: &[u8]) -> Result<bool, StoreError> {
        let mut table = self.0.open_table(table.definition())?;
        let removed = table.remove(key)?.is_some();
        Ok(removed)
    }

    /// Commits durably.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit()?)
    }

    /// Commits; durable with the next durable commit. Only for what is found again without it.
    pub(crate) fn commit_lazily(mut self) -> Result<(), StoreError> {
        self.0.set_durability(Durability::None)?;
        Ok(self.0.commit()?)
    }
}
