//! Who acts for a patient: requests that rely on a mandate, the letters by which patient and carer find each other, and
//! children, for whom this organisation's desk appoints.
//!
//! Upon a request (`request`): the vault decides by its own ledger; that somebody got keys is in the access log before they
//! leave. Upon a letter (`letters`): kept sealed and for a fortnight, found by a name that is derived from the invitation's
//! code. Upon the desk (`desk`): a code for a parent of a child that is a patient here. Upon a parent who shows it
//! (`guardian`): keys of the child's are made if it has none, the appointment goes on the ledger until the child comes of
//! age, and the parent gets the mandate.
//!
//! Architecture invariant: nothing here decides what a mandate allows; that do the contract and the custodians.

mod desk;
mod guardian;
mod letters;
mod request;
#[cfg(test)]
mod tests;

pub use desk::issue_code;
pub(crate) use guardian::{end_all, redeem};
pub(crate) use request::answer;

use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::origin;
use crate::state::Gateway;
use crate::store::{StoreError, WriteTransaction};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::post;

/// Removes letters and codes that are over; how many.
///
/// # Errors
/// A fault of the store.
pub(crate) fn prune(tx: &WriteTransaction, now_ms: u64) -> Result<usize, StoreError> {
    let letters = letters::LETTERS.prune(tx, |letter| letter.until_ms > now_ms)?;
    Ok(letters + guardian::CODES.prune(tx, |code| code.expires_ms > now_ms)?)
}

/// The routes of portals and of the desk.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/account/letters", post(letters::keep))
        .route("/account/letters/read", post(letters::read))
        .route("/staff/guardians", post(desk::begin))
        .route("/staff/guardians/end", post(desk::end))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}
