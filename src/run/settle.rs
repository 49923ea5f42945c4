//! What a call's answer settles: rows, accounts without one, and accounts to ask again (pure).

use std::borrow::Cow;
use std::fmt;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use jiff::Timestamp;

use super::chunk::{Account, Chunk};
use crate::api::codes::{Class, rule_of};
use crate::api::outcome::{
    AccountOutcome, CallFailure, TransportFailure, call_failure, reconcile, short,
};
use crate::api::wire::{AskedTags, Item, decode};
use crate::columns::{Column, RowBuilder};
use crate::output::failed::{Category, FailedAccount, RejectedValue};

/// Why an account is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The category it will have if its attempts are used up.
    pub category: Category,
    /// The service's code, if it gave one.
    pub code: Option<i64>,
    /// The last word on it.
    pub info: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(code) = self.code else { return formatter.write_str(&self.info) };
        write!(formatter, "code {code}, {}", rule_of(code).meaning)?;
        match self.info.as_str() {
            "" => Ok(()),
            info => write!(formatter, " (the service says: {info})"),
        }
    }
}

/// What an answer has settled.
#[derive(Debug)]
pub struct Settled {
    /// Rows, in ordinal order.
    pub rows: RecordBatch,
    /// The ordinal of each row.
    pub ordinals: Vec<u64>,
    /// Values that did not fit their column.
    pub rejected: Vec<RejectedValue>,
    /// Accounts that will have no row.
    pub failed: Vec<FailedAccount>,
    /// Accounts to ask again after a backoff.
    pub again: Vec<(Account, Reason)>,
    /// Accounts to ask again in smaller chunks.
    pub bisect: Vec<Account>,
    /// Whether the body was not UTF-8 and was read with replacement characters.
    pub was_not_utf8: bool,
}

/// Turns answers into what they settle.
#[derive(Debug)]
pub struct Settler {
    tags: AskedTags,
    rows: RowBuilder,
}

/// A chunk whose call failed as a whole, and how.
#[derive(Debug)]
pub struct FailedCall {
    /// The chunk.
    pub chunk: Chunk,
    /// The failure.
    pub failure: CallFailure,
}

/// The chunk was not answered.
#[derive(Debug)]
pub enum NotSettled {
    /// The call failed as a whole.
    Failed(Box<FailedCall>),
    /// A bug: the rows could not be put together.
    Bug(ArrowError),
}

impl NotSettled {
    /// The call for `chunk` failed as a whole.
    pub fn failed(chunk: Chunk, failure: CallFailure) -> NotSettled {
        NotSettled::Failed(Box::new(FailedCall { chunk, failure }))
    }
}

impl Settler {
    /// A settler for a job's columns.
    pub fn new(columns: &[Column]) -> Settler {
        let tags = AskedTags::new(columns.iter().map(|column| column.tag.as_str()));
        Settler { tags, rows: RowBuilder::new(columns) }
    }

    /// No rows, as of a call that failed.
    pub fn no_rows(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }

    /// Reads the body of the answer to `chunk`, which came at `now`.
    pub fn settle(
        &mut self,
        chunk: Chunk,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Settled, NotSettled> {
        let text = match simdutf8::basic::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(body),
        };
        let was_not_utf8 = matches!(text, Cow::Owned(_));
        let Ok(answer) = decode(&text, &self.tags) else {
            return Err(NotSettled::failed(chunk, TransportFailure::NotJson.into()));
        };
        if let Some(failure) = call_failure(&answer) {
            return Err(NotSettled::failed(chunk, failure));
        }
        let reconciled = reconcile(&chunk.accounts, &answer);
        if let Some(failure) = fatal_item(&answer.items, &reconciled.outcomes) {
            return Err(NotSettled::failed(chunk, failure));
        }
        let mut settled = Outcomes::default();
        for (account, outcome) in chunk.accounts.into_iter().zip(reconciled.outcomes) {
            match outcome {
                AccountOutcome::Row(index) => {
                    let values = &answer.values[answer.items[index].values.clone()];
                    self.rows.push(&account.name, values, |column, value| {
                        settled.rejected.push(rejected_value(&account, column, value));
                    });
                    settled.ordinals.push(account.ordinal);
                }
                AccountOutcome::Code(index) => settled.code(account, &answer.items[index], now),
                AccountOutcome::NotFound => {
                    settled.failed.push(not_found_by_marker(account, now));
                }
                AccountOutcome::Unanswered if reconciled.markers_disagree => {
                    settled.bisect.push(account);
                }
                AccountOutcome::Unanswered => {
                    settled.again.push((account, no_answer()));
                }
            }
        }
        let Outcomes { ordinals, rejected, failed, again, bisect } = settled;
        let rows = self.rows.finish().map_err(NotSettled::Bug)?;
        Ok(Settled { rows, ordinals, rejected, failed, again, bisect, was_not_utf8 })
    }
}

