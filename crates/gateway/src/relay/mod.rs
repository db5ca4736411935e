//! The relay: a patient's device reaches every organisation through the node that served its portal.
//!
//! Bodies pass unchanged; what they say is signed by the patient or sealed to the organisation meant. This node
//! learns that some device asked some organisation, and the sizes.

#[cfg(test)]
mod tests;

use crate::body::{OCTETS, Octets, decode};
use crate::error::{Code, Error};
use crate::limits::{
    CASE_BYTES_MAX, ENROL_BYTES_MAX, LINK_FILE_BYTES_MAX, MAILBOX_BYTES_MAX, PATIENT_BYTES_MAX,
    RECOVERY_BYTES_MAX,
};
use crate::links;
use crate::peer::{self, Relayed};
use crate::proxies;
use crate::rate::{Caller, RateLimit};
use crate::state::{Config, Gateway};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use salus_types::OrganisationId;

/// How often callers may use the relay.
pub struct Relay {
    limit: RateLimit,
}

impl Relay {
    pub(crate) fn new(config: &Config) -> Self {
        Self { limit: RateLimit::of(config, config.limits.relays_per_minute) }
    }
}

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    let up_to =
        |bytes_max: usize, route: MethodRouter<Gateway>| route.layer(DefaultBodyLimit::max(bytes_max));
    Router::new()
        .route("/relay/{organisation}/patient", up_to(PATIENT_BYTES_MAX, post(patient)))
        .route("/relay/{organisation}/enrol", up_to(ENROL_BYTES_MAX, post(enrol)))
        .route("/relay/{organisation}/case", up_to(CASE_BYTES_MAX, post(case)))
        .route("/relay/{organisation}/recovery", up_to(RECOVERY_BYTES_MAX, post(recovery)))
        .route("/relay/{organisation}/proxy", up_to(PATIENT_BYTES_MAX, post(proxy)))
        .route("/relay/{organisation}/guardian", up_to(ENROL_BYTES_MAX, post(guardian)))
        .route("/relay/{organisation}/deposit", up_to(LINK_FILE_BYTES_MAX, post(deposit)))
        .route("/relay/{organisation}/mailbox", up_to(MAILBOX_BYTES_MAX, post(mailbox)))
        .with_state(state)
}

async fn patient(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Patient, body).await
}

async fn enrol(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Enrol, body).await
}

async fn mailbox(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Mailbox, body).await
}

async fn case(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Case, body).await
}

async fn recovery(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Recovery, body).await
}

async fn proxy(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Proxy, body).await
}

async fn guardian(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Guardian, body).await
}

async fn deposit(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(to): Path<String>,
    Octets(body): Octets,
) -> Result<Response, Error> {
    pass(&gateway, caller, &to, Relayed::Deposit, body).await
}

async fn pass(
    gateway: &Gateway,
    caller: Caller,
    to: &str,
    what: Relayed,
    body: Bytes,
) -> Result<Response, Error> {
    gateway.relay.limit.check(caller)?;
    let to: OrganisationId =
        to.parse().map_err(|_| Error::new(Code::NotFound, "there is no such organisation"))?;
    if to == gateway.config.organisation {
        return answer(gateway, what, &body).await;
    }
    let (head, body) = gateway.ports.peers.forward(&to, what, body).await?.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).filter(|kind| *kind == OCTETS);
    let kind = kind.cloned().unwrap_or(HeaderValue::from_static("application/json"));
    Ok((head.status, [(header::CONTENT_TYPE, kind)], Body::new(body)).into_response())
}

async fn answer(gateway: &Gateway, what: Relayed, body: &[u8]) -> Result<Response, Error> {
    match what {
        Relayed::Patient => peer::patient(gateway, decode(body)?).await,
        Relayed::Enrol => peer::enrol(gateway, decode(body)?).await,
        Relayed::Case => peer::case(gateway, decode(body)?).await,
        Relayed::Recovery => peer::recovery(gateway, decode(body)?).await,
        Relayed::Proxy => proxies::answer(gateway, decode(body)?).await,
        Relayed::Guardian => peer::guardian(gateway, decode(body)?).await,
        Relayed::Deposit => Ok(links::deposit(gateway, body).await?.into_response()),
        Relayed::Mailbox => Ok(peer::mailbox(gateway, decode(body)?).await?.into_response()),
    }
}
