//! Rest between paced calls: the thread of the calls sleeps until the next is due.
//!
//! Answers that come meanwhile are read then, several at once. At a few hundred calls a second the processor would else
//! fall asleep and be woken for each of them, which costs more than to read it. The time is bounded by
//! [`LONGEST_REST`], and nothing rests while calls wait for a place among those in flight, or without a rate.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// What an answer, a timeout or a signal may have to wait for the thread.
const LONGEST_REST: Duration = Duration::from_millis(20);

thread_local! {
    static REST_UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// From the dispatcher: there is nothing to start before `due_at`.
pub(super) fn until(due_at: Instant) {
    REST_UNTIL.set(Some(due_at));
}

/// To be called when the thread has nothing to do (`on_thread_park` of the runtime): sleeps, once for each
/// time the dispatcher allowed it.
pub fn rest() {
    rest_by(Instant::now, thread::sleep);
}

fn rest_by(now: impl FnOnce() -> Instant, sleep: impl FnOnce(Duration)) {
    if let Some(due_at) = REST_UNTIL.take() {
        sleep(due_at.saturating_duration_since(now()).min(LONGEST_REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it would sleep.
    fn rests(now: Instant) -> Option<Duration> {
        let mut slept = None;
        rest_by(|| now, |duration| slept = Some(duration));
        slept
    }

    #[test]
    fn it_rests_only_when_allowed_and_once_for_each_time() {
        let now = Instant::now();
        assert_eq!(rests(now), None);
        until(now + Duration::from_millis(5));
        assert_eq!(rests(now), Some(Duration::from_millis(5)));
        assert_eq!(rests(now), None);
    }

    #[test]
    fn no_rest_is_longer_than_an_answer_may_wait_and_none_is_negative() {
        let now = Instant::now();
        until(now + Duration::from_secs(60));
        assert_eq!(rests(now), Some(LONGEST_REST));
        until(now);
        assert_eq!(rests(now + Duration::from_secs(1)), Some(Duration::ZERO));
    }
}
