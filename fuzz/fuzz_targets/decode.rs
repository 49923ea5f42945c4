//! Decodes arbitrary bytes as a response. Nothing panics, every account of the chunk has exactly one outcome, and neither a row nor a
//! "not found" contradicts what another JSON parser reads in the response.

#![no_main]

use im_profiles::internals::AccountName;
use im_profiles::internals::Category;
use im_profiles::internals::{Chunk, RequestedAccount as Account};
use im_profiles::internals::{ChunkError, ResponseProcessor};
use im_profiles::internals::{Column, ColumnType};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const NAMES: [&str; 3] = ["a", "b", "c"];

fuzz_target!(|body: &[u8]| {
    use ColumnType::{Bytes, Date, Int64, String, Uint32};
    let columns = [String, Int64, Uint32, Bytes, Date]
        .iter()
        .enumerate()
        .map(|(index, column_type)| Column {
            tag: format!("T{index}"),
            name: format!("c{index}"),
            column_type: *column_type,
        })
        .collect::<Vec<_>>();
    let accounts = NAMES.iter().zip(0..).map(|(name, ordinal)| {
        let name = AccountName::from(name).expect("short");
        Account::new(name, ordinal, ordinal + 1)
    });
    let chunk = Chunk { accounts: accounts.collect(), is_first: true };
    match ResponseProcessor::new(&columns, 3, false).process(chunk, body, Timestamp::UNIX_EPOCH) {
        Ok(processed) => {
            let rows: Vec<&str> =
                processed.ordinals.iter().map(|ordinal| NAMES[*ordinal as usize]).collect();
            let not_found: Vec<&str> = processed
                .failed
                .iter()
                .filter(|failed| failed.category == Category::NotFound)
                .map(|failed| failed.account.as_str())
                .collect();
            let mut ordinals = processed.ordinals.clone();
            assert_eq!(processed.rows.num_rows(), ordinals.len());
            ordinals.extend(processed.failed.iter().map(|failed| failed.ordinal));
            ordinals.extend(processed.to_retry.iter().map(|(account, _)| account.ordinal));
            ordinals.extend(processed.to_split.iter().map(|account| account.ordinal));
            ordinals.sort_unstable();
            assert_eq!(ordinals, [0, 1, 2]);
            check_evidence(body, &rows, &not_found);
        }
        Err(ChunkError::Failed(call)) => assert_eq!(call.chunk.accounts.len(), NAMES.len()),
        Err(ChunkError::Bug(error)) => panic!("{error}"),
    }
});

/// Compares rows and "not found" accounts with the result of a strict parser. A body that it refuses, or that repeats keys (it
/// keeps the last one), is not evidence.
fn check_evidence(body: &[u8], rows: &[&str], not_found: &[&str]) {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let Ok(Value::Object(response)) = serde_json::from_slice::<Value>(body) else { return };
    let names =
        |key: &str| response.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let failed: Vec<Value> = [names("Fail_Account"), names("Invalid_Account")].concat();
    let items = names("UserProfileItem");
    for name in rows {
        assert!(!failed.contains(&Value::from(*name)), "{name} is in Fail_Account and has a row");
        let is_success = |item: &Value| match item.get("ResultCode") {
            None => item.get("ProfileItem").is_some_and(Value::is_array),
            Some(Value::String(text)) => text.parse() == Ok(0.0),
            Some(code) => code.as_f64() == Some(0.0),
        };
        // Keys may be repeated, so an item that is not a success for the strict parser may still contain one.
        let own =
            || items.iter().filter(|item| item.get("To_Account") == Some(&Value::from(*name)));
        assert!(own().count() == 0 || own().any(is_success), "{name} has a row without success");
    }
    let is_not_found = |item: &Value| {
        let code = item.get("ResultCode");
        let number = code.and_then(|code| match code {
            Value::String(text) => text.parse().ok(),
            code => code.as_f64(),
        });
        matches!(number, Some(40003.0 | 70107.0))
    };
    assert!(
        not_found.is_empty() || items.iter().any(is_not_found) || body_repeats_keys(body),
        "{not_found:?} are not found without a code that says so"
    );
}

/// Whether a relevant key occurs more often than there are items: a strict parser keeps only the last one.
fn body_repeats_keys(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.matches("UserProfileItem").count() > 1
        || text.matches("ResultCode").count() > text.matches("To_Account").count()
        || text.contains("\\u")
}
