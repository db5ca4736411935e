//! The store on the disk: SQLCipher (<https://www.zetetic.net/sqlcipher/design/>) under a key that the supervisor gives.
//!
//! Every page of the database, of its write-ahead log and of its journals is AES-256-CBC with an HMAC-SHA512 of its own.
//! The key is used as it is: nothing is derived from a passphrase. [`hook`] keys each connection that this process opens,
//! the engine's own pool included, before its first statement. [`migrate`] seals a store of before.
//!
//! Architecture invariant: no connection to the store is opened between [`open`] and the end of the process that is not
//! keyed, and none before it but by [`migrate`].

mod hook;
mod migrate;

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::Error;

/// Bytes of a key.
pub const KEY_LEN: usize = 32;

/// What an SQLite database begins with (<https://www.sqlite.org/fileformat.html#the_database_header>). SQLCipher's
/// begins with a random salt.
const PLAIN: &[u8; 16] = b"SQLite format 3\0";

/// A key of the store: 32 random bytes. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_LEN]>);

impl Key {
    /// The key of 64 hexadecimal digits; `None` if it is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * KEY_LEN {
            return None;
        }
        let mut key = Zeroizing::new([0; KEY_LEN]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
        }
        Some(Self(key))
    }

    /// As SQLCipher takes a key that nothing is to be derived from: `x'..'`.
    fn literal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_LEN + 3));
        text.push_str("x'");
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
            }
        }
        text.push('\'');
        text
    }

    /// Keys a connection. It must be its first statement.
    fn unlock(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.set(connection, "key")
    }

    fn set(&self, connection: &Connection, pragma: &str) -> rusqlite::Result<()> {
        let mut statement = Zeroizing::new(String::with_capacity(2 * KEY_LEN + 32));
        for part in ["PRAGMA ", pragma, " = \"", &self.literal(), "\""] {
            statement.push_str(part);
        }
        connection.execute_batch(&statement)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// The keys that the supervisor gives.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The store's key from now on.
    pub current: Key,
    /// The key before it: a store that still has it is given the current one.
    pub former: Option<Key>,
}

/// "SALU": what a new database is made to begin with.
const APPLICATION_ID: i32 = 0x5341_4c55;

/// Brings `database` under the current key, or makes it, and keys every connection from here on. Nothing else in this
/// process has it open: closing a file that SQLite has open too gives SQLite's locks up
/// (<https://www.sqlite.org/howtocorrupt.html>).
///
/// # Errors
/// [`Error::Store`] when the store opens by neither key, cannot be sealed, or is not sealed after all; what is there stays
/// as it is.
pub(crate) fn open(database: &Path, keys: &Keys) -> Result<(), Error> {
    let version = Connection::open_in_memory()?
        .query_row("PRAGMA cipher_version", [], |row| row.get::<_, String>(0))
        .map_err(|_| Error::Store("this program was built without SQLCipher".into()))?;
    migrate::settle(database, keys)?;
    hook::install(keys.current.clone())?;
    if Form::of(database)? == Form::Absent {
        let store = Connection::open(database)?;
        store.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
        store.close().map_err(|(_, error)| error)?;
    }
    if Form::of(database)? != Form::Sealed {
        return Err(Error::Store("the store is not sealed".into()));
    }
    tracing::info!(version, "the store is sealed by SQLCipher");
    Ok(())
}

/// How a database lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// No file, or an empty one.
    Absent,
    Plain,
    Sealed,
}

impl Form {
    fn of(database: &Path) -> Result<Self, Error> {
        let unreadable = |error: io::Error| Error::Store(format!("read the database: {error}"));
        let file = match File::open(database) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Absent),
            opened => opened.map_err(unreadable)?,
        };
        let mut start = Vec::with_capacity(PLAIN.len());
        file.take(PLAIN.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
        Ok(match start.as_slice() {
            [] => Self::Absent,
            start if start == PLAIN => Self::Plain,
            _ => Self::Sealed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_is_not_printed() {
        let text = "00ff".repeat(16);
        let key = Key::from_hex(&text).expect("a key");
        assert_eq!(*key.literal(), format!("x'{text}'"));
        assert_eq!(format!("{key:?}"), "Key([redacted])");
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"0g".repeat(32), &"é".repeat(32)] {
            assert!(Key::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
