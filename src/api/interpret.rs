//! What a response means: the one place that decodes, classifies and reconciles it.
//!
//! A decoded response borrows from its body, so a caller keeps the body of [`Client::fetch`](super::client::Client::fetch)
//! and interprets it in place, without a copy.

use std::borrow::Cow;

use super::error_codes::ErrorCodeRule;
use super::outcome::{CallFailure, ResponseProblem};
use super::reconcile::{AccountOutcome, reconcile};
use super::response::{Code, RequestedTags, Response, decode};
use super::service_text::sanitize_and_truncate;
use super::transport::TransportFailure;

/// The text of a body.
#[derive(Debug)]
pub struct ResponseText<'b>(Cow<'b, str>);

impl<'b> ResponseText<'b> {
    /// Bytes that are not UTF-8 become U+FFFD.
    pub fn new(body: &'b [u8]) -> ResponseText<'b> {
        ResponseText(match simdutf8::basic::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(body),
        })
    }
}

/// The response to a call that succeeded as a whole.
#[derive(Debug)]
pub struct Interpretation<'t> {
    /// The decoded response.
    pub response: Response<'t>,
    /// What it means for each account of the chunk, in the order of the chunk.
    pub outcomes: Vec<AccountOutcome>,
    /// Whether the body was not UTF-8.
    pub was_not_utf8: bool,
}

/// Decodes the response to a request for `accounts` and `tags`, and decides every account. Fails if the call failed as a
/// whole.
pub fn interpret<'t>(
    text: &'t ResponseText<'_>,
    accounts: &[impl AsRef<str>],
    tags: &RequestedTags,
) -> Result<Interpretation<'t>, CallFailure> {
    let response = decode(&text.0, tags).map_err(|_| undecodable(&text.0))?;
    if let Some(failure) = call_failure(&response) {
        return Err(failure);
    }
    let outcomes = reconcile(accounts, &response);
    Ok(Interpretation { response, outcomes, was_not_utf8: matches!(text.0, Cow::Owned(_)) })
}

impl Interpretation<'_> {
    /// The refusal that an item reports in its own code; `None` if the item has no code.
    pub fn refusal(&self, item_index: usize) -> Option<Refusal> {
        let item = &self.response.items[item_index];
        let Code::Number(code) = item.result_code else { return None };
        let rule = ErrorCodeRule::for_code(code);
        Some(Refusal { rule, info: sanitize_and_truncate(&item.result_info) })
    }
}

/// A code of the service, with its text.
#[derive(Debug)]
pub struct Refusal {
    pub rule: ErrorCodeRule,
    /// Safe to show.
    pub info: String,
}

impl From<Refusal> for CallFailure {
    fn from(Refusal { rule, info }: Refusal) -> Self {
        CallFailure::Refused { rule, info }
    }
}

/// The failure of the whole call, if the response reports one. Both `ActionStatus` and `ErrorCode` count, since the service
/// is known to send `OK` with a code.
fn call_failure(response: &Response<'_>) -> Option<CallFailure> {
    let problem = match response.error_code {
        Code::Number(0) | Code::Absent if response.status_is_fail => {
            ResponseProblem::FailWithoutCode
        }
        Code::Number(0) if response.items_are_unreadable => ResponseProblem::NotAResponse,
        Code::Absent if response.items.is_empty() => ResponseProblem::NotAResponse,
        Code::Number(0) | Code::Absent => return None,
        Code::Number(code) => {
            let info = sanitize_and_truncate(&response.error_info);
            return Some(CallFailure::Refused { rule: ErrorCodeRule::for_code(code), info });
        }
        Code::Unreadable(written) => {
            ResponseProblem::UnreadableCode(sanitize_and_truncate(written))
        }
    };
    Some(CallFailure::Unusable { problem, info: sanitize_and_truncate(&response.error_info) })
}

/// The failure for a text that [`decode`] rejects.
fn undecodable(body: &str) -> CallFailure {
    match serde_json::from_str::<serde::de::IgnoredAny>(body) {
        Ok(_) => {
            CallFailure::Unusable { problem: ResponseProblem::NotAResponse, info: String::new() }
        }
        Err(_) => TransportFailure::NotJson.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error_codes::Class;

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
    fn a_response_without_success_or_error_code_is_unusable() {
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
    fn json_of_another_shape_is_not_reported_as_broken() {
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
}
