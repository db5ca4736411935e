//! Apps of patients and clinicians (SMART App Launch 2.2, <https://hl7.org/fhir/smart-app-launch/app-launch.html>).
//!
//! Upon registering (RFC 7591): a steward's approval is awaited. Upon `authorize`: everything is checked against the
//! registration, and a page of this portal asks. Upon a patient's letter, signed by their device: an authorisation, and a
//! code for a minute; upon a clinician's yes to a launch from an open chart the same. Upon the code with its verifier:
//! tokens. Every use looks the authorisation up: what has ended is refused at once.
//!
//! Architecture invariant: a portal's session authorises no app of a patient; the patient's key does. An app reads the
//! records that this organisation made of one patient, never copies of others', and writes nothing as a patient.

mod authorisation;
mod authorize;
mod consent;
mod desk;
mod identity;
mod launch;
mod register;
mod scopes;
#[cfg(test)]
pub(crate) mod tests;
pub(super) mod token;

pub(crate) use authorisation::{By, end_all};
pub(crate) use consent::{Ask, Signed, answer};
pub(crate) use identity::Identities;
pub(crate) use launch::at_work;
pub(crate) use register::App;
#[cfg(test)]
pub(crate) use scopes::AppScopes;

use super::Smart;
use crate::clock;
use crate::error::as_oauth;
use crate::limits::{PORTAL_JSON_BYTES_MAX, SMART_FORM_BYTES_MAX};
use crate::origin;
use crate::state::Gateway;
use crate::store::StoreError;
use authorisation::Authorisation;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

impl Smart {
    /// An authorisation that holds at this moment.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) fn authorised(&self, id: &str, client: &str) -> Result<Option<Authorisation>, StoreError> {
        let found = self.store.read(|tx| authorisation::ROWS.get(tx, id))?;
        Ok(found.filter(|found| found.client == client && found.holds(clock::now_ms())))
    }
}

/// Forgets what could not be used any more.
pub(super) async fn forget(gateway: &Gateway) -> Result<(), StoreError> {
    gateway
        .store
        .write(|tx| {
            authorize::forget(tx)?;
            launch::forget(tx)?;
            register::forget(tx)?;
            authorisation::forget(tx)
        })
        .await
}

/// The routes.
pub(super) fn router(gateway: Gateway) -> Router {
    let oauth = Router::new()
        .route("/smart/authorize", get(authorize::by_query).post(authorize::by_form))
        .route("/smart/register", post(register::register))
        .layer(DefaultBodyLimit::max(SMART_FORM_BYTES_MAX))
        .layer(middleware::from_fn(as_oauth));
    let portal = Router::new()
        .route("/smart/requests/{id}", get(authorize::show))
        .route("/smart/requests/{id}/refuse", post(authorize::refuse))
        .route("/staff/apps", get(desk::list))
        .route("/staff/apps/{id}/approve", post(desk::approve))
        .route("/staff/apps/{id}/refuse", post(desk::refuse))
        .route("/staff/apps/{id}/end", post(desk::end))
        .route("/staff/launches", get(launch::list).post(launch::begin))
        .route("/staff/launches/{id}/allow", post(launch::allow))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(gateway.clone(), origin::own_pages_only));
    oauth.merge(portal).with_state(gateway)
}
