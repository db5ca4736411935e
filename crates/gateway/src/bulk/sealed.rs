//! Files of a job in the gateway's folder: sealed under a key of their own, from the node's storage key and a salt that
//! stands in the job's row. Without the row, or the node's keys, nobody reads them.

use crate::state::Gateway;
use axum::body::{Body, Bytes};
use salus_crypto::Secret32;
use salus_crypto::aead::{StreamReader, StreamWriter};
use salus_crypto::kdf::{self, Label};
use salus_types::label;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

const FILE: Label = Label::new(label::BULK_FILE);
/// Bytes that are opened at once, as much as is sealed at once.
const PIECE: usize = 1 << 20;
/// Pieces that may wait for a slow reader.
const PIECES_WAITING: usize = 2;

/// Where a job's files are, and what seals them.
#[derive(Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    storage: std::sync::Arc<Secret32>,
    job: String,
}

impl Folder {
    /// That of a job, by its own id: never by a name from outside.
    pub(crate) fn of(gateway: &Gateway, jobs: &str, job: &str) -> Self {
        Self {
            path: all(gateway, jobs).join(job),
            storage: std::sync::Arc::clone(&gateway.ports.storage),
            job: job.to_owned(),
        }
    }

    /// An empty folder, whatever was there.
    pub(crate) fn make_empty(&self) -> io::Result<()> {
        self.remove()?;
        self.make()
    }

    /// The folder, with what is in it.
    pub(crate) fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// Removes one file, if it is there.
    pub(crate) fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes it with its files.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a file is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path.join(name).is_file()
    }

    fn key(&self, name: &str, salt: &[u8; 32]) -> Secret32 {
        kdf::derive(FILE, self.storage.expose(), salt, &[self.job.as_bytes(), name.as_bytes()])
    }

    /// Begins a file; `salt` is random, and used for this one file.
    pub(crate) fn write(&self, name: &str, salt: &[u8; 32]) -> io::Result<Writer> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path.join(name))?;
        let buffered = BufWriter::with_capacity(PIECE, file);
        Ok(Writer(StreamWriter::new(&self.key(name, salt), name.as_bytes(), buffered)))
    }

    /// A file's content, for a thread that may block.
    pub(crate) fn stream(&self, name: &str, salt: &[u8; 32]) -> io::Result<StreamReader<BufReader<File>>> {
        let file = File::open(self.path.join(name))?;
        Ok(StreamReader::new(&self.key(name, salt), name.as_bytes(), BufReader::new(file)))
    }

    /// A file's content as it is opened, piece by piece.
    pub(crate) fn read(&self, name: &str, salt: &[u8; 32]) -> io::Result<Body> {
        let mut stream = self.stream(name, salt)?;
        let (sender, mut pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES_WAITING);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let read = stream.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let last = matches!(read, Ok(0) | Err(_));
                let piece = read.map(|_| Bytes::from(piece));
                // A reader who has gone takes no more.
                if piece.as_ref().is_ok_and(Bytes::is_empty) || sender.blocking_send(piece).is_err() || last {
                    return;
                }
            }
        });
        Ok(Body::from_stream(futures::stream::poll_fn(move |context| pieces.poll_recv(context))))
    }
}

/// A file that is being written.
pub(crate) struct Writer(StreamWriter<BufWriter<File>>);

impl Writer {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        // A line end within a resource can only stand between its parts.
        for part in line.split_inclusive(['\n', '\r']) {
            self.0.write_all(part.trim_end_matches(['\n', '\r']).as_bytes())?;
        }
        self.0.write_all(b"\n")
    }

    /// Adds bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Seals the end, and has all of it on disk.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = self.0.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

/// The folder of all jobs of a kind.
pub(crate) fn all(gateway: &Gateway, jobs: &str) -> PathBuf {
    gateway.config.data.join("bulk").join(jobs)
}

/// Removes folders of jobs that are not known.
pub(crate) fn remove_unknown(folder: &Path, known: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_none_or(|name| !known(name)) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
