//! The fields that every response of the service has.

use super::json_text::{TextStyle, push_code, push_formatted, push_text};
use super::service_error::{ServiceError, error_info};
use super::settings::UndocumentedBehavior;

/// The status at the end of every response.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResponseStatus {
    pub code: i64,
    /// Whether `ErrorDisplay` is present, as in responses of profile commands.
    pub with_display: bool,
    /// Whether `ActionStatus` and `ErrorInfo` are absent.
    pub is_bare: bool,
    pub codes_as_strings: bool,
}

/// Appends the common fields, from `"ActionStatus"` to the last one before the closing brace.
pub fn push_status(
    out: &mut Vec<u8>,
    status: ResponseStatus,
    info: &str,
    behavior: &UndocumentedBehavior,
) {
    if !status.is_bare {
        let action_status = if status.code == 0 { "OK" } else { "FAIL" };
        push_formatted(out, format_args!("\"ActionStatus\":\"{action_status}\","));
    }
    out.extend_from_slice(b"\"ErrorCode\":");
    push_code(out, status.code, status.codes_as_strings);
    if !status.is_bare {
        out.extend_from_slice(b",\"ErrorInfo\":");
        push_text(out, info, TextStyle::default());
    }
    if status.with_display {
        out.extend_from_slice(b",\"ErrorDisplay\":\"\"");
    }
    if behavior.request_id {
        out.extend_from_slice(
            b",\"RequestId\":\"Id-70e312f1de024af5a36714b7b71da224-O-Seq-63504\"",
        );
    }
}

/// A response that consists of the common fields.
pub fn status_body(
    error: ServiceError,
    with_display: bool,
    behavior: &UndocumentedBehavior,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(b'{');
    let status = ResponseStatus { code: error.code, with_display, ..ResponseStatus::default() };
    push_status(&mut out, status, error_info(error, behavior), behavior);
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_text(
        error: ServiceError,
        with_display: bool,
        behavior: &UndocumentedBehavior,
    ) -> String {
        String::from_utf8(status_body(error, with_display, behavior)).unwrap()
    }

    #[test]
    fn error_responses_match_the_documentation() {
        let mut behavior = UndocumentedBehavior::default();
        assert_eq!(
            status_text(60002.into(), false, &behavior),
            r#"{"ActionStatus":"FAIL","ErrorCode":60002,"ErrorInfo":"HTTP parse Error"}"#
        );
        behavior.error_info.insert("40001".to_owned(), "my \"words\"".to_owned());
        assert_eq!(
            status_text(ServiceError::invalid_parameters("given"), true, &behavior),
            r#"{"ActionStatus":"FAIL","ErrorCode":40001,"ErrorInfo":"my \"words\"","ErrorDisplay":""}"#
        );
    }
}
