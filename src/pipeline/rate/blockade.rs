//! Notices that the service accepts no call at all, and grows the pauses between the calls that test it (pure).

use std::time::Duration;

/// How long no call is accepted before calls are paused. It is more than the second that a service counts in: after one
/// that was too fast, it accepts nothing until its second is over.
const BLOCKED_AFTER: Duration = Duration::from_secs(2);

/// A pause is the time since the first refused call, divided by this.
const PAUSES_IN_TIME: u32 = 4;

/// The longest time between two refused calls that counts, beside the pause after the first. What exceeds it passed
/// without calls for another reason, such as an idle stream or an object store that could not be reached.
const LONGEST_GAP: Duration = Duration::from_secs(10);

/// The time without an accepted call.
#[derive(Debug, Default)]
pub struct Blockade {
    refused: Option<Refused>,
    is_blocked: bool,
}

/// The refused calls since the last accepted one.
#[derive(Debug)]
struct Refused {
    /// The ceiling of the share at the first of them.
    ceiling: f64,
    last_at: Duration,
    /// From the first to the last.
    elapsed: Duration,
}

impl Blockade {
    /// A call was refused. Returns the pause before the next one if none is accepted any more.
    pub fn on_refused(&mut self, ceiling: f64, now: Duration) -> Option<Duration> {
        let first = || Refused { ceiling, last_at: now, elapsed: Duration::ZERO };
        let refused = self.refused.get_or_insert_with(first);
        let pause = if self.is_blocked { refused.elapsed / PAUSES_IN_TIME } else { Duration::ZERO };
        let gap = now.saturating_sub(refused.last_at).min(pause + LONGEST_GAP);
        refused.elapsed += gap;
        refused.last_at = refused.last_at.max(now);
        let elapsed = refused.elapsed;
        self.is_blocked |= elapsed >= BLOCKED_AFTER;
        self.is_blocked.then(|| elapsed / PAUSES_IN_TIME)
    }

    /// Whether none has been accepted for so long that calls are paused.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// A call was accepted. Returns the ceiling of the share before the blockade that this ends.
    pub fn on_accepted(&mut self) -> Option<f64> {
        let Refused { ceiling, .. } = self.refused.take()?;
        std::mem::take(&mut self.is_blocked).then_some(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_grow_with_the_time_that_nothing_is_accepted() {
        let mut blockade = Blockade::default();
        assert_eq!(blockade.on_refused(0.8, seconds(10)), None);
        assert_eq!(blockade.on_refused(0.7, seconds(11)), None);
        assert_eq!(blockade.on_refused(0.7, seconds(12)), Some(Duration::from_millis(500)));
        assert_eq!(blockade.on_refused(0.0, seconds(22)), Some(seconds(3)));
        assert_eq!(blockade.on_refused(0.0, seconds(34)), Some(seconds(6)));
        assert_eq!(blockade.on_accepted(), Some(0.8));
        assert_eq!(blockade.on_accepted(), None);
    }

    #[test]
    fn the_time_in_which_no_call_is_made_does_not_count() {
        let mut blockade = Blockade::default();
        assert_eq!(blockade.on_refused(0.8, seconds(10)), None);
        // An hour without records.
        let pause = Some(Duration::from_millis(2500));
        assert_eq!(blockade.on_refused(0.8, seconds(3610)), pause);
    }

    #[test]
    fn an_accepted_call_ends_the_time() {
        let mut blockade = Blockade::default();
        assert_eq!(blockade.on_refused(0.8, seconds(10)), None);
        assert_eq!(blockade.on_accepted(), None);
        assert_eq!(blockade.on_refused(0.8, seconds(13)), None);
    }
}
