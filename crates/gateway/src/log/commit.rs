//! Brings entries into the database, many at a time, and on disk.

use super::{Entry, Tail};
use crate::state::OpenError;
use crate::store::{ReadTransaction, Seal, Store, StoreError, WriteTransaction};
use redb::{ReadableTable as _, TableDefinition, TableError, TableHandle as _};
use salus_crypto::merkle::{Frontier, Node};
use salus_types::Digest;
use salus_types::access_log::{leaf, line_hash, patient_key};
use salus_verifier::Position;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

/// Entries by number: the exact JSON line, sealed.
pub(crate) const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log-entries");
/// The patient's own number, by (patient, number).
pub(crate) const BY_PATIENT: TableDefinition<'_, (&str, u64), u64> = TableDefinition::new("log-by-patient");
/// Nodes of the tree under which every place is taken, by (level, index).
pub(crate) const NODES: TableDefinition<'_, (u32, u64), &[u8; 32]> = TableDefinition::new("log-nodes");
/// Newest own number by who, and by patient.
pub(crate) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("log-counters");

/// Entries in one commit.
const COMMIT_ENTRIES_MAX: usize = 4_096;
/// How long entries for which nobody waits gather before they are committed: with the commit itself, the interval of
/// which a power failure can take entries of plain reads.
const GATHER: Duration = Duration::from_millis(25);
/// Pause after a failed commit.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The part of the chain that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Number of entries.
    pub(crate) entries: u64,
    /// Root of the tree over them.
    pub(crate) head: Digest,
}

impl Committed {
    pub(crate) fn of(frontier: &Frontier) -> Self {
        Self { entries: frontier.size(), head: frontier.root() }
    }
}

/// An entry that is in the journal and waits for the database.
pub(crate) struct Pending {
    pub(crate) entry: Entry,
    pub(crate) line: Vec<u8>,
    pub(crate) hash: Digest,
    pub(crate) done: oneshot::Sender<()>,
}

/// Tells the thread that commits that somebody waits for the disk.
#[derive(Debug, Default)]
pub(crate) struct Hurry {
    wanted: AtomicBool,
    committer: OnceLock<Thread>,
}

impl Hurry {
    /// Whatever is in the queue by now is committed without waiting for more.
    pub(crate) fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        if let Some(committer) = self.committer.get() {
            committer.unpark();
        }
    }

    /// Waits until somebody asks, at most for [`GATHER`].
    fn wait(&self) {
        let until = Instant::now() + GATHER;
        while !self.wanted.swap(false, Ordering::SeqCst) {
            match until.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => std::thread::park_timeout(left),
                _ => return,
            }
        }
    }
}

/// The one thread that commits.
pub(crate) struct Committer {
    store: Store,
    tail: Weak<Mutex<Tail>>,
    waiting: mpsc::Receiver<Pending>,
    committed: watch::Sender<Committed>,
    hurry: Arc<Hurry>,
    frontier: Frontier,
}

impl Committer {
    pub(crate) fn new(
        store: Store,
        tail: Weak<Mutex<Tail>>,
        waiting: mpsc::Receiver<Pending>,
        (committed, hurry): (watch::Sender<Committed>, Arc<Hurry>),
        frontier: Frontier,
    ) -> Self {
        Self { store, tail, waiting, committed, hurry, frontier }
    }

    /// Runs until the log is dropped and everything is committed.
    pub(crate) fn run(mut self) {
        let _ = self.hurry.committer.set(std::thread::current());
        let mut batch = Vec::new();
        while self.waiting.blocking_recv_many(&mut batch, COMMIT_ENTRIES_MAX) > 0 {
            self.gather(&mut batch);
            let nodes: Vec<_> =
                batch.iter().flat_map(|pending| self.frontier.push(leaf(&pending.hash))).collect();
            while let Err(error) = self.commit(&batch, &nodes) {
                tracing::error!(%error, "the access log cannot be committed; trying again");
                std::thread::park_timeout(RETRY_PAUSE);
            }
            if let Some(last) = batch.last() {
                self.committed.send_replace(Committed::of(&self.frontier));
                self.tidy_journal(last.entry.number);
            }
            for pending in batch.drain(..) {
                // Nobody has to wait for it.
                let _ = pending.done.send(());
            }
        }
    }

    /// Waits for more entries, unless somebody waits for these, or there are none to come.
    fn gather(&mut self, batch: &mut Vec<Pending>) {
        if !self.waiting.is_closed() {
            self.hurry.wait();
        }
        while batch.len() < COMMIT_ENTRIES_MAX
            && let Ok(pending) = self.waiting.try_recv()
        {
            batch.push(pending);
        }
    }

