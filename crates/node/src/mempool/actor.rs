//! The mempool's loops: gossip out, gossip in; and the handle that everything else holds.

use super::state::{Limits, Local, Refusal, State};
use crate::measures::{Measures, Reason};
use crate::runtime::Runtime;
use crate::watched::Watched;
use bytes::Bytes;
use commonware_codec::{Decode, Encode, EncodeSize, RangeCfg};
use commonware_cryptography::ed25519;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Handle;
use commonware_utils::sync::Mutex;
use salus_types::transaction::{TRANSACTION_BYTES_MAX, Transaction};
use salus_types::{NetworkId, TransactionId};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Most transactions in one gossip message.
pub const GOSSIP_COUNT_MAX: usize = 512;
/// Most bytes of transactions in one gossip message.
pub const GOSSIP_BYTES_MAX: usize = 256 * 1024;
/// Pause between gossip messages: submissions of this period travel together, and the channel's quota holds.
pub const GOSSIP_INTERVAL: Duration = Duration::from_millis(5);
/// Most transactions that wait to be gossiped; beyond it the oldest wait for this node's own turn to propose.
pub const OUTBOX_COUNT_MAX: usize = 32_768;

/// Largest gossip message in bytes: the transactions and their number.
pub const fn gossip_message_bytes_max() -> usize {
    GOSSIP_BYTES_MAX + TRANSACTION_BYTES_MAX + 8
}

struct Shared {
    network: NetworkId,
    state: Mutex<State>,
    outbox: Mutex<VecDeque<Arc<Transaction>>>,
    outgoing: Notify,
    /// Whether a transaction waits that no block has taken.
    ready: Watched<bool>,
    measures: Measures,
}

/// A handle on the pool; cheap to clone.
#[derive(Clone)]
pub struct Mempool(Arc<Shared>);

