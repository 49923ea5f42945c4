//! Outcomes of accounts.

use proptest::prelude::*;

use super::AccountOutcome::{Ambiguous, Code as HasCode, Doubtful, Row, Unmentioned};
use super::*;
use crate::api::response::{RequestedTags, decode};

/// The outcomes of a response with these parts of JSON.
fn outcomes(accounts: &[&str], items: &[&str], more: &str) -> Vec<AccountOutcome> {
    let body = format!(r#"{{"UserProfileItem":[{}],"ErrorCode":0{more}}}"#, items.join(","));
    reconcile(accounts, &decode(&body, &RequestedTags::new(["T"])).unwrap())
}

fn item(account: &str, code: i64) -> String {
    format!(r#"{{"To_Account":"{account}","ResultCode":{code}}}"#)
}

fn with_codes(accounts: &[&str], items: &[(&str, i64)], more: &str) -> Vec<AccountOutcome> {
    let items: Vec<String> = items.iter().map(|(account, code)| item(account, *code)).collect();
    outcomes(accounts, &items.iter().map(String::as_str).collect::<Vec<_>>(), more)
}

const NOT_FOUND: (&str, i64) = ("@TLS#NOT_FOUND", 40003);
const CONTRADICTION: AccountOutcome = Doubtful(Doubt::Contradiction);
const FAILED: AccountOutcome = Doubtful(Doubt::FailedWithoutCode);

#[test]
fn items_in_order_out_of_order_and_foreign() {
    assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0)], ""), [Row(0), Row(1)]);
    assert_eq!(with_codes(&["a", "b"], &[("b", 0), ("a", 0)], ""), [Row(1), Row(0)]);
    assert_eq!(with_codes(&["a", "b"], &[("x", 0), ("a", 0)], ""), [Row(1), Unmentioned]);
    assert_eq!(with_codes(&["a"], &[("A", 0)], ""), [Unmentioned]);
}

/// A list whose duplicates are not removed puts an account several times into a chunk.
#[test]
fn an_account_that_is_twice_in_the_chunk_may_be_once_in_the_response() {
    let twice = ["a", "b", "a"];
    let found = |items: &[(&str, i64)]| with_codes(&twice, items, "");
    assert_eq!(found(&[("a", 0), ("b", 0), ("a", 0)]), [Row(0), Row(1), Row(2)]);
    assert_eq!(found(&[("a", 0), ("b", 0)]), [Row(0), Row(1), Row(0)]);
    assert_eq!(found(&[("b", 0), ("a", 0)]), [Row(1), Row(0), Row(1)]);
    assert_eq!(found(&[("b", 0), ("a", 0), ("a", 0)]), [Row(1), Row(0), Row(1)]);
    assert_eq!(found(&[("b", 0), ("a", 40006)]), [HasCode(1), Row(0), HasCode(1)]);
    assert_eq!(found(&[("b", 0)]), [Unmentioned, Row(0), Unmentioned]);
    assert_eq!(found(&[("b", 0), NOT_FOUND, NOT_FOUND]), [HasCode(1), Row(0), HasCode(1)]);
    // One marker may stand for both, or an item is missing: halves of the chunk show which.
    assert_eq!(found(&[("b", 0), NOT_FOUND]), [Ambiguous, Row(0), Ambiguous]);
    let failed = r#","Fail_Account":["a"]"#;
    assert_eq!(with_codes(&twice, &[("a", 0), ("b", 0)], failed), [FAILED, Row(1), FAILED]);
    assert_eq!(with_codes(&twice, &[("b", 0)], failed), [FAILED, Row(0), FAILED]);
}

