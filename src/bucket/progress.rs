//! Time limits for the silence of a connection rather than for a whole request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpErrorKind, HttpRequestBody};
use tokio::time::{Instant, Sleep, sleep};

use super::network::without_url;

/// Nothing was sent or received for too long.
#[derive(Debug, thiserror::Error)]
#[error("no response for {} s", .0.as_secs_f64())]
struct Silence(Duration);

fn silence(limit: Duration) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, Silence(limit))
}

/// Counts the pieces of a request's body that were sent.
#[derive(Debug, Clone, Default)]
pub struct SendProgress {
    sent: Arc<AtomicU64>,
}

impl SendProgress {
    /// Waits for a response while the body is sent.
    ///
    /// # Errors
    /// When neither progresses for `limit`.
    pub async fn watch<T>(
        &self,
        limit: Duration,
        mut response: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, HttpError> {
        loop {
            let sent = self.sent.load(Ordering::Relaxed);
            tokio::select! {
                response = &mut response => return Ok(response),
                () = sleep(limit) => {
                    if self.sent.load(Ordering::Relaxed) == sent {
                        return Err(silence(limit));
                    }
                }
            }
        }
    }
}

/// The body of a request, in pieces.
pub struct WatchedRequest {
    body: HttpRequestBody,
    remaining: u64,
    progress: SendProgress,
}

impl WatchedRequest {
    pub fn new(body: HttpRequestBody, progress: &SendProgress) -> WatchedRequest {
        WatchedRequest { remaining: body.content_length() as u64, body, progress: progress.clone() }
    }
}

impl Body for WatchedRequest {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.progress.sent.fetch_add(1, Ordering::Relaxed);
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.remaining = self.remaining.saturating_sub(length);
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// The body of a response, which fails when it is silent for too long.
pub struct TimedBody {
    body: reqwest::Body,
    limit: Duration,
    end: Pin<Box<Sleep>>,
    /// Whether `end` runs. The time between two polls is that of the reader.
    is_waiting: bool,
}

impl TimedBody {
    pub fn new(body: reqwest::Body, limit: Duration) -> TimedBody {
        TimedBody { body, limit, end: Box::pin(sleep(limit)), is_waiting: false }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let limit = self.limit;
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(without_url)));
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            self.end.as_mut().reset(Instant::now() + limit);
        }
        self.end.as_mut().poll(context).map(|()| Some(Err(silence(limit))))
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

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn only_silence_is_limited() {
        let progress = SendProgress::default();
        let slow = async {
            for _ in 0..10 {
                sleep(Duration::from_secs(20)).await;
                progress.sent.fetch_add(1, Ordering::Relaxed);
            }
        };
        progress.watch(LIMIT, std::pin::pin!(slow)).await.unwrap();
        let started = Instant::now();
        let silent = progress.watch(LIMIT, std::pin::pin!(sleep(LIMIT * 10))).await;
        assert_eq!(silent.unwrap_err().kind(), HttpErrorKind::Timeout);
        assert_eq!(started.elapsed().as_secs(), 30);
    }
}
