//! What runs beside the requests.

use crate::state::Gateway;
use tokio::task::JoinSet;

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
    tasks.spawn(crate::sweep::run(gateway.clone()));
    tasks
}
