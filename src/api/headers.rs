//! Headers of a response, which are untrusted.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3), at most ten years. A date is compared with the server's
/// own `Date` if present, otherwise with `now`.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    /// Longer than any patience, and no overflow when added to a time.
    const LONGEST: Duration = Duration::from_hours(24 * 3650);
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that overflows is a long time as well.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = http_date(text)?;
    let wait = until.duration_since(date(headers).unwrap_or(now));
    // A date that has passed allows a retry at once.
    Some(Duration::try_from(wait).unwrap_or_default().min(LONGEST))
}

/// `Date`: the server's clock when it responded, in whole seconds (RFC 9110 section 6.6.1).
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &'static str)| {
            (name.clone(), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let now = "2015-10-21T07:27:00Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("999999", Some(999_999)),
            ("99999999999999999999999", Some(3650 * 86_400)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("Wed, 21 Oct 2099 07:00:00 GMT", Some(3650 * 86_400)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let read = retry_after(&headers(&[(RETRY_AFTER, text)]), now);
            assert_eq!(read, seconds.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(retry_after(&headers(&[]), now), None);
    }

    #[test]
    fn a_retry_after_date_is_compared_with_the_servers_own_clock() {
        let lines = [
            (DATE, "Wed, 21 Oct 2015 07:27:50 GMT"),
            (RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT"),
        ];
        let wrong_by_years = "2026-11-22T00:00:00Z".parse().unwrap();
        let wait = retry_after(&headers(&lines), wrong_by_years);
        assert_eq!(wait, Some(Duration::from_secs(10)));
    }

    #[test]
    fn the_date_is_read_in_the_form_that_servers_must_send() {
        let date_of = |text: &'static str| date(&headers(&[(DATE, text)]));
        let expected = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(date_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(expected));
        for bad in ["", "now", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(date_of(bad), None, "{bad}");
        }
    }
}
