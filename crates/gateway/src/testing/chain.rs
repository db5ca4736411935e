//! A chain in memory: every transaction is a block of its own.

use crate::chain::{
    Chain, ChainError, ChainStats, Finalised, FinalisedBlock, Head, StateProof, TransactionStatus,
};
use async_trait::async_trait;
use commonware_codec::Encode as _;
use salus_types::action::Action;
use salus_types::block::{Block, HEADER_VERSION, Header, Receipt};
use salus_types::genesis::Genesis;
use salus_types::proof::{CertifiedHeader, TransactionProof};
use salus_types::state::{
    DroppedEntry, GrantEntry, LogEntry, PatientEntry, PractitionerEntry, StateKey, key,
};
use salus_types::transaction::Transaction;
use salus_types::{
    Address, Digest, GrantId, NetworkId, OrganisationId, PublicKey, TransactionId, decode_canonical,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

pub(crate) struct FakeChain {
    network: NetworkId,
    blocks: Mutex<Vec<Arc<FinalisedBlock>>>,
    state: Mutex<HashMap<StateKey, Vec<u8>>>,
    known: Mutex<HashMap<TransactionId, Finalised>>,
    submitting: Mutex<()>,
    news: broadcast::Sender<Arc<FinalisedBlock>>,
    /// Transactions wait for ever.
    pub(crate) stalled: AtomicBool,
}

impl FakeChain {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let chain = Self {
            network: genesis.network(),
            blocks: Mutex::default(),
            state: Mutex::default(),
            known: Mutex::default(),
            submitting: Mutex::default(),
            news: broadcast::channel(4).0,
            stalled: AtomicBool::new(false),
        };
        chain.append(Vec::new(), Vec::new());
        chain
    }

    /// Adds a block.
    pub(crate) fn append(&self, transactions: Vec<Transaction>, receipts: Vec<Receipt>) -> u64 {
        let mut blocks = self.blocks.lock().expect("lock");
        let height = blocks.len() as u64;
        let header = Header {
            version: HEADER_VERSION,
            network: self.network,
            height,
            time_ms: crate::clock::now_ms(),
            parent: blocks.last().map_or(Digest::ZERO, |block| block.digest),
            epoch: 0,
            view: height,
            parent_view: height.saturating_sub(1),
            leader: PublicKey([0; 32]),
            transactions_root: Digest::ZERO,
            transactions: transactions.len() as u32,
            receipts_root: Digest::ZERO,
            state_root: Digest::ZERO,
            sync_root: Digest::ZERO,
            sync_start: 0,
            sync_end: 0,
            next_validators: Digest::ZERO,
        };
        let digest = header.digest();
        let transactions = transactions.try_into().expect("few");
        let block = Arc::new(FinalisedBlock {
            digest,
            block: Arc::new(Block { header, transactions }),
            receipts: Arc::new(receipts),
        });
        blocks.push(block.clone());
        let _ = self.news.send(block);
        height
    }

    fn execute(&self, transaction: &Transaction, height: u64) -> StateKey {
        let organisation: OrganisationId = "hospital-a".parse().expect("id");
        let (state_key, value) = match &transaction.action {
            Action::RegisterPatient(action) => {
                (key::patient(&action.address), PatientEntry { organisation, height }.encode().to_vec())
            }
            Action::RegisterPractitioner(action) => (
                key::practitioner(&action.commitment),
                PractitionerEntry { organisation, height }.encode().to_vec(),
            ),
            Action::Grant(action) => {
                let entry = GrantEntry {
                    terms: action.terms,
                    scope: action.scope,
                    expiry_ms: action.expiry_ms,
                    height,
                    revoked: None,
                    accesses: 0,
                };
                (key::grant(&GrantId::of(&transaction.signer)), entry.encode().to_vec())
            }
            Action::Revoke(action) => {
                let state_key = key::grant(&action.grant);
                let state = self.state.lock().expect("lock");
                let before =
                    state.get(&state_key).and_then(|bytes| decode_canonical::<GrantEntry>(bytes).ok());
                let entry = GrantEntry { revoked: Some(height), ..before.expect("a grant") };
                (state_key, entry.encode().to_vec())
            }
            Action::Dropped(action) => {
                let state_key = key::dropped(&action.grant, &action.organisation);
                (state_key, DroppedEntry { count: action.count, height }.encode().to_vec())
            }
            Action::AnchorLog(action) => {
                let entry = LogEntry { head: action.head, entries: action.entries, height };
                (key::log(&action.organisation, action.sequence), entry.encode().to_vec())
            }
            _ => (StateKey(Digest::ZERO), Vec::new()),
        };
        self.state.lock().expect("lock").insert(state_key, value);
        state_key
    }

    fn take(&self, transaction: Transaction) -> Result<TransactionId, ChainError> {
        let id = transaction.id();
        // Two at a time would both find it unknown.
        let _one_at_a_time = self.submitting.lock().expect("lock");
        if self.stalled.load(Ordering::Relaxed) || self.known.lock().expect("lock").contains_key(&id) {
            return Ok(id);
        }
        let entry = self.execute(&transaction, self.head().height + 1);
        let height = self.append(vec![transaction], vec![Receipt { transaction: id, entry }]);
        let time_ms = self.head().time_ms;
        self.known.lock().expect("lock").insert(id, Finalised { height, time_ms, entry });
        Ok(id)
    }

    pub(crate) fn has_patient(&self, address: &Address) -> bool {
        self.state.lock().expect("lock").contains_key(&key::patient(address))
    }
}

#[async_trait]
impl Chain for FakeChain {
    fn submit_all(&self, transactions: Vec<Transaction>) -> Vec<Result<TransactionId, ChainError>> {
        transactions.into_iter().map(|transaction| self.take(transaction)).collect()
    }

    async fn wait(&self, id: TransactionId) -> Result<Finalised, ChainError> {
        let found = self.known.lock().expect("lock").get(&id).copied();
        match found {
            Some(finalised) => Ok(finalised),
            None => std::future::pending().await,
        }
    }

    async fn status(&self, id: TransactionId) -> TransactionStatus {
        let found = self.known.lock().expect("lock").get(&id).copied();
        match found {
            Some(finalised) => TransactionStatus::Final(finalised),
            None if self.stalled.load(Ordering::Relaxed) => TransactionStatus::Pending,
            None => TransactionStatus::Unknown,
        }
    }

    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(self.state.lock().expect("lock").get(&key).cloned())
    }

    async fn prove_state(&self, key: StateKey) -> Result<StateProof, ChainError> {
        let value = self.state.lock().expect("lock").get(&key).cloned();
        Ok(StateProof { height: self.head().height, value, proof: vec![1, 2, 3] })
    }

    fn head(&self) -> Head {
        let blocks = self.blocks.lock().expect("lock");
        let last = blocks.last().expect("genesis");
        Head { height: last.block.header.height, time_ms: last.block.header.time_ms, digest: last.digest }
    }

    async fn block(&self, height: u64) -> Option<Arc<FinalisedBlock>> {
        self.blocks.lock().expect("lock").get(height as usize).cloned()
    }

    async fn headers(&self, _: u64, _: u64) -> Vec<CertifiedHeader> {
        Vec::new()
    }

    async fn prove(&self, _: TransactionId) -> Option<TransactionProof> {
        None
    }

    async fn anchor(&self, _: &OrganisationId, _: u64) -> Option<TransactionProof> {
        None
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.news.subscribe()
    }

    async fn stats(&self) -> ChainStats {
        ChainStats { peers: 1, mempool: 0, height: self.head().height, lag: 0 }
    }
}
