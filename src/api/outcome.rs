//! What an answer means for the call as a whole. Source: `docs/im-rest-api.md` sections 1, 5 and 9.

use super::error_codes::{Class, ErrorCodeRule};
use super::response::{Code, Response};
use super::transport::TransportFailure;

/// Why a whole call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// It never came to an answer.
    Transport(TransportFailure),
    /// An answer came, and says neither that the call succeeded nor why it failed.
    Unusable {
        /// What is wrong with it.
        problem: ResponseProblem,
        /// `ErrorInfo`, cut to a length that fits a log line.
        info: String,
    },
    /// The service refused the call.
    Refused {
        /// How its code is dealt with.
        rule: ErrorCodeRule,
        /// `ErrorInfo`, cut to a length that fits a log line.
        info: String,
    },
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseProblem {
    /// `ActionStatus` is `FAIL`, or anything else but `OK`, and no code says why.
    #[error("ActionStatus of the response is not OK, and no error code says why")]
    FailWithoutCode,
    /// `ErrorCode` is there and cannot be read.
    #[error("ErrorCode of the response is not a number ({0})")]
    UnreadableCode(String),
    /// A JSON document that is not what this API sends.
    #[error("the response is JSON, but not a response of portrait_get")]
    NotAResponse,
}

impl CallFailure {
    /// The code the service gave, if it came to that.
    pub fn code(&self) -> Option<i64> {
        match self {
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => None,
            CallFailure::Refused { rule, .. } => Some(rule.code),
        }
    }

    /// The text for `error_info`.
    pub fn info(&self) -> String {
        match self {
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => self.to_string(),
            CallFailure::Refused { info, .. } => info.clone(),
        }
    }

    /// What it means to a chunk that has been asked `tries_so_far` times.
    pub fn class_after(&self, tries_so_far: u32) -> Class {
        match self {
            CallFailure::Transport(failure) => failure.class(),
            CallFailure::Unusable { .. } => Class::Retry,
            CallFailure::Refused { rule, .. } => rule.class_after(tries_so_far),
        }
    }

    /// How to fix it.
    pub fn remedy(&self) -> &'static str {
        match self {
            CallFailure::Refused { rule, .. } => rule.remedy,
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => {
                "check api.region or api.base_url, and proxies or gateways on the way"
            }
        }
    }

    /// Whether the service itself said that the call failed.
    pub fn is_from_service(&self) -> bool {
        match self {
            CallFailure::Transport(_) => false,
            CallFailure::Unusable { problem, .. } => *problem != ResponseProblem::NotAResponse,
            CallFailure::Refused { .. } => true,
        }
    }

    /// Whether only a person can fix it.
    pub fn is_permanent(&self) -> bool {
        matches!(self, CallFailure::Transport(failure) if failure.is_permanent())
    }

    /// Whether the answer was beyond the cap.
    pub fn is_too_large(&self) -> bool {
        matches!(self, CallFailure::Transport(TransportFailure::TooLarge(_)))
    }

    /// Whether signing anew may mend it.
    pub fn needs_renewed_signature(&self) -> bool {
        matches!(self, CallFailure::Refused { rule, .. } if rule.resign)
    }
}

impl std::fmt::Display for CallFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let info = match self {
            CallFailure::Transport(failure) => return failure.fmt(f),
            CallFailure::Unusable { problem, info } => {
                write!(f, "{problem}")?;
                info
            }
            CallFailure::Refused { rule, info } => {
                write!(f, "code {}, {}", rule.code, rule.meaning)?;
                info
            }
        };
        if info.is_empty() { Ok(()) } else { write!(f, " (the service says: {info})") }
    }
}

impl From<TransportFailure> for CallFailure {
    fn from(failure: TransportFailure) -> Self {
        CallFailure::Transport(failure)
    }
}

/// Whether the answer is a failure of the whole call. Both `ActionStatus` and `ErrorCode` are looked at, since the
/// service is known to send `OK` with a code; a `FAIL` without one says nothing that could be acted on.
pub fn call_failure(answer: &Response<'_>) -> Option<CallFailure> {
    let problem = match answer.error_code {
        Code::Number(0) | Code::Absent if answer.status_is_fail => ResponseProblem::FailWithoutCode,
        Code::Number(0) if answer.items_are_unreadable => ResponseProblem::NotAResponse,
        Code::Absent if answer.items.is_empty() => ResponseProblem::NotAResponse,
        Code::Number(0) | Code::Absent => return None,
        Code::Number(code) => {
            let info = sanitize_and_truncate(&answer.error_info);
            return Some(CallFailure::Refused { rule: ErrorCodeRule::for_code(code), info });
        }
        Code::Unreadable(written) => {
            ResponseProblem::UnreadableCode(sanitize_and_truncate(written))
        }
    };
    Some(CallFailure::Unusable { problem, info: sanitize_and_truncate(&answer.error_info) })
}

/// What is wrong with a body that [`decode`](super::response::decode) does not take for an answer.
pub fn undecodable(body: &str) -> CallFailure {
    match serde_json::from_str::<serde::de::IgnoredAny>(body) {
        Ok(_) => {
            CallFailure::Unusable { problem: ResponseProblem::NotAResponse, info: String::new() }
        }
        Err(_) => TransportFailure::NotJson.into(),
    }
}

/// Longest text of the service that is kept, in bytes; it comes from outside and may be of any length.
const INFO_MAX_BYTES: usize = 300;

