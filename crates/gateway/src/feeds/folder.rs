//! Files that are put into a folder: C-CDA documents (`.xml`), and HL7 v2 messages, one or many (`.hl7`).
//!
//! The folder is looked into every so often (what notices changes does not notice those of network drives, and there such
//! folders are). A file is taken when it is as it was at the look before; a sender who writes under another ending and
//! renames is never read halfway. What is in it goes the way of every message; then the file moves into `done`, or into
//! `failed` if some of it is not in the clinical store. Both are emptied after a time, and by erasures.
//!
//! A node that ends in between takes the file again, and files nothing twice.
//!
//! Architecture invariant: nothing but plain files of the folder itself is opened or moved, whatever links stand there.

use super::take::{Ended, Format, take};
use super::{FeedConfig, FolderFeed};
use crate::clock;
use crate::state::Gateway;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Most files of one round; the next goes on.
const FILES_PER_ROUND_MAX: usize = 1_000;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Where what was taken goes.
const DONE: &str = "done";
const FAILED: &str = "failed";

const AWAY: &str = "its folder cannot be read and written by this node";
const LEFT: &str = "the own clinical store is away; files wait";
const SOME_FAILED: &str = "there are files in `failed`";

/// What makes a file the same as before: its number, length, and time of change in seconds and nanoseconds.
type Look = (u64, i64, i64, u64);
/// How files looked at the round before.
pub(super) type Looks = BTreeMap<String, Look>;

fn look(stat: &Stat) -> Look {
    (stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec)
}

/// Looks every so often, until the gateway stops.
pub(super) async fn run(gateway: Gateway, feed: FeedConfig, settings: FolderFeed) {
    let looking = async {
        let mut looks = Looks::new();
        loop {
            super::ended(&gateway, &feed, round(&gateway, &feed, &settings, &mut looks).await.err());
            tokio::time::sleep(settings.every).await;
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = looking => (),
    }
}

/// Takes what has not changed since the last look.
pub(super) async fn round(
    gateway: &Gateway,
    feed: &FeedConfig,
    settings: &FolderFeed,
    looks: &mut Looks,
) -> Result<(), &'static str> {
    let (path, keep) = (settings.path.clone(), settings.keep);
    let folder = blocking(move || {
        let folder = Folder::open(&path)?;
        folder.prune(keep)?;
        Ok(folder)
    });
    let folder = std::sync::Arc::new(folder.await.map_err(|_| AWAY)?);
    let listed = folder.clone();
    let now = blocking(move || listed.list()).await.map_err(|_| AWAY)?;
    let before = std::mem::replace(looks, now.clone());
    for (name, seen) in now.into_iter().filter(|(name, seen)| before.get(name) == Some(seen)) {
        let (from, at) = (folder.clone(), name.clone());
        // One that has gone or changed meanwhile is for the next round.
        let Some(bytes) = blocking(move || from.read(&at, seen)).await.map_err(|_| AWAY)? else { continue };
        let into = match bytes {
            Some(bytes) => file(gateway, feed, &name, bytes).await?,
            None => FAILED,
        };
        let (from, at) = (folder.clone(), name.clone());
        blocking(move || from.put_away(&at, seen, into)).await.map_err(|_| AWAY)?;
    }
    let failed = blocking(move || Ok(names(&folder.failed)?.len())).await.map_err(|_| AWAY)?;
    if failed > 0 { Err(SOME_FAILED) } else { Ok(()) }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Takes a file's messages in their order; where the file belongs then.
async fn file(
    gateway: &Gateway,
    feed: &FeedConfig,
    name: &str,
    bytes: Vec<u8>,
) -> Result<&'static str, &'static str> {
    let system = gateway.feeds.system(&feed.name);
    let mut into = DONE;
    for (format, message) in messages(name, bytes) {
        match take(gateway, feed, &system, format, message).await {
            Ok(Ended::Stored { .. }) => {}
            Ok(Ended::Kept(_) | Ended::Refused { again: false, .. }) => into = FAILED,
            Ok(Ended::Refused { again: true, .. }) | Err(_) => return Err(LEFT),
        }
    }
    Ok(into)
}

/// What is in a file: a document, or the messages between the envelopes of a batch (HL7 v2, 2.10.3).
pub(super) fn messages(name: &str, bytes: Vec<u8>) -> Vec<(Format, Vec<u8>)> {
    if name.ends_with(".xml") {
        return vec![(Format::Document, bytes)];
    }
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for line in bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()) {
        let is_envelope = [&b"FHS"[..], b"BHS", b"BTS", b"FTS"].iter().any(|name| line.starts_with(name));
        match messages.last_mut() {
            _ if is_envelope => continue,
            Some(message) if !line.starts_with(b"MSH") => message.extend(line),
            _ => messages.push(line.to_vec()),
        }
        messages.iter_mut().last().into_iter().for_each(|message| message.push(b'\r'));
    }
    messages.into_iter().map(|message| (Format::Message, message)).collect()
}

