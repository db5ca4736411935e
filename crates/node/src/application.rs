//! The application under the consensus: builds blocks, checks blocks, and hears of final ones.
//!
//! Upon propose: take waiting transactions that no unfinalised ancestor holds, read ahead, execute, leave out what does
//! not apply. Upon process: check the header's rules and the signatures not checked before, execute, compare all roots.
//! Upon finalisation: index, tell the mempool, publish.

use crate::block::{BLOCK_TRANSACTION_BYTES_MAX, Context, NodeBlock, from_commonware, to_commonware};
use crate::contract::{self, Prefetched, Refused, Rules};
use crate::epochs::Epochs;
use crate::feed::{Feed, FinalisedBlock};
use crate::index::Index;
use crate::measures::between;
use crate::mempool::Mempool;
use crate::runtime::Runtime;
use crate::state::{Batch, Databases, SealedBatch, StateDb, SyncTarget, database_key};
use crate::watched::Watched;
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_cryptography::Digestible as _;
use commonware_glue::stateful::db::{DatabaseSet, Merkleized as _, Reader, Unmerkleized as _};
use commonware_glue::stateful::{Application, Finality, Input, Proposed};
use commonware_utils::sync::Mutex;
use futures::StreamExt as _;
use salus_ledger::{BlockContext, Executed};
use salus_types::block::{BLOCK_TRANSACTIONS_MAX, Block, HEADER_VERSION, Header, Receipt, list_root};
use salus_types::codec::Bounded;
use salus_types::genesis::Genesis;
use salus_types::membership::validators_hash;
use salus_types::state::{StateKey, key};
use salus_types::transaction::Transaction;
use salus_types::{Digest, NetworkId, PublicKey, TransactionId};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest step of time from a block to the next. Bounds how long a wrong clock of a proposer can hold up others, and
/// lets a network that slept for a week catch up within a few blocks.
pub const TIME_STEP_MS_MAX: u64 = 24 * 3_600 * 1_000;
/// How far a block's time may be ahead of the local clock without being held back.
pub const CLOCK_DRIFT_MS_MAX: u64 = 500;

/// Receipts of executed blocks that are not final yet.
type Executions = Mutex<BTreeMap<(u64, Digest), Arc<Vec<Receipt>>>>;

/// The application; cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    genesis: Genesis,
    rules: Arc<dyn Rules>,
    network: NetworkId,
    genesis_block: NodeBlock,
    epochs: Epochs,
    mempool: Mempool,
    index: Index,
    feed: Arc<Feed>,
    executions: Executions,
    /// Rules that this version does not know; 0 while it knows those in force.
    unknown_protocol: Watched<u32>,
}

impl Ledger {
    /// The application of one network.
    pub fn new(
        genesis: Genesis,
        rules: Arc<dyn Rules>,
        genesis_block: NodeBlock,
        epochs: Epochs,
        mempool: Mempool,
        index: Index,
        feed: Arc<Feed>,
    ) -> Self {
        let network = genesis.network();
        let executions = Executions::default();
        Self(Arc::new(Inner {
            genesis,
            rules,
            network,
            genesis_block,
            epochs,
            mempool,
            index,
            feed,
            executions,
            unknown_protocol: Watched::new(0),
        }))
    }

    /// Rules that this version does not know; 0 while it knows those in force.
    pub fn unknown_protocol(&self) -> Watched<u32> {
        self.0.unknown_protocol.clone()
    }

    /// Goes on only under rules that this version knows: by others it would make another state than everybody else.
    async fn know(&self, protocol: u32) {
        let known = self.0.rules.protocols();
        if known.contains(&protocol) {
            return;
        }
        self.0.unknown_protocol.update(|unknown| {
            let news = *unknown != protocol;
            *unknown = protocol;
            news
        });
        tracing::error!(protocol, ?known, "the network is under rules that this version does not know");
        std::future::pending().await
    }

