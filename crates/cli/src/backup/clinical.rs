//! The clinical engine's database: a copy of one moment while the engine writes, and whether a copy is whole. It is sealed
//! (SQLCipher), and so is every copy, under the same key.
//!
//! The engine keeps a write-ahead log, so this process may read beside it: SQLite's backup interface copies the pages of
//! one read transaction (<https://sqlite.org/backup.html>), and no writer waits. `VACUUM INTO` would be smaller, but it
//! numbers rows anew where a table has no key of its own, and the full-text index refers to them.

use crate::keys::clinical::ClinicalKeys;
use anyhow::{Context as _, bail, ensure};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use salus_crypto::Secret32;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// The database's name in its folder.
pub(crate) const FILE: &str = "clinical.db";
/// What the engine calls a database in the clear that it has sealed and not yet destroyed.
pub(crate) const CLEAR_FILE: &str = "clinical.db.clear";
/// How long a lock of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before a step that met a lock is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// How often.
const BUSY_TRIES: u32 = 300;
/// What SQLite says of a database that is whole.
const WHOLE: &str = "ok";

/// What a database in the clear begins with (<https://www.sqlite.org/fileformat.html#the_database_header>).
const CLEAR: &[u8; 16] = b"SQLite format 3\0";

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contents {
    /// Resources that are not deleted.
    pub(crate) resources: u64,
    /// Versions that wait to be sealed.
    pub(crate) outbox: u64,
    /// Newest number that the outbox has given out.
    pub(crate) last_seq: u64,
}

/// Whether a database lies in the clear, as earlier versions wrote it. One that is not there does not.
pub(crate) fn is_clear(file: &Path) -> anyhow::Result<bool> {
    let mut start = [0; CLEAR.len()];
    let read = match File::open(file) {
        Ok(mut file) => file.read_exact(&mut start),
        Err(error) => Err(error),
    };
    match read {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            Ok(false)
        }
        read => {
            read.with_context(|| format!("cannot read `{}`", file.display()))?;
            Ok(&start == CLEAR)
        }
    }
}

/// Opens a database with flags, by whichever of its keys it has; gives that key, or none of a database in the clear.
fn open<'k>(
    name: &str,
    flags: OpenFlags,
    keys: Option<&'k ClinicalKeys>,
) -> anyhow::Result<(Connection, Option<&'k Secret32>)> {
    let Some(keys) = keys else { return Ok((Connection::open_with_flags(name, flags)?, None)) };
    for key in keys.all() {
        let database = Connection::open_with_flags(name, flags)?;
        database.busy_timeout(BUSY_TIMEOUT)?;
        unlock(&database, key)?;
        match database.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {}
            opened => return Ok((opened.map(|()| database)?, Some(key))),
        }
    }
    bail!("the clinical store does not open by the key in this folder, or its start is damaged")
}

/// Gives a connection its key, before anything else is asked of it.
fn unlock(database: &Connection, key: &Secret32) -> anyhow::Result<()> {
    let digits = Zeroizing::new(hex::encode(key.expose()));
    Ok(database.execute_batch(&Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", *digits)))?)
}

/// Whether a database opens by the newest of these keys.
pub(crate) fn has_current_key(file: &Path, keys: &ClinicalKeys) -> anyhow::Result<bool> {
    let (_, key) = open(path(file)?, OpenFlags::SQLITE_OPEN_READ_ONLY, Some(keys))?;
    Ok(key.is_some_and(|key| key.expose() == keys.current().expose()))
}

/// Copies the database in a file, as it is at one moment, into a new file under the same key; durable on return. Blocking.
/// Without keys, the database is in the clear.
pub(super) fn copy(from: &Path, to: &Path, keys: Option<&ClinicalKeys>) -> anyhow::Result<()> {
    ensure!(!to.exists(), "`{}` is there already", to.display());
    let (source, key) = open(path(from)?, OpenFlags::SQLITE_OPEN_READ_ONLY, keys)
        .with_context(|| format!("cannot open `{}`", from.display()))?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    let mut target = Connection::open(to)?;
    if let Some(key) = key {
        unlock(&target, key)?;
    }
    let backup = Backup::new(&source, &mut target)?;
    // All pages in one step: a step's read transaction is what makes them pages of one moment.
    let mut tries = 0;
    while backup.step(-1)? != StepResult::Done {
        tries += 1;
        ensure!(tries < BUSY_TRIES, "the clinical store stays locked");
        #[expect(
            clippy::disallowed_methods,
            reason = "this thread is not the runtime's, and SQLite tells nobody"
        )]
        std::thread::sleep(BUSY_PAUSE);
    }
    drop(backup);
    target.close().map_err(|(_, error)| error)?;
    ensure!(is_clear(to)? == key.is_none(), "the copy of the clinical store is not sealed as the store is");
    Ok(File::open(to)?.sync_all()?)
}

