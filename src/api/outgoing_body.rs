//! The body of a request, which notices when the request leaves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body in one piece. `D` is dropped when its bytes are: once they are written, as far as an HTTP library can tell, so no
/// earlier than the head of the request is. Neither when the call is made, since it may wait for a connection or for a processor,
/// nor when the body is handed over, since HTTP/2 takes it while a request still waits for a free stream or for the
/// server's window. A request that never leaves drops `D` with the body.
///
/// It cannot be cloned, so no HTTP library can send a request twice without being noticed.
pub struct OutgoingBody {
    content: Option<Bytes>,
}

/// The bytes of a body and what is dropped with them.
struct Content<D> {
    text: String,
    _departure: D,
}

impl<D> AsRef<[u8]> for Content<D> {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl OutgoingBody {
    /// A body of `text`.
    pub fn new<D: Send + 'static>(text: String, departure: D) -> OutgoingBody {
        OutgoingBody { content: Some(Bytes::from_owner(Content { text, _departure: departure })) }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.content.take().map(|content| Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.as_ref().map_or(0, Bytes::len) as u64)
    }
}
