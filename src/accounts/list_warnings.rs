//! What a list may contain but hardly ever should: accounts with characters that nobody sees, NULL markers, repeated
//! headers. Such accounts are requested as they are; the warnings count them.

use std::fmt;

use super::records::RecordPlace;
use crate::util::visible::is_invisible;

/// One kind of unlikely content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListWarning {
    pub kind: WarningKind,
    /// Number of records concerned.
    pub records: u64,
    /// The first of them.
    pub first: RecordPlace,
}

/// `Display` names the records in the plural, or says what was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningKind {
    /// A record that was skipped.
    RepeatedHeader,
    /// A record of NDJSON after a byte order mark, which was skipped.
    MarkedRecord,
    NullMarker,
    OuterBlank,
    NoBreakSpace,
    ByteOrderMark,
    ZeroWidth,
    ControlCharacter,
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RepeatedHeader => "records that repeat the header were skipped",
            Self::MarkedRecord => "byte order marks (U+FEFF) before records were skipped",
            Self::NullMarker => r"accounts that are \N, the NULL of database exports",
            Self::OuterBlank => "accounts that start or end with a blank",
            Self::NoBreakSpace => "accounts with a no-break space, such as U+00A0",
            Self::ByteOrderMark => "accounts with a byte order mark (U+FEFF)",
            Self::ZeroWidth => "accounts with an invisible character, such as U+200B",
            Self::ControlCharacter => "accounts with a control character",
        })
    }
}

impl fmt::Display for ListWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.kind {
            WarningKind::RepeatedHeader | WarningKind::MarkedRecord => "",
            _ => "the account list has ",
        };
        write!(f, "{subject}{}: {} (the first on {})", self.kind, self.records, self.first)
    }
}

/// Counts unlikely accounts by kind.
#[derive(Debug, Default)]
pub struct UnlikelyAccounts {
    found: Vec<ListWarning>,
}

impl UnlikelyAccounts {
    /// Counts an account for which [`may_be_unlikely`] is true.
    #[cold]
    pub fn add(&mut self, account: &str, place: impl Fn() -> RecordPlace) {
        for kind in kinds(account) {
            match self.found.iter_mut().find(|warning| warning.kind == kind) {
                Some(warning) => warning.records += 1,
                None => self.found.push(ListWarning { kind, records: 1, first: place() }),
            }
        }
    }

    pub fn into_warnings(self) -> Vec<ListWarning> {
        self.found
    }
}

/// Whether an account is worth a closer look. Nearly all accounts are printable ASCII, so this is all that most rows
/// cost.
#[inline]
pub fn may_be_unlikely(account: &str) -> bool {
    let bytes = account.as_bytes();
    !is_plain(bytes) && has_suspicious_byte(bytes)
}

/// Whether an account of at least 4 bytes has no blanks, control characters or characters beyond ASCII. The last word
/// overlaps the one before it, so that every load has a constant size.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        let (words, _) = bytes[..bytes.len() - 1].as_chunks();
        return is_plain_word(*last) && words.iter().all(|word| is_plain_word(*word));
    }
    let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) else {
        return false;
    };
    let [a, b, c, d] = *first;
    let [e, f, g, h] = *last;
    is_plain_word([a, b, c, d, e, f, g, h])
}

#[inline]
fn is_plain_word(bytes: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let word = u64::from_le_bytes(bytes);
    // A byte below 0x21 borrows, DEL carries into the highest bit; others may only follow one of them.
    (word.wrapping_sub(0x21 * ONES) | word.wrapping_add(ONES) | word) & (0x80 * ONES) == 0
}

