//! The node's own process: up or down, its stores, its engine, its limits.

use super::{Check, Home};
use crate::node::ops::Health;
use std::fs::File;
use std::path::Path;

/// Fewer files than this one process cannot do with: connections, storage and the engine's pool.
const OPEN_FILES_MIN: u64 = 1_024;
/// What a network of tens of organisations wants.
const OPEN_FILES_WANTED: u64 = 8_192;
/// Blocks that may be final and not applied yet.
const LAG_BLOCKS_MAX: u64 = 100;

pub(super) fn look(home: &Home, running: &anyhow::Result<Health>) -> Vec<Check> {
    match running {
        Ok(health) => up(health),
        Err(error) => down(home, error),
    }
}

/// Judges a node that answers.
pub(super) fn up(health: &Health) -> Vec<Check> {
    let Health { height, lag, epoch, peers, .. } = health;
    let found = format!("up, at height {height} in epoch {epoch}, connected to {peers} nodes");
    let node = match (*lag > LAG_BLOCKS_MAX, *peers) {
        (true, _) => Check::warning(
            "node",
            format!("{found}, {lag} final blocks not applied yet"),
            "wait; if it does not get less, see disk writes and the processor's load",
        ),
        (false, 0) => Check::failure("node", found, "no other node is connected: see the lines on peers"),
        (false, _) => Check::ok("node", found),
    };
    let own = env!("CARGO_PKG_VERSION");
    let program = match health.version == own {
        true => Check::ok("program", format!("version {own}")),
        false => Check::warning(
            "program",
            format!("the node runs version {}, and {own} is installed", health.version),
            "restart the node to take the new version",
        ),
    };
    vec![
        node,
        program,
        Check::ok("stores", "open, in use by the node"),
        engine(health.engine),
        open_files(health.open_files_max),
    ]
}

fn engine(answers: Option<bool>) -> Check {
    match answers {
        None => Check::ok("engine", "none: this organisation keeps no clinical records"),
        Some(true) => Check::ok("engine", "answers"),
        Some(false) => Check::failure(
            "engine",
            "does not answer",
            "see the node's log; it is started again by itself, unless its program or its store is damaged",
        ),
    }
}

/// Judges the limit of open files.
pub(super) fn open_files(max: Option<u64>) -> Check {
    let advice = "raise it: LimitNOFILE in the systemd unit, or ulimit -n";
    match max {
        None => Check::ok("open files", "no limit"),
        Some(max) if max < OPEN_FILES_MIN => Check::failure("open files", format!("limit {max}"), advice),
        Some(max) if max < OPEN_FILES_WANTED => Check::warning("open files", format!("limit {max}"), advice),
        Some(max) => Check::ok("open files", format!("limit {max}")),
    }
}

fn down(home: &Home, error: &anyhow::Error) -> Vec<Check> {
    let stores = ["vault/vault.redb", "gateway/gateway.redb", "clinical/engine.lock"];
    let locked: Vec<_> = stores.into_iter().filter(|store| is_locked(&home.path.join(store))).collect();
    let node =
        Check::failure("node", format!("down: {error:#}"), "start it: salus node --home, or systemctl start");
    let stores = match locked.is_empty() {
        true => Check::ok("stores", "not locked"),
        false => Check::failure(
            "stores",
            format!("locked by a process, though the node does not answer: {}", locked.join(", ")),
            "see which process has the folder open, and stop it",
        ),
    };
    vec![node, stores, open_files(open_files_max())]
}

/// Whether a process has the store's lock. A store that is not there is not locked.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock))
}

/// The soft limit of open files of this process; `None`: unlimited, or the system does not tell.
pub(crate) fn open_files_max() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
