//! The whole network in one process, on one thread, from one seed.
//!
//! Every node is the real one ([`salus_node::engine::start`]): its consensus, its mempool and gossip, its storage, the
//! real ledger. Only the runtime (time, randomness, disks) and the network between the nodes are simulated, by
//! commonware's deterministic runtime, so that the same seed gives the same run, event by
//! event: `--twice` compares two.
//!
//! * [`Scenario`] says what happens: how many nodes, which faults, which node is byzantine, which bug is planted.
//! * `faults` turns a seed into crashes, partitions, delays and storage faults that all end one day.
//! * `workload` signs actions of every kind at every node, until the run is told to come to rest.
//! * `world` is the observer outside of the machines: it sees every final block of every node and every
//!   acknowledgement, and survives every crash.
//! * `regions` measures instead: how long finality takes between regions of the world.
//! * `properties` says what must hold, in terms of what the observer saw and not of the code that is watched.

mod byzantine;
mod faults;
mod node;
mod properties;
mod regions;
mod scenario;
mod workload;
mod world;

pub use byzantine::Byzantine;
pub use faults::Fault;
pub use regions::{ATLANTIC, Latency, Regions, WORLD, latency};
pub use scenario::{Outcome, Plant, Scenario, run};
pub use world::Recovery;
