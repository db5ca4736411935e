//! State of the mempool. No `async`, no clock: heights are those of finalised blocks.

use salus_types::PublicKey;
use salus_types::TransactionId;
use salus_types::transaction::Transaction;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Most transactions that wait.
pub const PENDING_COUNT_MAX: usize = 65_536;
/// Most bytes that wait.
pub const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most transactions of one signer that wait; organisations submit in bulk, one-time keys once.
pub const PENDING_PER_SIGNER_MAX: usize = 16_384;
/// Most rejections that are remembered for status requests.
pub const REJECTIONS_MAX: usize = 8_192;
/// Most transactions that are remembered as final, so that late gossip does not bring them back.
pub const FINAL_MAX: usize = 65_536;
/// Proposals from which the ledger must drop a transaction before it counts as rejected: the first refusal may rest
/// on a branch that loses.
pub const REFUSALS_MAX: u8 = 2;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most transactions.
    pub count: usize,
    /// Most encoded bytes.
    pub bytes: usize,
    /// Most transactions of one signer.
    pub per_signer: usize,
    /// Most remembered rejections.
    pub rejections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            count: PENDING_COUNT_MAX,
            bytes: PENDING_BYTES_MAX,
            per_signer: PENDING_PER_SIGNER_MAX,
            rejections: REJECTIONS_MAX,
        }
    }
}

/// Why a transaction is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It already waits.
    #[error("the transaction already waits")]
    Known,
    /// It became final a short while ago.
    #[error("the transaction is already final")]
    Final,
    /// The pool holds as much as it may.
    #[error("too many transactions wait; try again later")]
    Full,
    /// This signer has as many waiting transactions as it may.
    #[error("too many transactions of this signer wait; try again later")]
    SignerFull,
    /// No later block may include it.
    #[error("expired at block {valid_until}")]
    Expired {
        /// Last height at which it was valid.
        valid_until: u64,
    },
}

/// What the pool knows of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// It waits.
    Pending,
    /// It was dropped for this reason.
    Rejected(String),
}

#[derive(Debug)]
struct Entry {
    id: TransactionId,
    transaction: Arc<Transaction>,
    /// The transaction's own, here because every block looks at it for everything that waits.
    valid_until: u64,
    bytes: usize,
    /// Height of the unfinalised block that took it.
    taken: Option<u64>,
    refusals: u8,
}

/// The pool.
#[derive(Debug, Default)]
pub struct State {
    limits: Limits,
    /// Height of the newest finalised block.
    height: u64,
    next: u64,
    entries: BTreeMap<u64, Entry>,
    by_id: HashMap<TransactionId, u64>,
    per_signer: HashMap<PublicKey, usize>,
    bytes: usize,
    ready: usize,
    rejected: HashMap<TransactionId, String>,
    rejected_order: VecDeque<TransactionId>,
    last: HashSet<TransactionId>,
    last_order: VecDeque<TransactionId>,
}

