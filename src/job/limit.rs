//! How much of something a run may have and still publish: a count, a share, or no limit. Compared exactly.

use std::fmt;

use toml::Value;

use super::error::{Refusal, shown};

/// The most that is allowed of something, such as failed accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Everything is allowed.
    Off,
    /// A number, whatever the total.
    Count(u64),
    /// A share of the total, in parts per million: 1 % is 10 000.
    PartsPerMillion(u32),
}

const WHOLE: u32 = 1_000_000;
const PARTS_IN_ONE_PERCENT: u32 = WHOLE / 100;
/// Digits after the point that parts per million can hold: 0.0001 %.
const MAX_DECIMALS: usize = 4;

/// The word for [`Limit::Off`].
const OFF: &str = "off";

impl Limit {
    /// A share of so many percent, up to 100.
    pub(super) const fn percent(percent: u32) -> Limit {
        assert!(percent <= 100);
        Limit::PartsPerMillion(percent * PARTS_IN_ONE_PERCENT)
    }

    /// Whether `count` of `total` is allowed. Exact: a share is never rounded in favor of either side.
    pub fn allows(self, count: u64, total: u64) -> bool {
        match self {
            Limit::Off => true,
            Limit::Count(most) => count <= most,
            Limit::PartsPerMillion(parts) => {
                u128::from(count) * u128::from(WHOLE) <= u128::from(total) * u128::from(parts)
            }
        }
    }

    /// The limit that a job sets for `key`, which counts `unit`.
    pub(super) fn from_value(
        key: &str,
        value: Option<&Value>,
        default: Limit,
        unit: &str,
    ) -> Result<Limit, Refusal> {
        let problem = match value {
            None => return Ok(default),
            Some(Value::Integer(number)) => match u64::try_from(*number) {
                Ok(count) => return Ok(Limit::Count(count)),
                Err(_) => format!("is {number}, which is below 0"),
            },
            Some(Value::String(text)) => match parse(text.trim()) {
                Some(limit) => return Ok(limit),
                None => format!("is {}, which is neither a number nor a share", shown(text)),
            },
            Some(Value::Float(number)) => {
                format!("is {number}, which may be meant as a number or as a share")
            }
            Some(_) => "is neither a number nor a share".to_owned(),
        };
        Err(Refusal::new(
            key,
            format!(
                "{problem}; write a number of {unit} such as 100, a share from \"0%\" to \"100%\" with at most \
                 {MAX_DECIMALS} decimals such as \"0.5%\", or \"{OFF}\""
            ),
        ))
    }
}

/// As a job has it.
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
        Some(share) => parts_per_million(share.trim_end()).map(Limit::PartsPerMillion),
    }
}

fn parts_per_million(share: &str) -> Option<u32> {
    let (whole, decimals) = share.split_once('.').unwrap_or((share, "0"));
    if digits(decimals)?.len() > MAX_DECIMALS {
        return None;
    }
    let percents: u32 = digits(whole)?.parse().ok()?;
    let rest: u32 = format!("{decimals:0<MAX_DECIMALS$}").parse().ok()?;
    percents.checked_mul(PARTS_IN_ONE_PERCENT)?.checked_add(rest).filter(|parts| *parts <= WHOLE)
}

/// The text itself when it is all digits; `parse` alone would let a sign pass.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_value(value: Option<&Value>) -> Result<Limit, Refusal> {
        Limit::from_value("limits.max_failed", value, Limit::percent(1), "accounts")
    }

    fn of_text(text: &str) -> Option<Limit> {
        of_value(Some(&Value::String(text.to_owned()))).ok()
    }

    #[test]
    fn counts_shares_and_off_as_people_write_them() {
        use Limit::{Count, Off, PartsPerMillion};
        assert_eq!(of_text("0"), Some(Count(0)));
        assert_eq!(of_text(" 100 "), Some(Count(100)));
        assert_eq!(of_text("1%"), Some(PartsPerMillion(10_000)));
        assert_eq!(of_text("0.5 %"), Some(PartsPerMillion(5_000)));
        assert_eq!(of_text("0.0001%"), Some(PartsPerMillion(1)));
        assert_eq!(of_text("100%"), Some(PartsPerMillion(1_000_000)));
        assert_eq!(of_text("100.0000%"), Some(PartsPerMillion(1_000_000)));
        assert_eq!(of_text(" off "), Some(Off));
        assert_eq!(of_value(Some(&Value::Integer(7))), Ok(Count(7)));
        assert_eq!(of_value(None), Ok(PartsPerMillion(10_000)));
    }

    #[test]
    fn anything_else_is_neither() {
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
            assert_eq!(of_text(text), None, "{text:?}");
        }
        assert!(of_value(Some(&Value::Boolean(false))).is_err());
    }

    #[test]
    fn a_limit_is_shown_as_it_may_be_written() {
        for text in ["off", "0", "100", "0%", "1%", "0.5%", "0.0001%", "12.3456%", "100%"] {
            assert_eq!(of_text(text).map(|limit| limit.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn the_edge_of_a_share_is_exact() {
        let one_percent = Limit::PartsPerMillion(10_000);
        assert!(one_percent.allows(1, 100) && !one_percent.allows(2, 199));
        assert!(one_percent.allows(2, 200) && !one_percent.allows(1, 99));
        assert!(one_percent.allows(0, 0) && !one_percent.allows(1, 0));
        let whole = Limit::PartsPerMillion(1_000_000);
        assert!(whole.allows(u64::MAX, u64::MAX) && !whole.allows(u64::MAX, u64::MAX - 1));
        assert!(!Limit::PartsPerMillion(999_999).allows(u64::MAX, u64::MAX));
    }

    #[test]
    fn neither_a_count_nor_off_looks_at_the_total() {
        assert!(Limit::Count(5).allows(5, 0) && !Limit::Count(5).allows(6, 1 << 40));
        assert!(Limit::Off.allows(u64::MAX, 0));
    }
}
