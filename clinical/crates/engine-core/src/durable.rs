//! Acknowledged means durable.
//!
//! The engine's pool opens its connections with `synchronous=NORMAL`: a commit is written to the WAL but not
//! forced to the disk. Before an answer to a write leaves the process, [`Durable::sync`] forces the WAL file;
//! that is the very call that `synchronous=FULL` makes after each commit, except that one call here serves
//! every commit that finished before it began.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Mutex;

use crate::Error;

pub(crate) struct Durable {
    wal: Arc<File>,
    /// Commits that asked to be made durable.
    asked: AtomicU64,
    /// Commits known to be durable.
    done: Mutex<u64>,
}

impl Durable {
    /// `wal` exists for as long as one connection to the database stays open.
    pub(crate) fn open(wal: &Path) -> Result<Self, Error> {
        let file = File::open(wal).map_err(|e| Error::Store(format!("open the write-ahead log: {e}")))?;
        let folder = wal.parent().map(File::open).transpose();
        folder
            .and_then(|folder| folder.map_or(Ok(()), |folder| folder.sync_all()))
            .map_err(|e| Error::Store(format!("sync the data folder: {e}")))?;
        Ok(Self { wal: Arc::new(file), asked: AtomicU64::new(0), done: Mutex::new(0) })
    }

    /// Returns once everything committed before the call is on the disk.
    pub(crate) async fn sync(&self) -> Result<(), Error> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().await;
        if *done >= mine {
            return Ok(());
        }
        let upto = self.asked.load(Ordering::SeqCst);
        let wal = Arc::clone(&self.wal);
        tokio::task::spawn_blocking(move || wal.sync_data())
            .await
            .map_err(|e| Error::Store(format!("sync task: {e}")))?
            .map_err(|e| Error::Store(format!("sync the write-ahead log: {e}")))?;
        *done = upto;
        Ok(())
    }
}
