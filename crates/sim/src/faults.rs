//! From a seed to faults, each of which ends; after the last one the network is whole and every node is started anew.

use crate::scenario::{Plant, Scenario};
use commonware_cryptography::ed25519::PublicKey;
use commonware_glue::simulate::action::{Action, Schedule};
use commonware_p2p::simulated::Link;
use commonware_runtime::deterministic::{FaultConfig, PartialWriteMode, WriteConfig};
use commonware_utils::{Probability, probability};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Simulated time of faults for each view that a run must reach.
const PER_VIEW: Duration = Duration::from_millis(60);
/// Shortest time of faults.
const SHORTEST: Duration = Duration::from_secs(20);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Nodes are killed, one or all of them, and started again.
    Crash,
    /// The network falls apart: into halves, one against the rest, one way only, or flapping.
    Partition,
    /// Messages are slow, out of order, or lost.
    Delay,
    /// Disks fail to write and to sync; a node that notices dies, and is started again.
    Storage,
}

/// What a seed gives.
pub(crate) struct Faults {
    pub(crate) schedules: Vec<Schedule<PublicKey>>,
    /// When the last fault is over.
    pub(crate) end: Duration,
}

/// A good link: what honest machines in one country have.
pub(crate) fn good() -> Link {
    Link {
        latency: Duration::from_millis(10),
        jitter: Duration::from_millis(5),
        success_rate: probability!(1.0),
    }
}

fn cut() -> Link {
    Link { success_rate: probability!(0.0), ..good() }
}

/// One schedule for each kind of fault, and one that mends everything.
pub(crate) fn schedules(scenario: &Scenario, keys: &[PublicKey]) -> Faults {
    let views = u32::try_from(scenario.views).unwrap_or(u32::MAX);
    let end =
        if scenario.faults.is_empty() { Duration::from_secs(1) } else { SHORTEST.max(PER_VIEW * views) };
    let honest = &keys[..scenario.nodes - scenario.byzantine.len()];
    let mut schedules: Vec<_> = scenario
        .faults
        .iter()
        .enumerate()
        .map(|(track, fault)| {
            let mut rng = ChaCha8Rng::seed_from_u64(scenario.seed);
            rng.set_stream(track as u64 + 1);
            episodes(*fault, &mut rng, end, keys, honest)
        })
        .collect();
    schedules.push(mend(end, honest, scenario.plant));
    Faults { schedules, end }
}

/// Everything works again, and every node starts anew.
fn mend(end: Duration, honest: &[PublicKey], plant: Option<Plant>) -> Schedule<PublicKey> {
    let mut schedule = Schedule::new().at(end, Action::SetStorageFault(FaultConfig::default()));
    if plant == Some(Plant::NeverHeals) {
        for at in honest.iter().skip(honest.len() / 2) {
            for other in honest.iter().take(honest.len() / 2) {
                schedule = schedule.at(end, link(at, other, cut())).at(end, link(other, at, cut()));
            }
        }
    } else {
        schedule = schedule.at(end, Action::Heal(good()));
    }
    for key in honest {
        schedule = schedule.at(end, Action::Restart(key.clone()));
    }
    schedule
}

fn link(from: &PublicKey, to: &PublicKey, link: Link) -> Action<PublicKey> {
    Action::UpdateLink { from: from.clone(), to: to.clone(), link }
}

fn episodes(
    fault: Fault,
    rng: &mut ChaCha8Rng,
    end: Duration,
    keys: &[PublicKey],
    honest: &[PublicKey],
) -> Schedule<PublicKey> {
    let mut schedule = Schedule::new();
    let mut now = Duration::from_millis(rng.random_range(500..4_000));
    loop {
        let over = now + Duration::from_millis(rng.random_range(200..8_000));
        if over >= end {
            return schedule;
        }
        schedule = match fault {
            Fault::Crash => crash(schedule, rng, now, over, honest),
            Fault::Partition => partition(schedule, rng, now, over, keys),
            Fault::Delay => delay(schedule, rng, now, over, keys),
            Fault::Storage => storage(schedule, rng, now, over, honest),
        };
        now = over + Duration::from_millis(rng.random_range(200..6_000));
    }
}

