//! The client for other organisations' nodes: every call with a time limit. Who is called is looked up in the network
//! as it is at that moment.
//!
//! A call to the own organisation goes to its own vault, without a connection.

use super::keeper::{Keeper, NodeStatus, refused};
use super::pool::{Node, Pool};
use crate::body::OCTETS;
use crate::chain::Chain;
use crate::error::{Code, Error};
use crate::limits::{ANSWER_BYTES_MAX, COMPARTMENTS_PER_CALL_MAX};
use crate::tls::Identity;
use crate::vault::VaultError;
use axum::body::Body;
use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use commonware_codec::{Encode, Read};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use salus_types::organisation::Organisation;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Destroyed, EmergencyAsk, EmergencyFind, EmergencyFound, EmergencyNotice,
    EmergencyParcel, EmergencyRelease, ErasureNotice, LocationAnswer, LocationAsk, LocationBlinded,
    LocationEvaluated, PatientLink, Release, ReleaseAsk, ReleaseForGrant, SealedEnvelope, SourceRequest,
    VersionList,
};
use salus_types::{Bounded, ErasureId, OrganisationId, decode_canonical};
use serde::Deserialize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest wait for the head of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the head of an answer to a batch.
const CUSTODY_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest wait for the head of a status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the rest of an answer.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);
/// Largest refusal that is read.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Why another node does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It is no member of the network, or this node calls no other.
    #[error("organisation `{0}` cannot be reached from here")]
    Unknown(OrganisationId),
    /// No connection, or it broke off.
    #[error("the other organisation's node is away")]
    Away,
    /// No answer in time.
    #[error("the other organisation's node took too long")]
    Timeout,
    /// It refuses.
    #[error("the other organisation's node refuses: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its code.
        code: String,
        /// Its reason in plain words.
        message: String,
    },
    /// The answer does not decode.
    #[error("the other organisation's node gave a malformed answer")]
    Malformed,
    /// The answer exceeds its limit.
    #[error("the answer of the other organisation's node is too large")]
    TooLarge,
}

/// What a node passes on for a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// A signed request.
    Patient,
    /// A sealed enrolment.
    Enrol,
    /// A sealed letter or notice.
    Mailbox,
    /// A sealed letter about the patient's rights.
    Case,
    /// A sealed letter about a recovery.
    Recovery,
    /// A signed request of who acts for a patient.
    Proxy,
    /// A sealed letter of a parent with a code of the desk.
    Guardian,
    /// The ciphertext of a link that a letter announced.
    Deposit,
}

impl Relayed {
    fn path(self) -> &'static str {
        match self {
            Self::Patient => "/peer/patient",
            Self::Enrol => "/peer/enrol",
            Self::Mailbox => "/peer/mailbox",
            Self::Case => "/peer/case",
            Self::Recovery => "/peer/recovery",
            Self::Proxy => "/peer/proxy",
            Self::Guardian => "/peer/guardian",
            Self::Deposit => "/peer/deposit",
        }
    }
}

/// A request, and to whom.
type Call = (Arc<Node>, Request<Body>);

struct Inner {
    own: OrganisationId,
    /// `None`: this node calls no other.
    pool: Option<Pool>,
    local: OnceLock<Arc<dyn Keeper>>,
}

/// Other organisations' nodes; cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

impl Peers {
    /// Calls every other member of the network, whoever is one at that moment. Nothing connects yet.
    ///
    /// # Errors
    /// If the certificate and its key do not fit.
    pub fn new(
        chain: Arc<dyn Chain>,
        own: &OrganisationId,
        identity: &Identity,
    ) -> Result<Self, rustls::Error> {
        let pool = Some(Pool::new(chain, identity)?);
        Ok(Self(Arc::new(Inner { own: own.clone(), pool, local: OnceLock::new() })))
    }

    /// For a node that calls no other.
    pub fn alone(own: &OrganisationId) -> Self {
        Self(Arc::new(Inner { own: own.clone(), pool: None, local: OnceLock::new() }))
    }

