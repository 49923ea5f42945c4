//! The account service: `account_import`, `multiaccount_import`, `account_check` and `account_delete`
//! (`docs/im-rest-api.md`). They set up a population as in a real app; call faults do not affect them.

use serde::Deserialize;
use serde_json::json;

use super::Emulator;
use super::population::ChangeError;
use super::profiles::{ProfileValue, is_account};
use super::request_body::{AccountLocation, read_object};
use super::response_body::status_body;
use super::service_error::{ServiceError, error_info};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;

const INVALID_PARAMETER: ServiceError = ServiceError { code: 70402, info: None };

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

pub fn account_import(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let import: ImportBody =
        read_object(body, &[AccountLocation::Key("UserID"), AccountLocation::Key("Identifier")])
            .map_err(into_account_service_error)?;
    if !is_account(&import.account) {
        return Err(INVALID_PARAMETER);
    }
    import_one(emulator, import).map_err(|error| ServiceError::from(import_error_code(error)))?;
    Ok(status_body(0.into(), false, &emulator.settings().undocumented_behavior))
}

/// The account service has its own code for an invalid body.
fn into_account_service_error(error: ServiceError) -> ServiceError {
    if error == ServiceError::DECODE_FAILED { INVALID_PARAMETER } else { error }
}

fn import_error_code(error: ChangeError) -> i64 {
    match error {
        ChangeError::QuotaExceeded => 70398,
        ChangeError::Deleted => 70399,
        ChangeError::NotFound => 70107,
    }
}

fn import_one(emulator: &Emulator, import: ImportBody) -> Result<(), ChangeError> {
    let fields = [("Tag_Profile_IM_Nick", import.nick), ("Tag_Profile_IM_Image", import.image)];
    let values = fields
        .into_iter()
        .filter_map(|(tag, text)| Some((tag.to_owned(), ProfileValue::Text(text?))))
        .collect();
    emulator.population().import(&import.account, values)
}

#[derive(Deserialize)]
struct MultiImportBody {
    #[serde(default, rename = "Accounts")]
    accounts: Vec<String>,
    #[serde(default, rename = "AccountList")]
    list: Vec<ImportBody>,
}

const MULTI_IMPORT_ACCOUNTS: [AccountLocation; 2] =
    [AccountLocation::List("Accounts"), AccountLocation::ObjectList("AccountList", "UserID")];

/// Imports up to 100 accounts in the older or the newer form. The response lists those that failed.
pub fn multiaccount_import(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let MultiImportBody { accounts, mut list } =
        read_object(body, &MULTI_IMPORT_ACCOUNTS).map_err(into_account_service_error)?;
    let older = accounts.into_iter().map(|account| ImportBody { account, nick: None, image: None });
    list.extend(older);
    if list.is_empty() || list.len() > MAX_ACCOUNTS_PER_CALL {
        return Err(INVALID_PARAMETER);
    }
    let mut failed = Vec::new();
    for import in list {
        let account = import.account.clone();
        if !is_account(&account) || import_one(emulator, import).is_err() {
            failed.push(account);
        }
    }
    Ok(ok_with(json!({ "FailAccounts": failed })))
}

#[derive(Deserialize)]
struct CheckBody {
    #[serde(rename = "CheckItem")]
    items: Vec<UserItem>,
}

#[derive(Deserialize)]
struct UserItem {
    #[serde(rename = "UserID")]
    account: String,
}

pub fn account_check(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let locations = [AccountLocation::ObjectList("CheckItem", "UserID")];
    let CheckBody { items } = read_object(body, &locations).map_err(into_account_service_error)?;
    item_results(emulator, items, |account| {
        let is_known = emulator.population().is_known(account);
        let status = if is_known { "Imported" } else { "NotImported" };
        (0, json!({ "AccountStatus": status }))
    })
}

#[derive(Deserialize)]
struct DeleteBody {
    #[serde(rename = "DeleteItem")]
    items: Vec<UserItem>,
}

