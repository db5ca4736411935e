//! One HTTP/1.1 connection, over TCP, TLS or a Unix socket: the same client on both sides of a comparison.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// An open connection, and the header by which every request says who asks.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: (HeaderName, HeaderValue),
}

impl Connection {
    /// To `http://host:port`.
    pub(super) async fn tcp(base: &str, authority: (HeaderName, HeaderValue)) -> anyhow::Result<Self> {
        Self::over(TokioIo::new(connect(base).await?), authority).await
    }

    /// To `https://localhost:port`.
    pub(super) async fn tls(
        base: &str,
        config: Arc<rustls::ClientConfig>,
        authority: (HeaderName, HeaderValue),
    ) -> anyhow::Result<Self> {
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(config).connect(name, connect(base).await?).await?;
        Self::over(TokioIo::new(stream), authority).await
    }

    pub(super) async fn unix(socket: &Path, authority: (HeaderName, HeaderValue)) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).await.context("the engine does not answer")?;
        Self::over(TokioIo::new(stream), authority).await
    }

    async fn over<S>(stream: TokioIo<S>, authority: (HeaderName, HeaderValue)) -> anyhow::Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self { sender, authority })
    }

    /// Sends and reads the whole answer, which must be a success.
    pub(super) async fn send(&mut self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        Ok(self.exchange(method, path, &[], body).await?.1)
    }

    /// The same with more headers, and those of the answer.
    pub(super) async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<(Parts, Bytes)> {
        let (name, value) = self.authority.clone();
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/fhir+json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header(name, value).body(Full::new(body))?;
        self.sender.ready().await.context("the connection was closed")?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        anyhow::ensure!(parts.status.is_success(), "status {} for `{path}`", parts.status);
        Ok((parts, body))
    }
}

async fn connect(base: &str) -> anyhow::Result<TcpStream> {
    let host = base.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// `authorization: Bearer`.
pub(super) fn bearer(token: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    Ok((hyper::header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?))
}
