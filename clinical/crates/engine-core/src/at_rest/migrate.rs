//! Sealing a store that was written in the clear, and giving a store another key: before anything else opens it.
//!
//! | step | file | a kill after it leaves |
//! |---|---|---|
//! | 1 | `clinical.db.sealing`: a sealed copy, compared row by row, on the disk | the clear store; the copy is made again |
//! | 2 | `clinical.db.clear`: a second name of the clear store | the clear store; the name is removed |
//! | 3 | the copy takes the place of `clinical.db` | the sealed store; the clear one is overwritten |
//! | 4 | `clinical.db.clear` is overwritten, then removed | the sealed store |
//!
//! Overwriting reaches the blocks that the file has now. Blocks that a write-ahead log or a file system with copies gave
//! back before are the device's: `docs/howto/operate-a-node.md`.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{Form, Key, Keys};
use crate::Error;

/// Bytes that are overwritten at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Brings `database` under the current key. What an earlier process left half done is finished.
pub(super) fn settle(database: &Path, keys: &Keys) -> Result<(), Error> {
    let (part, clear) = (beside(database, "sealing"), beside(database, "clear"));
    remove(&part).map_err(files)?;
    match Form::of(database)? {
        Form::Absent => Ok(()),
        Form::Plain => {
            // Another name of the same file: overwriting it would overwrite the store.
            remove(&clear).map_err(files)?;
            tracing::info!("the store is in the clear; it is being sealed");
            seal(database, &part, &keys.current)?;
            replace(database, &part, &clear).map_err(files)?;
            tracing::info!("the store is sealed, and the one in the clear is overwritten");
            Ok(())
        }
        Form::Sealed => {
            destroy(&clear).map_err(files)?;
            rekey(database, keys)
        }
    }
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn files(error: io::Error) -> Error {
    Error::Store(format!("seal the store: {error}"))
}

/// Makes a sealed copy, complete and on the disk.
fn seal(database: &Path, part: &Path, key: &Key) -> Result<(), Error> {
    let clear = Connection::open(database)?;
    clear.busy_timeout(crate::store::BUSY_TIMEOUT)?;
    // Folds the write-ahead log back, and removes it.
    let mode: String = clear.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(Error::Store("another process uses the store".into()));
    }
    // The copy is thrown away unless it is whole, so nothing needs a journal.
    clear.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;")?;
    let name = part.to_str().ok_or_else(|| Error::Store("the data folder's path is no text".into()))?;
    clear.execute("ATTACH ?1 AS sealed KEY ?2", (name, key.literal().as_str()))?;
    clear.execute_batch("PRAGMA sealed.journal_mode = OFF; PRAGMA sealed.synchronous = OFF;")?;
    clear.query_row("SELECT sqlcipher_export('sealed')", [], |_| Ok(()))?;
    for number in ["user_version", "application_id"] {
        let value: i64 = clear.query_row(&format!("PRAGMA main.{number}"), [], |row| row.get(0))?;
        clear.execute_batch(&format!("PRAGMA sealed.{number} = {value}"))?;
    }
    compare(&clear)?;
    clear.execute_batch("DETACH sealed")?;
    clear.close().map_err(|(_, error)| error)?;
    if Form::of(part)? != Form::Sealed {
        return Err(Error::Store("the sealed copy is in the clear".into()));
    }
    File::open(part).and_then(|file| file.sync_all()).map_err(files)
}

/// Every row of every table is in the copy, with its number: indexes of the engine refer to rows by it.
fn compare(db: &Connection) -> Result<(), Error> {
    let tables =
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')
                  AND name <> 'sqlite_schema'";
    let mut tables = db.prepare(tables)?;
    let tables = tables.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    for table in tables {
        let (name, without_rowid) = table?;
        if !same(db, &name, without_rowid)? {
            return Err(Error::Store(format!(
                "the sealed copy differs in `{name}`; the store stays as it was"
            )));
        }
    }
    let objects =
        "SELECT (SELECT count(*) FROM main.sqlite_schema) = (SELECT count(*) FROM sealed.sqlite_schema)";
    if !db.query_row(objects, [], |row| row.get(0))? {
        return Err(Error::Store(
            "the sealed copy lacks a table or an index; the store stays as it was".into(),
        ));
    }
    Ok(())
}

fn same(db: &Connection, table: &str, without_rowid: bool) -> Result<bool, Error> {
    let table = quoted(table);
    let count = |schema: &str| -> Result<i64, Error> {
        Ok(db.query_row(&format!("SELECT count(*) FROM {schema}.{table}"), [], |row| row.get(0))?)
    };
    let rows = count("main")?;
    let alike: i64 = if without_rowid {
        let sql = format!(
            "SELECT count(*) FROM (SELECT * FROM main.{table} INTERSECT SELECT * FROM sealed.{table})"
        );
        db.query_row(&sql, [], |row| row.get(0))?
    } else {
        // Row by row, so that it takes no memory.
        let mut columns = db.prepare(&format!("SELECT * FROM main.{table} LIMIT 0"))?;
        let _ = columns.query([])?;
        let columns: Vec<String> = columns
            .column_names()
            .into_iter()
            .map(|column| format!("a.{0} IS b.{0}", quoted(column)))
            .collect();
        let sql = format!(
            "SELECT count(*) FROM main.{table} a JOIN sealed.{table} b ON a.rowid = b.rowid WHERE {}",
            columns.join(" AND ")
        );
        db.query_row(&sql, [], |row| row.get(0))?
    };
    Ok(rows == alike && rows == count("sealed")?)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The copy takes the store's place, and the clear store is destroyed.
fn replace(database: &Path, part: &Path, clear: &Path) -> io::Result<()> {
    fs::hard_link(database, clear)?;
    fs::rename(part, database)?;
    sync_folder(database)?;
    destroy(clear)
}

/// Overwrites a file, and removes it. One that is not there is no error.
fn destroy(path: &Path) -> io::Result<()> {
    let mut file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let (zeros, mut left) = (vec![0; PIECE_BYTES], file.metadata()?.len());
    while left > 0 {
        let piece = left.min(PIECE_BYTES as u64);
        file.write_all(&zeros[..piece as usize])?;
        left -= piece;
    }
    file.sync_all()?;
    remove(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(path),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A store that has the former key is given the current one, in one transaction of SQLite.
fn rekey(database: &Path, keys: &Keys) -> Result<(), Error> {
    if opens(database, &keys.current)?.is_some() {
        return Ok(());
    }
    let former = keys.former.as_ref().map(|former| Ok::<_, Error>((opens(database, former)?, former)));
    let Some((Some(store), former)) = former.transpose()? else {
        return Err(Error::Store(
            "the store does not open by the key that was given, or its start is damaged".into(),
        ));
    };
    tracing::info!("the store has its former key; it is given the current one");
    keys.current.set(&store, "rekey")?;
    store.close().map_err(|(_, error)| error)?;
    // SQLCipher says that all is well even where it was not.
    if opens(database, &keys.current)?.is_none() {
        let still = if opens(database, former)?.is_some() { "; it still has the former one" } else { "" };
        return Err(Error::Store(format!("the store could not be given its new key{still}")));
    }
    tracing::info!("the store has its current key");
    Ok(())
}

/// A connection, if this is the store's key.
fn opens(database: &Path, key: &Key) -> Result<Option<Connection>, Error> {
    let connection = Connection::open(database)?;
    connection.busy_timeout(crate::store::BUSY_TIMEOUT)?;
    key.unlock(&connection)?;
    match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
        Ok(()) => Ok(Some(connection)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
