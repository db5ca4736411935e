//! The wiring: one function that starts every actor of a node on any runtime and any network.
//!
//! What changes with each epoch, the validators and their consensus, is in [`crate::consensus`].

use crate::application::{Ledger, now_ms};
use crate::block::NodeBlock;
use crate::consensus::Consensus;
use crate::contract::Rules;
use crate::epochs::Epochs;
use crate::evidence::{EvidenceBook, put_on_ledger};
use crate::feed::{Feed, Head};
use crate::handle::{Inner, NodeHandle};
use crate::index::Index;
use crate::join::{Anchor, adopt};
use crate::mempool::Mempool;
use crate::mempool::state::Limits;
use crate::network::{Channels, Peers, SYNC_OPERATIONS_MAX};
use crate::preload::StateBefore;
use crate::reader::{Marshal, NodeReader};
use crate::retention::{Floor, PRUNING, Retained, forget_old_blocks};
use crate::runtime::Runtime;
use crate::state::{Databases, StateDb};
use crate::store::{REPLAY_BUFFER, WRITE_BUFFER, archive_config, page_cache, state_page_cache};
use crate::sync::{Served, StateResolver};
use crate::watched::Watched;
use crate::{keys, state};
use commonware_actor::Feedback;
use commonware_broadcast::buffered;
use commonware_consensus::Reporter;
use commonware_consensus::marshal::core::Actor as MarshalActor;
use commonware_consensus::marshal::resolver::p2p as backfill;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::marshal::{self, Update};
use commonware_consensus::simplex;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::ViewDelta;
use commonware_cryptography::certificate::Verifier as _;
use commonware_cryptography::{Digested, Digestible as _, Signer as _, ed25519, sha256};
use commonware_glue::stateful::db::{ManagedDb, SyncEngineConfig, p2p as state_sync};
use commonware_glue::stateful::{Config as StatefulConfig, Mailbox as StatefulMailbox, Stateful, SyncPlan};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::prunable;
use commonware_storage::mmr;
use commonware_storage::translator::FourCap;
use commonware_utils::{NZDuration, NZU64, NZUsize};
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

/// Messages held in a mailbox before its overflow policy applies.
pub(crate) const MAILBOX_SIZE: NonZeroUsize = NZUsize!(1_024);
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const FETCH_RETRY: Duration = Duration::from_millis(250);

/// How the state is fetched by a node that joins.
const SYNC: SyncEngineConfig = SyncEngineConfig {
    fetch_batch_size: SYNC_OPERATIONS_MAX,
    apply_batch_size: NZU64!(1_024),
    max_outstanding_requests: NZUsize!(8),
};

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The genesis breaks a rule.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A node key is not a curve point, or appears twice.
    #[error("genesis: a node key is malformed or shared")]
    Keys,
    /// The anchor from which to join cannot be used.
    #[error("anchor: {0}")]
    Anchor(&'static str),
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
    /// From where to go on, if nothing is there yet. Without it a node begins at genesis.
    pub anchor: Option<Anchor>,
    /// Prefix of this node's partitions in the runtime's storage; simulated nodes share one storage.
    pub partition: String,
    /// Blocks of one section of its stores; see [`SECTION_BLOCKS`](crate::store::SECTION_BLOCKS).
    pub section_blocks: NonZeroU64,
    /// The state before block 1, where a measurement has filled one.
    pub before: Option<StateBefore>,
}

type Plan<E> = SyncPlan<E, Scheme, Standard<NodeBlock>>;
type Archive<E, V> = prunable::Archive<FourCap, E, sha256::Digest, V>;
type Finalizations<E> = Retained<Archive<E, simplex::types::Finalization<Scheme, sha256::Digest>>>;
type Blocks<E> = Retained<Archive<E, Arc<NodeBlock>>>;
type MarshalOf<E> =
    MarshalActor<E, Standard<NodeBlock>, Epochs, Finalizations<E>, Blocks<E>, Epochs, Sequential>;
pub(crate) type App<E> = StatefulMailbox<E, Ledger>;

/// The block at height 0. It holds nothing; block 1 writes the genesis' entries, on top of what was before.
///
/// # Errors
/// [`NodeError::Keys`], if there is no usable validator key.
pub fn genesis_block<E: Runtime>(
    genesis: &Genesis,
    before: Option<StateBefore>,
) -> Result<NodeBlock, NodeError> {
    let before = before.unwrap_or_else(|| {
        let target = <StateDb<E> as ManagedDb<E>>::initial_sync_target();
        let (start, end) = (*target.range.start(), *target.range.end());
        StateBefore { root: crate::block::from_commonware(target.root), start, end }
    });
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
        sync_root: before.root,
        sync_start: before.start,
        sync_end: before.end,
        next_validators: none,
    };
    NodeBlock::new(Block { header, transactions: Bounded::default() }).map_err(|_| NodeError::Keys)
}

