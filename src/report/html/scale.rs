//! Marks of the axes.

/// Steps of a time axis in seconds.
const TIME_STEPS: [f64; 22] = [
    0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
    7200.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// Marks of an axis from 0 to `end` seconds: 0 and up to `max_marks` more.
pub fn time_marks(end: f64, max_marks: usize) -> Vec<f64> {
    let fits = |step: &&f64| end / **step <= max_marks as f64;
    let step = TIME_STEPS.iter().find(fits).copied().unwrap_or(end);
    multiples(step, end)
}

/// Marks of an axis from 0 to at least `max`, and its end, which is a mark.
pub fn count_marks(max: f64, max_marks: usize) -> (Vec<f64>, f64) {
    let min_step = max / max_marks as f64;
    let decade = 10_f64.powf(min_step.log10().floor());
    let round_steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
    // Calls are whole.
    let step = round_steps.into_iter().find(|step| *step >= min_step).unwrap_or(min_step).max(1.0);
    let end = (max / step).ceil() * step;
    (multiples(step, end), end)
}

fn multiples(step: f64, end: f64) -> Vec<f64> {
    let count = (end / step + 1e-9) as usize;
    (0..=count).map(|mark| mark as f64 * step).collect()
}

/// Marks of a logarithmic axis of seconds, as decimal logarithms, from the mark at or below `min` to the one at or next to
/// `max`: by 1, 2 and 5 if those are at most `max_marks`, else by tens.
pub fn latency_marks(min: f64, max: f64, max_marks: usize) -> Vec<f64> {
    let by = |factors: &[f64]| {
        let mut marks: Vec<f64> = (-5..=3)
            .flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)))
            .collect();
        let first = marks.iter().rposition(|mark| *mark <= min).unwrap_or(0);
        // A value slightly above the last mark needs no further one.
        let last = marks.iter().position(|mark| *mark * 1.2 >= max).unwrap_or(marks.len() - 1);
        // Equal latencies still need an axis of some height.
        let last = last.max(first + 1).min(marks.len() - 1);
        marks.truncate(last + 1);
        marks.split_off(first)
    };
    let fine = by(&[1.0, 2.0, 5.0]);
    let marks = if fine.len() <= max_marks { fine } else { by(&[1.0]) };
    marks.into_iter().map(f64::log10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::human::duration_text;

    #[test]
    fn marks_are_round_numbers() {
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
