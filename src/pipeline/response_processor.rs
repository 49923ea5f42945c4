//! What a call's answer settles: rows, accounts without one, and accounts to ask again (pure).

use std::borrow::Cow;
use std::fmt;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use jiff::Timestamp;

use super::chunk::{Account, Chunk};
use crate::api::error_codes::{Class, ErrorCodeRule};
use crate::api::outcome::{CallFailure, call_failure, sanitize_and_truncate, undecodable};
use crate::api::reconcile::{AccountOutcome, Doubt, reconcile};
use crate::api::response::{Code, ProfileItem, RequestedTags, Response, TagValue, decode};
use crate::snapshot::sidecars::{Category, FailedAccount, RejectedValue};
use crate::table::{Column, RowBuilder};

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
        write!(formatter, "code {code}, {}", ErrorCodeRule::for_code(code).meaning)?;
        match self.info.as_str() {
            "" => Ok(()),
            info => write!(formatter, " (the service says: {info})"),
        }
    }
}

/// What an answer has settled.
#[derive(Debug)]
pub struct ProcessedResponse {
    /// Rows, in ordinal order.
    pub rows: RecordBatch,
    /// The ordinal of each row.
    pub ordinals: Vec<u64>,
    /// Values that did not fit their column.
    pub rejected: Vec<RejectedValue>,
    /// Accounts that will have no row.
    pub failed: Vec<FailedAccount>,
    /// Accounts to retry after a backoff.
    pub to_retry: Vec<(Account, Reason)>,
    /// Accounts to request in smaller chunks.
    pub to_split: Vec<Account>,
    /// Whether the body was not UTF-8 and was read with replacement characters.
    pub was_not_utf8: bool,
}

/// Turns answers into what they settle.
#[derive(Debug)]
pub struct ResponseProcessor {
    tags: RequestedTags,
    columns: Vec<Column>,
    rows: RowBuilder,
    max_attempts: u32,
    /// Whether any account had a row so far.
    has_seen_row: bool,
}

/// A chunk whose call failed as a whole, and how.
#[derive(Debug)]
pub struct FailedCall {
    /// The chunk.
    pub chunk: Chunk,
    /// The failure.
    pub failure: CallFailure,
    /// Whether a failure that would stop the run has to be confirmed first: it may come from something on the way to the
    /// service, such as a gateway, or be that of single accounts.
    pub needs_confirmation: bool,
}

/// The chunk was not answered.
#[derive(Debug)]
pub enum ChunkError {
    /// The call failed as a whole.
    Failed(Box<FailedCall>),
    /// A bug: the rows could not be put together.
    Bug(ArrowError),
}

impl ChunkError {
    /// The call for `chunk` failed as a whole.
    pub fn failed(chunk: Chunk, failure: CallFailure) -> ChunkError {
        let needs_confirmation = matches!(failure, CallFailure::Transport(_));
        ChunkError::Failed(Box::new(FailedCall { chunk, failure, needs_confirmation }))
    }
}

impl ResponseProcessor {
    /// A settler for a job's columns. An account is retried for what an answer leaves in doubt until it has had
    /// `max_attempts`. `has_seen_row`: whether an earlier process or round had a row for any account.
    pub fn new(columns: &[Column], max_attempts: u32, has_seen_row: bool) -> ResponseProcessor {
        let tags = RequestedTags::new(columns.iter().map(|column| column.tag.as_str()));
        let rows = RowBuilder::new(columns);
        ResponseProcessor { tags, columns: columns.to_vec(), rows, max_attempts, has_seen_row }
    }

    /// No rows, as of a call that failed.
    pub fn no_rows(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }

