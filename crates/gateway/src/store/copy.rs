//! A copy of the database while it is in use, for a backup.

use super::{Store, StoreError};
use redb::{
    Database, Key, MultimapTableHandle as _, ReadTransaction, ReadableTable as _, TableDefinition,
    TableError, TableHandle as _, Value, WriteTransaction,
};
use std::path::Path;

impl Store {
    /// Writes every row of one moment into a new database. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unknown`] for a table of unknown types, which would be left out otherwise.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let from = self.tables.begin_read()?;
        let copy = Database::create(path)?;
        let to = copy.begin_write()?;
        copy_all(&from, &to)?;
        Ok(to.commit()?)
    }

    /// Writes the database anew: what was removed from it is in no freed page any more. Blocks, and so do writers
    /// meanwhile.
    ///
    /// # Errors
    /// As those of [`Self::copy_to`].
    pub(crate) fn rewrite(&self) -> Result<(), StoreError> {
        self.tables.rewrite(copy_all)
    }

    /// Whether every page of the database in a file is whole; nobody else may have it open. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened.
    pub fn is_whole(path: &Path) -> Result<bool, StoreError> {
        Ok(Database::open(path)?.check_integrity()?)
    }
}

fn copy_all(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), StoreError> {
    for table in from.list_tables()? {
        copy_table(from, to, table.name())?;
    }
    match from.list_multimap_tables()?.next() {
        Some(table) => Err(StoreError::Unknown(table.name().to_owned())),
        None => Ok(()),
    }
}

/// Each kind of table that the gateway has.
fn copy_table(from: &ReadTransaction, to: &WriteTransaction, name: &str) -> Result<(), StoreError> {
    let copied = copy_as::<&str, &[u8]>(from, to, name)?
        || copy_as::<u64, &[u8]>(from, to, name)?
        || copy_as::<&str, u64>(from, to, name)?
        || copy_as::<(&str, u64), u64>(from, to, name)?
        || copy_as::<(u32, u64), &[u8; 32]>(from, to, name)?;
    if copied { Ok(()) } else { Err(StoreError::Unknown(name.to_owned())) }
}

/// Whether the table is of this kind, and is copied therefore.
fn copy_as<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    name: &str,
) -> Result<bool, StoreError> {
    let definition = TableDefinition::<K, V>::new(name);
    let table = match from.open_table(definition) {
        Ok(table) => table,
        Err(TableError::TableTypeMismatch { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut copy = to.open_table(definition)?;
    for row in table.iter()? {
        let (key, value) = row?;
        copy.insert(key.value(), value.value())?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::Rows;
    use super::*;
    use salus_crypto::Secret32;
    use std::sync::Arc;

    const ROWS: Rows<u32> = Rows::new("rows");
    const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
    const ODD: TableDefinition<'_, u128, u128> = TableDefinition::new("odd");

    #[test]
    fn a_copy_has_every_table_and_one_of_an_unknown_kind_is_an_error() {
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| folder.path().join(name);
        let key = Arc::new(Secret32::random());
        let store = Store::open(&path("a.redb"), Arc::clone(&key)).expect("store");
        let written = store.write_blocking(|tx| {
            ROWS.put(tx, "k", &1)?;
            tx.open_table(ENTRIES)?.insert(7, &b"line"[..])?;
            Ok::<_, StoreError>(())
        });
        written.expect("write");
        store.copy_to(&path("b.redb")).expect("copies");
        assert!(Store::is_whole(&path("b.redb")).expect("opens"));
        let copy = Store::open(&path("b.redb"), key).expect("store");
        assert_eq!(copy.read(|tx| ROWS.get(tx, "k")).expect("read"), Some(1));
        let line = copy.read(|tx| Ok(tx.open_table(ENTRIES)?.get(7)?.map(|line| line.value().to_vec())));
        assert_eq!(line.expect("read").as_deref(), Some(&b"line"[..]));

        let written = store.write_blocking(|tx| {
            tx.open_table(ODD)?.insert(1, 1)?;
            Ok::<_, StoreError>(())
        });
        written.expect("write");
        let error = store.copy_to(&path("c.redb")).expect_err("an unknown kind");
        assert!(error.to_string().contains("`odd`"), "{error}");
    }
}
