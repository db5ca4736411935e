//! What happens in a run, and the run.

use crate::byzantine::Byzantine;
use crate::faults::{self, Fault};
use crate::node::Cluster;
use crate::properties::{AtRest, Consistent, Correct};
use crate::world::Recovery;
use commonware_glue::simulate::plan::PlanBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Simulated time that a run may take beyond its faults, for each view that it must reach.
const PATIENCE_PER_VIEW: Duration = Duration::from_millis(2_500);
/// Simulated time that every run may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A bug that a property must catch. A run with one is expected to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Plant {
    /// A node that restarts has forgotten its votes and its chain.
    Amnesia,
    /// All nodes let access events pass after the revocation of their grant.
    IgnoreRevocations,
    /// All nodes let a proxy act after its appointment was ended.
    IgnoreEnds,
    /// A node acknowledges what only waits.
    AcknowledgeEarly,
    /// One node executes by other rules than the rest.
    OtherRules,
    /// A partition never heals.
    NeverHeals,
}

/// What happens in a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Everything random comes from it.
    pub seed: u64,
    /// Validators.
    pub nodes: usize,
    /// Views that every honest node must pass.
    pub views: u64,
    /// Blocks in an epoch at the beginning; clients vote on other lengths, and on seats.
    pub epoch_blocks: u32,
    /// Kinds of faults that happen.
    pub faults: Vec<Fault>,
    /// What the byzantine nodes do, at most `(nodes - 1) / 3` of them; the last nodes are.
    pub byzantine: Vec<Byzantine>,
    /// A bug to catch.
    pub plant: Option<Plant>,
}

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Hash over every event of the run: equal for equal scenarios.
    pub trace: String,
    /// Highest view that every honest node has finalised.
    pub views: u64,
    /// Final blocks.
    pub blocks: u64,
    /// Epochs that ended.
    pub epochs: u64,
    /// Numbers of validators that there were.
    pub seats: BTreeSet<usize>,
    /// Final transactions, by action.
    pub transactions: BTreeMap<&'static str, u64>,
    /// Acknowledgements that clients were given.
    pub acknowledged: usize,
    /// Nodes that were killed.
    pub crashes: u64,
    /// Faults of byzantine nodes that are on the ledger.
    pub faults: u64,
    /// How soon the slowest node was well after the last fault.
    pub recovery: Recovery,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
}

/// Runs a scenario.
///
/// # Errors
/// The property that does not hold, in words.
pub fn run(scenario: &Scenario) -> Result<Outcome, String> {
    let tolerated = scenario.nodes.saturating_sub(1) / 3;
    if scenario.byzantine.len() > tolerated {
        return Err(format!("{} nodes bear at most {tolerated} byzantine ones", scenario.nodes));
    }
    let cluster = Cluster::new(scenario);
    let world = cluster.world();
    let faults = faults::schedules(scenario, &cluster.keys());
    world.rest_after(faults.end, scenario.views);
    let mut plan = PlanBuilder::new(cluster)
        .seed(scenario.seed)
        .timeout(
            faults.end * 4 + PATIENCE_PER_VIEW * u32::try_from(scenario.views).unwrap_or(u32::MAX) + PATIENCE,
        )
        .exit_condition(AtRest(world.clone()))
        .finalization_property(Consistent(world.clone()))
        .property(Correct(world.clone()));
    for schedule in faults.schedules {
        plan = plan.crash(commonware_glue::simulate::action::Crash::Schedule(schedule));
    }
    let plan = plan.build();
    // The runtime ends a run whose time is up by a panic, as does a node whose storage contradicts what it remembers.
    let result = catch_unwind(AssertUnwindSafe(|| plan.run())).unwrap_or_else(|panic| Err(words(&*panic)))?;
    Ok(world.outcome(scenario.seed, &result))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    format!("the run does not end well: {text}")
}
