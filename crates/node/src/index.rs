//! The node's own index: transaction id -> where it is final, and its receipt; and the epochs.
//!
//! Durable before a block counts as processed, so that a crash at any point leaves no gap: the block is delivered
//! again and indexed again. Readable from the moment of finality: what is not on disk yet is in memory.

use crate::epochs::EpochRecord;
use crate::measures::between;
use crate::runtime::Runtime;
use commonware_utils::sync::Mutex;
use redb::backends::InMemoryBackend;
use redb::{AccessGuard, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use salus_types::block::Receipt;
use salus_types::state::StateKey;
use salus_types::{Digest, PublicKey, TransactionId};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of the table's pages that are kept in memory.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Transaction id -> height, position, entry.
const PLACES: TableDefinition<'_, &[u8; 32], (u64, u32, &[u8; 32])> = TableDefinition::new("places");
/// Epoch -> first height, number of blocks, digest of the block before, number of members, keys of the validators.
const EPOCHS: TableDefinition<'_, u64, EpochRow> = TableDefinition::new("epochs");

/// Number -> encoded handover of the anchor from which this node began.
const HANDOVERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("handovers");
/// What there is one of.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
/// In [`FACTS`]: the epoch in which this node joined.
const JOINED: &str = "joined";

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

/// The epoch in which a node joined, and the encoded handovers until then.
type Joined = (u64, Vec<Vec<u8>>);

/// The index; cheap to clone.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    database: Database,
    /// Final, and not on disk yet.
    fresh: Mutex<HashMap<TransactionId, Place>>,
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
            transaction.open_table(PLACES)?;
            transaction.open_table(EPOCHS)?;
            transaction.open_table(HANDOVERS)?;
            transaction.open_table(FACTS)?;
            transaction.commit()?;
            Ok(database)
        };
        Ok(Self(Arc::new(Inner {
            database: open()?,
            fresh: Mutex::default(),
            fresh_epoch: Mutex::default(),
            fresh_join: Mutex::default(),
        })))
    }

    /// Notes the transactions of a finalised block; a block may come twice.
    pub fn insert(&self, height: u64, receipts: &[Receipt]) {
        let mut fresh = self.0.fresh.lock();
        for (position, receipt) in receipts.iter().enumerate() {
            let place = Place { height, position: position as u32, entry: receipt.entry };
            fresh.insert(receipt.transaction, place);
        }
    }

    /// Notes an epoch that begins; one may come twice.
    pub fn insert_epoch(&self, record: EpochRecord) {
        *self.0.fresh_epoch.lock() = Some(record);
    }

    /// Notes that this node begins in an epoch, with the encoded handovers until then.
    pub fn join(&self, epoch: u64, handovers: Vec<Vec<u8>>) {
        *self.0.fresh_join.lock() = Some((epoch, handovers));
    }

    /// Makes all that was noted durable, off the threads that run the actors; tells how long that took.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn commit<E: Runtime>(&self, runtime: E) -> Duration {
        let nothing = self.0.fresh.lock().is_empty()
            && self.0.fresh_epoch.lock().is_none()
            && self.0.fresh_join.lock().is_none();
        if nothing {
            return Duration::ZERO;
        }
        let index = self.clone();
        let written = runtime.shared(true).spawn(move |context| async move {
            let begun = context.current();
            index.write().map(|()| between(begun, context.current()))
        });
        match written.await {
            Ok(result) => result.expect(FAILED),
            // The node is stopping: the block stays unacknowledged and comes again.
            Err(_) => std::future::pending().await,
        }
    }

    fn write(&self) -> Result<(), redb::Error> {
        let fresh = self.0.fresh.lock().clone();
        let epoch = self.0.fresh_epoch.lock().take();
        let join = self.0.fresh_join.lock().take();
        let transaction = self.0.database.begin_write()?;
        {
            let mut table = transaction.open_table(PLACES)?;
            for (id, place) in &fresh {
                table.insert(&id.0.0, (place.height, place.position, &place.entry.0.0))?;
            }
            let mut table = transaction.open_table(EPOCHS)?;
            if let Some(epoch) = epoch {
                let keys: Vec<u8> = epoch.validators.iter().flat_map(|key| key.0).collect();
                let row = (epoch.first_height, epoch.blocks, &epoch.parent.0, epoch.members, &*keys);
                table.insert(epoch.epoch, row)?;
                forget_unchanged(&mut table)?;
            }
            if let Some((epoch, handovers)) = join {
                transaction.open_table(FACTS)?.insert(JOINED, epoch)?;
                let mut table = transaction.open_table(HANDOVERS)?;
                for (number, handover) in (0..).zip(&handovers) {
                    table.insert(number, handover.as_slice())?;
                }
            }
        }
        transaction.commit()?;
        self.0.fresh.lock().retain(|id, _| !fresh.contains_key(id));
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

    /// The epoch in which this node joined, if it did not begin with the network, and the handovers until then.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn joined(&self) -> Option<Joined> {
        let read = || -> Result<Option<Joined>, redb::Error> {
            let transaction = self.0.database.begin_read()?;
            let Some(epoch) = transaction.open_table(FACTS)?.get(JOINED)? else { return Ok(None) };
            let table = transaction.open_table(HANDOVERS)?;
            let handovers: Result<_, redb::Error> =
                table.iter()?.map(|row| Ok(row?.1.value().to_vec())).collect();
            Ok(Some((epoch.value(), handovers?)))
        };
        read().expect(FAILED)
    }

    /// Where a transaction is final.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn get(&self, id: &TransactionId) -> Option<Place> {
        if let Some(place) = self.0.fresh.lock().get(id) {
            return Some(*place);
        }
        self.read(id).expect(FAILED)
    }

    fn read(&self, id: &TransactionId) -> Result<Option<Place>, redb::Error> {
        let table = self.0.database.begin_read()?.open_table(PLACES)?;
        let found = table.get(&id.0.0)?.map(|row| {
            let (height, position, entry) = row.value();
            Place { height, position, entry: StateKey(Digest(*entry)) }
        });
        Ok(found)
    }
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
