//! Connects one HTTP client to one other node: TCP, then TLS with both certificates pinned.

use axum::http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use salus_types::OrganisationId;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest wait for TCP and for TLS, each.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to the address of one organisation's node.
#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl Connector {
    /// For a node whose certificate `tls` pins. The name goes into the handshake for people who look at it.
    pub(super) fn new(organisation: &OrganisationId, tls: ClientConfig) -> Option<Self> {
        let name = ServerName::try_from(organisation.as_str().to_owned()).ok()?;
        Some(Self { tls: TlsConnector::from(Arc::new(tls)), name })
    }

    async fn connect(self, host: String, port: u16) -> io::Result<Link> {
        let tcp = within(TcpStream::connect((host, port))).await?;
        tcp.set_nodelay(true)?;
        let tls = within(self.tls.connect(self.name, tcp)).await?;
        Ok(Link(TokioIo::new(tls)))
    }
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(CONNECT_TIMEOUT, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl tower::Service<Uri> for Connector {
    type Response = Link;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Link>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        let host = uri.host().map(|host| host.trim_matches(['[', ']']).to_owned());
        Box::pin(async move {
            let host = host.ok_or(io::ErrorKind::InvalidInput)?;
            connector.connect(host, uri.port_u16().unwrap_or(443)).await
        })
    }
}

/// A connection to another node.
pub(super) struct Link(TokioIo<TlsStream<TcpStream>>);

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
