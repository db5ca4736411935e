//! A file of tables that exists whole or not at all.

use redb::{Builder, Database, Error};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

/// Opens the tables at `path`, or makes them. redb makes a file in several writes, and does not open one that a full disk
/// or a crash left unfinished; so a new one is made beside its place, and put there when it is whole and durable.
///
/// # Errors
/// What redb or the file system says. A later call finds no half-made file.
pub fn open_or_make(path: &Path, cache_bytes: usize) -> Result<Database, Error> {
    open_with(path, |path| {
        let mut builder = Builder::new();
        Ok(builder.set_cache_size(cache_bytes).create(path)?)
    })
}

/// The same, with the tables opened by `open`.
pub(crate) fn open_with(
    path: &Path,
    open: impl FnOnce(&Path) -> Result<Database, Error>,
) -> Result<Database, Error> {
    if path.exists() {
        return open(path);
    }
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let database = open(&unfinished)?;
    database.begin_write()?.commit()?;
    // Unlike a rename, a link does not put itself in the place of what another process has made meanwhile.
    fs::hard_link(&unfinished, path)?;
    fs::remove_file(&unfinished)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(database)
}
