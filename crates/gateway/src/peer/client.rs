//! The client for other organisations' nodes: one pool of connections for each, every call with a time limit.
//!
//! A call to the own organisation goes to its own vault, without a connection.

use super::connect::Connector;
use super::keeper::{Keeper, NodeStatus, refused};
use super::{ANSWER_BYTES_MAX, COMPARTMENTS_PER_CALL_MAX};
use crate::body::OCTETS;
use crate::error::{Code, Error};
use crate::tls::{Identity, Pins, peer_client};
use crate::vault::VaultError;
use axum::body::Body;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use commonware_codec::{Encode, Read};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use salus_types::genesis::Genesis;
use salus_types::organisation::Organisation;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, PatientLink, Release, ReleaseAsk, ReleaseForGrant, SealedEnvelope,
    VersionList,
};
use salus_types::{Bounded, OrganisationId, decode_canonical};
use serde::Deserialize;
use std::collections::BTreeMap;
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
/// Connections to one node kept open without use.
const IDLE_CONNECTIONS_MAX: usize = 16;
/// Largest refusal that is read.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Why another node does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The genesis does not name it, or this node has no certificate of its own.
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
}

impl Relayed {
    fn path(self) -> &'static str {
        match self {
            Self::Patient => "/peer/patient",
            Self::Enrol => "/peer/enrol",
            Self::Mailbox => "/peer/mailbox",
        }
    }
}

struct Node {
    client: Client<Connector, Body>,
    authority: Authority,
}

struct Inner {
    own: OrganisationId,
    nodes: BTreeMap<OrganisationId, Node>,
    local: OnceLock<Arc<dyn Keeper>>,
}

/// Other organisations' nodes; cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

impl Peers {
    /// Clients for every other member. Nothing connects yet.
    ///
    /// # Errors
    /// If the certificate and its key do not fit.
    pub fn new(genesis: &Genesis, own: &OrganisationId, identity: &Identity) -> Result<Self, rustls::Error> {
        let mut nodes = BTreeMap::new();
        for member in genesis.organisations.iter().filter(|member| member.id != *own) {
            if let Some(node) = node(member, identity)? {
                nodes.insert(member.id.clone(), node);
            }
        }
        Ok(Self(Arc::new(Inner { own: own.clone(), nodes, local: OnceLock::new() })))
    }

    /// For a node that calls no other.
    pub fn alone(own: &OrganisationId) -> Self {
        Self(Arc::new(Inner { own: own.clone(), nodes: BTreeMap::new(), local: OnceLock::new() }))
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
        let request = self.request(to, Method::POST, "/peer/anchored", "application/json", body.into())?;
        self.whole(to, request, ANSWER_TIMEOUT).await.map(|_| ())
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
        let request = self.request(to, Method::GET, "/peer/status", OCTETS, Bytes::new())?;
        let body = self.whole(to, request, STATUS_TIMEOUT).await?;
        serde_json::from_slice(&body).map_err(|_| PeerError::Malformed)
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
        let request = self.request(to, Method::POST, what.path(), OCTETS, body)?;
        self.head(to, request, ANSWER_TIMEOUT).await
    }

    async fn send(
        &self,
        to: &OrganisationId,
        path: &'static str,
        body: &impl Encode,
        limit: Duration,
    ) -> Result<(), PeerError> {
        let request = self.request(to, Method::POST, path, OCTETS, body.encode())?;
        self.whole(to, request, limit).await.map(|_| ())
    }

    async fn ask<T: Read<Cfg = ()> + Encode>(
        &self,
        to: &OrganisationId,
        path: &'static str,
        body: &impl Encode,
    ) -> Result<T, PeerError> {
        let request = self.request(to, Method::POST, path, OCTETS, body.encode())?;
        let body = self.whole(to, request, ANSWER_TIMEOUT).await?;
        decode_canonical(&body).map_err(|_| PeerError::Malformed)
    }

    fn node(&self, to: &OrganisationId) -> Result<&Node, PeerError> {
        if *to == self.0.own {
            // The own vault is not open yet.
            return Err(PeerError::Away);
        }
        self.0.nodes.get(to).ok_or_else(|| PeerError::Unknown(to.clone()))
    }

    fn request(
        &self,
        to: &OrganisationId,
        method: Method,
        path: &'static str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Request<Body>, PeerError> {
        let uri = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(self.node(to)?.authority.clone())
            .path_and_query(PathAndQuery::from_static(path))
            .build();
        let uri = uri.map_err(|_| PeerError::Unknown(to.clone()))?;
        let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content_type);
        request.body(Body::from(body)).map_err(|_| PeerError::Unknown(to.clone()))
    }

    async fn head(
        &self,
        to: &OrganisationId,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<axum::http::Response<Incoming>, PeerError> {
        let answer = self.node(to)?.client.request(request);
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                tracing::warn!(organisation = %to, connect = error.is_connect(), "another node does not answer");
                Err(PeerError::Away)
            }
            Err(_) => Err(PeerError::Timeout),
        }
    }

    async fn whole(
        &self,
        to: &OrganisationId,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<Bytes, PeerError> {
        let response = self.head(to, request, limit).await?;
        let status = response.status();
        if status.is_success() {
            return read(response.into_body(), ANSWER_BYTES_MAX).await;
        }
        let body = read(response.into_body(), REFUSAL_BYTES_MAX).await.unwrap_or_default();
        Err(refusal(status, &body))
    }
}

fn node(member: &Organisation, identity: &Identity) -> Result<Option<Node>, rustls::Error> {
    let uri: Option<Uri> = member.peer_url.as_str().parse().ok();
    let Some(authority) = uri.and_then(|uri| uri.authority().cloned()) else { return Ok(None) };
    let pins = Arc::new(Pins::only(member.id.clone(), member.tls_certificate));
    let Some(connector) = Connector::new(&member.id, peer_client(pins, identity.clone())?) else {
        return Ok(None);
    };
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).pool_timer(TokioTimer::new());
    Ok(Some(Node { client: builder.build(connector), authority }))
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
