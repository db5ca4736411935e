//! Recovery of a patient's root: this organisation keeps one of three shares and gives it to a new device, late and in the
//! open.
//!
//! Upon a deposit (`deposit`): signed by the pairwise key of somebody enrolled here; the share is kept, sealed under the
//! node's storage key. Upon the desk (`desk`): whoever proofed the person's identity gives them a code. Upon a new device
//! that shows the code (`ask`): the code is bound to its key, `StartRecovery` goes on the ledger, and the patient is told.
//! Upon the same device later: the share, sealed to it, if the attempt is final on this node's own ledger, its time is over
//! by the ledger's clock, and nobody cancelled it (`attempt`). Upon a patient with a device that works, who fears that
//! somebody else has the keys: new ones in their place (`rekey`).
//!
//! Architecture invariant: a share leaves by `ask` alone, and only after `attempt::judge` has said so.

mod ask;
mod attempt;
mod deposit;
mod desk;
mod letter;
mod rekey;
#[cfg(test)]
mod tests;

pub(crate) use letter::answer;
pub(crate) use rekey::forget_old;

use crate::error::Error;
use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::log::{Access, Kind, Who};
use crate::origin;
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::post;
use salus_types::{Digest, RecoveryId};
use serde::{Deserialize, Serialize};

/// Shares by FHIR Patient id.
const SHARES: Rows<KeptShare> = Rows::new("recovery-shares");
/// Codes of the desk by hash.
const CODES: Rows<DeskCode> = Rows::new("recovery-codes");

/// Removes codes that are over; how many.
///
/// # Errors
/// A fault of the store.
pub(crate) fn prune(tx: &WriteTransaction, now_ms: u64) -> Result<usize, StoreError> {
    CODES.prune(tx, |code| code.expires_ms > now_ms)
}

/// A share at rest.
#[derive(Clone, Serialize, Deserialize)]
struct KeptShare {
    recovery: RecoveryId,
    counter: u32,
    index: u8,
    salt: [u8; 32],
    /// The value, sealed; in hex.
    sealed: String,
}

/// What a code that the desk gave is good for.
#[derive(Clone, Serialize, Deserialize)]
struct DeskCode {
    patient: String,
    /// The recovery of the share that was kept then: one that is kept later has its own.
    recovery: RecoveryId,
    /// Until when a device may show it for the first time.
    claim_until_ms: u64,
    /// When nobody needs it any more.
    expires_ms: u64,
    /// The device that showed it; no other may.
    device: Option<Digest>,
    /// Whether the patient has been told that it began, and that the share was given out.
    told: bool,
    released: bool,
}

/// The routes of the desk.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/recoveries", post(desk::begin))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}

/// Puts a step into the access log; the patient finds it there.
///
/// # Errors
/// A fault of the log.
pub(crate) async fn note(gateway: &Gateway, who: Who, patient: &str, step: &str) -> Result<(), Error> {
    gateway.log.append(Access::about(who, Kind::Recovery, patient, None, step))?.durable().await
}
