//! The gateway's view of the ledger node that runs in the same process.

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use salus_gateway::chain::{
    Chain, ChainError, ChainStats, Finalised, FinalisedBlock, HEADERS_COUNT_MAX, Head, NetworkView,
    StateProof, TransactionStatus,
};
use salus_node::mempool::Refusal;
use salus_node::{Certified, EpochView, NodeHandle, Shown, SubmitError, TxStatus};
use salus_types::proof::{AnchorProof, AnchorProofs, BatchId, CertifiedHeader, Handover};
use salus_types::state::StateKey;
use salus_types::transaction::Transaction;
use salus_types::{Bounded, TransactionId, decode_canonical};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// Blocks that a slow subscriber may lag behind before it must read them one by one.
const SUBSCRIBER_LAG_MAX: usize = 256;

/// The node of this process as a [`Chain`].
#[derive(Clone)]
pub(crate) struct LocalChain {
    node: NodeHandle,
    blocks: broadcast::Sender<Arc<FinalisedBlock>>,
    /// The epoch that was asked for last, as the node and as the gateway know it.
    epoch: Arc<Mutex<(Arc<EpochView>, Arc<NetworkView>)>>,
}

impl LocalChain {
    /// Begins to follow the node.
    pub(crate) fn new(node: NodeHandle) -> Self {
        let (blocks, _) = broadcast::channel(SUBSCRIBER_LAG_MAX);
        tokio::spawn(follow(node.clone(), blocks.clone()));
        let epoch = node.epoch();
        let view = Arc::new(network_view(&epoch));
        Self { node, blocks, epoch: Arc::new(Mutex::new((epoch, view))) }
    }
}

async fn follow(node: NodeHandle, blocks: broadcast::Sender<Arc<FinalisedBlock>>) {
    let mut events = node.events_from(node.head().height + 1);
    while let Some(block) = events.next().await {
        // An error means that nobody listens.
        let _ = blocks.send(convert(&block));
    }
}

fn convert(block: &salus_node::FinalisedBlock) -> Arc<FinalisedBlock> {
    let (block, receipts, digest) = (block.block.clone(), block.receipts.clone(), block.digest);
    Arc::new(FinalisedBlock { digest, block, receipts })
}

fn network_view(epoch: &EpochView) -> NetworkView {
    NetworkView {
        epoch: epoch.epoch,
        first_height: epoch.first_height,
        last_height: epoch.last_height,
        parameters: epoch.parameters.clone(),
        members: epoch.members.clone(),
    }
}

/// `None` if the chain of headers or the certificate exceed what a proof may hold.
fn certified(certified: Certified) -> Option<CertifiedHeader> {
    Some(CertifiedHeader {
        headers: Bounded::new(certified.headers).ok()?,
        certificate: Bounded::new(certified.certificate.to_vec()).ok()?,
    })
}

/// What shows an anchor; `None` if it is not there, `Some(None)` if it exceeds what a proof may hold.
fn anchor(batch: &BatchId, Shown { value, evidence }: Shown) -> Option<Option<AnchorProof>> {
    let entry = value?;
    let proof = || {
        let (entry, proof) = (decode_canonical(&entry).ok()?, Bounded::new(evidence.to_vec()).ok()?);
        Some(AnchorProof { batch: batch.clone(), entry, proof })
    };
    Some(proof())
}

fn submit_error(error: SubmitError) -> ChainError {
    match error {
        SubmitError::Refused(Refusal::Full | Refusal::SignerFull) => ChainError::Full,
        SubmitError::Refused(refusal) => ChainError::Refused(refusal.to_string()),
        invalid => ChainError::Invalid(invalid.to_string()),
    }
}

#[async_trait]
impl Chain for LocalChain {
    fn submit_all(&self, transactions: Vec<Transaction>) -> Vec<Result<TransactionId, ChainError>> {
        let verdicts = self.node.submit_all(transactions).into_iter();
        verdicts.map(|verdict| verdict.map_err(submit_error)).collect()
    }