/// Deletes up to 100 accounts. An unknown account fails in its own item.
pub fn account_delete(emulator: &Emulator, body: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let locations = [AccountLocation::ObjectList("DeleteItem", "UserID")];
    let DeleteBody { items } = read_object(body, &locations).map_err(into_account_service_error)?;
    item_results(emulator, items, |account| {
        let code = match emulator.population().delete(account) {
            Ok(()) => 0,
            Err(ChangeError::NotFound) => 70107,
            Err(ChangeError::QuotaExceeded | ChangeError::Deleted) => 70500,
        };
        (code, json!({}))
    })
}

/// A response with a `ResultItem` per account.
fn item_results(
    emulator: &Emulator,
    items: Vec<UserItem>,
    mut result_of: impl FnMut(&str) -> (i64, serde_json::Value),
) -> Result<Vec<u8>, ServiceError> {
    if items.is_empty() || items.len() > MAX_ACCOUNTS_PER_CALL {
        return Err(INVALID_PARAMETER);
    }
    let behavior = &emulator.settings().undocumented_behavior;
    let results: Vec<serde_json::Value> = items
        .into_iter()
        .map(|UserItem { account }| {
            let (code, mut item) =
                if is_account(&account) { result_of(&account) } else { (70402, json!({})) };
            item["ResultCode"] = json!(code);
            item["ResultInfo"] = json!(error_info(code.into(), behavior));
            item["UserID"] = json!(account);
            item
        })
        .collect();
    Ok(ok_with(json!({ "ResultItem": results })))
}

