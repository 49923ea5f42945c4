//! What a call is given: a status, a body, when, and how much of it.

use std::time::Duration;

/// How much of a reply goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Whole,
    /// About half of the body, then the connection ends.
    Cut,
    /// Nothing; the connection is reset.
    Reset,
}

/// A reply, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) retry_after_seconds: Option<u32>,
    pub(super) location: Option<&'static str>,
    /// Time before the reply that a stop of the emulator waits for.
    pub(super) latency: Duration,
    /// Time before the reply that a stop of the emulator cuts short.
    pub(super) hang: Option<Duration>,
    pub(super) wire: Wire,
}

impl Reply {
    /// HTTP 200 with JSON.
    pub(super) fn json(body: Vec<u8>) -> Reply {
        Reply {
            status: 200,
            content_type: "application/json",
            body,
            retry_after_seconds: None,
            location: None,
            latency: Duration::ZERO,
            hang: None,
            wire: Wire::Whole,
        }
    }

    /// HTML or less, as a proxy in between would say it.
    pub(super) fn text(status: u16, text: &str) -> Reply {
        let content_type = "text/html; charset=utf-8";
        Reply { status, content_type, ..Reply::json(text.as_bytes().to_vec()) }
    }
}

/// JSON that no reader should hold in memory.
pub(super) fn oversized_body(bytes: usize) -> Vec<u8> {
    let (before, after) = (b"{\"UserProfileItem\":[],\"ErrorInfo\":\"", b"\"}");
    let mut body = Vec::with_capacity(bytes + before.len() + after.len());
    body.extend_from_slice(before);
    body.resize(bytes.max(before.len()), b'x');
    body.extend_from_slice(after);
    body
}

/// The body with a byte that UTF-8 knows not, within the first value that is a text, or at least within a text.
pub(super) fn with_a_bad_byte(mut body: Vec<u8>) -> Vec<u8> {
    let at = [b"\"Value\":\"".as_slice(), b":\""]
        .iter()
        .find_map(|start| Some(memchr::memmem::find(&body, start)? + start.len()))
        .unwrap_or(0);
    body.insert(at, 0xff);
    body
}

/// The answer, whose `ActionStatus` says that it failed while its code says otherwise. An answer without such a status, or
/// with a code of its own, stays as it is.
pub(super) fn with_failed_status(mut body: Vec<u8>) -> Vec<u8> {
    let replacements: [(&[u8], &[u8]); 2] = [
        (b"\"ActionStatus\":\"OK\"", b"\"ActionStatus\":\"FAIL\""),
        (b"\"ErrorInfo\":\"\"", b"\"ErrorInfo\":\"internal error, please try again\""),
    ];
    // Quotes within values are escaped, so the last of each is the status itself.
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
    fn an_oversized_body_is_json_of_at_least_that_size() {
        let body = oversized_body(1_000);
        assert!(body.len() >= 1_000);
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }

    #[test]
    fn a_failed_status_leaves_the_rest_of_the_answer_as_it_is() {
        let right = br#"{"V":"\"ActionStatus\":\"OK\"","ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;
        let expected = r#"{"V":"\"ActionStatus\":\"OK\"","ActionStatus":"FAIL","ErrorCode":0,"ErrorInfo":"internal error, please try again","ErrorDisplay":""}"#;
        assert_eq!(String::from_utf8(with_failed_status(right.to_vec())).unwrap(), expected);
        let refused = br#"{"ActionStatus":"FAIL","ErrorCode":40009,"ErrorInfo":"x"}"#.to_vec();
        assert_eq!(with_failed_status(refused.clone()), refused);
    }

    #[test]
    fn a_bad_byte_spoils_one_text_and_nothing_else() {
        for (body, expected) in [
            (r#"{"A":"x","Tag":"T","Value":"v"}"#, r#"{"A":"x","Tag":"T","Value":"�v"}"#),
            (r#"{"A":"x"}"#, r#"{"A":"�x"}"#),
        ] {
            let corrupt_reply = with_a_bad_byte(body.as_bytes().to_vec());
            assert!(std::str::from_utf8(&corrupt_reply).is_err());
            assert_eq!(String::from_utf8_lossy(&corrupt_reply), expected);
        }
    }
}
