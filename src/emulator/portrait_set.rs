//! `v4/profile/portrait_set`: sets values of one account (`docs/im-rest-api.md`).

use serde::Deserialize;

use super::Emulator;
use super::population::ChangeError;
use super::profiles::ProfileValue;
use super::query::decimal;
use super::request_body::{AccountLocation, read_object};
use super::response_body::status_body;
use super::service_error::ServiceError;
use super::settings::Settings;
use super::tags::TagKind;

const MAX_VALUE_BYTES: usize = 500;
const MAX_LOCATION_BYTES: usize = 16;

const UNKNOWN_ACCOUNT: ServiceError = ServiceError { code: 40003, info: None };

#[derive(Deserialize)]
struct SetBody {
    #[serde(rename = "From_Account")]
    account: String,
    #[serde(rename = "ProfileItem")]
    items: Vec<SetItem>,
}

#[derive(Deserialize)]
struct SetItem {
    #[serde(rename = "Tag")]
    tag: String,
    #[serde(rename = "Value")]
    value: serde_json::Value,
}

pub fn portrait_set(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let SetBody { account, items } = read_object(body, &[AccountLocation::Key("From_Account")])?;
    if items.is_empty() {
        return Err(ServiceError::DECODE_FAILED);
    }
    if !emulator.population().is_known(&account) {
        return Err(UNKNOWN_ACCOUNT);
    }
    let settings = emulator.settings();
    let values = items
        .into_iter()
        .map(|item| checked_value(&item, settings).map(|value| (item.tag, value)))
        .collect::<Result<Vec<_>, i64>>()
        .map_err(ServiceError::from)?;
    match emulator.population().set(&account, values) {
        Ok(()) => Ok(status_body(0.into(), true, &settings.undocumented_behavior)),
        Err(ChangeError::NotFound) => Err(UNKNOWN_ACCOUNT),
        Err(_) => Err(40006.into()),
    }
}

/// The value if it is valid for the tag, or else the error code.
fn checked_value(item: &SetItem, settings: &Settings) -> Result<ProfileValue, i64> {
    let kind = TagKind::of(&item.tag, &settings.population).ok_or(40009)?;
    match &item.value {
        serde_json::Value::Number(number) if kind.is_number() => {
            checked_number(number.as_u64(), kind)
        }
        serde_json::Value::String(digits)
            if kind.is_number() && settings.undocumented_behavior.set_numbers_as_strings =>
        {
            checked_number(decimal(digits), kind)
        }
        serde_json::Value::String(text) if !kind.is_number() => {
            let max_bytes =
                if kind == TagKind::Location { MAX_LOCATION_BYTES } else { MAX_VALUE_BYTES };
            if text.len() > max_bytes {
                return Err(40601);
            }
            let has_valid_prefix = match kind {
                TagKind::Gender => text.starts_with("Gender_Type_"),
                TagKind::AllowType => text.starts_with("AllowType_Type_"),
                TagKind::AdminForbid => text.starts_with("AdminForbid_Type_"),
                _ => true,
            };
            if has_valid_prefix { Ok(ProfileValue::Text(text.clone())) } else { Err(40605) }
        }
        _ => Err(40610),
    }
}

fn checked_number(number: Option<u64>, kind: TagKind) -> Result<ProfileValue, i64> {
    let number = number.ok_or(40605)?;
    let is_too_large = kind != TagKind::Number && u32::try_from(number).is_err();
    if is_too_large { Err(40605) } else { Ok(ProfileValue::Number(number)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Profiles;
    use super::*;

    fn emulator(toml: &str) -> Emulator {
        let toml = format!("{toml}\n[faults]\nunknown = {{ prefix = 'new' }}\n");
        Emulator::for_test(&toml, Profiles::generated())
    }

    fn set(emulator: &Emulator, tag: &str, value: serde_json::Value) -> Result<Vec<u8>, i64> {
        let body = json!({ "From_Account": "a", "ProfileItem": [{ "Tag": tag, "Value": value }] });
        portrait_set(emulator, body.to_string().as_bytes()).map_err(|error| error.code)
    }

    #[test]
    fn portrait_set_changes_the_population() {
        let emulator = emulator("");
        let response = set(&emulator, "Tag_Profile_IM_Nick", json!("N"));
        assert_eq!(
            String::from_utf8(response.unwrap()).unwrap(),
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#
        );
        let population = emulator.population();
        assert_eq!(
            population.value("a", "Tag_Profile_IM_Nick"),
            Some(ProfileValue::Text("N".to_owned()))
        );
    }

    #[test]
    fn portrait_set_refuses_with_the_documented_codes() {
        let emulator = emulator("");
        for (tag, value, code) in [
            ("Tag_Profile_IM_None", json!("x"), 40009),
            ("Tag_Profile_Custom_Unknown", json!("x"), 40009),
            ("Tag_Profile_IM_BirthDay", json!("20190419"), 40610),
            ("Tag_Profile_IM_Nick", json!(7), 40610),
            ("Tag_Profile_IM_Nick", json!("x".repeat(501)), 40601),
            ("Tag_Profile_IM_Location", json!("x".repeat(17)), 40601),
            ("Tag_Profile_IM_Gender", json!("male"), 40605),
            ("Tag_Profile_IM_Level", json!(-1), 40605),
            ("Tag_Profile_IM_Level", json!(4_294_967_296u64), 40605),
        ] {
            assert_eq!(set(&emulator, tag, value), Err(code), "{tag}");
        }
        let empty = portrait_set(&emulator, br#"{"From_Account":"a","ProfileItem":[]}"#);
        assert_eq!(empty, Err(ServiceError::DECODE_FAILED));
        assert_eq!(portrait_set(&emulator, b"{").map_err(|error| error.code), Err(60003));
        let unknown = br#"{"From_Account":"new1","ProfileItem":[{"Tag":"T","Value":1}]}"#;
        assert_eq!(portrait_set(&emulator, unknown), Err(40003.into()));
        let number = br#"{"From_Account":7,"ProfileItem":[{"Tag":"T","Value":1}]}"#;
        assert_eq!(portrait_set(&emulator, number), Err(60015.into()));
    }

    #[test]
    fn numbers_as_strings_need_the_setting() {
        let birthday = "Tag_Profile_IM_BirthDay";
        let emulator = emulator("open_questions.set_numbers_as_strings = true");
        assert!(set(&emulator, birthday, json!("20190419")).is_ok());
        let value = emulator.population().value("a", birthday);
        assert_eq!(value, Some(ProfileValue::Number(20_190_419)));
        for text in ["", "+1", "-1", "1.0", "x", "4294967296"] {
            assert_eq!(set(&emulator, birthday, json!(text)), Err(40605), "{text}");
        }
    }
}