fn ok_with(mut response: serde_json::Value) -> Vec<u8> {
    response["ActionStatus"] = json!("OK");
    response["ErrorCode"] = json!(0);
    response["ErrorInfo"] = json!("");
    response.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::Profiles;
    use super::*;

    fn emulator(toml: &str) -> Emulator {
        let toml = format!("{toml}\n[faults]\nunknown = {{ prefix = 'new' }}\n");
        Emulator::for_test(&toml, Profiles::generated())
    }

    fn json_of(result: Result<Vec<u8>, ServiceError>) -> serde_json::Value {
        serde_json::from_slice(&result.unwrap()).unwrap()
    }

    #[test]
    fn imported_accounts_are_known() {
        let emulator = emulator("");
        for (account, body) in [
            ("new1", r#"{"UserID":"new1","Nick":"N","FaceUrl":"http://a.example/1.png"}"#),
            ("new2", r#"{"Identifier":"new2"}"#),
        ] {
            assert!(!emulator.population().is_known(account));
            let response = json_of(account_import(&emulator, body.as_bytes()));
            assert_eq!(response["ErrorCode"], 0);
            assert!(emulator.population().is_known(account));
        }
        let nick = emulator.population().value("new1", "Tag_Profile_IM_Nick");
        assert_eq!(nick, Some(ProfileValue::Text("N".to_owned())));
        let long = format!(r#"{{"UserID":"{}"}}"#, "x".repeat(33));
        for (body, code) in [
            (long.as_str(), 70402),
            (r#"{"UserID":7}"#, 60015),
            (r#"{"Identifier":7}"#, 60015),
            ("{}", 70402),
            ("[", 60003),
        ] {
            assert_eq!(
                account_import(&emulator, body.as_bytes()).map_err(|error| error.code),
                Err(code)
            );
        }
    }

    #[test]
    fn multi_import_accepts_both_forms_and_lists_failures() {
        let emulator = emulator("");
        let body = br#"{"Accounts":["new1","@TLS#NOT_FOUND"],"AccountList":[{"UserID":"new2","Nick":"N"}]}"#;
        let response = json_of(multiaccount_import(&emulator, body));
        assert_eq!(response["FailAccounts"], json!(["@TLS#NOT_FOUND"]));
        assert_eq!(response["ActionStatus"], "OK");
        assert!(["new1", "new2"].iter().all(|account| emulator.population().is_known(account)));
        let many = json!({ "Accounts": vec!["a"; 101] }).to_string();
        for (body, code) in [
            (many.as_str(), 70402),
            ("{}", 70402),
            (r#"{"Accounts":[1]}"#, 60015),
            (r#"{"AccountList":[{"UserID":"a"},{"UserID":1}]}"#, 60015),
            (r#"{"Accounts":5}"#, 70402),
            ("", 60003),
        ] {
            let refused = multiaccount_import(&emulator, body.as_bytes());
            assert_eq!(refused.map_err(|error| error.code), Err(code));
        }
    }

    #[test]
    fn account_check_reports_imported_accounts() {
        let emulator = emulator("");
        let body = br#"{"CheckItem":[{"UserID":"a"},{"UserID":"new1"},{"UserID":""}]}"#;
        let response = json_of(account_check(&emulator, body));
        let statuses: Vec<_> = response["ResultItem"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| &i["AccountStatus"])
            .collect();
        assert_eq!(statuses, [&json!("Imported"), &json!("NotImported"), &json!(null)]);
        assert_eq!(response["ResultItem"][1]["ResultCode"], 0);
        assert_eq!(response["ResultItem"][2]["ResultCode"], 70402);
        assert_eq!(account_check(&emulator, b"{}"), Err(INVALID_PARAMETER));
        let number = account_check(&emulator, br#"{"CheckItem":[{"UserID":5}]}"#);
        assert_eq!(number.map_err(|error| error.code), Err(60015));
        assert_eq!(account_check(&emulator, b"").map_err(|error| error.code), Err(60003));
    }

    fn delete(emulator: &Emulator, accounts: &[&str]) -> serde_json::Value {
        let items: Vec<_> = accounts.iter().map(|account| json!({ "UserID": account })).collect();
        let body = json!({ "DeleteItem": items }).to_string();
        json_of(account_delete(emulator, body.as_bytes()))
    }

    #[test]
    fn account_delete_reports_each_account() {
        let emulator = emulator("");
        let response = delete(&emulator, &["a", "new1", "a", ""]);
        let not_found = "Err_TLS_PT_Open_Login_Account_Not_Exist";
        let item = |account: &str, code: i64, info: &str| json!({ "UserID": account, "ResultCode": code, "ResultInfo": info });
        assert_eq!(
            response["ResultItem"],
            json!([
                item("a", 0, ""),
                item("new1", 70107, not_found),
                item("a", 70107, not_found),
                item("", 70402, "a parameter is illegal"),
            ])
        );
        assert_eq!((&response["ActionStatus"], &response["ErrorCode"]), (&json!("OK"), &json!(0)));
        let many = json!({ "DeleteItem": vec![json!({ "UserID": "b" }); 101] }).to_string();
        for (body, code) in [
            (many.as_str(), 70402),
            ("{}", 70402),
            (r#"{"DeleteItem":[]}"#, 70402),
            (r#"{"DeleteItem":["b"]}"#, 70402),
            (r#"{"DeleteItem":[{"UserID":5}]}"#, 60015),
            ("[", 60003),
        ] {
            let refused = account_delete(&emulator, body.as_bytes());
            assert_eq!(refused.map_err(|error| error.code), Err(code), "{body:.80}");
        }
        assert!(emulator.population().is_known("b"), "a refused call deletes no account");
    }

    #[test]
    fn reimport_of_deleted_account_needs_the_setting() {
        for (toml, code) in [("", Err(70399)), ("open_questions.reimport_deleted = true", Ok(()))] {
            let emulator = emulator(toml);
            delete(&emulator, &["a", "b"]);
            let check = json_of(account_check(&emulator, br#"{"CheckItem":[{"UserID":"a"}]}"#));
            assert_eq!(check["ResultItem"][0]["AccountStatus"], "NotImported");
            let import = account_import(&emulator, br#"{"UserID":"a"}"#);
            assert_eq!(import.map(|_| ()).map_err(|error| error.code), code);
            let many = json_of(multiaccount_import(&emulator, br#"{"Accounts":["b","new1"]}"#));
            let failed = if code.is_ok() { json!([]) } else { json!(["b"]) };
            assert_eq!(many["FailAccounts"], failed);
            assert_eq!(emulator.population().is_known("a"), code.is_ok());
        }
    }
}