    /// Names the own vault, to which calls to the own organisation go. The first call counts.
    pub fn set_local(&self, keeper: Arc<dyn Keeper>) {
        let _ = self.0.local.set(keeper);
    }

    fn local(&self, to: &OrganisationId) -> Option<&Arc<dyn Keeper>> {
        (*to == self.0.own).then(|| self.0.local.get()).flatten()
    }

    /// Hands a batch to a custodian; returns once it is durable there.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn custody(&self, to: &OrganisationId, batch: &CustodyBatch) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.custody(&self.0.own, batch.clone()).await?);
        }
        self.send(to, "/peer/custody", batch, CUSTODY_TIMEOUT).await
    }

    /// Tells a custodian that a batch is anchored.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn anchored(&self, to: &OrganisationId, sequence: u64, height: u64) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.anchored(&self.0.own, sequence, height).await?);
        }
        let body = format!("{{\"sequence\":{sequence},\"height\":{height}}}");
        let call = self.call(to, Method::POST, "/peer/anchored", "application/json", body.into())?;
        whole(to, call, ANSWER_TIMEOUT).await.map(|_| ())
    }

    /// Hands compartment records to a custodian, at most [`COMPARTMENTS_PER_CALL_MAX`].
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn compartments(
        &self,
        to: &OrganisationId,
        records: &[CompartmentRecord],
    ) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.compartments(&self.0.own, records.to_vec()).await?);
        }
        let records = Bounded::<_, COMPARTMENTS_PER_CALL_MAX>::new(records.to_vec())
            .map_err(|_| PeerError::TooLarge)?;
        self.send(to, "/peer/compartments", &records, ANSWER_TIMEOUT).await
    }

    /// Hands a patient's link to a custodian.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn link(&self, to: &OrganisationId, link: &PatientLink) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.link(&self.0.own, link.clone()).await?);
        }
        self.send(to, "/peer/links", link, ANSWER_TIMEOUT).await
    }

    /// Asks a custodian which versions a grant reaches.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn versions(&self, to: &OrganisationId, ask: &ReleaseAsk) -> Result<VersionList, PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.versions(&self.0.own, ask.clone()).await?);
        }
        self.ask(to, "/peer/versions", ask).await
    }

    /// Asks a custodian for a release.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn release(&self, to: &OrganisationId, ask: &ReleaseForGrant) -> Result<Release, PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.release(&self.0.own, ask.clone()).await?);
        }
        self.ask(to, "/peer/release", ask).await
    }

    /// Asks a custodian, or one that was, for what this source sealed.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn give_back(&self, to: &Organisation, request: &SourceRequest) -> Result<Release, PeerError> {
        if let Some(local) = self.local(&to.id) {
            return Ok(local.give_back(&self.0.own, request.clone()).await?);
        }
        self.ask_former(to, "/peer/give-back", request).await
    }

    /// Tells a custodian, or one that was, to destroy what newer shares of this source replace.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn destroy(&self, to: &Organisation, request: &SourceRequest) -> Result<Destroyed, PeerError> {
        if let Some(local) = self.local(&to.id) {
            return Ok(local.destroy(&self.0.own, request.clone()).await?);
        }
        self.ask_former(to, "/peer/destroy", request).await
    }

    /// Hands an emergency summary to a holder, or has it destroy one.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn emergency(&self, to: &OrganisationId, parcel: &EmergencyParcel) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.emergency(&self.0.own, parcel.clone()).await?);
        }
        self.send(to, "/peer/emergency", parcel, ANSWER_TIMEOUT).await
    }

    /// Asks a holder for its share of an emergency key.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn release_emergency(
        &self,
        to: &OrganisationId,
        ask: &EmergencyAsk,
    ) -> Result<EmergencyRelease, PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.release_emergency(&self.0.own, ask.clone()).await?);
        }
        self.ask(to, "/peer/emergency/release", ask).await
    }

    /// Tells a source that its emergency summary was opened.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn tell_emergency(
        &self,
        to: &OrganisationId,
        notice: &EmergencyNotice,
    ) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.emergency_told(notice.clone()).await?);
        }
        self.send(to, "/peer/emergency/opened", notice, ANSWER_TIMEOUT).await
    }

    /// Asks another organisation whether exactly one of its patients is this person.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn find_emergency(
        &self,
        to: &OrganisationId,
        person: &EmergencyFind,
    ) -> Result<Option<EmergencyFound>, PeerError> {
        let found: Bounded<EmergencyFound, 1> = self.ask(to, "/peer/emergency/find", person).await?;
        Ok(found.into_inner().pop())
    }

    /// Has the helper of an index evaluate elements.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn evaluate_location(
        &self,
        to: &OrganisationId,
        blinded: &LocationBlinded,
    ) -> Result<LocationEvaluated, PeerError> {
        self.ask(to, "/peer/location/evaluate", blinded).await
    }

    /// Asks another organisation whether it keeps records of somebody.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn ask_location(
        &self,
        to: &OrganisationId,
        ask: &LocationAsk,
    ) -> Result<LocationAnswer, PeerError> {
        self.ask(to, "/peer/location", ask).await
    }

    /// Asks a member for the notice that opens an order to erase.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn erasure_notice(
        &self,
        to: &OrganisationId,
        erasure: ErasureId,
    ) -> Result<ErasureNotice, PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.erasure_notice(erasure).await?);
        }
        self.ask(to, "/peer/erasure", &erasure).await
    }

    /// Hands keys of new epochs to a grantee.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn keys(&self, to: &OrganisationId, envelope: &SealedEnvelope) -> Result<(), PeerError> {
        if let Some(local) = self.local(to) {
            return Ok(local.keys(&self.0.own, envelope.clone()).await?);
        }
        self.send(to, "/peer/keys", envelope, ANSWER_TIMEOUT).await
    }

    /// The numbers of another node.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn status(&self, to: &OrganisationId) -> Result<NodeStatus, PeerError> {
        status_of(to, self.pool(to)?.node(to)?).await
    }

    /// Passes a patient's body on as it is; the answer streams back as it comes, refusals included.
    ///
    /// # Errors
    /// [`PeerError`] where there is no answer.
    pub async fn forward(
        &self,
        to: &OrganisationId,
        what: Relayed,
        body: Bytes,
    ) -> Result<axum::http::Response<Incoming>, PeerError> {
        let call = self.call(to, Method::POST, what.path(), OCTETS, body)?;
        head(to, call, ANSWER_TIMEOUT).await
    }

    async fn send(
        &self,
        to: &OrganisationId,
        path: &'static str,
        body: &impl Encode,
        limit: Duration,
    ) -> Result<(), PeerError> {
        let call = self.call(to, Method::POST, path, OCTETS, body.encode())?;
        whole(to, call, limit).await.map(|_| ())
    }

    async fn ask<T: Read<Cfg = ()> + Encode>(
        &self,
        to: &OrganisationId,
        path: &'static str,
        body: &impl Encode,
    ) -> Result<T, PeerError> {
        let call = self.call(to, Method::POST, path, OCTETS, body.encode())?;
        answered(to, call).await
    }

    /// Asks an organisation as it was when this node last knew it: it may have left the network since.
    async fn ask_former<T: Read<Cfg = ()> + Encode>(
        &self,
        to: &Organisation,
        path: &'static str,
        body: &impl Encode,
    ) -> Result<T, PeerError> {
        let node = self.pool(&to.id)?.node_as_known(to)?;
        answered(&to.id, request(&to.id, node, Method::POST, path, OCTETS, body.encode())?).await
    }

    fn pool(&self, to: &OrganisationId) -> Result<&Pool, PeerError> {
        if *to == self.0.own {
            // The own vault is not open yet.
            return Err(PeerError::Away);
        }
        self.0.pool.as_ref().ok_or_else(|| PeerError::Unknown(to.clone()))
    }

    fn call(
        &self,
        to: &OrganisationId,
        method: Method,
        path: &'static str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Call, PeerError> {
        request(to, self.pool(to)?.node(to)?, method, path, content_type, body)
    }
}

