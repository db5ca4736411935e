//! Carrying a decided erasure out, step by step; each is durable before the next, and repeated harmlessly.

use super::rows::{Order, Step, WORKS, Work};
use super::{Named, PAUSE, marks};
use crate::error::Error;
use crate::feeds;
use crate::state::Gateway;
use commonware_codec::Encode as _;
use salus_crypto::random;
use salus_types::action::OrderErasure;
use salus_types::erasure::{ERASED_VERSIONS_MAX, erased_root};
use salus_types::state::key;
use salus_types::vault::ErasureNotice;
use salus_types::{VersionId, decode_canonical};
use std::time::Duration;

/// Works that are looked at in one round.
const WORKS_MAX: usize = 100_000;
/// Resources in one request to the clinical store.
const RESOURCES_AT_ONCE: usize = 1_000;
/// Longest wait for the ledger.
const FINAL_WITHIN: Duration = Duration::from_secs(30);

/// Works for as long as it is polled.
pub(super) async fn follow(gateway: &Gateway) {
    loop {
        match round(gateway).await {
            Ok(false) => gateway.erasures.news.notified().await,
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "an erasure waits");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Gets every work as far as it goes; whether one is left.
pub(super) async fn round(gateway: &Gateway) -> Result<bool, Error> {
    let works = gateway.store.read(|tx| WORKS.scan(tx, "", WORKS_MAX))?;
    let (mut left, mut failed) = (false, None);
    for (case, work) in works.into_iter().filter(|(_, work)| work.step != Step::Ordered) {
        match go_on(gateway, &case, work).await {
            Ok(done) => left |= !done,
            // One that fails does not keep the others waiting.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(left), Err)
}

/// Gets one work as far as it goes; whether it is done.
async fn go_on(gateway: &Gateway, case: &str, mut work: Work) -> Result<bool, Error> {
    while work.step != Step::Ordered {
        if !step(gateway, &mut work).await? {
            return Ok(false);
        }
        let (at, row) = (case.to_owned(), work.clone());
        gateway.store.write(move |tx| WORKS.put(tx, &at, &row)).await?;
    }
    Ok(true)
}

/// One step; false if it has to wait.
async fn step(gateway: &Gateway, work: &mut Work) -> Result<bool, Error> {
    match work.step {
        Step::Removing => {
            marks::mark(gateway, &work.resources).await?;
            forget_messages(gateway, work).await?;
            if !remove(gateway, &work.resources).await? {
                return Ok(false);
            }
            let versions =
                gateway.ports.erasures.versions_of(&work.resources).await.map_err(Error::internal)?;
            work.orders = orders(gateway, work, &versions)?;
            work.resources = Vec::new();
            work.step = Step::Ordering;
        }
        Step::Ordering => {
            for order in &work.orders {
                if !carry_out(gateway, order).await? {
                    return Ok(false);
                }
            }
            work.step = Step::Ordered;
        }
        Step::Ordered => {}
    }
    Ok(true)
}

/// Destroys what waits in feeds about what is erased. Their sealed texts are in no freed page any more either.
async fn forget_messages(gateway: &Gateway, work: &Work) -> Result<(), Error> {
    let Some(scope) = work.scope.clone() else { return Ok(()) };
    let concern = feeds::Concern::new(gateway, &work.patient, scope, work.ground, &work.resources).await?;
    if feeds::forget(gateway, &concern).await? > 0 {
        let store = gateway.store.clone();
        tokio::task::spawn_blocking(move || store.rewrite()).await.map_err(Error::internal)??;
    }
    Ok(())
}

/// Removes resources from the clinical store; false if some wait to be sealed.
pub(super) async fn remove(gateway: &Gateway, resources: &[Named]) -> Result<bool, Error> {
    let mut done = true;
    for some in resources.chunks(RESOURCES_AT_ONCE) {
        done &= gateway.engine.erase(some).await?;
    }
    // Nobody gets what was exported before.
    crate::bulk::export::withdraw(gateway).await?;
    Ok(done)
}

fn orders(gateway: &Gateway, work: &Work, versions: &[VersionId]) -> Result<Vec<Order>, Error> {
    let organisation = &gateway.config.organisation;
    let order = |versions: &[VersionId]| {
        let salt: [u8; 32] = random::bytes();
        let action = OrderErasure {
            organisation: organisation.clone(),
            versions_root: erased_root(&salt, versions),
            count: u32::try_from(versions.len()).unwrap_or(u32::MAX),
            ground: work.ground,
            nonce: random::bytes(),
        };
        let notice = ErasureNotice {
            network: gateway.network,
            source: organisation.clone(),
            erasure: action.id(),
            salt,
            versions: versions.to_vec().try_into().map_err(Error::internal)?,
        };
        Ok(Order { action: hex::encode(action.encode()), notice: hex::encode(notice.encode()) })
    };
    versions.chunks(ERASED_VERSIONS_MAX).map(order).collect()
}

/// Puts an order on the ledger, once, and has the vault carry it out; false if it has to wait.
async fn carry_out(gateway: &Gateway, order: &Order) -> Result<bool, Error> {
    let (action, notice) = read(order)?;
    if gateway.chain().state(key::erasure(&notice.erasure)).await?.is_none() {
        gateway.submit(action, FINAL_WITHIN).await?;
    }
    gateway.ports.erasures.carry_out(notice).await.map_err(Error::internal)
}

/// What an order's row says.
pub(super) fn read(order: &Order) -> Result<(OrderErasure, ErasureNotice), Error> {
    let bytes = |text: &str| hex::decode(text).map_err(Error::internal);
    let action = decode_canonical(&bytes(&order.action)?).map_err(Error::internal)?;
    let notice = decode_canonical(&bytes(&order.notice)?).map_err(Error::internal)?;
    Ok((action, notice))
}
