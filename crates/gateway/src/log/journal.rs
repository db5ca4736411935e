//! The journal: entries on their way to the database, one line each: base64 of the JSON, sealed.

use crate::store::Seal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Beyond this length the journal is emptied as soon as the database has everything.
const LENGTH_MAX_BYTES: u64 = 4 * 1024 * 1024;

pub(crate) struct Journal {
    file: File,
    length: u64,
    seal: Seal,
}

impl Journal {
    /// Opens the journal and returns its complete entries. A last line without its end was never answered, and is cut
    /// off. One that does not open is empty, and no entry.
    pub(crate) fn open(path: &Path, seal: Seal) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(complete);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| opened(&seal, line).unwrap_or_default()).collect();
        let mut journal = Self { file, length: complete as u64, seal };
        journal.cut(complete as u64)?;
        Ok((journal, lines))
    }

    /// Appends a line with one `write`. If that fails half-way, the half is taken back.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut bytes = STANDARD_NO_PAD.encode(self.seal.line(line)).into_bytes();
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

fn opened(seal: &Seal, line: &[u8]) -> Option<Vec<u8>> {
    let sealed = STANDARD_NO_PAD.decode(line).ok()?;
    Some(seal.open_line(&sealed)?.to_vec())
}
