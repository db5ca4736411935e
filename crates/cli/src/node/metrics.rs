//! `GET /metrics` for a Prometheus on the same machine: plain HTTP, on a loopback address only. One elsewhere asks the
//! peer listener, with the node's own certificate.

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use salus_gateway::Gateway;
use salus_gateway::metrics::CONTENT_TYPE;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};

/// Listens on the address in `node.json`.
pub(super) fn bind(address: &str) -> anyhow::Result<TcpListener> {
    let parsed: SocketAddr = address.parse().context("`metrics` in `node.json` is no address")?;
    ensure!(parsed.ip().is_loopback(), "`metrics` in `node.json` must be a loopback address: it has no TLS");
    let listener = TcpListener::bind(parsed).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `shutdown` resolves; at once done where there is no listener.
pub(super) async fn serve(
    gateway: Gateway,
    listener: Option<TcpListener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    let answer = move || {
        let gateway = gateway.clone();
        async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], gateway.metrics().await) }
    };
    let router = Router::new().route("/metrics", get(answer));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await?;
    Ok(())
}