/// Reads every page of a database that no process uses, and counts. Blocking. Without keys, it is in the clear.
pub(crate) fn check(file: &Path, keys: Option<&ClinicalKeys>) -> anyhow::Result<Contents> {
    // Immutable: nothing is written beside it.
    let name = format!("file:{}?immutable=1", escaped(file)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let (database, _) = open(&name, flags, keys).context("cannot open the clinical store")?;
    let said: String = database
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .context("the clinical store is damaged")?;
    if said != WHOLE {
        // Its words may quote what is in the database.
        bail!("the clinical store is damaged");
    }
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(Contents {
        resources: count("SELECT count(*) FROM resources WHERE is_deleted = 0")?,
        outbox: count("SELECT count(*) FROM seal_outbox")?,
        last_seq: count("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'seal_outbox'), 0)")?,
    })
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the path is no text")
}

/// A path in a URI (<https://sqlite.org/uri.html>).
fn escaped(of: &Path) -> anyhow::Result<String> {
    Ok(path(of)?.replace('%', "%25").replace('?', "%3f").replace('#', "%23"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::sync::atomic::{AtomicBool, Ordering};

    fn database(path: &Path, keys: Option<&ClinicalKeys>) -> Connection {
        let database = Connection::open(path).expect("a database");
        if let Some(keys) = keys {
            unlock(&database, keys.current()).expect("keyed");
        }
        let schema = "PRAGMA journal_mode = WAL;
            CREATE TABLE resources (id TEXT, is_deleted INTEGER, text TEXT);
            CREATE TABLE seal_outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT);";
        database.execute_batch(schema).expect("a schema");
        database
    }

    fn put(database: &Connection, number: u64) {
        let sql = format!(
            "BEGIN; INSERT INTO resources VALUES ('{number}', 0, '{}'); INSERT INTO seal_outbox (id) VALUES ('{number}');
             COMMIT;",
            "x".repeat(500)
        );
        database.execute_batch(&sql).expect("a row");
    }

    #[test]
    fn a_copy_made_while_another_writes_is_of_one_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a?b#c.db");
        let keys = ClinicalKeys::generate();
        let (stop, writer) = (AtomicBool::new(false), database(&path, Some(&keys)));
        put(&writer, 0);
        std::thread::scope(|scope| {
            let (writer, stop) = (writer, &stop);
            scope.spawn(move || {
                let mut number = 1;
                while !stop.load(Ordering::Relaxed) {
                    put(&writer, number);
                    number += 1;
                }
            });
            for number in 0..5 {
                let to = folder.path().join(format!("{number}?.db"));
                copy(&path, &to, Some(&keys)).expect("a copy");
                let contents = check(&to, Some(&keys)).expect("whole");
                assert_eq!((contents.outbox, contents.last_seq), (contents.resources, contents.resources));
                assert!(contents.resources > 0);
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_damaged_copy_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, keys) = (folder.path().join("a.db"), ClinicalKeys::generate());
        // SQLCipher authenticates each page; in the clear, SQLite itself has to notice.
        for (number, keys) in [None, Some(&keys)].into_iter().enumerate() {
            let (path, to) =
                (path.with_extension(number.to_string()), folder.path().join(format!("b{number}.db")));
            let writer = database(&path, keys);
            (0..500).for_each(|number| put(&writer, number));
            copy(&path, &to, keys).expect("a copy");
            check(&to, keys).expect("whole");
            let mut file = File::options().write(true).open(&to).expect("a file");
            file.seek(SeekFrom::Start(4096 * 6)).expect("there");
            file.write_all(&[0xff; 4096]).expect("damage");
            check(&to, keys).expect_err("damaged");
        }
    }

    #[test]
    fn a_copy_is_sealed_under_the_key_that_its_store_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let former = ClinicalKeys::generate();
        put(&database(&path, Some(&former)), 1);
        assert!(!is_clear(&path).expect("a file"));
        assert!(has_current_key(&path, &former).expect("opens"));
        let renewed = former.renewed();
        assert!(!has_current_key(&path, &renewed).expect("opens by the former one"));
        copy(&path, &to, Some(&renewed)).expect("a copy");
        check(&to, Some(&former)).expect("the same key");
        for other in [None, Some(&ClinicalKeys::generate())] {
            check(&to, other).expect_err("another key");
            copy(&path, &folder.path().join("c.db"), other).expect_err("another key");
        }
        assert!(!is_clear(&folder.path().join("none.db")).expect("not there"));
    }
}
