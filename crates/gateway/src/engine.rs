//! Client of the clinical engine: HTTP/1.1 with keep-alive over a Unix socket, or a URL.
//!
//! The gateway decides who may see what and says so in `x-salus-principal`; the engine makes it true
//! (`clinical/README.md`). Starting and watching the engine's process is the cli's business.

#[cfg(test)]
pub(crate) mod fake;
mod internal;
mod lanes;
mod principal;
mod readers;

pub use internal::{EngineStatus, OutboxRow, ShareSet, ShareSummary};
pub use principal::{EnginePrincipal, Mode, PRINCIPAL_HEADER, Reach};
pub use readers::OutboxReaders;

use axum::body::Body;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderValue, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lanes::{Broken, Lanes};
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for the head of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for an import or a purge of a share set.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest wait for news of the outbox: the engine answers after 10 s at the latest.
const NEWS_TIMEOUT: Duration = Duration::from_secs(20);
/// Connections kept open without use.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// Largest answer that is read into memory.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAddress {
    /// A Unix socket.
    Socket(PathBuf),
    /// `host:port`, plain HTTP: for a protected network only.
    Tcp(String),
    /// This organisation keeps no clinical records.
    None,
}

/// Why the engine does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No connection.
    #[error("the clinical engine is away")]
    Away,
    /// No answer in time.
    #[error("the clinical engine took too long")]
    Timeout,
    /// This organisation has no engine.
    #[error("this organisation has no clinical engine")]
    None,
    /// An internal request was refused: a fault on one of both sides.
    #[error("the clinical engine refused an internal request with status {status}")]
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// The answer does not parse.
    #[error("the clinical engine gave a malformed answer")]
    Malformed,
    /// The answer exceeds the limit.
    #[error("the answer of the clinical engine is too large")]
    TooLarge,
}

#[derive(Clone)]
enum Transport {
    Socket(Lanes),
    Tcp(Box<Client<HttpConnector, Body>>, Authority),
    None,
}

/// The client; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    transport: Transport,
    answer_timeout: Duration,
}

impl Engine {
    /// A client for an address. Nothing connects yet.
    ///
    /// # Errors
    /// [`EngineError::Malformed`] if the address is no `host:port`.
    pub fn new(address: EngineAddress) -> Result<Self, EngineError> {
        let transport = match address {
            EngineAddress::Socket(path) => Transport::Socket(Lanes::new(path)),
            EngineAddress::Tcp(authority) => {
                let mut builder = Client::builder(TokioExecutor::new());
                builder.pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).pool_timer(TokioTimer::new());
                let authority = authority.parse().map_err(|_| EngineError::Malformed)?;
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                Transport::Tcp(Box::new(builder.build(connector)), authority)
            }
            EngineAddress::None => Transport::None,
        };
        Ok(Self { transport, answer_timeout: ANSWER_TIMEOUT })
    }

    /// The same client with another longest wait for the head of an answer to a client's request.
    #[must_use]
    pub fn answering_within(mut self, limit: Duration) -> Self {
        self.answer_timeout = limit;
        self
    }

    /// Whether this organisation has an engine at all.
    pub fn is_configured(&self) -> bool {
        !matches!(self.transport, Transport::None)
    }

    /// Sends a request whose URI is a path and query; bodies stream both ways.
    ///
    /// # Errors
    /// [`EngineError`] if there is no answer.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, EngineError> {
        self.send_within(request, self.answer_timeout).await
    }

    async fn send_within(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<Response<Body>, EngineError> {
        match tokio::time::timeout(limit, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(EngineError::Timeout),
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Body>, EngineError> {
        match &self.transport {
            Transport::Socket(lanes) => lanes
                .send(at_socket(request))
                .await
                .map_err(|error| away(matches!(error, Broken::Connect(_)))),
            Transport::Tcp(client, authority) => {
                let (mut parts, body) = request.into_parts();
                let path = parts.uri.path_and_query().cloned();
                let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
                parts.uri = absolute(authority.clone(), path)?;
                let answer = client.request(Request::from_parts(parts, body)).await;
                answer.map(|answer| answer.map(Body::new)).map_err(|error| away(error.is_connect()))
            }
            Transport::None => Err(EngineError::None),
        }
    }
}

fn away(connect: bool) -> EngineError {
    tracing::warn!(connect, "the clinical engine does not answer");
    EngineError::Away
}

/// A request names its host (RFC 9112, 3.2), also where there is but one.
fn at_socket(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("engine"));
    request
}

/// Reads a whole answer.
///
/// # Errors
/// [`EngineError::TooLarge`] beyond 256 MiB, [`EngineError::Away`] if it breaks off.
pub async fn read_whole(body: Body) -> Result<Bytes, EngineError> {
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(EngineError::TooLarge),
        Err(_) => Err(EngineError::Away),
    }
}

fn absolute(authority: Authority, path: PathAndQuery) -> Result<Uri, EngineError> {
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|_| EngineError::Malformed)
}
