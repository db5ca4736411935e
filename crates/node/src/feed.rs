//! News of finalised blocks, for everything else in the process.

use crate::watched::{Follower, Watched};
use commonware_utils::sync::Mutex;
use salus_types::block::{Block, Receipt};
use salus_types::{Digest, TransactionId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{broadcast, oneshot};

/// Finalised blocks kept in memory for whoever follows the chain. A full one takes about two megabytes.
pub const RECENT_COUNT_MAX: usize = 16;
/// Blocks by which a subscriber may lag before it misses some (it then uses `events_from`).
pub const SUBSCRIBER_LAG_MAX: usize = 256;

/// A finalised block with its receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalisedBlock {
    /// Digest of the header.
    pub digest: Digest,
    /// The block.
    pub block: Arc<Block>,
    /// One receipt for each transaction, in order.
    pub receipts: Arc<Vec<Receipt>>,
}

/// The newest block that is final and applied on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height; genesis is 0.
    pub height: u64,
    /// Its time in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Digest of its header.
    pub digest: Digest,
    /// Its epoch.
    pub epoch: u64,
    /// View of that epoch's consensus in which it was proposed.
    pub view: u64,
    /// Root of the state after it.
    pub state_root: Digest,
}

impl Head {
    /// The head that a block makes.
    pub fn of(digest: Digest, block: &Block) -> Self {
        let header = &block.header;
        let (height, time_ms) = (header.height, header.time_ms);
        Self {
            height,
            time_ms,
            digest,
            epoch: header.epoch,
            view: header.view,
            state_root: header.state_root,
        }
    }
}

type Waiters = HashMap<TransactionId, Vec<oneshot::Sender<(u64, u32)>>>;

/// Publishes what is final.
pub struct Feed {
    head: Watched<Head>,
    live: broadcast::Sender<Arc<FinalisedBlock>>,
    recent: Mutex<BTreeMap<u64, Arc<FinalisedBlock>>>,
    waiters: Mutex<Waiters>,
}

impl Feed {
    /// A feed that begins at a head.
    pub fn new(head: Head) -> Self {
        Self {
            head: Watched::new(head),
            live: broadcast::Sender::new(SUBSCRIBER_LAG_MAX),
            recent: Mutex::default(),
            waiters: Mutex::default(),
        }
    }

    /// The head now.
    pub fn head(&self) -> Head {
        self.head.get()
    }

    /// Follows the head.
    pub fn watch(&self) -> Follower<Head> {
        self.head.follow()
    }

    /// Follows new blocks.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.live.subscribe()
    }

    /// A block of the last few.
    pub fn recent(&self, height: u64) -> Option<Arc<FinalisedBlock>> {
        self.recent.lock().get(&height).cloned()
    }

    /// Height and position of a transaction, once a block with it is final.
    pub fn wait(&self, id: TransactionId) -> oneshot::Receiver<(u64, u32)> {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = self.waiters.lock();
        let list = waiters.entry(id).or_default();
        list.retain(|waiter| !waiter.is_closed());
        list.push(sender);
        receiver
    }

    /// Forgets waiters that have gone.
    pub fn forget(&self, id: &TransactionId) {
        let mut waiters = self.waiters.lock();
        if let Some(list) = waiters.get_mut(id) {
            list.retain(|waiter| !waiter.is_closed());
            if list.is_empty() {
                waiters.remove(id);
            }
        }
    }

    /// Moves the head forward without news; for the start.
    pub fn resume(&self, head: Head) {
        self.head.update(|old| {
            let newer = head.height > old.height;
            if newer {
                *old = head;
            }
            newer
        });
    }

    /// Publishes a finalised block. One that was published before is ignored.
    pub fn publish(&self, finalised: FinalisedBlock) {
        let head = Head::of(finalised.digest, &finalised.block);
        let height = head.height;
        let finalised = Arc::new(finalised);
        {
            let mut recent = self.recent.lock();
            recent.insert(height, Arc::clone(&finalised));
            while recent.len() > RECENT_COUNT_MAX {
                recent.pop_first();
            }
        }
        self.resume(head);
        self.answer(height, &finalised.receipts);
        let _ = self.live.send(finalised);
    }

    fn answer(&self, height: u64, receipts: &[Receipt]) {
        let mut waiters = self.waiters.lock();
        if waiters.is_empty() {
            return;
        }
        for (position, receipt) in receipts.iter().enumerate() {
            for waiter in waiters.remove(&receipt.transaction).into_iter().flatten() {
                let _ = waiter.send((height, position as u32));
            }
        }
    }
}
