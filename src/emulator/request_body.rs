//! Request bodies: JSON objects, and the error for a body that a command cannot read.

use serde::Deserialize;
use serde_json::Value;

use super::service_error::ServiceError;

/// Location of accounts in a body, to distinguish an account that is not a string (60015) from other errors.
#[derive(Debug, Clone, Copy)]
pub enum AccountLocation {
    /// `{"KEY":"account"}`
    Key(&'static str),
    /// `{"KEY":["account",…]}`
    List(&'static str),
    /// `{"KEY":[{"INNER":"account"},…]}`
    ObjectList(&'static str, &'static str),
}

/// Reads a JSON object. A list is refused, although serde could read it by position.
pub fn read_object<'b, T: Deserialize<'b>>(
    body: &'b [u8],
    accounts: &[AccountLocation],
) -> Result<T, ServiceError> {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    let read = if is_object { serde_json::from_slice(body).ok() } else { None };
    read.ok_or_else(|| unreadable_body_error(body, accounts))
}

/// Whether a body is JSON, which the gateway requires of every command.
pub fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// The error for a body that is not JSON, has an account that is not a string, or has another wrong type.
fn unreadable_body_error(body: &[u8], accounts: &[AccountLocation]) -> ServiceError {
    match serde_json::from_slice::<Value>(body) {
        Err(_) => 60003.into(),
        Ok(body) if accounts.iter().any(|location| location.holds_non_string(&body)) => {
            60015.into()
        }
        Ok(_) => ServiceError::DECODE_FAILED,
    }
}

impl AccountLocation {
    fn holds_non_string(self, body: &Value) -> bool {
        let is_other =
            |account: Option<&Value>| account.is_some_and(|account| !account.is_string());
        let items = |key| body.get(key).and_then(Value::as_array).into_iter().flatten();
        match self {
            AccountLocation::Key(key) => is_other(body.get(key)),
            AccountLocation::List(key) => items(key).any(|account| is_other(Some(account))),
            AccountLocation::ObjectList(key, inner) => {
                items(key).any(|item| is_other(item.get(inner)))
            }
        }
    }
}
