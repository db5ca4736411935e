//! One simulated machine: the real node, a client that uses it, and the observer's eye on it.

use crate::byzantine::Byzantine;
use crate::scenario::{Plant, Scenario};
use crate::workload;
use crate::world::World;
use commonware_codec::Encode as _;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::{Epoch, Height, Round, View};
use commonware_cryptography::ed25519;
use commonware_glue::simulate::engine::{EngineDefinition, InitContext};
use commonware_glue::simulate::processed::ProcessedHeight;
use commonware_glue::simulate::tracker::FinalizationUpdate;
use commonware_p2p::simulated::Oracle;
use commonware_runtime::{Clock as _, Handle, Quota, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::NZU64;
use commonware_utils::channel::mpsc;
use salus_ledger::{BlockContext, Executed};
use salus_node::contract::{LedgerRules, Prefetched, Refused, Rules};
use salus_node::engine::{self, EngineConfig, Network};
use salus_node::epochs::validator_set;
use salus_node::mempool::state::Limits;
use salus_node::network::{Channel, Channels, Peers, message_bytes_max};
use salus_node::{NodeHandle, keys, testing};
use salus_types::genesis::{BLOCKS_RETAINED_MIN, EPOCHS_RETAINED_MIN, Genesis};
use salus_types::membership::validator_keys;
use salus_types::organisation::Organisation;
use salus_types::state::{AppointmentEntry, GrantEntry, StateKey, StateValue};
use salus_types::transaction::Transaction;
use salus_types::{Digest, decode_canonical, namespace};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Small, so that old blocks go within a run.
const SECTION_BLOCKS: NonZeroU64 = NZU64!(64);

type PublicKey = ed25519::PublicKey;
type Monitor = mpsc::UnboundedSender<FinalizationUpdate<PublicKey>>;

/// All nodes of a run.
#[derive(Clone)]
pub(crate) struct Cluster {
    genesis: Genesis,
    /// What each of the last nodes does instead of following the protocol.
    byzantine: Vec<Byzantine>,
    plant: Option<Plant>,
    world: Arc<World>,
    seed: u64,
    starts: Arc<AtomicU32>,
}

/// What properties see of a node; nothing while it could not start.
pub(crate) struct Machine {
    /// Its number, from 0.
    pub(crate) number: usize,
    pub(crate) node: Option<NodeHandle>,
}

impl ProcessedHeight for Machine {
    async fn processed_height(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| node.head().height)
    }
}

impl Cluster {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let addresses: Vec<_> = (0..scenario.nodes).map(|number| format!("127.0.0.1:{number}")).collect();
        let mut genesis = testing::genesis(0, &addresses);
        genesis.parameters.epoch_blocks = scenario.epoch_blocks;
        genesis.parameters.blocks_retained =
            BLOCKS_RETAINED_MIN.max(EPOCHS_RETAINED_MIN * u64::from(scenario.epoch_blocks));
        let world = Arc::new(World::new(&genesis, scenario));
        Self {
            genesis,
            byzantine: scenario.byzantine.clone(),
            plant: scenario.plant,
            world,
            seed: scenario.seed,
            starts: Arc::default(),
        }
    }

    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    /// Node keys in the order of the nodes' numbers.
    pub(crate) fn keys(&self) -> Vec<PublicKey> {
        let organisations = self.genesis.organisations.iter();
        organisations.map(|organisation| keys::public(&organisation.node_key).expect("a key")).collect()
    }

    fn lie_of(&self, number: usize) -> Option<Byzantine> {
        let honest = self.genesis.organisations.len() - self.byzantine.len();
        number.checked_sub(honest).and_then(|at| self.byzantine.get(at)).copied()
    }

    fn config(&self, number: usize) -> EngineConfig {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let partition = match self.plant {
            Some(Plant::Amnesia) => format!("node-{number}-{start}"),
            _ => format!("node-{number}"),
        };
        let rules: Arc<dyn Rules> = match self.plant {
            Some(Plant::IgnoreRevocations) => Arc::new(Forgiving(unrevoked)),
            Some(Plant::IgnoreEnds) => Arc::new(Forgiving(unended)),
            Some(Plant::OtherRules) if number == 1 => Arc::new(Inventive),
            _ => Arc::new(LedgerRules),
        };
        EngineConfig {
            genesis: self.genesis.clone(),
            signing_key: testing::signing_key(number as u8),
            mempool: Limits::default(),
            index: self.world.index(number),
            rules,
            anchor: None,
            partition,
            section_blocks: SECTION_BLOCKS,
            before: None,
        }
    }

    fn scheme(&self, number: usize) -> Scheme {
        let namespace = namespace::consensus(&self.genesis.network());
        let validators = validator_set(&validator_keys(&self.genesis.members())).expect("keys");
        let key = keys::private(&testing::signing_key(number as u8));
        Scheme::signer(namespace.as_bytes(), validators, key).expect("a validator")
    }
}

impl EngineDefinition for Cluster {
    type PublicKey = PublicKey;
    type Engine = Handle<()>;
    type State = Machine;

    fn participants(&self) -> Vec<PublicKey> {
        self.keys()
    }

    fn channels(&self) -> Vec<(u64, Quota)> {
        Channel::ALL.iter().map(|channel| (*channel as u64, channel.quota())).collect()
    }

    fn max_message_size(&self) -> u32 {
        message_bytes_max()
    }

