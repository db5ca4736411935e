//! Connections to the engine's socket, each driven by whoever waits for its answer.
//!
//! A pool that gives every connection a task of its own wakes two more tasks for each request, on other threads as it
//! comes: on two cores that is dearer than the request. Here the task that asks writes to the socket, waits for it and
//! reads from it. A connection whose answer was read to the end is kept for whoever asks next; any other is closed with
//! its answer.

use super::IDLE_CONNECTIONS_MAX;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::future::{Future as _, poll_fn};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::net::UnixStream;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// Nobody listens at the socket.
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    /// The connection failed under way.
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    /// It was closed before the answer.
    #[error("the connection was closed")]
    Closed,
}

/// A connection, and the handle by which requests are given to it.
struct Lane {
    sender: SendRequest<Body>,
    connection: Pin<Box<Connection<TokioIo<UnixStream>, Body>>>,
}

/// Connections to one socket; cheap to clone.
#[derive(Clone)]
pub(super) struct Lanes(Arc<Inner>);

struct Inner {
    path: PathBuf,
    idle: Mutex<Vec<Lane>>,
}

impl Lanes {
    /// Nothing connects yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner { path, idle: Mutex::default() }))
    }

    /// Sends a request, whose URI is a path and query; the body of the answer still streams.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Broken> {
        let mut lane = self.lane().await?;
        let response = {
            let Lane { sender, connection } = &mut lane;
            let mut answer = pin!(sender.send_request(request));
            poll_fn(|context| {
                let ended = connection.as_mut().poll(context).is_ready();
                match answer.as_mut().poll(context) {
                    Poll::Ready(answer) => Poll::Ready(answer.map_err(Broken::from)),
                    Poll::Pending if ended => Poll::Ready(Err(Broken::Closed)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await?
        };
        Ok(response.map(|incoming| self.body(incoming, lane)))
    }

    /// One that waits for a request, or a new one.
    async fn lane(&self) -> Result<Lane, Broken> {
        while let Some(mut lane) = self.take() {
            if lane.is_ready().await {
                return Ok(lane);
            }
        }
        let stream = UnixStream::connect(&self.0.path).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        Ok(Lane { sender, connection: Box::pin(connection) })
    }

    fn take(&self) -> Option<Lane> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, lane: Lane) {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(lane);
        }
    }

    fn body(&self, incoming: Incoming, lane: Lane) -> Body {
        if incoming.is_end_stream() {
            self.give_back(lane);
            return Body::empty();
        }
        Body::new(Driven { incoming, lane: Some(lane), lanes: self.clone() })
    }
}

impl Lane {
    /// Whether it takes a request. One that the engine closed meanwhile does not.
    async fn is_ready(&mut self) -> bool {
        poll_fn(|context| {
            if self.connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(false);
            }
            self.sender.poll_ready(context).map(|ready| ready.is_ok())
        })
        .await
    }
}

/// The body of an answer, which drives its connection.
struct Driven {
    incoming: Incoming,
    /// Until the body ends.
    lane: Option<Lane>,
    lanes: Lanes,
}

impl hyper::body::Body for Driven {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // Asked first, so that the connection knows that something is wanted.
        let mut frame = Pin::new(&mut self.incoming).poll_frame(context);
        if frame.is_pending() {
            if let Some(lane) = &mut self.lane
                && lane.connection.as_mut().poll(context).is_ready()
            {
                // What was read before the end is still to be had.
                self.lane = None;
            }
            frame = Pin::new(&mut self.incoming).poll_frame(context);
        }
        let ended = matches!(frame, Poll::Ready(None)) || self.incoming.is_end_stream();
        if ended && let Some(lane) = self.lane.take() {
            self.lanes.give_back(lane);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::{get, post};
    use http_body_util::BodyExt as _;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::UnixListener;
    use tokio::task::JoinHandle;

    const LARGE: usize = 1_500_000;

    /// Answers at a socket until it is aborted; counts connections.
    fn listen(path: &Path) -> (JoinHandle<()>, Arc<AtomicUsize>) {
        let listener = UnixListener::bind(path).expect("socket");
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let router = Router::new()
            .route("/small", get(async || "small"))
            .route("/empty", get(async || axum::http::StatusCode::NO_CONTENT))
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/echo", post(async |body: Bytes| body));
        let serving = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let serve = hyper::server::conn::http1::Builder::new();
                tasks.spawn(async move { serve.serve_connection(TokioIo::new(stream), service).await });
            }
        });
        (serving, connections)
    }

    async fn ask(lanes: &Lanes, path: &str) -> Result<usize, Broken> {
        let request = Request::get(path).body(Body::empty()).expect("request");
        let answer = lanes.send(request).await?;
        assert!(answer.status().is_success(), "{path}");
        Ok(answer.into_body().collect().await.expect("body").to_bytes().len())
    }

    #[tokio::test]
    async fn a_connection_whose_answer_was_read_serves_the_next_request() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("socket");
        let (_serving, connections) = listen(&path);
        let lanes = Lanes::new(path);
        for (path, length) in [("/small", 5), ("/empty", 0), ("/large", LARGE), ("/small", 5)] {
            assert_eq!(ask(&lanes, path).await.expect(path), length);
        }
        let body = vec![b'y'; LARGE];
        let request = Request::post("/echo").body(Body::from(body.clone())).expect("request");
        let answer = lanes.send(request).await.expect("answer").into_body().collect().await.expect("body");
        assert!(answer.to_bytes() == body, "what was sent comes back");
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_left_unread_harms_no_other() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("socket");
        let (_serving, connections) = listen(&path);
        let lanes = Lanes::new(path);
        let request = || Request::get("/large").body(Body::empty()).expect("request");
        drop(lanes.send(request()).await.expect("answer"));
        let mut half = lanes.send(request()).await.expect("answer").into_body();
        assert!(half.frame().await.expect("a frame").is_ok());
        assert_eq!(ask(&lanes, "/small").await.expect("answer"), 5);
        let rest = half.collect().await.expect("the rest").to_bytes();
        assert!(!rest.is_empty() && rest.len() < LARGE);
        assert_eq!(connections.load(Ordering::SeqCst), 3);
        assert_eq!(lanes.0.idle.lock().expect("lock").len(), 2);
    }

    #[tokio::test]
    async fn many_ask_at_once_and_each_gets_its_own_answer() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("socket");
        let (_serving, _) = listen(&path);
        let lanes = Lanes::new(path);
        let asks = (0..64_usize).map(|number| {
            let lanes = lanes.clone();
            async move {
                let request = Request::post("/echo").body(Body::from(vec![b'z'; number * 997]));
                let answer = lanes.send(request.expect("request")).await.expect("answer");
                (number * 997, answer.into_body().collect().await.expect("body").to_bytes().len())
            }
        });
        for (sent, got) in futures::future::join_all(asks).await {
            assert_eq!(sent, got);
        }
        assert!(lanes.0.idle.lock().expect("lock").len() <= IDLE_CONNECTIONS_MAX);
    }

    #[tokio::test]
    async fn an_engine_that_was_started_again_is_found() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("socket");
        let lanes = Lanes::new(path.clone());
        assert!(matches!(ask(&lanes, "/small").await, Err(Broken::Connect(_))));
        for _ in 0..2 {
            let (serving, _) = listen(&path);
            assert_eq!(ask(&lanes, "/small").await.expect("answer"), 5);
            serving.abort();
            assert!(serving.await.is_err());
            std::fs::remove_file(&path).expect("socket");
        }
        assert!(ask(&lanes, "/small").await.is_err());
    }
}
