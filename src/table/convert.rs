//! Converts a value of a response to the type of its column (pure).
//!
//! The service may send numbers as strings and strings as numbers. A value that does not match is rejected, never
//! guessed: the cell becomes NULL and its text is written to `_rejected_values.tsv`.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::api::json_reader::JsonValue;

/// The value does not match the type of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeMismatch;

/// For a string or bytes column: a JSON string, or a number as written. `buffer` holds a string that has escapes.
#[inline]
pub fn text<'v>(value: JsonValue<'v>, buffer: &'v mut String) -> Result<&'v str, TypeMismatch> {
    match value {
        JsonValue::Text(text) => Ok(text.unescape_into(buffer)),
        JsonValue::Number(written) => Ok(written),
        JsonValue::Other(_) | JsonValue::Null => Err(TypeMismatch),
    }
}

/// For a uint32 or uint64 column: decimal digits only, as a JSON number or in a JSON string.
pub fn number<N: std::str::FromStr>(
    value: JsonValue<'_>,
    buffer: &mut String,
) -> Result<N, TypeMismatch> {
    let digits = text(value, buffer)?;
    // `parse` alone would accept a leading plus sign.
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(TypeMismatch);
    }
    digits.parse().map_err(|_| TypeMismatch)
}

/// For an int64 column: as for the unsigned types, with an optional minus sign.
pub fn integer(value: JsonValue<'_>, buffer: &mut String) -> Result<i64, TypeMismatch> {
    let written = text(value, buffer)?;
    if let Some(number) = short_number(written) {
        return Ok(number);
    }
    let digits = written.strip_prefix('-').unwrap_or(written);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(TypeMismatch);
    }
    written.parse().map_err(|_| TypeMismatch)
}

/// The value of 1 to 18 digits, which cannot overflow: nearly every number of a profile.
#[inline]
fn short_number(digits: &str) -> Option<i64> {
    let is_short = (1..=18).contains(&digits.len());
    let append =
        |number, digit: u8| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'));
    if is_short { digits.bytes().try_fold(0, append) } else { None }
}

/// For a date column: days since 1970-01-01, from the number yyyymmdd.
pub fn date(value: JsonValue<'_>, buffer: &mut String) -> Result<i32, TypeMismatch> {
    const EPOCH: Date = Date::constant(1970, 1, 1);
    let yyyymmdd: u32 = number(value, buffer)?;
    let part = |part: u32| i16::try_from(part).map_err(|_| TypeMismatch);
    let (year, month, day) =
        (part(yyyymmdd / 10_000)?, part(yyyymmdd / 100 % 100)?, part(yyyymmdd % 100)?);
    let month = i8::try_from(month).map_err(|_| TypeMismatch)?;
    let day = i8::try_from(day).map_err(|_| TypeMismatch)?;
    let date = Date::new(year, month, day).map_err(|_| TypeMismatch)?;
    date.since(EPOCH).map(|span| span.get_days()).map_err(|_| TypeMismatch)
}

