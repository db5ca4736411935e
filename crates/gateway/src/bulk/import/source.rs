//! Reading a source's lines on a thread of its own, in pieces that fit into a request to the engine.

use super::fetch;
use super::line::{self, Entry, Fault, Line};
use super::rows::{From, Source};
use crate::bulk::sealed::Folder;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use salus_crypto::random;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use tokio::sync::mpsc;

/// Lines of one piece, and about how many bytes: several fit into the engine's largest body.
const LINES: usize = 250;
const BYTES: usize = 4 * 1024 * 1024;
/// Pieces that are read ahead.
const AHEAD: usize = 2;

/// Some lines of a source.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) entries: Vec<Entry>,
    /// Lines that are not taken.
    pub(super) faults: Vec<(u64, Fault)>,
    /// The last line of the piece.
    pub(super) last: u64,
}

/// What whoever began the import may write, by type.
pub(super) type May = Box<dyn Fn(&str) -> bool + Send>;

/// Gets a source ready: remembers a file as it is now, or fetches a URL into the job's folder.
///
/// # Errors
/// [`Code::Invalid`] if it is not what it was, [`Code::Away`] if it does not answer.
pub(super) async fn prepare(
    gateway: &Gateway,
    folder: &Folder,
    number: usize,
    source: &mut Source,
) -> Result<()> {
    match &source.from {
        From::File(name) => {
            let path = fetch::path_of(&gateway.config.bulk, name)?;
            let meta = std::fs::symlink_metadata(path).map_err(Error::internal)?;
            if meta.len() > gateway.config.bulk.import_bytes_max {
                return Err(Error::new(Code::TooLarge, "a file is larger than this node's operator allows"));
            }
            let modified = meta.mtime().unsigned_abs() * 1_000 + meta.mtime_nsec().unsigned_abs() / 1_000_000;
            let now = (meta.len(), modified);
            match source.seen.replace(now) {
                Some(seen) if seen != now => {
                    Err(Error::new(Code::Invalid, "a file was changed while it was imported; begin again"))
                }
                _ => Ok(()),
            }
        }
        From::Url(url) => {
            if source.fetched.is_some_and(|_| folder.has(&copy(number))) {
                return Ok(());
            }
            folder.make().map_err(Error::internal)?;
            folder.forget(&copy(number)).map_err(Error::internal)?;
            let salt: [u8; 32] = random::bytes();
            let mut writer = folder.write(&copy(number), &salt).map_err(Error::internal)?;
            fetch::fetch(&gateway.config.bulk, url, |piece| writer.bytes(piece)).await?;
            writer.finish().map_err(Error::internal)?;
            source.fetched = Some(salt);
            Ok(())
        }
    }
}

/// The name of the copy of what a URL gave.
pub(super) fn copy(number: usize) -> String {
    format!("source-{number}")
}

/// The lines after the first `skip`.
///
/// # Errors
/// A fault of the file.
pub(super) fn read(
    gateway: &Gateway,
    folder: &Folder,
    (number, source): (usize, &Source),
    skip: u64,
    may: May,
) -> Result<mpsc::Receiver<io::Result<Piece>>> {
    let mut reader: Box<dyn BufRead + Send> = match (&source.from, &source.fetched) {
        (From::File(name), _) => {
            let file = File::open(fetch::path_of(&gateway.config.bulk, name)?).map_err(Error::internal)?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        }
        (From::Url(_), Some(salt)) => {
            let stream = folder.stream(&copy(number), salt).map_err(Error::internal)?;
            Box::new(BufReader::with_capacity(1 << 20, stream))
        }
        (From::Url(_), None) => return Err(Error::internal("a source was not fetched")),
    };
    let (sender, pieces) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut at = 0;
        while let Some(piece) = piece(&mut reader, &mut at, skip, &may).transpose() {
            let failed = piece.is_err();
            // Whoever stopped takes no more.
            if sender.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    });
    Ok(pieces)
}

/// The next lines; `None` at the end.
fn piece(reader: &mut impl BufRead, at: &mut u64, skip: u64, may: &May) -> io::Result<Option<Piece>> {
    let (mut piece, mut bytes) = (Piece::default(), 0);
    while piece.entries.len() + piece.faults.len() < LINES && bytes < BYTES {
        let Some(line) = line::next(reader)? else { break };
        *at += 1;
        if *at <= skip {
            continue;
        }
        piece.last = *at;
        let entry = match line {
            Line::Blank => continue,
            Line::Bad(fault) => Err(fault),
            Line::Text(text) => line::entry(*at, text.trim(), may),
        };
        match entry {
            Ok(entry) => {
                bytes += entry.text.len();
                piece.entries.push(entry);
            }
            Err(fault) => piece.faults.push((*at, fault)),
        }
    }
    Ok((piece.last > 0).then_some(piece))
}
