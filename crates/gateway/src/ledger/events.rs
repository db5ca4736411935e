//! Blocks as they become final, as server-sent events (WHATWG HTML, 9.2).
//!
//! Every event's id is its height: a browser that lost the connection sends the last one, and misses nothing. A
//! listener that is slower than the chain reads the blocks it missed.

use super::LedgerState;
use crate::chain::FinalisedBlock;
use crate::error::{Code, Error};
use crate::places::Place;
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{Stream, StreamExt as _, unfold};
use salus_types::transaction::Transaction;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// How often a silent stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Listener {
    gateway: Gateway,
    news: Receiver<Arc<FinalisedBlock>>,
    next: u64,
    _place: Place,
}

pub(super) async fn stream(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let LedgerState { streams, .. } = &gateway.ledger;
    let place = streams.take(Some(caller));
    let _place = place.map_err(|_| Error::new(Code::Away, "too many listen already").retry_after(10))?;
    let last =
        headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse::<u64>().ok());
    // Subscribe first, so that no block falls between the head and the subscription.
    let news = gateway.chain().subscribe();
    let head = gateway.chain().head().height;
    let next = last.map_or(head, |last| last.min(head)).saturating_add(1);
    let stopped = gateway.clone();
    let listener = Listener { gateway, news, next, _place };
    let events = unfold(listener, next_event).take_until(async move { stopped.stopped().await });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The block at `next`, from the chain if it is there already, else after the next news.
async fn next_event(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    loop {
        if let Some(block) = listener.gateway.chain().block(listener.next).await {
            listener.next += 1;
            return Some((Ok(event(&block)), listener));
        }
        match listener.news.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

fn event(block: &FinalisedBlock) -> Event {
    let header = &block.block.header;
    let transactions: Vec<Value> = block
        .block
        .transactions
        .iter()
        .zip(block.receipts.iter())
        .map(|(transaction, receipt)| row(transaction, &receipt.entry))
        .collect();
    let data = json!({ "height": header.height, "timeMs": header.time_ms, "transactions": transactions });
    Event::default().id(header.height.to_string()).event("block").data(data.to_string())
}

fn row(transaction: &Transaction, entry: &salus_types::state::StateKey) -> Value {
    json!({ "id": transaction.id(), "action": transaction.action.name(), "entry": entry })
}
