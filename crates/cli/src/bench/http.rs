//! One HTTP/1.1 connection, over TCP or a Unix socket: the same client on both sides of a comparison.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::path::Path;
use tokio::net::{TcpStream, UnixStream};

/// An open connection, and the header by which every request says who asks.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: (HeaderName, HeaderValue),
}

impl Connection {
    /// To `http://host:port`.
    pub(super) async fn tcp(base: &str, authority: (HeaderName, HeaderValue)) -> anyhow::Result<Self> {
        let host = base.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, authority })
    }

    pub(super) async fn unix(socket: &Path, authority: (HeaderName, HeaderValue)) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).await.context("the engine does not answer")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, authority })
    }

    /// Sends and reads the whole answer, which must be a success.
    pub(super) async fn send(&mut self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        let (name, value) = self.authority.clone();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/fhir+json")
            .header(name, value)
            .body(Full::new(body))?;
        self.sender.ready().await.context("the connection was closed")?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "status {status} for `{path}`");
        Ok(body)
    }
}

/// `authorization: Bearer`.
pub(super) fn bearer(token: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    Ok((hyper::header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?))
}