/// Whether there is a blank or a `\` at the start, a blank at the end, or a byte that may belong to a character that
/// nobody sees: most letters of other scripts start with other bytes.
fn has_suspicious_byte(bytes: &[u8]) -> bool {
    const IS_SUSPICIOUS: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < table.len() {
            table[byte] =
                matches!(byte, 0..0x20 | 0x7f | 0xc2 | 0xcd | 0xd8 | 0xe1..=0xe3 | 0xef | 0xf3);
            byte += 1;
        }
        table
    };
    matches!(bytes, [b' ' | b'\\', ..] | [.., b' '])
        || bytes.iter().any(|byte| IS_SUSPICIOUS[usize::from(*byte)])
}

fn kinds(account: &str) -> impl Iterator<Item = WarningKind> {
    let is_outer_blank = |c: char| c.is_whitespace() && !is_non_breaking_space(c);
    let inner = account.trim_matches(is_outer_blank);
    let kinds = [
        (WarningKind::NullMarker, account == r"\N"),
        (WarningKind::OuterBlank, inner.len() < account.len()),
        (WarningKind::NoBreakSpace, account.contains(is_non_breaking_space)),
        (WarningKind::ByteOrderMark, account.contains('\u{feff}')),
        (WarningKind::ZeroWidth, account.contains(is_zero_width)),
        (WarningKind::ControlCharacter, inner.contains(char::is_control)),
    ];
    kinds.into_iter().filter_map(|(kind, is_found)| is_found.then_some(kind))
}

fn is_non_breaking_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

fn is_zero_width(c: char) -> bool {
    is_invisible(c) && !c.is_control() && c != '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlikely_accounts_are_recognized() {
        use WarningKind::{
            ByteOrderMark, ControlCharacter, NoBreakSpace, NullMarker, OuterBlank, ZeroWidth,
        };
        for (account, expected) in [
            (r"\N", vec![NullMarker]),
            (" a", vec![OuterBlank]),
            ("a ", vec![OuterBlank]),
            ("a\t", vec![OuterBlank]),
            ("\u{3000}a", vec![OuterBlank]),
            ("a\u{a0}", vec![NoBreakSpace]),
            ("a\u{a0}b\u{200b} ", vec![OuterBlank, NoBreakSpace, ZeroWidth]),
            ("\u{feff}a", vec![ByteOrderMark]),
            ("user_0\u{200b}7", vec![ZeroWidth]),
            ("a\u{2028}b", vec![ZeroWidth]),
            ("1234567\u{1f}", vec![ControlCharacter]),
            ("a\u{7f}b", vec![ControlCharacter]),
            ("a\u{85}b", vec![ControlCharacter]),
            ("line\nend", vec![ControlCharacter]),
        ] {
            assert!(may_be_unlikely(account), "{account:?}");
            assert_eq!(kinds(account).collect::<Vec<_>>(), expected, "{account:?}");
        }
    }

    #[test]
    fn likely_accounts_are_not_counted() {
        for account in [
            "user_7",
            "a b",
            r"\n",
            r"DOMAIN\Name",
            "~!@#$%^&*()_+{}|:<>?`-=[];',./",
            "\u{7528}\u{6237}",
            "\u{e9}t\u{e9}",
            "\u{1f600}",
            "\u{304b}\u{306a}",
            "\u{410}\u{43d}\u{43d}\u{430}",
        ] {
            assert_eq!(kinds(account).next(), None, "{account:?}");
        }
        for account in ["user_7", "12345678", "~~~~~~~~~", "\u{7528}\u{6237}", "\u{e9}t\u{e9}"] {
            assert!(!may_be_unlikely(account), "{account:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_unlikely_is_overlooked(account in ".{1,10}") {
            proptest::prop_assert!(kinds(&account).next().is_none() || may_be_unlikely(&account));
        }
    }

    #[test]
    fn every_character_of_a_kind_is_noticed_at_every_position() {
        for c in (0..=0xf_0000).filter_map(char::from_u32) {
            for account in
                [format!("{c}"), format!("a{c}b"), format!("1234567{c}"), format!("12345678{c}9")]
            {
                assert!(
                    kinds(&account).next().is_none() || may_be_unlikely(&account),
                    "{account:?}"
                );
            }
        }
    }
}
