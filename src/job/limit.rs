//! Limits up to which a run publishes: a count, a percentage, or none. Comparisons are exact.

use std::fmt;

use indicatif::HumanCount;
use toml::Value;

use super::error::{KeyError, quoted};

/// A maximum, such as of failed accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    Off,
    /// A number, independent of the total.
    Count(u64),
    /// A proportion of the total: 1 % is 10 000.
    PartsPerMillion(u32),
}

const WHOLE: u32 = 1_000_000;
const PARTS_IN_ONE_PERCENT: u32 = WHOLE / 100;
/// Decimal places of a percentage that parts per million can represent: 0.0001 %.
const MAX_DECIMALS: usize = 4;

const OFF: &str = "off";

impl Limit {
    pub(super) const fn percent(percent: u32) -> Limit {
        assert!(percent <= 100);
        Limit::PartsPerMillion(percent * PARTS_IN_ONE_PERCENT)
    }

    /// Whether `count` of `total` is within the limit, without rounding.
    pub fn allows(self, count: u64, total: u64) -> bool {
        match self {
            Limit::Off => true,
            Limit::Count(max) => count <= max,
            Limit::PartsPerMillion(parts) => {
                u128::from(count) * u128::from(WHOLE) <= u128::from(total) * u128::from(parts)
            }
        }
    }

    /// What the limit allows of `total`: `500 (1% of 50,000)`.
    pub fn allowance(self, total: u64) -> String {
        match self {
            Limit::Off => "any number".to_owned(),
            Limit::Count(max) => HumanCount(max).to_string(),
            Limit::PartsPerMillion(parts) => {
                let allowed = u128::from(total) * u128::from(parts) / u128::from(WHOLE);
                // At most the total, so that it fits.
                let allowed = HumanCount(u64::try_from(allowed).unwrap_or(total));
                format!("{allowed} ({self} of {})", HumanCount(total))
            }
        }
    }

    /// The value of `key`, which counts `unit`, or the default.
    pub(super) fn from_value(
        key: &str,
        value: Option<&Value>,
        default: Limit,
        unit: &str,
    ) -> Result<Limit, KeyError> {
        let problem = match value {
            None => return Ok(default),
            Some(Value::Integer(number)) => match u64::try_from(*number) {
                Ok(count) => return Ok(Limit::Count(count)),
                Err(_) => format!("is {number}, which is negative"),
            },
            Some(Value::String(text)) => match parse(text.trim()) {
                Some(limit) => return Ok(limit),
                None => format!("is {}, which is neither a number nor a percentage", quoted(text)),
            },
            Some(Value::Float(number)) => {
                format!("is {number}, which could be a number or a percentage")
            }
            Some(_) => "is neither a number nor a percentage".to_owned(),
        };
        Err(KeyError::new(
            key,
            format!(
                "{problem}; write a number of {unit} such as 100, a percentage from \"0%\" to \"100%\" with at most \
                 {MAX_DECIMALS} decimal places such as \"0.5%\", or \"{OFF}\""
            ),
        ))
    }
}

/// In the notation of a job file.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Off => f.write_str(OFF),
            Limit::Count(count) => write!(f, "{count}"),
            Limit::PartsPerMillion(parts) => {
                let (whole, rest) = (parts / PARTS_IN_ONE_PERCENT, parts % PARTS_IN_ONE_PERCENT);
                let decimals = format!("{rest:0MAX_DECIMALS$}");
                match decimals.trim_end_matches('0') {
                    "" => write!(f, "{whole}%"),
                    decimals => write!(f, "{whole}.{decimals}%"),
                }
            }
        }
    }
}

fn parse(text: &str) -> Option<Limit> {
    if text == OFF {
        return Some(Limit::Off);
    }
    match text.strip_suffix('%') {
        None => digits(text)?.parse().ok().map(Limit::Count),
        Some(percentage) => parts_per_million(percentage.trim_end()).map(Limit::PartsPerMillion),
    }
}

