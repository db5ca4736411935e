//! The wiring: one function that starts every actor of a node on any runtime and any network.
//!
//! Epoch 0 only so far. What is per epoch is in [`Epoch`](commonware_consensus::types::Epoch)-keyed places already: the
//! scheme comes from a certificate provider, the epocher bounds heights, the consensus has a partition of its own.

use crate::application::{Ledger, now_ms};
use crate::block::NodeBlock;
use crate::certificate::consensus_namespace;
use crate::contract::Rules;
use crate::evidence::EvidenceBook;
use crate::feed::{Feed, Head};
use crate::handle::{Inner, NodeHandle};
use crate::index::Index;
use crate::mempool::Mempool;
use crate::mempool::state::Limits;
use crate::network::{Channels, SYNC_OPERATIONS_MAX};
use crate::pacing::Paced;
use crate::reader::{Marshal, NodeReader};
use crate::runtime::Runtime;
use crate::state::{Databases, StateDb};
use crate::store::{REPLAY_BUFFER, WRITE_BUFFER, archive_config, page_cache, state_page_cache};
use crate::sync::{Served, StateResolver};
use crate::{keys, state};
use commonware_actor::Feedback;
use commonware_broadcast::buffered;
use commonware_consensus::marshal::core::Actor as MarshalActor;
use commonware_consensus::marshal::resolver::p2p as backfill;
use commonware_consensus::marshal::standard::{Deferred, Standard};
use commonware_consensus::marshal::{self, Update};
use commonware_consensus::simplex;
use commonware_consensus::simplex::config::{Floor, ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::{Epoch, FixedEpocher, ViewDelta};
use commonware_consensus::{Reporter, Reporters};
use commonware_cryptography::certificate::{ConstantProvider, Verifier as _};
use commonware_cryptography::{Digested, Digestible as _, Sha256, Signer as _, ed25519, sha256};
use commonware_glue::stateful::db::{ManagedDb, SyncEngineConfig, p2p as state_sync};
use commonware_glue::stateful::{Config as StatefulConfig, Mailbox as StatefulMailbox, Stateful, SyncPlan};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::immutable;
use commonware_storage::mmr;
use commonware_utils::ordered::Set;
use commonware_utils::{NZDuration, NZU64, NZUsize, TryCollect as _};
use salus_types::block::{Block, HEADER_VERSION, Header, list_root};
use salus_types::codec::Bounded;
use salus_types::genesis::{Genesis, GenesisError};
use salus_types::transaction::Transaction;
use salus_types::{Digest, PublicKey, SigningKey};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Pause of an idle leader before it proposes an empty block.
pub const IDLE_INTERVAL: Duration = Duration::from_millis(750);
/// How long validators wait for a leader's block. Above the idle pause.
pub const LEADER_TIMEOUT: Duration = Duration::from_millis(1_750);
/// How long validators wait for a view to certify.
pub const CERTIFICATION_TIMEOUT: Duration = Duration::from_millis(3_000);
/// Pause before a validator votes again to leave a stuck view.
pub const TIMEOUT_RETRY: Duration = Duration::from_millis(1_500);
/// Silence after which a leader is skipped without waiting for it.
pub const SKIP_TIMEOUT: Duration = Duration::from_secs(5);
/// Views below the finalised one for which late votes are kept.
pub const VIEWS_RETAINED: ViewDelta = ViewDelta::new(128);
/// Blocks in one epoch: all of them, until validator sets change (issue 3).
pub const EPOCH_BLOCKS: NonZeroU64 = NZU64!(u64::MAX);

/// Messages held in a mailbox before its overflow policy applies.
const MAILBOX_SIZE: NonZeroUsize = NZUsize!(1_024);
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_RETRY: Duration = Duration::from_millis(250);

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The genesis breaks a rule.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A node key is not a curve point, or appears twice.
    #[error("genesis: a node key is malformed or shared")]
    Keys,
    /// The network cannot be set up.
    #[error(transparent)]
    Network(#[from] crate::network::NetworkError),
    /// The data folder cannot be made.
    #[error("data folder: {0}")]
    Folder(std::io::Error),
    /// The transaction index does not open.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
}

/// What a node is told.
pub struct EngineConfig {
    /// The genesis of the network.
    pub genesis: Genesis,
    /// This organisation's node key; a validator's votes, a follower's identity.
    pub signing_key: SigningKey,
    /// Bounds of the mempool.
    pub mempool: Limits,
    /// The transaction index.
    pub index: Index,
    /// The rules by which blocks are executed.
    pub rules: Arc<dyn Rules>,
    /// Prefix of this node's partitions in the runtime's storage; simulated nodes share one storage.
    pub partition: String,
}

type Plan<E> = SyncPlan<E, Scheme, Standard<NodeBlock>>;
type Provided = ConstantProvider<Scheme, Epoch>;
type Finalizations<E> =
    immutable::Archive<E, sha256::Digest, simplex::types::Finalization<Scheme, sha256::Digest>>;
type Blocks<E> = immutable::Archive<E, sha256::Digest, Arc<NodeBlock>>;
type MarshalOf<E> =
    MarshalActor<E, Standard<NodeBlock>, Provided, Finalizations<E>, Blocks<E>, FixedEpocher, Sequential>;
type App<E> = StatefulMailbox<E, Ledger>;

/// The block at height 0. It holds nothing; block 1 writes the genesis' entries.
///
/// # Errors
/// [`NodeError::Keys`], if there is no usable validator key.
pub fn genesis_block<E: Runtime>(genesis: &Genesis) -> Result<NodeBlock, NodeError> {
    let target = <StateDb<E> as ManagedDb<E>>::initial_sync_target();
    let leader = genesis.validators().map(|validator| validator.node_key).min().ok_or(NodeError::Keys)?;
    let none = Digest([0; 32]);
    let header = Header {
        version: HEADER_VERSION,
        network: genesis.network(),
        height: 0,
        time_ms: genesis.time_ms,
        parent: none,
        epoch: 0,
        view: 0,
        parent_view: 0,
        leader: PublicKey(leader.0),
        transactions_root: list_root::<Transaction>(&[]),
        transactions: 0,
        receipts_root: list_root::<Transaction>(&[]),
        state_root: none,
        sync_root: crate::block::from_commonware(target.root),
        sync_start: *target.range.start(),
        sync_end: *target.range.end(),
        next_validators: none,
    };
    NodeBlock::new(Block { header, transactions: Bounded::default() }).map_err(|_| NodeError::Keys)
}

/// The validators in the order in which certificates name them.
///
/// # Errors
/// [`NodeError::Keys`], if a key is malformed or appears twice.
pub fn validators(genesis: &Genesis) -> Result<Set<ed25519::PublicKey>, NodeError> {
    let keys: Option<Vec<_>> =
        genesis.validators().map(|validator| keys::public(&validator.node_key)).collect();
    keys.ok_or(NodeError::Keys)?.into_iter().try_collect().map_err(|_| NodeError::Keys)
}

/// Starts every actor of a node and returns the handle. All of it ends with `context`.
///
/// # Errors
/// [`NodeError`], if the genesis or a key is unusable.
///
/// # Panics
/// If the storage fails.
pub async fn start<E, S, R, P, B>(
    context: E,
    config: EngineConfig,
    peers: P,
    blocker: B,
    channels: Channels<S, R>,
) -> Result<NodeHandle, NodeError>
where
    E: Runtime,
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey> + Sync,
    B: Blocker<PublicKey = ed25519::PublicKey> + Sync,
{
    config.genesis.check()?;
    let parts = Parts::prepare::<E>(&config)?;
    let Parts { scheme, genesis_block, page_cache, mempool, index, feed, key } = parts;
    let network = Net { peers, blocker, key: key.public_key() };
    mempool.start(context.child("mempool"), channels.transactions);

    let plan = Plan::<E>::init(context.child("plan"), &config.partition).await;
    let (marshal_actor, marshal, floor) =
        open_marshal(&context, &config.partition, &scheme, &genesis_block, &plan, page_cache.clone()).await;
    let resolver = start_state_resolver(&context, &network, channels.state);
    let ledger = Ledger::new(
        config.genesis.clone(),
        Arc::clone(&config.rules),
        genesis_block.clone(),
        mempool.clone(),
        index.clone(),
        Arc::clone(&feed),
    );
    let (stateful, app) = Stateful::new(
        context.child("stateful"),
        StatefulConfig {
            application: ledger,
            db_config: state::config(&config.partition, state_page_cache()),
            provider: (),
            marshal: (marshal.clone(), floor),
            mailbox_size: MAILBOX_SIZE,
            plan,
            resolvers: resolver,
            sync_config: SyncEngineConfig {
                fetch_batch_size: SYNC_OPERATIONS_MAX,
                apply_batch_size: NZU64!(1_024),
                max_outstanding_requests: NZUsize!(8),
            },
            prune_config: None,
            strategy: Sequential,
        },
    );
    let (tip, tip_receiver) = watch::channel(0);
    let reporter = TipReporter { inner: app.clone(), tip };
    start_marshal(&context, &network, marshal_actor, reporter, channels.blocks, channels.backfill);
    stateful.start();
    let databases = recover(&context, app.clone(), marshal.clone(), mempool.clone(), Arc::clone(&feed));
    let evidence = EvidenceBook::new(validators(&config.genesis)?);
    let consensus = Consensus {
        scheme,
        genesis: genesis_block.digest(),
        page_cache,
        partition: config.partition,
        evidence: evidence.clone(),
    };
    let votes = (channels.votes, channels.certificates, channels.resolver);
    consensus.start(&context, &network, app, &marshal, mempool.clone(), votes);

    let metrics = context.child("handle");
    Ok(NodeHandle(Arc::new(Inner {
        network: config.genesis.network(),
        genesis: config.genesis,
        rules: config.rules,
        mempool,
        feed,
        reader: Box::new(NodeReader { marshal, index, databases }),
        metrics: Box::new(move || metrics.encode()),
        tip: tip_receiver,
        evidence,
    })))
}

/// What is made before any actor runs.
struct Parts {
    scheme: Scheme,
    key: ed25519::PrivateKey,
    genesis_block: NodeBlock,
    page_cache: CacheRef,
    mempool: Mempool,
    index: Index,
    feed: Arc<Feed>,
}

impl Parts {
    fn prepare<E: Runtime>(config: &EngineConfig) -> Result<Self, NodeError> {
        let network = config.genesis.network();
        let genesis_block = genesis_block::<E>(&config.genesis)?;
        let namespace = consensus_namespace(&network);
        let validators = validators(&config.genesis)?;
        let key = keys::private(&config.signing_key);
        let scheme = Scheme::signer(namespace.as_bytes(), validators.clone(), key.clone())
            .unwrap_or_else(|| Scheme::verifier(namespace.as_bytes(), validators));
        let page_cache = page_cache();
        let index = config.index.clone();
        let digest = genesis_block.header().digest();
        let feed = Arc::new(Feed::new(Head::of(digest, genesis_block.block())));
        let mempool = Mempool::new(network, config.mempool);
        Ok(Self { scheme, key, genesis_block, page_cache, mempool, index, feed })
    }
}

/// What every actor on the network needs.
struct Net<P, B> {
    peers: P,
    blocker: B,
    key: ed25519::PublicKey,
}

async fn open_marshal<E: Runtime>(
    context: &E,
    partition: &str,
    scheme: &Scheme,
    genesis: &NodeBlock,
    plan: &Plan<E>,
    page_cache: CacheRef,
) -> (MarshalOf<E>, Marshal, marshal::core::Floor) {
    const FAILED: &str = "opening the block store failed";
    let certificate = Scheme::certificate_codec_config_unbounded();
    let finalizations = immutable::Archive::init(
        context.child("finalizations"),
        archive_config(partition, "finalizations", page_cache.clone(), certificate),
    )
    .await
    .expect(FAILED);
    let blocks = immutable::Archive::init(
        context.child("blocks"),
        archive_config(partition, "blocks", page_cache.clone(), ()),
    )
    .await
    .expect(FAILED);
    let config = marshal::Config {
        provider: Provided::new(scheme.clone()),
        epocher: FixedEpocher::new(EPOCH_BLOCKS),
        start: plan.marshal_start(Digested::precomputed(genesis.clone(), genesis.digest())),
        partition_prefix: partition.to_owned(),
        mailbox_size: MAILBOX_SIZE,
        view_retention: VIEWS_RETAINED,
        prunable_items_per_section: NZU64!(1_024),
        page_cache,
        replay_buffer: REPLAY_BUFFER,
        key_write_buffer: WRITE_BUFFER,
        value_write_buffer: WRITE_BUFFER,
        block_codec_config: (),
        max_repair: NZUsize!(64),
        max_pending_acks: NZUsize!(16),
        strategy: Sequential,
    };
    MarshalActor::init(context.child("marshal"), finalizations, blocks, config).await
}

fn start_marshal<E: Runtime, S, R, P, B>(
    context: &E,
    network: &Net<P, B>,
    actor: MarshalOf<E>,
    reporter: impl Reporter<Activity = Update<NodeBlock>>,
    blocks: (S, R),
    repairs: (S, R),
) where
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey> + Sync,
    B: Blocker<PublicKey = ed25519::PublicKey> + Sync,
{
    let (engine, buffer) = buffered::Engine::new(
        context.child("blocks_in_flight"),
        buffered::Config {
            public_key: network.key.clone(),
            mailbox_size: MAILBOX_SIZE,
            deque_size: 8,
            priority: false,
            codec_config: (),
            peer_provider: network.peers.clone(),
            strategy: Sequential,
        },
    );
    engine.start(blocks);
    let resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: network.key.clone(),
            peer_provider: network.peers.clone(),
            blocker: network.blocker.clone(),
            mailbox_size: MAILBOX_SIZE,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        },
        repairs,
    );
    actor.start(reporter, buffer, resolver);
}

