//! The HTTP response to a call: status, headers, body, delay and delivery.

use std::time::Duration;

/// How much of a reply is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Complete,
    /// About half of the body; then the connection closes.
    Truncated,
    /// Nothing; the connection is reset.
    Reset,
}

#[derive(Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub retry_after_seconds: Option<u32>,
    pub location: Option<&'static str>,
    /// Delay that a shutdown interrupts.
    pub hang: Option<Duration>,
    pub delivery: Delivery,
}

impl HttpReply {
    /// HTTP 200 with JSON.
    pub fn json(body: Vec<u8>) -> HttpReply {
        HttpReply {
            status: 200,
            content_type: "application/json",
            body,
            retry_after_seconds: None,
            location: None,
            hang: None,
            delivery: Delivery::Complete,
        }
    }

    /// An HTML body, as from an intermediate proxy.
    pub fn text(status: u16, text: &str) -> HttpReply {
        let content_type = "text/html; charset=utf-8";
        HttpReply { status, content_type, ..HttpReply::json(text.as_bytes().to_vec()) }
    }
}

/// JSON of at least this size.
pub fn oversized_body(bytes: usize) -> Vec<u8> {
    let (before, after) = (b"{\"UserProfileItem\":[],\"ErrorInfo\":\"", b"\"}");
    let mut body = Vec::with_capacity(bytes + before.len() + after.len());
    body.extend_from_slice(before);
    body.resize(bytes.max(before.len()), b'x');
    body.extend_from_slice(after);
    body
}

/// Inserts an invalid byte into the first text value, or else into the first text.
pub fn with_invalid_utf8(mut body: Vec<u8>) -> Vec<u8> {
    let at = [b"\"Value\":\"".as_slice(), b":\""]
        .iter()
        .find_map(|start| Some(memchr::memmem::find(&body, start)? + start.len()))
        .unwrap_or(0);
    body.insert(at, 0xff);
    body
}

/// Sets `ActionStatus` to `FAIL` and leaves code 0. A response without that status, or with another code, is unchanged.
pub fn with_failed_status(mut body: Vec<u8>) -> Vec<u8> {
    let replacements: [(&[u8], &[u8]); 2] = [
        (b"\"ActionStatus\":\"OK\"", b"\"ActionStatus\":\"FAIL\""),
        (b"\"ErrorInfo\":\"\"", b"\"ErrorInfo\":\"internal error, please try again\""),
    ];
    // Quotes in values are escaped, so the last match is the field itself.
    for (found, replacement) in replacements {
        if let Some(at) = memchr::memmem::rfind(&body, found) {
            body.splice(at..at + found.len(), replacement.iter().copied());
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oversized_body_is_json_of_at_least_that_size() {
        let body = oversized_body(1_000);
        assert!(body.len() >= 1_000);
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }

    #[test]
    fn failed_status_leaves_other_fields_unchanged() {
        let right = br#"{"V":"\"ActionStatus\":\"OK\"","ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;
        let expected = r#"{"V":"\"ActionStatus\":\"OK\"","ActionStatus":"FAIL","ErrorCode":0,"ErrorInfo":"internal error, please try again","ErrorDisplay":""}"#;
        assert_eq!(String::from_utf8(with_failed_status(right.to_vec())).unwrap(), expected);
        let refused = br#"{"ActionStatus":"FAIL","ErrorCode":40009,"ErrorInfo":"x"}"#.to_vec();
        assert_eq!(with_failed_status(refused.clone()), refused);
    }

    #[test]
    fn invalid_byte_damages_only_one_text() {
        for (body, expected) in [
            (r#"{"A":"x","Tag":"T","Value":"v"}"#, r#"{"A":"x","Tag":"T","Value":"�v"}"#),
            (r#"{"A":"x"}"#, r#"{"A":"�x"}"#),
        ] {
            let damaged = with_invalid_utf8(body.as_bytes().to_vec());
            assert!(std::str::from_utf8(&damaged).is_err());
            assert_eq!(String::from_utf8_lossy(&damaged), expected);
        }
    }
}