fn parts_per_million(percentage: &str) -> Option<u32> {
    let (whole, decimals) = percentage.split_once('.').unwrap_or((percentage, "0"));
    if digits(decimals)?.len() > MAX_DECIMALS {
        return None;
    }
    let percent: u32 = digits(whole)?.parse().ok()?;
    let rest: u32 = format!("{decimals:0<MAX_DECIMALS$}").parse().ok()?;
    percent.checked_mul(PARTS_IN_ONE_PERCENT)?.checked_add(rest).filter(|parts| *parts <= WHOLE)
}

/// The text itself if it is all digits; `parse` alone would accept a sign.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_value(value: Option<&Value>) -> Result<Limit, KeyError> {
        Limit::from_value("limits.max_failed", value, Limit::percent(1), "accounts")
    }

    fn from_text(text: &str) -> Option<Limit> {
        from_value(Some(&Value::String(text.to_owned()))).ok()
    }

    #[test]
    fn counts_percentages_and_off_are_parsed() {
        use Limit::{Count, Off, PartsPerMillion};
        assert_eq!(from_text("0"), Some(Count(0)));
        assert_eq!(from_text(" 100 "), Some(Count(100)));
        assert_eq!(from_text("1%"), Some(PartsPerMillion(10_000)));
        assert_eq!(from_text("0.5 %"), Some(PartsPerMillion(5_000)));
        assert_eq!(from_text("0.0001%"), Some(PartsPerMillion(1)));
        assert_eq!(from_text("100%"), Some(PartsPerMillion(1_000_000)));
        assert_eq!(from_text("100.0000%"), Some(PartsPerMillion(1_000_000)));
        assert_eq!(from_text(" off "), Some(Off));
        assert_eq!(from_value(Some(&Value::Integer(7))), Ok(Count(7)));
        assert_eq!(from_value(None), Ok(PartsPerMillion(10_000)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "%",
            ".5%",
            "1.%",
            "-1",
            "+1",
            "-1%",
            "100.0001%",
            "101%",
            "1.00001%",
            "1,5%",
            "1e2",
            "4294967296%",
            "99999999999999999999",
            "1%%",
            "٣%",
            "OFF",
            "none",
        ] {
            assert_eq!(from_text(text), None, "{text:?}");
        }
        assert!(from_value(Some(&Value::Boolean(false))).is_err());
    }

    #[test]
    fn display_is_the_notation_of_a_job_file() {
        for text in ["off", "0", "100", "0%", "1%", "0.5%", "0.0001%", "12.3456%", "100%"] {
            assert_eq!(from_text(text).map(|limit| limit.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn percentages_are_compared_exactly() {
        let one_percent = Limit::PartsPerMillion(10_000);
        assert!(one_percent.allows(1, 100) && !one_percent.allows(2, 199));
        assert!(one_percent.allows(2, 200) && !one_percent.allows(1, 99));
        assert!(one_percent.allows(0, 0) && !one_percent.allows(1, 0));
        let whole = Limit::PartsPerMillion(1_000_000);
        assert!(whole.allows(u64::MAX, u64::MAX) && !whole.allows(u64::MAX, u64::MAX - 1));
        assert!(!Limit::PartsPerMillion(999_999).allows(u64::MAX, u64::MAX));
    }

    #[test]
    fn the_allowance_is_a_number_and_where_it_comes_from() {
        assert_eq!(Limit::percent(1).allowance(50_000), "500 (1% of 50,000)");
        assert_eq!(Limit::percent(1).allowance(99), "0 (1% of 99)");
        assert_eq!(Limit::PartsPerMillion(WHOLE).allowance(7), "7 (100% of 7)");
        assert_eq!(Limit::Count(1000).allowance(7), "1,000");
    }

    #[test]
    fn counts_and_off_ignore_the_total() {
        assert!(Limit::Count(5).allows(5, 0) && !Limit::Count(5).allows(6, 1 << 40));
        assert!(Limit::Off.allows(u64::MAX, 0));
    }
}
