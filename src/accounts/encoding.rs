//! Detects the encoding of a list that is not UTF-8, by its first bytes.
//!
//! UTF-16 and UTF-32 are detected reliably, by a byte order mark or by the positions of their NUL bytes; a UTF-8 list
//! has none. Encodings of one or two bytes per character have no mark; the guess is only used in messages. GBK is tried
//! first, because it is the most likely encoding of lists for this service.

use memchr::memchr;

/// An encoding, with its name in messages and its name for the conversion tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    pub name: &'static str,
    /// For `iconv -f`.
    pub iconv: &'static str,
}

const UTF_16_LE: Encoding = Encoding { name: "UTF-16LE", iconv: "UTF-16LE" };
const UTF_16_BE: Encoding = Encoding { name: "UTF-16BE", iconv: "UTF-16BE" };
const UTF_32_LE: Encoding = Encoding { name: "UTF-32LE", iconv: "UTF-32LE" };
const UTF_32_BE: Encoding = Encoding { name: "UTF-32BE", iconv: "UTF-32BE" };
// Decoders of GB18030 also read its subsets GBK and GB2312.
const GB18030: Encoding = Encoding { name: "GBK or GB18030", iconv: "GB18030" };
const BIG5: Encoding = Encoding { name: "Big5", iconv: "BIG5" };
const SHIFT_JIS: Encoding = Encoding { name: "Shift-JIS", iconv: "CP932" };
const EUC_KR: Encoding = Encoding { name: "EUC-KR", iconv: "CP949" };
const WINDOWS_1252: Encoding = Encoding { name: "Latin-1 or Windows-1252", iconv: "WINDOWS-1252" };

/// The encoding of a text in UTF-16 or UTF-32, with or without a byte order mark.
pub fn utf16_or_utf32(sample: &[u8]) -> Option<Encoding> {
    match sample {
        [0xff, 0xfe, 0, 0, ..] => return Some(UTF_32_LE),
        [0, 0, 0xfe, 0xff, ..] => return Some(UTF_32_BE),
        [0xff, 0xfe, ..] => return Some(UTF_16_LE),
        [0xfe, 0xff, ..] => return Some(UTF_16_BE),
        _ if memchr(0, sample).is_none() => return None,
        _ => {}
    }
    let (quads, _) = sample.as_chunks::<4>();
    let (pairs, _) = sample.as_chunks::<2>();
    if is_utf32(quads.iter().map(|quad| u32::from_le_bytes(*quad))) {
        Some(UTF_32_LE)
    } else if is_utf32(quads.iter().map(|quad| u32::from_be_bytes(*quad))) {
        Some(UTF_32_BE)
    } else if is_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair))) {
        Some(UTF_16_LE)
    } else if is_utf16(pairs.iter().map(|pair| u16::from_be_bytes(*pair))) {
        Some(UTF_16_BE)
    } else {
        None
    }
}

/// Four bytes of UTF-8 text never make a character of UTF-32.
fn is_utf32(mut units: impl ExactSizeIterator<Item = u32>) -> bool {
    units.len() > 0 && units.all(|unit| char::from_u32(unit).is_some_and(|c| c != '\0'))
}

/// In UTF-16, nearly every byte of a line end has a NUL next to it. In UTF-8 with a stray NUL, hardly any has.
fn is_utf16(units: impl Iterator<Item = u16>) -> bool {
    let (mut line_ends, mut stray_line_ends, mut ascii, mut count) = (0_u64, 0_u64, 0_u64, 0_u64);
    for unit in units {
        let is_line_end = |byte: u16| byte == 0x0a || byte == 0x0d;
        match unit {
            0 => return false,
            _ if is_line_end(unit) => line_ends += 1,
            _ if is_line_end(unit & 0xff) || is_line_end(unit >> 8) => stray_line_ends += 1,
            _ => {}
        }
        ascii += u64::from(unit < 0x80);
        count += 1;
    }
    match line_ends {
        // One account without a line end.
        0 => stray_line_ends == 0 && 2 * ascii > count,
        _ => line_ends > stray_line_ends || 2 * ascii > count,
    }
}

/// The likely encoding of text that is not UTF-8.
pub fn guess_legacy(text: &[u8]) -> Option<Encoding> {
    /// This many characters from one part of the table are not a coincidence.
    const CERTAIN_PAIRS: usize = 32;
    let chinese = Pairs::count(text, |lead, trail| match (lead, trail) {
        (0xb0..=0xf7, 0xa1..=0xfe) => Pair::Common,
        (0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe) => Pair::Rare,
        // The first half of a four-byte character; the second has the same form.
        (0x81..=0xfe, 0x30..=0x39) => Pair::Rare,
        _ => Pair::Impossible,
    });
    if chinese.is_likely() {
        let hangul = Pairs::count(text, |lead, trail| match (lead, trail) {
            (0xb0..=0xc8, 0xa1..=0xfe) => Pair::Common,
            _ => Pair::Impossible,
        });
        let is_korean = hangul.impossible == 0 && hangul.common >= CERTAIN_PAIRS;
        return Some(if is_korean { EUC_KR } else { GB18030 });
    }
    let japanese = Pairs::count(text, |lead, trail| match (lead, trail) {
        (0x82, 0x9f..=0xf1) | (0x83, 0x40..=0x96) => Pair::Common,
        (0x88..=0x97, 0x40..=0x7e | 0x80..=0xfc) => Pair::Common,
        (0x81..=0x9f | 0xe0..=0xfc, 0x40..=0x7e | 0x80..=0xfc) => Pair::Rare,
        _ => Pair::Impossible,
    });
    let traditional = Pairs::count(text, |lead, trail| match (lead, trail) {
        (0xa4..=0xc6, 0x40..=0x7e | 0xa1..=0xfe) => Pair::Common,
        (0x81..=0xfe, 0x40..=0x7e | 0xa1..=0xfe) => Pair::Rare,
        _ => Pair::Impossible,
    });
    match (japanese.is_likely(), traditional.is_likely(), letters_are_isolated(text)) {
        (true, _, _) => Some(SHIFT_JIS),
        (_, true, _) => Some(BIG5),
        (_, _, true) => Some(WINDOWS_1252),
        _ => None,
    }
}

