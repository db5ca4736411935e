//! The access log: who looked at whose records, when, why. Hash-chained, gap-free, anchored.
//!
//! * Every entry carries the hash of the one before, a number in this node's log without gaps, a number in the log of
//!   its practitioner (or system) without gaps, and one in the log of its patient: a missing entry shows, to the patient
//!   too. The rules are those of [`salus_verifier::Position`], by which others check the log.
//! * An entry is written **before** the answer leaves. It is appended to a journal with one `write`, which
//!   survives the end of the process at any point; within milliseconds it is committed to the database and on
//!   disk, many entries at a time. Imports, chart openings and writes wait for that ([`Receipt::durable`]), and are not
//!   kept waiting for others; plain reads do not wait, so that a read costs microseconds. A power failure can lose entries of plain reads of
//!   the last commit interval (about 30 ms); the chain itself is never broken by it.
//! * The entries are the leaves of a tree that only grows. Its root is put on the ledger every so often ([`anchor`]):
//!   entries cannot be changed or removed after that without showing, and a short path shows that one is there.
//!
//! What it does not do: it says nothing about who looked with database tools, past the gateway.

pub(crate) mod anchor;
mod commit;
mod journal;
mod query;
#[cfg(test)]
mod tests;

pub use query::{Line, Page};
pub use salus_types::access_log::{Access, Entry, Kind, Who};

use crate::clock;
use crate::error::{Code, Error};
use crate::state::OpenError;
use crate::store::Store;
use commit::{Committed, Hurry, Pending};
use journal::Journal;
use salus_crypto::random;
use salus_types::Digest;
use salus_verifier::Position;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// Entries that may wait for the database; beyond that the node answers 503 instead of reading unlogged.
const WAITING_ENTRIES_MAX: usize = 16_384;

/// The log; cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    store: Store,
    tail: Arc<Mutex<Tail>>,
    committed: watch::Receiver<Committed>,
    hurry: Arc<Hurry>,
    /// Held while an anchor is made: two would cover the same entries.
    anchoring: Arc<tokio::sync::Mutex<()>>,
}

/// A practitioner at work.
impl From<&crate::fhir::principal::Practitioner> for Who {
    fn from(who: &crate::fhir::principal::Practitioner) -> Self {
        Self::Practitioner {
            id: who.id.clone(),
            name: who.name.clone(),
            role: who.role.as_str().to_owned(),
            commitment: who.commitment,
        }
    }
}

/// Where the next entry goes.
struct Tail {
    position: Position,
    journal: Journal,
    queue: mpsc::Sender<Pending>,
}

/// An entry that is in the log.
#[derive(Debug)]
pub struct Receipt {
    /// Its number.
    pub number: u64,
    durable: oneshot::Receiver<()>,
    hurry: Arc<Hurry>,
}

impl Receipt {
    /// Waits until the entry is on disk.
    ///
    /// # Errors
    /// [`Code::Away`] if the database does not take it.
    pub async fn durable(self) -> Result<(), Error> {
        self.hurry.ask();
        self.durable.await.map_err(|_| away())
    }
}

fn away() -> Error {
    Error::new(Code::Away, "the access log takes no entries, and nothing is read unlogged").retry_after(2)
}

impl AccessLog {
    /// Opens the log, and brings what the journal has beyond the database into it.
    ///
    /// # Errors
    /// [`OpenError`] if the journal and the database do not fit together.
    pub(crate) fn open(store: Store, journal: &Path) -> Result<Self, OpenError> {
        let (mut journal, lines) = Journal::open(journal, store.seal().clone())?;
        let (position, frontier) = commit::recover(&store, lines)?;
        journal.clear()?;
        let (queue, waiting) = mpsc::channel(WAITING_ENTRIES_MAX);
        let (sender, committed) = watch::channel(Committed::of(&frontier));
        let tail = Arc::new(Mutex::new(Tail { position, journal, queue }));
        let hurry = Arc::<Hurry>::default();
        let told = (sender, Arc::clone(&hurry));
        let committer = commit::Committer::new(store.clone(), Arc::downgrade(&tail), waiting, told, frontier);
        std::thread::Builder::new().name("access-log".into()).spawn(move || committer.run())?;
        Ok(Self { store, tail, committed, hurry, anchoring: Arc::default() })
    }

    /// Writes an entry. When this returns, the end of the process does not lose it.
    ///
    /// # Errors
    /// [`Code::Away`] if the log takes no entries: then nothing may be answered.
    pub fn append(&self, access: Access) -> Result<Receipt, Error> {
        let (done, durable) = oneshot::channel();
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tail.queue.clone().try_reserve_owned().map_err(|_| away())?;
        let (entry, line, next) = tail.position.follow(access, clock::now_ms(), Digest(random::bytes()));
        if let Err(error) = tail.journal.append(&line) {
            tracing::error!(%error, "the access log's journal cannot be written");
            return Err(away());
        }
        tail.position.advance(&entry, next);
        let number = entry.number;
        place.send(Pending { entry, line, hash: next, done });
        Ok(Receipt { number, durable, hurry: Arc::clone(&self.hurry) })
    }

    /// Waits until everything written so far is on disk.
    pub async fn flush(&self) {
        let last = self.tail.lock().unwrap_or_else(PoisonError::into_inner).position.number();
        let mut committed = self.committed.clone();
        self.hurry.ask();
        // An error means that the committer is gone: nothing more will be on disk.
        let _ = committed.wait_for(|committed| committed.entries >= last).await;
    }
}
