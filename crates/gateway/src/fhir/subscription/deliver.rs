//! From what waits to the receiver: each subscription by itself, so that a slow receiver holds up nobody else's.

use super::resource::{Channel, Content};
use super::rows::{self, Progress, Status, Subscription};
use super::tell::{self, Notice};
use crate::clock;
use crate::error::Result;
use crate::fhir::authenticate;
use crate::fhir::principal::Principal;
use crate::state::Gateway;
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::{Id, JoinSet};

/// Subscriptions that are served at once, ...
const AT_ONCE_MAX: usize = 64;
/// ... and of one client.
const AT_ONCE_PER_CLIENT_MAX: usize = 8;
/// Events that may be numbered and not delivered: those of a receiver that is away wait undecided.
const AHEAD_MAX: u64 = 500;
/// Longest sleep of the loop: what is due then was due before, and somebody forgot to wake it.
const SLEEP_MAX_MS: u64 = 60_000;
/// Pause after a fault of the store.
const PAUSE: Duration = Duration::from_secs(2);

/// Serves all subscriptions until the gateway stops.
pub(super) async fn run(gateway: &Gateway) {
    let mut served = JoinSet::new();
    let mut busy: HashMap<Id, (String, String)> = HashMap::new();
    loop {
        let woken = gateway.subscriptions.woken();
        let sleep = match start(gateway, &mut served, &mut busy) {
            Ok(next_ms) => {
                Duration::from_millis(next_ms.saturating_sub(clock::now_ms()).clamp(1, SLEEP_MAX_MS))
            }
            Err(error) => {
                tracing::warn!(%error, "subscriptions cannot be read for the moment");
                PAUSE
            }
        };
        tokio::select! {
            () = woken => (),
            () = tokio::time::sleep(sleep) => (),
            Some(ended) = served.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => error.id(),
                };
                busy.remove(&id);
            }
        }
    }
}

/// Starts what is due and has a place; returns when the next will be due.
fn start(
    gateway: &Gateway,
    served: &mut JoinSet<()>,
    busy: &mut HashMap<Id, (String, String)>,
) -> Result<u64> {
    let (now_ms, mut next_ms) = (clock::now_ms(), u64::MAX);
    for (subscription, progress) in rows::all(&gateway.store)? {
        let Some(due_ms) = due(&subscription, &progress) else { continue };
        if busy.values().any(|(id, _)| *id == subscription.id) {
            continue;
        }
        let own = busy.values().filter(|(_, client)| *client == subscription.owner.client).count();
        if due_ms > now_ms {
            next_ms = next_ms.min(due_ms);
        } else if busy.len() < AT_ONCE_MAX && own < AT_ONCE_PER_CLIENT_MAX {
            let place = (subscription.id.clone(), subscription.owner.client.clone());
            let gateway = gateway.clone();
            let task = served.spawn(async move { serve(&gateway, &subscription).await });
            busy.insert(task.id(), place);
        }
    }
    Ok(next_ms)
}

/// When something is to be done, if ever.
pub(super) fn due(of: &Subscription, progress: &Progress) -> Option<u64> {
    if progress.status == Status::Off {
        return None;
    }
    let work = progress.waiting > 0 || progress.told > progress.delivered || !progress.shaken;
    let heartbeat = of.terms.heartbeat_s.filter(|_| matches!(of.terms.channel, Channel::Hook(_)));
    let next = match work {
        true => Some(progress.next_ms),
        false => heartbeat.map(|s| progress.next_ms.max(progress.sent_ms + s * 1_000)),
    };
    [next, of.terms.end_ms].into_iter().flatten().min()
}

/// One step of a subscription; what fails here is tried again.
pub(super) async fn serve(gateway: &Gateway, of: &Subscription) {
    if let Err(error) = step(gateway, of).await {
        tracing::debug!(code = ?error.code(), "a subscription waits for a part of this node");
        if let Err(error) = rows::later(&gateway.store, of).await {
            tracing::warn!(%error, "subscriptions cannot be written for the moment");
        }
    }
}

async fn step(gateway: &Gateway, of: &Subscription) -> Result<()> {
    if of.terms.end_ms.is_some_and(|end_ms| end_ms <= clock::now_ms()) {
        return end(gateway, of, "its end has come").await;
    }
    let principal = match authenticate::standing(gateway, &of.owner) {
        Ok(principal) => principal,
        Err(gone) if tell::is_gone(&gone) => {
            return end(gateway, of, "its owner may not read here any more").await;
        }
        Err(fault) => return Err(fault),
    };
    decide(gateway, of, &principal).await?;
    let Some((_, progress)) = rows::find(&gateway.store, &of.id)? else { return Ok(()) };
    match &of.terms.channel {
        Channel::Socket => {
            // Who has opened a socket reads on from where they are; nobody else is waited for.
            rows::arrived(&gateway.store, of, progress.told).await?;
            gateway.subscriptions.sockets.send_replace(());
            Ok(())
        }
        Channel::Hook(endpoint) => hook(gateway, (of, &progress), &principal, endpoint).await,
    }
}

/// Ends a subscription, and the sockets that listen to nothing else.
async fn end(gateway: &Gateway, of: &Subscription, why: &'static str) -> Result<()> {
    rows::end(&gateway.store, of, why).await?;
    gateway.subscriptions.sockets.send_replace(());
    Ok(())
}

/// Decides on what waits: what the owner may be told gets a number.
async fn decide(gateway: &Gateway, of: &Subscription, principal: &Principal) -> Result<()> {
    let Some((_, progress)) = rows::find(&gateway.store, &of.id)? else { return Ok(()) };
    if progress.waiting == 0 || progress.told - progress.delivered >= AHEAD_MAX {
        return Ok(());
    }
    let mut decided = Vec::new();
    for (key, change) in rows::waiting(&gateway.store, &of.id, tell::most(&of.terms))? {
        let may = tell::may(gateway, principal, &change).await?;
        decided.push((key, may.then_some(change)));
    }
    Ok(rows::decided(&gateway.store, &of.id, decided).await?)
}

/// Sends one notification to an address.
async fn hook(
    gateway: &Gateway,
    (of, progress): (&Subscription, &Progress),
    principal: &Principal,
    endpoint: &str,
) -> Result<()> {
    let (from, content) = (progress.delivered + 1, of.terms.content);
    let (notice, told, up_to) = if !progress.shaken {
        (Notice::Handshake, Vec::new(), progress.delivered)
    } else if progress.told >= from {
        let up_to = progress.told.min(progress.delivered + of.terms.events_max);
        let events = rows::events(&gateway.store, &of.id, (from, up_to), tell::most(&of.terms))?;
        (Notice::Events, tell::of_events(gateway, principal, events, content).await?, up_to)
    } else if of.terms.heartbeat_s.is_some_and(|s| progress.sent_ms + s * 1_000 <= clock::now_ms()) {
        (Notice::Heartbeat, Vec::new(), progress.delivered)
    } else {
        return Ok(());
    };
    let content = if notice == Notice::Events { content } else { Content::Empty };
    let body = tell::bundle(&gateway.config.fhir_url(), (of, progress), notice, &told, content);
    let headers = super::open_headers(gateway, of)?;
    match gateway.subscriptions.hooks.send(endpoint, &headers, body).await {
        Ok(()) => rows::arrived(&gateway.store, of, up_to).await?,
        Err(failure) => rows::failed(&gateway.store, of, failure.0).await?,
    }
    Ok(())
}
