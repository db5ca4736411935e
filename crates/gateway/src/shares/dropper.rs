//! After a revoke or an expiry: delete the copies, destroy the keys, put the receipt on the ledger.
//!
//! Every step is repeated until the next is noted, so that the end of the process at any point loses none:
//! the engine's list and the table are compared with the ledger at the start and every so often.

use super::Shares;
use super::live::GrantState;
use super::table::Stage;
use crate::chain::FinalisedBlock;
use crate::engine::EngineError;
use crate::error::Error;
use crate::log::{Access, Kind, Who};
use crate::state::Gateway;
use salus_types::GrantId;
use salus_types::action::{Action, Dropped};
use salus_types::state::key;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How often expiries are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Longest wait for the receipt to be final; the next sweep tries again.
const FINAL_WITHIN: Duration = Duration::from_secs(30);

/// Runs until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    if !gateway.engine.is_configured() {
        return gateway.stopped().await;
    }
    tokio::select! {
        () = gateway.stopped() => (),
        () = follow(&gateway) => (),
    }
}

async fn follow(gateway: &Gateway) {
    let mut blocks = gateway.chain().subscribe();
    let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = tokio::select! {
            _ = sweep.tick() => candidates(gateway).await,
            block = blocks.recv() => match block {
                Ok(block) => Ok(revoked_in(&block)),
                Err(RecvError::Lagged(_)) => candidates(gateway).await,
                Err(RecvError::Closed) => {
                    blocks = gateway.chain().subscribe();
                    tokio::time::sleep(SWEEP_INTERVAL).await;
                    continue;
                }
            },
        };
        match due {
            Ok(grants) => grants.into_iter().for_each(|grant| consider_beside(gateway, grant)),
            Err(error) => tracing::warn!(%error, "share sets cannot be compared with the ledger"),
        }
    }
}

/// Beside the loop: a receipt that waits for the ledger must not keep another set from being deleted.
fn consider_beside(gateway: &Gateway, grant: GrantId) {
    let gateway = gateway.clone();
    tokio::spawn(async move {
        if let Err(error) = gateway.shares.consider(&gateway, grant).await {
            tracing::warn!(%grant, %error, "a share set is not dropped yet");
        }
    });
}

fn revoked_in(block: &FinalisedBlock) -> BTreeSet<GrantId> {
    let actions = block.block.transactions.iter().map(|transaction| &transaction.action);
    actions
        .filter_map(|action| if let Action::Revoke(revoke) = action { Some(revoke.grant) } else { None })
        .collect()
}

/// Every set that may have to go: what the engine holds, and what the table does not call dropped.
async fn candidates(gateway: &Gateway) -> Result<BTreeSet<GrantId>, Error> {
    let mut grants: BTreeSet<GrantId> = gateway
        .shares
        .table
        .sets()?
        .into_iter()
        .filter(|(_, set)| set.stage != Stage::Dropped)
        .map(|(grant, _)| grant)
        .collect();
    match gateway.engine.shares().await {
        Ok(held) => grants.extend(held.into_iter().filter_map(|share| share.grant.parse::<GrantId>().ok())),
        // Its own clock hides what has expired; the list is compared when it is back.
        Err(EngineError::Away | EngineError::Timeout) => (),
        Err(error) => return Err(error.into()),
    }
    Ok(grants)
}

impl Shares {
    /// Drops a set if its grant has ended.
    pub(crate) async fn consider(&self, gateway: &Gateway, grant: GrantId) -> Result<(), Error> {
        match self.live.state(gateway.chain(), grant).await? {
            GrantState::Live => return Ok(()),
            // This node's ledger may only be behind the one that let the copies in.
            GrantState::Unknown => return Ok(()),
            GrantState::Revoked | GrantState::Expired => (),
        }
        let lock = self.lock_of(grant);
        // An import looks at the ledger once more before it ends; the next sweep comes by again.
        let Ok(_one_at_a_time) = lock.try_lock() else { return Ok(()) };
        let set = self.table.set(grant)?;
        if set.as_ref().is_some_and(|set| set.stage == Stage::Dropped) {
            return Ok(());
        }
        let letter = gateway.ports.shared.grant(grant).await.map_err(Error::internal)?;
        if set.is_none() && letter.is_none() && !self.engine_holds(gateway, grant).await? {
            // Not ours.
            return Ok(());
        }
        let deleted = gateway.engine.delete_share(&grant.to_string()).await;
        let copies = match deleted {
            Ok(copies) => copies,
            Err(EngineError::Refused { status: 404 }) => 0,
            Err(error) => return Err(error.into()),
        };
        gateway.ports.shared.forget(grant).await.map_err(Error::internal)?;
        self.table.deleted(grant).await?;
        if copies > 0 {
            let patient = set.as_ref().map(|set| set.patient.clone());
            note(gateway, grant, patient, copies).await?;
        }
        let versions = set.map_or(0, |set| set.versions);
        self.receipt(gateway, grant, versions).await?;
        self.table.dropped(grant).await?;
        Ok(())
    }

    async fn engine_holds(&self, gateway: &Gateway, grant: GrantId) -> Result<bool, Error> {
        let held = gateway.engine.shares().await?;
        Ok(held.iter().any(|share| share.grant == grant.to_string()))
    }

    async fn receipt(&self, gateway: &Gateway, grant: GrantId, versions: u32) -> Result<(), Error> {
        let entry = key::dropped(&grant, &gateway.config.organisation);
        if gateway.chain().state(entry).await?.is_some() {
            return Ok(());
        }
        let organisation = gateway.config.organisation.clone();
        gateway.submit(Dropped { organisation, grant, count: versions }, FINAL_WITHIN).await?;
        tracing::info!(%grant, "a share set is dropped, and the receipt is on the ledger");
        Ok(())
    }
}

async fn note(gateway: &Gateway, grant: GrantId, patient: Option<String>, copies: u64) -> Result<(), Error> {
    let access = Access {
        who: Who::Node,
        kind: Kind::ShareDropped,
        patient,
        purpose: None,
        reason: "the grant has ended".into(),
        types: Vec::new(),
        count: Some(u32::try_from(copies).unwrap_or(u32::MAX)),
        grants: vec![grant],
        events: Vec::new(),
    };
    gateway.log.append(access)?.durable().await
}
