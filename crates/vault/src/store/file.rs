//! A file of tables that exists whole or not at all, and that can be written anew so that nothing removed is left in it.

use redb::{Builder, Database, Error, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

type Opener = Box<dyn Fn(&Path) -> Result<Database, Error> + Send + Sync>;

/// A file of tables.
pub struct Tables {
    path: PathBuf,
    opener: Opener,
    now: RwLock<Arc<Database>>,
    /// One is written anew at a time.
    rewriting: Mutex<()>,
}

/// What a file of tables holds at one moment.
pub struct Snapshot {
    transaction: ReadTransaction,
    /// Its file closes after the last who reads.
    _database: Arc<Database>,
}

impl std::ops::Deref for Snapshot {
    type Target = ReadTransaction;
    fn deref(&self) -> &ReadTransaction {
        &self.transaction
    }
}

impl Tables {
    /// Opens the tables at `path`, or makes them.
    ///
    /// # Errors
    /// What redb or the file system says. A later call finds no half-made file.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, Error> {
        Self::open_with(path, move |path| {
            let mut builder = Builder::new();
            Ok(builder.set_cache_size(cache_bytes).create(path)?)
        })
    }

    /// The same, with the file opened by `open`.
    pub(super) fn open_with(
        path: &Path,
        open: impl Fn(&Path) -> Result<Database, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        remove(&anew(path))?;
        let now = open_or_make(path, &open)?;
        Ok(Self {
            path: path.to_owned(),
            opener: Box::new(open),
            now: RwLock::new(Arc::new(now)),
            rewriting: Mutex::default(),
        })
    }

    fn now(&self) -> Arc<Database> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A consistent view.
    ///
    /// # Errors
    /// redb's.
    pub fn begin_read(&self) -> Result<Snapshot, Error> {
        let database = self.now();
        Ok(Snapshot { transaction: database.begin_read()?, _database: database })
    }

    /// The one writer; waits for the one before, and while the file is written anew.
    ///
    /// # Errors
    /// redb's.
    pub fn begin_write(&self) -> Result<WriteTransaction, Error> {
        loop {
            let database = self.now();
            let writer = database.begin_write()?;
            // Written anew while this one waited: what it would write there would be lost.
            if Arc::ptr_eq(&database, &self.now()) {
                return Ok(writer);
            }
        }
    }

    /// Writes all entries into a new file, by `copy`, which then takes this one's place: whatever was removed is in no
    /// freed page any more. Who reads goes on meanwhile, who writes waits. Durable when this returns; a crash before that
    /// leaves the file as it was.
    ///
    /// # Errors
    /// Those of `copy`, of redb and of the file system.
    pub fn rewrite<E: From<Error>>(
        &self,
        copy: impl FnOnce(&ReadTransaction, &WriteTransaction) -> Result<(), E>,
    ) -> Result<(), E> {
        let _one = self.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.now();
        let writer = old.begin_write().map_err(Error::from)?;
        let anew = anew(&self.path);
        remove(&anew)?;
        let new = (self.opener)(&anew)?;
        let to = new.begin_write().map_err(Error::from)?;
        copy(&old.begin_read().map_err(Error::from)?, &to)?;
        to.commit().map_err(Error::from)?;
        fs::rename(&anew, &self.path).map_err(Error::from)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        drop(writer);
        Ok(sync_folder(&self.path)?)
    }

    /// Whether every page is whole.
    ///
    /// # Errors
    /// redb's; or if the tables are in use.
    pub(super) fn check_integrity(&mut self) -> Result<bool, Error> {
        let now = self.now.get_mut().unwrap_or_else(PoisonError::into_inner);
        let database = Arc::get_mut(now).ok_or(redb::DatabaseError::DatabaseAlreadyOpen)?;
        Ok(database.check_integrity()?)
    }
}

/// Where a file is written anew.
fn anew(path: &Path) -> PathBuf {
    path.with_extension("anew")
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), |folder| Ok(File::open(folder)?.sync_all()?))
}

