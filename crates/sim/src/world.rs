//! The observer: outside of the simulated machines, so that it survives their crashes and can compare them.

use crate::faults::Fault;
use crate::node::Machine;
use crate::scenario::{Outcome, Scenario};
use crate::workload::People;
use commonware_glue::simulate::plan::PlanResult;
use salus_node::index::Index;
use salus_node::{Evidence, FinalisedBlock, Head, NodeHandle};
use salus_types::genesis::Genesis;
use salus_types::{Digest, PublicKey, TransactionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Blocks that every node must apply after the workload has come to rest.
const BLOCKS_AT_REST: u64 = 3;

/// A promise that a client was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) id: TransactionId,
    pub(crate) height: u64,
    pub(crate) position: u32,
    pub(crate) node: usize,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Final blocks by height, as the first node told them.
    pub(crate) blocks: BTreeMap<u64, Arc<FinalisedBlock>>,
    pub(crate) acknowledged: Vec<Acknowledged>,
    pub(crate) people: People,
    /// Newest block that each node has told.
    told: BTreeMap<usize, u64>,
    violations: Vec<String>,
    waiting: usize,
    /// Views of all epochs before one, where this one has begun.
    views_before: BTreeMap<u64, u64>,
    /// Views that were final before the last fault was over.
    view_at_mending: u64,
    /// How long each node took, once all was mended, to apply a block that was proposed after that.
    recovered: BTreeMap<usize, Recovery>,
    rest_from: Option<u64>,
    elapsed: Duration,
    /// Faults of liars that are on the ledger.
    pub(crate) faults: u64,
    /// Numbers of validators that there were.
    pub(crate) seats: BTreeSet<usize>,
}

impl Seen {
    /// Views of all epochs before this one.
    fn views_before(&self, epoch: u64) -> u64 {
        self.views_before.get(&epoch).copied().unwrap_or(0)
    }
}

/// How soon a node is well again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Recovery {
    /// Views after the last one that was final before.
    pub views: u64,
    /// Simulated milliseconds.
    pub ms: u64,
}

/// The observer.
pub(crate) struct World {
    pub(crate) genesis: Genesis,
    /// What lies on each machine's disk beside the runtime's storage.
    indices: Vec<Index>,
    /// Validators that must never contradict themselves.
    honest: Vec<PublicKey>,
    /// Whether somebody lies in a way that leaves evidence, and whoever hears it lives to tell.
    pub(crate) expects_evidence: bool,
    /// Whether no node dies.
    pub(crate) nobody_dies: bool,
    /// Whether clients vote on seats.
    pub(crate) seats_change: bool,
    plan: Mutex<(Duration, u64)>,
    seen: Mutex<Seen>,
}

impl World {
    pub(crate) fn new(genesis: &Genesis, scenario: &Scenario) -> Self {
        let indices = (0..scenario.nodes).map(|_| Index::open(None).expect("memory")).collect();
        let honest = scenario.nodes - scenario.byzantine.len();
        // A node that dies before it has written down what it heard may hear no more of whom it has blocked.
        let nobody_dies = !scenario.faults.iter().any(|fault| matches!(fault, Fault::Crash | Fault::Storage));
        let keys = genesis.organisations.iter().take(honest).map(|organisation| organisation.node_key);
        Self {
            genesis: genesis.clone(),
            indices,
            honest: keys.collect(),
            expects_evidence: nobody_dies && scenario.byzantine.iter().any(|lie| lie.contradicts_itself()),
            nobody_dies,
            seats_change: scenario.byzantine.is_empty(),
            plan: Mutex::new((Duration::ZERO, scenario.views)),
            seen: Mutex::default(),
        }
    }

    pub(crate) fn index(&self, number: usize) -> Index {
        self.indices[number].clone()
    }

    /// The workload rests once the faults are over and every honest node has passed these views.
    pub(crate) fn rest_after(&self, faults: Duration, views: u64) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = (faults, views);
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seen_of(&self, number: usize) -> u64 {
        self.seen().told.get(&number).copied().unwrap_or(0)
    }

