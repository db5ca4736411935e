//! The two listeners, and what every request passes on its way in and out.

mod door;

use crate::edge;
use crate::error::{Code, Error};
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, Limits, STREAMS_MAX};
use crate::state::{Config, Gateway};
use crate::tls::Pins;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use door::{Door, Inside, Prompt};
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
    let config = &gateway.config;
    let router = counted(edge::wrap(crate::public_router(gateway.clone()), config), gateway);
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let door = Door::new(&config.limits, config.callers());
    match tls {
        Some(tls) => {
            let acceptor = prompt(over_tls(tls, door, config), config);
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            limit_heads(server.http_builder(), &config.limits);
            server.serve(service).await
        }
        None => {
            let acceptor = prompt(door, config);
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            limit_heads(server.http_builder(), &config.limits);
            server.serve(service).await
        }
    }
}

fn prompt<A>(inner: A, config: &Config) -> Prompt<A> {
    let Limits { header_timeout, write_timeout, .. } = config.limits;
    Prompt { inner, header_timeout, write_timeout }
}

fn over_tls(tls: Arc<ServerConfig>, door: Door, config: &Config) -> RustlsAcceptor<Door> {
    let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls));
    acceptor.handshake_timeout(config.limits.handshake_timeout).acceptor(door)
}

async fn listen_peer(
    gateway: &Gateway,
    peer: Option<(TcpListener, Arc<ServerConfig>)>,
    handle: Handle<std::net::SocketAddr>,
) -> io::Result<()> {
    let Some((listener, tls)) = peer else { return Ok(()) };
    listener.set_nonblocking(true)?;
    let pins = Arc::new(Pins::of(gateway.ports.chain.clone()));
    let config = &gateway.config;
    let door = Door::new(&config.limits, config.callers());
    let acceptor = prompt(PeerAcceptor { tls: over_tls(tls, door, config) }, config);
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
    limit_heads(server.http_builder(), &config.limits);
    let router: Router =
        crate::peer_router(gateway.clone()).layer(middleware::from_fn_with_state(pins, identify));
    server.serve(counted(edge::wrap(router, config), gateway).into_make_service()).await
}

/// Counts every request and its time.
fn counted(router: Router, gateway: &Gateway) -> Router {
    router.layer(middleware::from_fn_with_state(gateway.clone(), crate::metrics::count))
}

fn limit_heads(
    builder: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>,
    limits: &Limits,
) {
    let timeout = limits.header_timeout;
    let mut one = builder.http1();
    one.timer(TokioTimer::new()).header_read_timeout(timeout);
    one.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let mut two = builder.http2();
    two.timer(TokioTimer::new()).keep_alive_interval(Some(timeout)).keep_alive_timeout(timeout);
    two.max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEAD_BYTES_MAX as u32);
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
    tls: RustlsAcceptor<Door>,
}

type Accepted<S> = io::Result<(TlsStream<Inside>, axum::middleware::AddExtension<S, Shown>)>;

impl<S: Send + 'static> Accept<TcpStream, S> for PeerAcceptor {
    type Stream = TlsStream<Inside>;
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