/// Opens the tables at `path`, or makes them. redb makes a file in several writes, and does not open one that a full disk
/// or a crash left unfinished; so a new one is made beside its place, and put there when it is whole and durable.
fn open_or_make(path: &Path, open: impl Fn(&Path) -> Result<Database, Error>) -> Result<Database, Error> {
    if path.exists() {
        return open(path);
    }
    let unfinished = path.with_extension("new");
    remove(&unfinished)?;
    let database = open(&unfinished)?;
    database.begin_write()?.commit()?;
    // Unlike a rename, a link does not put itself in the place of what another process has made meanwhile.
    fs::hard_link(&unfinished, path)?;
    fs::remove_file(&unfinished)?;
    sync_folder(path)?;
    Ok(database)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::TableDefinition;

    const ROWS: TableDefinition<'static, u64, &'static str> = TableDefinition::new("rows");

    fn copy(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), Error> {
        let (from, mut to) = (from.open_table(ROWS)?, to.open_table(ROWS)?);
        for row in from.range(0..)? {
            let (key, value) = row?;
            to.insert(key.value(), value.value())?;
        }
        Ok(())
    }

    fn put(tables: &Tables, key: u64, value: &str) -> Result<(), Error> {
        let tx = tables.begin_write()?;
        tx.open_table(ROWS)?.insert(key, value)?;
        Ok(tx.commit()?)
    }

    fn get(tables: &Tables, key: u64) -> Result<Option<String>, Error> {
        let table = tables.begin_read()?.open_table(ROWS)?;
        Ok(table.get(key)?.map(|value| value.value().to_owned()))
    }

    fn holds(path: &Path, needle: &str) -> bool {
        let bytes = fs::read(path).expect("a file");
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    }

    #[test]
    fn what_was_removed_is_in_the_file_until_it_is_written_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tables.redb");
        let tables = Tables::open(&path, 1 << 20).expect("tables");
        put(&tables, 1, "CanaryStays").expect("put");
        for key in 100..200 {
            put(&tables, key, "CanaryGoes").expect("put");
        }
        let tx = tables.begin_write().expect("a writer");
        tx.open_table(ROWS).expect("a table").retain(|key, _| key < 100).expect("removed");
        tx.commit().expect("committed");
        assert!(holds(&path, "CanaryGoes"), "otherwise writing anew would be for nothing");
        let view = tables.begin_read().expect("a view");
        tables.rewrite(copy).expect("written anew");
        assert!(!holds(&path, "CanaryGoes"));
        assert!(view.open_table(ROWS).expect("a table").get(1).expect("read").is_some(), "who reads goes on");
        put(&tables, 3, "CanaryNew").expect("put");
        drop((view, tables));
        let tables = Tables::open(&path, 1 << 20).expect("tables");
        assert_eq!(get(&tables, 1).expect("read").as_deref(), Some("CanaryStays"));
        assert_eq!(get(&tables, 100).expect("read"), None);
        assert_eq!(get(&tables, 3).expect("read").as_deref(), Some("CanaryNew"));
    }

    #[test]
    fn no_write_is_lost_while_the_file_is_written_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tables.redb");
        let tables = Tables::open(&path, 1 << 20).expect("tables");
        put(&tables, 0, "first").expect("put");
        std::thread::scope(|scope| {
            let write = |from: u64| {
                let tables = &tables;
                move || (from..from + 40).try_for_each(|key| put(tables, key, "written"))
            };
            let writers = [1_000, 2_000].map(|from| scope.spawn(write(from)));
            for _ in 0..8 {
                tables.rewrite(copy).expect("written anew");
            }
            for writer in writers {
                writer.join().expect("no panic").expect("written");
            }
        });
        for key in (1_000..1_040).chain(2_000..2_040) {
            assert_eq!(get(&tables, key).expect("read").as_deref(), Some("written"), "{key}");
        }
    }

    #[test]
    fn a_rewrite_that_was_not_finished_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tables.redb");
        let tables = Tables::open(&path, 1 << 20).expect("tables");
        put(&tables, 1, "stays").expect("put");
        let failed = tables.rewrite(|_, _| Err::<(), Error>(Error::ValueTooLarge(0)));
        assert!(failed.is_err());
        put(&tables, 2, "too").expect("put");
        drop(tables);
        let tables = Tables::open(&path, 1 << 20).expect("tables");
        assert!(!anew(&path).exists());
        assert_eq!(get(&tables, 1).expect("read").as_deref(), Some("stays"));
        assert_eq!(get(&tables, 2).expect("read").as_deref(), Some("too"));
    }
}
