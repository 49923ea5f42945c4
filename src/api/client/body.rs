//! Reading the body of a response within the memory that all bodies share.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::broken_connection;
use crate::api::response_body::{BodyBudget, BodyShare, ResponseBody};
use crate::api::transport::TransportFailure;

/// Largest body that is read. The largest legitimate one, 100 accounts × 32 fields × 500 bytes with every byte escaped, is
/// below 10 MiB.
pub(super) const BODY_CAP_BYTES: usize = 16 * 1024 * 1024;

/// Most memory that is reserved in advance; bodies are rarely larger.
const BODY_RESERVED_BYTES: usize = 256 * 1024;

/// Smallest estimate of the next piece of a body.
const PIECE_BYTES: usize = 16 * 1024;

/// Reads one body.
pub(super) struct BodyReader<'c> {
    pub(super) response: reqwest::Response,
    pub(super) budget: &'c BodyBudget,
    /// The timeout of the call, for messages.
    pub(super) timeout: Duration,
    /// When the call times out.
    pub(super) deadline: Instant,
}

impl BodyReader<'_> {
    pub(super) async fn read(mut self) -> Result<ResponseBody, TransportFailure> {
        let status = self.response.status();
        if !status.is_success() {
            return Err(TransportFailure::Status(status.as_u16()));
        }
        let mut share = BodyShare::default();
        // Untrusted, since the server claims it; absent for gzip.
        let expected_bytes = self.bytes_left().unwrap_or(0);
        let Some(first) = self.next_piece().await? else {
            return Ok(ResponseBody::new(Bytes::new(), share));
        };
        let bytes = first.len() + self.next_piece_bytes(first.len());
        self.wait_for_memory(&mut share, bytes).await;
        let mut next = self.next_piece().await?;
        if next.is_none() {
            return Ok(ResponseBody::new(first, share));
        }
        let mut body = BytesMut::with_capacity(expected_bytes.min(BODY_RESERVED_BYTES));
        body.extend_from_slice(&first);
        while let Some(piece) = next {
            if body.len() + piece.len() > BODY_CAP_BYTES {
                return Err(TransportFailure::TooLarge(BODY_CAP_BYTES));
            }
            body.extend_from_slice(&piece);
            let bytes = body.len() + self.next_piece_bytes(piece.len());
            self.wait_for_memory(&mut share, bytes).await;
            if BodyBudget::has_token(&share) {
                // All at once, since growing by doubling needs the old and the new memory. Untouched memory costs nothing.
                let rest = self.bytes_left().unwrap_or(BODY_CAP_BYTES);
                body.reserve(rest.min(BODY_CAP_BYTES - body.len()));
            }
            next = self.next_piece().await?;
        }
        Ok(ResponseBody::new(body.freeze(), share))
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, TransportFailure> {
        match timeout_at(self.deadline, self.response.chunk()).await {
            Ok(piece) => piece.map_err(broken_connection),
            Err(_) => Err(TransportFailure::Timeout(self.timeout)),
        }
    }

    /// Waits until the body may use so many bytes. The deadline of the call moves by the time it waits: a call must not fail
    /// because others are read first.
    async fn wait_for_memory(&mut self, share: &mut BodyShare, bytes: usize) {
        let bytes = bytes.min(BODY_CAP_BYTES);
        if BodyBudget::has_granted(share, bytes) {
            return;
        }
        let started = Instant::now();
        self.budget.grow(share, bytes).await;
        self.deadline += started.elapsed();
    }

    /// Bytes of the body that have not been read, as the server claims.
    fn bytes_left(&self) -> Option<usize> {
        self.response.content_length().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// An estimate of the next piece, based on the last one: by then, the HTTP library has read another one behind it.
    fn next_piece_bytes(&self, last_bytes: usize) -> usize {
        let pieces = last_bytes.max(PIECE_BYTES).saturating_mul(2);
        pieces.min(self.bytes_left().unwrap_or(usize::MAX))
    }
}
