//! Decoding of responses in every format.

use proptest::prelude::*;

use super::*;

mod formats;

const TAGS: [&str; 2] = ["Tag_Profile_IM_Nick", "Tag_Profile_IM_Level"];

fn tags() -> RequestedTags {
    RequestedTags::new(TAGS)
}

/// The documented partial failure, `docs/im-rest-api.md` section 3.
const DOCUMENTED: &str = r#"{"UserProfileItem":[
  {"To_Account":"id1","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"N1"}],"ResultCode":0,"ResultInfo":""},
  {"To_Account":"id4","ResultCode":40006,"ResultInfo":"Err_Profile_PortraitGet_Read_Custom_Data_Fail"}],
 "Fail_Account":["id4"],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;

fn account_names(body: &str) -> Vec<String> {
    let response = decode(body, &tags()).unwrap();
    response.items.iter().map(|item| item.account.to_string()).collect()
}

#[test]
fn the_documented_response_is_decoded() {
    let response = decode(DOCUMENTED, &tags()).unwrap();
    assert!(!response.status_is_fail);
    assert_eq!(response.error_code, Code::Number(0));
    assert_eq!(response.items.len(), 2);
    assert_eq!(response.items[0].values, 0..1);
    assert_eq!(response.values[0].tag_index, 0);
    assert_eq!(response.items[1].result_code, Code::Number(40006));
    assert_eq!(response.items[1].profile, ProfileItem::Absent);
    assert_eq!(response.failed_accounts, ["id4"]);
    assert_eq!(response.items[1].result_info, "Err_Profile_PortraitGet_Read_Custom_Data_Fail");
    assert!(response.items[1].values.is_empty());
}