/// Mostly one node, sometimes several, sometimes all at once.
fn crash(
    mut schedule: Schedule<PublicKey>,
    rng: &mut ChaCha8Rng,
    now: Duration,
    over: Duration,
    honest: &[PublicKey],
) -> Schedule<PublicKey> {
    let count = match rng.random_range(0..10) {
        0..6 => 1,
        6..9 => rng.random_range(1..=honest.len()),
        _ => honest.len(),
    };
    let first = rng.random_range(0..honest.len());
    let dead: Vec<_> = (0..count).map(|at| honest[(first + at) % honest.len()].clone()).collect();
    for key in &dead {
        schedule = schedule.at(now, Action::Crash(key.clone()));
    }
    for key in dead {
        schedule = schedule.at(over, Action::Restart(key));
    }
    schedule
}

fn partition(
    mut schedule: Schedule<PublicKey>,
    rng: &mut ChaCha8Rng,
    now: Duration,
    over: Duration,
    keys: &[PublicKey],
) -> Schedule<PublicKey> {
    let one_way = rng.random_bool(0.25);
    let alone = rng.random_range(0..keys.len());
    let halves = rng.random_bool(0.5);
    let side = |at: usize| if halves { (at + alone).is_multiple_of(2) } else { at == alone };
    let flaps = if rng.random_bool(0.3) { 4 } else { 1 };
    let step = (over - now) / (2 * flaps);
    for flap in 0..flaps {
        let start = now + step * (2 * flap);
        for (from, here) in keys.iter().enumerate() {
            for (to, there) in keys.iter().enumerate() {
                if side(from) != side(to) && (!one_way || side(from)) {
                    schedule = schedule.at(start, link(here, there, cut()));
                }
            }
        }
        schedule = schedule.at(start + step, Action::Heal(good()));
    }
    schedule
}

fn delay(
    mut schedule: Schedule<PublicKey>,
    rng: &mut ChaCha8Rng,
    now: Duration,
    over: Duration,
    keys: &[PublicKey],
) -> Schedule<PublicKey> {
    let slow = Link {
        latency: Duration::from_millis(rng.random_range(20..900)),
        jitter: Duration::from_millis(rng.random_range(0..400)),
        success_rate: if rng.random_bool(0.5) { probability!(0.9) } else { probability!(1.0) },
    };
    let of_one = rng.random_bool(0.5).then(|| rng.random_range(0..keys.len()));
    for (from, here) in keys.iter().enumerate() {
        for (to, there) in keys.iter().enumerate() {
            if from != to && of_one.is_none_or(|one| one == from || one == to) {
                schedule = schedule.at(now, link(here, there, slow.clone()));
            }
        }
    }
    schedule.at(over, Action::Heal(good()))
}

fn storage(
    mut schedule: Schedule<PublicKey>,
    rng: &mut ChaCha8Rng,
    now: Duration,
    over: Duration,
    honest: &[PublicKey],
) -> Schedule<PublicKey> {
    let rate: Probability = if rng.random_bool(0.5) { probability!(0.01) } else { probability!(0.1) };
    let write = WriteConfig {
        failure_rate: rate,
        retention_rate: probability!(0.5),
        mode: if rng.random_bool(0.5) { PartialWriteMode::Prefix } else { PartialWriteMode::Subset },
    };
    let broken = FaultConfig::default().write(write).sync(rate);
    schedule = schedule
        .at(now, Action::SetStorageFault(broken))
        .at(over, Action::SetStorageFault(FaultConfig::default()));
    for key in honest {
        schedule = schedule.at(over, Action::Restart(key.clone()));
    }
    schedule
}
