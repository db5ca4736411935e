//! The node's own index: transaction id -> where it is final, and its receipt; the epochs and their handovers; evidence.
//!
//! Durable before a block counts as processed, so that a crash at any point leaves no gap: the block is delivered
//! again and indexed again. Readable from the moment of finality: what is not on disk yet is in memory.

mod places;

use crate::epochs::EpochRecord;
use crate::evidence::Evidence;
use crate::journal::Journal;
use crate::measures::between;
use crate::runtime::Runtime;
use commonware_codec::Encode as _;
use commonware_utils::sync::Mutex;
use redb::backends::InMemoryBackend;
use redb::{
    AccessGuard, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction,
};
use salus_types::block::Receipt;
use salus_types::proof::Handover;
use salus_types::state::StateKey;
use salus_types::{Digest, PublicKey, TransactionId, decode_canonical};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of the table's pages that are kept in memory.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

pub use places::SEGMENT_BLOCKS;

/// Epoch -> first height, number of blocks, digest of the block before, number of members, keys of the validators.
const EPOCHS: TableDefinition<'_, u64, EpochRow> = TableDefinition::new("epochs");
/// Epoch that it opens -> encoded handover.
const HANDOVERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("handovers");
/// What there is one of.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
/// In [`FACTS`]: the epoch in which this node joined.
const JOINED: &str = "joined";
/// In [`FACTS`]: the height below which blocks may be missing here.
const OLDEST: &str = "oldest";
/// Node key and epoch -> encoded votes.
const EVIDENCE: TableDefinition<'_, (&[u8; 32], u64), &[u8]> = TableDefinition::new("evidence");

type EpochRow = (u64, u64, &'static [u8; 32], u32, &'static [u8]);

/// Where a transaction is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Height of the block.
    pub height: u64,
    /// Position in the block, from 0.
    pub position: u32,
    /// The state entry that it created or changed.
    pub entry: StateKey,
}

/// The index cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("transaction index: {0}")]
pub struct IndexError(#[from] redb::Error);

/// The epoch in which a node joins, and the handovers until then.
type Joined = (u64, Vec<Handover>);

/// The index; cheap to clone.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    database: Database,
    /// Held from before a transaction until what it wrote is no longer noted as new: else the next one finds it again.
    writing: Mutex<()>,
    /// Segments of places that there are.
    segments: Mutex<BTreeSet<u64>>,
    /// Final, and not in the table of places yet.
    journal: Journal,
    /// Begun, and not on disk yet.
    fresh_epoch: Mutex<Option<EpochRecord>>,
    /// Joined, and not on disk yet: the epoch, and the handovers until then.
    fresh_join: Mutex<Option<Joined>>,
}

const FAILED: &str = "the transaction index failed; restart to recover";