/// Whether a name is one that is taken.
fn is_taken(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.starts_with('.')
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && (name.ends_with(".xml") || name.ends_with(".hl7"))
}

/// The folder and the two in it, held open: what is put in their place meanwhile is not followed.
pub(super) struct Folder {
    own: OwnedFd,
    done: OwnedFd,
    failed: OwnedFd,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let own = rustix::fs::open(path, FOLDER, Mode::empty())?;
        let inner = |name: &str| -> io::Result<OwnedFd> {
            match rustix::fs::mkdirat(&own, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(rustix::fs::openat(&own, name, FOLDER.union(OFlags::NOFOLLOW), Mode::empty())?)
        };
        let (done, failed) = (inner(DONE)?, inner(FAILED)?);
        Ok(Self { own, done, failed })
    }

    /// The files that may be taken, as they look now.
    fn list(&self) -> io::Result<Looks> {
        let mut looks = Looks::new();
        for name in names(&self.own)?.into_iter().filter(|name| is_taken(name)) {
            match rustix::fs::statat(&self.own, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if is_plain(&stat) => _ = looks.insert(name, look(&stat)),
                // A link, a pipe, a folder; or gone already.
                Ok(_) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            if looks.len() >= FILES_PER_ROUND_MAX {
                break;
            }
        }
        Ok(looks)
    }

    /// A file's bytes: `None` if it is not the one that was seen, `Some(None)` if it is too large.
    fn read(&self, name: &str, seen: Look) -> io::Result<Option<Option<Vec<u8>>>> {
        let Some(file) = open_plain(&self.own, name, Some(seen))? else { return Ok(None) };
        bytes_of(file).map(Some)
    }

    /// Moves a file away, if it is still the one that was seen.
    fn put_away(&self, name: &str, seen: Look, into: &str) -> io::Result<()> {
        let now = match rustix::fs::statat(&self.own, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => look(&stat),
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if now != seen {
            return Ok(());
        }
        let folder = self.of(into);
        // The time tells files of one name apart, and how old they are.
        let name_there = format!("{:013}-{name}", clock::now_ms());
        rustix::fs::renameat(&self.own, name, folder, name_there.as_str())?;
        rustix::fs::fsync(folder)?;
        Ok(rustix::fs::fsync(&self.own)?)
    }

    /// Removes what was put away long ago.
    fn prune(&self, keep: Duration) -> io::Result<()> {
        let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let is_old = |name: &str| {
            let time = name.split('-').next().and_then(|time| time.parse::<u64>().ok());
            time.is_some_and(|time_ms| time_ms.saturating_add(keep_ms) <= clock::now_ms())
        };
        let old = self.put_away_files()?.into_iter().filter(|(_, name)| is_old(name));
        old.into_iter().try_for_each(|(into, name)| self.remove(into, &name))
    }

    fn of(&self, into: &str) -> &OwnedFd {
        if into == DONE { &self.done } else { &self.failed }
    }

    /// What was put away: where, and its name there.
    pub(super) fn put_away_files(&self) -> io::Result<Vec<(&'static str, String)>> {
        let of = |into| Ok::<_, io::Error>(names(self.of(into))?.into_iter().map(move |name| (into, name)));
        Ok(of(DONE)?.chain(of(FAILED)?).collect())
    }

    /// The bytes of a file that was put away; none of one that is too large or no plain file.
    pub(super) fn read_away(&self, into: &str, name: &str) -> io::Result<Vec<u8>> {
        Ok(match open_plain(self.of(into), name, None)? {
            Some(file) => bytes_of(file)?.unwrap_or_default(),
            None => Vec::new(),
        })
    }

    /// Removes a file that was put away.
    pub(super) fn remove(&self, into: &str, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(self.of(into), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Names of files in a folder that a person could type, in order.
fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        if let Ok(name) = entry?.file_name().to_str()
            && !name.starts_with('.')
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.retain(|name| ![DONE, FAILED].contains(&name.as_str()));
    Ok(names)
}

/// A file that has one name: a second may stand anywhere.
fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1
}

/// Opens a plain file, and the one that was seen; a pipe is not waited for.
fn open_plain(folder: &OwnedFd, name: &str, seen: Option<Look>) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stat = rustix::fs::fstat(&file)?;
    let is_it = is_plain(&stat) && seen.is_none_or(|seen| seen == look(&stat));
    Ok(is_it.then(|| File::from(file)))
}

/// A file's bytes; `None` if they are too many.
fn bytes_of(file: File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= FILE_BYTES_MAX).then_some(bytes))
}
