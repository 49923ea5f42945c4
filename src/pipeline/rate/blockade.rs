//! Notices that the service accepts no call at all, and grows the pauses between the calls that test it (pure).

use std::time::Duration;

/// How long no call is accepted before calls are paused. It is more than the second that a service counts in: after one
/// that was too fast, it accepts nothing until its second is over.
const BLOCKED_AFTER: Duration = Duration::from_secs(2);

/// A pause is the time since the first refused call, divided by this.
const PAUSES_IN_TIME: u32 = 4;

/// The time without an accepted call.
#[derive(Debug, Default)]
pub struct Blockade {
    /// When the first call was refused since the last accepted one, and the ceiling of the share at that time.
    refused_since: Option<(Duration, f64)>,
    is_blocked: bool,
}

impl Blockade {
    /// A call was refused. Returns the pause before the next one if none is accepted any more.
    pub fn on_refused(&mut self, ceiling: f64, now: Duration) -> Option<Duration> {
        let (since, _) = *self.refused_since.get_or_insert((now, ceiling));
        let elapsed = now.saturating_sub(since);
        self.is_blocked |= elapsed >= BLOCKED_AFTER;
        self.is_blocked.then(|| elapsed / PAUSES_IN_TIME)
    }

    /// Whether none has been accepted for so long that calls are paused.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// A call was accepted. Returns the ceiling of the share before the blockade that this ends.
    pub fn on_accepted(&mut self) -> Option<f64> {
        let (_, ceiling) = self.refused_since.take()?;
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
        assert_eq!(blockade.on_refused(0.0, seconds(50)), Some(seconds(10)));
        assert_eq!(blockade.on_accepted(), Some(0.8));
        assert_eq!(blockade.on_accepted(), None);
    }

    #[test]
    fn an_accepted_call_ends_the_time() {
        let mut blockade = Blockade::default();
        assert_eq!(blockade.on_refused(0.8, seconds(10)), None);
        assert_eq!(blockade.on_accepted(), None);
        assert_eq!(blockade.on_refused(0.8, seconds(13)), None);
    }
}
