//! Headers of an answer. All of them are untrusted.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date there is passed over, since it would need the server's clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    /// An hour: a longer pause is not the client's to make.
    const LONGEST_SECONDS: u64 = 3600;
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_SECONDS)))
}

/// `Date`: the server's clock, in whole seconds, when it answered (RFC 9110 section 6.6.1).
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_date_is_read_in_the_form_that_servers_must_send() {
        let date_of = |text: &'static str| {
            date(&HeaderMap::from_iter([(DATE, HeaderValue::from_static(text))]))
        };
        let expected = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(date_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(expected));
        for bad in ["", "now", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(date_of(bad), None, "{bad}");
        }
    }
}