    /// Reads what the block may read.
    async fn prefetch<E: Runtime>(
        &self,
        context: BlockContext,
        transactions: &[Transaction],
        batch: &Batch<E>,
    ) -> Prefetched {
        let mut reads = Prefetched::new();
        if context.height == 1 {
            reads.extend(contract::genesis_writes(&self.0.genesis));
        }
        let mut asked = BTreeSet::new();
        let mut wanted: BTreeSet<_> = transactions.iter().flat_map(contract::read_set).collect();
        wanted.insert(key::parameters());
        while !wanted.is_empty() {
            let keys: Vec<StateKey> = wanted.iter().copied().collect();
            let names: Vec<_> = keys.iter().map(database_key).collect();
            let values = batch
                .get_many(&names.iter().collect::<Vec<_>>())
                .await
                .expect("reading the state failed; restart to recover");
            reads.extend(keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))));
            asked.append(&mut wanted);
            let next = contract::follow_up_reads(context, transactions, &reads);
            wanted = next.into_iter().filter(|key| !asked.contains(key)).collect();
        }
        reads
    }

    async fn execute<E: Runtime>(
        &self,
        height: u64,
        time_ms: u64,
        transactions: &[Transaction],
        batch: &Batch<E>,
    ) -> (Executed, Refused) {
        let ends_epoch = self.0.epochs.ends(height).await;
        let context = BlockContext { height, time_ms, ends_epoch };
        let reads = self.prefetch(context, transactions, batch).await;
        let parameters = contract::parameters(&reads);
        self.know(parameters.protocol).await;
        let limit = parameters.block_transactions_max as usize;
        let (executed, mut refused) = self.0.rules.execute(context, transactions, &reads);
        if transactions.len() > limit {
            refused.push((limit, format!("a block holds at most {limit} transactions")));
        }
        (executed, refused)
    }

    async fn seal<E: Runtime>(
        &self,
        height: u64,
        executed: &Executed,
        mut batch: Batch<E>,
    ) -> SealedBatch<E> {
        if height == 1 {
            for (key, value) in contract::genesis_writes(&self.0.genesis) {
                batch = batch.write(database_key(&key), Some(value));
            }
        }
        for (key, value) in &executed.writes {
            batch = batch.write(database_key(key), value.clone());
        }
        batch.merkleize().await.expect("hashing the state failed; restart to recover")
    }

    fn remember(&self, block: &NodeBlock, receipts: Vec<Receipt>) {
        let key = (block.header().height, from_commonware(block.digest()));
        self.0.executions.lock().insert(key, Arc::new(receipts));
        self.0.mempool.taken(block.header().height, block.ids());
    }

    /// Ids that the parent and its unfinalised ancestors hold.
    async fn held(
        &self,
        parent: &NodeBlock,
        ancestry: &mut impl Ancestry<NodeBlock>,
    ) -> HashSet<TransactionId> {
        let mut held: HashSet<_> = parent.ids().iter().copied().collect();
        let mut height = parent.header().height;
        while height > self.0.mempool.height() + 1 {
            let Some(block) = ancestry.next().await else { break };
            height = block.inner().header().height;
            held.extend(block.inner().ids());
        }
        held
    }

    async fn build<E: Runtime>(
        &self,
        now_ms: u64,
        context: &Context,
        parent: &NodeBlock,
        held: &HashSet<TransactionId>,
        batch: Batch<E>,
    ) -> Option<(NodeBlock, SealedBatch<E>)> {
        let height = parent.header().height + 1;
        let earliest = parent.header().time_ms + 1;
        let time_ms = now_ms.clamp(earliest, parent.header().time_ms + TIME_STEP_MS_MAX);
        let count_max =
            BLOCK_TRANSACTIONS_MAX.min(self.0.epochs.view().parameters.block_transactions_max as usize);
        let chosen = self.0.mempool.select(height, count_max, BLOCK_TRANSACTION_BYTES_MAX - 16, held);
        let (ids, mut transactions): (Vec<_>, Vec<_>) =
            chosen.into_iter().map(|(id, transaction)| (id, Transaction::clone(&transaction))).unzip();
        let (executed, refused) = self.execute(height, time_ms, &transactions, &batch).await;
        for (position, reason) in refused.iter().rev() {
            self.0.mempool.refused(height, &ids[*position], reason);
            transactions.remove(*position);
        }
        let sealed = self.seal(height, &executed, batch).await;
        let header = self.header(context, height, time_ms, &transactions, &executed, &sealed);
        let transactions = Bounded::new(transactions).ok()?;
        let block = NodeBlock::new(Block { header, transactions }).ok()?;
        self.remember(&block, executed.receipts);
        Some((block, sealed))
    }

    fn header<E: Runtime>(
        &self,
        context: &Context,
        height: u64,
        time_ms: u64,
        transactions: &[Transaction],
        executed: &Executed,
        sealed: &SealedBatch<E>,
    ) -> Header {
        let mut leader = [0; 32];
        leader.copy_from_slice(context.leader.as_ref());
        Header {
            version: HEADER_VERSION,
            network: self.0.network,
            height,
            time_ms,
            parent: from_commonware(context.parent.1),
            epoch: context.round.epoch().get(),
            view: context.round.view().get(),
            parent_view: context.parent.0.get(),
            leader: PublicKey(leader),
            transactions_root: list_root(transactions),
            transactions: transactions.len() as u32,
            receipts_root: list_root(&executed.receipts),
            state_root: from_commonware(sealed.root()),
            sync_root: from_commonware(sealed.ops_root()),
            sync_start: *sealed.sync_boundary(),
            sync_end: *sealed.bounds().tip.size,
            next_validators: next_validators(executed),
        }
    }

    /// Rules of a header that only its parent is needed for. `false` is final.
    fn header_holds(&self, block: &NodeBlock, parent: &NodeBlock) -> bool {
        let (header, before) = (block.header(), parent.header());
        header.version == HEADER_VERSION
            && header.network == self.0.network
            && header.time_ms > before.time_ms
            && header.time_ms - before.time_ms <= TIME_STEP_MS_MAX
    }

    /// Checks the signatures that the mempool has not checked already.
    fn signatures_hold(&self, block: &NodeBlock) -> bool {
        let unknown = self.0.mempool.unknown(block.ids());
        let transactions: Vec<_> =
            unknown.into_iter().map(|position| block.block().transactions[position].clone()).collect();
        contract::check_stateless(&self.0.network, &transactions).iter().all(Result::is_ok)
    }

    async fn check<E: Runtime>(&self, runtime: &E, block: &NodeBlock, parent: &NodeBlock) -> bool {
        if !self.header_holds(block, parent) || !self.signatures_hold(block) {
            return false;
        }
        let ahead = block.header().time_ms.saturating_sub(now_ms(runtime.current()) + CLOCK_DRIFT_MS_MAX);
        if ahead > 0 {
            runtime.sleep(Duration::from_millis(ahead)).await;
        }
        true
    }

    async fn replay<E: Runtime>(&self, block: &NodeBlock, batch: Batch<E>) -> Option<SealedBatch<E>> {
        let header = block.header();
        let (executed, refused) =
            self.execute(header.height, header.time_ms, &block.block().transactions, &batch).await;
        if let Some((position, reason)) = refused.first() {
            tracing::warn!(
                height = header.height,
                position,
                reason,
                "a block holds a transaction that does not apply"
            );
            return None;
        }
        let sealed = self.seal(header.height, &executed, batch).await;
        if list_root(&executed.receipts) != header.receipts_root
            || next_validators(&executed) != header.next_validators
            || sealed.root() != to_commonware(header.state_root)
        {
            tracing::warn!(height = header.height, "a block's roots are not those of its execution");
            return None;
        }
        self.remember(block, executed.receipts);
        Some(sealed)
    }

    async fn finalise<E: Runtime>(&self, runtime: E, block: &NodeBlock, state: Reader<StateDb<E>>) {
        let digest = from_commonware(block.digest());
        let height = block.header().height;
        let receipts = {
            let mut executions = self.0.executions.lock();
            let receipts = executions.remove(&(height, digest)).unwrap_or_default();
            *executions = executions.split_off(&(height + 1, Digest::ZERO));
            receipts
        };
        self.0.index.insert(height, &receipts);
        self.0.mempool.finalised(height, block.ids());
        if self.0.epochs.end(block, &*state.read().await, &self.0.index).await {
            self.0.epochs.show(&*state.read().await).await;
        }
        self.0.feed.publish(FinalisedBlock { digest, block: Arc::clone(block.block()), receipts });
        let (measures, made) = (self.0.mempool.measures(), block.header().time_ms);
        let made = UNIX_EPOCH + Duration::from_millis(made);
        measures.finalised(block.ids().len(), between(made, runtime.current()));
        measures.stored(self.0.index.commit(runtime).await);
    }
}

