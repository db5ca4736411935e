//! What a transaction passes through, in numbers for dashboards: pool, gossip, proposal, check, execution, finality,
//! storage.
//!
//! Labels have fixed sets of values: nothing here names an organisation, a key or a transaction. Times are those of the
//! runtime, so a simulated node measures simulated time.

use crate::mempool::Refusal;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::{Duration, SystemTime};

/// Upper ends of the buckets of times, in seconds.
const SECONDS: [f64; 15] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0];

/// Why a transaction does not get into a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The pool is full.
    Full,
    /// Its signer has too many that wait.
    SignerFull,
    /// No later block may include it.
    Expired,
    /// It may wait longer than the network allows.
    LivesTooLong,
    /// Malformed, of another network, or wrongly signed.
    Invalid,
    /// The ledger's rules refused it when a block was proposed.
    Rules,
}

impl Reason {
    const ALL: [Self; 6] =
        [Self::Full, Self::SignerFull, Self::Expired, Self::LivesTooLong, Self::Invalid, Self::Rules];

    fn label(self) -> Why {
        Why {
            reason: match self {
                Self::Full => "full",
                Self::SignerFull => "signer_full",
                Self::Expired => "expired",
                Self::LivesTooLong => "lives_too_long",
                Self::Invalid => "invalid",
                Self::Rules => "rules",
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// Which way gossip goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

const IN: Direction = Direction { direction: "in" };
const OUT: Direction = Direction { direction: "out" };

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

const ACCEPTED: Outcome = Outcome { outcome: "accepted" };
const REFUSED: Outcome = Outcome { outcome: "refused" };

/// A node's counters; cheap to clone, and every clone counts into the same.
#[derive(Clone)]
pub struct Measures {
    admitted: Counter,
    refused: Family<Why, Counter>,
    gossip_messages: Family<Direction, Counter>,
    gossip_transactions: Family<Direction, Counter>,
    gossip_malformed: Counter,
    proposals: Counter,
    proposal: Histogram,
    checked: Family<Outcome, Counter>,
    check: Histogram,
    execution: Histogram,
    blocks: Counter,
    transactions: Counter,
    finality: Histogram,
    storage: Histogram,
}

impl Default for Measures {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        Self {
            admitted: Counter::default(),
            refused: Family::default(),
            gossip_messages: Family::default(),
            gossip_transactions: Family::default(),
            gossip_malformed: Counter::default(),
            proposals: Counter::default(),
            proposal: seconds(),
            checked: Family::default(),
            check: seconds(),
            execution: seconds(),
            blocks: Counter::default(),
            transactions: Counter::default(),
            finality: seconds(),
            storage: seconds(),
        }
    }
}

impl Measures {
    /// Adds everything to a registry, which puts its own prefix before the names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("mempool_admitted_transactions", "Taken into the pool.", self.admitted.clone());
        registry.register(
            "mempool_refused_transactions",
            "Kept out of the pool or of a proposal, by reason.",
            self.refused.clone(),
        );
        registry.register("gossip_messages", "Gossip messages, by direction.", self.gossip_messages.clone());
        registry.register(
            "gossip_transactions",
            "Transactions in gossip messages, by direction.",
            self.gossip_transactions.clone(),
        );
        registry.register(
            "gossip_malformed_messages",
            "Gossip messages that do not decode.",
            self.gossip_malformed.clone(),
        );
        registry.register("proposed_blocks", "Blocks that this node proposed.", self.proposals.clone());
        registry.register("checked_blocks", "Blocks of others that were checked.", self.checked.clone());
        registry.register(
            "finalised_blocks",
            "Blocks final and applied since the start.",
            self.blocks.clone(),
        );
        registry.register(
            "finalised_transactions",
            "Transactions in them, since the start.",
            self.transactions.clone(),
        );
        self.register_times(registry);
        // A reason that has not come up yet shows as 0, not as nothing.
        for reason in Reason::ALL {
            let _ = self.refused.get_or_create(&reason.label());
        }
        for direction in [IN, OUT] {
            let _ = self.gossip_messages.get_or_create(&direction);
            let _ = self.gossip_transactions.get_or_create(&direction);
        }
        for outcome in [ACCEPTED, REFUSED] {
            let _ = self.checked.get_or_create(&outcome);
        }
    }

    fn register_times(&self, registry: &mut Registry) {
        let mut time = |name: &str, help: &str, histogram: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        };
        time("proposal", "Building a block: choosing, executing, hashing.", &self.proposal);
        time("check", "Checking a block of another: signatures, executing, hashing.", &self.check);
        time("execution", "Reading ahead and executing a block's transactions.", &self.execution);
        time("finality", "From a block's time until it is final and applied here.", &self.finality);
        time("storage", "Making a final block's index durable.", &self.storage);
    }

    pub(crate) fn admitted(&self) {
        self.admitted.inc();
    }

    pub(crate) fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&reason.label()).inc();
    }

    /// One that is known already is no refusal.
    pub(crate) fn refused_by_pool(&self, refusal: &Refusal) {
        match refusal {
            Refusal::Known | Refusal::Final => {}
            Refusal::Full => self.refused(Reason::Full),
            Refusal::SignerFull => self.refused(Reason::SignerFull),
            Refusal::Expired { .. } => self.refused(Reason::Expired),
        }
    }

    pub(crate) fn gossip_in(&self, transactions: usize) {
        self.gossip(&IN, transactions);
    }

    pub(crate) fn gossip_out(&self, transactions: usize) {
        self.gossip(&OUT, transactions);
    }

    fn gossip(&self, direction: &Direction, transactions: usize) {
        self.gossip_messages.get_or_create(direction).inc();
        self.gossip_transactions.get_or_create(direction).inc_by(transactions as u64);
    }

    pub(crate) fn malformed_gossip(&self) {
        self.gossip_malformed.inc();
    }

    pub(crate) fn proposed(&self, took: Duration) {
        self.proposals.inc();
        self.proposal.observe(took.as_secs_f64());
    }

    pub(crate) fn checked(&self, accepted: bool, took: Duration) {
        self.checked.get_or_create(if accepted { &ACCEPTED } else { &REFUSED }).inc();
        self.check.observe(took.as_secs_f64());
    }

    pub(crate) fn executed(&self, took: Duration) {
        self.execution.observe(took.as_secs_f64());
    }

    pub(crate) fn finalised(&self, transactions: usize, since_block: Duration) {
        self.blocks.inc();
        self.transactions.inc_by(transactions as u64);
        self.finality.observe(since_block.as_secs_f64());
    }

    pub(crate) fn stored(&self, took: Duration) {
        self.storage.observe(took.as_secs_f64());
    }
}

/// Time from one moment to another; none if the clock went back.
pub(crate) fn between(begun: SystemTime, ended: SystemTime) -> Duration {
    ended.duration_since(begun).unwrap_or_default()
}