enum Pair {
    Common,
    Rare,
    Impossible,
}

/// Two-byte characters, counted by their likelihood in one encoding.
#[derive(Default)]
struct Pairs {
    common: usize,
    rare: usize,
    impossible: usize,
}

impl Pairs {
    fn count(text: &[u8], kind: impl Fn(u8, u8) -> Pair) -> Self {
        let mut pairs = Self::default();
        let mut rest = text;
        while let [lead, after_lead @ ..] = rest {
            rest = after_lead;
            if lead.is_ascii() {
                continue;
            }
            match after_lead.first().map_or(Pair::Impossible, |trail| kind(*lead, *trail)) {
                Pair::Common => pairs.common += 1,
                Pair::Rare => pairs.rare += 1,
                Pair::Impossible => {
                    pairs.impossible += 1;
                    continue;
                }
            }
            rest = &after_lead[1..];
        }
        pairs
    }

    /// Mostly common characters; a few impossible ones may be damaged or truncated.
    fn is_likely(&self) -> bool {
        let all = self.common + self.rare + self.impossible;
        5 * self.common >= 3 * all && 20 * self.impossible <= all
    }
}

/// Whether most letters beyond ASCII have ASCII neighbors, as in words in Latin-1.
fn letters_are_isolated(text: &[u8]) -> bool {
    let letters = text.iter().filter(|byte| !byte.is_ascii()).count();
    let runs = text.chunk_by(|a, b| a.is_ascii() == b.is_ascii());
    let isolated = runs.filter(|run| run.len() == 1 && !run[0].is_ascii()).count();
    letters > 0 && 3 * isolated >= 2 * letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn utf32(text: &str, to_bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|c| to_bytes(c.into())).collect()
    }

    #[test]
    fn utf16_and_utf32_are_detected_with_and_without_a_mark() {
        for text in [
            "u1",
            "u1\nu2\n",
            "id,name\r\n7,\u{4e00}\r\n",
            "\u{4e00}\u{4e8c}\n\u{7528}\u{6237}\n",
            "\u{7528}\u{6237}\r\u{5f20}\r",
            "\u{1f600}\n",
            "{\"id\":\"\u{100}\"}\n",
        ] {
            for mark in ["", "\u{feff}"] {
                let text = format!("{mark}{text}");
                let found = |bytes: Vec<u8>| utf16_or_utf32(&bytes);
                assert_eq!(found(utf16(&text, u16::to_le_bytes)), Some(UTF_16_LE), "{text:?}");
                assert_eq!(found(utf16(&text, u16::to_be_bytes)), Some(UTF_16_BE), "{text:?}");
                assert_eq!(found(utf32(&text, u32::to_le_bytes)), Some(UTF_32_LE), "{text:?}");
                assert_eq!(found(utf32(&text, u32::to_be_bytes)), Some(UTF_32_BE), "{text:?}");
            }
        }
    }

    #[test]
    fn utf8_with_a_stray_nul_is_not_utf16() {
        for text in
            ["a\0b\n", "user_1\nuser\0_2\nuser_3\n", "\0", "a\n\0\0\0\0\nb\n", "a,b\0\r\nc,d\0\r\n"]
        {
            assert_eq!(utf16_or_utf32(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(utf16_or_utf32(b""), None);
    }

    #[test]
    fn likely_two_byte_encodings_are_named() {
        let cases: [(&[u8], Option<Encoding>); 7] = [
            // 张三, 用户
            (b"\xd5\xc5\xc8\xfd\n\xd3\xc3\xbb\xa7_7\n", Some(GB18030)),
            // 用户 with the euro sign of GB18030 in four bytes, 㐀
            (b"\xd3\xc3\xbb\xa7\xd5\xc5\xc8\xfd\xd6\xd0\x81\x39\xee\x39", Some(GB18030)),
            // ユーザー, 山田
            (b"\x83\x86\x81\x5b\x83\x55\x81\x5b\n\x8e\x52\x93\x63\n", Some(SHIFT_JIS)),
            // 用戶, 張三
            (b"\xa5\xce\xa4\xe1\n\xb1\x69\xa4\x54\n", Some(BIG5)),
            (b"J\xf6rg\nRen\xe9e\nZo\xeb\n", Some(WINDOWS_1252)),
            // Sixteen times 가나
            (&[0xb0, 0xa1, 0xb3, 0xaa].repeat(16), Some(EUC_KR)),
            (b"\xff\xff\xff\xff", None),
        ];
        for (text, expected) in cases {
            assert_eq!(guess_legacy(text), expected, "{text:x?}");
        }
    }
}