/// The text of a rejected value for `_rejected_values.tsv`.
pub fn raw_text(value: JsonValue<'_>) -> Cow<'_, str> {
    match value {
        JsonValue::Text(text) => text.unescape(),
        JsonValue::Number(written) | JsonValue::Other(written) => Cow::Borrowed(written),
        JsonValue::Null => Cow::Borrowed("null"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{TypeMismatch, raw_text};
    use crate::api::json_reader::{JsonReader, JsonValue};
    use jiff::civil::Date;

    fn text(value: JsonValue<'_>) -> Result<String, TypeMismatch> {
        super::text(value, &mut String::new()).map(str::to_owned)
    }

    fn number<N: std::str::FromStr>(value: JsonValue<'_>) -> Result<N, TypeMismatch> {
        super::number(value, &mut "earlier".to_owned())
    }

    fn integer(value: JsonValue<'_>) -> Result<i64, TypeMismatch> {
        super::integer(value, &mut "earlier".to_owned())
    }

    fn date(value: JsonValue<'_>) -> Result<i32, TypeMismatch> {
        super::date(value, &mut String::new())
    }

    fn value(json: &str) -> JsonValue<'_> {
        JsonReader::new(json).value().unwrap()
    }

    #[test]
    fn numbers_are_read_from_numbers_and_strings() {
        assert_eq!(number::<u64>(value("18446744073709551615")), Ok(u64::MAX));
        assert_eq!(number::<u64>(value(r#""18446744073709551615""#)), Ok(u64::MAX));
        assert_eq!(number::<u32>(value(r#""007""#)), Ok(7));
        assert_eq!(number::<u32>(value(r#""\u0037""#)), Ok(7));
        for mismatch in [
            "18446744073709551616",
            "-1",
            r#""+1""#,
            r#""""#,
            r#"" 1""#,
            "1.5",
            "1e3",
            "true",
            "[1]",
            r#""1x""#,
        ] {
            assert_eq!(number::<u64>(value(mismatch)), Err(TypeMismatch), "{mismatch}");
        }
        assert_eq!(number::<u32>(value("4294967296")), Err(TypeMismatch));
    }

    #[test]
    fn integers_may_be_negative_and_lie_within_64_bits() {
        assert_eq!(integer(value("9223372036854775807")), Ok(i64::MAX));
        assert_eq!(integer(value(r#""-9223372036854775808""#)), Ok(i64::MIN));
        assert_eq!(integer(value("-0")), Ok(0));
        assert_eq!(integer(value(r#""-007""#)), Ok(-7));
        for mismatch in [
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            r#""-""#,
            r#""--1""#,
            r#""+1""#,
            r#""-+1""#,
            r#""""#,
            r#"" 1""#,
            r#""1 ""#,
            "1.0",
            "1e3",
            "true",
        ] {
            assert_eq!(integer(value(mismatch)), Err(TypeMismatch), "{mismatch}");
        }
    }

    #[test]
    fn strings_are_read_from_strings_and_numbers() {
        assert_eq!(text(value(r#""""#)).unwrap(), "");
        assert_eq!(text(value("0012.50e1")).unwrap(), "0012.50e1");
        for mismatch in ["true", "{}", "[]"] {
            assert_eq!(text(value(mismatch)), Err(TypeMismatch), "{mismatch}");
        }
    }

    #[test]
    fn dates_are_read_from_yyyymmdd() {
        assert_eq!(date(value("19700101")), Ok(0));
        assert_eq!(date(value(r#""19691231""#)), Ok(-1));
        assert_eq!(date(value("20240229")), Ok(19_782));
        for mismatch in
            ["0", "20230229", "20191301", "2019", "99999999", r#""2019-04-19""#, "4294967295"]
        {
            assert_eq!(date(value(mismatch)), Err(TypeMismatch), "{mismatch}");
        }
    }

    #[test]
    fn rejected_values_keep_their_text() {
        assert_eq!(raw_text(value(r#"{"a": 1}"#)), r#"{"a": 1}"#);
        assert_eq!(raw_text(value(r#""x\ny""#)), "x\ny");
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number_sent: u64, as_string: bool) {
            let json = if as_string { format!("\"{number_sent}\"") } else { number_sent.to_string() };
            prop_assert_eq!(number::<u64>(value(&json)), Ok(number_sent));
            prop_assert_eq!(number::<u32>(value(&json)).ok(), u32::try_from(number_sent).ok());
        }

        #[test]
        fn integers_round_trip(number_sent: i64, as_string: bool) {
            let json = if as_string { format!("\"{number_sent}\"") } else { number_sent.to_string() };
            prop_assert_eq!(integer(value(&json)), Ok(number_sent));
        }

        #[test]
        fn dates_round_trip(days in -700_000i32..2_900_000) {
            let day = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assume!(day.year() > 0);
            prop_assert_eq!(date(value(&day.strftime("%Y%m%d").to_string())), Ok(days));
        }
    }
}