/// A text of the service as it may be kept and shown: in one line, since it comes from outside and ends up on terminals;
/// without the UserSig, which a gateway may repeat with the URL of the call; cut to [`INFO_MAX_BYTES`].
pub fn sanitize_and_truncate(info: &str) -> String {
    let mut shown = without_user_sigs(info).replace(char::is_control, " ");
    shown.truncate(shown.floor_char_boundary(INFO_MAX_BYTES));
    shown
}

/// The text with each UserSig, percent-encoded ones too, taken out.
fn without_user_sigs(text: &str) -> String {
    /// Every UserSig begins so: the base64 of the first bytes of a zlib stream.
    const START: &str = "eJ";
    /// A real one has more than 150; no code or request id is as long.
    const SHORTEST_BYTES: usize = 64;
    let may_be_in_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"*-_+/=%".contains(byte);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let bytes = rest[start..].bytes().take_while(may_be_in_one).count();
        let is_one = bytes >= SHORTEST_BYTES;
        let end = start + if is_one { bytes } else { START.len() };
        shown.push_str(&rest[..if is_one { start } else { end }]);
        if is_one {
            shown.push_str("(UserSig not shown)");
        }
        rest = &rest[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::response::{RequestedTags, decode};
    use crate::api::usersig::{SecretKey, sign};

    fn no_tags() -> RequestedTags {
        RequestedTags::new([])
    }

    #[test]
    fn failure_of_the_call_needs_status_and_code() {
        let failure = |body| call_failure(&decode(body, &no_tags()).unwrap());
        assert_eq!(failure(r#"{"ErrorCode":0,"ActionStatus":"OK"}"#), None);
        assert_eq!(failure(r#"{"UserProfileItem":[{"To_Account":"a"}]}"#), None);
        let code = |body| failure(body).unwrap().code();
        assert_eq!(code(r#"{"ErrorCode":60007,"ActionStatus":"OK"}"#), Some(60007));
        assert_eq!(code(r#"{"ErrorCode":"70001","ActionStatus":"FAIL"}"#), Some(70001));
    }

    #[test]
    fn an_answer_that_says_neither_success_nor_why_it_failed_is_unusable() {
        for (body, shown) in [
            (
                r#"{"ActionStatus":"FAIL","ErrorCode":0,"ErrorInfo":"busy"}"#,
                "ActionStatus of the response is not OK, and no error code says why (the service says: busy)",
            ),
            (
                r#"{"ActionStatus":"FAIL"}"#,
                "ActionStatus of the response is not OK, and no error code says why",
            ),
            (
                r#"{"ErrorCode":"E1","UserProfileItem":[{"To_Account":"a","ResultCode":0}],"ErrorInfo":"odd"}"#,
                "ErrorCode of the response is not a number (E1) (the service says: odd)",
            ),
            (
                r#"{"ErrorCode":null,"ActionStatus":"OK"}"#,
                "ErrorCode of the response is not a number (null)",
            ),
            ("{}", "the response is JSON, but not a response of portrait_get"),
            (r#"{"error":{"code":7}}"#, "the response is JSON, but not a response of portrait_get"),
            (
                r#"{"ErrorCode":0,"UserProfileItem":"none"}"#,
                "the response is JSON, but not a response of portrait_get",
            ),
        ] {
            let failure = call_failure(&decode(body, &no_tags()).unwrap()).expect(body);
            assert_eq!(failure.to_string(), shown, "{body}");
            assert_eq!((failure.class_after(100), failure.code()), (Class::Retry, None), "{body}");
        }
    }

    #[test]
    fn json_of_another_shape_is_not_called_broken() {
        for body in ["[]", "null", "7", r#""busy""#, r#"[{"ErrorCode":0}]"#] {
            assert!(decode(body, &no_tags()).is_err());
            assert!(
                matches!(
                    undecodable(body),
                    CallFailure::Unusable { problem: ResponseProblem::NotAResponse, .. }
                ),
                "{body}"
            );
        }
        for body in ["", "<html>", "{", r#"{"a":1}x"#] {
            assert_eq!(undecodable(body), TransportFailure::NotJson.into(), "{body}");
        }
    }

    #[test]
    fn long_texts_of_the_service_are_cut_between_characters() {
        let info = "张".repeat(1000);
        assert_eq!(sanitize_and_truncate(&info).len(), 300);
        assert!(sanitize_and_truncate(&"é".repeat(1000)).len() <= INFO_MAX_BYTES);
    }

    #[test]
    fn a_usersig_that_is_echoed_is_not_kept() {
        let sig = sign(&SecretKey::new("k".to_owned()), 1_400_000_000, "administrator", 1, 86_400);
        let encoded = sig.as_str().replace(['*', '-', '_'], "%2A");
        let echoed = format!("eJ no: usersig={}&random=1, again {encoded}", sig.as_str());
        assert_eq!(
            sanitize_and_truncate(&echoed),
            "eJ no: usersig=(UserSig not shown)&random=1, again (UserSig not shown)"
        );
        assert!(
            !sanitize_and_truncate(&format!("{}{}", "x".repeat(280), sig.as_str())).contains("eJ")
        );
    }

    #[test]
    fn a_text_of_the_service_cannot_reach_the_terminal() {
        assert_eq!(
            sanitize_and_truncate("no\x1b[31m\nerror: forged\u{9b}"),
            "no [31m error: forged "
        );
    }
}
