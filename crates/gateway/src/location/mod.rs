//! Who keeps records of a patient: `docs/protocol/location.md`.
//!
//! As a holder: an index of tokens of the patients here, made with the key of another organisation, the *helper*
//! (`index`), is what questions are compared with (`answer`). As a helper: blinded elements are evaluated (`helper`). As an
//! asker: upon `POST /staff/charts/{chart}/elsewhere` a clinician's question goes to every provider and pharmacy (`ask`).
//! Who may be found is the patient's choice (`choice`), and the holder's where there is none.
//!
//! Architecture invariant: what a person is known by leaves this node in no form but blinded, or as tokens that nobody makes
//! without asking the helper. Nothing of it is on the ledger.

mod answer;
mod ask;
mod choice;
mod helper;
mod index;
mod matching;
mod normal;
mod rows;
#[cfg(test)]
mod tests;

pub(crate) use answer::answer;
pub(crate) use choice::{Ask, choose};
pub(crate) use helper::evaluate;
pub(crate) use index::run;

use crate::limits::{
    LOCATION_ASKS_PER_DAY, LOCATION_ASKS_PER_MINUTE, LOCATION_BATCHES_PER_MINUTE,
    LOCATION_PRACTITIONER_ASKS_PER_MINUTE, PORTAL_JSON_BYTES_MAX,
};
use crate::origin;
use crate::rate::RateLimit;
use crate::state::Gateway;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::post;
use salus_types::OrganisationId;
use salus_types::organisation::Class;
use serde::{Deserialize, Serialize};

/// Who may be found here, if the patient has not chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Findable {
    /// Every patient who has ordinary records here, unless they refused.
    UnlessRefused,
    /// Who said so: for an organisation whose very name says what its patients have.
    IfWanted,
    /// Nobody, whatever they say.
    Never,
}

impl Findable {
    /// The usual setting of an organisation: where people are treated they may be found, elsewhere not.
    pub fn usual(class: Class) -> Self {
        if treats(class) { Self::UnlessRefused } else { Self::Never }
    }
}

/// Who may ask, and is asked: organisations that treat people.
pub(crate) fn treats(class: Class) -> bool {
    matches!(class, Class::Provider | Class::Pharmacy)
}

/// How often is asked.
pub struct Location {
    /// Questions of an organisation to this one as a holder, ...
    asks: RateLimit<OrganisationId>,
    /// ... in the long run, ...
    asks_daily: RateLimit<OrganisationId>,
    /// ... and to this one as a helper, by asker and holder.
    evaluations: RateLimit<(OrganisationId, OrganisationId)>,
    /// Batches of a holder for its own index.
    batches: RateLimit<OrganisationId>,
    /// Questions of somebody who works here.
    practitioners: RateLimit<String>,
}

impl Default for Location {
    fn default() -> Self {
        Self {
            asks: RateLimit::per_minute(LOCATION_ASKS_PER_MINUTE),
            asks_daily: RateLimit::per_day(LOCATION_ASKS_PER_DAY),
            evaluations: RateLimit::per_minute(LOCATION_ASKS_PER_MINUTE),
            batches: RateLimit::per_minute(LOCATION_BATCHES_PER_MINUTE),
            practitioners: RateLimit::per_minute(LOCATION_PRACTITIONER_ASKS_PER_MINUTE),
        }
    }
}

/// The routes for clinicians.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/charts/{chart}/elsewhere", post(ask::ask))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}

/// Who may be found here, if the patient has not chosen.
pub(crate) fn setting(gateway: &Gateway) -> Findable {
    let class = || {
        let network = gateway.chain().network();
        network.organisation(&gateway.config.organisation).map(|own| own.class)
    };
    gateway.config.findable.or_else(|| class().map(Findable::usual)).unwrap_or(Findable::Never)
}
