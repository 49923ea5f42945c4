//! Which changes of the rate are worth an event: the first throttling, and then considerable changes (pure).

use std::time::Duration;

/// A considerable change, as a part of the limit.
const CHANGE: f64 = 0.1;

/// At this share, a rate that was considerably lower is restored.
const RESTORED_AT: f64 = 0.97;

/// The time before the second event, while the share still falls, and between later ones.
const SECOND_AFTER: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_secs(30);

/// What was reported about the rate.
#[derive(Debug, Default)]
pub struct RateReport {
    /// The share of the last event, and when the next one may be.
    last: Option<(f64, Duration)>,
}

impl RateReport {
    /// Whether to report that the service throttles and now accepts `learned`, a share of the limit.
    pub fn is_throttling_due(&mut self, learned: f64, now: Duration) -> bool {
        let next_after = match self.last {
            None => SECOND_AFTER,
            Some((last, next_at)) if now >= next_at && (last - learned).abs() >= CHANGE => INTERVAL,
            Some(_) => return false,
        };
        self.last = Some((learned, now + next_after));
        true
    }

    /// Whether to report that the share is about the full one again.
    pub fn is_restoration_due(&mut self, share: f64) -> bool {
        let Some((last, next_at)) = self.last else { return false };
        let is_due = share >= RESTORED_AT && share - last >= CHANGE;
        if is_due {
            self.last = Some((share, next_at));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_throttling_and_considerable_changes_are_reported() {
        let mut report = RateReport::default();
        assert!(!report.is_restoration_due(1.0));
        assert!(report.is_throttling_due(0.98, seconds(10)));
        assert!(!report.is_throttling_due(0.5, seconds(11)));
        assert!(report.is_throttling_due(0.4, seconds(12)));
        assert!(!report.is_throttling_due(0.45, seconds(60)));
        assert!(report.is_throttling_due(0.55, seconds(60)));
        assert!(!report.is_throttling_due(0.3, seconds(80)));
        assert!(!report.is_restoration_due(0.95));
        assert!(report.is_restoration_due(0.98) && !report.is_restoration_due(1.0));
        assert!(!report.is_throttling_due(0.96, seconds(200)));
    }
}
