//! Reads an error response of a store.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::attempt::ErrorResponse;
use super::fault::is_transient_code;
use super::response_text::{element, sanitize};

/// An error response: XML of S3, COS, GCS and Azure, JSON of Google's and Microsoft's credential services.
pub fn error_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ErrorResponse {
    let body = String::from_utf8_lossy(body);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let json: Option<serde_json::Value> = serde_json::from_str(&body).ok();
    let in_json = |name: &str| {
        let error = json.as_ref().and_then(|json| json.get("error"));
        let object = error.filter(|it| it.is_object()).or(json.as_ref());
        object.and_then(|it| it.get(name)).and_then(|value| value.as_str())
    };
    let code = element(&body, "Code")
        .or_else(|| in_json("code"))
        .or_else(|| in_json("error"))
        .or_else(|| header("x-ms-error-code"))
        .unwrap_or_default();
    let message = element(&body, "Message")
        .or_else(|| in_json("message"))
        .or_else(|| in_json("error_description"))
        .unwrap_or_default()
        .trim_end_matches('.');
    let reason = status.canonical_reason().unwrap_or("unknown status");
    let text = match (code, message) {
        ("", "") => format!("status {} {reason}", status.as_u16()),
        ("", message) => format!("status {} {reason}: {message}", status.as_u16()),
        (code, "") => format!("status {} {code}", status.as_u16()),
        (code, message) => format!("status {} {code}: {message}", status.as_u16()),
    };
    let region = header("x-amz-bucket-region").or_else(|| element(&body, "Region"));
    ErrorResponse {
        status: status.as_u16(),
        code: sanitize(code),
        text: sanitize(&text),
        retry_after: retry_after(headers),
        region: region.map(sanitize),
    }
}

/// The error in the body of a success, with a status that fits it.
pub fn embedded_error(headers: &HeaderMap, body: &[u8]) -> Option<(StatusCode, ErrorResponse)> {
    let text = String::from_utf8_lossy(body);
    if root(&text) != "Error" {
        return None;
    }
    let is_transient = element(&text, "Code").is_some_and(is_transient_code);
    let status = match is_transient {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::BAD_REQUEST,
    };
    Some((status, error_response(status, headers, body)))
}

/// The name of the root element of an XML document; empty if there is none.
pub fn root(text: &str) -> &str {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let text = match text.strip_prefix("<?xml") {
        Some(declaration) => declaration.split_once("?>").map_or("", |(_, text)| text.trim_start()),
        None => text,
    };
    let name = text.strip_prefix('<').unwrap_or_default();
    name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// `Retry-After` in seconds or as a date, at most a day.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_hours(24);
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let now = headers.get(DATE).and_then(|it| it.to_str().ok()).and_then(date);
    let wait = date(text)?.duration_since(now.unwrap_or_else(Timestamp::now));
    Some(Duration::try_from(wait).unwrap_or_default().min(LONGEST))
}