fn request(
    to: &OrganisationId,
    node: Arc<Node>,
    method: Method,
    path: &'static str,
    content_type: &'static str,
    body: Bytes,
) -> Result<Call, PeerError> {
    let uri = Uri::builder()
        .scheme(Scheme::HTTPS)
        .authority(node.authority.clone())
        .path_and_query(PathAndQuery::from_static(path))
        .build();
    let uri = uri.map_err(|_| PeerError::Unknown(to.clone()))?;
    let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content_type);
    let request = request.body(Body::from(body)).map_err(|_| PeerError::Unknown(to.clone()))?;
    Ok((node, request))
}

/// The numbers of a node.
pub(super) async fn status_of(to: &OrganisationId, node: Arc<Node>) -> Result<NodeStatus, PeerError> {
    let call = request(to, node, Method::GET, "/peer/status", OCTETS, Bytes::new())?;
    let body = whole(to, call, STATUS_TIMEOUT).await?;
    serde_json::from_slice(&body).map_err(|_| PeerError::Malformed)
}

async fn answered<T: Read<Cfg = ()> + Encode>(to: &OrganisationId, call: Call) -> Result<T, PeerError> {
    let body = whole(to, call, ANSWER_TIMEOUT).await?;
    decode_canonical(&body).map_err(|_| PeerError::Malformed)
}