#[derive(Debug, Default)]
struct Outcomes {
    ordinals: Vec<u64>,
    rejected: Vec<RejectedValue>,
    failed: Vec<FailedAccount>,
    again: Vec<(Account, Reason)>,
    bisect: Vec<Account>,
}

impl Outcomes {
    /// An account that came back with a code of its own.
    fn code(&mut self, account: Account, item: &Item<'_>, now: Timestamp) {
        let rule = rule_of(item.result_code);
        let mut reason = Reason {
            category: Category::InternalError,
            code: Some(item.result_code),
            info: short(&item.result_info),
        };
        match rule.class_after(account.times_in_a_row(item.result_code) + 1) {
            Class::Retry | Class::Throttle => self.again.push((account, reason)),
            Class::BadBatch | Class::Permanent | Class::Fatal => {
                // After tries of its own a passing code is still the service's failure.
                if rule.class != Class::Retry {
                    reason.category = refusal_category(rule.is_not_found());
                }
                self.failed.push(failed_account(account, reason, now));
            }
        }
    }
}

/// The category of an account the service refuses for good.
pub fn refusal_category(is_not_found: bool) -> Category {
    if is_not_found { Category::NotFound } else { Category::Rejected }
}

/// An account without a row; the call that has just ended is counted.
pub fn failed_account(account: Account, reason: Reason, now: Timestamp) -> FailedAccount {
    FailedAccount {
        ordinal: account.ordinal,
        account: account.name.to_string(),
        category: reason.category,
        error_code: reason.code,
        error_info: reason.info,
        attempts: account.attempts + 1,
        last_attempt_at: now,
        input_line: account.line,
    }
}

fn no_answer() -> Reason {
    let info = "the answer did not mention the account".to_owned();
    Reason { category: Category::NoAnswer, code: None, info }
}

fn not_found_by_marker(account: Account, now: Timestamp) -> FailedAccount {
    /// The code the service gives marker items, and would give the account.
    const ACCOUNT_DOES_NOT_EXIST: i64 = 40003;
    let reason = Reason {
        category: Category::NotFound,
        code: Some(ACCOUNT_DOES_NOT_EXIST),
        info: rule_of(ACCOUNT_DOES_NOT_EXIST).meaning.to_owned(),
    };
    failed_account(account, reason, now)
}

fn rejected_value(account: &Account, column: &Column, value: &str) -> RejectedValue {
    RejectedValue {
        ordinal: account.ordinal,
        account: account.name.to_string(),
        tag: column.tag.clone(),
        expected_type: column.column_type.name(),
        value: value.to_owned(),
    }
}

