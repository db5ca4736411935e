//! Break-glass: what a clinician, a steward and other organisations' nodes ask for in and after an emergency.
//!
//! Upon `POST /staff/emergency`: the policies decide; the access log has the reason; the patient's own chart here is open
//! for four hours. Then every provider and pharmacy is asked whether it knows the person (`find`); for each that does, the event is
//! put on the ledger, its source is told, and only then are the holders asked (`begin`). Where the ledger does not answer,
//! the chart here is all there is: the event is signed, kept, and put on the ledger later (`queue`).
//! As a source this node makes the summaries (`summary`), writes each use into its access log (`told`), and tells the
//! patient by e-mail (`crate::mail`).
//! A steward reviews (`review`).
//!
//! Architecture invariant: a summary that was opened is kept in memory alone, and for four hours at most.

mod begin;
mod find;
mod person;
mod port;
mod queue;
mod review;
mod rows;
mod summary;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use find::find;
pub use port::{EmergencyUse, EmergencyVault, NoEmergencies, OpenedSummary, StaleSummary};
pub(crate) use told::shown_to_patient;

use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::origin;
use crate::rate::RateLimit;
use crate::state::Gateway;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use salus_types::{EmergencyId, OrganisationId};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Longest wait for the ledger: in an emergency the next step must not wait for it.
const FINAL_WITHIN: Duration = Duration::from_secs(5);

/// Questions of one organisation in a minute: each answer tells that there is a record.
const QUESTIONS_PER_MINUTE: u32 = 20;

/// What a node keeps of emergencies in memory.
pub struct Emergencies {
    /// Opened summaries by event, with the time until which they may be read.
    opened: Mutex<HashMap<EmergencyId, (u64, OpenedSummary)>>,
    /// How often an organisation may ask whether somebody is a patient here.
    questions: RateLimit<OrganisationId>,
}

impl Default for Emergencies {
    fn default() -> Self {
        Self { opened: Mutex::default(), questions: RateLimit::per_minute(QUESTIONS_PER_MINUTE) }
    }
}

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/emergency", post(begin::begin))
        .route("/staff/emergency/{id}", get(begin::read_again))
        .route("/staff/emergencies", get(review::list))
        .route("/staff/emergencies/{id}/review", post(review::review))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}

/// Makes summaries, notes their uses, and puts what waits on the ledger, until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.stopped() => (),
        () = told::follow(&gateway) => (),
        () = queue::follow(&gateway) => (),
    }
}
