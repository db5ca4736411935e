//! MLLP over TCP: one message at a time on a connection, each answered before the next is read.

use super::take::{Ended, Format, take};
use super::{FeedConfig, MllpFeed};
use crate::state::Gateway;
use salus_feeds::hl7::mllp::{FrameError, Frames, framed};
use salus_feeds::hl7::{Verdict, ack, read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Connections of one feed at once; an integration engine opens one, or a few.
const CONNECTIONS_MAX: usize = 32;
/// Longest handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the rest of a message that has begun.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest silence between two messages.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Longest wait for a sender that does not take its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long, and how much, is read after a refusal that ends the connection.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
const LINGER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long until a port that could not be had is tried again.
const BIND_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Listens until the gateway stops.
pub(super) async fn run(gateway: Gateway, feed: FeedConfig, settings: MllpFeed) {
    let listening = async {
        loop {
            match TcpListener::bind(settings.listen).await {
                Ok(listener) => {
                    gateway.feeds.change(&feed.name, |live| live.trouble = None);
                    serve(&gateway, &feed, &settings, listener).await;
                }
                Err(error) => {
                    tracing::error!(feed = feed.name, %error, "a feed cannot listen");
                    gateway
                        .feeds
                        .change(&feed.name, |live| live.trouble = Some("it cannot listen at its address"));
                }
            }
            tokio::time::sleep(BIND_INTERVAL).await;
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = listening => (),
    }
}

/// Serves a listener; its connections end with it.
pub(super) async fn serve(gateway: &Gateway, feed: &FeedConfig, settings: &MllpFeed, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) => {
                if let Some(place) = admit(feed, settings, &places, from) {
                    connections.spawn(connection(
                        gateway.clone(),
                        feed.clone(),
                        settings.clone(),
                        stream,
                        place,
                    ));
                }
            }
            // Out of files, or a connection that went before it was accepted: the next may be well.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A place for who may connect.
fn admit(
    feed: &FeedConfig,
    settings: &MllpFeed,
    places: &Arc<Semaphore>,
    from: SocketAddr,
) -> Option<OwnedSemaphorePermit> {
    if !settings.peers.contains(&from.ip().to_canonical()) {
        tracing::warn!(feed = feed.name, "somebody who is not among the peers of a feed tried to connect");
        return None;
    }
    let place = Arc::clone(places).try_acquire_owned();
    if place.is_err() {
        tracing::warn!(feed = feed.name, "a feed has as many connections as it may");
    }
    place.ok()
}

async fn connection(
    gateway: Gateway,
    feed: FeedConfig,
    settings: MllpFeed,
    stream: TcpStream,
    place: OwnedSemaphorePermit,
) {
    gateway.feeds.change(&feed.name, |live| live.connections += 1);
    let bytes_max = settings.message_bytes_max;
    match settings.tls {
        None => talk(&gateway, &feed, bytes_max, stream).await,
        Some(tls) => {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(stream)).await {
                Ok(Ok(stream)) => talk(&gateway, &feed, bytes_max, stream).await,
                _ => tracing::warn!(feed = feed.name, "a sender of a feed has no certificate that is taken"),
            }
        }
    }
    gateway.feeds.change(&feed.name, |live| live.connections = live.connections.saturating_sub(1));
    drop(place);
}

/// Reads messages and answers each, until the sender goes or sends what cannot be told apart.
async fn talk(
    gateway: &Gateway,
    feed: &FeedConfig,
    bytes_max: usize,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) {
    let mut frames = Frames::new(bytes_max);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let patience = if frames.is_within() { MESSAGE_TIMEOUT } else { IDLE_TIMEOUT };
        let Ok(Ok(read @ 1..)) = tokio::time::timeout(patience, stream.read(&mut buffer)).await else {
            return;
        };
        let mut rest = buffer.get(..read).unwrap_or_default();
        while !rest.is_empty() {
            match frames.take(rest) {
                Ok((taken, message)) => {
                    rest = rest.get(taken..).unwrap_or_default();
                    if let Some(message) = message
                        && answer(gateway, feed, message, &mut stream).await.is_none()
                    {
                        return;
                    }
                }
                Err(error) => {
                    broken(gateway, feed, error, &mut stream).await;
                    return;
                }
            }
        }
    }
}

/// `None`: the answer could not be given.
async fn answer(
    gateway: &Gateway,
    feed: &FeedConfig,
    bytes: Vec<u8>,
    stream: &mut (impl AsyncWrite + Unpin),
) -> Option<()> {
    let message = read(&bytes, &feed.charset).ok();
    let processing = message.as_ref().map(|message| message.head().processing).unwrap_or_default();
    let system = gateway.feeds.system(&feed.name);
    let (verdict, reason) = match processing.as_str() {
        // Training and debugging: nothing of it is about anybody.
        "T" | "D" => (Verdict::Refused, "this is no test system".to_owned()),
        _ => match take(gateway, feed, &system, Format::Message, bytes).await {
            Ok(Ended::Stored { .. }) => (Verdict::Stored, String::new()),
            Ok(Ended::Kept(reason)) => (Verdict::Kept, reason),
            Ok(Ended::Refused { reason, .. }) => (Verdict::Refused, reason),
            Err(_) => (Verdict::Refused, "this node cannot take messages for the moment".to_owned()),
        },
    };
    send(stream, &framed(&ack(message.as_ref(), verdict, &reason))).await
}

/// After what is no frame, nothing can be told apart: it is said, and the connection ends.
async fn broken(
    gateway: &Gateway,
    feed: &FeedConfig,
    error: FrameError,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) {
    tracing::warn!(feed = feed.name, %error, "a sender of a feed does not keep to the protocol");
    let counted = super::rows::change(gateway, &feed.name, |state| {
        state.received += 1;
        state.refused += 1;
    });
    if let Err(error) = counted.await {
        tracing::warn!(%error, "a refusal is not counted");
    }
    if send(stream, &framed(&ack(None, Verdict::Refused, &error.to_string()))).await.is_some() {
        linger(stream).await;
    }
}

/// A connection that is closed with bytes unread takes the answer with it: some more is read and thrown away.
async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let rest = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // Whatever comes of it, the connection ends now.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, rest).await;
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Option<()> {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    tokio::time::timeout(ANSWER_TIMEOUT, sent).await.ok()?.ok()
}
