//! Who announced access: an index of every access event on the ledger, in this node's own tables.
//!
//! The index follows the blocks in order, from genesis on; rows and the height that is due next are written in one
//! transaction, so that the end of the process at any point loses and doubles none. An event's number is its place
//! among all events.

use crate::body::{Json, Params};
use crate::chain::FinalisedBlock;
use crate::error::Error;
use crate::state::Gateway;
use crate::store::Rows;
use axum::extract::State;
use axum::http::HeaderMap;
use salus_policy::Action as Ask;
use salus_types::action::Action;
use salus_types::category::Purpose;
use salus_types::state::{AccessEntry, key};
use salus_types::{AccessId, GrantId, OrganisationId, decode_canonical};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Events by number.
const EVENTS: Rows<Event> = Rows::new("access-events");
/// How far the index is.
const POSITION: Rows<Position> = Rows::new("access-events-position");

/// Most access events in one answer.
const EVENTS_MAX: usize = 200;
/// Blocks that are read for one transaction of the index.
const BLOCKS_PER_WRITE_MAX: usize = 256;
/// Pause after a write that failed, or when the ledger has closed its news.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Position {
    /// The first block that is not in the index.
    height: u64,
    /// The number of the next event.
    number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    number: u64,
    id: AccessId,
    organisation: OrganisationId,
    purpose: Purpose,
    count: u32,
    height: u64,
    time_ms: u64,
    grant: GrantId,
}

#[derive(Deserialize)]
pub(super) struct Range {
    /// Only events with a smaller number.
    before: Option<u64>,
    count: Option<usize>,
}

/// Newest first.
pub(super) async fn access_events(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Params(range): Params<Range>,
) -> Result<Json<Vec<serde_json::Value>>, Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::ViewNetwork)?;
    let before = row(range.before.unwrap_or(u64::MAX));
    let count = range.count.unwrap_or(EVENTS_MAX).min(EVENTS_MAX);
    let rows = gateway.store.read(|tx| EVENTS.scan_before(tx, &before, count))?;
    Ok(Json(rows.into_iter().map(|(_, event)| serde_json::json!(event)).collect()))
}

/// An access event as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct AccessEvent {
    /// Its number among all events that this node has seen.
    pub number: u64,
    /// Its id.
    pub id: AccessId,
    /// What the ledger says of it.
    pub entry: AccessEntry,
}

/// The access events of the ledger that this node has seen, newest first: at most `count`, with numbers below `before`.
///
/// # Errors
/// The store, or the ledger.
pub async fn access_events_before(
    gateway: &Gateway,
    before: u64,
    count: usize,
) -> Result<Vec<AccessEvent>, Error> {
    let rows = gateway.store.read(|tx| EVENTS.scan_before(tx, &row(before), count))?;
    let mut events = Vec::with_capacity(rows.len());
    for (_, Event { number, id, .. }) in rows {
        let Some(bytes) = gateway.chain().state(key::access(&id)).await? else { continue };
        events.push(AccessEvent { number, id, entry: decode_canonical(&bytes).map_err(Error::internal)? });
    }
    Ok(events)
}

/// Follows the ledger until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    let follow = async {
        loop {
            // Subscribed first, so that no block falls between the head and the news.
            let mut news = gateway.chain().subscribe();
            loop {
                if let Err(error) = catch_up(&gateway).await {
                    tracing::warn!(%error, "access events are not in the index yet");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                match news.recv().await {
                    Ok(_) | Err(RecvError::Lagged(_)) => (),
                    Err(RecvError::Closed) => break,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = follow => (),
    }
}

/// Brings every block up to the head into the index.
pub(crate) async fn catch_up(gateway: &Gateway) -> Result<(), Error> {
    let mut position = gateway.store.read(|tx| POSITION.get(tx, ""))?.unwrap_or_default();
    loop {
        let head = gateway.chain().head().height;
        let last = head.min(position.height.saturating_add(BLOCKS_PER_WRITE_MAX as u64 - 1));
        if position.height > head {
            return Ok(());
        }
        let mut events = Vec::new();
        for height in position.height..=last {
            // A node that began from a snapshot has no older blocks; it cannot index what it does not have.
            if let Some(block) = gateway.chain().block(height).await {
                events.extend(events_of(gateway, &block).await?);
            }
        }
        for event in &mut events {
            event.number = position.number;
            position.number += 1;
        }
        position.height = last + 1;
        let written = position;
        gateway
            .store
            .write(move |tx| {
                for event in &events {
                    EVENTS.put(tx, &row(event.number), event)?;
                }
                POSITION.put(tx, "", &written)
            })
            .await?;
    }
}

fn row(number: u64) -> String {
    format!("{number:016x}")
}

async fn events_of(gateway: &Gateway, block: &FinalisedBlock) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    for transaction in block.block.transactions.iter() {
        if let Action::Access(access) = &transaction.action {
            events.extend(event_of(gateway, access.id(&transaction.signer)).await?);
        }
    }
    Ok(events)
}

/// The event as the ledger keeps it: it says who the signer was then, which the members of now may not.
async fn event_of(gateway: &Gateway, id: AccessId) -> Result<Option<Event>, Error> {
    let Some(bytes) = gateway.chain().state(key::access(&id)).await? else { return Ok(None) };
    let entry: AccessEntry = decode_canonical(&bytes).map_err(Error::internal)?;
    let AccessEntry { grant, organisation, purpose, count, height, time_ms, .. } = entry;
    Ok(Some(Event { number: 0, id, organisation, purpose, count, height, time_ms, grant }))
}
