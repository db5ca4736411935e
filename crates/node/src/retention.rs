//! What a node may forget: blocks older than the parameter `blocks_retained` says.
//!
//! Upon every epoch: the handovers until then are kept, and what is below the height goes: blocks, certificates, places
//! of transactions. The state, and what proves it, stays. Stores delete whole sections, so that some more stays.

use crate::handle::NodeHandle;
use crate::index::Index;
use crate::runtime::Runtime;
use commonware_consensus::marshal::store::{Blocks, Certificates};
use commonware_consensus::simplex::types::Finalization;
use commonware_consensus::types::Height;
use commonware_cryptography::Digestible;
use commonware_glue::stateful::PruneConfig;
use commonware_runtime::Handle;
use commonware_storage::archive::Identifier;
use commonware_utils::NZUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Blocks for which a node that fetches the state still finds the old operations of it.
const STATE_BLOCKS: usize = 1_024;

/// How the state's operations are deleted that nothing in the state rests on any more. Blocks go by [`Retained`].
pub(crate) const PRUNING: PruneConfig = PruneConfig {
    maintenance_interval: NZUsize!(256),
    retained_marshal_blocks: STATE_BLOCKS,
    retained_qmdb_blocks: STATE_BLOCKS,
};

/// The height below which blocks may go; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Floor(Arc<AtomicU64>);

impl Floor {
    fn raise(&self, height: u64) {
        self.0.fetch_max(height, Ordering::Relaxed);
    }

    fn at_most(&self, height: Height) -> Height {
        Height::new(height.get().min(self.0.load(Ordering::Relaxed)))
    }
}

/// Forgets what the members have agreed that nobody must keep, as long as the node runs.
pub(crate) async fn forget_old_blocks<E: Runtime>(context: E, node: NodeHandle, index: Index, floor: Floor) {
    node.opened().await;
    let mut epochs = node.watch_epoch();
    loop {
        let view = epochs.changed().await;
        let below = node.head().height.saturating_sub(view.parameters.blocks_retained);
        if below <= index.oldest() {
            continue;
        }
        let handovers = node.handovers().await;
        index.prune(context.child("prune"), below, handovers).await;
        floor.raise(below);
        tracing::info!(below, "older blocks are forgotten");
    }
}

/// A store that forgets nothing above the floor, whatever it is told.
pub(crate) struct Retained<A> {
    archive: A,
    floor: Floor,
}

impl<A> Retained<A> {
    pub(crate) fn new(archive: A, floor: Floor) -> Self {
        Self { archive, floor }
    }
}

impl<A: Blocks> Blocks for Retained<A> {
    type Block = A::Block;
    type Error = A::Error;

    async fn put(self, digest: <A::Block as Digestible>::Digest, block: &A::Block) -> Result<Self, A::Error> {
        let Self { archive, floor } = self;
        Ok(Self::new(archive.put(digest, block).await?, floor))
    }

    async fn sync(self) -> Result<Self, A::Error> {
        let Self { archive, floor } = self;
        Ok(Self::new(archive.sync().await?, floor))
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), A::Error> {
        let Self { archive, floor } = self;
        let (archive, handle) = archive.start_sync().await?;
        Ok((Self::new(archive, floor), handle))
    }

    async fn get(
        &self,
        id: Identifier<'_, <A::Block as Digestible>::Digest>,
    ) -> Result<Option<A::Block>, A::Error> {
        self.archive.get(id).await
    }

    async fn prune(self, min: Height) -> Result<Self, A::Error> {
        let Self { archive, floor } = self;
        Ok(Self::new(archive.prune(floor.at_most(min)).await?, floor))
    }

    fn missing_items(&self, start: Height, max: usize) -> Vec<Height> {
        self.archive.missing_items(start, max)
    }

    fn next_gap(&self, value: Height) -> (Option<Height>, Option<Height>) {
        self.archive.next_gap(value)
    }

    fn last_index(&self) -> Option<Height> {
        self.archive.last_index()
    }
}

impl<A: Certificates> Certificates for Retained<A> {
    type BlockDigest = A::BlockDigest;
    type Commitment = A::Commitment;
    type Scheme = A::Scheme;
    type Error = A::Error;

    async fn put(
        self,
        height: Height,
        digest: A::BlockDigest,
        finalization: &Finalization<A::Scheme, A::Commitment>,
    ) -> Result<Self, A::Error> {
        let Self { archive, floor } = self;
        Ok(Self::new(archive.put(height, digest, finalization).await?, floor))
    }

    async fn sync(self) -> Result<Self, A::Error> {
        let Self { archive, floor } = self;
        Ok(Self::new(archive.sync().await?, floor))
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), A::Error> {
        let Self { archive, floor } = self;
        let (archive, handle) = archive.start_sync().await?;
        Ok((Self::new(archive, floor), handle))
    }

    async fn get(
        &self,
        id: Identifier<'_, A::BlockDigest>,
    ) -> Result<Option<Finalization<A::Scheme, A::Commitment>>, A::Error> {
        self.archive.get(id).await
    }

    async fn has(&self, height: Height) -> Result<bool, A::Error> {
        self.archive.has(height).await
    }

    async fn prune(self, min: Height) -> Result<Self, A::Error> {
        let Self { archive, floor } = self;
        Ok(Self::new(archive.prune(floor.at_most(min)).await?, floor))
    }

    fn last_index(&self) -> Option<Height> {
        self.archive.last_index()
    }

    fn ranges_from(&self, from: Height) -> impl Iterator<Item = (Height, Height)> {
        self.archive.ranges_from(from)
    }
}
