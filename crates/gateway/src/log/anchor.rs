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
    let anchored = read(gateway)?;
    let now = *gateway.log.committed.borrow();
    if anchored.entries >= entry || now.entries <= anchored.entries {
        return Ok(anchored);
    }
    anchor(gateway, anchored, now, limit).await
}

async fn anchor(
    gateway: &Gateway,
    before: Anchored,
    now: Committed,
    limit: Duration,
) -> Result<Anchored, Error> {
    let sequence = before.sequence;
    let state_key = key::log(&gateway.config.organisation, sequence);
    let entries = match gateway.chain().state(state_key).await? {
        // Made before a restart, but not noted.
        Some(bytes) => salus_types::decode_canonical::<LogEntry>(&bytes).map_err(Error::internal)?.entries,
        None => {
            let organisation = gateway.config.organisation.clone();
            let action = AnchorLog { organisation, head: now.head, entries: now.entries, sequence };
            gateway.submit(action, limit).await?;
            now.entries
        }
    };
    let anchored = Anchored { sequence: sequence + 1, entries };
    gateway.store.write(move |tx| STATE.put(tx, "", &anchored)).await?;
    Ok(anchored)
}

/// The newest anchor that this node knows of.
pub(crate) fn read(gateway: &Gateway) -> Result<Anchored, StoreError> {
    Ok(gateway.store.read(|tx| STATE.get(tx, ""))?.unwrap_or_default())
}
