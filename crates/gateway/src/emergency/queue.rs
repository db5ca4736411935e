//! Emergencies while the ledger could not be reached: signed at once, kept, and put on the ledger when it answers. And
//! what was opened is forgotten when its time is over.

use super::rows::{EMERGENCIES, Event, QUEUED};
use super::{FINAL_WITHIN, told};
use crate::error::{Code, Error};
use crate::state::Gateway;
use commonware_codec::Encode as _;
use salus_types::namespace;
use std::sync::PoisonError;
use std::time::Duration;

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(5);
/// Events that are handed in at a time.
const AT_ONCE: usize = 64;

/// The event with this organisation's signature from the moment itself: it is not made up afterwards.
pub(super) fn signed(gateway: &Gateway, mut event: Event) -> Event {
    let message = event.action().map(|action| action.encode().to_vec()).unwrap_or_default();
    let signature = gateway.key.sign(namespace::LOCAL_EMERGENCY, &message);
    event.signature = Some(hex::encode(signature.0));
    event
}

/// Remembers durably that an emergency's event is to be put on the ledger.
pub(super) async fn add(gateway: &Gateway, id: &str, time_ms: u64) -> Result<(), Error> {
    let id = id.to_owned();
    Ok(gateway.store.write(move |tx| QUEUED.put(tx, &id, &time_ms)).await?)
}

/// Works for as long as it is polled.
pub(super) async fn follow(gateway: &Gateway) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        forget(gateway);
        if let Err(error) = hand_in(gateway).await {
            tracing::warn!(%error, "an emergency waits for the ledger");
        }
    }
}

fn forget(gateway: &Gateway) {
    let now = told::now(gateway);
    let mut opened = gateway.emergencies.opened.lock().unwrap_or_else(PoisonError::into_inner);
    opened.retain(|_, (until_ms, _)| now < *until_ms);
}

/// Hands in what waits. One that the ledger refuses does not keep the others waiting.
pub(super) async fn hand_in(gateway: &Gateway) -> Result<(), Error> {
    let mut failed = None;
    for (id, _) in gateway.store.read(|tx| QUEUED.scan(tx, "", AT_ONCE))? {
        match hand_in_one(gateway, &id).await {
            Ok(()) => {
                gateway.store.write(move |tx| QUEUED.take(tx, &id)).await?;
            }
            Err(error) if error.code() == Code::Away => return Err(error),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn hand_in_one(gateway: &Gateway, id: &str) -> Result<(), Error> {
    let emergency = gateway.store.read(|tx| EMERGENCIES.get(tx, id))?;
    let events = emergency.map(|emergency| emergency.events).unwrap_or_default();
    for action in events.iter().filter(|event| event.signature.is_some()).filter_map(Event::action) {
        if told::on_ledger(gateway, &action.id()).await?.is_none() {
            gateway.submit(action, FINAL_WITHIN).await?;
        }
    }
    Ok(())
}
