//! The commands that fill and ask about the population: `portrait_set`, `account_import`,
//! `multiaccount_import` and `account_check` (`reference/im-rest-api.md` section 7). None of them is fast or
//! meets call faults; they are here so that a population can be set up as in the real app.

use serde::Deserialize;
use serde_json::json;

use super::Emulator;
use super::answer::{status_body, words_of};
use super::portrait_get::{CallError, DECODE_FAILED, read_object};
use super::profiles::{Value, is_account};
use super::settings::PopulationSettings;
use super::tags::TagKind;
use crate::api::wire::MAX_ACCOUNTS_PER_CALL;

/// Longest text the service stores.
const MAX_VALUE_BYTES: usize = 500;
/// Longest `Tag_Profile_IM_Location`.
const MAX_LOCATION_BYTES: usize = 16;

const ACCOUNT_ILLEGAL: CallError = (70402, None);
const QUOTA_USED_UP: CallError = (70398, None);

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

/// Sets values of one account.
pub(super) fn portrait_set(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, CallError> {
    let SetBody { account, items } = read_object(body, "From_Account")?;
    if items.is_empty() {
        return Err(DECODE_FAILED);
    }
    if !emulator.population().is_known(&account) {
        return Err((40003, None));
    }
    let settings = emulator.settings();
    let values = items
        .into_iter()
        .map(|item| Ok((checked_value(&item, &settings.population)?, item.tag)))
        .map(|checked| checked.map(|(value, tag)| (tag, value)))
        .collect::<Result<Vec<_>, i64>>()
        .map_err(|code| (code, None))?;
    if !emulator.population().change(&account, values) {
        return Err((40006, None));
    }
    Ok(status_body(0, None, true, &settings.open_questions))
}

/// The value if the tag may hold it, else the code.
fn checked_value(item: &SetItem, settings: &PopulationSettings) -> Result<Value, i64> {
    let kind = TagKind::of(&item.tag, settings).ok_or(40009)?;
    match &item.value {
        serde_json::Value::Number(number) if kind.is_number() => {
            let number = number.as_u64().ok_or(40605)?;
            let is_too_large = kind != TagKind::Number && u32::try_from(number).is_err();
            if is_too_large { Err(40605) } else { Ok(Value::Number(number)) }
        }
        serde_json::Value::String(text) if !kind.is_number() => {
            let most_bytes =
                if kind == TagKind::Location { MAX_LOCATION_BYTES } else { MAX_VALUE_BYTES };
            if text.len() > most_bytes {
                return Err(40601);
            }
            let has_right_prefix = match kind {
                TagKind::Gender => text.starts_with("Gender_Type_"),
                TagKind::AllowType => text.starts_with("AllowType_Type_"),
                TagKind::AdminForbid => text.starts_with("AdminForbid_Type_"),
                _ => true,
            };
            if has_right_prefix { Ok(Value::Text(text.clone())) } else { Err(40605) }
        }
        _ => Err(40610),
    }
}

/// An account to import; `Identifier` is the older name of `UserID`.
#[derive(Deserialize)]
struct ImportBody {
    #[serde(rename = "UserID", alias = "Identifier")]
    account: String,
    #[serde(rename = "Nick")]
    nick: Option<String>,
    #[serde(rename = "FaceUrl")]
    image: Option<String>,
}

/// Imports one account.
pub(super) fn account_import(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, CallError> {
    let import: ImportBody = read_object(body, "UserID").map_err(in_words_of_accounts)?;
    if !is_account(&import.account) {
        return Err(ACCOUNT_ILLEGAL);
    }
    if !import_one(emulator, import) {
        return Err(QUOTA_USED_UP);
    }
    Ok(status_body(0, None, false, &emulator.settings().open_questions))
}

/// The account service has a code of its own for an ill-formed body.
fn in_words_of_accounts(error: CallError) -> CallError {
    if error == DECODE_FAILED { ACCOUNT_ILLEGAL } else { error }
}

fn import_one(emulator: &Emulator, import: ImportBody) -> bool {
    let fields = [("Tag_Profile_IM_Nick", import.nick), ("Tag_Profile_IM_Image", import.image)];
    let values = fields
        .into_iter()
        .filter_map(|(tag, text)| Some((tag.to_owned(), Value::Text(text?))))
        .collect();
    emulator.population().change(&import.account, values)
}

#[derive(Deserialize)]
struct MultiImportBody {
    #[serde(default, rename = "Accounts")]
    accounts: Vec<String>,
    #[serde(default, rename = "AccountList")]
    list: Vec<ImportBody>,
}

/// Imports up to 100 accounts, in the older or the newer form; those that cannot be are listed.
pub(super) fn multiaccount_import(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, CallError> {
    let MultiImportBody { accounts, mut list } =
        read_object(body, "Accounts").map_err(in_words_of_accounts)?;
    let older = accounts.into_iter().map(|account| ImportBody { account, nick: None, image: None });
    list.extend(older);
    if list.is_empty() || list.len() > MAX_ACCOUNTS_PER_CALL {
        return Err(ACCOUNT_ILLEGAL);
    }
    let mut failed = Vec::new();
    for import in list {
        let account = import.account.clone();
        if !is_account(&account) || !import_one(emulator, import) {
            failed.push(account);
        }
    }
    Ok(ok_with(json!({ "FailAccounts": failed })))
}

#[derive(Deserialize)]
struct CheckBody {
    #[serde(rename = "CheckItem")]
    items: Vec<CheckItem>,
}

#[derive(Deserialize)]
struct CheckItem {
    #[serde(rename = "UserID")]
    account: String,
}

/// Tells which accounts are imported.
pub(super) fn account_check(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, CallError> {
    let CheckBody { items } = read_object(body, "").map_err(in_words_of_accounts)?;
    if items.is_empty() || items.len() > MAX_ACCOUNTS_PER_CALL {
        return Err(ACCOUNT_ILLEGAL);
    }
    let questions = &emulator.settings().open_questions;
    let item_of = |CheckItem { account }: CheckItem| {
        if !is_account(&account) {
            let words = words_of(70402, None, questions);
            return json!({ "UserID": account, "ResultCode": 70402, "ResultInfo": words });
        }
        let is_known = emulator.population().is_known(&account);
        let status = if is_known { "Imported" } else { "NotImported" };
        json!({ "UserID": account, "ResultCode": 0, "ResultInfo": "", "AccountStatus": status })
    };
    let items: Vec<serde_json::Value> = items.into_iter().map(item_of).collect();
    Ok(ok_with(json!({ "ResultItem": items })))
}

fn ok_with(mut answer: serde_json::Value) -> Vec<u8> {
    answer["ActionStatus"] = json!("OK");
    answer["ErrorCode"] = json!(0);
    answer["ErrorInfo"] = json!("");
    answer.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::Profiles;
    use super::*;

    fn emulator() -> Emulator {
        Emulator::for_test("faults.unknown = { prefix = 'new' }", Profiles::made_up())
    }

    fn json_of(answer: Result<Vec<u8>, CallError>) -> serde_json::Value {
        serde_json::from_slice(&answer.unwrap()).unwrap()
    }

    fn set(emulator: &Emulator, tag: &str, value: serde_json::Value) -> Result<Vec<u8>, i64> {
        let body = json!({ "From_Account": "a", "ProfileItem": [{ "Tag": tag, "Value": value }] });
        portrait_set(emulator, body.to_string().as_bytes()).map_err(|(code, _)| code)
    }

    #[test]
    fn portrait_set_changes_what_the_population_holds() {
        let emulator = emulator();
        let answer = set(&emulator, "Tag_Profile_IM_Nick", json!("N"));
        assert_eq!(
            String::from_utf8(answer.unwrap()).unwrap(),
            r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#
        );
        let population = emulator.population();
        assert_eq!(population.value("a", "Tag_Profile_IM_Nick"), Some(Value::Text("N".to_owned())));
    }

    #[test]
    fn portrait_set_refuses_with_the_documented_codes() {
        let emulator = emulator();
        for (tag, value, code) in [
            ("Tag_Profile_IM_None", json!("x"), 40009),
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
        assert_eq!(empty, Err(DECODE_FAILED));
        assert_eq!(portrait_set(&emulator, b"{").map_err(|error| error.0), Err(60003));
        let unknown = br#"{"From_Account":"new1","ProfileItem":[{"Tag":"T","Value":1}]}"#;
        assert_eq!(portrait_set(&emulator, unknown), Err((40003, None)));
        let number = br#"{"From_Account":7,"ProfileItem":[{"Tag":"T","Value":1}]}"#;
        assert_eq!(portrait_set(&emulator, number), Err((60015, None)));
    }

    #[test]
    fn imported_accounts_are_known_from_then_on() {
        let emulator = emulator();
        for (account, body) in [
            ("new1", r#"{"UserID":"new1","Nick":"N","FaceUrl":"http://a.example/1.png"}"#),
            ("new2", r#"{"Identifier":"new2"}"#),
        ] {
            assert!(!emulator.population().is_known(account));
            let answer = json_of(account_import(&emulator, body.as_bytes()));
            assert_eq!(answer["ErrorCode"], 0);
            assert!(emulator.population().is_known(account));
        }
        let nick = emulator.population().value("new1", "Tag_Profile_IM_Nick");
        assert_eq!(nick, Some(Value::Text("N".to_owned())));
        let long = format!(r#"{{"UserID":"{}"}}"#, "x".repeat(33));
        for (body, code) in
            [(long.as_str(), 70402), (r#"{"UserID":7}"#, 60015), ("{}", 70402), ("[", 60003)]
        {
            assert_eq!(account_import(&emulator, body.as_bytes()).map_err(|e| e.0), Err(code));
        }
    }

    #[test]
    fn many_are_imported_in_both_forms_and_failures_are_listed() {
        let emulator = emulator();
        let body = br#"{"Accounts":["new1","@TLS#NOT_FOUND"],"AccountList":[{"UserID":"new2","Nick":"N"}]}"#;
        let answer = json_of(multiaccount_import(&emulator, body));
        assert_eq!(answer["FailAccounts"], json!(["@TLS#NOT_FOUND"]));
        assert_eq!(answer["ActionStatus"], "OK");
        assert!(["new1", "new2"].iter().all(|account| emulator.population().is_known(account)));
        let many = json!({ "Accounts": vec!["a"; 101] }).to_string();
        for (body, code) in
            [(many.as_str(), 70402), ("{}", 70402), (r#"{"Accounts":[1]}"#, 60015), ("", 60003)]
        {
            let refused = multiaccount_import(&emulator, body.as_bytes());
            assert_eq!(refused.map_err(|error| error.0), Err(code));
        }
    }

    #[test]
    fn account_check_tells_who_is_imported() {
        let emulator = emulator();
        let body = br#"{"CheckItem":[{"UserID":"a"},{"UserID":"new1"},{"UserID":""}]}"#;
        let answer = json_of(account_check(&emulator, body));
        let statuses: Vec<_> =
            answer["ResultItem"].as_array().unwrap().iter().map(|i| &i["AccountStatus"]).collect();
        assert_eq!(statuses, [&json!("Imported"), &json!("NotImported"), &json!(null)]);
        assert_eq!(answer["ResultItem"][1]["ResultCode"], 0);
        assert_eq!(answer["ResultItem"][2]["ResultCode"], 70402);
        assert_eq!(account_check(&emulator, b"{}"), Err(ACCOUNT_ILLEGAL));
        assert_eq!(account_check(&emulator, b"").map_err(|error| error.0), Err(60003));
    }
}
