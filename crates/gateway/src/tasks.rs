//! What runs beside the requests.

use crate::state::Gateway;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often what has ended is removed from the tables.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);

/// Starts every background task; they end after [`Gateway::stop`].
pub(crate) fn start(gateway: &Gateway) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(crate::shares::dropper::run(gateway.clone()));
    tasks.spawn(crate::log::anchor::run(gateway.clone()));
    tasks.spawn(crate::smart::housekeeping(gateway.clone()));
    tasks.spawn(crate::steward::events::run(gateway.clone()));
    tasks.spawn(crate::emergency::run(gateway.clone()));
    tasks.spawn(crate::erasure::run(gateway.clone()));
    tasks.spawn(crate::bulk::run(gateway.clone()));
    tasks.spawn(crate::mail::run(gateway.clone()));
    tasks.spawn(crate::feeds::run(gateway.clone()));
    tasks.spawn(crate::fhir::subscription::run(gateway.clone()));
    tasks.spawn(crate::location::run(gateway.clone()));
    tasks.spawn(forget(gateway.clone()));
    tasks
}

/// Removes sessions and links that have ended.
async fn forget(gateway: Gateway) {
    let hourly = async {
        loop {
            tokio::time::sleep(FORGET_INTERVAL).await;
            let ended = [
                gateway.accounts.prune().await,
                gateway.staff.prune().await,
                crate::links::prune(&gateway).await,
            ];
            for ended in ended {
                if let Err(error) = ended {
                    tracing::warn!(%error, "what has ended is not removed yet");
                }
            }
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = hourly => (),
    }
}
