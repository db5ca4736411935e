//! What the rest of the program holds: submit, ask, follow, prove. Only finalised blocks are truth.

use crate::contract::{self, Rules};
use crate::epochs::{EpochView, Epochs};
use crate::evidence::{Evidence, EvidenceBook};
use crate::feed::{Feed, FinalisedBlock, Head};
use crate::index::{Index, Place};
use crate::measures::{Measures, Reason};
use crate::mempool::{Local, Mempool, Refusal};
use crate::proof::{CHAIN_HEADERS_MAX, Certified, StateProof};
use crate::reader::Reader;
use crate::watched::{Follower, Watched};
use salus_ledger::BlockContext;
use salus_types::block::{Header, Receipt};
use salus_types::genesis::Genesis;
use salus_types::proof::{CertifiedHeader, Handover};
use salus_types::state::{StateKey, StateValue, key};
use salus_types::transaction::Transaction;
use salus_types::{Bounded, Digest, NetworkId, TransactionId};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// Most headers in one answer.
pub const HEADERS_COUNT_MAX: u64 = 1_024;

/// Why a transaction is not accepted for ordering.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Wrong network, malformed, or wrongly signed.
    #[error("{0}")]
    Invalid(String),
    /// It may wait longer than the network allows.
    #[error("`valid_until` is more than {blocks_max} blocks ahead")]
    LivesTooLong {
        /// Longest life in blocks.
        blocks_max: u64,
    },
    /// The mempool refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxStatus {
    /// It waits for a block.
    Pending,
    /// It is final.
    Finalised {
        /// Height of the block.
        height: u64,
        /// Position in the block, from 0.
        index: u32,
        /// What it did.
        receipt: Receipt,
    },
    /// It was dropped: expired, or the ledger refuses it.
    Rejected {
        /// Why.
        reason: String,
    },
    /// This node does not know it.
    Unknown,
}

/// Numbers for people and dashboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Peers that are connected.
    pub peers: usize,
    /// Height of the newest applied block.
    pub height: u64,
    /// Finalised blocks that this node knows of but has not applied yet.
    pub lag: u64,
    /// Waiting transactions.
    pub mempool_count: usize,
    /// Their bytes.
    pub mempool_bytes: usize,
    /// Height below which blocks may be missing here.
    pub oldest_block: u64,
    /// Rules in force that this version does not know; 0 if it knows them.
    pub unknown_protocol: u32,
}

pub(crate) struct Inner {
    pub(crate) genesis: Genesis,
    pub(crate) rules: Arc<dyn Rules>,
    pub(crate) epochs: Epochs,
    pub(crate) network: NetworkId,
    pub(crate) mempool: Mempool,
    pub(crate) index: Index,
    pub(crate) feed: Arc<Feed>,
    pub(crate) reader: Box<dyn Reader>,
    pub(crate) metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Height of the newest finalised block that the node has heard of.
    pub(crate) tip: watch::Receiver<u64>,
    pub(crate) evidence: EvidenceBook,
    /// Rules that this version does not know; 0 while it knows those in force.
    pub(crate) unknown_protocol: Watched<u32>,
}

/// A handle on a running node; cheap to clone.
#[derive(Clone)]
pub struct NodeHandle(pub(crate) Arc<Inner>);

impl NodeHandle {
    /// The genesis of the network.
    pub fn genesis(&self) -> &Genesis {
        &self.0.genesis
    }

    /// The network's id.
    pub fn network(&self) -> NetworkId {
        self.0.network
    }

    /// The running epoch: parameters and members.
    pub fn epoch(&self) -> Arc<EpochView> {
        self.0.epochs.view()
    }

    /// Follows the running epoch.
    pub fn watch_epoch(&self) -> Follower<Arc<EpochView>> {
        self.0.epochs.follow_view()
    }