/// What the header says of the next epoch's validators: zero within an epoch.
fn next_validators(executed: &Executed) -> Digest {
    executed.next_epoch.as_ref().map_or(Digest::ZERO, |next| validators_hash(&next.validators))
}

/// Milliseconds since 1970-01-01 UTC.
pub fn now_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

impl<E: Runtime> Application<E> for Ledger {
    type SigningScheme = Scheme;
    type Context = Context;
    type Block = NodeBlock;
    type Databases = Databases<E>;
    type Captured = ();
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &NodeBlock) -> SyncTarget<E> {
        block.sync_target()
    }

    async fn genesis(&mut self) -> NodeBlock {
        self.0.genesis_block.clone()
    }

    async fn propose(
        &mut self,
        (runtime, context): (E, Context),
        mut ancestry: impl Ancestry<NodeBlock>,
        batches: Batch<E>,
        _: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let parent = ancestry.next().await?;
        let held = self.held(parent.inner(), &mut ancestry).await;
        let begun = runtime.current();
        let built = self.build(now_ms(begun), &context, parent.inner(), &held, batches);
        let (block, merkleized) = built.await?;
        self.0.mempool.measures().proposed(between(begun, runtime.current()));
        Some(Proposed { block, merkleized })
    }

    async fn process(
        &mut self,
        (runtime, _): (E, Context),
        mut ancestry: impl Ancestry<NodeBlock>,
        batches: Batch<E>,
        finality: Finality,
    ) -> Option<SealedBatch<E>> {
        let block = ancestry.next().await?;
        let begun = runtime.current();
        if finality == Finality::Candidate {
            let parent = ancestry.next().await?;
            if !self.check(&runtime, block.inner(), parent.inner()).await {
                self.0.mempool.measures().checked(false, between(begun, runtime.current()));
                return None;
            }
        }
        let executing = runtime.current();
        let sealed = self.replay(block.inner(), batches).await;
        let ended = runtime.current();
        self.0.mempool.measures().executed(between(executing, ended));
        self.0.mempool.measures().checked(sealed.is_some(), between(begun, ended));
        sealed
    }

    async fn capture(
        &mut self,
        _: (E, Context),
        _: &NodeBlock,
        _: &SealedBatch<E>,
        _: <Databases<E> as DatabaseSet<E>>::Readers,
    ) {
    }

    async fn finalized(
        &mut self,
        (runtime, _): (E, Context),
        block: &NodeBlock,
        _: (),
        state: <Databases<E> as DatabaseSet<E>>::Readers,
    ) {
        self.finalise(runtime, block, state).await;
    }
}
