//! Responses become rows, failures and retries.

use proptest::prelude::*;

use super::*;
use crate::accounts::AccountName;
use crate::table::ColumnType;

const MAX_ATTEMPTS: u32 = 3;

fn processor() -> ResponseProcessor {
    ResponseProcessor::new(
        &[Column {
            tag: "Tag_Profile_IM_Level".to_owned(),
            name: "level".to_owned(),
            column_type: ColumnType::Uint32,
        }],
        MAX_ATTEMPTS,
        false,
    )
}

fn chunk(names: &[&str]) -> Chunk {
    let account = |(ordinal, name): (usize, &&str)| {
        Account::new(AccountName::from(name).unwrap(), ordinal as u64, ordinal as u64 + 2)
    };
    Chunk { accounts: names.iter().enumerate().map(account).collect(), is_first: true }
}

fn process(names: &[&str], body: &str) -> ProcessedResponse {
    processor().process(chunk(names), body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn each_outcome_is_sorted_by_what_happens_next() {
    let processed = process(
        &["row", "unfit", "passing", "refused", "gone", "echoed"],
        r#"{"ErrorCode":0,"UserProfileItem":[
            {"To_Account":"unfit","ResultCode":0,"ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":"x"}]},
            {"To_Account":"row","ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":7}]},
            {"To_Account":"passing","ResultCode":40006,"ResultInfo":"later"},
            {"To_Account":"refused","ResultCode":40601},
            {"To_Account":"echoed","ResultCode":40003},
            {"To_Account":"@TLS#NOT_FOUND","ResultCode":40003}]}"#,
    );
    assert_eq!(processed.ordinals, [0, 1]);
    assert_eq!(processed.rows.num_rows(), 2);
    assert_eq!(processed.rejected[0].value, "x");
    assert_eq!(&processed.to_retry[0].0.name, "passing");
    assert_eq!(processed.to_retry[0].1.code, Some(40006));
    let failed: Vec<(&str, Category)> =
        processed.failed.iter().map(|failed| (failed.account.as_str(), failed.category)).collect();
    assert_eq!(
        failed,
        [
            ("refused", Category::Rejected),
            ("gone", Category::NotFound),
            ("echoed", Category::NotFound)
        ]
    );
    assert!(processed.failed.iter().all(|failed| failed.attempts == 1));
}

#[test]
fn unmentioned_accounts_are_retried_and_ambiguous_ones_split() {
    let silent = process(
        &["a", "b"],
        r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a","ResultCode":0}]}"#,
    );
    assert_eq!(silent.to_retry[0].1.category, Category::NoAnswer);
    let ambiguous = process(
        &["a", "b"],
        r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"","ResultCode":40003}]}"#,
    );
    assert_eq!(ambiguous.to_split.len(), 2);
    assert!(ambiguous.to_retry.is_empty());
}

#[test]
fn an_account_in_doubt_is_retried_with_the_text_of_the_service() {
    let processed = process(
        &["a", "b", "c"],
        r#"{"ErrorCode":0,"Fail_Account":["a"],"UserProfileItem":[
            {"To_Account":"a","ResultCode":0,"ResultInfo":"half read"},
            {"To_Account":"b","ResultCode":"E7","ProfileItem":[]},
            {"To_Account":"c"}]}"#,
    );
    assert!(processed.ordinals.is_empty() && processed.failed.is_empty());
    let reasons: Vec<&str> =
        processed.to_retry.iter().map(|(_, reason)| reason.info.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "the response lists the account in Fail_Account and gives no error code for it (ResultInfo half read)",
            "the ResultCode of the account is not a number (ResultCode E7)",
            "the response gives neither a ResultCode nor a ProfileItem for the account",
        ]
    );
    assert!(processed.to_retry.iter().all(|(_, reason)| {
        reason.category == Category::InternalError && reason.code.is_none()
    }));
}

#[test]
fn a_marker_provides_code_and_text() {
    let processed = process(
        &["a", "b"],
        r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a","ResultCode":0},
            {"To_Account":"@TLS#NOT_FOUND","ResultCode":70107,"ResultInfo":"not imported"}]}"#,
    );
    let failed = &processed.failed[0];
    assert_eq!((failed.account.as_str(), failed.category), ("b", Category::NotFound));
    assert_eq!((failed.error_code, failed.error_info.as_str()), (Some(70107), "not imported"));
}

fn level(values: &str) -> String {
    format!(
        r#"{{"ErrorCode":0,"UserProfileItem":[{{"To_Account":"a","ResultCode":0,"ProfileItem":{values}}}]}}"#
    )
}