impl State {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Number of waiting transactions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Encoded bytes of the waiting transactions.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of waiting transactions that no unfinalised block has taken.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// Height of the newest finalised block.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Whether the transaction waits; its signature is then known to be good.
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.by_id.contains_key(id)
    }

    /// What is known of a transaction.
    pub fn local(&self, id: &TransactionId) -> Option<Local> {
        if self.contains(id) {
            return Some(Local::Pending);
        }
        self.rejected.get(id).cloned().map(Local::Rejected)
    }

    /// Whether a transaction of `bytes` would be taken in.
    ///
    /// # Errors
    /// The first bound that it breaks.
    pub fn admits(&self, id: &TransactionId, transaction: &Transaction, bytes: usize) -> Result<(), Refusal> {
        if self.contains(id) {
            return Err(Refusal::Known);
        }
        if self.last.contains(id) {
            return Err(Refusal::Final);
        }
        if transaction.valid_until <= self.height {
            return Err(Refusal::Expired { valid_until: transaction.valid_until });
        }
        if self.entries.len() >= self.limits.count || self.bytes + bytes > self.limits.bytes {
            return Err(Refusal::Full);
        }
        if self.per_signer.get(&transaction.signer).is_some_and(|count| *count >= self.limits.per_signer) {
            return Err(Refusal::SignerFull);
        }
        Ok(())
    }

    /// Takes in a transaction whose signature has been checked.
    ///
    /// # Errors
    /// As [`State::admits`].
    pub fn insert(
        &mut self,
        id: TransactionId,
        transaction: Arc<Transaction>,
        bytes: usize,
    ) -> Result<(), Refusal> {
        self.admits(&id, &transaction, bytes)?;
        self.forget_rejection(&id);
        *self.per_signer.entry(transaction.signer).or_default() += 1;
        self.bytes += bytes;
        self.ready += 1;
        self.by_id.insert(id, self.next);
        let valid_until = transaction.valid_until;
        self.entries
            .insert(self.next, Entry { id, transaction, valid_until, bytes, taken: None, refusals: 0 });
        self.next += 1;
        Ok(())
    }

    /// The oldest transactions, in order of arrival, that are valid at `height` and not in `exclude`.
    pub fn select(
        &self,
        height: u64,
        count_max: usize,
        bytes_max: usize,
        exclude: &HashSet<TransactionId>,
    ) -> Vec<(TransactionId, Arc<Transaction>)> {
        let mut bytes = 0;
        self.entries
            .values()
            .filter(|entry| entry.valid_until >= height && !exclude.contains(&entry.id))
            .take(count_max)
            .take_while(|entry| {
                bytes += entry.bytes;
                bytes <= bytes_max
            })
            .map(|entry| (entry.id, Arc::clone(&entry.transaction)))
            .collect()
    }

    /// Notes that an unfinalised block at `height` holds these.
    pub fn taken<'a>(&mut self, height: u64, ids: impl IntoIterator<Item = &'a TransactionId>) {
        for id in ids {
            let Some(entry) = self.by_id.get(id).and_then(|at| self.entries.get_mut(at)) else { continue };
            if entry.taken.is_none() {
                self.ready -= 1;
            }
            entry.taken = Some(entry.taken.map_or(height, |taken| taken.max(height)));
        }
    }

    /// Notes that the ledger dropped a transaction from a proposal at `height`; after [`REFUSALS_MAX`] it is out.
    pub fn refused(&mut self, height: u64, id: &TransactionId, reason: &str) {
        let Some(entry) = self.by_id.get(id).and_then(|at| self.entries.get_mut(at)) else { return };
        entry.refusals += 1;
        if entry.refusals >= REFUSALS_MAX {
            self.reject(*id, reason.to_owned());
        } else {
            self.taken(height, [id]);
        }
    }

    /// Applies a finalised block: what it holds leaves, what can no longer be included is rejected, and what another
    /// block up to this height had taken is ready again.
    pub fn finalised<'a>(&mut self, height: u64, ids: impl IntoIterator<Item = &'a TransactionId>) {
        self.height = self.height.max(height);
        for id in ids {
            self.remove(id);
            self.forget_rejection(id);
            if self.last.insert(*id) {
                self.last_order.push_back(*id);
            }
        }
        while self.last_order.len() > FINAL_MAX {
            if let Some(oldest) = self.last_order.pop_front() {
                self.last.remove(&oldest);
            }
        }
        let mut expired = Vec::new();
        for entry in self.entries.values_mut() {
            if entry.valid_until <= self.height {
                expired.push((entry.id, entry.valid_until));
            } else if entry.taken.is_some_and(|taken| taken <= self.height) {
                entry.taken = None;
                self.ready += 1;
            }
        }
        for (id, valid_until) in expired {
            self.reject(id, Refusal::Expired { valid_until }.to_string());
        }
    }

    fn reject(&mut self, id: TransactionId, reason: String) {
        self.remove(&id);
        if self.rejected.insert(id, reason).is_none() {
            self.rejected_order.push_back(id);
        }
        while self.rejected_order.len() > self.limits.rejections {
            if let Some(oldest) = self.rejected_order.pop_front() {
                self.rejected.remove(&oldest);
            }
        }
    }

    fn forget_rejection(&mut self, id: &TransactionId) {
        if self.rejected.remove(id).is_some() {
            self.rejected_order.retain(|other| other != id);
        }
    }

    fn remove(&mut self, id: &TransactionId) {
        let Some(entry) = self.by_id.remove(id).and_then(|at| self.entries.remove(&at)) else { return };
        self.bytes -= entry.bytes;
        if entry.taken.is_none() {
            self.ready -= 1;
        }
        let signer = entry.transaction.signer;
        if let Some(count) = self.per_signer.get_mut(&signer) {
            *count -= 1;
            if *count == 0 {
                self.per_signer.remove(&signer);
            }
        }
    }
}