    async fn wait(&self, id: TransactionId) -> Result<Finalised, ChainError> {
        match self.node.wait_final(id).await {
            TxStatus::Finalised { height, receipt, .. } => {
                let block = self.node.block(height).await.ok_or(ChainError::Away)?;
                Ok(Finalised { height, time_ms: block.block.header.time_ms, entry: receipt.entry })
            }
            TxStatus::Rejected { reason } => Err(ChainError::Refused(reason)),
            TxStatus::Pending | TxStatus::Unknown => Err(ChainError::Away),
        }
    }

    async fn status(&self, id: TransactionId) -> TransactionStatus {
        match self.node.status(id).await {
            TxStatus::Pending => TransactionStatus::Pending,
            TxStatus::Unknown => TransactionStatus::Unknown,
            TxStatus::Rejected { reason } => TransactionStatus::Rejected { reason },
            TxStatus::Finalised { height, receipt, .. } => match self.node.block(height).await {
                Some(block) => TransactionStatus::Final(Finalised {
                    height,
                    time_ms: block.block.header.time_ms,
                    entry: receipt.entry,
                }),
                None => TransactionStatus::Pending,
            },
        }
    }

    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(self.node.state(key).await.0.map(Bounded::into_inner))
    }

    async fn prove_state(&self, key: StateKey) -> Result<StateProof, ChainError> {
        let salus_node::StateProof { mut shown, block } = self.node.prove_state(&[key]).await;
        let height = block.headers.first().map_or(0, |header| header.height);
        let Shown { value, evidence } = shown.pop().ok_or(ChainError::Away)?;
        Ok(StateProof { height, value: value.map(Bounded::into_inner), proof: evidence.to_vec() })
    }

    fn head(&self) -> Head {
        let head = self.node.head();
        Head { height: head.height, time_ms: head.time_ms, digest: head.digest }
    }

    fn network(&self) -> Arc<NetworkView> {
        let epoch = self.node.epoch();
        let mut known = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&known.0, &epoch) {
            *known = (Arc::clone(&epoch), Arc::new(network_view(&epoch)));
        }
        Arc::clone(&known.1)
    }

    async fn handovers(&self) -> Result<Vec<Handover>, ChainError> {
        Ok(self.node.handovers().await)
    }

    async fn block(&self, height: u64) -> Option<Arc<FinalisedBlock>> {
        self.node.block(height).await.map(|block| convert(&block))
    }

    async fn headers(&self, from: u64, count: u64) -> Vec<CertifiedHeader> {
        let mut headers = Vec::new();
        for height in from.max(1)..from.saturating_add(count.min(HEADERS_COUNT_MAX)) {
            match self.node.certified(height).await.and_then(certified) {
                Some(header) => headers.push(header),
                None => break,
            }
        }
        headers
    }

    async fn prove_anchors(&self, batches: &[BatchId]) -> Result<AnchorProofs, ChainError> {
        let keys: Vec<StateKey> = batches.iter().map(BatchId::key).collect();
        let salus_node::StateProof { shown, block } = self.node.prove_state(&keys).await;
        let shown = batches.iter().zip(shown);
        let anchors: Option<Vec<_>> = shown.filter_map(|(batch, shown)| anchor(batch, shown)).collect();
        let anchors = anchors.and_then(|anchors| Bounded::new(anchors).ok());
        let (anchors, block) = anchors.zip(certified(block)).ok_or(ChainError::Away)?;
        Ok(AnchorProofs { anchors, block })
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.blocks.subscribe()
    }

    async fn stats(&self) -> ChainStats {
        let stats = self.node.stats();
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        ChainStats {
            peers: small(stats.peers),
            mempool: small(stats.mempool_count),
            height: stats.height,
            lag: stats.lag,
            oldest_block: stats.oldest_block,
            unknown_protocol: stats.unknown_protocol,
        }
    }

    fn register(&self, registry: &mut Registry) {
        self.node.measures().register(registry);
    }
}
