//! Answers read by serde into structs that borrow from the body: the least that reading costs by a general parser.

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
#[expect(dead_code, reason = "reading it is what is measured")]
struct Item<'b> {
    #[serde(rename = "To_Account")]
    account: &'b str,
    #[serde(rename = "ResultCode")]
    result_code: i64,
    #[serde(rename = "ProfileItem", borrow, default)]
    values: Vec<TagValue<'b>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading it is what is measured")]
struct TagValue<'b> {
    #[serde(rename = "Tag")]
    tag: &'b str,
    #[serde(rename = "Value", borrow)]
    value: Value<'b>,
}

#[expect(dead_code, reason = "reading it is what is measured")]
enum Value<'b> {
    /// Borrowed unless there is an escape in it.
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
        f.write_str("text or a number")
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

/// Reads an answer with sonic-rs; how many accounts are in it.
pub fn by_sonic_rs(body: &[u8]) -> u64 {
    accounts_in(sonic_rs::from_slice(body).unwrap())
}

/// Reads an answer with serde_json; how many accounts are in it.
#[allow(dead_code)] // Only benches/parts compares.
pub fn by_serde_json(body: &[u8]) -> u64 {
    accounts_in(serde_json::from_slice(body).unwrap())
}

fn accounts_in(answer: Response<'_>) -> u64 {
    assert_eq!(answer.error_code, 0);
    let accounts = answer.items.len() as u64;
    black_box(answer);
    accounts
}