fn start_state_resolver<E: Runtime, S, R, P, B>(
    context: &E,
    network: &Net<P, B>,
    channel: (S, R),
) -> StateResolver<E>
where
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey> + Sync,
    B: Blocker<PublicKey = ed25519::PublicKey> + Sync,
{
    let (actor, mailbox) = state_sync::Actor::<_, _, _, _, mmr::Family, Served<E>>::new(
        context.child("state_resolver"),
        state_sync::Config {
            peer_provider: network.peers.clone(),
            blocker: network.blocker.clone(),
            database: None,
            mailbox_size: MAILBOX_SIZE,
            me: Some(network.key.clone()),
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            max_serve_ops: SYNC_OPERATIONS_MAX,
            priority_requests: false,
            priority_responses: false,
        },
    );
    actor.start(channel);
    StateResolver::new(context.child("state_feedback"), mailbox)
}

/// Waits for the state, then tells the feed and the mempool where the chain stands.
fn recover<E: Runtime>(
    context: &E,
    app: App<E>,
    marshal: Marshal,
    mempool: Mempool,
    feed: Arc<Feed>,
) -> watch::Receiver<Option<Databases<E>>> {
    let (sender, receiver) = watch::channel(None);
    context.child("recover").spawn(move |context| async move {
        let databases = app.subscribe_databases().await;
        if let Some((_, block)) = marshal.get_anchor().await {
            let block = block.inner();
            mempool.finalised(block.header().height, block.ids());
            feed.resume(Head::of(block.header().digest(), block.block()));
            let behind_ms = now_ms(context.current()).saturating_sub(block.header().time_ms);
            tracing::info!(height = block.header().height, behind_ms, "the ledger is open");
        }
        let _ = sender.send(Some(databases));
    });
    receiver
}

