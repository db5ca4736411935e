//! The clinical engine's SQLite database: a copy of one moment while the engine writes, and whether a copy is whole.
//!
//! The engine keeps a write-ahead log, so this process may read beside it: SQLite's backup interface copies the pages of
//! one read transaction (<https://sqlite.org/backup.html>), and no writer waits. `VACUUM INTO` would be smaller, but it
//! numbers rows anew where a table has no key of its own, and the full-text index refers to them.

use anyhow::{Context as _, bail, ensure};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// The database's name in its folder.
pub(crate) const FILE: &str = "clinical.db";
/// How long a lock of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before a step that met a lock is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// How often.
const BUSY_TRIES: u32 = 300;
/// What SQLite says of a database that is whole.
const WHOLE: &str = "ok";

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

/// Copies the database in a file, as it is at one moment, into a new file; durable on return. Blocking.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(!to.exists(), "`{}` is there already", to.display());
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open `{}`", from.display()))?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    let mut target = Connection::open(to)?;
    let backup = Backup::new(&source, &mut target)?;
    // All pages in one step: a step's read transaction is what makes them pages of one moment.
    let mut tries = 0;
    while backup.step(-1)? != StepResult::Done {
        tries += 1;
        ensure!(tries < BUSY_TRIES, "the clinical store stays locked");
        std::thread::park_timeout(BUSY_PAUSE);
    }
    drop(backup);
    target.close().map_err(|(_, error)| error)?;
    Ok(File::open(to)?.sync_all()?)
}

/// Reads every page of a database that no process uses, and counts. Blocking.
pub(crate) fn check(file: &Path) -> anyhow::Result<Contents> {
    // Immutable: nothing is written beside it.
    let name = format!("file:{}?immutable=1", escaped(file)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let database = Connection::open_with_flags(name, flags).context("cannot open the clinical store")?;
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

/// A path in a URI (<https://sqlite.org/uri.html>).
fn escaped(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().context("the path is no text")?;
    Ok(text.replace('%', "%25").replace('?', "%3f").replace('#', "%23"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::sync::atomic::{AtomicBool, Ordering};

    fn database(path: &Path) -> Connection {
        let database = Connection::open(path).expect("a database");
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
        let (stop, writer) = (AtomicBool::new(false), database(&path));
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
                copy(&path, &to).expect("a copy");
                let contents = check(&to).expect("whole");
                assert_eq!((contents.outbox, contents.last_seq), (contents.resources, contents.resources));
                assert!(contents.resources > 0);
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_damaged_copy_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let writer = database(&path);
        (0..500).for_each(|number| put(&writer, number));
        copy(&path, &to).expect("a copy");
        check(&to).expect("whole");
        let mut file = File::options().write(true).open(&to).expect("a file");
        file.seek(SeekFrom::Start(4096 * 6)).expect("there");
        file.write_all(&[0xff; 4096]).expect("damage");
        check(&to).expect_err("damaged");
    }
}
