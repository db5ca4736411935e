//! The portal's live updates: a clinician with an open chart is told that something changed there, and the page asks
//! again. Nothing else is in the stream.

use crate::chain::FinalisedBlock;
use crate::error::{Code, Error, Result};
use crate::places::Place;
use crate::rate::Caller;
use crate::staff;
use crate::state::Gateway;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures::stream::{Stream, unfold};
use salus_types::action::Action;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// How often a silent stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether the chart is still open.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

struct Listener {
    gateway: Gateway,
    headers: HeaderMap,
    chart: String,
    patient: String,
    news: Receiver<Arc<BTreeSet<String>>>,
    blocks: Receiver<Arc<FinalisedBlock>>,
    _place: Place,
}

/// The routes.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new().route("/staff/charts/{chart}/events", get(stream)).with_state(gateway)
}

/// `GET /staff/charts/{chart}/events`: `event: changed`, and no more.
async fn stream(
    State(gateway): State<Gateway>,
    Path(chart): Path<String>,
    headers: HeaderMap,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let patient = patient_of(&gateway, &headers, &chart)?;
    let place = gateway.subscriptions.places.take(Some(caller));
    let _place = place.map_err(|_| Error::new(Code::Away, "too many listen already").retry_after(10))?;
    let (news, blocks) = (gateway.subscriptions.news.subscribe(), gateway.chain().subscribe());
    let listener = Listener { gateway, headers, chart, patient, news, blocks, _place };
    Ok(Sse::new(unfold(listener, next)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The patient of a chart, while it is open to who asks.
fn patient_of(gateway: &Gateway, headers: &HeaderMap, chart: &str) -> Result<String> {
    let member = gateway.staff.member(gateway, headers)?;
    let at_work = staff::at_chart(gateway, member, chart)?;
    at_work.patient.ok_or_else(|| Error::new(Code::Forbidden, "this chart is not open"))
}

/// The next change; the end, once the chart is closed or the session over.
async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    let stopped = listener.gateway.clone();
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    loop {
        let changed = tokio::select! {
            () = stopped.stopped() => return None,
            _ = look.tick() => false,
            news = listener.news.recv() => match news {
                Ok(patients) => patients.contains(&listener.patient),
                Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => return None,
            },
            block = listener.blocks.recv() => match block {
                Ok(block) => ends_share(&listener, &block).await,
                Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => return None,
            },
        };
        patient_of(&listener.gateway, &listener.headers, &listener.chart).ok()?;
        if changed {
            return Some((Ok(Event::default().event("changed").data("{}")), listener));
        }
    }
}

/// Whether a block ends a grant by which something in this chart is here.
async fn ends_share(listener: &Listener, block: &FinalisedBlock) -> bool {
    let revoked = block.block.transactions.iter().filter_map(|transaction| match &transaction.action {
        Action::Revoke(revoke) => Some(revoke.grant),
        _ => None,
    });
    let revoked: Vec<_> = revoked.collect();
    if revoked.is_empty() {
        return false;
    }
    let held = listener.gateway.ports.shared.grants(&listener.patient).await.unwrap_or_default();
    held.iter().any(|held| revoked.contains(&held.grant))
}
