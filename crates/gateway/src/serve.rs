//! The two listeners, and what every request passes on its way in and out.

use crate::edge;
use crate::error::{Code, Error};
use crate::state::Gateway;
use crate::tls::Pins;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum_server::Handle;
use axum_server::accept::{Accept, NoDelayAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use rustls::ServerConfig;
use salus_crypto::hash::sha256;
use salus_types::{Digest, OrganisationId};
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tower::Layer as _;

/// How long requests under way may take to finish when the node stops.
const GRACE: Duration = Duration::from_secs(5);

/// Who is on the other end of a peer connection; an extension of every request of the peer listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity(pub OrganisationId);

/// Bound sockets and their TLS.
pub struct Listeners {
    /// Public routes.
    pub public: TcpListener,
    /// `None`: plain HTTP, which `Config::demo_http` must allow.
    pub public_tls: Option<Arc<ServerConfig>>,
    /// Peer routes, see [`crate::tls::peer_server`]. `None`: this node answers no other node.
    pub peer: Option<(TcpListener, Arc<ServerConfig>)>,
}

/// Why serving ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain HTTP is for the demo on this machine.
    #[error("the public address has no TLS: plain HTTP is for a demo on `localhost` only")]
    PlainHttp,
    /// A listener failed.
    #[error("a listener failed: {0}")]
    Listener(#[from] io::Error),
}

/// Serves until `shutdown` resolves, then lets requests under way finish, stops the background tasks, and
/// makes the access log durable.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    gateway: Gateway,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let local = listeners.public.local_addr()?.ip().is_loopback();
    if listeners.public_tls.is_none() && !(gateway.config.demo_http && local) {
        return Err(ServeError::PlainHttp);
    }
    let handle = Handle::new();
    let tasks = crate::tasks::start(&gateway);
    tokio::spawn(stop_on(shutdown, gateway.clone(), handle.clone()));
    let public = listen_public(&gateway, listeners.public, listeners.public_tls, handle.clone());
    let peer = listen_peer(&gateway, listeners.peer, handle);
    let ended = tokio::try_join!(public, peer);
    gateway.stop();
    tasks.join_all().await;
    gateway.log.flush().await;
    ended.map(|_| ()).map_err(ServeError::from)
}

async fn stop_on(shutdown: impl Future<Output = ()>, gateway: Gateway, handle: Handle<std::net::SocketAddr>) {
    shutdown.await;
    gateway.stop();
    handle.graceful_shutdown(Some(GRACE));
}

async fn listen_public(
    gateway: &Gateway,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    handle: Handle<std::net::SocketAddr>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let router = counted(edge::wrap(crate::public_router(gateway.clone()), &gateway.config), gateway);
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let header_timeout = gateway.config.limits.header_timeout;
    match tls {
        Some(tls) => {
            let acceptor =
                RustlsAcceptor::new(RustlsConfig::from_config(tls)).acceptor(NoDelayAcceptor::new());
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            limit_headers(server.http_builder(), header_timeout);
            server.serve(service).await
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new()).handle(handle);
            limit_headers(server.http_builder(), header_timeout);
            server.serve(service).await
        }
    }
}

async fn listen_peer(
    gateway: &Gateway,
    peer: Option<(TcpListener, Arc<ServerConfig>)>,
    handle: Handle<std::net::SocketAddr>,
) -> io::Result<()> {
    let Some((listener, tls)) = peer else { return Ok(()) };
    listener.set_nonblocking(true)?;
    let pins = Arc::new(Pins::of(gateway.ports.chain.clone()));
    let acceptor = PeerAcceptor {
        tls: RustlsAcceptor::new(RustlsConfig::from_config(tls)).acceptor(NoDelayAcceptor::new()),
    };
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
    limit_headers(server.http_builder(), gateway.config.limits.header_timeout);
    let router: Router =
        crate::peer_router(gateway.clone()).layer(middleware::from_fn_with_state(pins, identify));
    server.serve(counted(edge::wrap(router, &gateway.config), gateway).into_make_service()).await
}

/// Counts every request and its time.
fn counted(router: Router, gateway: &Gateway) -> Router {
    router.layer(middleware::from_fn_with_state(gateway.clone(), crate::metrics::count))
}

fn limit_headers(
    builder: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>,
    timeout: Duration,
) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(timeout)).max_concurrent_streams(128);
}

/// The SHA-256 of the certificate that was shown in the handshake.
#[derive(Clone, Copy)]
struct Shown(Digest);

/// Says in every request which member's certificate was shown. Who has left the network since the handshake is refused,
/// and so is one that resumed a session from before.
async fn identify(State(pins): State<Arc<Pins>>, mut request: Request, next: Next) -> Response {
    let shown = request.extensions().get::<Shown>();
    let Some(owner) = shown.and_then(|Shown(certificate)| pins.owner_of(certificate)) else {
        return Error::new(Code::Forbidden, "this certificate belongs to no member of the network")
            .into_response();
    };
    request.extensions_mut().insert(PeerIdentity(owner));
    next.run(request).await
}

/// Shakes hands, and notes in every request which certificate was shown.
#[derive(Clone)]
struct PeerAcceptor {
    tls: RustlsAcceptor<NoDelayAcceptor>,
}

type Accepted<S> = io::Result<(TlsStream<TcpStream>, axum::middleware::AddExtension<S, Shown>)>;

impl<S: Send + 'static> Accept<TcpStream, S> for PeerAcceptor {
    type Stream = TlsStream<TcpStream>;
    type Service = axum::middleware::AddExtension<S, Shown>;
    type Future = Pin<Box<dyn Future<Output = Accepted<S>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let handshake = self.tls.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = handshake.await?;
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let shown = shown.ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
            let shown = Shown(sha256(shown));
            Ok((stream, Extension(shown).layer(service)))
        })
    }
}
