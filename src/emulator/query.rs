//! The query of a URL: its five parameters (`docs/im-rest-api.md`), percent-decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Parameters of a URL. Names and values are case-sensitive, and the first parameter of a name counts.
#[derive(Debug)]
pub struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

/// Maximum of parameters that are decoded; a call has five.
const MAX_PARAMETERS: usize = 32;

impl<'q> Query<'q> {
    /// Decodes a query; `None` if a name or value is not UTF-8.
    pub fn parse(query: &'q str) -> Option<Query<'q>> {
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

    /// The value of a parameter. An absent one is the empty string, since the service treats both as missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_ref())
    }

    /// Whether `random` is an unsigned 32-bit number.
    pub fn has_random(&self) -> bool {
        decimal(self.get("random")).is_some_and(|random| u32::try_from(random).is_ok())
    }
}

/// Parses decimal digits. Unlike `str::parse` it rejects a leading `+`, which a form encoder writes for a space.
pub fn decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_must_be_an_unsigned_32_bit_number() {
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
    fn query_that_is_not_utf8_is_rejected() {
        assert!(Query::parse("random=7&a=%ff").is_none());
        assert!(Query::parse("random=7&%ff=a").is_none());
    }
}