#[test]
fn conflicting_values_are_retried_and_then_reported() {
    let body = level(
        r#"[{"Tag":"Tag_Profile_IM_Level","Value":7},{"Tag":"Tag_Profile_IM_Level","Value":8}]"#,
    );
    let first = process(&["a"], &body);
    assert_eq!(first.to_retry[0].1.info, "the response gives several values of one tag");
    let mut last = chunk(&["a"]);
    last.accounts[0].attempts = MAX_ATTEMPTS - 1;
    let processed = processor().process(last, body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(processed.ordinals, [0]);
    let rejected = &processed.rejected[0];
    assert_eq!(
        (rejected.tag.as_str(), rejected.expected_type, rejected.value.as_str()),
        ("Tag_Profile_IM_Level", "one value", "8")
    );
}

#[test]
fn a_profile_that_is_not_an_array_is_a_rejected_value() {
    let processed = process(&["a"], &level(r#"{"Tag":"x"}"#));
    assert_eq!(processed.ordinals, [0]);
    let rejected = &processed.rejected[0];
    assert_eq!(
        (rejected.tag.as_str(), rejected.expected_type, rejected.value.as_str()),
        ("ProfileItem", "array", r#"{"Tag":"x"}"#)
    );
}

#[test]
fn a_fatal_account_code_stops_the_run_only_before_the_first_row() {
    for code in [40007, 40009] {
        let body = format!(
            r#"{{"ErrorCode":0,"UserProfileItem":[{{"To_Account":"a","ResultCode":{code}}},{{"To_Account":"b","ResultCode":0}}]}}"#
        );
        let process = |processor: &mut ResponseProcessor, names: &[&str]| {
            processor.process(chunk(names), body.as_bytes(), Timestamp::UNIX_EPOCH)
        };
        let mut processor = processor();
        let refused = process(&mut processor, &["a"]);
        assert!(
            matches!(refused, Err(ChunkError::Failed(call)) if call.failure.class_after(1) == Class::Fatal)
        );
        let processed = process(&mut processor, &["a", "b"]).unwrap();
        assert_eq!((processed.ordinals.len(), processed.failed.len()), (1, 1));
        assert_eq!(processed.failed[0].category, Category::Rejected);
        // Alone in a later call, the code is still about this account.
        assert_eq!(process(&mut processor, &["a"]).unwrap().failed[0].category, Category::Rejected);
    }
}

#[test]
fn an_undocumented_account_code_is_retried_twice() {
    let body = r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a","ResultCode":40999}]}"#;
    let mut tried_twice = chunk(&["a"]);
    tried_twice.accounts[0].count_attempt(Some(40999));
    tried_twice.accounts[0].count_attempt(Some(40999));
    let processed =
        processor().process(tried_twice, body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(processed.failed[0].category, Category::InternalError);
    assert_eq!(processed.failed[0].attempts, 3);
    assert_eq!(process(&["a"], body).to_retry.len(), 1);
    let mut failed_for_other_reasons = chunk(&["a"]);
    for code in [Some(40999), None, Some(40006), Some(40999)] {
        failed_for_other_reasons.accounts[0].count_attempt(code);
    }
    let processed = processor()
        .process(failed_for_other_reasons, body.as_bytes(), Timestamp::UNIX_EPOCH)
        .unwrap();
    assert_eq!(processed.to_retry.len(), 1);
}

#[test]
fn a_value_that_is_not_utf8_is_retried_and_then_reported() {
    let tag = "Tag_Profile_IM_Nick".to_owned();
    let columns = [Column { tag, name: "nick".to_owned(), column_type: ColumnType::String }];
    let mut body = br#"{"ErrorCode":0,"UserProfileItem":[
        {"To_Account":"a","ResultCode":0,"ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Jos?"}]},
        {"To_Account":"b","ResultCode":0,"ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"B"}]}]}"#
        .to_vec();
    let at = body.iter().position(|byte| *byte == b'?').unwrap();
    body[at] = 0xE9;
    let mut processor = ResponseProcessor::new(&columns, MAX_ATTEMPTS, false);
    let first = processor.process(chunk(&["a", "b"]), &body, Timestamp::UNIX_EPOCH).unwrap();
    assert!(first.was_not_utf8);
    assert_eq!((first.ordinals.as_slice(), &*first.to_retry[0].0.name), ([1].as_slice(), "a"));
    let mut last = chunk(&["a"]);
    last.accounts[0].attempts = MAX_ATTEMPTS - 1;
    let processed = processor.process(last, &body, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(processed.ordinals, [0]);
    let rejected = &processed.rejected[0];
    assert_eq!((rejected.expected_type, rejected.value.as_str()), ("UTF-8", "Jos\u{fffd}"));
}

proptest! {
    /// Conservation: each account of the chunk has exactly one outcome, whatever the response.
    #[test]
    fn every_account_has_exactly_one_outcome(
        items in proptest::collection::vec(
            ("(a|b|c|d|x|@TLS#NOT_FOUND|)", prop_oneof![Just(0i64), Just(40006), Just(40003), Just(40601), Just(40999)]),
            0..8,
        ),
        damage in proptest::option::of((0usize..200, any::<u8>())),
    ) {
        let items: Vec<String> = items.iter()
            .map(|(account, code)| format!(r#"{{"To_Account":"{account}","ResultCode":{code}}}"#)).collect();
        let mut body = format!(r#"{{"ErrorCode":0,"UserProfileItem":[{}]}}"#, items.join(",")).into_bytes();
        if let Some((at, byte)) = damage {
            let at = at % body.len();
            body[at] = byte;
        }
        match processor().process(chunk(&["a", "b", "c", "d"]), &body, Timestamp::UNIX_EPOCH) {
            Err(ChunkError::Failed(call)) => prop_assert_eq!(call.chunk.accounts.len(), 4),
            Err(ChunkError::Bug(error)) => prop_assert!(false, "{}", error),
            Ok(processed) => {
                let mut ordinals = processed.ordinals.clone();
                prop_assert_eq!(processed.rows.num_rows(), ordinals.len());
                ordinals.extend(processed.failed.iter().map(|failed| failed.ordinal));
                ordinals.extend(processed.to_retry.iter().map(|(account, _)| account.ordinal));
                ordinals.extend(processed.to_split.iter().map(|account| account.ordinal));
                ordinals.sort_unstable();
                prop_assert_eq!(ordinals, vec![0, 1, 2, 3]);
            }
        }
    }
}
