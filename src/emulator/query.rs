//! The query of a URL: its five parameters (`docs/im-rest-api.md` section 1), percent-decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Parameters of a URL; names and values are case-sensitive, their order is free, and the first of a name counts.
#[derive(Debug)]
pub(super) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

/// Most parameters that are looked at; a call has five.
const MAX_PARAMETERS: usize = 32;

impl<'q> Query<'q> {
    /// Decodes a query; `None` when a name or value is not UTF-8.
    pub(super) fn parse(query: &'q str) -> Option<Query<'q>> {
        let decode = |text: &'q str| percent_decode_str(text).decode_utf8().ok();
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MAX_PARAMETERS);
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decode(name)?, decode(value)?))
            })
            .collect::<Option<Vec<_>>>()
            .map(Query)
    }

    /// The value of a parameter; the empty string when it is absent, since the service takes both for missing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_ref())
    }

    /// Whether `random` is an unsigned number of 32 bits.
    pub(super) fn has_random(&self) -> bool {
        decimal(self.get("random")).is_some_and(|random| u32::try_from(random).is_ok())
    }
}

/// The number that decimal digits alone spell. Rust's own parser takes a leading `+` too, which a URL may carry
/// where a form encoder wrote it for a blank.
pub(super) fn decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unsigned_number_of_32_bits_is_random() {
        for (value, expected) in [
            ("0", true),
            ("4294967295", true),
            ("007", true),
            ("%37", true),
            ("4294967296", false),
            ("99999999999999999999999", false),
            ("", false),
            ("+7", false),
            ("-7", false),
            ("%207", false),
            ("7%20", false),
            ("7.0", false),
            ("0x7", false),
            ("xxx", false),
            ("%D9%A7", false),
        ] {
            let text = format!("random={value}");
            assert_eq!(Query::parse(&text).unwrap().has_random(), expected, "{text}");
        }
        for text in ["", "a=1", "random", "Random=7"] {
            assert!(!Query::parse(text).unwrap().has_random(), "{text}");
        }
    }

    #[test]
    fn a_query_that_is_not_utf8_cannot_be_read() {
        assert!(Query::parse("random=7&a=%ff").is_none());
        assert!(Query::parse("random=7&%ff=a").is_none());
    }
}
