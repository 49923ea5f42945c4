//! The bodies of responses, and the memory that all of them share.
//!
//! Many calls are in flight and a body may be large: 64 of 15 MiB would take 1 GiB. So bodies take their memory from one
//! budget and return it when they are dropped, which is after decoding. A body waits while the budget is used up; its
//! connection is not read meanwhile.
//!
//! Bodies that wait for each other's memory would deadlock. So one waiting body may always grow: it holds the token, and the
//! memory for one largest body is reserved for it. When it is dropped, the next one gets the token.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes of all bodies together, except the one with the token: 64 of 128 KiB. They rarely arrive all at once.
const SHARED_BYTES: usize = 8 * 1024 * 1024;

/// A body acquires at least this many bytes at once, so that it does not acquire them for each piece.
const STEP_BYTES: usize = 32 * 1024;

/// The memory for bodies.
#[derive(Debug)]
pub(super) struct BodyBudget {
    /// One permit per byte.
    shared: Arc<Semaphore>,
    /// One permit, to grow up to the largest body.
    token: Arc<Semaphore>,
}

/// The memory that one body may use, returned when it is dropped.
#[derive(Debug, Default)]
pub(super) struct BodyShare {
    shared: Option<OwnedSemaphorePermit>,
    token: Option<OwnedSemaphorePermit>,
}

impl Default for BodyBudget {
    fn default() -> Self {
        BodyBudget::new(SHARED_BYTES)
    }
}

impl BodyBudget {
    fn new(shared_bytes: usize) -> BodyBudget {
        BodyBudget {
            shared: Arc::new(Semaphore::new(shared_bytes)),
            token: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether `share` already covers `bytes`.
    pub(super) fn has_granted(share: &BodyShare, bytes: usize) -> bool {
        share.token.is_some() || share.bytes() >= bytes
    }

    /// Whether `share` may grow up to the largest body without waiting.
    pub(super) fn has_token(share: &BodyShare) -> bool {
        share.token.is_some()
    }

    /// Waits until `share` covers `bytes`, at most the largest body. Cancellation-safe.
    pub(super) async fn grow(&self, share: &mut BodyShare, bytes: usize) {
        if BodyBudget::has_granted(share, bytes) {
            return;
        }
        let missing = (bytes - share.bytes()).max(STEP_BYTES);
        // More than the whole budget is only possible with the token.
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            // Neither semaphore is ever closed.
            Ok(more) = Arc::clone(&self.shared).acquire_many_owned(missing) => match &mut share.shared {
                Some(shared) => shared.merge(more),
                None => share.shared = Some(more),
            },
            Ok(token) = Arc::clone(&self.token).acquire_owned() => share.token = Some(token),
            else => {}
        }
    }
}

impl BodyShare {
    fn bytes(&self) -> usize {
        self.shared.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

/// A complete body. It holds its share of the memory, so drop it as soon as it is decoded.
#[derive(Debug)]
pub struct ResponseBody {
    bytes: Bytes,
    _share: BodyShare,
}

impl ResponseBody {
    pub(super) fn new(bytes: Bytes, share: BodyShare) -> ResponseBody {
        ResponseBody { bytes, _share: share }
    }
}

/// A body outside of the budget, for tests.
impl<B: Into<Bytes>> From<B> for ResponseBody {
    fn from(bytes: B) -> Self {
        ResponseBody::new(bytes.into(), BodyShare::default())
    }
}

impl Deref for ResponseBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const MIB: usize = 1024 * 1024;

    /// Whether it completes immediately.
    fn is_ready(future: impl Future<Output = ()>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(future).poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn small_bodies_share_the_budget_and_return_it() {
        let budget = BodyBudget::new(4 * MIB);
        let mut shares: Vec<BodyShare> = (0..4).map(|_| BodyShare::default()).collect();
        for share in &mut shares {
            assert!(is_ready(budget.grow(share, MIB)));
        }
        assert_eq!(budget.shared.available_permits(), 0);
        assert_eq!(budget.token.available_permits(), 1);
        drop(shares);
        assert_eq!(budget.shared.available_permits(), 4 * MIB);
    }

    #[test]
    fn one_body_at_a_time_grows_beyond_the_budget() {
        let budget = BodyBudget::new(2 * MIB);
        let [mut first, mut second, mut third] = [(); 3].map(|()| BodyShare::default());
        assert!(is_ready(budget.grow(&mut first, MIB)));
        assert!(is_ready(budget.grow(&mut second, MIB)));
        assert!(is_ready(budget.grow(&mut first, 16 * MIB)));
        assert!(is_ready(budget.grow(&mut first, 16 * MIB)), "it has the token");
        assert!(!is_ready(budget.grow(&mut second, 2 * MIB)));
        assert!(!is_ready(budget.grow(&mut third, 1)));
        drop(first);
        assert!(is_ready(budget.grow(&mut second, 2 * MIB)));
        assert!(second.token.is_none(), "what the first one returned is enough");
        assert!(is_ready(budget.grow(&mut third, 1)));
        assert!(third.token.is_some());
    }

    #[test]
    fn cancelled_waiting_loses_nothing() {
        let budget = BodyBudget::new(MIB);
        let [mut first, mut second, mut third] = [(); 3].map(|()| BodyShare::default());
        assert!(is_ready(budget.grow(&mut first, MIB)));
        assert!(is_ready(budget.grow(&mut second, MIB)));
        assert!(!is_ready(budget.grow(&mut third, MIB)));
        drop((first, second, third));
        assert_eq!(budget.shared.available_permits(), MIB);
        assert_eq!(budget.token.available_permits(), 1);
    }

    /// However many bodies grow at once, in whatever steps: all complete, within the budget plus one largest body.
    #[tokio::test]
    async fn bodies_that_grow_together_all_complete() {
        const BODY: usize = 15 * MIB;
        let budget = Arc::new(BodyBudget::new(16 * MIB));
        let held = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let peak = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut calls = tokio::task::JoinSet::new();
        for call in 0..64_usize {
            let (budget, held, peak) = (Arc::clone(&budget), Arc::clone(&held), Arc::clone(&peak));
            calls.spawn(async move {
                use std::sync::atomic::Ordering::Relaxed;
                let mut share = BodyShare::default();
                let mut bytes = 0;
                let step = 64 * 1024 + call * 1000;
                while bytes < BODY {
                    budget.grow(&mut share, (bytes + step).min(BODY)).await;
                    let more = step.min(BODY - bytes);
                    bytes += more;
                    peak.fetch_max(held.fetch_add(more, Relaxed) + more, Relaxed);
                    tokio::task::yield_now().await;
                }
                held.fetch_sub(bytes, Relaxed);
            });
        }
        let complete = calls.join_all().await.len();
        let peak = peak.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(complete, 64);
        assert!(peak <= 32 * MIB, "{peak}");
        assert!(peak > 16 * MIB, "{peak}");
    }
}
