//! The node's own index: transaction id -> where it is final, and its receipt. Durable before a block counts as
//! processed, so that a crash at any point leaves no gap: the block is delivered again and indexed again.

use crate::block::to_commonware;
use crate::runtime::Runtime;
use bytes::BufMut;
use commonware_codec::{Buf, Error, FixedSize, Read, ReadExt as _, Write};
use commonware_cryptography::sha256;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::{Archive as _, Identifier, immutable};
use salus_types::TransactionId;
use salus_types::block::Receipt;
use salus_types::state::StateKey;
use tokio::sync::RwLock;

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

impl Write for Place {
    fn write(&self, buf: &mut impl BufMut) {
        self.height.write(buf);
        self.position.write(buf);
        self.entry.write(buf);
    }
}

impl FixedSize for Place {
    const SIZE: usize = 8 + 4 + 32;
}

impl Read for Place {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        Ok(Self { height: u64::read(buf)?, position: u32::read(buf)?, entry: StateKey::read_cfg(buf, &())? })
    }
}

type Archive<E> = immutable::Archive<E, sha256::Digest, Place>;

/// The index. A failed write loses the archive and ends the node; a restart recovers.
pub struct Index<E: Runtime>(RwLock<Slot<E>>);

struct Slot<E: Runtime> {
    archive: Option<Archive<E>>,
    dirty: bool,
}

const LOST: &str = "the transaction index was lost by a failed write; restart to recover";

impl<E: Runtime> Index<E> {
    /// Opens the index.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn open(context: E, prefix: &str, page_cache: CacheRef) -> Self {
        let config = crate::store::archive_config(prefix, "transactions", page_cache, ());
        let archive = Archive::init(context, config).await.expect("opening the transaction index failed");
        Self(RwLock::new(Slot { archive: Some(archive), dirty: false }))
    }

    /// Notes the transactions of a finalised block; a block may come twice.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn insert(&self, height: u64, receipts: &[Receipt]) {
        let Some(first) = receipts.first() else { return };
        let mut slot = self.0.write().await;
        let mut archive = slot.archive.take().expect(LOST);
        // A block is indexed as a whole or not at all: its entries are committed together.
        if !archive.has(Identifier::Key(&to_commonware(first.transaction.0))).await.expect(LOST) {
            for (position, receipt) in receipts.iter().enumerate() {
                let next = archive.last_index().map_or(0, |last| last + 1);
                let place = Place { height, position: position as u32, entry: receipt.entry };
                archive = archive.put(next, to_commonware(receipt.transaction.0), &place).await.expect(LOST);
            }
        }
        slot.archive = Some(archive);
        slot.dirty = true;
    }

    /// Makes all that was noted durable.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn commit(&self) {
        let mut slot = self.0.write().await;
        if std::mem::take(&mut slot.dirty) {
            let archive = slot.archive.take().expect(LOST);
            slot.archive = Some(archive.sync().await.expect(LOST));
        }
    }

    /// Where a transaction is final.
    ///
    /// # Panics
    /// If the storage fails.
    pub async fn get(&self, id: &TransactionId) -> Option<Place> {
        let slot = self.0.read().await;
        let key = to_commonware(id.0);
        slot.archive.as_ref().expect(LOST).get(Identifier::Key(&key)).await.expect(LOST)
    }
}
