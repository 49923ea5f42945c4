//! Wakes the dispatcher at the times that it wants.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The time until a wake-up that nobody wants.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// The resolution of tokio's timers.
const RESOLUTION: Duration = Duration::from_millis(1);

/// A timer for calls at even distances. tokio interrupts its own sleep, which takes two system calls, whenever a timer is
/// started that is due before those that ran when it woke up. The timer of the next call always is. So a second timer runs,
/// due a little before the next but one time, and is postponed before it ends.
pub struct Alarm {
    next: Pin<Box<Sleep>>,
    anchor: Pin<Box<Sleep>>,
    /// Between the last two times that were not the same.
    distance: Duration,
}

impl Alarm {
    /// An alarm that is not set; within a runtime.
    pub fn new() -> Alarm {
        let never = Instant::now() + LONGEST_SLEEP;
        Alarm {
            next: Box::pin(sleep_until(never)),
            anchor: Box::pin(sleep_until(never)),
            distance: Duration::ZERO,
        }
    }

    /// Sets the time of the next wake-up; without one, the one set before may still happen.
    pub fn set(&mut self, wake_at: Option<Instant>) {
        let wake_at = match wake_at {
            Some(wake_at) => wake_at,
            None if self.next.is_elapsed() => Instant::now() + LONGEST_SLEEP,
            None => return,
        };
        let is_anchored = !self.anchor.is_elapsed();
        if wake_at == self.next.deadline() {
            // If the anchor has ended, it starts in a later turn than the next timer, or it would interrupt the sleep too.
            if !is_anchored {
                self.drop_anchor();
            }
            return;
        }
        let distance = wake_at.saturating_duration_since(self.next.deadline());
        if distance >= RESOLUTION {
            self.distance = distance;
        }
        // Replaced, because a timer that is postponed still interrupts the sleep at the time before.
        self.next.set(sleep_until(wake_at));
        if is_anchored {
            self.drop_anchor();
        }
    }

    fn drop_anchor(&mut self) {
        let at = self.next.deadline() + self.distance * 3 / 4;
        self.anchor.set(sleep_until(at));
        // Starts it: it is never polled, which would wake the dispatcher at its time.
        self.anchor.as_mut().reset(at);
    }

    /// Waits for the time that was set last. Cancel-safe.
    pub async fn rings(&mut self) {
        self.next.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rings_at(alarm: &mut Alarm, millis: u64, started: Instant) {
        let wake_at = started + Duration::from_millis(millis);
        alarm.set(Some(wake_at));
        // Other turns of the dispatcher set the same time.
        alarm.set(Some(wake_at));
        alarm.rings().await;
        let late = Instant::now().saturating_duration_since(wake_at);
        assert!(Instant::now() >= wake_at && late <= RESOLUTION, "{late:?} after {millis} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_every_time_even_when_the_distance_changes() {
        let (mut alarm, started) = (Alarm::new(), Instant::now());
        for millis in [5, 10, 15, 20, 22, 40, 45, 46, 47, 5_000, 5_005, 70_000] {
            rings_at(&mut alarm, millis, started).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_can_be_moved_in_either_direction_before_it_rings() {
        let (mut alarm, started) = (Alarm::new(), Instant::now());
        for (first, then) in [(10, 5), (20, 30), (40, 39), (50, 90), (1_000, 91)] {
            alarm.set(Some(started + Duration::from_millis(first)));
            rings_at(&mut alarm, then, started).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_time_it_does_not_ring_for_the_last_one_repeatedly() {
        let (mut alarm, started) = (Alarm::new(), Instant::now());
        rings_at(&mut alarm, 5, started).await;
        alarm.set(None);
        let minute = Duration::from_secs(60);
        assert!(tokio::time::timeout(minute, alarm.rings()).await.is_err());
        rings_at(&mut alarm, 60_010, started).await;
    }
}