    /// Every change of the validators so far, oldest first: what a light client needs to go from genesis to now.
    pub async fn handovers(&self) -> Vec<Handover> {
        // What was before this node joined came with its anchor; of older blocks that are gone the handovers stayed.
        let mut handovers = self.0.index.handovers();
        let kept = handovers.last().and_then(|newest| Some(newest.block.headers.first()?.epoch + 1));
        let known = kept.max(self.0.index.joined()).unwrap_or_default();
        for record in self.0.epochs.changes().into_iter().filter(|record| record.epoch > known) {
            // The last block of an epoch is certified itself: nothing of that epoch comes after it.
            let block = self.certified(record.first_height - 1).await;
            let Some(block) = block.filter(|block| block.headers.len() == 1) else { break };
            let handover = || {
                let headers = Bounded::new(block.headers).ok()?;
                let certificate = Bounded::new(block.certificate.to_vec()).ok()?;
                let validators = Bounded::new(record.validators).ok()?;
                Some(Handover { block: CertifiedHeader { headers, certificate }, validators })
            };
            handovers.extend(handover());
        }
        handovers
    }

    /// Waits until the ledger is open: its state has been recovered from this node's disk, or synced from others.
    pub async fn opened(&self) {
        self.0.reader.opened().await;
    }

    /// Takes transactions in for ordering and gossips them; their signatures are checked together. One verdict each,
    /// in order: a [`SubmitError`] if it can never, or not now, be ordered. One that is already known is no error.
    pub fn submit_all(&self, transactions: Vec<Transaction>) -> Vec<Result<TransactionId, SubmitError>> {
        let verdicts = contract::check_stateless(&self.0.network, &transactions);
        let blocks_max = self.epoch().parameters.transaction_lifetime_blocks_max;
        let last = self.head().height + blocks_max;
        let mut good = Vec::with_capacity(transactions.len());
        let mut check =
            |(transaction, verdict): (Transaction, Result<(), String>)| -> Result<_, SubmitError> {
                if transaction.valid_until > last {
                    self.0.mempool.measures().refused(Reason::LivesTooLong);
                    return Err(SubmitError::LivesTooLong { blocks_max });
                }
                if let Err(reason) = verdict {
                    self.0.mempool.measures().refused(Reason::Invalid);
                    return Err(SubmitError::Invalid(reason));
                }
                let id = transaction.id();
                good.push((id, transaction));
                Ok(id)
            };
        let mut answers: Vec<_> = transactions.into_iter().zip(verdicts).map(&mut check).collect();
        let admitted = answers.iter_mut().filter(|answer| answer.is_ok());
        for (answer, verdict) in admitted.zip(self.0.mempool.submit_all(good)) {
            match verdict {
                Ok(()) | Err(Refusal::Known | Refusal::Final) => {}
                Err(refusal) => *answer = Err(refusal.into()),
            }
        }
        answers
    }

    /// Takes one transaction in; see [`NodeHandle::submit_all`].
    ///
    /// # Errors
    /// [`SubmitError`] if it can never, or not now, be ordered.
    pub async fn submit(&self, transaction: Transaction) -> Result<TransactionId, SubmitError> {
        let id = transaction.id();
        self.submit_all(vec![transaction]).into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(id)
    }

    /// Whether a transaction would apply on top of the newest final state, without submitting it.
    ///
    /// # Errors
    /// The reason why it would not.
    pub async fn dry_run(&self, transaction: &Transaction) -> Result<(), SubmitError> {
        check_one(&self.0.network, transaction).map_err(SubmitError::Invalid)?;
        let head = self.head();
        let transactions = std::slice::from_ref(transaction);
        let context = BlockContext { height: head.height + 1, time_ms: head.time_ms + 1, ends_epoch: false };
        let mut wanted = contract::read_set(transaction);
        wanted.push(key::parameters());
        let (mut asked, mut reads) = (BTreeSet::new(), contract::Prefetched::new());
        while !wanted.is_empty() {
            let values = self.0.reader.state(wanted.clone()).await;
            reads.extend(wanted.iter().copied().zip(values).filter_map(|(key, value)| Some((key, value?))));
            asked.extend(wanted);
            let next = contract::follow_up_reads(context, transactions, &reads);
            wanted = next.into_iter().filter(|key| !asked.contains(key)).collect();
        }
        let (_, refused) = self.0.rules.execute(context, transactions, &reads);
        refused.into_iter().next().map_or(Ok(()), |(_, reason)| Err(SubmitError::Invalid(reason)))
    }

