//! What must hold.
//!
//! * While it runs: no two final blocks at one height; no honest validator contradicts itself.
//! * In the end: every acknowledgement is in the chain, at its place; no access event follows the revocation of its
//!   grant; the chain, its epochs and validators are what the ledger's rules make of its transactions; every node holds that state, entry by entry;
//!   a byzantine node that contradicted itself is known on the ledger, and no honest one is; no node has lost a block
//!   that it must keep, and where nobody died older ones are gone.
//! * The end comes: after the last fault every node goes on, within 20 views and 20 seconds, and every client gets its
//!   answer.

use crate::node::Machine;
use crate::world::{Recovery, World};
use commonware_cryptography::ed25519::PublicKey;
use commonware_glue::simulate::exit::ExitCondition;
use commonware_glue::simulate::property::{FinalizationProperty, Property};
use commonware_glue::simulate::tracker::ProgressTracker;
use salus_ledger::{BlockContext, execute_block, genesis_writes, parameters};
use salus_node::NodeHandle;
use salus_types::action::Action;
use salus_types::membership::validators_hash;
use salus_types::proxy::Act;
use salus_types::state::{FaultEntry, StateKey, StateValue, key};
use salus_types::{AppointmentId, Digest, GrantId, decode_canonical};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Views within which every honest node must go on once the faults are over.
const RECOVERY_VIEWS_MAX: u64 = 20;
/// Blocks by which stores may keep more than they must, beside two epochs: sections, and how often they look.
const FORGOTTEN_AFTER: u64 = 512;
/// Simulated milliseconds within which it must.
const RECOVERY_MS_MAX: u64 = 20_000;

type Verdict<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// The end of a run.
#[derive(Clone)]
pub(crate) struct AtRest(pub(crate) Arc<World>);

impl ExitCondition<PublicKey, Machine> for AtRest {
    fn name(&self) -> &str {
        "every node is well and every client has its answer"
    }

    fn requires_polling(&self) -> bool {
        true
    }

    fn reached<'a>(
        &'a self,
        _: &'a ProgressTracker<PublicKey>,
        machines: &'a [&'a Machine],
        _: usize,
    ) -> Verdict<'a, bool> {
        Box::pin(async move { Ok(self.0.is_over(machines)) })
    }
}

/// What must hold at every moment.
#[derive(Clone)]
pub(crate) struct Consistent(pub(crate) Arc<World>);

impl FinalizationProperty<Machine> for Consistent {
    fn name(&self) -> &str {
        "one chain, and nobody honest contradicts itself"
    }

    fn check<'a>(&'a self, machines: &'a [&'a Machine]) -> Verdict<'a, ()> {
        Box::pin(async move {
            for node in machines.iter().filter_map(|machine| machine.node.as_ref()) {
                self.0.accuse(&node.evidence());
            }
            self.0.violation().map_or(Ok(()), Err)?;
            match self.0.left_behind(Duration::from_millis(RECOVERY_MS_MAX)) {
                Some(number) => Err(format!("node {number} does not go on after the last fault")),
                None => Ok(()),
            }
        })
    }
}

/// What must hold in the end.
#[derive(Clone)]
pub(crate) struct Correct(pub(crate) Arc<World>);

impl Property<PublicKey, Machine> for Correct {
    fn name(&self) -> &str {
        "nothing acknowledged is lost, consent is obeyed, every node holds the same right state"
    }

    fn check<'a>(
        &'a self,
        _: &'a ProgressTracker<PublicKey>,
        machines: &'a [&'a Machine],
    ) -> Verdict<'a, ()> {
        Box::pin(async move {
            let world = &self.0;
            world.violation().map_or(Ok(()), Err)?;
            no_gap(world)?;
            nothing_is_lost(world)?;
            consent_is_obeyed(world)?;
            let state = the_same_state(world, machines).await?;
            soon_well(world)?;
            liars_are_known(world, &state)?;
            for node in machines.iter().filter_map(|machine| machine.node.as_ref()) {
                keeps_what_it_must(world, node).await?;
            }
            Ok(())
        })
    }
}

/// What the timeouts of the consensus allow at worst; the slowest of some hundred seeds takes a third of either.
fn soon_well(world: &World) -> Result<(), String> {
    let Recovery { views, ms } = world.recovery();
    if views <= RECOVERY_VIEWS_MAX && ms <= RECOVERY_MS_MAX {
        return Ok(());
    }
    Err(format!("after the last fault a node took {views} views and {ms} ms to go on"))
}

fn no_gap(world: &World) -> Result<(), String> {
    let seen = world.seen();
    let heights: Vec<_> = seen.blocks.keys().copied().collect();
    let expected: Vec<_> = (1..=heights.len() as u64).collect();
    if heights == expected { Ok(()) } else { Err("the chain that nodes told has a gap".to_owned()) }
}

fn nothing_is_lost(world: &World) -> Result<(), String> {
    let seen = world.seen();
    for promise in &seen.acknowledged {
        let block = seen.blocks.get(&promise.height);
        let found = block.and_then(|block| block.block.transactions.get(promise.position as usize));
        if found.map(|transaction| transaction.id()) != Some(promise.id) {
            let (node, height) = (promise.node, promise.height);
            return Err(format!(
                "node {node} acknowledged a transaction at height {height} that is not there"
            ));
        }
    }
    Ok(())
}

