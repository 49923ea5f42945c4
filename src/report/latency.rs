//! A histogram of latencies, with steps that grow by 1/12, from 1/8 ms to two minutes.

use std::time::Duration;

/// Lower end of the first step; faster calls count in it.
const FIRST_STEP_SECONDS: f64 = 0.000_125;

const STEPS_PER_DOUBLING: f64 = 8.0;

/// 20 doublings; calls slower than 131 s count in the last step.
const STEPS: usize = 160;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies(Box<[u32; STEPS]>);

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies(Box::new([0; STEPS]))
    }
}

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        let step = (latency.as_secs_f64() / FIRST_STEP_SECONDS).log2() * STEPS_PER_DOUBLING;
        // The conversion maps negative numbers and NaN to 0.
        let step = (step as usize).min(STEPS - 1);
        self.0[step] = self.0[step].saturating_add(1);
    }

    pub fn merge(&mut self, other: &Latencies) {
        for (calls, more) in self.0.iter_mut().zip(other.0.iter()) {
            *calls = calls.saturating_add(*more);
        }
    }

    /// The latency in seconds that `share` (0 to 1) of the calls did not exceed, accurate to 1/12; `None` without calls.
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
    fn percentile_without_calls_is_absent() {
        assert_eq!(Latencies::default().percentile(0.5), None);
    }

    #[test]
    fn latencies_out_of_range_count_at_its_ends() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::ZERO);
        assert!(latencies.percentile(1.0).unwrap() < 0.000_14);
        latencies.add(Duration::MAX);
        assert!(latencies.percentile(1.0).unwrap() > 120.0);
    }

    proptest! {
        #[test]
        fn percentiles_are_accurate_to_a_twelfth(
            mut micros in proptest::collection::vec(200..100_000_000u64, 1..200),
            percent in 1..=100u32,
        ) {
            let mut latencies = Latencies::default();
            micros.iter().for_each(|micros| latencies.add(Duration::from_micros(*micros)));
            micros.sort_unstable();
            let share = f64::from(percent) / 100.0;
            let rank = (share * micros.len() as f64).ceil() as usize;
            let exact = micros[rank - 1] as f64 / 1e6;
            let percentile = latencies.percentile(share).unwrap();
            prop_assert!(percentile > exact / 1.1 && percentile < exact * 1.1, "{} for {}", percentile, exact);
        }

        #[test]
        fn merging_equals_counting_together(
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