/// The network as the node uses it.
pub struct Network<P, B, T> {
    /// Whom it may reach now.
    pub provider: P,
    /// Keeps away whom misbehaves.
    pub blocker: B,
    /// Takes the members of each epoch.
    pub peers: T,
}

/// Starts every actor of a node and returns the handle. All of it ends with `context`.
///
/// # Errors
/// [`NodeError`], if the genesis or a key is unusable.
///
/// # Panics
/// If the storage fails.
pub async fn start<E, S, R, P, B, T>(
    context: E,
    config: EngineConfig,
    network: Network<P, B, T>,
    channels: Channels<S, R>,
) -> Result<NodeHandle, NodeError>
where
    E: Runtime,
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey> + Sync,
    B: Blocker<PublicKey = ed25519::PublicKey> + Sync,
    T: Peers,
{
    config.genesis.check()?;
    let parts = Parts::prepare::<E>(&config)?;
    let Parts { epochs, genesis_block, page_cache, mempool, index, feed, key } = parts;
    let Network { provider, blocker, mut peers } = network;
    let network = Net { provider, blocker, key };
    mempool.start(context.child("mempool"), channels.transactions);

    let plan = open_plan(&context, &config, &epochs, &index, &mut peers).await?;
    let retained = Floor::default();
    let (marshal_actor, marshal, floor) =
        open_marshal(&context, &config, &epochs, &genesis_block, &plan, (page_cache.clone(), &retained))
            .await;
    let resolver = start_state_resolver(&context, &network, channels.state);
    let ledger = Ledger::new(
        config.genesis.clone(),
        Arc::clone(&config.rules),
        genesis_block,
        epochs.clone(),
        mempool.clone(),
        index.clone(),
        Arc::clone(&feed),
    );
    let unknown_protocol = ledger.unknown_protocol();
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
            sync_config: SYNC,
            prune_config: Some(PRUNING),
            strategy: Sequential,
        },
    );
    let (tip, tip_receiver) = watch::channel(0);
    let reporter = TipReporter { inner: app.clone(), tip };
    start_marshal(&context, &network, marshal_actor, reporter, channels.blocks, channels.backfill);
    stateful.start();
    let databases = recover(
        &context,
        app.clone(),
        marshal.clone(),
        Opening {
            mempool: mempool.clone(),
            feed: Arc::clone(&feed),
            epochs: epochs.clone(),
            index: index.clone(),
        },
        peers,
    );
    let evidence = EvidenceBook::open(&config.index)?;
    let consensus = Consensus {
        epochs: epochs.clone(),
        page_cache,
        partition: config.partition,
        evidence: evidence.clone(),
        marshal: marshal.clone(),
        blocker: network.blocker,
        mempool: mempool.clone(),
    };
    let votes = (channels.votes, channels.certificates, channels.resolver);
    consensus.start(&context, app, votes);

    let metrics = context.child("handle");
    let node = NodeHandle(Arc::new(Inner {
        network: config.genesis.network(),
        genesis: config.genesis,
        rules: config.rules,
        epochs,
        mempool,
        index: index.clone(),
        feed,
        reader: Box::new(NodeReader { marshal, index, databases }),
        metrics: Box::new(move || metrics.encode()),
        tip: tip_receiver,
        evidence: evidence.clone(),
        unknown_protocol,
    }));
    start_upkeep(&context, &node, config.index, config.signing_key, (retained, evidence));
    Ok(node)
}

/// What a node does beside taking part.
fn start_upkeep<E: Runtime>(
    context: &E,
    node: &NodeHandle,
    index: Index,
    signing_key: SigningKey,
    (retained, evidence): (Floor, EvidenceBook),
) {
    let (handle, own_index) = (node.clone(), index.clone());
    let forget = |context| forget_old_blocks(context, handle, own_index, retained);
    context.child("retention").spawn(forget);
    let handle = node.clone();
    let accuse = |context| put_on_ledger(context, handle, signing_key, index, evidence);
    context.child("accuser").spawn(accuse);
}

/// Whether the state is fetched or recovered: an anchor counts as long as this node has never been open.
async fn open_plan<E: Runtime, T: Peers>(
    context: &E,
    config: &EngineConfig,
    epochs: &Epochs,
    index: &Index,
    peers: &mut T,
) -> Result<Plan<E>, NodeError> {
    let mut plan = Plan::<E>::init(context.child("plan"), &config.partition).await;
    let Some(anchor) = config.anchor.as_ref().filter(|_| plan.may_sync()) else { return Ok(plan) };
    if plan.floor().is_none()
        && let Some(floor) = adopt(context.child("anchor"), anchor, epochs, index).await?
    {
        plan = plan.set_floor(floor).await;
    }
    peers.track(anchor.epoch.epoch.max(1), &anchor.members);
    Ok(plan)
}

