//! Parses responses with serde into structs that borrow from the body: the minimum cost with a general parser.

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

#[derive(Deserialize)]
struct Response<'b> {
    #[serde(rename = "ErrorCode")]
    error_code: i64,
    #[serde(rename = "UserProfileItem", borrow)]
    items: Vec<Item<'b>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing it is what is measured")]
struct Item<'b> {
    #[serde(rename = "To_Account")]
    account: &'b str,
    #[serde(rename = "ResultCode")]
    result_code: i64,
    #[serde(rename = "ProfileItem", borrow, default)]
    values: Vec<TagValue<'b>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing it is what is measured")]
struct TagValue<'b> {
    #[serde(rename = "Tag")]
    tag: &'b str,
    #[serde(rename = "Value", borrow)]
    value: Value<'b>,
}

#[expect(dead_code, reason = "parsing it is what is measured")]
enum Value<'b> {
    /// Borrowed unless it contains an escape.
    Text(Cow<'b, str>),
    Number(u64),
}

impl<'de: 'b, 'b> Deserialize<'de> for Value<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }
}

/// Parses a response with sonic-rs and returns its number of accounts.
pub fn by_sonic_rs(body: &[u8]) -> u64 {
    accounts_in(sonic_rs::from_slice(body).unwrap())
}

/// Parses a response with serde_json and returns its number of accounts.
#[allow(dead_code)] // Used by benches/parts only.
pub fn by_serde_json(body: &[u8]) -> u64 {
    accounts_in(serde_json::from_slice(body).unwrap())
}

fn accounts_in(response: Response<'_>) -> u64 {
    assert_eq!(response.error_code, 0);
    let accounts = response.items.len() as u64;
    black_box(response);
    accounts
}