    /// Reads the body of the answer to `chunk`, which came at `now`.
    pub fn process(
        &mut self,
        chunk: Chunk,
        body: &[u8],
        now: Timestamp,
    ) -> Result<ProcessedResponse, ChunkError> {
        let text = match simdutf8::basic::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(body),
        };
        let was_not_utf8 = matches!(text, Cow::Owned(_));
        let Ok(answer) = decode(&text, &self.tags) else {
            return Err(ChunkError::failed(chunk, undecodable(&text)));
        };
        if let Some(failure) = call_failure(&answer) {
            return Err(ChunkError::failed(chunk, failure));
        }
        let outcomes = reconcile(&chunk.accounts, &answer);
        self.has_seen_row |=
            outcomes.iter().any(|outcome| matches!(outcome, AccountOutcome::Row(_)));
        if !self.has_seen_row
            && let Some(failure) = fatal_item(&answer, &outcomes)
        {
            let needs_confirmation = true;
            let call = FailedCall { chunk, failure, needs_confirmation };
            return Err(ChunkError::Failed(Box::new(call)));
        }
        let mut settled = Outcomes::default();
        for (account, outcome) in chunk.accounts.into_iter().zip(outcomes) {
            match outcome {
                AccountOutcome::Row(index) => {
                    self.add_row(account, index, &answer, was_not_utf8, &mut settled);
                }
                AccountOutcome::Code(index) => settled.code(account, &answer, index, now),
                AccountOutcome::Doubtful(doubt) => {
                    let reason = reason_of_doubt(doubt, &account, &answer);
                    settled.to_retry.push((account, reason));
                }
                AccountOutcome::Ambiguous => settled.to_split.push(account),
                AccountOutcome::Unanswered => settled.to_retry.push((account, no_answer())),
            }
        }
        let Outcomes { ordinals, rejected, failed, to_retry, to_split } = settled;
        let rows = self.rows.finish().map_err(ChunkError::Bug)?;
        Ok(ProcessedResponse { rows, ordinals, rejected, failed, to_retry, to_split, was_not_utf8 })
    }

    /// Adds the row of an account, or lets the account be requested again while its values are in doubt and it has
    /// attempts left.
    fn add_row(
        &mut self,
        account: Account,
        item_index: usize,
        answer: &Response<'_>,
        was_not_utf8: bool,
        settled: &mut Outcomes,
    ) {
        let item = &answer.items[item_index];
        let values = &answer.values[item.values.clone()];
        let conflicts: Vec<TagValue<'_>> = answer
            .conflicting_values
            .iter()
            .filter(|conflict| conflict.item_index == item_index)
            .map(|conflict| conflict.value)
            .collect();
        let damaged: Vec<TagValue<'_>> = if was_not_utf8 {
            values.iter().copied().filter(has_replacement_character).collect()
        } else {
            Vec::new()
        };
        let is_last_attempt = account.attempts + 1 >= self.max_attempts;
        if !is_last_attempt && let Some(info) = values_in_doubt(&conflicts, &damaged) {
            let reason = Reason { category: Category::InternalError, code: None, info };
            settled.to_retry.push((account, reason));
            return;
        }
        let reject = |tag: &str, expected_type: &'static str, value: &str| RejectedValue {
            ordinal: account.ordinal,
            account: account.name.to_string(),
            tag: tag.to_owned(),
            expected_type,
            value: value.to_owned(),
        };
        if let ProfileItem::Unreadable(written) = item.profile {
            settled.rejected.push(reject("ProfileItem", "array", written));
        }
        let tag_of = |value: &TagValue<'_>| self.columns[value.tag_index].tag.as_str();
        for value in &conflicts {
            settled.rejected.push(reject(tag_of(value), "one value", value.value.as_written()));
        }
        for value in &damaged {
            settled.rejected.push(reject(tag_of(value), "UTF-8", value.value.as_written()));
        }
        let rejected = &mut settled.rejected;
        self.rows.push(&account.name, values, |column, value| {
            rejected.push(reject(&column.tag, column.column_type.name(), value));
        });
        settled.ordinals.push(account.ordinal);
    }
}

/// Whether a value holds what bytes that are not UTF-8 are replaced with.
fn has_replacement_character(value: &TagValue<'_>) -> bool {
    value.value.as_written().contains(char::REPLACEMENT_CHARACTER)
}

fn values_in_doubt(conflicts: &[TagValue<'_>], damaged: &[TagValue<'_>]) -> Option<String> {
    if !conflicts.is_empty() {
        return Some("the response gives several values of one tag".to_owned());
    }
    (!damaged.is_empty()).then(|| "the response is not valid UTF-8".to_owned())
}

#[derive(Debug, Default)]
struct Outcomes {
    ordinals: Vec<u64>,
    rejected: Vec<RejectedValue>,
    failed: Vec<FailedAccount>,
    to_retry: Vec<(Account, Reason)>,
    to_split: Vec<Account>,
}

impl Outcomes {
    /// An account that came back with a code of its own.
    fn code(&mut self, account: Account, answer: &Response<'_>, item_index: usize, now: Timestamp) {
        let item = &answer.items[item_index];
        let Code::Number(code) = item.result_code else { return };
        let rule = ErrorCodeRule::for_code(code);
        let info = sanitize_and_truncate(&item.result_info);
        let mut reason = Reason { category: Category::InternalError, code: Some(code), info };
        match rule.class_after(account.times_in_a_row(code) + 1) {
            Class::Retry | Class::Throttle => self.to_retry.push((account, reason)),
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
    let error_info = match reason.code {
        Some(code) if reason.info.is_empty() => ErrorCodeRule::for_code(code).meaning.to_owned(),
        _ => reason.info,
    };
    FailedAccount {
        ordinal: account.ordinal,
        account: account.name.to_string(),
        category: reason.category,
        error_code: reason.code,
        error_info,
        attempts: account.attempts + 1,
        last_attempt_at: now,
        input_line: account.line,
    }
}

fn no_answer() -> Reason {
    let info = "the answer did not mention the account".to_owned();
    Reason { category: Category::NoAnswer, code: None, info }
}

/// Why the account is requested again, with what the service said of it.
fn reason_of_doubt(doubt: Doubt, account: &Account, answer: &Response<'_>) -> Reason {
    let mut info = doubt.to_string();
    if let Some(item) = answer.items.iter().find(|item| *item.account == *account.name) {
        if let Code::Unreadable(written) = item.result_code {
            info = format!("{info} (ResultCode {written})");
        }
        if !item.result_info.is_empty() {
            info = format!("{info} (ResultInfo {})", item.result_info);
        }
    }
    Reason { category: Category::InternalError, code: None, info: sanitize_and_truncate(&info) }
}

/// A code of one account that can only mean the whole run, where no account has a row: a tag or a right is missing for
/// every account alike.
fn fatal_item(answer: &Response<'_>, outcomes: &[AccountOutcome]) -> Option<CallFailure> {
    outcomes.iter().find_map(|outcome| {
        let AccountOutcome::Code(index) = outcome else { return None };
        let item = &answer.items[*index];
        let Code::Number(code) = item.result_code else { return None };
        let rule = ErrorCodeRule::for_code(code);
        (rule.class == Class::Fatal)
            .then(|| CallFailure::Refused { rule, info: sanitize_and_truncate(&item.result_info) })
    })
}

#[cfg(test)]
mod tests;