    async fn init(&self, machine: InitContext<'_, PublicKey>) -> (Handle<()>, Machine) {
        let InitContext { context, index: number, public_key, oracle, channels, monitor, .. } = machine;
        let mut channels = channels.into_iter();
        let channels = Channels::register(|_, _| channels.next().expect("one for each channel"));
        if let Some(lie) = self.lie_of(number) {
            let handle =
                lie.start(context.child("byzantine"), self.scheme(number), channels.votes, self.world());
            return (handle, Machine { number, node: None });
        }
        let (ready, started) = futures::channel::oneshot::channel();
        let honest = Honest {
            number,
            key: public_key.clone(),
            config: self.config(number),
            world: self.world(),
            monitor,
            seed: self.seed ^ (u64::from(self.starts.load(Ordering::Relaxed)) << 32),
            early: self.plant == Some(Plant::AcknowledgeEarly),
        };
        let oracle = oracle.clone();
        let handle = context.child("node").spawn(move |context| honest.run(context, oracle, channels, ready));
        // A node whose storage fails while it opens dies before it is ready.
        (handle, Machine { number, node: started.await.ok() })
    }

    fn start(engine: Handle<()>) -> Handle<()> {
        engine
    }
}

struct Honest {
    number: usize,
    key: PublicKey,
    config: EngineConfig,
    world: Arc<World>,
    monitor: Monitor,
    seed: u64,
    early: bool,
}

impl Honest {
    async fn run(
        self,
        context: deterministic::Context,
        oracle: Oracle<PublicKey, deterministic::Context>,
        channels: Channels<SimSender, SimReceiver>,
        ready: futures::channel::oneshot::Sender<NodeHandle>,
    ) {
        let blocker = oracle.control(self.key.clone());
        let network = Network { provider: oracle.manager(), blocker, peers: Everybody };
        let engine = context.child("engine");
        let node = engine::start(engine, self.config, network, channels).await.expect("the node starts");
        let _ = ready.send(node.clone());
        let (world, number) = (self.world.clone(), self.number);
        let (key, monitor, followed) = (self.key, self.monitor, node.clone());
        context.child("eye").spawn(move |context| follow(context, followed, world, number, key, monitor));
        let client = workload::Client { number, node, world: self.world, early: self.early };
        context.child("client").spawn(move |context| client.run(context, self.seed));
        std::future::pending::<()>().await;
    }
}

/// Simulated machines are all linked, whatever the members are.
#[derive(Clone)]
pub(crate) struct Everybody;

impl Peers for Everybody {
    fn track(&mut self, _: u64, _: &[Organisation]) {}
}

pub(crate) type SimSender = commonware_p2p::simulated::Sender<PublicKey, deterministic::Context>;
pub(crate) type SimReceiver = commonware_p2p::simulated::Receiver<PublicKey>;

/// Shows the observer every final block of the node, in order, across its restarts.
async fn follow(
    context: deterministic::Context,
    node: NodeHandle,
    world: Arc<World>,
    number: usize,
    key: PublicKey,
    monitor: Monitor,
) {
    let mut events = node.events_from(world.seen_of(number) + 1);
    while let Some(block) = events.next().await {
        let views = world.observe(number, &block, since_start(&context));
        let header = &block.block.header;
        let _ = monitor.send(FinalizationUpdate {
            pk: key.clone(),
            round: Round::new(Epoch::zero(), View::new(views)),
            height: Height::new(header.height),
            block_digest: block.digest.as_ref().to_vec(),
        });
    }
}

/// Simulated time since the run began: its clock begins at 1970.
fn since_start(context: &deterministic::Context) -> Duration {
    context.current().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Rules that read some entries as if something had not happened.
struct Forgiving(fn(&StateValue) -> Option<StateValue>);

/// A grant that was revoked, as if it had not been.
fn unrevoked(value: &StateValue) -> Option<StateValue> {
    let entry = decode_canonical::<GrantEntry>(value).ok().filter(|entry| entry.revoked.is_some())?;
    StateValue::new(GrantEntry { revoked: None, ..entry }.encode().to_vec()).ok()
}

/// An appointment that was ended, as if it had not been.
fn unended(value: &StateValue) -> Option<StateValue> {
    let entry = decode_canonical::<AppointmentEntry>(value).ok().filter(|entry| entry.ended.is_some())?;
    StateValue::new(AppointmentEntry { ended: None, ..entry }.encode().to_vec()).ok()
}

impl Rules for Forgiving {
    fn execute(
        &self,
        context: BlockContext,
        transactions: &[Transaction],
        reads: &Prefetched,
    ) -> (Executed, Refused) {
        let read =
            |(key, value): (&StateKey, &StateValue)| (*key, (self.0)(value).unwrap_or_else(|| value.clone()));
        LedgerRules.execute(context, transactions, &reads.iter().map(read).collect())
    }
}

/// Rules that write something of their own.
struct Inventive;

impl Rules for Inventive {
    fn execute(
        &self,
        context: BlockContext,
        transactions: &[Transaction],
        reads: &Prefetched,
    ) -> (Executed, Refused) {
        let (mut executed, refused) = LedgerRules.execute(context, transactions, reads);
        if !transactions.is_empty() {
            let value = StateValue::new(context.height.to_be_bytes().to_vec()).expect("short");
            executed.writes.push((StateKey(Digest([0xee; 32])), Some(value)));
        }
        (executed, refused)
    }
}