/// Said of the chain alone, without the ledger's code.
fn consent_is_obeyed(world: &World) -> Result<(), String> {
    let seen = world.seen();
    let mut revoked: HashMap<GrantId, u64> = HashMap::new();
    let mut ended: HashMap<AppointmentId, u64> = HashMap::new();
    for (height, block) in &seen.blocks {
        for transaction in block.block.transactions.iter() {
            match &transaction.action {
                Action::Revoke(revoke) => {
                    revoked.entry(revoke.grant).or_insert(*height);
                }
                Action::Access(access) => {
                    if let Some(since) = revoked.get(&access.grant) {
                        return Err(format!(
                            "an access event is final at height {height}, its grant was revoked at {since}"
                        ));
                    }
                }
                Action::EndAppointment(end) => {
                    ended.entry(end.appointment).or_insert(*height);
                }
                Action::ProxyAct(act) => {
                    if let Some(since) = ended.get(&act.appointment) {
                        return Err(format!(
                            "somebody acts at height {height} whose appointment was ended at {since}"
                        ));
                    }
                    if let Act::ProxyRevoke(revoke) = &act.act {
                        revoked.entry(revoke.grant).or_insert(*height);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The state that the chain's transactions make by the ledger's rules, on a plain map; and its headers name the epochs
/// and the validators that these rules make.
fn state_by_the_rules(world: &World) -> Result<BTreeMap<StateKey, StateValue>, String> {
    let mut seen = world.seen();
    let mut state: BTreeMap<_, _> = genesis_writes(&world.genesis).into_iter().collect();
    let (mut epoch, mut last) = (0, u64::from(world.genesis.parameters.epoch_blocks) - 1);
    let mut seats = BTreeSet::from([world.genesis.validators().count()]);
    for (height, block) in &seen.blocks {
        let header = &block.block.header;
        let context = BlockContext { height: *height, time_ms: header.time_ms, ends_epoch: *height == last };
        let executed = execute_block(context, &block.block.transactions, &state);
        let executed = executed.map_err(|(position, why)| {
            format!("block {height} holds a transaction, number {position}, that the rules refuse: {why}")
        })?;
        for (key, value) in executed.writes {
            match value {
                Some(value) => state.insert(key, value),
                None => state.remove(&key),
            };
        }
        let next = executed.next_epoch.map(|next| next.validators);
        let hash = next.as_ref().map_or(Digest::ZERO, |next| validators_hash(next));
        if (header.epoch, header.next_validators) != (epoch, hash) {
            return Err(format!("block {height} names another epoch or other validators than the rules"));
        }
        if let Some(next) = next {
            epoch += 1;
            last += u64::from(parameters(&state).epoch_blocks);
            seats.insert(next.len());
        }
    }
    seen.seats = seats;
    Ok(state)
}

/// Who contradicts itself stands on the ledger, and nobody else.
fn liars_are_known(world: &World, state: &BTreeMap<StateKey, StateValue>) -> Result<(), String> {
    let read = |key: StateKey| state.get(&key).map(|value| &**value);
    let count: u64 = read(key::faults()).and_then(|value| decode_canonical(value).ok()).unwrap_or_default();
    for number in 0..count {
        let pointer = read(key::fault_of_number(number)).and_then(|value| decode_canonical(value).ok());
        let entry: Option<FaultEntry> = pointer.and_then(read).and_then(|value| decode_canonical(value).ok());
        let entry = entry.ok_or("a fault has a number and no entry")?;
        if world.is_honest(&entry.validator) {
            return Err(format!("the ledger accuses the honest validator {}", entry.validator));
        }
    }
    world.seen().faults = count;
    if world.expects_evidence && count == 0 {
        return Err("a node contradicted itself and the ledger does not say so".to_owned());
    }
    Ok(())
}

/// Blocks above the retention are there; below it they are gone, a few sections apart.
async fn keeps_what_it_must(world: &World, node: &NodeHandle) -> Result<(), String> {
    let (head, parameters) = (node.head().height, &world.genesis.parameters);
    let oldest = (head + 1).saturating_sub(parameters.blocks_retained).max(1);
    for height in [oldest, (oldest + head) / 2, head] {
        if node.block(height).await.is_none() {
            return Err(format!("block {height} of {head} is not kept"));
        }
    }
    let slack = FORGOTTEN_AFTER + 2 * u64::from(parameters.epoch_blocks);
    if world.nobody_dies && oldest > slack && node.block(oldest - slack).await.is_some() {
        return Err(format!("block {} of {head} is kept for ever", oldest - slack));
    }
    Ok(())
}

/// Every node holds the state that the chain makes by the rules. Evidence may still come to the ledger when the workload
/// rests, so nodes are compared when all of them have applied the same last block.
async fn the_same_state(
    world: &World,
    machines: &[&Machine],
) -> Result<BTreeMap<StateKey, StateValue>, String> {
    let nodes = || machines.iter().filter_map(|machine| machine.node.as_ref());
    loop {
        let last = world.seen().blocks.keys().next_back().copied().unwrap_or(0);
        for node in nodes() {
            node.watch_head().wait_for(|head| head.height >= last).await;
        }
        let state = state_by_the_rules(world)?;
        let mut held = Ok(());
        for machine in machines {
            held = held.and(holds_the_state(machine, &state).await);
        }
        if nodes().all(|node| node.head().height == last) {
            return held.map(|()| state);
        }
    }
}

async fn holds_the_state(machine: &Machine, state: &BTreeMap<StateKey, StateValue>) -> Result<(), String> {
    let Some(node) = &machine.node else { return Ok(()) };
    for (key, value) in state {
        let (held, head) = node.state(*key).await;
        if held.as_ref() != Some(value) {
            let (number, height) = (machine.number, head.height);
            return Err(format!(
                "node {number} holds another state than the chain makes: at height {height}, under {key:?}, {held:?} instead of {value:?}"
            ));
        }
    }
    Ok(())
}
