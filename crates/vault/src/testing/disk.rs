//! A disk on which writes fail, below tables and packs of the stores whose folder is named here.

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    /// One write fails, as with a bad sector.
    Once,
    /// This write and all after it fail, as on a full disk, until [`Disk::mend`].
    FromThenOn,
}

/// What becomes of writes in one folder.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    writes: AtomicU64,
    failed: AtomicU64,
    plan: Mutex<Option<(u64, Fails)>>,
}

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Arc<Disk>>>> = LazyLock::new(Mutex::default);

/// The disk under a folder; from then on stores that are opened there use it.
pub(crate) fn under(folder: &Path) -> Arc<Disk> {
    DISKS.lock().expect("unpoisoned").entry(folder.to_owned()).or_default().clone()
}

pub(crate) fn find(folder: &Path) -> Option<Arc<Disk>> {
    DISKS.lock().expect("unpoisoned").get(folder).cloned()
}

impl Disk {
    /// The `nth` write from now on fails, from 0.
    pub(crate) fn fail(&self, nth: u64, fails: Fails) {
        *self.plan.lock().expect("unpoisoned") = Some((self.writes() + nth, fails));
    }

    pub(crate) fn mend(&self) {
        *self.plan.lock().expect("unpoisoned") = None;
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Whether it has failed and is not mended: tables that a write has failed answer nothing until they are opened again.
    pub(crate) fn is_failing(&self) -> bool {
        self.plan.lock().expect("unpoisoned").is_some() && self.failed() > 0
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::SeqCst)
    }

    /// Every write passes here first.
    pub(crate) fn write(&self) -> io::Result<()> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        let fails = match *self.plan.lock().expect("unpoisoned") {
            Some((at, Fails::Once)) => number == at,
            Some((at, Fails::FromThenOn)) => number >= at,
            None => false,
        };
        if !fails {
            return Ok(());
        }
        self.failed.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the test's disk"))
    }
}

/// A file of tables on such a disk.
#[derive(Debug)]
pub(crate) struct Tables {
    file: FileBackend,
    disk: Arc<Disk>,
}

impl Tables {
    pub(crate) fn open(path: &Path, disk: Arc<Disk>) -> Result<Self, redb::DatabaseError> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file: FileBackend::new(file)?, disk })
    }
}

type Place = Bound<u64>;

impl StorageBackend for Tables {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.write()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.write()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Place, end: Place) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Place, end: Place) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Place, end: Place) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Place, end: Place) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Place, end: Place) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Place, end: Place) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
