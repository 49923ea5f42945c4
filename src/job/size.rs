//! Sizes such as `128MiB`.

use std::ops::RangeInclusive;

use toml::Value;

use super::error::{KeyError, quoted};
use super::values::text_with_unit;

/// Units with their bytes, each after those that end like it.
const UNITS: [(&str, u64); 4] =
    [("MiB", 1 << 20), ("GiB", 1 << 30), ("MB", 1_000_000), ("GB", 1_000_000_000)];

/// What the schema accepts.
pub const PATTERN: &str = r"^\s*[0-9]+\s*(MiB|GiB|MB|GB)\s*$";

/// A size in bytes, or the default.
pub fn size(
    key: &str,
    value: Option<&Value>,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u64, KeyError> {
    const FIX: &str =
        "write a whole number with its unit in quotes, such as \"128MiB\" or \"1GiB\"";
    let Some(text) = text_with_unit(key, value, "a size", FIX)? else { return Ok(default) };
    let refuse = |message: String| Err(KeyError::new(key, message));
    match bytes(text.trim()) {
        None => refuse(format!("is {}, which is not a size; {FIX}", quoted(text))),
        Some(bytes) if range.contains(&bytes) => Ok(bytes),
        Some(_) => refuse(format!(
            "is {}, which is out of range; write a size from {} to {}",
            quoted(text),
            format_size(*range.start()),
            format_size(*range.end())
        )),
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) =
        UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)))?;
    let number = number.trim_end();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    // Whatever is too large for a number is out of range.
    is_number.then(|| number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(*unit))
}

/// A size in the notation of a job file, for a whole number of MiB.
pub fn format_size(bytes: u64) -> String {
    match bytes >> 20 {
        mib if mib % 1024 == 0 => format!("{}GiB", mib / 1024),
        mib => format!("{mib}MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        for (text, expected) in [
            ("128MiB", 128 << 20),
            ("1 GiB", 1 << 30),
            ("500MB", 500_000_000),
            ("2GB", 2_000_000_000),
            ("99999999999999999999GiB", u64::MAX),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "MiB", "128", "128M", "128mib", "1.5GiB", "-1GiB", "+1GiB", "128KiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_formatted_size_reads_the_same() {
        for size in ["32MiB", "128MiB", "1GiB", "1024GiB"] {
            assert_eq!(bytes(size).map(format_size).as_deref(), Some(size));
        }
    }
}
