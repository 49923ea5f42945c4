//! The calls per second that a service that throttled accepted, and what follows for the job (pure).

use std::fmt;

use crate::snapshot::manifest::CallInfo;
use crate::util::human::percent_text;

/// A run shows what the service accepts once it was accepted for this many seconds.
const MIN_SECONDS: u64 = 5;

/// The same for very low rates.
const MIN_ACCEPTED_CALLS: u64 = 10;

/// Below this share of throttled calls, in percent, a lower rate is not worth it: they are few, or refused at random.
const MIN_THROTTLED_PERCENT: u64 = 1;

/// At this part of the limit, in percent, and above, the accepted rate does not differ from it.
const SAME_AS_LIMIT_PERCENT: u64 = 90;

/// Below this part of the limit, in percent, the service has a lower limit, even if few calls are throttled, provided that
/// the whole run was held at about it: a long run provokes few refusals.
const LOWER_LIMIT_PERCENT: u64 = 75;

/// The mean rate of a run that was held at the accepted rate, relative to it.
const HELD_AT: f64 = 1.1;

/// The suggested part of the accepted rate, in percent, so that the service need not throttle to hold the run at it.
const SUGGESTED_PERCENT: u64 = 98;

/// The calls per second that the service accepted; `None` unless it throttled and the run shows what it accepts.
pub fn accepted_rate(calls: &CallInfo) -> Option<u32> {
    let rate = calls.learned_calls_per_second?;
    let accepted = calls.made.saturating_sub(calls.throttled);
    let is_shown = accepted >= MIN_ACCEPTED_CALLS.max(MIN_SECONDS * u64::from(rate));
    (is_shown && calls.throttled > 0).then_some(rate)
}

/// How many calls the service throttled: their share of all calls.
pub fn throttled_share(calls: &CallInfo) -> String {
    percent_text(calls.throttled, calls.made)
}

/// What to set `api.calls_per_second` to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateAdvice {
    pub calls_per_second: u32,
    accepted: u32,
    throttled_share: String,
}

impl RateAdvice {
    /// The advice that follows from the calls of a run, if the service accepts considerably fewer than the job allows.
    pub fn new(calls: &CallInfo) -> Option<RateAdvice> {
        let accepted = accepted_rate(calls)?;
        let limit = u64::from(calls.calls_per_second);
        let is_below = |percent| limit == 0 || u64::from(accepted) * 100 < limit * percent;
        let is_held = calls
            .rate_utilization_percent
            .is_some_and(|percent| percent / 100.0 * limit as f64 <= HELD_AT * f64::from(accepted));
        let are_many = calls.throttled * 100 >= calls.made * MIN_THROTTLED_PERCENT;
        let differs = match are_many {
            true => is_below(SAME_AS_LIMIT_PERCENT),
            false => is_held && is_below(LOWER_LIMIT_PERCENT),
        };
        let suggested = u64::from(accepted) * SUGGESTED_PERCENT / 100;
        differs.then(|| RateAdvice {
            calls_per_second: u32::try_from(suggested).unwrap_or(u32::MAX).max(1),
            accepted,
            throttled_share: throttled_share(calls),
        })
    }
}

impl fmt::Display for RateAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RateAdvice { calls_per_second, accepted, throttled_share } = self;
        write!(
            f,
            "the service accepted about {accepted} calls/s and throttled {throttled_share} of the calls; set \
             api.calls_per_second = {calls_per_second}, or raise the app's limit, which all of its callers share"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(made: u64, throttled: u64, learned: Option<u32>) -> CallInfo {
        let learned_calls_per_second = learned;
        CallInfo {
            made,
            throttled,
            learned_calls_per_second,
            calls_per_second: 200,
            ..CallInfo::default()
        }
    }

    fn suggested(calls: &CallInfo) -> Option<u32> {
        RateAdvice::new(calls).map(|advice| advice.calls_per_second)
    }

    #[test]
    fn advice_names_what_the_service_accepted() {
        let advice = RateAdvice::new(&calls(14_000, 300, Some(118))).unwrap();
        insta::assert_snapshot!(advice, @"the service accepted about 118 calls/s and throttled 2.1 % of the calls; set api.calls_per_second = 115, or raise the app's limit, which all of its callers share");
    }

    #[test]
    fn nothing_is_suggested_unless_the_service_throttled() {
        for calls in [calls(14_000, 0, None), calls(14_000, 0, Some(118)), CallInfo::default()] {
            assert_eq!((accepted_rate(&calls), suggested(&calls)), (None, None), "{calls:?}");
        }
    }

    #[test]
    fn few_throttled_calls_change_no_setting() {
        assert_eq!(suggested(&calls(10_000, 99, Some(100))), None);
        assert_eq!(accepted_rate(&calls(10_000, 99, Some(100))), Some(100));
        assert_eq!(suggested(&calls(10_000, 100, Some(100))), Some(98));
    }

    #[test]
    fn a_run_held_at_a_lower_limit_throughout_suggests_it() {
        let held = |percent: f64, learned| CallInfo {
            rate_utilization_percent: Some(percent),
            ..calls(100_000, 400, Some(learned))
        };
        assert_eq!(suggested(&held(60.0, 118)), Some(115));
        // Only for a part of the run.
        assert_eq!(suggested(&held(80.0, 118)), None);
        // As a series of refusals at random may end.
        assert_eq!(suggested(&held(78.0, 160)), None);
    }

    #[test]
    fn short_runs_show_no_rate() {
        for (made, throttled, learned, shown) in [
            (3, 1, 100, false),
            (599, 100, 100, false),
            (600, 100, 100, true),
            (19, 10, 1, false),
            (20, 10, 1, true),
        ] {
            let calls = calls(made, throttled, Some(learned));
            assert_eq!(accepted_rate(&calls).is_some(), shown, "{calls:?}");
            assert_eq!(suggested(&calls).is_some(), shown, "{calls:?}");
        }
    }

    #[test]
    fn a_rate_near_the_limit_is_kept_and_without_a_limit_one_is_suggested() {
        assert_eq!(suggested(&calls(10_000, 500, Some(180))), None);
        assert_eq!(suggested(&calls(10_000, 500, Some(179))), Some(175));
        let unlimited = CallInfo { calls_per_second: 0, ..calls(10_000, 500, Some(198)) };
        assert_eq!(suggested(&unlimited), Some(194));
        assert_eq!(suggested(&calls(10_000, 500, Some(1))), Some(1));
        assert_eq!(suggested(&calls(10_000, 500, Some(0))), Some(1));
    }
}
