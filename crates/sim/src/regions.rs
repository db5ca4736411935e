//! Validators in several regions of the world: how long finality takes when only distance counts.
//!
//! Time is simulated and processors take none of it, so the figures hold for nodes that are not busy. What is real is
//! the protocol and the delay of every message.

use crate::node::{Everybody, SimReceiver, SimSender};
use commonware_cryptography::ed25519;
use commonware_p2p::Manager as _;
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::{Clock as _, Runner as _, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::ordered::Set;
use commonware_utils::{NZUsize, TryCollect as _, probability};
use rand::RngExt as _;
use salus_crypto::Digest;
use salus_node::contract::LedgerRules;
use salus_node::engine::{self, EngineConfig, Network};
use salus_node::index::Index;
use salus_node::mempool::state::Limits;
use salus_node::network::{Channel, Channels, message_bytes_max};
use salus_node::store::SECTION_BLOCKS;
use salus_node::{NodeHandle, keys, testing};
use salus_types::Address;
use salus_types::action::RegisterPatient;
use salus_types::genesis::Genesis;
use salus_types::ids::TransactionId;
use salus_types::transaction::Transaction;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Regions, and the time from each to each and back.
#[derive(Clone, Copy, Debug)]
pub struct Regions {
    /// What they are called together.
    pub name: &'static str,
    /// Their names.
    pub regions: [&'static str; 5],
    /// Round trips in milliseconds. On the diagonal: between two zones of a region.
    pub round_trips_ms: [[u64; 5]; 5],
}

/// Both sides of the North Atlantic. Round trips are a month's averages between regions of IBM Cloud, which publishes
/// them in its documentation (`ibm-cloud-docs/vpc`, `_include-segments/network-latency.md`); `docs/benchmarks.md` says
/// of which month. 2 ms is what it measured between zones of a region.
pub const ATLANTIC: Regions = Regions {
    name: "Frankfurt, London, Madrid, Toronto, Washington",
    regions: ["Frankfurt", "London", "Madrid", "Toronto", "Washington"],
    round_trips_ms: [
        [2, 13, 29, 92, 91],
        [13, 2, 27, 82, 76],
        [29, 27, 2, 109, 88],
        [92, 82, 109, 2, 20],
        [91, 76, 88, 20, 2],
    ],
};

/// Around the world, from the same source.
pub const WORLD: Regions = Regions {
    name: "Frankfurt, Washington, Sao Paulo, Tokyo, Sydney",
    regions: ["Frankfurt", "Washington", "Sao Paulo", "Tokyo", "Sydney"],
    round_trips_ms: [
        [2, 91, 197, 228, 250],
        [91, 2, 118, 166, 214],
        [197, 118, 2, 284, 327],
        [228, 166, 284, 2, 115],
        [250, 214, 327, 115, 2],
    ],
};

/// Standard deviation of a delay, as a part of it.
const JITTER_PART: u32 = 50;
/// Transactions of each node.
const COUNT: usize = 100;
/// Longest pause between two of them; the mean is half of it.
const PAUSE_MS_MAX: u64 = 400;
/// Simulated time that a run may take.
const PATIENCE: Duration = Duration::from_secs(600);
const LIFETIME_BLOCKS: u64 = 5_000;

/// How long it took.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Latency {
    /// The regions.
    pub regions: &'static str,
    /// Validators, one in each region in turn.
    pub validators: usize,
    /// Median from handing in at a node to applied there, in simulated milliseconds.
    pub p50_ms: f64,
    /// The same for 99 of 100.
    pub p99_ms: f64,
}

type Times = Arc<Mutex<Vec<Duration>>>;

/// Simulates so many validators in these regions, with little load.
///
/// # Panics
/// If a node does not start, or the network does not come to an end in time.
pub fn latency(regions: &Regions, validators: usize, seed: u64) -> Latency {
    let addresses: Vec<_> = (0..validators).map(|number| format!("127.0.0.1:{number}")).collect();
    let genesis = testing::genesis(0, &addresses);
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(PATIENCE));
    let times = Times::default();
    let (seen, regions) = (Arc::clone(&times), *regions);
    deterministic::Runner::new(config).start(|context| run(context, genesis, regions, seen));
    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner).clone();
    times.sort_unstable();
    let at = |per_cent: usize| times[(times.len() - 1) * per_cent / 100].as_secs_f64() * 1e3;
    Latency { regions: regions.name, validators, p50_ms: at(50), p99_ms: at(99) }
}

