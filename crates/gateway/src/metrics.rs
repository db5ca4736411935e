//! Numbers for Prometheus: counters of this crate, gauges of the whole node, and what the ledger and the vault add.
//!
//! The text is OpenMetrics 1.0 (<https://github.com/prometheus/OpenMetrics>), which Prometheus reads. Times are in
//! seconds, sizes in bytes. Labels have fixed sets of values: no organisation, person, path or key is one.

mod requests;

pub(crate) use requests::count;

use crate::peer::{CustodyReport, Moves, NodeStatus};
use crate::state::{Gateway, Ports};
use crate::vault::VaultError;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use requests::Requests;
use salus_types::decode_canonical;
use salus_types::state::key;
use std::fmt;
use std::sync::atomic::AtomicU64;

/// Content type of [`Gateway::metrics`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Seconds = Gauge<f64, AtomicU64>;

/// What became of a request for shares and packages.
const DECISIONS: [&str; 4] = ["released", "refused", "unavailable", "failed"];
const GRANTEE: &str = "grantee";
const PATIENT: &str = "patient";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Release {
    asker: &'static str,
    decision: &'static str,
}

/// Gauges that are set when they are asked for.
#[derive(Default)]
struct Gauges {
    height: Gauge,
    lag: Gauge,
    epoch: Gauge,
    members: Gauge,
    peers: Gauge,
    mempool: Gauge,
    faults: Gauge,
    block_age: Seconds,
    stored: Gauge,
    sealed: Gauge,
    anchored: Gauge,
    anchor_lag: Seconds,
    engine_up: Gauge,
    resources: Gauge,
    outbox: Gauge,
    shares_held: Gauge,
    receipts_missing: Gauge,
    oldest_block: Gauge,
    unknown_protocol: Gauge,
    custody: Custody,
}

/// How far moves of custody are, and how well what is sealed is kept.
#[derive(Default)]
struct Custody {
    kept: Gauge,
    damaged: Gauge,
    lost: Gauge,
    repaired: Gauge,
    challenges_failed: Gauge,
    releases_unmatched: Gauge,
    to_move: Gauge,
    late: Gauge,
    moved: Gauge,
    receipts: Gauge,
    receipts_missing: Gauge,
    faults: Gauge,
}

