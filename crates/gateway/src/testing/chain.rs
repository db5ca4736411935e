//! A chain in memory: every transaction is a block of its own.

use super::{emergencies, votes};
use crate::chain::{
    Chain, ChainError, ChainStats, Finalised, FinalisedBlock, Head, NetworkView, StateProof,
    TransactionStatus,
};
use async_trait::async_trait;
use commonware_codec::Encode as _;
use salus_types::action::{Access, Action, Anchor};
use salus_types::block::{Block, HEADER_VERSION, Header, Receipt};
use salus_types::genesis::Genesis;
use salus_types::proof::{AnchorProof, AnchorProofs, BatchId, CertifiedHeader, Handover};
use salus_types::recovery::RECOVERY_DELAY_MS;
use salus_types::state::{
    AccessEntry, ActEntry, AnchorEntry, AppointmentEntry, DroppedEntry, ErasedEntry, ErasureEntry,
    GrantEntry, LogEntry, OrganisationEntry, PatientEntry, PractitionerEntry, RecoveryEntry, StateKey, key,
};
use salus_types::transaction::Transaction;
use salus_types::{
    Address, AppointmentId, Digest, GrantId, NetworkId, OrganisationId, PublicKey, TransactionId,
    decode_canonical,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

/// What is under each key.
pub(super) type State = HashMap<StateKey, Vec<u8>>;

pub(crate) struct FakeChain {
    network: NetworkId,
    view: Mutex<Arc<NetworkView>>,
    blocks: Mutex<Vec<Arc<FinalisedBlock>>>,
    state: Mutex<State>,
    known: Mutex<HashMap<TransactionId, Finalised>>,
    submitting: Mutex<()>,
    news: broadcast::Sender<Arc<FinalisedBlock>>,
    /// How far the ledger's clock is ahead of this machine's, in milliseconds; it may be behind.
    pub(crate) ahead_ms: AtomicI64,
    /// Transactions wait for ever.
    pub(crate) stalled: AtomicBool,
    /// Changes of the validators.
    pub(crate) handovers: Mutex<Vec<Handover>>,
    /// The ledger's rules refuse every transaction, in these words.
    pub(crate) refusal: Mutex<Option<&'static str>>,
}

fn anchor_entry(action: &Anchor, height: u64, time_ms: u64) -> (StateKey, Vec<u8>) {
    let entry = AnchorEntry { batch_root: action.batch_root, size_class: action.size_class, height, time_ms };
    (key::anchor(&action.organisation, action.sequence), entry.encode().to_vec())
}

fn access_entry(action: &Access, organisation: OrganisationId, height: u64, time_ms: u64) -> AccessEntry {
    AccessEntry {
        grant: action.grant,
        organisation,
        purpose: action.purpose,
        versions_root: action.versions_root,
        count: action.count,
        practitioner: action.practitioner,
        height,
        time_ms,
    }
}

/// A header that says little.
pub(crate) fn header(network: NetworkId, epoch: u64) -> Header {
    Header {
        version: HEADER_VERSION,
        network,
        height: 0,
        time_ms: 0,
        parent: Digest::ZERO,
        epoch,
        view: 0,
        parent_view: 0,
        leader: PublicKey([0; 32]),
        transactions_root: Digest::ZERO,
        transactions: 0,
        receipts_root: Digest::ZERO,
        state_root: Digest::ZERO,
        sync_root: Digest::ZERO,
        sync_start: 0,
        sync_end: 0,
        next_validators: Digest::ZERO,
    }
}

/// The network as it begins.
fn first_view(genesis: &Genesis) -> NetworkView {
    let members = genesis.organisations.iter().cloned().zip(0..);
    let member = |(organisation, slot)| OrganisationEntry { organisation, slot, since: 0 };
    NetworkView {
        epoch: 0,
        first_height: 0,
        last_height: u64::from(genesis.parameters.epoch_blocks) - 1,
        parameters: genesis.parameters.clone(),
        members: members.map(member).collect(),
    }
}

/// What the contract of those who act for patients would do.
fn proxies(state: &State, transaction: &Transaction, (height, time_ms): (u64, u64)) -> (StateKey, Vec<u8>) {
    match &transaction.action {
        Action::Appoint(action) => {
            let state_key = key::appointment(&AppointmentId::of(&transaction.signer));
            let entry = AppointmentEntry {
                mandate: action.mandate,
                proxy: action.proxy,
                shares: action.shares,
                expiry_ms: action.expiry_ms,
                height,
                time_ms,
                ended: None,
                acts: 0,
            };
            (state_key, entry.encode().to_vec())
        }
        Action::EndAppointment(action) => {
            let state_key = key::appointment(&action.appointment);
            let before = state.get(&state_key).and_then(|bytes| decode_canonical(bytes).ok());
            let before: AppointmentEntry = before.expect("an appointment");
            (state_key, AppointmentEntry { ended: Some(height), ..before }.encode().to_vec())
        }
        Action::ProxyAct(action) => {
            let entry = ActEntry { act: action.act.clone(), height, time_ms };
            (key::act(&action.appointment, action.number), entry.encode().to_vec())
        }
        other => panic!("{} is another contract's", other.name()),
    }
}

impl FakeChain {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let chain = Self {
            network: genesis.network(),
            view: Mutex::new(Arc::new(first_view(genesis))),
            blocks: Mutex::default(),
            state: Mutex::default(),
            known: Mutex::default(),
            submitting: Mutex::default(),
            news: broadcast::channel(4).0,
            ahead_ms: AtomicI64::new(0),
            stalled: AtomicBool::new(false),
            handovers: Mutex::default(),
            refusal: Mutex::default(),
        };
        chain.append(Vec::new(), Vec::new());
        chain
    }

    /// Another epoch begins, with other members or parameters.
    pub(crate) fn change_network(&self, change: impl FnOnce(&mut NetworkView)) {
        let mut view = self.view.lock().expect("lock");
        let mut next = view.as_ref().clone();
        next.epoch += 1;
        change(&mut next);
        *view = Arc::new(next);
    }

    /// Changes the state, as only votes of others could.
    pub(crate) fn change_entry<T>(&self, key: StateKey, change: impl FnOnce(&mut T))
    where
        T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode,
    {
        let mut state = self.state.lock().expect("lock");
        let mut entry: T = decode_canonical(state.get(&key).expect("an entry")).expect("of this type");
        change(&mut entry);
        state.insert(key, entry.encode().to_vec());
    }

    /// Adds a block.
    pub(crate) fn append(&self, transactions: Vec<Transaction>, receipts: Vec<Receipt>) -> u64 {
        let mut blocks = self.blocks.lock().expect("lock");
        let height = blocks.len() as u64;
        let header = Header {
            height,
            time_ms: crate::clock::now_ms().saturating_add_signed(self.ahead_ms.load(Ordering::Relaxed)),
            parent: blocks.last().map_or(Digest::ZERO, |block| block.digest),
            view: height,
            parent_view: height.saturating_sub(1),
            transactions: transactions.len() as u32,
            ..header(self.network, 0)
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
                    by_proxy: None,
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
            Action::Appoint(_) | Action::EndAppointment(_) | Action::ProxyAct(_) => {
                proxies(&self.state.lock().expect("lock"), transaction, (height, self.head().time_ms))
            }
            Action::Dropped(action) => {
                let state_key = key::dropped(&action.grant, &action.organisation);
                (state_key, DroppedEntry { count: action.count, height }.encode().to_vec())
            }
            Action::Anchor(action) => anchor_entry(action, height, self.head().time_ms),
            Action::AnchorLog(action) => {
                let entry = LogEntry { head: action.head, entries: action.entries, height };
                self.count_anchor(&action.organisation);
                (key::log(&action.organisation, action.sequence), entry.encode().to_vec())
            }
            Action::Access(action) => {
                let organisation = self.signer(transaction).map_or(organisation, |(id, _)| id);
                let entry = access_entry(action, organisation, height, self.head().time_ms);
                (key::access(&action.id(&transaction.signer)), entry.encode().to_vec())
            }
            Action::BreakGlass(action) => emergencies::break_glass(
                &mut self.state.lock().expect("lock"),
                action,
                (height, self.head().time_ms),
            ),
            Action::OrderErasure(action) => {
                let (organisation, versions_root) = (action.organisation.clone(), action.versions_root);
                let (count, ground, time_ms) = (action.count, action.ground, self.head().time_ms);
                let receipts_due_ms = time_ms + salus_types::erasure::ERASURE_RECEIPTS_MS;
                let entry = ErasureEntry {
                    number: 0,
                    organisation,
                    versions_root,
                    count,
                    ground,
                    height,
                    time_ms,
                    receipts_due_ms,
                };
                (key::erasure(&action.id()), entry.encode().to_vec())
            }
            Action::Erased(action) => {
                let (versions, copies, time_ms) = (action.versions, action.copies, self.head().time_ms);
                let entry = ErasedEntry { versions, copies, late: false, height, time_ms };
                (key::erased(&action.erasure, &action.organisation), entry.encode().to_vec())
            }
            Action::Review(action) => emergencies::review(action, (height, self.head().time_ms)),
            Action::StartRecovery(action) => {
                let time_ms = self.head().time_ms;
                let entry = RecoveryEntry {
                    organisation: self.signer(transaction).map_or(organisation, |(id, _)| id),
                    device: action.device,
                    height,
                    time_ms,
                    ready_ms: time_ms + RECOVERY_DELAY_MS,
                    cancelled: None,
                };
                (key::recovery(&action.recovery, action.number), entry.encode().to_vec())
            }
            Action::CancelRecovery(action) => {
                let state_key = key::recovery(&action.recovery, action.number);
                let state = self.state.lock().expect("lock");
                let before =
                    state.get(&state_key).and_then(|bytes| decode_canonical::<RecoveryEntry>(bytes).ok());
                let entry = RecoveryEntry { cancelled: Some(height), ..before.expect("a recovery") };
                (state_key, entry.encode().to_vec())
            }
            _ => return self.govern(transaction, height),
        };
        self.state.lock().expect("lock").insert(state_key, value);
        state_key
    }

    /// As the contract does.
    fn count_anchor(&self, organisation: &OrganisationId) {
        let mut state = self.state.lock().expect("lock");
        let anchors = state.entry(key::log_anchors(organisation)).or_default();
        let count = decode_canonical::<u64>(anchors).unwrap_or_default();
        *anchors = (count + 1).encode().to_vec();
    }

    fn govern(&self, transaction: &Transaction, height: u64) -> StateKey {
        let (_, slot) = self.signer(transaction).expect("a member");
        let closes_ms = self.head().time_ms + self.network().parameters.voting_period_ms;
        let state = &mut self.state.lock().expect("lock");
        match &transaction.action {
            Action::Propose(action) => votes::propose(state, action, slot, height, closes_ms),
            Action::Vote(action) => votes::vote(state, action, slot),
            _ => StateKey(Digest::ZERO),
        }
    }

    /// The member that signed, with its place.
    fn signer(&self, transaction: &Transaction) -> Option<(OrganisationId, u8)> {
        let network = self.network();
        let mut members = network.members.iter();
        let member = members.find(|member| member.organisation.node_key == transaction.signer)?;
        Some((member.organisation.id.clone(), member.slot))
    }

    fn take(&self, transaction: Transaction) -> Result<TransactionId, ChainError> {
        let id = transaction.id();
        let of_members = matches!(transaction.action, Action::Propose(_) | Action::Vote(_));
        let stranger = of_members && self.signer(&transaction).is_none();
        let refusal = stranger.then_some("the signer is not an organisation of this network");
        if let Some(words) = refusal.or(*self.refusal.lock().expect("lock")) {
            return Err(ChainError::Refused(words.into()));
        }
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

    fn network(&self) -> Arc<NetworkView> {
        self.view.lock().expect("lock").clone()
    }

    async fn handovers(&self) -> Result<Vec<Handover>, ChainError> {
        Ok(self.handovers.lock().expect("lock").clone())
    }

    async fn block(&self, height: u64) -> Option<Arc<FinalisedBlock>> {
        self.blocks.lock().expect("lock").get(height as usize).cloned()
    }

    async fn headers(&self, _: u64, _: u64) -> Vec<CertifiedHeader> {
        let headers = vec![header(self.network, 0)].try_into().expect("one");
        vec![CertifiedHeader { headers, certificate: Vec::new().try_into().expect("none") }]
    }

    async fn prove_anchors(&self, batches: &[BatchId]) -> Result<AnchorProofs, ChainError> {
        let state = self.state.lock().expect("lock");
        let proof = |batch: &BatchId| {
            let entry = decode_canonical(state.get(&batch.key())?).expect("an anchor");
            Some(AnchorProof { batch: batch.clone(), entry, proof: vec![1, 2, 3].try_into().expect("short") })
        };
        let anchors: Vec<_> = batches.iter().filter_map(proof).collect();
        let block = CertifiedHeader {
            headers: vec![header(self.network, 0)].try_into().expect("one"),
            certificate: Vec::new().try_into().expect("none"),
        };
        Ok(AnchorProofs { anchors: anchors.try_into().expect("few"), block })
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.news.subscribe()
    }

    async fn stats(&self) -> ChainStats {
        ChainStats { peers: 1, height: self.head().height, ..ChainStats::default() }
    }
}
