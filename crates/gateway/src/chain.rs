//! The ledger as the gateway sees it: submit, follow, read, prove. Only finalised blocks are truth.
//!
//! Implemented elsewhere: by an adapter around the node in the same process, and later by an HTTP client.
//! Architecture invariant: the gateway never sees the ledger's contracts or the node's wiring.

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use salus_types::block::{Block, Receipt};
use salus_types::genesis::Parameters;
use salus_types::organisation::Organisation;
use salus_types::proof::{AnchorProofs, BatchId, CertifiedHeader, Handover};
use salus_types::state::{OrganisationEntry, StateKey};
use salus_types::transaction::Transaction;
use salus_types::{Digest, OrganisationId, PublicKey, TransactionId};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Most headers in one answer.
pub const HEADERS_COUNT_MAX: u64 = 256;

/// Longest wait of a transaction that an organisation signs, in blocks.
const LIFETIME_BLOCKS_MAX: u64 = 2_000;

/// Why the ledger does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The transaction can never apply: malformed, wrongly signed, for another network.
    #[error("the transaction is invalid: {0}")]
    Invalid(String),
    /// The ledger's rules refuse it in the state as it is.
    #[error("the ledger refuses the transaction: {0}")]
    Refused(String),
    /// Too many transactions wait.
    #[error("the ledger takes no more transactions for the moment")]
    Full,
    /// The node does not answer, or not in time.
    #[error("the ledger is not available for the moment")]
    Away,
}

/// Where a transaction became final, and the entry that it created or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finalised {
    /// Height of the block.
    pub height: u64,
    /// Time of the block in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// The entry.
    pub entry: StateKey,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// It waits for a block.
    Pending,
    /// It is final.
    Final(Finalised),
    /// It was dropped.
    Rejected {
        /// Why, in plain words.
        reason: String,
    },
    /// This node does not know it.
    Unknown,
}

/// The newest block that is final and applied on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Height; genesis is 0.
    pub height: u64,
    /// Time in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Digest of the header.
    pub digest: Digest,
}

/// The network in its running epoch: what the votes of its members have made of the genesis so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkView {
    /// Number of the epoch, from 0.
    pub epoch: u64,
    /// Height of its first block.
    pub first_height: u64,
    /// Height of its last block: what is accepted until then is in force afterwards.
    pub last_height: u64,
    /// The parameters in force.
    pub parameters: Parameters,
    /// The members, by their places.
    pub members: Vec<OrganisationEntry>,
}

impl NetworkView {
    /// The members as organisations.
    pub fn organisations(&self) -> impl Iterator<Item = &Organisation> {
        self.members.iter().map(|member| &member.organisation)
    }

    /// The member with a short name.
    pub fn organisation(&self, id: &OrganisationId) -> Option<&Organisation> {
        self.organisations().find(|organisation| organisation.id == *id)
    }

    /// How long a transaction that is signed here may wait, in blocks: half of what the network allows, so that nodes
    /// which are behind take it, too.
    pub fn lifetime_blocks(&self) -> u64 {
        LIFETIME_BLOCKS_MAX.min(self.parameters.transaction_lifetime_blocks_max / 2)
    }

    /// The member with a node key.
    pub fn of_key(&self, node_key: &PublicKey) -> Option<&Organisation> {
        self.organisations().find(|organisation| organisation.node_key == *node_key)
    }
}

/// What is, or is not, under a key of the state, with a proof for light clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// Height of the block whose state is proven.
    pub height: u64,
    /// The entry's encoding; `None` proves absence.
    pub value: Option<Vec<u8>>,
    /// The proof's encoding, see `docs/protocol/state-proofs.md`.
    pub proof: Vec<u8>,
}

/// A final block with one receipt for each transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalisedBlock {
    /// Digest of the header.
    pub digest: Digest,
    /// The block.
    pub block: Arc<Block>,
    /// Receipts in the order of the transactions.
    pub receipts: Arc<Vec<Receipt>>,
}

/// Numbers for stewards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainStats {
    /// Peers that are connected.
    pub peers: u32,
    /// Transactions that wait.
    pub mempool: u32,
    /// Height of the newest applied block.
    pub height: u64,
    /// Blocks known to be final but not applied yet.
    pub lag: u64,
    /// Height below which blocks may be missing here.
    pub oldest_block: u64,
    /// Rules in force that this version does not know, so that the ledger stands still here; 0 if it knows them.
    pub unknown_protocol: u32,
}

/// A running ledger node.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// Hands transactions in; their signatures are checked together. One verdict each, in order. One that is already
    /// known is no error.
    fn submit_all(&self, transactions: Vec<Transaction>) -> Vec<Result<TransactionId, ChainError>>;

    /// Hands one transaction in.
    fn submit(&self, transaction: Transaction) -> Result<TransactionId, ChainError> {
        self.submit_all(vec![transaction]).pop().unwrap_or(Err(ChainError::Away))
    }

    /// Waits until a transaction is final; [`ChainError::Refused`] if it is dropped. Never ends while the
    /// ledger stands still: callers set a time limit.
    async fn wait(&self, id: TransactionId) -> Result<Finalised, ChainError>;

    /// What became of a transaction.
    async fn status(&self, id: TransactionId) -> TransactionStatus;

    /// The entry under a key in the newest final state of this node. Local: no other node is asked.
    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, ChainError>;

    /// The same with a proof.
    async fn prove_state(&self, key: StateKey) -> Result<StateProof, ChainError>;

    /// The newest block.
    fn head(&self) -> Head;

    /// The network as it is now: members and parameters. Cheap; ask again rather than keep it.
    fn network(&self) -> Arc<NetworkView>;

    /// Every change of the validators so far, oldest first: what leads a light client from genesis to now.
    async fn handovers(&self) -> Result<Vec<Handover>, ChainError>;

    /// A final block; `None` above the head.
    async fn block(&self, height: u64) -> Option<Arc<FinalisedBlock>>;

    /// At most `count` (and [`HEADERS_COUNT_MAX`]) certified headers from height `from` on.
    async fn headers(&self, from: u64, count: u64) -> Vec<CertifiedHeader>;

    /// Proves the anchors of batches, at most [`salus_types::proof::ANCHORS_PER_PROOF_MAX`], all in the newest final
    /// state. Anchors that are not there are left out.
    async fn prove_anchors(&self, batches: &[BatchId]) -> Result<AnchorProofs, ChainError>;

    /// New final blocks from now on. A slow receiver misses some and must then read them with
    /// [`Chain::block`].
    fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>>;

    /// Numbers for stewards.
    async fn stats(&self) -> ChainStats;

    /// Adds what the ledger counts for dashboards.
    fn register(&self, _registry: &mut Registry) {}
}