    /// A node tells a final block, at a time since the start. Gives the views that the network has passed with it.
    pub(crate) fn observe(&self, number: usize, block: &Arc<FinalisedBlock>, now: Duration) -> u64 {
        let (mended, _) = *self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = self.seen();
        seen.elapsed = seen.elapsed.max(now);
        let header = &block.block.header;
        let height = header.height;
        seen.told.insert(number, height);
        let views = seen.views_before(header.epoch) + header.view;
        if header.next_validators != Digest::ZERO {
            seen.views_before.insert(header.epoch + 1, views);
        }
        if now <= mended {
            seen.view_at_mending = seen.view_at_mending.max(views);
        } else if u128::from(header.time_ms) > mended.as_millis() {
            let views = views.saturating_sub(seen.view_at_mending);
            let ms = (now - mended).as_millis() as u64;
            seen.recovered.entry(number).or_insert(Recovery { views, ms });
        }
        let first = seen.blocks.entry(height).or_insert_with(|| Arc::clone(block)).digest;
        if first != block.digest {
            seen.violations
                .push(format!("two blocks are final at height {height}; node {number} has the second"));
        }
        seen.views_before(header.epoch) + header.view
    }

    /// The newest epoch that a node has told of.
    pub(crate) fn epoch(&self) -> u64 {
        self.seen().views_before.last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    /// The first thing that must not be.
    pub(crate) fn violation(&self) -> Option<String> {
        self.seen().violations.first().cloned()
    }

    /// Adds what the nodes hold against each other.
    pub(crate) fn accuse(&self, evidence: &[Evidence]) {
        let mut seen = self.seen();
        for piece in evidence.iter().filter(|piece| self.honest.contains(&piece.validator)) {
            let (who, what) = (piece.validator, &piece.contradiction);
            seen.violations.push(format!("the honest validator {who} contradicts itself: {what:?}"));
        }
    }

    pub(crate) fn is_honest(&self, validator: &PublicKey) -> bool {
        self.honest.contains(validator)
    }

    /// Whether clients may go on.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.seen().rest_from.is_some()
    }

    pub(crate) fn wait_begins(self: &Arc<Self>) -> Waiting {
        self.seen().waiting += 1;
        Waiting(Arc::clone(self))
    }

    pub(crate) fn acknowledge(&self, acknowledged: Acknowledged) {
        self.seen().acknowledged.push(acknowledged);
    }

    /// Whether the run is over: the faults have ended, every honest node has passed its views, no client waits, and
    /// everybody has applied some more blocks.
    pub(crate) fn is_over(&self, machines: &[&Machine]) -> bool {
        let (faults, views) = *self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes: Vec<_> = machines.iter().filter_map(|machine| machine.node.as_ref()).collect();
        let mut seen = self.seen();
        if seen.elapsed <= faults || nodes.len() < self.honest.len() {
            return false;
        }
        match seen.rest_from {
            None => {
                let passed = |head: Head| seen.views_before(head.epoch) + head.view;
                if nodes.iter().all(|node| passed(node.head()) >= views) {
                    seen.rest_from = nodes.iter().map(|node| node.head().height).max();
                }
                false
            }
            Some(height) => {
                // What was noted is on its way to the ledger.
                let settled = |node: &&NodeHandle| node.evidence().is_empty();
                seen.waiting == 0
                    && nodes.iter().all(|node| node.head().height >= height + BLOCKS_AT_REST)
                    && nodes.iter().all(settled)
            }
        }
    }

    /// A node that should be well by now, and is not.
    pub(crate) fn left_behind(&self, patience: Duration) -> Option<usize> {
        let (mended, _) = *self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen();
        let late = seen.elapsed > mended + patience;
        (0..self.honest.len()).find(|number| late && !seen.recovered.contains_key(number))
    }

    /// The slowest node's recovery.
    pub(crate) fn recovery(&self) -> Recovery {
        let seen = self.seen();
        let all = seen.recovered.values();
        all.fold(Recovery::default(), |slowest, one| Recovery {
            views: slowest.views.max(one.views),
            ms: slowest.ms.max(one.ms),
        })
    }

    pub(crate) fn outcome(&self, seed: u64, result: &PlanResult<crate::node::Cluster>) -> Outcome {
        let recovery = self.recovery();
        let seen = self.seen();
        let mut transactions: BTreeMap<&'static str, u64> = BTreeMap::new();
        for block in seen.blocks.values() {
            for transaction in block.block.transactions.iter() {
                *transactions.entry(transaction.action.name()).or_default() += 1;
            }
        }
        Outcome {
            seed,
            trace: result.state.clone(),
            views: result.tracker.min_view(),
            blocks: seen.blocks.len() as u64,
            epochs: seen.views_before.len() as u64,
            seats: seen.seats.clone(),
            transactions,
            acknowledged: seen.acknowledged.len(),
            crashes: result.crashes,
            faults: seen.faults,
            recovery,
            simulated_ms: seen.elapsed.as_millis() as u64,
        }
    }
}

/// A client that waits for an answer; it also ends with its node.
pub(crate) struct Waiting(Arc<World>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.seen().waiting -= 1;
    }
}