impl Index {
    /// Opens the index in a file, or in memory.
    ///
    /// # Errors
    /// [`IndexError`], if the file cannot be opened.
    pub fn open(file: Option<&Path>) -> Result<Self, IndexError> {
        let open = || -> Result<Database, redb::Error> {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES);
            let database = match file {
                Some(file) => builder.create(file)?,
                None => builder.create_with_backend(InMemoryBackend::new())?,
            };
            let transaction = database.begin_write()?;
            transaction.open_table(EPOCHS)?;
            transaction.open_table(HANDOVERS)?;
            transaction.open_table(FACTS)?;
            transaction.open_table(EVIDENCE)?;
            transaction.commit()?;
            Ok(database)
        };
        let database = open()?;
        let segments = Mutex::new(places::segments(&database)?);
        let journal = Journal::open(&database)?;
        Ok(Self(Arc::new(Inner {
            database,
            writing: Mutex::default(),
            segments,
            journal,
            fresh_epoch: Mutex::default(),
            fresh_join: Mutex::default(),
        })))
    }

    /// Notes the transactions of a finalised block; a block may come twice.
    pub fn insert(&self, height: u64, receipts: &[Receipt]) {
        let entries = receipts.iter().map(|receipt| (receipt.transaction, receipt.entry));
        self.0.journal.note(height, entries);
    }

    /// Notes an epoch that begins; one may come twice.
    pub fn insert_epoch(&self, record: EpochRecord) {
        *self.0.fresh_epoch.lock() = Some(record);
    }

    /// Notes that this node begins in an epoch, with the handovers until then.
    pub fn join(&self, epoch: u64, handovers: Vec<Handover>) {
        *self.0.fresh_join.lock() = Some((epoch, handovers));
    }

    /// Makes all that was noted durable, off the threads that run the actors; tells how long that took.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn commit<E: Runtime>(&self, runtime: E) -> Duration {
        let nothing = self.0.journal.is_saved()
            && self.0.fresh_epoch.lock().is_none()
            && self.0.fresh_join.lock().is_none();
        if nothing {
            return Duration::ZERO;
        }
        self.write(runtime, Self::write_fresh).await
    }

    /// Writes off the threads that run the actors.
    async fn write<E: Runtime>(
        &self,
        runtime: E,
        write: impl FnOnce(&Self) -> Result<(), redb::Error> + Send + 'static,
    ) -> Duration {
        let index = self.clone();
        let written = runtime.shared(true).spawn(move |context| async move {
            let begun = context.current();
            write(&index).map(|()| between(begun, context.current()))
        });
        match written.await {
            Ok(result) => result.expect(FAILED),
            // The node is stopping: the block stays unacknowledged and comes again.
            Err(_) => std::future::pending().await,
        }
    }

    fn write_fresh(&self) -> Result<(), redb::Error> {
        let _one = self.0.writing.lock();
        let epoch = self.0.fresh_epoch.lock().take();
        let join = self.0.fresh_join.lock().take();
        let transaction = self.0.database.begin_write()?;
        let saved = self.0.journal.save(&transaction)?;
        let written = places::insert(&transaction, saved.part())?;
        {
            let mut table = transaction.open_table(EPOCHS)?;
            if let Some(epoch) = epoch {
                let keys: Vec<u8> = epoch.validators.iter().flat_map(|key| key.0).collect();
                let row = (epoch.first_height, epoch.blocks, &epoch.parent.0, epoch.members, &*keys);
                table.insert(epoch.epoch, row)?;
                forget_unchanged(&mut table)?;
            }
            if let Some((epoch, handovers)) = join {
                transaction.open_table(FACTS)?.insert(JOINED, epoch)?;
                insert_handovers(&transaction, &handovers)?;
            }
        }
        transaction.commit()?;
        self.0.segments.lock().extend(written);
        self.0.journal.committed(saved);
        Ok(())
    }

    /// The epochs that changed something, and the newest.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn epochs(&self) -> Vec<EpochRecord> {
        let read = || -> Result<Vec<EpochRecord>, redb::Error> {
            let table = self.0.database.begin_read()?.open_table(EPOCHS)?;
            table.iter()?.map(|row| Ok(record(&row?))).collect()
        };
        read().expect(FAILED)
    }

    fn fact(&self, name: &str) -> Option<u64> {
        let read = || -> Result<Option<u64>, redb::Error> {
            let facts = self.0.database.begin_read()?.open_table(FACTS)?;
            Ok(facts.get(name)?.map(|value| value.value()))
        };
        read().expect(FAILED)
    }

    /// The epoch in which this node joined, if it did not begin with the network.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn joined(&self) -> Option<u64> {
        self.fact(JOINED)
    }

    /// The height below which blocks may be missing here.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn oldest(&self) -> u64 {
        self.fact(OLDEST).unwrap_or_default()
    }

    /// The handovers that are kept, oldest first: those until this node joined, and those whose blocks went.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn handovers(&self) -> Vec<Handover> {
        let read = || -> Result<Vec<Handover>, redb::Error> {
            let table = self.0.database.begin_read()?.open_table(HANDOVERS)?;
            table.iter()?.map(|row| Ok(decode_canonical(row?.1.value()).expect(FAILED))).collect()
        };
        read().expect(FAILED)
    }

    /// Forgets what is below a height, after the handovers until then are kept.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn prune<E: Runtime>(&self, runtime: E, below: u64, handovers: Vec<Handover>) {
        let prune = move |index: &Self| {
            let segments = index.0.segments.lock().clone();
            let transaction = index.0.database.begin_write()?;
            insert_handovers(&transaction, &handovers)?;
            transaction.open_table(FACTS)?.insert(OLDEST, below)?;
            let gone = places::prune(&transaction, &segments, below)?;
            transaction.commit()?;
            index.0.segments.lock().retain(|segment| !gone.contains(segment));
            Ok(())
        };
        self.write(runtime, prune).await;
    }

    /// The evidence that is kept.
    ///
    /// # Errors
    /// [`IndexError`], if it cannot be read.
    pub fn evidence(&self) -> Result<Vec<Evidence>, IndexError> {
        let read = || -> Result<Vec<Evidence>, redb::Error> {
            let table = self.0.database.begin_read()?.open_table(EVIDENCE)?;
            let mut pieces = Vec::new();
            for row in table.iter()? {
                let (at, votes) = row?;
                let validator = PublicKey(*at.value().0);
                let votes = decode_canonical(votes.value()).ok();
                pieces.extend(votes.map(|contradiction| Evidence { validator, contradiction }));
            }
            Ok(pieces)
        };
        Ok(read()?)
    }

    /// Keeps this evidence, and no other.
    ///
    /// # Panics
    /// If the storage fails.
    pub(crate) async fn keep_evidence<E: Runtime>(&self, runtime: E, pieces: Vec<Evidence>) {
        let keep = move |index: &Self| {
            let transaction = index.0.database.begin_write()?;
            {
                let mut table = transaction.open_table(EVIDENCE)?;
                table.retain(|_, _| false)?;
                for piece in &pieces {
                    let votes = piece.contradiction.encode();
                    table.insert((&piece.validator.0, piece.contradiction.epoch), &votes[..])?;
                }
            }
            transaction.commit()?;
            Ok(())
        };
        self.write(runtime, keep).await;
    }

    /// Where a transaction is final.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn get(&self, id: &TransactionId) -> Option<Place> {
        self.0.journal.get(id).or_else(|| self.read(id).expect(FAILED))
    }

    fn read(&self, id: &TransactionId) -> Result<Option<Place>, redb::Error> {
        let segments = self.0.segments.lock().clone();
        places::get(&self.0.database.begin_read()?, &segments, id)
    }
}

fn insert_handovers(transaction: &WriteTransaction, handovers: &[Handover]) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(HANDOVERS)?;
    for handover in handovers {
        let ends = handover.block.headers.first().map_or(0, |header| header.epoch);
        table.insert(ends + 1, &handover.encode()[..])?;
    }
    Ok(())
}

fn record((epoch, row): &(AccessGuard<'_, u64>, AccessGuard<'_, EpochRow>)) -> EpochRecord {
    let (first_height, blocks, parent, members, keys) = row.value();
    let (validators, _) = keys.as_chunks::<32>();
    EpochRecord {
        epoch: epoch.value(),
        first_height,
        blocks,
        parent: Digest(*parent),
        members,
        validators: validators.iter().map(|key| PublicKey(*key)).collect(),
    }
}

/// Drops the epoch before the newest one, if it changed nothing.
fn forget_unchanged(table: &mut redb::Table<'_, u64, EpochRow>) -> Result<(), redb::Error> {
    let newest: Vec<_> =
        table.iter()?.rev().take(3).map(|row| Ok(record(&row?))).collect::<Result<_, redb::Error>>()?;
    if let [_, before, earlier] = &newest[..]
        && !before.changes(earlier)
    {
        table.remove(before.epoch)?;
    }
    Ok(())
}
