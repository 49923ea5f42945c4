//! How long calls took: counts in steps that grow by a twelfth, from an eighth of a millisecond to two minutes.

use std::time::Duration;

/// The end of the first step; what is faster counts in it.
const FIRST_STEP_SECONDS: f64 = 0.000_125;

/// Steps until the latency has doubled.
const STEPS_PER_DOUBLING: f64 = 8.0;

/// 20 doublings: what is slower than 131 s counts in the last.
const STEPS: usize = 160;

/// Latencies of some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies(Box<[u32; STEPS]>);

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies(Box::new([0; STEPS]))
    }
}

impl Latencies {
    /// Counts a call.
    pub fn add(&mut self, latency: Duration) {
        let step = (latency.as_secs_f64() / FIRST_STEP_SECONDS).log2() * STEPS_PER_DOUBLING;
        // The conversion takes what is negative, or no number at all, to 0.
        let step = (step as usize).min(STEPS - 1);
        self.0[step] = self.0[step].saturating_add(1);
    }

    /// Counts what was counted elsewhere.
    pub fn merge(&mut self, other: &Latencies) {
        for (calls, more) in self.0.iter_mut().zip(other.0.iter()) {
            *calls = calls.saturating_add(*more);
        }
    }

    /// The latency in seconds that `share` (0 to 1) of the calls did not exceed, true to a twelfth; none without a call.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let total: u64 = self.0.iter().map(|calls| u64::from(*calls)).sum();
        let wanted = share * total as f64;
        let mut below = 0.0;
        for (step, &calls) in self.0.iter().enumerate() {
            let calls = f64::from(calls);
            if calls > 0.0 && below + calls >= wanted {
                let part_of_step = ((wanted - below) / calls).clamp(0.0, 1.0);
                let doublings = (step as f64 + part_of_step) / STEPS_PER_DOUBLING;
                return Some(FIRST_STEP_SECONDS * doublings.exp2());
            }
            below += calls;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_call_there_is_no_percentile() {
        assert_eq!(Latencies::default().percentile(0.5), None);
    }

    #[test]
    fn what_is_out_of_range_counts_at_its_ends() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::ZERO);
        assert!(latencies.percentile(1.0).unwrap() < 0.000_14);
        latencies.add(Duration::MAX);
        assert!(latencies.percentile(1.0).unwrap() > 120.0);
    }

    proptest! {
        #[test]
        fn percentiles_are_true_to_a_twelfth(
            mut micros in proptest::collection::vec(200..100_000_000u64, 1..200),
            percent in 1..=100u32,
        ) {
            let mut latencies = Latencies::default();
            micros.iter().for_each(|micros| latencies.add(Duration::from_micros(*micros)));
            micros.sort_unstable();
            let share = f64::from(percent) / 100.0;
            let rank = (share * micros.len() as f64).ceil() as usize;
            let exact = micros[rank - 1] as f64 / 1e6;
            let told = latencies.percentile(share).unwrap();
            prop_assert!(told > exact / 1.1 && told < exact * 1.1, "{} for {}", told, exact);
        }

        #[test]
        fn merged_is_as_counted_together(
            one in proptest::collection::vec(0..10_000_000u64, 0..50),
            two in proptest::collection::vec(0..10_000_000u64, 0..50),
        ) {
            let of = |micros: &[u64]| {
                let mut latencies = Latencies::default();
                micros.iter().for_each(|micros| latencies.add(Duration::from_micros(*micros)));
                latencies
            };
            let mut sum = of(&one);
            sum.merge(&of(&two));
            prop_assert_eq!(sum, of(&[one, two].concat()));
        }
    }
}
