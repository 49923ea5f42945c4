//! Distinguishes refusals that a lower rate avoids from those that come at any rate (pure).
//!
//! Small cuts of the share that follow each other are a series. If they add up to a tenth, the share is held for a trial:
//! were the rate the reason, hardly any call would be refused now. If refusals are as frequent as before, they are noise:
//! the cuts are undone, and about as many refusals are ignored for a while.

use std::time::Duration;

use super::responses::Responses;

/// How long without a refusal ends a series.
const SERIES_ENDS_AFTER: Duration = Duration::from_secs(5);

/// A trial starts below this part of the share before the series.
const TRIAL_BELOW: f64 = 0.9;

/// Refusals in a series that show how frequent they are, and the largest share of refused calls that may be noise: at a
/// higher one, the limit may be below the share of the trial.
const MIN_REFUSED: u64 = 3;
const MAX_NOISE: f64 = 0.06;

/// A trial ends when so many refusals would have come if they were noise. Half as many show that they are.
const EXPECTED_IN_TRIAL: f64 = 6.0;

/// So many refusals end a trial early: a lower limit is the reason.
const MAX_REFUSED_IN_TRIAL: u64 = 10;

/// How long noise is ignored before the next trial.
const IGNORED_FOR: Duration = Duration::from_secs(30);

/// The detection of refusals that do not depend on the rate.
#[derive(Debug, Default)]
pub struct Noise {
    series: Option<CutSeries>,
    known: Option<KnownNoise>,
}

#[derive(Debug)]
struct CutSeries {
    /// The share before the first cut.
    top: f64,
    cut_at: Duration,
    responses: Responses,
    trial: Option<Responses>,
}

#[derive(Debug)]
struct KnownNoise {
    refused_share: f64,
    until: Duration,
}

impl Noise {
    /// Whether a trial holds the share.
    pub fn is_trial(&self) -> bool {
        self.series.as_ref().is_some_and(|series| series.trial.is_some())
    }

    /// Whether a refusal is ignored, given the share of refused calls of the last seconds.
    pub fn ignores(&self, recent: f64, now: Duration) -> bool {
        let is_known =
            |known: &KnownNoise| now < known.until && recent <= 1.5 * known.refused_share + 0.01;
        self.is_trial() || self.known.as_ref().is_some_and(is_known)
    }

    /// A small cut of the share.
    pub fn on_cut(&mut self, before: f64, after: f64, now: Duration) {
        let responses = Responses::default();
        let series = self.series.get_or_insert(CutSeries {
            top: before,
            cut_at: now,
            responses,
            trial: None,
        });
        series.cut_at = now;
        if after < TRIAL_BELOW * series.top {
            let Responses { refused, .. } = series.responses;
            if refused >= MIN_REFUSED && series.responses.refused_share() <= MAX_NOISE {
                series.trial = Some(Responses::default());
            } else {
                self.series = None;
            }
        }
    }

    /// The refusals depend on the rate.
    pub fn reset(&mut self) {
        self.series = None;
    }

    /// A response to a call made since the last cut. Returns the share to return to if the refusals are noise.
    pub fn on_response(&mut self, is_accepted: bool, now: Duration) -> Option<f64> {
        let series = self.series.as_mut()?;
        let Some(trial) = &mut series.trial else {
            series.responses.add(is_accepted);
            if now >= series.cut_at + SERIES_ENDS_AFTER {
                self.series = None;
            }
            return None;
        };
        trial.add(is_accepted);
        let refused_share = series.responses.refused_share();
        let is_complete = refused_share * trial.total() as f64 >= EXPECTED_IN_TRIAL;
        if !is_complete && trial.refused < MAX_REFUSED_IN_TRIAL {
            return None;
        }
        let is_noise = is_complete && trial.refused as f64 >= EXPECTED_IN_TRIAL / 2.0;
        let top = series.top;
        self.series = None;
        is_noise.then(|| {
            self.known = Some(KnownNoise { refused_share, until: now + IGNORED_FOR });
            top
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    /// Small cuts to below nine tenths, each after so many accepted calls; returns the share.
    fn cut_to_trial(noise: &mut Noise, accepted: usize) -> f64 {
        let mut share = 1.0;
        while share >= TRIAL_BELOW {
            noise.on_cut(share, share * 0.98, START);
            share *= 0.98;
            respond(noise, accepted, 1);
        }
        share
    }

    fn respond(noise: &mut Noise, accepted: usize, refused: usize) -> Vec<f64> {
        let responses =
            std::iter::repeat_n(true, accepted).chain(std::iter::repeat_n(false, refused));
        responses.filter_map(|is_accepted| noise.on_response(is_accepted, START)).collect()
    }

    #[test]
    fn refusals_that_a_lower_rate_does_not_avoid_are_ignored_for_a_while() {
        let mut noise = Noise::default();
        cut_to_trial(&mut noise, 49);
        assert!(noise.is_trial() && noise.ignores(0.02, START));
        let returned: Vec<f64> = (0..6).flat_map(|_| respond(&mut noise, 49, 1)).collect();
        assert_eq!(returned, [1.0]);
        assert!(!noise.is_trial());
        assert!(noise.ignores(0.03, START) && !noise.ignores(0.05, START));
        assert!(!noise.ignores(0.02, START + IGNORED_FOR));
    }

    #[test]
    fn refusals_that_a_lower_rate_avoids_are_not_noise() {
        let mut noise = Noise::default();
        cut_to_trial(&mut noise, 49);
        assert!(respond(&mut noise, 400, 1).is_empty());
        assert!(!noise.is_trial() && !noise.ignores(0.001, START));
    }

    #[test]
    fn frequent_refusals_start_no_trial_and_more_refusals_end_one() {
        let mut noise = Noise::default();
        cut_to_trial(&mut noise, 9);
        assert!(!noise.is_trial());
        cut_to_trial(&mut noise, 49);
        assert!(noise.is_trial());
        assert!(respond(&mut noise, 0, 10).is_empty());
        assert!(!noise.is_trial());
    }

    #[test]
    fn a_series_ends_without_refusals() {
        let mut noise = Noise::default();
        noise.on_cut(1.0, 0.91, START);
        assert_eq!(noise.on_response(true, START + SERIES_ENDS_AFTER), None);
        noise.on_cut(0.95, 0.89, START + SERIES_ENDS_AFTER);
        assert!(!noise.is_trial());
    }
}