    /// What became of a transaction.
    pub async fn status(&self, id: TransactionId) -> TxStatus {
        if let Some(place) = self.0.reader.place(id).await {
            return finalised(id, place);
        }
        match self.0.mempool.local(&id) {
            Some(Local::Pending) => TxStatus::Pending,
            Some(Local::Rejected(reason)) => TxStatus::Rejected { reason },
            None => TxStatus::Unknown,
        }
    }

    /// Waits until a transaction is final or rejected; a transaction that is unknown so far may still come from
    /// another node, so the caller sets the time limit.
    pub async fn wait_final(&self, id: TransactionId) -> TxStatus {
        let mut head = self.0.feed.watch();
        let mut waiter = self.0.feed.wait(id);
        loop {
            match self.status(id).await {
                TxStatus::Pending | TxStatus::Unknown => {}
                known => {
                    drop(waiter);
                    self.0.feed.forget(&id);
                    return known;
                }
            }
            // The pool forgets only what is final or rejected, so only a new block can change the answer.
            loop {
                tokio::select! {
                    biased;
                    _ = &mut waiter => {
                        waiter = self.0.feed.wait(id);
                        break;
                    }
                    _ = head.changed() => {
                        if self.0.mempool.local(&id) != Some(Local::Pending) {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// What is under a key in the newest final state, and a head that this state is at or after.
    pub async fn state(&self, key: StateKey) -> (Option<StateValue>, Head) {
        let head = self.head();
        let value = self.0.reader.state(vec![key]).await.pop().flatten();
        (value, head)
    }

    /// The newest block that is final and applied here.
    pub fn head(&self) -> Head {
        self.0.feed.head()
    }

    /// Follows the head.
    pub fn watch_head(&self) -> Follower<Head> {
        self.0.feed.watch()
    }

    /// A final block with its receipts.
    pub async fn block(&self, height: u64) -> Option<Arc<FinalisedBlock>> {
        if height == 0 || height > self.head().height {
            return None;
        }
        if let Some(recent) = self.0.feed.recent(height) {
            return Some(recent);
        }
        let block = self.0.reader.block(height).await?;
        let mut receipts = Vec::with_capacity(block.transactions.len());
        for transaction in block.transactions.iter() {
            let transaction = transaction.id();
            let entry = self.0.reader.place(transaction).await?.entry;
            receipts.push(Receipt { transaction, entry });
        }
        Some(Arc::new(FinalisedBlock { digest: block.header.digest(), block, receipts: Arc::new(receipts) }))
    }

    /// Headers of final blocks `from..=to` (at most [`HEADERS_COUNT_MAX`], and none above the head), each with its
    /// certificate where it has one of its own.
    pub async fn headers(&self, from: u64, to: u64) -> Vec<(Header, Option<bytes::Bytes>)> {
        let from = from.max(1);
        let to = to.min(self.head().height).min(from.saturating_add(HEADERS_COUNT_MAX - 1));
        let mut headers = Vec::new();
        for height in from..=to {
            let Some(header) = self.header(height).await else { break };
            headers.push((header, self.0.reader.certificate(height).await));
        }
        headers
    }

    async fn header(&self, height: u64) -> Option<Header> {
        if let Some(recent) = self.0.feed.recent(height) {
            return Some(recent.block.header.clone());
        }
        Some(self.0.reader.block(height).await?.header.clone())
    }

    /// A final block's header with the shortest chain to a certificate. `None` while the block is not final here, or
    /// its certificate has not arrived.
    pub async fn certified(&self, height: u64) -> Option<Certified> {
        if height == 0 {
            return None;
        }
        let mut headers = Vec::with_capacity(1);
        for height in (height..=self.head().height).take(CHAIN_HEADERS_MAX) {
            headers.push(self.header(height).await?);
            if let Some(certificate) = self.0.reader.certificate(height).await {
                return Some(Certified { headers, certificate });
            }
        }
        None
    }

    /// Proves what is, or is not, under some keys of the newest final state; waits for that block's certificate.
    pub async fn prove_state(&self, keys: &[StateKey]) -> StateProof {
        let mut head = self.0.feed.watch();
        loop {
            let (root, shown) = self.0.reader.evidence(keys.to_vec()).await;
            if self.height_of_state(&root).is_none() {
                // The state is one block ahead of its news.
                head.changed().await;
            }
            let Some(height) = self.height_of_state(&root) else { continue };
            if let Some(block) = self.wait_certified(height, &mut head).await {
                return StateProof { shown, block };
            }
        }
    }

    /// Genesis has no certificate: `None` once another block is there.
    async fn wait_certified(&self, height: u64, head: &mut Follower<Head>) -> Option<Certified> {
        loop {
            if let Some(block) = self.certified(height).await {
                return Some(block);
            }
            head.changed().await;
            if height == 0 {
                return None;
            }
        }
    }

    fn height_of_state(&self, root: &Digest) -> Option<u64> {
        let head = self.head();
        if head.state_root == *root {
            return Some(head.height);
        }
        (0..crate::feed::RECENT_COUNT_MAX as u64)
            .filter_map(|back| self.0.feed.recent(head.height.checked_sub(back)?))
            .find(|finalised| finalised.block.header.state_root == *root)
            .map(|finalised| finalised.block.header.height)
    }

    /// New blocks from now on. A slow receiver misses some; [`NodeHandle::events_from`] misses none.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.0.feed.subscribe()
    }

    /// All final blocks from a height on, in order, without gaps, then new ones as they come.
    pub fn events_from(&self, height: u64) -> Events {
        Events { node: self.clone(), head: self.0.feed.watch(), next: height.max(1) }
    }

    /// All metrics of the consensus, the network and the storage, as Prometheus text.
    pub fn metrics(&self) -> String {
        (self.0.metrics)()
    }

    /// What this node's transactions and blocks pass through, for dashboards.
    pub fn measures(&self) -> &Measures {
        self.0.mempool.measures()
    }

    /// What validators did that no honest one does, as far as it is not on the ledger yet.
    pub fn evidence(&self) -> Vec<Evidence> {
        self.0.evidence.all()
    }

    /// Waits until the network is under rules that this version does not know; gives their number. The ledger stands
    /// still here from then on, and goes on with a version that knows them.
    pub async fn unknown_protocol(&self) -> u32 {
        let mut follower = self.0.unknown_protocol.follow();
        follower.wait_for(|protocol| *protocol > 0).await
    }

    /// Numbers for people and dashboards.
    pub fn stats(&self) -> Stats {
        let height = self.head().height;
        let (mempool_count, mempool_bytes) = self.0.mempool.size();
        let lag = self.0.tip.borrow().saturating_sub(height);
        let peers =
            self.metrics().lines().filter(|line| line.contains("tracker_directory_connected{")).count();
        Stats {
            peers,
            height,
            lag,
            mempool_count,
            mempool_bytes,
            oldest_block: self.0.index.oldest(),
            unknown_protocol: self.0.unknown_protocol.get(),
        }
    }
}

fn check_one(network: &NetworkId, transaction: &Transaction) -> Result<(), String> {
    contract::check_stateless(network, std::slice::from_ref(transaction)).into_iter().collect()
}

fn finalised(transaction: TransactionId, place: Place) -> TxStatus {
    let receipt = Receipt { transaction, entry: place.entry };
    TxStatus::Finalised { height: place.height, index: place.position, receipt }
}

/// Final blocks in order, without gaps. Made by [`NodeHandle::events_from`].
pub struct Events {
    node: NodeHandle,
    head: Follower<Head>,
    next: u64,
}

impl Events {
    /// Height of the block that [`Events::next`] gives.
    pub fn height(&self) -> u64 {
        self.next
    }

    /// The next block; waits until it is final. `None` if it is not here: it is too old, or the node is stopping.
    pub async fn next(&mut self) -> Option<Arc<FinalisedBlock>> {
        let next = self.next;
        self.head.wait_for(|head| head.height >= next).await;
        let block = self.node.block(self.next).await?;
        self.next += 1;
        Some(block)
    }
}
