//! Reading what is final, behind an object-safe trait so that the handle names no runtime.

use crate::block::NodeBlock;
use crate::index::{Index, Place};
use crate::proof::{Shown, state_evidence};
use crate::runtime::Runtime;
use crate::state::{Databases, database_key};
use crate::watched::Watched;
use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_consensus::marshal::Identifier;
use commonware_consensus::marshal::core::Mailbox;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::Height;
use futures::future::{BoxFuture, FutureExt as _};
use salus_types::block::Block;
use salus_types::state::{StateKey, StateValue};
use salus_types::{Digest, TransactionId};
use std::sync::Arc;

/// The marshal's mailbox.
pub(crate) type Marshal = Mailbox<Scheme, Standard<NodeBlock>>;

/// What the handle reads.
pub(crate) trait Reader: Send + Sync {
    /// Waits until the state has been recovered or synced.
    fn opened(&self) -> BoxFuture<'_, ()>;
    /// A final block, if this node has it.
    fn block(&self, height: u64) -> BoxFuture<'_, Option<Arc<Block>>>;
    /// The certificate of exactly this block, if there is one.
    fn certificate(&self, height: u64) -> BoxFuture<'_, Option<Bytes>>;
    /// Where a transaction is final.
    fn place(&self, id: TransactionId) -> BoxFuture<'_, Option<Place>>;
    /// What is under some keys of the newest state, all at one height.
    fn state(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Vec<Option<StateValue>>>;
    /// The same with a proof of each, and the one root to which they lead.
    fn evidence(&self, keys: Vec<StateKey>) -> BoxFuture<'_, (Digest, Vec<Shown>)>;
}

/// The reader of a running node.
pub(crate) struct NodeReader<E: Runtime> {
    pub(crate) marshal: Marshal,
    pub(crate) index: Index,
    /// Empty until the state has been recovered or synced.
    pub(crate) databases: Watched<Option<Databases<E>>>,
}

impl<E: Runtime> NodeReader<E> {
    async fn databases(&self) -> Databases<E> {
        if let Some(databases) = self.databases.get() {
            return databases;
        }
        match self.databases.follow().wait_for(Option::is_some).await {
            Some(databases) => databases,
            None => std::future::pending().await,
        }
    }
}

impl<E: Runtime> Reader for NodeReader<E> {
    fn opened(&self) -> BoxFuture<'_, ()> {
        async move { drop(self.databases().await) }.boxed()
    }

    fn block(&self, height: u64) -> BoxFuture<'_, Option<Arc<Block>>> {
        async move {
            let block = self.marshal.get_block(Identifier::Height(Height::new(height))).await?;
            Some(Arc::clone(block.inner().block()))
        }
        .boxed()
    }

    fn certificate(&self, height: u64) -> BoxFuture<'_, Option<Bytes>> {
        async move { Some(self.marshal.get_finalization(Height::new(height)).await?.encode()) }.boxed()
    }

    fn place(&self, id: TransactionId) -> BoxFuture<'_, Option<Place>> {
        async move { self.index.get(&id) }.boxed()
    }

    fn state(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Vec<Option<StateValue>>> {
        async move {
            let databases = self.databases().await;
            let db = databases.read().await;
            let mut values = Vec::with_capacity(keys.len());
            for key in &keys {
                values.push(db.get(&database_key(key)).await.expect("reading the state failed"));
            }
            values
        }
        .boxed()
    }

    fn evidence(&self, keys: Vec<StateKey>) -> BoxFuture<'_, (Digest, Vec<Shown>)> {
        async move {
            let databases = self.databases().await;
            // Nothing is written while this is held, so all proofs lead to one root.
            let db = databases.read().await;
            state_evidence(&*db, &keys).await
        }
        .boxed()
    }
}
