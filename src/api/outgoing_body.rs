//! The body of a request, which detects when the request is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body in one piece. `D` is dropped with its bytes, once they are written as far as an HTTP library knows, so not before
/// the head of the request. The start of the call would be too early, since it may wait for a connection or a processor. So
/// would be the hand-over of the body, since HTTP/2 takes it while the request still waits for a free stream or the server's
/// window. A request that is never sent drops `D` with the body.
///
/// It cannot be cloned, so no HTTP library can send a request twice unnoticed.
pub struct OutgoingBody {
    content: Option<Bytes>,
}

/// The bytes of a body, and the value that is dropped with them.
struct BodyContent<D> {
    text: String,
    _departure: D,
}

impl<D> AsRef<[u8]> for BodyContent<D> {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl OutgoingBody {
    pub fn new<D: Send + 'static>(text: String, departure: D) -> OutgoingBody {
        OutgoingBody {
            content: Some(Bytes::from_owner(BodyContent { text, _departure: departure })),
        }
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

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread;

    use tokio::sync::oneshot;

    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const HEADERS: u8 = 1;
    const ACK: u8 = 1;
    const STREAMS: usize = 4;

    fn write_frame(stream: &mut TcpStream, kind: u8, flags: u8, id: u8, payload: &[u8]) {
        let head = [0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, id];
        stream.write_all(&[&head, payload].concat()).unwrap();
    }

    /// An HTTP/2 server (RFC 9113) without TLS that allows [`STREAMS`] streams. It responds only to the first request, and
    /// reports when the client acknowledges a PING after all streams were opened.
    fn serve(listener: &TcpListener, are_open: oneshot::Sender<()>) -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.read_exact(&mut [0; b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()])?;
        let max_concurrent_streams = [0, 3, 0, 0, 0, u8::try_from(STREAMS).unwrap()];
        write_frame(&mut stream, SETTINGS, 0, 0, &max_concurrent_streams);
        let (mut requests, mut are_open) = (0, Some(are_open));
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head)?;
            let mut payload = vec![0; u16::from_be_bytes([head[1], head[2]]).into()];
            stream.read_exact(&mut payload)?;
            match (head[3], head[4] & ACK) {
                (SETTINGS, 0) => write_frame(&mut stream, SETTINGS, ACK, 0, &[]),
                (HEADERS, _) if requests == 0 => {
                    requests += 1;
                    // `:status: 200`, with the flags END_STREAM and END_HEADERS.
                    write_frame(&mut stream, HEADERS, 5, 1, &[0x88]);
                }
                (HEADERS, _) => {
                    requests += 1;
                    if requests == 1 + STREAMS {
                        write_frame(&mut stream, PING, 0, 0, &[0; 8]);
                    }
                }
                (PING, ACK) => drop(are_open.take().map(|are_open| are_open.send(()))),
                _ => {}
            }
        }
    }

    #[test]
    fn a_request_that_waits_for_a_free_stream_has_not_departed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (are_open, all_streams_are_open) = oneshot::channel();
        // It ends when the client disconnects.
        let server = thread::spawn(move || drop(serve(&listener, are_open)));
        let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
        let client = client.tls_certs_only([]).build().unwrap();
        let departure = Arc::new(());
        let call = || {
            let body = OutgoingBody::new("{}".to_owned(), Arc::clone(&departure));
            client.post(&url).body(reqwest::Body::wrap(body)).send()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            call().await.unwrap();
            assert_eq!(Arc::strong_count(&departure), 1);
            let calls: Vec<_> = (0..10 * STREAMS).map(|_| tokio::spawn(call())).collect();
            all_streams_are_open.await.unwrap();
            assert_eq!(Arc::strong_count(&departure) - 1, calls.len() - STREAMS);
            calls.iter().for_each(tokio::task::JoinHandle::abort);
        });
        drop((runtime, client));
        assert_eq!(Arc::strong_count(&departure), 1, "a request that is never sent drops it too");
        server.join().unwrap();
    }
}
