//! The share of an app's limit that one of several processes uses.

use std::fmt;
use std::str::FromStr;

use crate::util::exit_code::{ExitCode, HasExitCode};

/// `K/N`: K of N equal shares, from 1 of N to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateShare {
    shares: u32,
    all: u32,
}

/// The share is less than one call per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--rate-share {share} of api.calls_per_second ({calls_per_second}) is less than one call per second; run at most {calls_per_second} processes at once, or raise api.calls_per_second"
)]
pub struct ShareTooSmall {
    share: RateShare,
    calls_per_second: u32,
}

impl HasExitCode for ShareTooSmall {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

impl RateShare {
    /// This share of a limit, rounded down, so that all shares together are within it; 0 means unlimited.
    pub fn of(self, calls_per_second: u32) -> Result<u32, ShareTooSmall> {
        let share = u64::from(calls_per_second) * u64::from(self.shares) / u64::from(self.all);
        match u32::try_from(share) {
            Ok(0) if calls_per_second > 0 => Err(ShareTooSmall { share: self, calls_per_second }),
            // At most the limit, so that it fits.
            share => Ok(share.unwrap_or(calls_per_second)),
        }
    }
}

impl FromStr for RateShare {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<RateShare, &'static str> {
        let digits = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
        };
        text.split_once('/')
            .and_then(|(shares, all)| {
                Some(RateShare { shares: digits(shares)?, all: digits(all)? })
            })
            .filter(|share| (1..=share.all).contains(&share.shares))
            .ok_or("write a fraction of at most 1, such as 1/4")
    }
}

impl fmt::Display for RateShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shares, self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> RateShare {
        text.parse().unwrap()
    }

    #[test]
    fn the_shares_of_all_processes_are_within_the_limit() {
        for (text, limit, expected) in [
            ("1/1", 200, 200),
            ("1/4", 200, 50),
            ("1/3", 200, 66),
            ("67/200", 200, 67),
            ("1/200", 200, 1),
            ("1/9", 0, 0),
            ("7/9", u32::MAX, 3_340_530_118),
        ] {
            assert_eq!(share(text).of(limit), Ok(expected), "{text} of {limit}");
        }
        insta::assert_snapshot!(share("1/201").of(200).unwrap_err(), @"--rate-share 1/201 of api.calls_per_second (200) is less than one call per second; run at most 200 processes at once, or raise api.calls_per_second");
    }

    #[test]
    fn anything_but_a_fraction_of_at_most_1_is_refused() {
        for text in [
            "",
            "1",
            "0/4",
            "5/4",
            "1/0",
            "0/0",
            "-1/4",
            "+1/4",
            "1/ 4",
            "1/4/2",
            "0.5/1",
            "99999999999/99999999999",
        ] {
            assert!(text.parse::<RateShare>().is_err(), "{text}");
        }
    }
}