async fn run(context: deterministic::Context, genesis: Genesis, regions: Regions, times: Times) {
    let keys: Vec<_> = genesis
        .organisations
        .iter()
        .map(|organisation| keys::public(&organisation.node_key).expect("a key"))
        .collect();
    let oracle = connect(&context, &keys, &regions).await;
    let mut clients = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let config = EngineConfig {
            genesis: genesis.clone(),
            signing_key: testing::signing_key(number as u8),
            mempool: Limits::default(),
            index: Index::open(None).expect("memory"),
            rules: Arc::new(LedgerRules),
            anchor: None,
            partition: format!("node-{number}"),
            section_blocks: SECTION_BLOCKS,
            before: None,
        };
        let control = oracle.control(key.clone());
        let mut pairs = Vec::new();
        for channel in Channel::ALL {
            pairs.push(control.register(channel as u64, channel.quota()).await.expect("registers"));
        }
        let mut pairs = pairs.into_iter();
        let channels: Channels<SimSender, SimReceiver> =
            Channels::register(|_, _| pairs.next().expect("one for each channel"));
        let network =
            Network { provider: oracle.manager(), blocker: oracle.control(key.clone()), peers: Everybody };
        let engine = context.child("engine").with_attribute("number", number);
        let node = engine::start(engine, config, network, channels).await.expect("the node starts");
        let times = Arc::clone(&times);
        clients.push(context.child("client").spawn(move |context| client(context, node, number, times)));
    }
    for client in clients {
        client.await.expect("the client ends");
    }
}

/// A network of these nodes, in regions in turn.
async fn connect(
    context: &deterministic::Context,
    keys: &[ed25519::PublicKey],
    regions: &Regions,
) -> Oracle<ed25519::PublicKey, deterministic::Context> {
    let config = simulated::Config {
        max_size: message_bytes_max(),
        max_peers_per_set: NonZeroUsize::new(keys.len()).unwrap_or(NonZeroUsize::MIN),
        disconnect_on_block: true,
        tracked_peer_sets: NZUsize!(1),
    };
    let (network, oracle) = simulated::Network::new(context.child("network"), config);
    network.start();
    let set: Set<_> = keys.iter().cloned().try_collect().expect("distinct keys");
    oracle.manager().track(0, set);
    let region = |number: usize| number % regions.regions.len();
    for (from, a) in keys.iter().enumerate() {
        for (to, b) in keys.iter().enumerate().filter(|(to, _)| *to != from) {
            let latency = Duration::from_millis(regions.round_trips_ms[region(from)][region(to)]) / 2;
            let link = Link { latency, jitter: latency / JITTER_PART, success_rate: probability!(1.0) };
            oracle.add_link(a.clone(), b.clone(), link).await.expect("two nodes");
        }
    }
    oracle
}

/// Hands in one transaction after another, and waits for each at the node where it was handed in.
///
/// One more goes before them and does not count: nodes start in turn, so those that start late miss the first proposal,
/// and what is handed in before the view after it waits for a timeout. That is how long a start takes, not finality.
async fn client(mut context: deterministic::Context, node: NodeHandle, number: usize, times: Times) {
    let id = hand_in(&mut context, &node, number).await;
    node.wait_final(id).await;
    let mut waiting = Vec::new();
    for _ in 0..COUNT {
        let pause = context.random_range(0..PAUSE_MS_MAX);
        context.sleep(Duration::from_millis(pause)).await;
        let begin = context.current();
        let id = hand_in(&mut context, &node, number).await;
        let (node, times) = (node.clone(), Arc::clone(&times));
        waiting.push(context.child("waiter").spawn(move |context| async move {
            node.wait_final(id).await;
            let took = context.current().duration_since(begin).unwrap_or_default();
            times.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }));
    }
    for waiter in waiting {
        waiter.await.expect("the transaction is final");
    }
}

/// A transaction of its own, taken by the node.
async fn hand_in(context: &mut deterministic::Context, node: &NodeHandle, number: usize) -> TransactionId {
    let address = Address(Digest(context.random()));
    let key = testing::signing_key(number as u8);
    let valid_until = node.head().height + LIFETIME_BLOCKS;
    let transaction = Transaction::sign(node.network(), &key, valid_until, RegisterPatient { address });
    node.submit(transaction).await.expect("the node takes it")
}
