//! Puts the head of the log on the ledger: after so many new entries, or so much time, or when somebody needs it.

use super::AccessLog;
use super::commit::Committed;
use crate::error::Error;
use crate::state::Gateway;
use crate::store::{Rows, StoreError};
use salus_types::action::AnchorLog;
use salus_types::state::{LogEntry, key};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for the ledger; then it is tried again.
const FINAL_WITHIN: Duration = Duration::from_secs(60);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

const STATE: Rows<Anchored> = Rows::new("log-anchored");

/// What is on the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchored {
    /// Number of anchors so far: the next anchor's sequence.
    pub(crate) sequence: u64,
    /// Entries that the newest anchor covers.
    pub(crate) entries: u64,
}

/// Runs until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.stopped() => (),
        () = follow(&gateway, gateway.log.clone()) => (),
    }
}

async fn follow(gateway: &Gateway, log: AccessLog) {
    let mut last = Instant::now();
    loop {
        let due = last + gateway.config.log_anchor_interval;
        match wait(gateway, &log, due).await {
            Ok(()) => last = Instant::now(),
            Err(error) => {
                tracing::warn!(%error, "the head of the access log is not on the ledger yet");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Waits until an anchor is due, and makes it.
async fn wait(gateway: &Gateway, log: &AccessLog, due: Instant) -> Result<(), Error> {
    let anchored = read(gateway)?;
    let mut committed = log.committed.clone();
    let enough = anchored.entries + gateway.config.log_anchor_entries.max(1);
    // Ends by time or by entries, whichever is first; the committer outlives this task.
    let _ = tokio::time::timeout_at(due, committed.wait_for(|now| now.entries >= enough)).await;
    up_to(gateway, anchored.entries + 1, FINAL_WITHIN).await.map(|_| ())
}

/// Sees to it that an entry is anchored, if it is committed; gives the newest anchor.
///
/// # Errors
/// The ledger does not take the anchor within `limit`.
pub(crate) async fn up_to(gateway: &Gateway, entry: u64, limit: Duration) -> Result<Anchored, Error> {
    let _one_at_a_time = gateway.log.anchoring.lock().await;
    let before = read(gateway)?;
    let now = *gateway.log.committed.borrow();
    if before.entries >= entry || now.entries <= before.entries {
        return Ok(before);
    }
    let mut anchored = catch_up(gateway, before).await?;
    if anchored.entries < entry {
        anchored = submit(gateway, anchored.sequence, now, limit).await?;
    }
    gateway.store.write(move |tx| STATE.put(tx, "", &anchored)).await?;
    Ok(anchored)
}

/// Anchors on the ledger that are not noted here: made before a restart, or before this node was restored from a backup.
/// One over a log that this one does not continue covers nothing of it.
async fn catch_up(gateway: &Gateway, before: Anchored) -> Result<Anchored, Error> {
    let mut anchored = before;
    loop {
        let at = key::log(&gateway.config.organisation, anchored.sequence);
        let Some(bytes) = gateway.chain().state(at).await? else { return Ok(anchored) };
        let entry: LogEntry = salus_types::decode_canonical(&bytes).map_err(Error::internal)?;
        let is_ours = gateway.log.root(entry.entries)? == Some(entry.head);
        let entries = if is_ours { entry.entries } else { 0 };
        anchored = Anchored { sequence: anchored.sequence + 1, entries };
    }
}

async fn submit(
    gateway: &Gateway,
    sequence: u64,
    now: Committed,
    limit: Duration,
) -> Result<Anchored, Error> {
    let organisation = gateway.config.organisation.clone();
    let action = AnchorLog { organisation, head: now.head, entries: now.entries, sequence };
    gateway.submit(action, limit).await?;
    Ok(Anchored { sequence: sequence + 1, entries: now.entries })
}

/// The newest anchor that this node knows of.
pub(crate) fn read(gateway: &Gateway) -> Result<Anchored, StoreError> {
    Ok(gateway.store.read(|tx| STATE.get(tx, ""))?.unwrap_or_default())
}
