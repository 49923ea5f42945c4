//! A value as the service sent it, read as the type of its column (pure).
//!
//! Numbers may come as strings and strings as numbers. What does not fit is refused with its text, never guessed at:
//! the cell becomes NULL and the text goes to `_rejected_values.csv`.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::api::json_reader::JsonValue;

/// The value does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeMismatch;

/// Text of a string or bytes column: a JSON string, or a number as it was written.
pub fn text(value: JsonValue<'_>) -> Result<Cow<'_, str>, TypeMismatch> {
    match value {
        JsonValue::Text(text) => Ok(text.unescape()),
        JsonValue::Number(written) => Ok(Cow::Borrowed(written)),
        JsonValue::Other(_) | JsonValue::Null => Err(TypeMismatch),
    }
}

/// Number of a uint32 or uint64 column: decimal digits only, as a JSON number or in a JSON string.
pub fn number<N: std::str::FromStr>(value: JsonValue<'_>) -> Result<N, TypeMismatch> {
    let digits = text(value)?;
    // `parse` alone would let a leading plus sign through.
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(TypeMismatch);
    }
    digits.parse().map_err(|_| TypeMismatch)
}

/// Days since 1970-01-01 of a date column, read from the number yyyymmdd.
pub fn date(value: JsonValue<'_>) -> Result<i32, TypeMismatch> {
    const EPOCH: Date = Date::constant(1970, 1, 1);
    let yyyymmdd: u32 = number(value)?;
    let part = |part: u32| i16::try_from(part).map_err(|_| TypeMismatch);
    let (year, month, day) =
        (part(yyyymmdd / 10_000)?, part(yyyymmdd / 100 % 100)?, part(yyyymmdd % 100)?);
    let month = i8::try_from(month).map_err(|_| TypeMismatch)?;
    let day = i8::try_from(day).map_err(|_| TypeMismatch)?;
    let date = Date::new(year, month, day).map_err(|_| TypeMismatch)?;
    date.since(EPOCH).map(|span| span.get_days()).map_err(|_| TypeMismatch)
}

/// The text of a value for `_rejected_values.csv`.
pub fn as_sent(value: JsonValue<'_>) -> Cow<'_, str> {
    match value {
        JsonValue::Text(text) => text.unescape(),
        JsonValue::Number(written) | JsonValue::Other(written) => Cow::Borrowed(written),
        JsonValue::Null => Cow::Borrowed("null"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::json_reader::JsonReader;

    fn value(json: &str) -> JsonValue<'_> {
        JsonReader::new(json).value().unwrap()
    }

    #[test]
    fn numbers_come_as_numbers_or_strings() {
        assert_eq!(number::<u64>(value("18446744073709551615")), Ok(u64::MAX));
        assert_eq!(number::<u64>(value(r#""18446744073709551615""#)), Ok(u64::MAX));
        assert_eq!(number::<u32>(value(r#""007""#)), Ok(7));
        for unfit in [
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
            assert_eq!(number::<u64>(value(unfit)), Err(TypeMismatch), "{unfit}");
        }
        assert_eq!(number::<u32>(value("4294967296")), Err(TypeMismatch));
    }

    #[test]
    fn strings_come_as_strings_or_numbers() {
        assert_eq!(text(value(r#""""#)).unwrap(), "");
        assert_eq!(text(value("0012.50e1")).unwrap(), "0012.50e1");
        for unfit in ["true", "{}", "[]"] {
            assert_eq!(text(value(unfit)), Err(TypeMismatch), "{unfit}");
        }
    }

    #[test]
    fn dates_are_read_from_yyyymmdd() {
        assert_eq!(date(value("19700101")), Ok(0));
        assert_eq!(date(value(r#""19691231""#)), Ok(-1));
        assert_eq!(date(value("20240229")), Ok(19_782));
        for unfit in
            ["0", "20230229", "20191301", "2019", "99999999", r#""2019-04-19""#, "4294967295"]
        {
            assert_eq!(date(value(unfit)), Err(TypeMismatch), "{unfit}");
        }
    }

    #[test]
    fn what_does_not_fit_keeps_its_text() {
        assert_eq!(as_sent(value(r#"{"a": 1}"#)), r#"{"a": 1}"#);
        assert_eq!(as_sent(value(r#""x\ny""#)), "x\ny");
    }

    proptest! {
        #[test]
        fn every_number_is_read_back(number_sent: u64, as_string: bool) {
            let json = if as_string { format!("\"{number_sent}\"") } else { number_sent.to_string() };
            prop_assert_eq!(number::<u64>(value(&json)), Ok(number_sent));
            prop_assert_eq!(number::<u32>(value(&json)).ok(), u32::try_from(number_sent).ok());
        }

        #[test]
        fn every_day_is_read_back(days in -700_000i32..2_900_000) {
            let day = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assume!(day.year() > 0);
            prop_assert_eq!(date(value(&day.strftime("%Y%m%d").to_string())), Ok(days));
        }
    }
}
