//! The code and the message of an error response, which is untrusted and may repeat parts of a request.

use crate::util::visible::is_invisible;

/// Longest text of a store that is kept, in bytes.
const MAX_BYTES: usize = 300;

/// The text of the first element of a name in an XML document.
pub fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let open = format!("<{name}>");
    let start = body.find(&open)? + open.len();
    let length = body[start..].find("</")?;
    Some(body[start..start + length].trim())
}

/// A text of a store on one line, without what may be a credential, at most [`MAX_BYTES`] long.
pub fn sanitize(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_invisible(c));
    let mut shown = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(if may_be_secret(word) { "(not shown)" } else { word });
        if shown.len() > MAX_BYTES {
            break;
        }
    }
    shown.truncate(shown.floor_char_boundary(MAX_BYTES));
    shown
}

/// Signatures, keys and tokens are long, or parts of a query.
fn may_be_secret(word: &str) -> bool {
    const SHORTEST_TOKEN: usize = 32;
    let lower = word.to_ascii_lowercase();
    let is_query = ["sig=", "signature=", "token=", "credential=", "://"]
        .iter()
        .any(|part| lower.contains(part));
    let is_token =
        |part: &str| part.len() >= SHORTEST_TOKEN && part.bytes().any(|byte| byte.is_ascii_digit());
    is_query
        || word.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_=".contains(c))).any(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_counts() {
        let body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message> Reduce </Message></Error>";
        assert_eq!(element(body, "Code"), Some("SlowDown"));
        assert_eq!(element(body, "Message"), Some("Reduce"));
        assert_eq!(element(body, "Region"), None);
        assert_eq!(element("<Code>cut", "Code"), None);
    }

    #[test]
    fn texts_are_short_and_have_no_secrets() {
        for secret in [
            "FwoGZXIvYXdzEBYaDHn4fGxSessionTokenOfSomeLength1234567890==",
            "https://host/key?sv=2024&sig=abc%3D",
            "sig=abc",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ] {
            let shown = sanitize(&format!("Bad\u{1b}[31m\n {secret} here"));
            assert_eq!(shown, "Bad [31m (not shown) here", "{secret}");
        }
        assert!(sanitize(&"é ".repeat(1000)).len() <= MAX_BYTES);
        assert_eq!(
            sanitize("Please reduce your request rate."),
            "Please reduce your request rate."
        );
        assert_eq!(
            sanitize("key profiles/dt=2026-11-26/part-00000.parquet"),
            "key profiles/dt=2026-11-26/part-00000.parquet"
        );
    }
}
