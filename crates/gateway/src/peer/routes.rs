//! The routes for other organisations' nodes. Each body has its own limit, and is the canonical encoding or
//! refused.

use super::keeper::{NodeStatus, PatientAnswer, refused};
use crate::PeerIdentity;
use crate::body::{Canonical, Json, Octets, octets};
use crate::cases;
use crate::emergency;
use crate::error::Error;
use crate::limits::*;
use crate::links;
use crate::location;
use crate::proxies;
use crate::recovery;
use crate::staff;
use crate::state::Gateway;
use crate::steward;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, EmergencyAsk, EmergencyFind, EmergencyNotice, EmergencyParcel,
    LocationAsk, LocationBlinded, PatientAsk, PatientLink, PatientRequest, ProxyRequest, ReleaseAsk,
    ReleaseForGrant, SealedEnvelope, SourceRequest,
};
use salus_types::{Bounded, ErasureId};
use serde::Deserialize;

type Sender = Extension<PeerIdentity>;

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    let up_to =
        |bytes_max: usize, route: MethodRouter<Gateway>| route.layer(DefaultBodyLimit::max(bytes_max));
    Router::new()
        .route("/peer/custody", up_to(CUSTODY_BYTES_MAX, post(custody)))
        .route("/peer/anchored", up_to(ANCHORED_BYTES_MAX, post(anchored)))
        .route("/peer/compartments", up_to(COMPARTMENTS_BYTES_MAX, post(compartments)))
        .route("/peer/links", up_to(LINK_BYTES_MAX, post(links)))
        .route("/peer/versions", up_to(VERSIONS_BYTES_MAX, post(versions)))
        .route("/peer/release", up_to(RELEASE_BYTES_MAX, post(release)))
        .route("/peer/give-back", up_to(GIVE_BACK_BYTES_MAX, post(give_back)))
        .route("/peer/destroy", up_to(DESTROY_BYTES_MAX, post(destroy)))
        .route("/peer/emergency", up_to(EMERGENCY_PARCEL_BYTES_MAX, post(emergency_summary)))
        .route("/peer/emergency/find", up_to(EMERGENCY_ASK_BYTES_MAX, post(emergency_find)))
        .route("/peer/emergency/release", up_to(EMERGENCY_ASK_BYTES_MAX, post(emergency_release)))
        .route("/peer/emergency/opened", up_to(EMERGENCY_ASK_BYTES_MAX, post(emergency_opened)))
        .route("/peer/location", up_to(LOCATION_ASK_BYTES_MAX, post(location_ask)))
        .route("/peer/location/evaluate", up_to(LOCATION_EVALUATE_BYTES_MAX, post(location_evaluate)))
        .route("/peer/erasure", up_to(ERASURE_ASK_BYTES_MAX, post(erasure_notice)))
        .route("/peer/patient", up_to(PATIENT_BYTES_MAX, post(relayed_patient)))
        .route("/peer/enrol", up_to(ENROL_BYTES_MAX, post(relayed_enrolment)))
        .route("/peer/mailbox", up_to(MAILBOX_BYTES_MAX, post(relayed_letter)))
        .route("/peer/case", up_to(CASE_BYTES_MAX, post(relayed_case)))
        .route("/peer/recovery", up_to(RECOVERY_BYTES_MAX, post(relayed_recovery)))
        .route("/peer/proxy", up_to(PATIENT_BYTES_MAX, post(relayed_proxy)))
        .route("/peer/guardian", up_to(ENROL_BYTES_MAX, post(relayed_guardian)))
        .route("/peer/deposit", up_to(LINK_FILE_BYTES_MAX, post(relayed_deposit)))
        .route("/peer/keys", up_to(KEYS_BYTES_MAX, post(keys)))
        .route("/peer/status", get(status))
        .route("/metrics", get(steward::metrics))
        .with_state(state)
}

