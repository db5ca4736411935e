//! Who comes in: connections are counted, must say something soon, and must take what they asked for.
//!
//! hyper limits the head of an HTTP/1 request once it knows that it is one; who sends nothing, or the beginning of what
//! could be HTTP/2, would stay for ever. So the first bytes have a time limit here, and so has every write.

use crate::limits::Limits;
use crate::places::{Place, Places};
use crate::rate::Caller;
use axum_server::accept::Accept;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Length of the HTTP/2 preface (RFC 9113, 3.4): with that many bytes a connection has said what it is.
const FIRST_BYTES: usize = 24;

/// Counts connections as they come.
#[derive(Clone)]
pub(super) struct Door(Arc<Places>);

impl Door {
    pub(super) fn new(limits: &Limits, callers: u32) -> Self {
        let per_caller = limits.connections_per_caller_max.saturating_mul(callers as usize);
        Self(Places::new(limits.connections_max, per_caller))
    }
}

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Inside;
    type Service = S;
    type Future = Ready<io::Result<(Inside, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let enter = || {
            stream.set_nodelay(true)?;
            let caller = Caller::of(stream.peer_addr()?.ip());
            let place =
                self.0.take(Some(caller)).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(Inside { stream, _place: place })
        };
        ready(enter().map(|stream| (stream, service)))
    }
}

/// A connection that has a place.
pub(super) struct Inside {
    stream: TcpStream,
    _place: Place,
}

impl AsyncRead for Inside {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Inside {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Gives the connections of another acceptor their time limits.
#[derive(Clone)]
pub(super) struct Prompt<A> {
    pub(super) inner: A,
    pub(super) header_timeout: Duration,
    pub(super) write_timeout: Duration,
}

type Accepted<T, S> = io::Result<(Watched<T>, S)>;

impl<A, S> Accept<TcpStream, S> for Prompt<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
{
    type Stream = Watched<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = Accepted<A::Stream, A::Service>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (accepted, first, write_timeout) =
            (self.inner.accept(stream, service), self.header_timeout, self.write_timeout);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let first = Some(Box::pin(sleep(first)));
            Ok((Watched { stream, first, read: 0, write_timeout, write: None }, service))
        })
    }
}

/// A connection with time limits for its first bytes and for each write.
pub(super) struct Watched<T> {
    stream: T,
    /// Until the first bytes are there.
    first: Option<Pin<Box<Sleep>>>,
    read: usize,
    write_timeout: Duration,
    /// While the other side takes nothing.
    write: Option<Pin<Box<Sleep>>>,
}

fn too_slow<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl<T> Watched<T> {
    /// Ends a write that waits for too long.
    fn watch<R>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.write = None;
            return written;
        }
        let timeout = self.write_timeout;
        let waiting = self.write.get_or_insert_with(|| Box::pin(sleep(timeout)));
        if waiting.as_mut().poll(context).is_ready() { too_slow() } else { Poll::Pending }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(first) = &mut self.first else { return read };
        if read.is_pending() {
            return if first.as_mut().poll(context).is_ready() { too_slow() } else { read };
        }
        self.read += buffer.filled().len() - before;
        if self.read >= FIRST_BYTES {
            self.first = None;
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut)
    }
}