/// A code of one account that can only mean the whole run: a tag or a right is missing for every account alike.
fn fatal_item(items: &[Item<'_>], outcomes: &[AccountOutcome]) -> Option<CallFailure> {
    outcomes.iter().find_map(|outcome| match outcome {
        AccountOutcome::Code(index) => {
            let item = &items[*index];
            let rule = rule_of(item.result_code);
            (rule.class == Class::Fatal)
                .then(|| CallFailure::Refused { rule, info: short(&item.result_info) })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::accounts::AccountName;
    use crate::columns::ColumnType;

    fn settler() -> Settler {
        Settler::new(&[Column {
            tag: "Tag_Profile_IM_Level".to_owned(),
            name: "level".to_owned(),
            column_type: ColumnType::Uint32,
        }])
    }

    fn chunk(names: &[&str]) -> Chunk {
        let account = |(ordinal, name): (usize, &&str)| {
            Account::new(AccountName::from(name).unwrap(), ordinal as u64, ordinal as u64 + 2)
        };
        Chunk { accounts: names.iter().enumerate().map(account).collect(), is_first: true }
    }

    fn settle(names: &[&str], body: &str) -> Settled {
        settler().settle(chunk(names), body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn each_kind_of_outcome_goes_its_way() {
        let settled = settle(
            &["row", "unfit", "passing", "refused", "gone", "echoed"],
            r#"{"ErrorCode":0,"UserProfileItem":[
                {"To_Account":"unfit","ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":"x"}]},
                {"To_Account":"row","ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":7}]},
                {"To_Account":"passing","ResultCode":40006,"ResultInfo":"later"},
                {"To_Account":"refused","ResultCode":40601},
                {"To_Account":"echoed","ResultCode":40003},
                {"To_Account":"@TLS#NOT_FOUND","ResultCode":40003}]}"#,
        );
        assert_eq!(settled.ordinals, [0, 1]);
        assert_eq!(settled.rows.num_rows(), 2);
        assert_eq!(settled.rejected[0].value, "x");
        assert_eq!(&settled.again[0].0.name, "passing");
        assert_eq!(settled.again[0].1.code, Some(40006));
        let failed: Vec<(&str, Category)> = settled
            .failed
            .iter()
            .map(|failed| (failed.account.as_str(), failed.category))
            .collect();
        assert_eq!(
            failed,
            [
                ("refused", Category::Rejected),
                ("gone", Category::NotFound),
                ("echoed", Category::NotFound)
            ]
        );
        assert!(settled.failed.iter().all(|failed| failed.attempts == 1));
    }

    #[test]
    fn unanswered_accounts_are_asked_again_and_bisected_where_markers_disagree() {
        let silent =
            settle(&["a", "b"], r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a"}]}"#);
        assert_eq!(silent.again[0].1.category, Category::NoAnswer);
        let disagreeing =
            settle(&["a", "b"], r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":""}]}"#);
        assert_eq!(disagreeing.bisect.len(), 2);
        assert!(disagreeing.again.is_empty());
    }

    #[test]
    fn a_missing_tag_stops_the_run_even_as_an_accounts_code() {
        let body = r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a","ResultCode":40009}]}"#;
        let refused = settler().settle(chunk(&["a"]), body.as_bytes(), Timestamp::UNIX_EPOCH);
        assert!(
            matches!(refused, Err(NotSettled::Failed(call)) if call.failure.class_after(1) == Class::Fatal)
        );
    }

    #[test]
    fn an_unlisted_code_of_an_account_is_passing_for_three_tries() {
        let body = r#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a","ResultCode":40999}]}"#;
        let mut asked_twice = chunk(&["a"]);
        asked_twice.accounts[0].count_attempt(Some(40999));
        asked_twice.accounts[0].count_attempt(Some(40999));
        let settled =
            settler().settle(asked_twice, body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(settled.failed[0].category, Category::InternalError);
        assert_eq!(settled.failed[0].attempts, 3);
        assert_eq!(settle(&["a"], body).again.len(), 1);
        let mut asked_for_other_reasons = chunk(&["a"]);
        for code in [Some(40999), None, Some(40006), Some(40999)] {
            asked_for_other_reasons.accounts[0].count_attempt(code);
        }
        let settled = settler()
            .settle(asked_for_other_reasons, body.as_bytes(), Timestamp::UNIX_EPOCH)
            .unwrap();
        assert_eq!(settled.again.len(), 1);
    }

    #[test]
    fn a_body_that_is_not_utf8_is_read_with_replacements() {
        let mut body =
            br#"{"ErrorCode":0,"UserProfileItem":[{"To_Account":"a","X":"?"}]}"#.to_vec();
        let at = body.iter().position(|byte| *byte == b'?').unwrap();
        body[at] = 0xFF;
        let settled = settler().settle(chunk(&["a"]), &body, Timestamp::UNIX_EPOCH).unwrap();
        assert!(settled.was_not_utf8);
        assert_eq!(settled.ordinals, [0]);
    }

    proptest! {
        /// Promise 1, at its root: each account of the chunk goes exactly one way, whatever comes.
        #[test]
        fn every_account_goes_exactly_one_way(
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
            match settler().settle(chunk(&["a", "b", "c", "d"]), &body, Timestamp::UNIX_EPOCH) {
                Err(NotSettled::Failed(call)) => prop_assert_eq!(call.chunk.accounts.len(), 4),
                Err(NotSettled::Bug(error)) => prop_assert!(false, "{}", error),
                Ok(settled) => {
                    let mut ordinals = settled.ordinals.clone();
                    prop_assert_eq!(settled.rows.num_rows(), ordinals.len());
                    ordinals.extend(settled.failed.iter().map(|failed| failed.ordinal));
                    ordinals.extend(settled.again.iter().map(|(account, _)| account.ordinal));
                    ordinals.extend(settled.bisect.iter().map(|account| account.ordinal));
                    ordinals.sort_unstable();
                    prop_assert_eq!(ordinals, vec![0, 1, 2, 3]);
                }
            }
        }
    }
}