/// The gateway's metrics.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    releases: Family<Release, Counter>,
    evaluated: Counter,
    gauges: Gauges,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Registers everything; the ledger and the vault behind `ports` add theirs.
    pub(crate) fn new(ports: &Ports) -> Self {
        let mut registry = Registry::with_prefix("salus");
        let (gauges, releases, evaluated) = (Gauges::default(), Family::default(), Counter::default());
        gauges.register(&mut registry);
        let requests = Requests::new(registry.sub_registry_with_prefix("gateway"));
        registry.sub_registry_with_prefix("vault").register(
            "release_decisions",
            "Requests for shares and packages, by who asked and what was decided.",
            releases.clone(),
        );
        registry.register(
            "location_evaluated_elements",
            "Elements evaluated for other organisations' indexes of patients, and for questions to them.",
            evaluated.clone(),
        );
        for asker in [GRANTEE, PATIENT] {
            for decision in DECISIONS {
                let _ = releases.get_or_create(&Release { asker, decision });
            }
        }
        ports.chain.register(registry.sub_registry_with_prefix("ledger"));
        ports.keeper.register(&mut registry);
        Self { registry, requests, releases, evaluated, gauges }
    }

    /// Counts what was decided on a grantee's request.
    pub(crate) fn release_for_grant<T>(&self, answer: &Result<T, VaultError>) {
        self.release(GRANTEE, answer);
    }

    /// Counts what was decided on a patient's request.
    pub(crate) fn release_for_patient<T>(&self, answer: &Result<T, VaultError>) {
        self.release(PATIENT, answer);
    }

    /// Counts what was evaluated as a helper.
    pub(crate) fn location_evaluated(&self, elements: usize) {
        self.evaluated.inc_by(elements as u64);
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    fn release<T>(&self, asker: &'static str, answer: &Result<T, VaultError>) {
        let decision = match answer {
            Ok(_) => "released",
            Err(VaultError::Refused(_)) => "refused",
            Err(VaultError::Unavailable(_)) => "unavailable",
            Err(VaultError::Fault(_)) => "failed",
        };
        self.releases.get_or_create(&Release { asker, decision }).inc();
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("ledger_height", "Height of the newest block that is final and applied.", &self.height);
        gauge("ledger_lag_blocks", "Final blocks that are not applied yet.", &self.lag);
        gauge("ledger_epoch", "The running epoch.", &self.epoch);
        gauge("ledger_members", "Members of the network in the running epoch.", &self.members);
        gauge("ledger_peers", "Nodes that this one is connected to.", &self.peers);
        gauge("ledger_mempool_transactions", "Transactions that wait for a block.", &self.mempool);
        gauge("ledger_faults", "Misdeeds of validators that are on the ledger.", &self.faults);
        gauge("vault_stored_versions", "Record versions that wait to be sealed.", &self.stored);
        gauge("vault_sealed_versions", "Record versions that wait to be anchored.", &self.sealed);
        gauge("vault_anchored_versions", "Record versions that are anchored.", &self.anchored);
        gauge("engine_up", "Whether the clinical engine answers; 1 where there is none.", &self.engine_up);
        gauge("engine_resources", "Resources in the clinical store.", &self.resources);
        gauge("engine_outbox_versions", "Versions in the clinical store's outbox.", &self.outbox);
        gauge("shares_held", "Share sets of others that are held here under grants.", &self.shares_held);
        gauge(
            "shares_receipts_missing",
            "Share sets that are deleted and whose receipt is not on the ledger.",
            &self.receipts_missing,
        );
        gauge("ledger_oldest_block", "Height below which blocks may be missing here.", &self.oldest_block);
        gauge(
            "ledger_unknown_protocol",
            "Rules in force that this version does not know, so that its ledger stands still; 0 if it knows them.",
            &self.unknown_protocol,
        );
        self.custody.register(registry);
        registry.register_with_unit(
            "ledger_block_age",
            "Time since the newest block's time.",
            Unit::Seconds,
            self.block_age.clone(),
        );
        registry.register_with_unit(
            "vault_anchor_lag",
            "How long the oldest record version that is not anchored has waited.",
            Unit::Seconds,
            self.anchor_lag.clone(),
        );
    }

    async fn measure(&self, gateway: &Gateway) {
        let NodeStatus { height, lag, peers, mempool, queues, epoch, time_ms, .. } =
            crate::peer::node_status(gateway).await;
        let (chain, head) = (gateway.chain().stats().await, gateway.chain().head());
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.height, height);
        set(&self.lag, lag);
        set(&self.epoch, epoch);
        set(&self.members, gateway.chain().network().members.len() as u64);
        set(&self.peers, peers.into());
        set(&self.mempool, mempool.into());
        let faults = gateway.chain().state(key::faults()).await.ok().flatten();
        set(&self.faults, faults.and_then(|count| decode_canonical(&count).ok()).unwrap_or_default());
        set(&self.oldest_block, chain.oldest_block);
        set(&self.unknown_protocol, chain.unknown_protocol.into());
        if let Ok(report) = gateway.ports.keeper.custody_report().await {
            self.custody.measure(&gateway.ports.keeper.moves().await, &report);
        }
        self.block_age.set(time_ms.saturating_sub(head.time_ms) as f64 / 1e3);
        set(&self.stored, queues.stored);
        set(&self.sealed, queues.sealed);
        set(&self.anchored, queues.anchored);
        self.anchor_lag.set(queues.anchor_lag_ms as f64 / 1e3);
        let engine = gateway.engine.status().await;
        set(&self.engine_up, u64::from(engine.is_ok() || !gateway.engine.is_configured()));
        let engine = engine.unwrap_or_default();
        set(&self.resources, engine.resources);
        set(&self.outbox, engine.outbox);
        if let Ok((held, missing)) = gateway.shares.count() {
            set(&self.shares_held, held);
            set(&self.receipts_missing, missing);
        }
    }
}

impl Custody {
    fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("custody_batches_to_move", "Batches that other custodians are to have.", &self.to_move);
        gauge("custody_batches_late", "Batches that one of their new custodians lacks.", &self.late);
        gauge("custody_batches_moved", "Batches that have moved.", &self.moved);
        gauge("custody_receipts", "Receipts for destroyed shares.", &self.receipts);
        gauge("custody_receipts_missing", "Receipts that custodians owe.", &self.receipts_missing);
        gauge("custody_faults", "Shares, packages and receipts that did not hold.", &self.faults);
        gauge("custody_batches_kept", "Batches kept here for others.", &self.kept);
        gauge("custody_batches_damaged", "Batches kept here that are not whole.", &self.damaged);
        gauge("custody_copies_lost", "Copies that custodians have lost and are to get again.", &self.lost);
        gauge("custody_copies_repaired", "Copies that custodians had lost and have again.", &self.repaired);
        gauge("custody_challenges_failed", "Challenges that custodians failed.", &self.challenges_failed);
        gauge(
            "custody_releases_unmatched",
            "Releases here that match no access event.",
            &self.releases_unmatched,
        );
    }

    fn measure(&self, moves: &Moves, report: &CustodyReport) {
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.to_move, moves.to_move);
        set(&self.late, moves.late);
        set(&self.moved, moves.moved);
        set(&self.receipts, moves.receipts);
        set(&self.receipts_missing, moves.receipts_owed.values().sum());
        set(&self.faults, moves.faults.values().sum());
        set(&self.kept, report.kept.batches);
        set(&self.damaged, report.kept.damaged);
        set(&self.lost, report.challenges.values().map(|one| one.lost).sum());
        set(&self.repaired, report.repaired);
        set(&self.challenges_failed, report.challenges.values().map(|one| one.failed).sum());
        set(&self.releases_unmatched, report.audit.as_ref().map_or(0, |audit| audit.mismatches));
    }
}

impl Gateway {
    /// All metrics of the node as text; its type is [`CONTENT_TYPE`].
    pub async fn metrics(&self) -> String {
        self.metrics.gauges.measure(self).await;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.metrics.registry);
        text
    }
}
