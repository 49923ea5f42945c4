//! Which records are valid accounts. Sizes are in bytes.

use std::fmt;

use arrayvec::ArrayString;
use memchr::memchr;

use super::records::{RawAccount, RecordPlace};

/// Maximum length of an account (limits page of the service: `UserID` up to 32 bytes).
pub const MAX_ACCOUNT_BYTES: usize = 32;

/// An account, stored inline, because millions of them are passed between threads.
pub type AccountName = ArrayString<MAX_ACCOUNT_BYTES>;

/// Prefixes reserved by the service, as in `@TLS#NOT_FOUND` in responses and `@TGS#` before group ids.
const RESERVED_PREFIXES: [&[u8]; 3] = [b"@TLS#", b"@TGS#", b"@TIM#"];

/// How much of an invalid account is kept for messages.
const MAX_TEXT_BYTES: usize = 200;

/// Why a record does not hold an account. `Display` continues a sentence that starts with the text of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidReason {
    /// An empty field, a record with too few fields, or a null in Parquet.
    Empty,
    /// More than [`MAX_ACCOUNT_BYTES`].
    TooLong { bytes: usize },
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A NUL character: the list is damaged, or in another encoding.
    HasNul,
    /// Starts with `@TLS#`, `@TGS#` or `@TIM#`.
    ReservedPrefix,
    /// A line of more than 1 MiB, of which only the start was kept.
    LineTooLong,
    /// A line of NDJSON that is not one JSON object.
    NotAnObject,
    /// An object without the key that holds the account.
    NoKey,
    /// The key holds null.
    Null,
    /// The key holds true, false, a list or an object.
    NotTextOrNumber,
}

impl fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "is empty"),
            Self::TooLong { bytes } => {
                write!(f, "has {bytes} bytes, but the service allows {MAX_ACCOUNT_BYTES}")
            }
            Self::NotUtf8 => write!(f, "is not UTF-8"),
            Self::HasNul => write!(f, "contains a NUL character (U+0000)"),
            Self::ReservedPrefix => {
                write!(f, "starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)")
            }
            Self::LineTooLong => write!(f, "is on a line longer than 1 MiB"),
            Self::NotAnObject => write!(f, "is not a JSON object"),
            Self::NoKey => write!(f, "does not have the key that accounts.column names"),
            Self::Null => write!(f, "has null in place of the account"),
            Self::NotTextOrNumber => write!(f, "has an account that is neither text nor a number"),
        }
    }
}

/// A record that does not hold an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAccount {
    /// Line on which the record starts, or row number in Parquet, counted through all files of the list; from 1.
    pub line: u64,
    /// The same, for messages.
    pub place: RecordPlace,
    /// The field that should hold the account, or the whole line if it has no such field: at most 200 bytes, then `…`;
    /// invalid UTF-8 is replaced by U+FFFD.
    pub text: String,
    /// What is wrong with the record.
    pub reason: InvalidReason,
}

impl InvalidAccount {
    pub fn new(line: u64, place: RecordPlace, bytes: &[u8], reason: InvalidReason) -> Self {
        let text = match bytes.get(..MAX_TEXT_BYTES) {
            None => String::from_utf8_lossy(bytes).into_owned(),
            Some(kept) => String::from_utf8_lossy(kept).into_owned() + "…",
        };
        Self { line, place, text, reason }
    }

    /// The text if a list may hold it as an account and it is still invalid; another text, such as a record of NDJSON,
    /// would be requested if a user exported the failed accounts as a list.
    pub fn account(&self) -> Option<&str> {
        check_account(RawAccount::Bytes(self.text.as_bytes())).is_err().then_some(&self.text)
    }
}

/// Returns `raw` as an account if it is valid.
#[inline]
pub fn check_account(raw: RawAccount<'_>) -> Result<&str, InvalidReason> {
    let bytes = raw.bytes();
    if bytes.is_empty() {
        return Err(InvalidReason::Empty);
    }
    if bytes.len() > MAX_ACCOUNT_BYTES {
        return Err(InvalidReason::TooLong { bytes: bytes.len() });
    }
    if bytes[0] == b'@' && RESERVED_PREFIXES.iter().any(|prefix| bytes.starts_with(prefix)) {
        return Err(InvalidReason::ReservedPrefix);
    }
    match raw {
        RawAccount::Text(text) => Ok(text),
        RawAccount::Bytes(bytes) if memchr(0, bytes).is_some() => Err(InvalidReason::HasNul),
        RawAccount::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|_| InvalidReason::NotUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::RecordUnit;

    #[test]
    fn accounts_are_1_to_32_bytes_of_utf8_without_a_reserved_prefix() {
        for valid in [
            "0",
            "00017",
            "a b",
            "@TLS",
            "@tls#x",
            "x@TLS#",
            "用户用户用户用户用户",
            &"x".repeat(32),
        ] {
            assert_eq!(check_account(RawAccount::Bytes(valid.as_bytes())), Ok(valid));
            assert_eq!(check_account(RawAccount::Text(valid)), Ok(valid));
        }
        let invalid: [(&[u8], InvalidReason); 6] = [
            (b"", InvalidReason::Empty),
            (&[b'x'; 33], InvalidReason::TooLong { bytes: 33 }),
            ("用户用户用户用户用户用".as_bytes(), InvalidReason::TooLong { bytes: 33 }),
            (b"@TLS#NOT_FOUND", InvalidReason::ReservedPrefix),
            (b"@TGS#1", InvalidReason::ReservedPrefix),
            (b"@TIM#SYSTEM", InvalidReason::ReservedPrefix),
        ];
        for (bytes, reason) in invalid {
            assert_eq!(check_account(RawAccount::Bytes(bytes)), Err(reason));
            let text = std::str::from_utf8(bytes).unwrap();
            assert_eq!(check_account(RawAccount::Text(text)), Err(reason));
        }
        for (bytes, reason) in [
            (b"\xff\xfe".as_slice(), InvalidReason::NotUtf8),
            (b"\0", InvalidReason::HasNul),
            (b"a\0", InvalidReason::HasNul),
        ] {
            assert_eq!(check_account(RawAccount::Bytes(bytes)), Err(reason));
        }
    }

    #[test]
    fn the_text_of_an_invalid_account_is_bounded() {
        let text = |bytes: &[u8]| {
            let place = RecordPlace { file: None, unit: RecordUnit::Line, line: 1 };
            InvalidAccount::new(1, place, bytes, InvalidReason::NotUtf8).text
        };
        assert_eq!(text(&[b'x'; 5000]), "x".repeat(200) + "…");
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn a_text_that_a_list_would_accept_is_not_an_account() {
        use InvalidReason::{Empty, HasNul, NoKey, NotUtf8, Null, ReservedPrefix, TooLong};
        for (text, reason, account) in [
            ("", Empty, Some("")),
            ("@TLS#x", ReservedPrefix, Some("@TLS#x")),
            ("a\0", HasNul, Some("a\0")),
            (&"x".repeat(33), TooLong { bytes: 33 }, Some(&*"x".repeat(33))),
            ("bad\u{fffd}", NotUtf8, None),
            ("{}", NoKey, None),
            ("{\"account\":null}", Null, None),
        ] {
            let place = RecordPlace { file: None, unit: RecordUnit::Line, line: 1 };
            let invalid = InvalidAccount::new(1, place, text.as_bytes(), reason);
            assert_eq!(invalid.account(), account, "{text:?}");
        }
    }
}