async fn head(
    to: &OrganisationId,
    (node, request): Call,
    limit: Duration,
) -> Result<axum::http::Response<Incoming>, PeerError> {
    match tokio::time::timeout(limit, node.client.request(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            tracing::warn!(organisation = %to, connect = error.is_connect(), "another node does not answer");
            Err(PeerError::Away)
        }
        Err(_) => Err(PeerError::Timeout),
    }
}

async fn whole(to: &OrganisationId, call: Call, limit: Duration) -> Result<Bytes, PeerError> {
    let response = head(to, call, limit).await?;
    let status = response.status();
    if status.is_success() {
        return read(response.into_body(), ANSWER_BYTES_MAX).await;
    }
    let body = read(response.into_body(), REFUSAL_BYTES_MAX).await.unwrap_or_default();
    Err(refusal(status, &body))
}

async fn read(body: Incoming, bytes_max: usize) -> Result<Bytes, PeerError> {
    let whole = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect());
    match whole.await.map_err(|_| PeerError::Timeout)? {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(PeerError::TooLarge),
        Err(_) => Err(PeerError::Away),
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    message: String,
}

fn refusal(status: StatusCode, body: &[u8]) -> PeerError {
    if status == StatusCode::REQUEST_TIMEOUT {
        // The line was slow, not the request wrong.
        return PeerError::Timeout;
    }
    let Refusal { error: code, message } = serde_json::from_slice(body)
        .unwrap_or_else(|_| Refusal { error: "upstream".into(), message: "no reason is given".into() });
    PeerError::Refused { status: status.as_u16(), code, message }
}

impl From<VaultError> for PeerError {
    fn from(error: VaultError) -> Self {
        let error = refused(error);
        let (status, code, _) = error.code().row();
        Self::Refused { status: status.as_u16(), code: code.into(), message: error.message().to_owned() }
    }
}

impl From<PeerError> for Error {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::Unknown(_) => {
                Self::new(Code::NotFound, "there is no such organisation, or no way to it")
            }
            PeerError::Away => {
                Self::new(Code::Away, "the other organisation cannot be reached for the moment")
                    .retry_after(5)
            }
            PeerError::Timeout => Self::new(Code::Timeout, "the other organisation took too long to answer"),
            PeerError::Refused { status: 503, message, .. } => Self::new(Code::Away, message).retry_after(5),
            PeerError::Refused { message, .. } => Self::new(Code::Forbidden, message),
            PeerError::Malformed | PeerError::TooLarge => {
                Self::new(Code::Upstream, "the other organisation's answer is not usable")
            }
        }
    }
}