/// The consensus of one epoch.
struct Consensus {
    scheme: Scheme,
    genesis: sha256::Digest,
    page_cache: CacheRef,
    partition: String,
    evidence: EvidenceBook,
}

impl Consensus {
    fn start<E: Runtime, S, R, P, B>(
        self,
        context: &E,
        network: &Net<P, B>,
        app: App<E>,
        marshal: &Marshal,
        mempool: Mempool,
        (votes, certificates, resolver): ((S, R), (S, R), (S, R)),
    ) where
        S: Sender<PublicKey = ed25519::PublicKey>,
        R: Receiver<PublicKey = ed25519::PublicKey>,
        P: Provider<PublicKey = ed25519::PublicKey>,
        B: Blocker<PublicKey = ed25519::PublicKey>,
    {
        let deferred =
            Deferred::new(context.child("deferred"), app, marshal.clone(), FixedEpocher::new(EPOCH_BLOCKS));
        let automaton = Paced::new(context.child("pacing"), deferred.clone(), mempool, IDLE_INTERVAL);
        let epoch = Epoch::zero();
        let config = simplex::Config {
            scheme: self.scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker: network.blocker.clone(),
            automaton,
            relay: deferred.clone(),
            reporter: Reporters::from((deferred, self.evidence)),
            strategy: Sequential,
            partition: format!("{}-consensus-{epoch}", self.partition),
            mailbox_size: MAILBOX_SIZE,
            epoch,
            floor: Floor::Genesis(self.genesis),
            replay_buffer: REPLAY_BUFFER,
            write_buffer: WRITE_BUFFER,
            page_cache: self.page_cache,
            leader_timeout: LEADER_TIMEOUT,
            certification_timeout: CERTIFICATION_TIMEOUT,
            timeout_retry: TIMEOUT_RETRY,
            view_retention: VIEWS_RETAINED,
            skip: SkipPolicy::Enabled { timeout: SKIP_TIMEOUT, budget: SkipBudget::Participants },
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            forward: ForwardPolicy::SilentVoters,
            track_historical_votes: false,
        };
        simplex::Engine::new(context.child("consensus"), config).start(votes, certificates, resolver);
    }
}

/// Notes the newest finalised height on its way to the application.
#[derive(Clone)]
struct TipReporter<A> {
    inner: A,
    tip: watch::Sender<u64>,
}

impl<A: Reporter<Activity = Update<NodeBlock>>> Reporter for TipReporter<A> {
    type Activity = Update<NodeBlock>;

    fn report(&mut self, activity: Update<NodeBlock>) -> Feedback {
        if let Update::Tip(_, height, _) = &activity {
            self.tip.send_if_modified(|tip| {
                let newer = height.get() > *tip;
                *tip = height.get().max(*tip);
                newer
            });
        }
        self.inner.report(activity)
    }
}