async fn custody(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(batch): Canonical<CustodyBatch>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.custody(&from, batch).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchored {
    sequence: u64,
    height: u64,
}

async fn anchored(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Json(note): Json<Anchored>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.anchored(&from, note.sequence, note.height).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn compartments(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(records): Canonical<Bounded<CompartmentRecord, COMPARTMENTS_PER_CALL_MAX>>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.compartments(&from, records.into_inner()).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn links(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(link): Canonical<PatientLink>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.link(&from, link).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn versions(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(ask): Canonical<ReleaseAsk>,
) -> Result<Response, Error> {
    Ok(octets(&gateway.ports.keeper.versions(&from, ask).await.map_err(refused)?))
}

async fn release(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(ask): Canonical<ReleaseForGrant>,
) -> Result<Response, Error> {
    let answer = gateway.ports.keeper.release(&from, ask).await;
    gateway.metrics.release_for_grant(&answer);
    Ok(octets(&answer.map_err(refused)?))
}

async fn give_back(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(request): Canonical<SourceRequest>,
) -> Result<Response, Error> {
    Ok(octets(&gateway.ports.keeper.give_back(&from, request).await.map_err(refused)?))
}

async fn destroy(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(request): Canonical<SourceRequest>,
) -> Result<Response, Error> {
    Ok(octets(&gateway.ports.keeper.destroy(&from, request).await.map_err(refused)?))
}

async fn emergency_summary(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(parcel): Canonical<EmergencyParcel>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.emergency(&from, parcel).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn emergency_find(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(person): Canonical<EmergencyFind>,
) -> Result<Response, Error> {
    let found = emergency::find(&gateway, &from, &person).await?;
    let found: Bounded<_, 1> = found.into_iter().collect::<Vec<_>>().try_into().map_err(Error::internal)?;
    Ok(octets(&found))
}

async fn emergency_release(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(ask): Canonical<EmergencyAsk>,
) -> Result<Response, Error> {
    Ok(octets(&gateway.ports.keeper.release_emergency(&from, ask).await.map_err(refused)?))
}

async fn emergency_opened(
    State(gateway): State<Gateway>,
    Canonical(notice): Canonical<EmergencyNotice>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.emergency_told(notice).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn location_ask(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(ask): Canonical<LocationAsk>,
) -> Result<Response, Error> {
    Ok(octets(&location::answer(&gateway, &from, ask).await?))
}

async fn location_evaluate(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(blinded): Canonical<LocationBlinded>,
) -> Result<Response, Error> {
    Ok(octets(&location::evaluate(&gateway, &from, blinded).await?))
}

/// Any member may know which versions an order names: their ids mean something to those alone who hold them.
async fn erasure_notice(
    State(gateway): State<Gateway>,
    Canonical(erasure): Canonical<ErasureId>,
) -> Result<Response, Error> {
    Ok(octets(&gateway.ports.keeper.erasure_notice(erasure).await.map_err(refused)?))
}

async fn relayed_patient(
    State(gateway): State<Gateway>,
    Canonical(request): Canonical<PatientRequest>,
) -> Result<Response, Error> {
    patient(&gateway, request).await
}

async fn relayed_enrolment(
    State(gateway): State<Gateway>,
    Canonical(envelope): Canonical<SealedEnvelope>,
) -> Result<Response, Error> {
    enrol(&gateway, envelope).await
}

async fn relayed_letter(
    State(gateway): State<Gateway>,
    Canonical(envelope): Canonical<SealedEnvelope>,
) -> Result<StatusCode, Error> {
    mailbox(&gateway, envelope).await
}

async fn relayed_case(
    State(gateway): State<Gateway>,
    Canonical(envelope): Canonical<SealedEnvelope>,
) -> Result<Response, Error> {
    case(&gateway, envelope).await
}

async fn relayed_recovery(
    State(gateway): State<Gateway>,
    Canonical(envelope): Canonical<SealedEnvelope>,
) -> Result<Response, Error> {
    recovery(&gateway, envelope).await
}

async fn relayed_proxy(
    State(gateway): State<Gateway>,
    Canonical(request): Canonical<ProxyRequest>,
) -> Result<Response, Error> {
    proxies::answer(&gateway, request).await
}

async fn relayed_guardian(
    State(gateway): State<Gateway>,
    Canonical(envelope): Canonical<SealedEnvelope>,
) -> Result<Response, Error> {
    guardian(&gateway, envelope).await
}

async fn relayed_deposit(State(gateway): State<Gateway>, Octets(file): Octets) -> Result<StatusCode, Error> {
    links::deposit(&gateway, &file).await
}

async fn keys(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Sender,
    Canonical(envelope): Canonical<SealedEnvelope>,
) -> Result<StatusCode, Error> {
    gateway.ports.keeper.keys(&from, envelope).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn status(State(gateway): State<Gateway>) -> Json<NodeStatus> {
    Json(node_status(&gateway).await)
}

/// This node's own numbers.
pub(crate) async fn node_status(gateway: &Gateway) -> NodeStatus {
    let stats = gateway.chain().stats().await;
    NodeStatus {
        height: stats.height,
        lag: stats.lag,
        peers: stats.peers,
        mempool: stats.mempool,
        queues: gateway.ports.keeper.queues().await,
        epoch: gateway.chain().network().epoch,
        time_ms: crate::clock::now_ms(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Answers a patient's request that is meant for this organisation.
///
/// # Errors
/// The vault's or the access log's refusal.
pub(crate) async fn patient(gateway: &Gateway, request: PatientRequest) -> Result<Response, Error> {
    if request.body.ask == PatientAsk::AccessLog {
        return Ok(octets(&staff::access_log(gateway, &request).await?));
    }
    let wants_release = request.body.ask != PatientAsk::Directory && request.body.ask != PatientAsk::Versions;
    let answer = gateway.ports.keeper.patient(request).await;
    if wants_release {
        gateway.metrics.release_for_patient(&answer);
    }
    Ok(match answer.map_err(refused)? {
        PatientAnswer::Directory(directory) => octets(&directory),
        PatientAnswer::Versions(versions) => octets(&versions),
        PatientAnswer::Release(release) => octets(&release),
    })
}

/// Answers an enrolment at this organisation.
///
/// # Errors
/// As [`staff::redeem`].
pub(crate) async fn enrol(gateway: &Gateway, envelope: SealedEnvelope) -> Result<Response, Error> {
    Ok(octets(&staff::redeem(gateway, envelope).await?))
}

/// Answers a letter about a patient's rights at this organisation.
///
/// # Errors
/// As [`cases::answer`].
pub(crate) async fn case(gateway: &Gateway, envelope: SealedEnvelope) -> Result<Response, Error> {
    Ok(octets(&cases::answer(gateway, envelope).await?))
}

/// Answers a letter about a recovery at this organisation.
///
/// # Errors
/// As [`recovery::answer`].
pub(crate) async fn recovery(gateway: &Gateway, envelope: SealedEnvelope) -> Result<Response, Error> {
    Ok(octets(&recovery::answer(gateway, envelope).await?))
}

/// Answers a parent who shows a code of this organisation's desk.
///
/// # Errors
/// As [`proxies::redeem`].
pub(crate) async fn guardian(gateway: &Gateway, envelope: SealedEnvelope) -> Result<Response, Error> {
    Ok(octets(&proxies::redeem(gateway, envelope).await?))
}

/// Takes a letter to this organisation.
///
/// # Errors
/// The vault's refusal.
pub(crate) async fn mailbox(gateway: &Gateway, envelope: SealedEnvelope) -> Result<StatusCode, Error> {
    gateway.ports.keeper.mailbox(envelope).await.map_err(refused)?;
    Ok(StatusCode::ACCEPTED)
}
