//! The journal: entries on their way to the database, one JSON line each.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Beyond this length the journal is emptied as soon as the database has everything.
const LENGTH_MAX_BYTES: u64 = 4 * 1024 * 1024;

pub(crate) struct Journal {
    file: File,
    length: u64,
}

impl Journal {
    /// Opens the journal and returns its complete lines. A last line without its end was never answered, and
    /// is cut off.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(complete);
        let lines =
            bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        let mut journal = Self { file, length: complete as u64 };
        journal.cut(complete as u64)?;
        Ok((journal, lines))
    }

    /// Appends a line with one `write`. If that fails half-way, the half is taken back.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        if let Err(error) = self.file.write_all(&bytes) {
            self.cut(self.length)?;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether it is worth emptying.
    pub(crate) fn is_long(&self) -> bool {
        self.length > LENGTH_MAX_BYTES
    }

    /// Empties the journal.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.cut(0)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(io::SeekFrom::Start(length))?;
        self.length = length;
        Ok(())
    }
}
