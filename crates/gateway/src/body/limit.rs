//! A body may be only so large and only so slow, however its length is announced.
//!
//! Slow is measured as Apache's mod_reqtimeout does: a body has some seconds, and a second more for every so many
//! bytes that came. So a large body over a usual line is welcome, and a drip of bytes holds no place for long.
//! Whatever the handler made of the broken body, the caller is told the reason.

use crate::error::{Code, Error};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What a body has to keep to.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    bytes_max: u64,
    time: Option<(Duration, u32)>,
}

impl Limit {
    /// At most so many bytes.
    pub(crate) fn bytes(bytes_max: usize) -> Self {
        Self { bytes_max: bytes_max as u64, time: None }
    }

    /// So much time, and a second more for every `bytes_per_second` that came.
    pub(crate) fn time(timeout: Duration, bytes_per_second: u32) -> Self {
        Self { bytes_max: u64::MAX, time: Some((timeout, bytes_per_second.max(1))) }
    }
}

/// Layer that keeps bodies to a limit.
pub(crate) async fn keep(State(limit): State<Limit>, request: Request, next: Next) -> Response {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit.bytes_max) {
        return refusal(Code::TooLarge);
    }
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let broken = Arc::new(OnceLock::new());
    let sleep = limit.time.map(|(timeout, _)| Box::pin(tokio::time::sleep(timeout)));
    let request = request.map(|body| {
        Body::new(Kept { body, limit, began: Instant::now(), sleep, bytes: 0, broken: Arc::clone(&broken) })
    });
    let response = next.run(request).await;
    match broken.get() {
        Some(code) => refusal(*code),
        None => response,
    }
}

fn refusal(code: Code) -> Response {
    let words = match code {
        Code::Slow => "the body came too slowly",
        _ => "the body is too large",
    };
    Error::new(code, words).into_response()
}

struct Kept {
    body: Body,
    limit: Limit,
    began: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    bytes: u64,
    broken: Arc<OnceLock<Code>>,
}

impl Kept {
    fn stop(&self, code: Code) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let _ = self.broken.set(code);
        Poll::Ready(Some(Err(axum::Error::new(Error::new(code, "the body is not read to its end")))))
    }

    /// A second more for every so many bytes.
    fn prolong(&mut self) {
        let (Some((timeout, rate)), Some(sleep)) = (self.limit.time, &mut self.sleep) else { return };
        let earned = Duration::from_secs(self.bytes / u64::from(rate));
        sleep.as_mut().reset(self.began + timeout + earned);
    }
}

impl hyper::body::Body for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.bytes > self.limit.bytes_max {
                    return self.stop(Code::TooLarge);
                }
                self.prolong();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending => match self.sleep.as_mut().map(|sleep| sleep.as_mut().poll(context)) {
                Some(Poll::Ready(())) => self.stop(Code::Slow),
                _ => Poll::Pending,
            },
            ended => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use futures::stream::{self, StreamExt as _};
    use http_body_util::BodyExt as _;
    use std::convert::Infallible;
    use tower::ServiceExt as _;

    type Piece = Result<Bytes, Infallible>;

    async fn answer(limit: Limit, body: Body) -> StatusCode {
        let read = post(|body: Body| async {
            let whole = body.collect().await;
            if whole.is_ok() { StatusCode::OK } else { StatusCode::IM_A_TEAPOT }
        });
        let router = Router::new().route("/", read).layer(from_fn_with_state(limit, keep));
        let request = Request::post("/").body(body).expect("request");
        router.oneshot(request).await.expect("answer").status()
    }

    fn pieces(count: usize) -> stream::Iter<std::vec::IntoIter<Piece>> {
        stream::iter(vec![Ok(Bytes::from_static(&[0; 10])); count])
    }

    #[tokio::test]
    async fn a_body_is_as_large_as_it_may_be_or_refused_whatever_it_announces() {
        for (case, count, expected) in [("fits", 10, 200), ("one piece more", 11, 413)] {
            let found = answer(Limit::bytes(100), Body::from_stream(pieces(count))).await;
            assert_eq!(found.as_u16(), expected, "{case}");
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_refused_and_one_that_comes_is_not() {
        let limit = || Limit::time(Duration::from_millis(1), 1);
        let never = pieces(0).chain(stream::pending());
        assert_eq!(answer(limit(), Body::from_stream(never)).await, StatusCode::REQUEST_TIMEOUT);
        // Ten bytes at one byte a second have earned ten seconds.
        assert_eq!(answer(limit(), Body::from_stream(pieces(3))).await, StatusCode::OK);
    }
}