#[test]
fn absent_null_and_malformed_parts_are_empty() {
    for profile_item in [
        "",
        r#","ProfileItem":null"#,
        r#","ProfileItem":[]"#,
        r#","ProfileItem":{"a":1}"#,
        r#","ProfileItem":"x""#,
    ] {
        let body = format!(r#"{{"UserProfileItem":[{{"To_Account":"a"{profile_item}}}]}}"#);
        let response = decode(&body, &tags()).unwrap();
        assert_eq!(response.items.len(), 1, "{body}");
        assert!(response.values.is_empty());
    }
    assert!(account_names(r#"{"UserProfileItem":null}"#).is_empty());
    assert!(!decode(r#"{"UserProfileItem":null}"#, &tags()).unwrap().items_are_unreadable);
    // Some encoders write an empty table as an object.
    assert!(!decode(r#"{"UserProfileItem":{ }}"#, &tags()).unwrap().items_are_unreadable);
    assert!(decode(r#"{"UserProfileItem":{"0":1}}"#, &tags()).unwrap().items_are_unreadable);
    let body = r#"{"UserProfileItem":[1,null,{"To_Account":"a"},"x",{},{"To_Account":null}]}"#;
    assert_eq!(account_names(body), ["a"]);
    assert_eq!(decode(body, &tags()).unwrap().dropped_items, 5);
}

#[test]
fn unreadable_codes_are_not_success() {
    let code_of = |text: &str| {
        let body = format!(r#"{{"UserProfileItem":[{{"To_Account":"a"{text}}}]}}"#);
        let response = decode(&body, &tags()).unwrap();
        match response.items[0].result_code {
            Code::Absent => "absent".to_owned(),
            Code::Number(number) => number.to_string(),
            Code::Unreadable(written) => format!("unreadable {written}"),
        }
    };
    for (text, expected) in [
        ("", "absent"),
        (r#","ResultCode":0"#, "0"),
        (r#","ResultCode":"0""#, "0"),
        (r#","ResultCode":-10113"#, "-10113"),
        (r#","ResultCode":null"#, "unreadable null"),
        (r#","ResultCode":false"#, "unreadable false"),
        (r#","ResultCode":"OK""#, "unreadable OK"),
        (r#","ResultCode":"""#, "unreadable "),
        (r#","ResultCode":0.5"#, "unreadable 0.5"),
        (r#","ResultCode":[0]"#, "unreadable [0]"),
        (r#","ResultCode":0,"ResultCode":0"#, "0"),
        (r#","ResultCode":0,"ResultCode":40006"#, "unreadable two different codes"),
    ] {
        assert_eq!(code_of(text), expected, "{text}");
    }
}

#[test]
fn failed_accounts_of_both_keys_are_read() {
    let body = r#"{"Fail_Account":["a",7,"\u0062"],"Invalid_Account":["c"]}"#;
    let response = decode(body, &tags()).unwrap();
    assert_eq!(response.failed_accounts, ["a", "7", "b", "c"]);
    assert!(!response.failed_accounts_are_unreadable);
    for (body, is_unreadable) in [
        (r#"{"Fail_Account":null}"#, false),
        (r#"{"Fail_Account":[]}"#, false),
        (r#"{"Fail_Account":"a"}"#, true),
        (r#"{"Fail_Account":{}}"#, false),
        (r#"{"Fail_Account":""}"#, false),
        (r#"{"Fail_Account":{"0":"a"}}"#, true),
        (r#"{"Fail_Account":false}"#, true),
        ("{\"Fail_Account\":[\"a\u{fffd}\"]}", true),
        ("{\"Fail\u{fffd}Account\":[\"a\"]}", true),
        (r#"{"Fail_Account":["a",null]}"#, true),
        (r#"{"Fail_Account":[["a"]]}"#, true),
    ] {
        let response = decode(body, &tags()).unwrap();
        assert_eq!(response.failed_accounts_are_unreadable, is_unreadable, "{body}");
    }
}

#[test]
fn the_first_value_of_a_tag_that_is_not_null_is_used() {
    let values = |values: &str| {
        let body =
            format!(r#"{{"UserProfileItem":[{{"To_Account":"a","ProfileItem":[{values}]}}]}}"#);
        let response = decode(&body, &tags()).unwrap();
        let taken: Vec<(usize, String)> = response
            .values
            .iter()
            .map(|value| (value.tag_index, value.value.as_written().to_owned()))
            .collect();
        (taken, response.conflicting_values.len())
    };
    let value = |value: &str| format!(r#"{{"Tag":"Tag_Profile_IM_Level","Value":{value}}}"#);
    let of = |texts: &[&str]| {
        values(&texts.iter().map(|text| value(text)).collect::<Vec<_>>().join(","))
    };
    assert_eq!(of(&["null", "7", "null"]), (vec![(1, "7".to_owned())], 0));
    assert_eq!(of(&[r#""x""#, r#""\u0078""#]), (vec![(1, "x".to_owned())], 0));
    assert_eq!(of(&["7", "8", "7"]), (vec![(1, "7".to_owned())], 1));
    assert_eq!(of(&["null", "null"]), (vec![(1, "null".to_owned())], 0));
}

#[test]
fn a_repeated_value_in_one_element_is_a_conflict() {
    let body = |second: &str| {
        format!(
            r#"{{"UserProfileItem":[{{"To_Account":"a","ProfileItem":[{{"Tag":"Tag_Profile_IM_Level","Value":7,"Value":{second}}}]}}]}}"#
        )
    };
    assert_eq!(decode(&body("8"), &tags()).unwrap().conflicting_values.len(), 1);
    assert_eq!(decode(&body("7"), &tags()).unwrap().conflicting_values.len(), 0);
}

#[test]
fn an_item_with_damaged_keys_or_tags_is_marked() {
    let is_damaged = |item: &str| {
        let body = format!(r#"{{"UserProfileItem":[{{"To_Account":"a",{item}}}]}}"#);
        decode(&body, &tags()).unwrap().items[0].is_damaged
    };
    assert!(is_damaged("\"Result\u{fffd}ode\":40006,\"ProfileItem\":[]"));
    assert!(is_damaged(
        "\"ResultCode\":0,\"ProfileItem\":[{\"Tag\":\"Tag_Prof\u{fffd}le_IM_Nick\",\"Value\":\"x\"}]"
    ));
    assert!(is_damaged(
        "\"ResultCode\":0,\"ProfileItem\":[{\"Tag\":\"Tag_Profile_IM_Nick\",\"Val\u{fffd}e\":\"x\"}]"
    ));
    assert!(!is_damaged(
        "\"ResultCode\":0,\"ProfileItem\":[{\"Tag\":\"Tag_Profile_IM_Nick\",\"Value\":\"\u{fffd}\"}]"
    ));
}

#[test]
fn a_repeated_status_is_a_failure_if_either_is() {
    for body in [
        r#"{"ActionStatus":"FAIL","ActionStatus":"OK"}"#,
        r#"{"ActionStatus":"OK","ActionStatus":"FAIL"}"#,
    ] {
        assert!(decode(body, &tags()).unwrap().status_is_fail, "{body}");
    }
}

#[test]
fn an_item_with_two_names_is_dropped_with_its_values() {
    let value = r#""ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":1},{"Tag":"Tag_Profile_IM_Level","Value":2}]"#;
    let body = format!(
        r#"{{"UserProfileItem":[{{"To_Account":"a",{value},"To_Account":"b"}},{{"To_Account":"a","To_Account":"a"}}]}}"#
    );
    let response = decode(&body, &tags()).unwrap();
    assert_eq!((response.items.len(), response.dropped_items), (1, 1));
    assert!(response.values.is_empty() && response.conflicting_values.is_empty());
}

#[test]
fn a_byte_order_mark_is_ignored() {
    assert_eq!(decode("\u{feff}{\"ErrorCode\":0}", &tags()).unwrap().error_code, Code::Number(0));
    assert!(decode("\u{feff}\u{feff}{}", &tags()).is_err());
}

#[test]
fn keys_may_be_unordered_unknown_repeated_or_escaped() {
    let body = r#" {"ErrorCode":"40006.0","RequestId":{"a":[1]},"ActionStatus":"FAIL","\u0055serProfileItem":[
        {"ResultCode":"40003","x":[{}],"ProfileItem":[{"Value":7,"Tag":"Tag_Profile_IM_Level"},{"Tag":"other","Value":1}],
         "To_Account":"\u0061b"}],"ErrorInfo":null} "#;
    let response = decode(body, &tags()).unwrap();
    assert!(response.status_is_fail);
    assert_eq!(response.error_code, Code::Number(40006));
    assert_eq!(response.items[0].account, "ab");
    assert_eq!(response.items[0].result_code, Code::Number(40003));
    assert_eq!(response.values, [TagValue { tag_index: 1, value: JsonValue::Number("7") }]);
}

#[test]
fn a_broken_or_truncated_response_is_not_json() {
    for end in 0..DOCUMENTED.len() {
        assert!(decode(&DOCUMENTED[..end], &tags()).is_err(), "cut at {end}");
    }
    for broken in ["<html>", "[]", "null", r#"{"a":1} x"#, r#"{"a":1,}"#, r#"{"a" 1}"#] {
        assert!(decode(broken, &tags()).is_err(), "{broken}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&String::from_utf8_lossy(&bytes), &tags());
    }

    #[test]
    fn a_damaged_response_is_decoded_without_panic(at in 0..DOCUMENTED.len(), byte in 0u8..128) {
        let mut bytes = DOCUMENTED.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = decode(&String::from_utf8_lossy(&bytes), &tags());
    }
}
