//! The body of a response that reports when it breaks off.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpResponseBody};

/// A body, and what is called with its error.
pub struct WatchedBody<F> {
    body: HttpResponseBody,
    on_error: F,
}

impl<F: Fn(&HttpError) + Send + Sync + Unpin> WatchedBody<F> {
    pub fn new(body: HttpResponseBody, on_error: F) -> WatchedBody<F> {
        WatchedBody { body, on_error }
    }
}

impl<F: Fn(&HttpError) + Send + Sync + Unpin> Body for WatchedBody<F> {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Err(error))) = &polled {
            (self.on_error)(error);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
