//! Counts of the latest responses: of two seconds, and of twenty calls (pure).

use std::time::Duration;

/// Responses, by whether the service throttled the call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Responses {
    pub accepted: u64,
    pub refused: u64,
}

impl Responses {
    pub fn add(&mut self, is_accepted: bool) {
        match is_accepted {
            true => self.accepted += 1,
            false => self.refused += 1,
        }
    }

    pub fn total(self) -> u64 {
        self.accepted + self.refused
    }

    /// The share of refused calls, in 0..=1.
    pub fn refused_share(self) -> f64 {
        self.refused as f64 / self.total().max(1) as f64
    }
}

const SLOT_MILLIS: u32 = 125;
const SLOTS_PER_SECOND: usize = 8;
const SLOTS: usize = 2 * SLOTS_PER_SECOND;

/// Counts the responses of the last two seconds.
#[derive(Debug, Default)]
pub struct RecentResponses {
    /// A ring, by the number of the slot since the start of the run.
    slots: [Responses; SLOTS],
    current: usize,
}

impl RecentResponses {
    pub fn add(&mut self, is_accepted: bool, now: Duration) {
        self.advance(now);
        self.slots[self.current % SLOTS].add(is_accepted);
    }

    /// Accepted calls per second, over about the last second.
    pub fn accepted_per_second(&mut self, now: Duration) -> f64 {
        self.advance(now);
        let elapsed_of_slot = now.subsec_millis() % SLOT_MILLIS;
        let covered_millis = 1000 - SLOT_MILLIS + elapsed_of_slot;
        self.sum(SLOTS_PER_SECOND).accepted as f64 * 1000.0 / f64::from(covered_millis)
    }

    /// Those of the last two seconds.
    pub fn of_two_seconds(&mut self, now: Duration) -> Responses {
        self.advance(now);
        self.sum(SLOTS)
    }

    fn sum(&self, slots: usize) -> Responses {
        let mut sum = Responses::default();
        for back in 0..slots {
            let slot = self.slots[(self.current + SLOTS - back) % SLOTS];
            sum.accepted += slot.accepted;
            sum.refused += slot.refused;
        }
        sum
    }

    /// Empties the slots between the last response and now.
    fn advance(&mut self, now: Duration) {
        let seconds = usize::try_from(now.as_secs()).unwrap_or(usize::MAX);
        let slot = (now.subsec_millis() / SLOT_MILLIS) as usize;
        let slot = seconds.saturating_mul(SLOTS_PER_SECOND).saturating_add(slot);
        for empty in (self.current + 1..=slot).take(SLOTS) {
            self.slots[empty % SLOTS] = Responses::default();
        }
        self.current = self.current.max(slot);
    }
}

/// How many responses [`LatestResponses`] remembers.
const LATEST: u32 = 20;

/// The latest responses, up to twenty.
#[derive(Debug, Clone, Copy, Default)]
pub struct LatestResponses {
    /// A bit for each, set if it was refused; the lowest is the latest one.
    refused: u32,
    count: u32,
}

impl LatestResponses {
    pub fn add(&mut self, is_accepted: bool) {
        self.refused = (self.refused << 1 | u32::from(!is_accepted)) & ((1 << LATEST) - 1);
        self.count = (self.count + 1).min(LATEST);
    }

    pub fn count(self) -> u32 {
        self.count
    }

    pub fn refused_share(self) -> f64 {
        f64::from(self.refused.count_ones()) / f64::from(self.count.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_responses_are_those_of_the_last_seconds() {
        let mut recent = RecentResponses::default();
        for millisecond in (0..10_000).step_by(10) {
            let now = Duration::from_millis(millisecond);
            recent.add(millisecond < 9000, now);
            if millisecond == 5000 {
                assert!((95.0..=102.0).contains(&recent.accepted_per_second(now)));
                assert_eq!(recent.of_two_seconds(now).refused, 0);
            }
        }
        let end = Duration::from_secs(10);
        assert!(recent.accepted_per_second(end) <= 13.0);
        assert!((0.45..0.56).contains(&recent.of_two_seconds(end).refused_share()));
        let later = Duration::from_secs(1_000_000);
        assert_eq!(recent.accepted_per_second(later), 0.0);
        assert_eq!(recent.of_two_seconds(later), Responses::default());
    }

    #[test]
    fn latest_responses_are_twenty() {
        let mut latest = LatestResponses::default();
        assert_eq!((latest.count(), latest.refused_share()), (0, 0.0));
        (0..3).for_each(|_| latest.add(false));
        latest.add(true);
        assert_eq!((latest.count(), latest.refused_share()), (4, 0.75));
        (0..19).for_each(|_| latest.add(true));
        assert_eq!((latest.count(), latest.refused_share()), (20, 0.0));
    }
}
