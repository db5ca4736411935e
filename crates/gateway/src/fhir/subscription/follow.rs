//! From the engine's outbox to what waits for each subscription.
//!
//! The position in the outbox moves in the transaction that notes what was found before it, and the engine keeps a row
//! until that is on disk ([`crate::engine::OutboxReaders`]): a crash at any point loses no version and repeats none.

use super::rows::{self, Change, Status, Subscription};
use super::tell;
use super::topic::{About, Topic, concerns};
use crate::engine::OutboxRow;
use crate::error::Result;
use crate::state::Gateway;
use std::collections::BTreeSet;
use std::time::Duration;

/// Rows read at a time.
const ROWS_PER_READ: u32 = 500;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// Follows the outbox until the gateway stops.
pub(super) async fn run(gateway: &Gateway) {
    loop {
        if let Err(error) = advance(gateway).await {
            tracing::debug!(%error, "the outbox cannot be followed for the moment");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Waits for the next rows, and notes what they concern.
async fn advance(gateway: &Gateway) -> Result<()> {
    let cursor = rows::cursor(&gateway.store)?;
    let last = gateway.engine.outbox_wait(cursor).await?;
    if last > cursor {
        read(gateway, cursor, last).await?;
    } else if last < cursor {
        // The clinical store was restored from an older backup: its numbers begin again behind what was read.
        rows::note(&gateway.store, last, Vec::new()).await?;
    }
    settle(gateway).await
}

/// Reads rows beyond a position; returns the new one.
pub(super) async fn read(gateway: &Gateway, cursor: u64, last: u64) -> Result<u64> {
    let found = gateway.engine.outbox(cursor, ROWS_PER_READ).await?;
    // Rows that are not there any more are those that the engine dropped before this reader existed.
    let next = found.last().map_or(last, |row| row.seq);
    let all = rows::all(&gateway.store)?;
    let live: Vec<(Subscription, Option<String>)> = all
        .into_iter()
        .filter(|(_, progress)| progress.status != Status::Off)
        .map(|(one, _)| {
            let patient = patient_of(gateway, &one);
            (one, patient)
        })
        .collect();
    let concerned = found.iter().flat_map(|row| concerned(&live, row)).collect::<Vec<_>>();
    rows::note(&gateway.store, next, concerned).await?;
    gateway.subscriptions.wake();
    let patients: BTreeSet<String> = found.into_iter().filter_map(|row| row.patient).collect();
    gateway.subscriptions.changed(patients);
    Ok(next)
}

/// The one patient whom an app of a patient reads.
fn patient_of(gateway: &Gateway, of: &Subscription) -> Option<String> {
    let app = of.owner.app.as_deref()?;
    gateway.smart.authorised(app, &of.owner.client).ok()?.map(|found| found.patient)
}

/// What a row means to whom.
fn concerned(live: &[(Subscription, Option<String>)], row: &OutboxRow) -> Vec<(String, u64, Change)> {
    if live.is_empty() {
        return Vec::new();
    }
    let about = About {
        kind: &row.kind,
        patient: row.patient.as_deref(),
        category: salus_vault::category::category(&row.kind, &row.resource),
    };
    let change = Change {
        kind: row.kind.clone(),
        id: row.id.clone(),
        version: row.version.clone(),
        deleted: row.deleted,
        patient: row.patient.clone(),
        written: row.last_updated.clone(),
    };
    let is = |(one, patient): &&(Subscription, Option<String>)| {
        let topic = Topic::find(&one.terms.topic);
        topic.is_some_and(|topic| concerns(topic, &one.terms.filters, &about))
            && tell::could(&one.owner, patient.as_deref(), &change)
    };
    live.iter().filter(is).map(|(one, _)| (one.id.clone(), row.seq, change.clone())).collect()
}

/// Lets the engine forget what both readers have.
pub(super) async fn settle(gateway: &Gateway) -> Result<()> {
    let cursor = rows::cursor(&gateway.store)?;
    if let Some(up_to) = gateway.ports.outbox.told(cursor) {
        gateway.engine.outbox_ack(up_to).await?;
    }
    Ok(())
}