impl Mempool {
    /// An empty pool for one network.
    pub fn new(network: NetworkId, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            network,
            state: Mutex::new(State::new(limits)),
            outbox: Mutex::default(),
            outgoing: Notify::new(),
            ready: Watched::new(false),
            measures: Measures::default(),
        }))
    }

    /// What is counted here, and by whoever holds the pool.
    pub fn measures(&self) -> &Measures {
        &self.0.measures
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.state.lock();
        let result = change(&mut state);
        // Under the lock: of two changes the later one has the last word.
        let ready = state.ready() > 0;
        self.0.ready.update(|old| std::mem::replace(old, ready) != ready);
        result
    }

    /// Takes in a transaction of this node whose signature has been checked, and gossips it.
    ///
    /// # Errors
    /// [`Refusal`], if a bound is met.
    pub fn submit(&self, id: TransactionId, transaction: Transaction) -> Result<(), Refusal> {
        self.submit_all(vec![(id, transaction)]).into_iter().collect()
    }

    /// The same for many: one verdict each, in order.
    pub fn submit_all(&self, transactions: Vec<(TransactionId, Transaction)>) -> Vec<Result<(), Refusal>> {
        let mut taken_in = Vec::with_capacity(transactions.len());
        let verdicts: Vec<Result<(), Refusal>> = self.change(|state| {
            let mut insert = |(id, transaction): (TransactionId, Transaction)| -> Result<(), Refusal> {
                let (bytes, transaction) = (transaction.encode_size(), Arc::new(transaction));
                state.insert(id, Arc::clone(&transaction), bytes)?;
                taken_in.push(transaction);
                Ok(())
            };
            transactions.into_iter().map(&mut insert).collect()
        });
        for verdict in &verdicts {
            match verdict {
                Ok(()) => self.0.measures.admitted(),
                Err(refusal) => self.0.measures.refused_by_pool(refusal),
            }
        }
        if !taken_in.is_empty() {
            let mut outbox = self.0.outbox.lock();
            let room = OUTBOX_COUNT_MAX.saturating_sub(outbox.len());
            outbox.extend(taken_in.into_iter().take(room));
            drop(outbox);
            self.0.outgoing.notify_one();
        }
        verdicts
    }

    /// See [`State::contains`].
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.0.state.lock().contains(id)
    }

    /// Which of `ids` do not wait, so that their signatures are not yet known to be good.
    pub fn unknown(&self, ids: &[TransactionId]) -> Vec<usize> {
        let state = self.0.state.lock();
        (0..ids.len()).filter(|at| !state.contains(&ids[*at])).collect()
    }

    /// See [`State::local`].
    pub fn local(&self, id: &TransactionId) -> Option<Local> {
        self.0.state.lock().local(id)
    }

    /// Number of waiting transactions and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let state = self.0.state.lock();
        (state.len(), state.bytes())
    }

    /// See [`State::height`].
    pub fn height(&self) -> u64 {
        self.0.state.lock().height()
    }

    /// See [`State::select`].
    pub fn select(
        &self,
        height: u64,
        count_max: usize,
        bytes_max: usize,
        exclude: &HashSet<TransactionId>,
    ) -> Vec<(TransactionId, Arc<Transaction>)> {
        self.0.state.lock().select(height, count_max, bytes_max, exclude)
    }

    /// See [`State::taken`].
    pub fn taken(&self, height: u64, ids: &[TransactionId]) {
        self.change(|state| state.taken(height, ids));
    }

    /// See [`State::refused`].
    pub fn refused(&self, height: u64, id: &TransactionId, reason: &str) {
        self.0.measures.refused(Reason::Rules);
        self.change(|state| state.refused(height, id, reason));
    }

    /// See [`State::finalised`].
    pub fn finalised(&self, height: u64, ids: &[TransactionId]) {
        self.change(|state| state.finalised(height, ids));
    }

    /// Resolves once a transaction waits that no block has taken.
    pub async fn wait_ready(&self) {
        self.0.ready.follow().wait_for(|ready| *ready).await;
    }

    /// Starts gossip over `network`; the tasks end with `context`.
    pub fn start<E: Runtime>(
        &self,
        context: E,
        (sender, receiver): (
            impl Sender<PublicKey = ed25519::PublicKey>,
            impl Receiver<PublicKey = ed25519::PublicKey>,
        ),
    ) -> Handle<()> {
        let pool = self.clone();
        context.spawn(move |context| async move {
            let outgoing = pool.clone();
            let send = context.child("gossip_out").spawn(move |context| outgoing.send_loop(context, sender));
            pool.receive_loop(receiver).await;
            send.abort();
        })
    }

    async fn send_loop<E: Runtime>(
        self,
        context: E,
        mut sender: impl Sender<PublicKey = ed25519::PublicKey>,
    ) {
        loop {
            let batch = self.next_batch();
            if batch.is_empty() {
                self.0.outgoing.notified().await;
                continue;
            }
            self.0.measures.gossip_out(batch.len());
            sender.send(Recipients::All, batch.encode(), false);
            context.sleep(GOSSIP_INTERVAL).await;
        }
    }

    fn next_batch(&self) -> Vec<Arc<Transaction>> {
        let mut outbox = self.0.outbox.lock();
        let mut bytes = 0;
        let mut batch = Vec::new();
        while batch.len() < GOSSIP_COUNT_MAX && bytes < GOSSIP_BYTES_MAX {
            let Some(transaction) = outbox.pop_front() else { break };
            bytes += transaction.encode_size();
            batch.push(transaction);
        }
        batch
    }

    async fn receive_loop(self, mut receiver: impl Receiver<PublicKey = ed25519::PublicKey>) {
        while let Ok((peer, message)) = receiver.recv().await {
            let bound = (RangeCfg::from(0..=GOSSIP_COUNT_MAX), ());
            match Vec::<Transaction>::decode_cfg(Bytes::from(message), &bound) {
                Ok(transactions) => self.receive(transactions),
                Err(error) => {
                    self.0.measures.malformed_gossip();
                    tracing::warn!(%peer, %error, "malformed gossip");
                }
            }
        }
    }

    /// Takes in what others gossip: only what is new, bounded and rightly signed.
    fn receive(&self, transactions: Vec<Transaction>) {
        self.0.measures.gossip_in(transactions.len());
        let new: Vec<_> = {
            let state = self.0.state.lock();
            transactions
                .into_iter()
                .map(|transaction| (transaction.id(), transaction))
                .filter(|(id, transaction)| {
                    let admitted = state.admits(id, transaction, transaction.encode_size());
                    admitted.inspect_err(|refusal| self.0.measures.refused_by_pool(refusal)).is_ok()
                })
                .collect()
        };
        if new.is_empty() {
            return;
        }
        let (ids, transactions): (Vec<_>, Vec<_>) = new.into_iter().unzip();
        let verdicts = crate::contract::check_stateless(&self.0.network, &transactions);
        self.change(|state| {
            for ((id, transaction), verdict) in ids.into_iter().zip(transactions).zip(verdicts) {
                if verdict.is_err() {
                    self.0.measures.refused(Reason::Invalid);
                    continue;
                }
                let bytes = transaction.encode_size();
                if state.insert(id, Arc::new(transaction), bytes).is_ok() {
                    self.0.measures.admitted();
                }
            }
        });
    }
}