#[test]
fn a_row_needs_a_code_of_0_or_a_profile_without_a_code() {
    let outcome =
        |item: &str| outcomes(&["a"], &[&format!(r#"{{"To_Account":"a"{item}}}"#)], "")[0];
    assert_eq!(outcome(r#","ResultCode":0"#), Row(0));
    assert_eq!(outcome(r#","ResultCode":0,"ProfileItem":null"#), Row(0));
    assert_eq!(outcome(r#","ResultCode":0,"ProfileItem":"x""#), Row(0));
    assert_eq!(outcome(r#","ProfileItem":[]"#), Row(0));
    assert_eq!(outcome(r#","ProfileItem":[{"Tag":"T","Value":1}]"#), Row(0));
    for item in ["", r#","ProfileItem":null"#, r#","ProfileItem":"x""#, r#","ProfileItem":{}"#] {
        assert_eq!(outcome(item), Doubtful(Doubt::NoEvidence), "{item}");
    }
    for code in ["null", "true", r#""OK""#, "[]", "0.5"] {
        let item = format!(r#","ProfileItem":[],"ResultCode":{code}"#);
        assert_eq!(outcome(&item), Doubtful(Doubt::UnreadableCode), "{code}");
    }
    assert_eq!(outcome(r#","ProfileItem":[],"ResultCode":40006"#), HasCode(0));
}

#[test]
fn an_account_in_fail_account_is_never_a_row() {
    let failed = r#","Fail_Account":["b"]"#;
    assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0)], failed), [Row(0), FAILED]);
    assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 40006)], failed), [Row(0), HasCode(1)]);
    assert_eq!(with_codes(&["a", "b"], &[("a", 0)], failed), [Row(0), FAILED]);
    let without_code = r#"{"To_Account":"b","ProfileItem":[]}"#;
    assert_eq!(outcomes(&["a", "b"], &[&item("a", 0), without_code], failed), [Row(0), FAILED]);
    let old = r#","Invalid_Account":["b"]"#;
    assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0)], old), [Row(0), FAILED]);
}

#[test]
fn an_unreadable_list_of_failed_accounts_may_name_any_account() {
    for failed in [r#"{"0":"a"}"#, r#""a""#, "[null]", "7"] {
        let more = format!(r#","Fail_Account":{failed}"#);
        assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 40006)], &more), [FAILED, HasCode(1)]);
    }
}

#[test]
fn items_of_one_account_must_agree() {
    assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0), ("a", 0)], ""), [Row(0), Row(1)]);
    for codes in [[0, 40006], [40006, 0], [40006, 40003]] {
        let items = [("a", codes[0]), ("b", 0), ("a", codes[1])];
        assert_eq!(with_codes(&["a", "b"], &items, ""), [CONTRADICTION, Row(1)], "{codes:?}");
    }
    let with_value = |value: &str| {
        format!(
            r#"{{"To_Account":"a","ResultCode":0,"ProfileItem":[{{"Tag":"T","Value":{value}}}]}}"#
        )
    };
    let two =
        |one: &str, other: &str| outcomes(&["a"], &[&with_value(one), &with_value(other)], "");
    assert_eq!(two("7", "7"), [Row(0)]);
    assert_eq!(two(r#""x""#, r#""\u0078""#), [Row(0)]);
    assert_eq!(two("7", "8"), [CONTRADICTION]);
    let three = [("a", 0), ("a", 40006), ("a", 0)];
    assert_eq!(with_codes(&["a"], &three, ""), [CONTRADICTION]);
}

#[test]
fn as_many_markers_as_unmentioned_accounts_are_not_found() {
    let accounts = ["a", "b", "c"];
    let response = with_codes(&accounts, &[("b", 0), NOT_FOUND, ("", 40003)], "");
    assert_eq!(response, [HasCode(1), Row(0), HasCode(1)]);
    let response = with_codes(&accounts, &[("b", 0), ("@TLS#ERROR", 70107), ("", 70107)], "");
    assert_eq!(response, [HasCode(1), Row(0), HasCode(1)]);
    // An old key that is always present changes nothing.
    let empty = r#","Fail_Account":[],"Invalid_Account":[]"#;
    assert_eq!(with_codes(&["a"], &[NOT_FOUND], empty), [HasCode(0)]);
    // Failed accounts under the name of a marker do not identify anyone.
    let markers = r#","Fail_Account":["@TLS#NOT_FOUND"]"#;
    assert_eq!(with_codes(&["a", "b"], &[("a", 0), NOT_FOUND], markers), [Row(0), HasCode(1)]);
}

#[test]
fn fail_account_identifies_the_accounts_of_markers() {
    let accounts = ["a", "b", "c"];
    let failed = r#","Fail_Account":["b"]"#;
    let response = with_codes(&accounts, &[("a", 0), NOT_FOUND], failed);
    assert_eq!(response, [Row(0), HasCode(1), Unmentioned]);
    let repeated = with_codes(&accounts, &[("a", 0), NOT_FOUND, NOT_FOUND], failed);
    assert_eq!(repeated, [Row(0), HasCode(1), Unmentioned]);
    let both = with_codes(&accounts, &[("a", 0), NOT_FOUND], r#","Fail_Account":["b","c"]"#);
    assert_eq!(both, [Row(0), Ambiguous, Ambiguous]);
}

#[test]
fn fail_account_with_other_names_prevents_attribution() {
    let items = [("a", 0), NOT_FOUND];
    for others in [r#"["zzz"]"#, r#"["a"]"#, r#"["@TLS#NOT_FOUND","zzz"]"#] {
        let more = format!(r#","Fail_Account":{others}"#);
        assert_eq!(with_codes(&["a", "b"], &items, &more)[1], Ambiguous, "{others}");
        assert_eq!(with_codes(&["b"], &[NOT_FOUND], &more), [CONTRADICTION], "{others}");
    }
}

#[test]
fn a_profile_with_a_not_found_code_is_a_contradiction() {
    let item = r#"{"To_Account":"a","ProfileItem":[{"Tag":"T","Value":1}],"ResultCode":40003}"#;
    assert_eq!(outcomes(&["a"], &[item], ""), [CONTRADICTION]);
    let empty = r#"{"To_Account":"a","ProfileItem":[],"ResultCode":40003}"#;
    assert_eq!(outcomes(&["a"], &[empty], ""), [HasCode(0)]);
}

#[test]
fn different_numbers_or_an_unclean_response_decide_nothing() {
    let accounts = ["a", "b", "c"];
    let fewer = with_codes(&accounts, &[NOT_FOUND, ("c", 0)], "");
    assert_eq!(fewer, [Ambiguous, Ambiguous, Row(1)]);
    let more = with_codes(&accounts, &[NOT_FOUND, NOT_FOUND, ("b", 0), ("c", 0)], "");
    assert_eq!(more, [Ambiguous, Row(2), Row(3)]);
    for disturbing in [r#"{"To_Account":"x","ResultCode":0}"#, &item("b", 0), "7", "{}"] {
        let items = [&item("@TLS#NOT_FOUND", 40003), &item("b", 0), &item("c", 0), disturbing];
        assert_eq!(outcomes(&accounts, &items, ""), [Ambiguous, Row(1), Row(2)], "{disturbing}");
    }
}

#[test]
fn a_marker_with_another_code_decides_only_a_single_account() {
    let error = ("@TLS#ERROR", 40006);
    assert_eq!(with_codes(&["a", "b"], &[error, ("b", 0)], ""), [HasCode(0), Row(1)]);
    assert_eq!(with_codes(&["a", "b"], &[error, error], ""), [Ambiguous, Ambiguous]);
    assert_eq!(with_codes(&["a", "b"], &[error, NOT_FOUND], ""), [Ambiguous, Ambiguous]);
    assert_eq!(with_codes(&["a"], &[error, NOT_FOUND], ""), [CONTRADICTION]);
    let without_code = r#"{"To_Account":"@TLS#NOT_FOUND"}"#;
    assert_eq!(outcomes(&["a"], &[without_code], ""), [Doubtful(Doubt::NoEvidence)]);
    assert_eq!(with_codes(&["a"], &[("", 0)], ""), [Doubtful(Doubt::NoEvidence)]);
    let unreadable = r#"{"To_Account":"","ResultCode":"x"}"#;
    assert_eq!(outcomes(&["a"], &[unreadable], ""), [Doubtful(Doubt::UnreadableCode)]);
}

#[test]
fn a_single_account_is_never_ambiguous() {
    assert_eq!(with_codes(&["a"], &[NOT_FOUND], ""), [HasCode(0)]);
    assert_eq!(with_codes(&["a"], &[NOT_FOUND, NOT_FOUND], ""), [HasCode(0)]);
    assert_eq!(with_codes(&["a"], &[NOT_FOUND, ("x", 0)], ""), [CONTRADICTION]);
    assert_eq!(with_codes(&["a"], &[], ""), [Unmentioned]);
}

/// An item of a response: its name, its code and its profile, both as JSON or absent.
type ItemParts = (String, Option<&'static str>, Option<&'static str>);

fn any_item() -> impl Strategy<Value = ItemParts> {
    let name = prop_oneof![6 => "[a-e]", 1 => Just("@TLS#NOT_FOUND".to_owned()),
        1 => Just("@TLS#ERROR".to_owned()), 1 => Just(String::new()), 1 => Just("x".to_owned())];
    let code = proptest::sample::select(vec![
        None,
        Some("0"),
        Some("0"),
        Some("\"0\""),
        Some("40003"),
        Some("70107"),
        Some("40006"),
        Some("40009"),
        Some("null"),
        Some("false"),
        Some("\"OK\""),
    ]);
    let profile = proptest::sample::select(vec![
        None,
        Some("[]"),
        Some("null"),
        Some("\"x\""),
        Some(r#"[{"Tag":"T","Value":1}]"#),
        Some(r#"[{"Tag":"T","Value":2}]"#),
    ]);
    (name, code, profile)
}

fn written((name, code, profile): &ItemParts) -> String {
    let code = code.map_or_else(String::new, |code| format!(r#","ResultCode":{code}"#));
    let profile = profile.map_or_else(String::new, |it| format!(r#","ProfileItem":{it}"#));
    format!(r#"{{"To_Account":"{name}"{profile}{code}}}"#)
}

fn is_not_found_code(code: Option<&str>) -> bool {
    matches!(code, Some("40003" | "70107"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// For any response: no account that it reports as failed becomes a row, and no account becomes a row or "not found"
    /// without evidence.
    #[test]
    fn success_and_not_found_need_evidence(
        requested in proptest::collection::hash_set("[a-e]", 1..6),
        items in proptest::collection::vec(any_item(), 0..8),
        failed in proptest::collection::vec("([a-e]|x|@TLS#NOT_FOUND)", 0..3),
    ) {
        let requested: Vec<&str> = requested.iter().map(String::as_str).collect();
        let texts: Vec<String> = items.iter().map(written).collect();
        let failed_accounts = serde_json::to_string(&failed).unwrap();
        let body = format!(
            r#"{{"UserProfileItem":[{}],"Fail_Account":{failed_accounts},"ErrorCode":0}}"#, texts.join(","));
        let response = decode(&body, &RequestedTags::new(["T"])).unwrap();
        let outcomes = reconcile(&requested, &response);
        prop_assert_eq!(outcomes.len(), requested.len());
        for (account, outcome) in requested.iter().zip(outcomes) {
            let own: Vec<&ItemParts> = items.iter().filter(|(name, ..)| name == account).collect();
            let is_success = |(_, code, profile): &ItemParts| match code {
                Some(code) => matches!(*code, "0" | "\"0\""),
                None => profile.is_some_and(|profile| profile.starts_with('[')),
            };
            match outcome {
                Row(index) => {
                    prop_assert!(items[index].0 == *account);
                    prop_assert!(!own.is_empty() && own.iter().all(|item| is_success(item)));
                    prop_assert!(!failed.iter().any(|name| name == account));
                }
                HasCode(index) if items[index].0 == *account => {
                    prop_assert!(own.iter().all(|item| item.1 == items[index].1));
                }
                HasCode(index) => {
                    prop_assert!(own.is_empty());
                    let markers: Vec<&ItemParts> =
                        items.iter().filter(|(name, ..)| MARKERS.contains(&&**name)).collect();
                    if is_not_found_code(items[index].1) {
                        prop_assert!(markers.iter().all(|(_, code, _)| is_not_found_code(*code)));
                        let silent = |name: &&&str| !items.iter().any(|(item, ..)| item == **name);
                        let silent = requested.iter().filter(silent).count();
                        let is_named = failed.iter().any(|name| name == account);
                        prop_assert!(is_named || requested.len() == 1 || markers.len() == silent);
                    } else {
                        let is_named = failed.iter().any(|name| name == account);
                        prop_assert!(is_named || requested.len() == 1 || markers.len() == 1);
                    }
                }
                Doubtful(_) | Ambiguous | Unmentioned => {}
            }
        }
    }
}
