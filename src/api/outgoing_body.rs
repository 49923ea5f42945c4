//! The body of a request, which notices when the request leaves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body in one piece. An HTTP connection takes it when it writes the request, so that is when `D` is dropped: not when
/// the call is made, since a call may wait for a connection or for a processor. A request that never leaves drops `D` with
/// the body.
///
/// It cannot be cloned, so no HTTP library can send a request twice without being noticed.
pub struct OutgoingBody<D> {
    content: Bytes,
    departure: Option<D>,
}

impl<D> OutgoingBody<D> {
    /// A body of `content`.
    pub fn new(content: Bytes, departure: D) -> OutgoingBody<D> {
        OutgoingBody { content, departure: Some(departure) }
    }
}

// Nothing in it is ever borrowed across a poll.
impl<D> Unpin for OutgoingBody<D> {}

impl<D> Body for OutgoingBody<D> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.departure.take().map(|_| Ok(Frame::data(std::mem::take(&mut self.content)))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.departure.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.len() as u64)
    }
}
