//! What may be an account. Sizes are in bytes.

use std::fmt;

use arrayvec::ArrayString;
use memchr::memchr;

use super::records::Entry;

/// The longest account the service takes (the limits page of the service: `UserID` up to 32 bytes).
pub const MAX_ACCOUNT_BYTES: usize = 32;

/// An account id, kept in place: there are millions of them on their way from thread to thread.
pub type AccountName = ArrayString<MAX_ACCOUNT_BYTES>;

/// Names that the service gives a meaning of its own, such as `@TLS#NOT_FOUND` in answers and `@TGS#` before group ids.
const SYSTEM_MARKERS: [&[u8]; 3] = [b"@TLS#", b"@TGS#", b"@TIM#"];

/// How much of an invalid account is kept to show it.
const MAX_TEXT_BYTES: usize = 200;

/// Why an entry of the list cannot be an account. `Display` goes on from "the account on line 7 …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidReason {
    /// Nothing between the separators, a record with too few fields, or a null in Parquet.
    Empty,
    /// More than [`MAX_ACCOUNT_BYTES`].
    TooLong {
        /// Length of the entry.
        bytes: usize,
    },
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A NUL, which no text has: the list is damaged, or in another encoding.
    HasNul,
    /// Begins with `@TLS#`, `@TGS#` or `@TIM#`.
    SystemMarker,
    /// A line of more than 1 MiB, of which only the beginning was kept.
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
                write!(f, "has {bytes} bytes, the service allows {MAX_ACCOUNT_BYTES}")
            }
            Self::NotUtf8 => write!(f, "is not UTF-8"),
            Self::HasNul => write!(f, "contains a NUL character (U+0000)"),
            Self::SystemMarker => {
                write!(f, "begins with a marker of the service (@TLS#, @TGS# or @TIM#)")
            }
            Self::LineTooLong => write!(f, "is on a line longer than 1 MiB"),
            Self::NotAnObject => write!(f, "is not in a JSON object"),
            Self::NoKey => write!(f, "is missing from its JSON object"),
            Self::Null => write!(f, "is null"),
            Self::NotTextOrNumber => write!(f, "is neither text nor a number"),
        }
    }
}

/// An entry of the list that cannot be an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAccount {
    /// Line on which the record begins, or row number in Parquet; from 1.
    pub line: u64,
    /// The entry, or the whole line where no entry was found in it: at most 200 bytes, then `…`; what is not UTF-8 is
    /// replaced by U+FFFD.
    pub text: String,
    /// What is wrong with it.
    pub reason: InvalidReason,
}

impl InvalidAccount {
    pub(super) fn new(line: u64, bytes: &[u8], reason: InvalidReason) -> Self {
        let text = match bytes.get(..MAX_TEXT_BYTES) {
            None => String::from_utf8_lossy(bytes).into_owned(),
            Some(kept) => String::from_utf8_lossy(kept).into_owned() + "…",
        };
        Self { line, text, reason }
    }
}

/// The account in `entry`, or why there is none.
#[inline]
pub(super) fn check_account(entry: Entry<'_>) -> Result<&str, InvalidReason> {
    let bytes = entry.bytes();
    if bytes.is_empty() {
        return Err(InvalidReason::Empty);
    }
    if bytes.len() > MAX_ACCOUNT_BYTES {
        return Err(InvalidReason::TooLong { bytes: bytes.len() });
    }
    if bytes[0] == b'@' && SYSTEM_MARKERS.iter().any(|marker| bytes.starts_with(marker)) {
        return Err(InvalidReason::SystemMarker);
    }
    match entry {
        Entry::Text(text) => Ok(text),
        Entry::Bytes(bytes) if memchr(0, bytes).is_some() => Err(InvalidReason::HasNul),
        Entry::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|_| InvalidReason::NotUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_1_to_32_bytes_of_utf8_without_a_marker() {
        for good in [
            "0",
            "00017",
            "a b",
            "@TLS",
            "@tls#x",
            "x@TLS#",
            "用户用户用户用户用户",
            &"x".repeat(32),
        ] {
            assert_eq!(check_account(Entry::Bytes(good.as_bytes())), Ok(good));
            assert_eq!(check_account(Entry::Text(good)), Ok(good));
        }
        let bad: [(&[u8], InvalidReason); 6] = [
            (b"", InvalidReason::Empty),
            (&[b'x'; 33], InvalidReason::TooLong { bytes: 33 }),
            ("用户用户用户用户用户用".as_bytes(), InvalidReason::TooLong { bytes: 33 }),
            (b"@TLS#NOT_FOUND", InvalidReason::SystemMarker),
            (b"@TGS#1", InvalidReason::SystemMarker),
            (b"@TIM#SYSTEM", InvalidReason::SystemMarker),
        ];
        for (bytes, reason) in bad {
            assert_eq!(check_account(Entry::Bytes(bytes)), Err(reason));
            let text = std::str::from_utf8(bytes).unwrap();
            assert_eq!(check_account(Entry::Text(text)), Err(reason));
        }
        for (bytes, reason) in [
            (b"\xff\xfe".as_slice(), InvalidReason::NotUtf8),
            (b"\0", InvalidReason::HasNul),
            (b"a\0", InvalidReason::HasNul),
        ] {
            assert_eq!(check_account(Entry::Bytes(bytes)), Err(reason));
        }
    }

    #[test]
    fn the_text_of_an_invalid_account_is_bounded() {
        let invalid = InvalidAccount::new(1, &[b'x'; 5000], InvalidReason::LineTooLong);
        assert_eq!(invalid.text, "x".repeat(200) + "…");
        assert_eq!(InvalidAccount::new(1, b"a\xffb", InvalidReason::NotUtf8).text, "a\u{fffd}b");
    }

    #[test]
    fn reasons_read_as_part_of_a_sentence() {
        let too_long = InvalidReason::TooLong { bytes: 40 };
        assert_eq!(
            format!("the account on line 7 {too_long}"),
            "the account on line 7 has 40 bytes, the service allows 32"
        );
    }
}