/// What is made before any actor runs.
struct Parts {
    epochs: Epochs,
    key: ed25519::PublicKey,
    genesis_block: NodeBlock,
    page_cache: CacheRef,
    mempool: Mempool,
    index: Index,
    feed: Arc<Feed>,
}

impl Parts {
    fn prepare<E: Runtime>(config: &EngineConfig) -> Result<Self, NodeError> {
        let network = config.genesis.network();
        let genesis_block = genesis_block::<E>(&config.genesis, config.before)?;
        let key = keys::private(&config.signing_key);
        let digest = genesis_block.header().digest();
        let own = key.public_key();
        let epochs = Epochs::open(&config.genesis, digest, key, &config.index)?;
        let page_cache = page_cache();
        let index = config.index.clone();
        let feed = Arc::new(Feed::new(Head::of(digest, genesis_block.block())));
        let mempool = Mempool::new(network, config.mempool);
        Ok(Self { epochs, key: own, genesis_block, page_cache, mempool, index, feed })
    }
}

/// What every actor on the network needs.
struct Net<P, B> {
    provider: P,
    blocker: B,
    key: ed25519::PublicKey,
}

async fn open_marshal<E: Runtime>(
    context: &E,
    config: &EngineConfig,
    epochs: &Epochs,
    genesis: &NodeBlock,
    plan: &Plan<E>,
    (page_cache, floor): (CacheRef, &Floor),
) -> (MarshalOf<E>, Marshal, marshal::core::Floor) {
    const FAILED: &str = "opening the block store failed";
    let (partition, section) = (&config.partition, config.section_blocks);
    let certificate = Scheme::certificate_codec_config_unbounded();
    let finalizations = prunable::Archive::init(
        context.child("finalizations"),
        archive_config(partition, "finalizations", section, page_cache.clone(), certificate),
    )
    .await
    .expect(FAILED);
    let blocks = prunable::Archive::init(
        context.child("blocks"),
        archive_config(partition, "blocks", section, page_cache.clone(), ()),
    )
    .await
    .expect(FAILED);
    let retained = (Retained::new(finalizations, floor.clone()), Retained::new(blocks, floor.clone()));
    let config = marshal::Config {
        provider: epochs.clone(),
        epocher: epochs.clone(),
        start: plan.marshal_start(Digested::precomputed(genesis.clone(), genesis.digest())),
        partition_prefix: partition.clone(),
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
    MarshalActor::init(context.child("marshal"), retained.0, retained.1, config).await
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
            peer_provider: network.provider.clone(),
            strategy: Sequential,
        },
    );
    engine.start(blocks);
    let resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: network.key.clone(),
            peer_provider: network.provider.clone(),
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
            peer_provider: network.provider.clone(),
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

/// Who waits for the state.
struct Opening {
    mempool: Mempool,
    feed: Arc<Feed>,
    epochs: Epochs,
    index: Index,
}

/// Waits for the state, then tells the feed and the mempool where the chain stands, and the network whom to talk to,
/// now and in every epoch.
fn recover<E: Runtime, T: Peers>(
    context: &E,
    app: App<E>,
    marshal: Marshal,
    opening: Opening,
    mut peers: T,
) -> Watched<Option<Databases<E>>> {
    let opened = Watched::new(None);
    let open = opened.clone();
    context.child("recover").spawn(move |context| async move {
        let databases = app.subscribe_databases().await;
        let Opening { mempool, feed, epochs, index } = opening;
        let mut view = epochs.follow_view();
        let anchor = marshal.get_anchor().await;
        if let Some((_, block)) = &anchor {
            // A fetched state that is the last of its epoch was not executed here.
            epochs.end(block.inner(), &*databases.read().await, &index).await;
            index.commit(context.child("index")).await;
        }
        epochs.show(&*databases.read().await).await;
        if let Some((_, block)) = anchor {
            let block = block.inner();
            mempool.finalised(block.header().height, block.ids());
            feed.resume(Head::of(block.header().digest(), block.block()));
            let behind_ms = now_ms(context.current()).saturating_sub(block.header().time_ms);
            tracing::info!(height = block.header().height, behind_ms, "the ledger is open");
        }
        open.update(|shown| {
            *shown = Some(databases);
            true
        });
        let mut tracked = 0;
        loop {
            let view = view.changed().await;
            if view.epoch > tracked {
                tracked = view.epoch;
                let members: Vec<_> = view.members.iter().map(|entry| entry.organisation.clone()).collect();
                peers.track(view.epoch, &members);
            }
        }
    });
    opened
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
