//! Bodies of requests: JSON objects, and the code for one that is not what its command reads.

use serde::Deserialize;
use serde_json::Value;

use super::portrait_get::{CallError, DECODE_FAILED};

/// Where a body has its accounts, to tell an account that is not a string (60015) from any other wrong shape.
#[derive(Debug, Clone, Copy)]
pub(super) enum AccountsIn {
    /// `{"KEY":"account"}`
    Key(&'static str),
    /// `{"KEY":["account",…]}`
    List(&'static str),
    /// `{"KEY":[{"INNER":"account"},…]}`
    EachOf(&'static str, &'static str),
}

/// Reads a JSON object; a list is refused, though it could be read as one by position.
pub(super) fn read_object<'b, T: Deserialize<'b>>(
    body: &'b [u8],
    accounts: &[AccountsIn],
) -> Result<T, CallError> {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    let read = if is_object { serde_json::from_slice(body).ok() } else { None };
    read.ok_or_else(|| why_unreadable(body, accounts))
}

/// Whether a body is JSON at all, which the gateway checks for every command.
pub(super) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// The code for a body that cannot be read: not JSON at all, an account that is not a string, or anything else.
fn why_unreadable(body: &[u8], accounts: &[AccountsIn]) -> CallError {
    match serde_json::from_slice::<Value>(body) {
        Err(_) => (60003, None),
        Ok(body) if accounts.iter().any(|place| place.holds_another_type(&body)) => (60015, None),
        Ok(_) => DECODE_FAILED,
    }
}

impl AccountsIn {
    fn holds_another_type(self, body: &Value) -> bool {
        let is_other =
            |account: Option<&Value>| account.is_some_and(|account| !account.is_string());
        let items = |key| body.get(key).and_then(Value::as_array).into_iter().flatten();
        match self {
            AccountsIn::Key(key) => is_other(body.get(key)),
            AccountsIn::List(key) => items(key).any(|account| is_other(Some(account))),
            AccountsIn::EachOf(key, inner) => items(key).any(|item| is_other(item.get(inner))),
        }
    }
}
