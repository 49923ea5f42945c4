//! How many accounts may fail before a run does not publish: a count or a share, compared exactly.

use toml::Value;

use super::error::{Refusal, shown};

/// The most accounts that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFailed {
    /// So many, whatever the length of the list.
    Accounts(u64),
    /// A share of the accounts that were asked for, in parts per million: 1 % is 10 000.
    PartsPerMillion(u32),
}

const WHOLE: u32 = 1_000_000;
const PARTS_IN_ONE_PERCENT: u32 = WHOLE / 100;
/// Digits after the point that parts per million can hold: 0.0001 %.
const MAX_DECIMALS: usize = 4;

impl MaxFailed {
    const DEFAULT: MaxFailed = MaxFailed::PartsPerMillion(PARTS_IN_ONE_PERCENT);
    /// The default as a job would have it.
    pub(super) const DEFAULT_TEXT: &str = "1%";

    /// Whether `failed` of `of` accounts may have failed. Exact: a share is never rounded in favour of either side.
    pub fn allows(self, failed: u64, of: u64) -> bool {
        match self {
            MaxFailed::Accounts(most) => failed <= most,
            MaxFailed::PartsPerMillion(parts) => {
                u128::from(failed) * u128::from(WHOLE) <= u128::from(of) * u128::from(parts)
            }
        }
    }

    pub(super) fn from_value(value: Option<&Value>) -> Result<MaxFailed, Refusal> {
        let problem = match value {
            None => return Ok(MaxFailed::DEFAULT),
            Some(Value::Integer(number)) => match u64::try_from(*number) {
                Ok(accounts) => return Ok(MaxFailed::Accounts(accounts)),
                Err(_) => format!("is {number}, which is below 0"),
            },
            Some(Value::String(text)) => match parse(text.trim()) {
                Some(most) => return Ok(most),
                None => format!("is {}, which is neither a number nor a share", shown(text)),
            },
            Some(Value::Float(number)) => {
                format!("is {number}, which may be meant as a number or as a share")
            }
            Some(_) => "is neither a number nor a share".to_owned(),
        };
        Err(Refusal::new(
            "limits.max_failed",
            format!(
                "{problem}; write a number of accounts such as 100, or a share from \"0%\" to \"100%\" with at most \
                 {MAX_DECIMALS} decimals such as \"0.5%\""
            ),
        ))
    }
}

fn parse(text: &str) -> Option<MaxFailed> {
    match text.strip_suffix('%') {
        None => digits(text)?.parse().ok().map(MaxFailed::Accounts),
        Some(share) => parts_per_million(share.trim_end()).map(MaxFailed::PartsPerMillion),
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

    fn of_text(text: &str) -> Option<MaxFailed> {
        MaxFailed::from_value(Some(&Value::String(text.to_owned()))).ok()
    }

    #[test]
    fn counts_and_shares_as_people_write_them() {
        use MaxFailed::{Accounts, PartsPerMillion};
        assert_eq!(of_text("0"), Some(Accounts(0)));
        assert_eq!(of_text(" 100 "), Some(Accounts(100)));
        assert_eq!(of_text("1%"), Some(PartsPerMillion(10_000)));
        assert_eq!(of_text("0.5 %"), Some(PartsPerMillion(5_000)));
        assert_eq!(of_text("0.0001%"), Some(PartsPerMillion(1)));
        assert_eq!(of_text("100%"), Some(PartsPerMillion(1_000_000)));
        assert_eq!(of_text("100.0000%"), Some(PartsPerMillion(1_000_000)));
        assert_eq!(MaxFailed::from_value(Some(&Value::Integer(7))), Ok(Accounts(7)));
        assert_eq!(MaxFailed::from_value(None), Ok(PartsPerMillion(10_000)));
        assert_eq!(of_text(MaxFailed::DEFAULT_TEXT), Some(MaxFailed::DEFAULT));
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
        ] {
            assert_eq!(of_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_edge_of_a_share_is_exact() {
        let one_percent = MaxFailed::PartsPerMillion(10_000);
        assert!(one_percent.allows(1, 100) && !one_percent.allows(2, 199));
        assert!(one_percent.allows(2, 200) && !one_percent.allows(1, 99));
        assert!(one_percent.allows(0, 0) && !one_percent.allows(1, 0));
        let whole = MaxFailed::PartsPerMillion(1_000_000);
        assert!(whole.allows(u64::MAX, u64::MAX) && !whole.allows(u64::MAX, u64::MAX - 1));
        assert!(!MaxFailed::PartsPerMillion(999_999).allows(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_count_does_not_look_at_the_list() {
        assert!(MaxFailed::Accounts(5).allows(5, 0) && !MaxFailed::Accounts(5).allows(6, 1 << 40));
    }
}
