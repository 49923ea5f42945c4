//! Where the marks of an axis stand, and what is written at them.

/// Steps of a time axis in seconds, each easy to count by.
const TIME_STEPS: [f64; 22] = [
    0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
    7200.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// The marks of an axis from 0 to `end` seconds, `at_most` and the one at 0.
pub fn time_marks(end: f64, at_most: usize) -> Vec<f64> {
    let fits = |step: &&f64| end / **step <= at_most as f64;
    let step = TIME_STEPS.iter().find(fits).copied().unwrap_or(end);
    multiples(step, end)
}

/// The marks of an axis from 0 that has to hold `most`, and its end, which is a mark.
pub fn count_marks(most: f64, at_most: usize) -> (Vec<f64>, f64) {
    let least_step = most / at_most as f64;
    let decade = 10_f64.powf(least_step.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
    // Calls are whole.
    let step = nice.into_iter().find(|step| *step >= least_step).unwrap_or(least_step).max(1.0);
    let end = (most / step).ceil() * step;
    (multiples(step, end), end)
}

fn multiples(step: f64, end: f64) -> Vec<f64> {
    let count = (end / step + 1e-9) as usize;
    (0..=count).map(|mark| mark as f64 * step).collect()
}

/// The marks of an axis of seconds that grows tenfold step by step, as decimal logarithms: from the mark at or below
/// `least` to the one at `most` or next to it, by 1, 2 and 5 where those are at most `at_most`, by tens otherwise.
pub fn latency_marks(least: f64, most: f64, at_most: usize) -> Vec<f64> {
    let by = |factors: &[f64]| {
        let mut marks: Vec<f64> = (-5..=3)
            .flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)))
            .collect();
        let first = marks.iter().rposition(|mark| *mark <= least).unwrap_or(0);
        // What is a little above the last mark needs no further one.
        let last = marks.iter().position(|mark| *mark * 1.2 >= most).unwrap_or(marks.len() - 1);
        // A run of equal latencies still needs an axis of some height.
        let last = last.max(first + 1).min(marks.len() - 1);
        marks.truncate(last + 1);
        marks.split_off(first)
    };
    let fine = by(&[1.0, 2.0, 5.0]);
    let marks = if fine.len() <= at_most { fine } else { by(&[1.0]) };
    marks.into_iter().map(f64::log10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::human::duration_text;

    #[test]
    fn marks_are_numbers_that_people_count_by() {
        assert_eq!(time_marks(0.8, 5), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(time_marks(7300.0, 8), [0.0, 1800.0, 3600.0, 5400.0, 7200.0]);
        assert_eq!(time_marks(36_000.0, 5), [0.0, 7200.0, 14_400.0, 21_600.0, 28_800.0, 36_000.0]);
        assert_eq!(count_marks(200.0, 5), (vec![0.0, 50.0, 100.0, 150.0, 200.0], 200.0));
        assert_eq!(count_marks(213.0, 5).1, 250.0);
        assert_eq!(count_marks(1.0, 5), (vec![0.0, 1.0], 1.0));
        let texts = |marks: Vec<f64>| {
            marks.iter().map(|mark| duration_text(10_f64.powf(*mark))).collect::<Vec<_>>()
        };
        assert_eq!(
            texts(latency_marks(0.021, 0.3, 6)),
            ["20 ms", "50 ms", "100 ms", "200 ms", "500 ms"]
        );
        assert_eq!(
            texts(latency_marks(0.0003, 9.0, 6)),
            ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]
        );
        assert_eq!(texts(latency_marks(0.02, 0.02, 6)), ["20 ms", "50 ms"]);
        assert_eq!(texts(latency_marks(0.012, 10.4, 6)), ["10 ms", "100 ms", "1 s", "10 s"]);
    }
}