    fn commit(&self, batch: &[Pending], nodes: &[Node]) -> Result<(), StoreError> {
        self.store.write_blocking(|transaction| {
            insert(transaction, batch.iter().map(|pending| (&pending.entry, pending.line.as_slice())))?;
            insert_nodes(transaction, nodes)
        })
    }

    fn tidy_journal(&self, committed: u64) {
        let Some(tail) = self.tail.upgrade() else { return };
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.position.number() == committed
            && tail.journal.is_long()
            && let Err(error) = tail.journal.clear()
        {
            tracing::warn!(%error, "the access log's journal cannot be emptied");
        }
    }
}

fn insert<'a>(
    transaction: &WriteTransaction,
    entries: impl Iterator<Item = (&'a Entry, &'a [u8])>,
) -> Result<(), StoreError> {
    let (mut lines, seal) = (transaction.open_table(ENTRIES)?, transaction.seal());
    let mut by_patient = transaction.open_table(BY_PATIENT)?;
    // Of each counter only the newest number counts.
    let mut newest = BTreeMap::new();
    for (entry, line) in entries {
        lines.insert(entry.number, sealed(seal, entry.number, line).as_slice())?;
        newest.insert(entry.access.who.key(), entry.own_number);
        if let (Some(patient), Some(number)) = (&entry.access.patient, entry.patient_number) {
            by_patient.insert((patient.as_str(), entry.number), number)?;
            newest.insert(patient_key(patient), number);
        }
    }
    let mut counters = transaction.open_table(COUNTERS)?;
    for (key, number) in newest {
        counters.insert(key.as_str(), number)?;
    }
    Ok(())
}

/// An entry's line as it lies in the table.
pub(super) fn sealed(seal: &Seal, number: u64, line: &[u8]) -> Vec<u8> {
    seal.row(ENTRIES.name(), &number.to_be_bytes(), line)
}

/// The line of an entry.
pub(super) fn opened(seal: &Seal, number: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    seal.open_row(ENTRIES.name(), &number.to_be_bytes(), sealed).ok_or(StoreError::Row("log-entries"))
}

fn insert_nodes(transaction: &WriteTransaction, nodes: &[Node]) -> Result<(), StoreError> {
    let mut table = transaction.open_table(NODES)?;
    for node in nodes {
        table.insert((node.level, node.index), &node.hash.0)?;
    }
    Ok(())
}

/// The end of the chain, after the journal's lines that the database lacks were brought into it.
pub(crate) fn recover(store: &Store, lines: Vec<Vec<u8>>) -> Result<(Position, Frontier), OpenError> {
    let mut position = stored_position(store)?;
    let mut frontier = store.read(|transaction| stored_frontier(transaction, position.number()))?;
    let (mut missing, mut nodes) = (Vec::new(), Vec::new());
    for line in lines {
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else {
            // A power failure can leave a tail that was never written out.
            tracing::warn!("the access log's journal ends with a line that does not parse");
            break;
        };
        if entry.number <= position.number() {
            continue;
        }
        if position.check(&entry).is_err() {
            return Err(OpenError::Log("the journal does not continue the database".into()));
        }
        let hash = line_hash(&line);
        position.advance(&entry, hash);
        nodes.extend(frontier.push(leaf(&hash)));
        missing.push((entry, line));
    }
    store.write_blocking(|transaction| {
        insert(transaction, missing.iter().map(|(entry, line)| (entry, line.as_slice())))?;
        insert_nodes(transaction, &nodes)
    })?;
    Ok((position, frontier))
}

/// The right edge of the tree as it was after so many entries.
pub(super) fn stored_frontier(transaction: &ReadTransaction, entries: u64) -> Result<Frontier, StoreError> {
    if entries == 0 {
        return Ok(Frontier::default());
    }
    let table = transaction.open_table(NODES)?;
    Frontier::of(entries, |level, index| {
        let hash = table.get((level, index))?.ok_or(StoreError::Row("log-nodes"))?;
        Ok(Digest(*hash.value()))
    })
}

fn stored_position(store: &Store) -> Result<Position, OpenError> {
    let last = store.read(|transaction| {
        let table = match transaction.open_table(ENTRIES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let last = match table.last()? {
            Some((number, sealed)) => Some(opened(transaction.seal(), number.value(), sealed.value())?),
            None => None,
        };
        let mut counters = HashMap::new();
        for row in transaction.open_table(COUNTERS)?.iter()? {
            let (key, number) = row?;
            counters.insert(key.value().to_owned(), number.value());
        }
        Ok(last.map(|line| (line, counters)))
    })?;
    let Some((line, counters)) = last else { return Ok(Position::default()) };
    let entry: Entry = serde_json::from_slice(&line)
        .map_err(|_| OpenError::Log("the newest entry does not parse".into()))?;
    Ok(Position::resume(Some((&entry, line_hash(&line))), counters))
}
