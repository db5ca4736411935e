//! SMART Health Cards (<https://spec.smarthealth.cards>): immunisations that this organisation recorded itself, signed by it,
//! for the patient alone.
//!
//! Upon a letter of the patient: what the clinical store has of this organisation's own (never copies of others' records) is
//! minified as the specification asks (`bundle`), and signed with a key of its own (`key`), in cards that each fit one QR
//! code (`sign`). The public key is at `/.well-known/jwks.json`; what is not there any more signs nothing that is valid.

mod bundle;
mod key;
mod sign;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::links;
use crate::log::{Access, Kind, Who};
use crate::origin;
use crate::state::Gateway;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use salus_policy::Action;
use salus_types::category::Purpose;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a letter asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Health cards of all immunisations. Braces, because serde takes any field of a variant without them.
    HealthCards {},
}

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    let keys = Router::new()
        .route("/.well-known/jwks.json", get(keys))
        .layer(middleware::from_fn(links::for_every_page))
        .with_state(state.clone());
    Router::new()
        .route("/staff/health-card-key", post(replace))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
        .merge(keys)
}

/// Makes cards: `{ "cards": [JWS] }`, the newest immunisations first; none if there is nothing to say.
///
/// # Errors
/// The clinical store or the log does not answer.
pub(crate) async fn answer(gateway: &Gateway, patient: &str, ask: Ask) -> Result<Value, Error> {
    let Ask::HealthCards {} = ask;
    let Some(record) = bundle::read(gateway, patient).await? else { return Ok(json!({ "cards": [] })) };
    let key = key::current(gateway)?;
    let cards = sign::cards(&key, &gateway.config.public_url, &record)?;
    let access = Access {
        types: vec!["Immunization".to_owned()],
        count: u32::try_from(record.immunisations.len()).ok(),
        ..Access::about(Who::Node, Kind::HealthCard, patient, Some(Purpose::PatientRequest), "")
    };
    gateway.log.append(access)?.durable().await?;
    Ok(json!({ "cards": cards }))
}

/// `GET /.well-known/jwks.json`
async fn keys(State(gateway): State<Gateway>) -> Result<Response, Error> {
    let document = json!({ "keys": [key::current(&gateway)?.jwk()] });
    // Short: a key that was replaced because it was stolen is not to be believed for long.
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)).into_response())
}

/// `POST /staff/health-card-key`: a new key in place of the one that signs. Every card that was signed before is invalid
/// from now on, and patients make theirs anew.
async fn replace(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<StatusCode, Error> {
    gateway.staff.allowed(&gateway, &headers, Action::ReplaceCardKey)?;
    key::replace(&gateway).await?;
    Ok(StatusCode::NO_CONTENT)
}
