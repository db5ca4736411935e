//! The one file with unsafe code: it has SQLite key each connection of this process when it is opened.
//!
//! SQLite calls an automatic extension at the end of every opening, before anybody can run a statement, and an error of
//! it fails the opening (<https://www.sqlite.org/c3ref/auto_extension.html>). That is the only way to reach the
//! connections of the engine's pool, which is made in another crate.
#![expect(unsafe_code, reason = "the extension is called by C, with a database that C made")]

use std::{
    ffi::{c_char, c_int},
    sync::OnceLock,
};

use rusqlite::{
    Connection,
    auto_extension::{init_auto_extension, register_auto_extension},
    ffi,
};

use super::Key;
use crate::Error;

static KEY: OnceLock<Key> = OnceLock::new();

/// Keys every connection that is opened from here on. One key for the life of the process.
pub(super) fn install(key: Key) -> Result<(), Error> {
    KEY.set(key).map_err(|_| Error::Store("the store has its key already".into()))?;
    // SAFETY: `on_open` opens no database, closes none, and leaves the list of extensions alone.
    unsafe { register_auto_extension(on_open) }?;
    Ok(())
}

/// What SQLite calls.
///
/// # Safety
/// Only SQLite may call it: `db` is a database that is being opened, and `message` takes an error's text or is null.
unsafe extern "C" fn on_open(
    db: *mut ffi::sqlite3,
    message: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: both come from SQLite as that function wants them. It catches panics.
    unsafe { init_auto_extension(db, message, unlock) }
}

/// The connection is borrowed from SQLite: dropping it closes nothing.
#[expect(clippy::needless_pass_by_value, reason = "the signature is rusqlite's")]
fn unlock(connection: Connection) -> rusqlite::Result<()> {
    KEY.get().ok_or(rusqlite::Error::InvalidQuery)?.unlock(&connection)
}
